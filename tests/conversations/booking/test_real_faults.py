"""Bookings while real servers fail: the clinic's calendar server is stopped, its staff enter something meanwhile, its mail server refuses."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from actions import booking_form, records
from clinic.booking import caldav
from clinic.outbox import Waited, Worker
from tests.clinic.conftest import MailServer, Radicale, _radicale, mail_server, radicale  # noqa: F401
from tests.conversations.conftest import Talk
from tests.databases import ClinicFile, clinic_file, sqlite_records, sqlite_template  # noqa: F401

pytestmark = [pytest.mark.model, pytest.mark.usefixtures("sqlite_records")]
LONDON = ZoneInfo("Europe/London")
NOW = dt.datetime(2026, 3, 25, 11, tzinfo=LONDON)
PERSON = ["yes", "Ada", "07400 123456", "ada@example.com", "text", "hips"]


@pytest.fixture
def say(agent: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Says one message after the other in a conversation of its own; what was answered to the last."""
    talk = Talk(agent)
    monkeypatch.setattr(booking_form, "now", lambda: NOW)
    monkeypatch.setattr(records, "_now", lambda: NOW.astimezone(dt.timezone.utc))

    async def several(*texts: str) -> str:
        said = ""
        for text in texts:
            said = "\n".join(r["text"] for r in await talk.say(text) if r.get("text"))
            assert said, f"silence after {text!r}"
        return said

    return several


@pytest.fixture
def outbox() -> Callable[..., Any]:
    """A round of the outbox so many hours after a moment; calendars are put in order by the real clock, mails are due by the dialogue's."""

    def work(hours: float, moment: dt.datetime | None) -> Waited:
        try:
            return Worker().round((moment or dt.datetime.now(tz=dt.timezone.utc)) + dt.timedelta(hours=hours))
        finally:
            connections["default"].close()

    return lambda hours=0.0, moment=None: asyncio.to_thread(work, hours, moment)


def entries(server: Radicale, file: ClinicFile) -> list[str]:
    return [text for person in file.content["practitioners"] for text in server.entries(person["calendar"]).values()]


async def test_the_calendar_server_stops_before_the_yes(say: Any, outbox: Any, radicale: Radicale, clinic_file: ClinicFile) -> None:  # noqa: F811
    assert "I keep it for you" in await say("book thursday 2 april at 10:30")
    assert "Shall I book it" in await say(*PERSON)
    radicale.stop()
    said = await say("yes")
    assert "not booked yet" in said and "answers by" in said and "Booked:" not in said
    radicale.start()
    caldav.forget_troubles()
    await outbox(2)
    assert entries(radicale, clinic_file) == []
    again = await say("book thursday 2 april at 10:30", "yes")
    assert "Booked" in again, again
    assert len(entries(radicale, clinic_file)) == 1


async def test_staff_enter_something_while_the_person_thinks(say: Any, radicale: Radicale, clinic_file: ClinicFile) -> None:  # noqa: F811
    await say("book thursday 2 april at 10:30", *PERSON)
    for number, person in enumerate(clinic_file.content["practitioners"]):
        body = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//EN", "BEGIN:VEVENT", f"UID:staff{number}", "DTSTAMP:20260101T000000Z"]
        body += ["DTSTART:20260402T092000Z", "DTEND:20260402T094500Z", "END:VEVENT", "END:VCALENDAR", ""]
        assert radicale.call("PUT", f"{person['calendar']}staff.ics", "\r\n".join(body), Content_Type="text/calendar")[0] == 201
    said = await say("yes")
    assert "has just been taken" in said and "Nothing is booked" in said
    assert "Booked" in await say("the first one", "yes")
    assert len([text for text in entries(radicale, clinic_file) if "booking.stria" in text]) == 1


async def test_the_mail_server_refuses_and_recovers(say: Any, outbox: Any, mail_server: MailServer, clinic_file: ClinicFile) -> None:  # noqa: F811
    mail_server.stop()
    said = await say("book thursday 2 april at 10:30", *PERSON, "yes")
    assert "Booked" in said and "You will get an e-mail" in said
    assert (await outbox(0, NOW)).sent == 0 and mail_server.mails == []
    mail_server.start()
    mail_server.answers = ["451 try later", "451 try later"]
    assert (await outbox(1, NOW)).sent == 0
    for hours in (3, 5, 7):
        await outbox(hours, NOW)
    assert len(mail_server.to("ada@example.com")) == 1
    assert len([m for m in mail_server.mails if "New appointment" in str(m["Subject"])]) == 1


async def test_guessing_ends_and_the_right_one_must_wait_too(say: Any, agent: Any, clinic_file: ClinicFile) -> None:  # noqa: F811
    said = await say("book thursday 2 april at 10:30", *PERSON, "yes")
    reference = said.split("reference is ")[1][:9]
    stranger = Talk(agent)

    async def guess(*texts: str) -> str:
        for text in texts:
            heard = "\n".join(r["text"] for r in await stranger.say(text) if r.get("text"))
        return heard

    await guess("cancel my appointment")
    for number in range(8):
        heard = await guess(reference, f"07400 00000{number}")
        assert "2 April" not in heard
        if "too often" in heard:
            break
    assert "too often" in heard and number >= 2
    await guess("cancel my appointment")
    assert "2 April" not in await guess(reference, "07400 123456")
    assert "2 April" in await say("when is my appointment")
