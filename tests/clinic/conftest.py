"""What the tests of the records share: databases, a calendar server, a mail server, and a few appointments' worth of people."""

import contextlib
import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPBasicAuthHandler, HTTPPasswordMgrWithDefaultRealm, Request, build_opener

import pytest
from aiosmtpd.controller import Controller

from clinic import ready
from tests.databases import ClinicFile, _postgres_tables, any_records, clinic_file, postgres_records, sqlite_records, sqlite_template  # noqa: F401
from tests.servers import free_port

ready.prepare()

UTC = dt.timezone.utc
NOW = dt.datetime(2026, 3, 26, 9, 0, tzinfo=UTC)  # a Thursday, three days before the clocks go forward
PERSON = {"name": "Siobhán O'Brien-Núñez", "phone": "07400 123456", "email": "siobhan@person.example", "contact_by": "phone", "area": "tummy"}


def at(text: str) -> dt.datetime:
    """ "2026-03-27 10:00" in UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


class MailServer:
    """A real SMTP server. `answers` is used up one by one before it accepts: "451 …" or "550 …" to the recipient."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.answers: list[str] = []
        self.port = free_port()
        self.controller: Any = None

    def start(self) -> None:
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    def stop(self) -> None:
        if self.controller is not None:
            self.controller.stop()
            self.controller = None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content))
        return "250 accepted"

    def to(self, address: str) -> list[Message]:
        return [m for m in self.mails if address in str(m["To"])]


@pytest.fixture
def mail_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    from django.conf import settings

    server = MailServer()
    monkeypatch.setattr(settings, "SMTP_HOST", "127.0.0.1", raising=False)
    monkeypatch.setattr(settings, "SMTP_PORT", server.port, raising=False)
    monkeypatch.setattr(settings, "SMTP_SECURITY", "none", raising=False)
    server.start()
    yield server
    server.stop()


class Radicale:
    """A real CalDAV server in a process of its own, with one login."""

    user, password = "clinic", "a long pass phrase"

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "users").write_text(f"{self.user}:{self.password}\n", encoding="utf-8")
        (folder / "config").write_text(
            f"[server]\nhosts = 127.0.0.1:{self.port}\nmax_connections = 200\n[auth]\ntype = htpasswd\nhtpasswd_filename = {folder / 'users'}\n"
            f"htpasswd_encryption = plain\ndelay = 0\n[rights]\ntype = owner_only\n"
            f"[storage]\nfilesystem_folder = {folder / 'data'}\n[logging]\nlevel = error\n",
            encoding="utf-8",
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.user}"

    def start(self) -> None:
        if self.process is None:
            self.process = subprocess.Popen([sys.executable, "-m", "radicale", "--config", str(self.folder / "config")], stderr=subprocess.DEVNULL)
            for _ in range(300):
                with contextlib.suppress(OSError):
                    self.call("GET", f"http://127.0.0.1:{self.port}/.web/")
                    return
                time.sleep(0.05)
            raise RuntimeError("Radicale did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def call(self, method: str, url: str, body: str = "", **headers: str) -> tuple[int, str]:
        """Status and body of a request by somebody else than Stria."""
        passwords = HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, f"http://127.0.0.1:{self.port}/", self.user, self.password)
        request = Request(url, body.encode() or None, {k.replace("_", "-"): v for k, v in headers.items()}, method=method)
        try:
            with build_opener(HTTPBasicAuthHandler(passwords)).open(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def calendar(self, name: str) -> str:
        """The address of a new, empty calendar."""
        url = f"{self.url}/{name}/"
        self.call("DELETE", url)
        status, _ = self.call("MKCALENDAR", url)
        assert status == 201
        return url

    def entries(self, calendar: str) -> dict[str, str]:
        """File name → iCalendar text of everything in a calendar."""
        place = self.folder / "data" / "collection-root" / calendar.removeprefix(f"http://127.0.0.1:{self.port}/").strip("/")
        return {path.name: path.read_bytes().decode() for path in place.glob("*.ics")}


@pytest.fixture(scope="session")
def _radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radicale]:
    server = Radicale(tmp_path_factory.mktemp("radicale"))
    yield server
    server.stop()


@pytest.fixture
def radicale(_radicale: Radicale, clinic_file: ClinicFile, monkeypatch: pytest.MonkeyPatch) -> Iterator[Radicale]:  # noqa: F811
    """The clinic's calendars are on a CalDAV server, empty."""
    from clinic.booking import caldav

    monkeypatch.setenv("STRIA_CALDAV_USER", Radicale.user)
    monkeypatch.setenv("STRIA_CALDAV_PASSWORD", Radicale.password)
    _radicale.start()
    caldav.forget_troubles()
    for number, person in enumerate(clinic_file.content["practitioners"]):
        person["calendar"] = _radicale.calendar(f"p{number}")
    clinic_file.write(mode="caldav")
    yield _radicale
    _radicale.start()
    caldav.forget_troubles()


def environment(address: str, **others: str) -> dict[str, str]:
    """For a process of its own with these records."""
    return {**os.environ, "STRIA_CLINIC_DB": address, "PYTHONPATH": str(Path(__file__).parents[2]), **others}
