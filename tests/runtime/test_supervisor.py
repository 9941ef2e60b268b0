"""The processes of a machine start in order, come back when they end, and stop so that nothing is cut off."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from runtime import supervisor
from runtime.supervisor import Process, Supervisor, answers, pause, ranks
from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
Until = Callable[[Callable[[], bool]], Any]


def server(name: str, port: int, **more: Any) -> Process:
    return Process(name, (sys.executable, "-m", "tests.runtime.toy", "serve", str(port)), ready=f"http://127.0.0.1:{port}/", **more)


def preparation(name: str, file: Path, times: int, **more: Any) -> Process:
    return Process(name, (sys.executable, "-m", "tests.runtime.toy", "count", str(file), str(times)), once=True, **more)


async def until(true: Callable[[], bool], within: float = 20) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


class House:
    """A supervisor under test and what it has printed."""

    def __init__(self, *processes: Process):
        self.lines: list[str] = []
        self.supervisor = Supervisor(processes, str(ROOT), "all ready", self.lines.append)
        self.task = asyncio.ensure_future(self.supervisor.run())

    def place(self, text: str) -> int:
        """Where the first line with this text stands; far away when there is none."""
        return next((number for number, line in enumerate(self.lines) if text in line), 10**9)

    def has(self, text: str) -> bool:
        return self.place(text) < 10**9

    def pid(self, name: str) -> int:
        child = self.supervisor.children.get(name)
        return child.pid if child else 0

    async def stop(self) -> int:
        self.supervisor._told_to_stop()
        return await asyncio.wait_for(self.task, 30)


@asynccontextmanager
async def living(*processes: Process) -> AsyncIterator[House]:
    house = House(*processes)
    await asyncio.sleep(0)
    try:
        yield house
    finally:
        if not house.task.done():
            await house.stop()


async def test_each_process_starts_when_those_it_needs_are_ready(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    first, second = server("first", ports[0], after=("files",)), server("second", ports[1], after=("first",))
    async with living(preparation("files", tmp_path / "files", 1), first, second) as house:
        await until(lambda: house.has("all ready"))
        assert house.place("first  | starting") < house.place("first  | serving") < house.place("second | starting") < house.place("all ready")
        assert (tmp_path / "files").exists()


async def test_a_preparation_that_fails_is_tried_again(tmp_path: Path) -> None:
    async with living(preparation("files", tmp_path / "files", 3), server("first", free_port(), after=("files",))) as house:
        await until(lambda: house.has("all ready"))
        assert (tmp_path / "files").read_text() == "xxx"
        assert house.has("files | ended with code 3; it is started again in 0.4 s.")


async def test_a_killed_process_is_back_in_seconds_again_and_again() -> None:
    port = free_port()
    async with living(server("first", port)) as house:
        await until(lambda: house.has("all ready"))
        for _ in range(3):
            before = house.pid("first")
            os.kill(before, signal.SIGKILL)
            killed = time.monotonic()
            await until(lambda gone=before: house.pid("first") not in (0, gone))  # type: ignore[misc]
            while not await answers(f"http://127.0.0.1:{port}/", 0.5):
                await asyncio.sleep(0.02)
            assert time.monotonic() - killed < 4
        assert house.has("ended with signal SIGKILL; it is started again in 0.2 s.")


async def test_a_process_that_hangs_is_killed_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "WATCH_EVERY", 0.1)
    monkeypatch.setattr(supervisor, "HUNG_AFTER", 0.5)
    monkeypatch.setattr(supervisor, "PROBE_WITHIN", 0.2)
    monkeypatch.setattr(answers, "__defaults__", (0.2,))
    async with living(server("first", free_port())) as house:
        await until(lambda: house.has("all ready"))
        before = house.pid("first")
        os.kill(before, signal.SIGSTOP)
        await until(lambda: house.pid("first") not in (0, before))
        assert house.has("first | has not answered")


async def test_a_stop_lets_work_finish_and_ends_the_last_first() -> None:
    async with living(server("first", free_port()), server("second", free_port(), after=("first",))) as house:
        await until(lambda: house.has("all ready"))
        assert await house.stop() == 0
        assert house.place("second | finished its work") < house.place("first  | finished its work") < 10**9
        assert house.supervisor.children == {}


async def test_who_does_not_stop_in_time_is_killed() -> None:
    async with living(server("first", free_port(), stop_within=0.1)) as house:
        await until(lambda: house.has("all ready"))
        assert await house.stop() == 0
        assert house.has("did not stop within") and not house.has("finished its work")


async def test_a_second_signal_kills_at_once() -> None:
    async with living(server("first", free_port())) as house:
        await until(lambda: house.has("all ready"))
        house.supervisor._told_to_stop()
        await asyncio.sleep(0.1)
        started = time.monotonic()
        assert await house.stop() == 0
        assert time.monotonic() - started < 0.4 and not house.has("finished its work")


async def test_a_process_that_can_never_start_ends_everything_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.01)
    broken = Process("broken", (sys.executable, "-c", "print('the reason'); raise SystemExit(2)"), ready="http://127.0.0.1:1/")
    async with living(server("first", free_port()), broken) as house:
        assert await asyncio.wait_for(house.task, 20) == 1
        assert house.has("broken | the reason") and house.has("could not be started in 5 tries") and not house.has("all ready")


async def test_a_program_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.01)
    async with living(Process("absent", ("no-such-program",))) as house:
        assert await asyncio.wait_for(house.task, 20) == 1
        assert house.has("absent | no-such-program: No such file or directory")


async def test_a_very_long_line_does_not_stop_the_output() -> None:
    code = "print('x' * 200000); print('after'); import time; time.sleep(60)"
    async with living(Process("loud", (sys.executable, "-c", code))) as house:
        await until(lambda: house.has("loud | after"))


@pytest.fixture
def house() -> Any:
    """A supervisor as a process of its own, ready, and the port of its server."""
    port = free_port()
    child = subprocess.Popen([sys.executable, "-m", "tests.runtime.toy", "house", str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    while "all ready" not in child.stdout.readline():
        assert child.poll() is None
    yield child, port
    child.kill()
    child.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(house: Any, number: signal.Signals) -> None:
    child, _ = house
    child.send_signal(number)
    rest, _ = child.communicate(timeout=20)
    assert child.returncode == 0 and "server | finished its work" in rest


async def test_nothing_is_left_when_the_supervisor_is_killed(house: Any) -> None:
    child, port = house
    child.kill()
    deadline = time.monotonic() + 10
    while await answers(f"http://127.0.0.1:{port}/", 0.5):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def test_the_table_must_be_in_order() -> None:
    a, b = Process("a", ("x",)), Process("b", ("x",), after=("a",))
    assert ranks([a, b, Process("c", ("x",), after=("a", "b"))]) == {"a": 0, "b": 1, "c": 2}
    for wrong in ([b, a], [a, a], [Process("d", ("x",), after=("d",))]):
        with pytest.raises(ValueError, match="must have a name"):
            ranks(wrong)


def test_pauses_grow_to_a_limit() -> None:
    assert [pause(n) for n in (0, 1, 3)] == [0.2, 0.4, 1.6] and pause(50) == 15.0
