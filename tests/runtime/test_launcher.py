"""The table of processes follows the settings; with a model, everything starts, answers, comes back after kill -9 and stops in order."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime import launcher
from runtime.settings import ROOT
from runtime.supervisor import answers, ranks
from tests.servers import Redis, children, free_port

SETTINGS = ("STRIA_ACTIONS_URL", "STRIA_ACTIONS_SECRET", "STRIA_REDIS_URL", "STRIA_RASA_PROCESSES", "STRIA_RASA_PORT")


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_by_default_one_rasa_process_runs_alone(setting: pytest.MonkeyPatch) -> None:
    (rasa,) = launcher.table(Path("m.tar.gz"), records=False)
    assert rasa.name == "rasa" and "--rest" not in rasa.command and rasa.environment["STRIA_RASA_PORT"] == "5005"


def test_the_rest_channel_is_opened_only_when_asked_for(setting: pytest.MonkeyPatch) -> None:
    assert "--rest" in launcher.table(Path("m.tar.gz"), rest=True, records=False)[0].command


def test_an_action_server_on_this_machine_is_started_first(setting: pytest.MonkeyPatch) -> None:
    setting.setenv("STRIA_ACTIONS_URL", "http://127.0.0.1:5077/webhook")
    found = launcher.table(Path("m.tar.gz"), records=False)
    assert [process.name for process in found] == ["actions", "rasa"]
    assert found[0].environment["STRIA_ACTIONS_PORT"] == "5077" and found[1].after == ("actions",)


def test_an_action_server_elsewhere_is_not_ours_to_start(setting: pytest.MonkeyPatch) -> None:
    setting.setenv("STRIA_ACTIONS_URL", "http://actions.internal:5055/webhook")
    assert [process.name for process in launcher.table(Path("m.tar.gz"), records=False)] == ["rasa"]


def test_several_rasa_processes_share_the_cores_and_have_ports_of_their_own(setting: pytest.MonkeyPatch) -> None:
    setting.setenv("STRIA_REDIS_URL", "redis://127.0.0.1:6379/0")
    setting.setenv("STRIA_RASA_PROCESSES", "3")
    setting.setattr(launcher, "cores", lambda: 8)
    found = launcher.table(Path("m.tar.gz"), records=False)
    assert [process.environment["STRIA_RASA_PORT"] for process in found] == ["5005", "5006", "5007"]
    assert {process.environment["OMP_NUM_THREADS"] for process in found} == {"2"}


def test_several_processes_without_shared_locks_are_refused(setting: pytest.MonkeyPatch) -> None:
    setting.setenv("STRIA_RASA_PROCESSES", "2")
    with pytest.raises(ValueError, match="needs STRIA_REDIS_URL"):
        launcher.table(Path("m.tar.gz"), records=False)


def test_the_records_are_prepared_before_the_site_and_the_outbox(setting: pytest.MonkeyPatch) -> None:
    found = {process.name: process for process in launcher.table(Path("m.tar.gz"), records=True)}
    assert found["records"].once and {found[name].after for name in ("login", "web", "outbox", "review")} == {("records",)}
    assert ranks(list(found.values()))


def test_the_page_is_the_first_thing_to_open(setting: pytest.MonkeyPatch) -> None:
    setting.setenv("STRIA_CLINIC_PORT", "8123")
    said = launcher.announcement(launcher.table(Path("m.tar.gz"), records=True), rest=True)
    assert re.findall(r"http://\S+", said)[:2] == ["http://127.0.0.1:8123/", "http://127.0.0.1:8123/staff/"]
    assert "the chat" not in launcher.announcement(launcher.table(Path("m.tar.gz"), records=False), rest=False)


def test_a_thread_each_at_least() -> None:
    assert launcher.threads(2, 4)["OMP_NUM_THREADS"] == "1" and launcher.threads(8, 2)["OMP_NUM_THREADS"] == "4"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("STRIA_RASA_PORT", "http", "is not a port number"),
        ("STRIA_RASA_PROCESSES", "1.5", "not a whole number"),
        ("STRIA_RASA_PROCESSES", "2", "needs STRIA_REDIS_URL"),
    ],
)
def test_a_setting_that_cannot_work_is_explained(setting: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, sentence: str) -> None:
    setting.setenv(name, value)
    model = tmp_path / "m.tar.gz"
    model.touch()
    with pytest.raises(SystemExit, match=sentence):
        launcher.main(["--model", str(model)])


def test_a_missing_model_is_explained(setting: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="make train"):
        launcher.main(["--model", str(tmp_path / "none.tar.gz")])


class Launched:
    """The whole house as `make run` starts it."""

    def __init__(self, folder: Path, **settings: str):
        self.log, self.port = folder / "log", int(settings["STRIA_RASA_PORT"])
        environment = {
            **os.environ,
            "STRIA_CONVERSATIONS_DB": str(folder / "conversations.sqlite3"),
            "STRIA_CLINIC_DB": str(folder / "clinic.sqlite3"),
            "STRIA_CLINIC_PORT": str(free_port()),
            **settings,
        }
        from nlu.train import current_model

        command = [sys.executable, "-m", "runtime.launcher", "--model", str(current_model()), "--rest"]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def wait_for(self, text: str, within: float = 90) -> None:
        deadline = time.monotonic() + within
        while text not in self.log.read_text():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.1)

    def ask(self, text: str, sender: str = "anna", port: int = 0) -> list[dict[str, Any]]:
        body = json.dumps({"sender": sender, "message": text}).encode()
        address = f"http://127.0.0.1:{port or self.port}/webhooks/rest/webhook"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            replies: list[dict[str, Any]] = json.loads(answer.read())
        return replies

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def house(redis_server: Redis, tmp_path: Path) -> Iterator[Launched]:
    settings = {"STRIA_REDIS_URL": redis_server.url, "STRIA_ACTIONS_URL": f"http://127.0.0.1:{free_port()}/webhook"}
    launched = Launched(tmp_path, STRIA_RASA_PORT=str(free_port()), **settings)
    yield launched
    if launched.process.poll() is None:
        launched.stop()


@pytest.mark.model
def test_everything_starts_answers_comes_back_and_stops(house: Launched) -> None:
    house.wait_for("Stria is ready.")
    assert house.ask("does it hurt")[0]["text"]
    assert "First login for http://127.0.0.1:" in house.log.read_text() and "/staff/: manager, password " in house.log.read_text()
    victim = next(pid for pid in children(house.process.pid) if b"runtime.server" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(victim, signal.SIGKILL)
    house.wait_for("ended with signal SIGKILL")
    deadline = time.monotonic() + 60
    while not asyncio.run(answers(f"http://127.0.0.1:{house.port}/readyz")):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert house.ask("and what does it cost")[0]["text"]
    left = children(house.process.pid)
    assert house.stop() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in left)
    assert "does it hurt" not in house.log.read_text() and "what does it cost" not in house.log.read_text()
