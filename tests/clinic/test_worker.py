"""The loop of the processes without a page: it waits for a database that is away, rests as long as it is told, and ends when it is told."""

import os
import signal
import threading
import time

import pytest
from django.db import OperationalError

from clinic import worker


class Odd(Exception):
    """What only this work raises."""


class Work:
    away = (Odd,)

    def __init__(self, *answers: "float | Exception", stopped: "threading.Event | None" = None) -> None:
        self.answers, self.asked, self.stopped = list(answers), 0, stopped

    def step(self) -> float:
        self.asked += 1
        answer = self.answers.pop(0)
        if not self.answers and self.stopped:
            self.stopped.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def once(self) -> str:
        return "two done"


@pytest.mark.usefixtures("sqlite_records")
def test_a_database_that_is_away_is_waited_for_and_the_work_goes_on() -> None:
    stopped = threading.Event()
    work = Work(OperationalError("away"), Odd(), 0.0, 0.0, stopped=stopped)
    started = time.monotonic()
    worker.run(work, stopped, away=0.05)
    assert work.asked == 4 and 0.1 <= time.monotonic() - started < 2


@pytest.mark.usefixtures("sqlite_records")
def test_what_is_no_database_trouble_is_no_silence() -> None:
    with pytest.raises(KeyError):
        worker.run(Work(KeyError("a fault of ours")), threading.Event())


@pytest.mark.usefixtures("sqlite_records")
def test_it_ends_when_it_is_told_in_the_middle_of_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    started = time.monotonic()
    try:
        worker.main([], "worker", "", lambda: Work(*[60.0] * 3))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert time.monotonic() - started < 5


@pytest.mark.usefixtures("sqlite_records")
def test_once_says_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    worker.main(["--once"], "worker", "", Work)
    assert capsys.readouterr().out == "two done\n"
