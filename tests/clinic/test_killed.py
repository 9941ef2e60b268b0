"""kill -9 at every step, then the same again: one booking, one mail each, one entry in the calendar."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from clinic import models
from clinic.booking.slots import Slot
from clinic.calendars import uid
from tests.clinic.conftest import MailServer, Radicale, environment
from tests.databases import ClinicFile

pytestmark = pytest.mark.slow


def killed_everywhere(address: str, file: ClinicFile, mail: MailServer, what: str) -> int:
    """How many runs there were, the last of them unharmed."""
    script = str(Path(__file__).with_name("killed.py"))
    settings = {"STRIA_SMTP_HOST": "127.0.0.1", "STRIA_SMTP_PORT": str(mail.port), "STRIA_SMTP_SECURITY": "none"}
    done = subprocess.run(
        [sys.executable, script, str(file.path.parent), what], env=environment(address, **settings), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout)


def booking_of(n: int) -> models.Booking:
    """The person's one live booking."""
    from clinic.models import Conversation

    conversation = Conversation.known(f"web:{n}")
    assert conversation is not None
    return models.Booking.objects.exclude(status="lost").get(conversation=conversation)


def check(runs: int, status: str, sequence: int) -> list[Slot]:
    """Every person has one booking in one live slot (none if cancelled), and the history tells it once."""
    times = []
    for n in range(1, runs + 1):
        booking = booking_of(n)
        live = list(models.Slot.objects.filter(booking=booking, state__in=models.Slot.LIVE))
        assert (booking.status, booking.sequence) == (status, sequence), n
        assert len(live) == (status == "confirmed"), n
        told = Counter(models.History.objects.filter(subject=booking.reference).values_list("what", flat=True))
        assert told["confirmed"] == 1 and told["moved"] + told["cancelled"] == sequence, (n, told)
        times += [Slot(s.starts, s.practitioner, s.ends, s.zone) for s in live]
    assert models.Slot.objects.filter(state__in=models.Slot.LIVE).count() == len(times)
    return times


def one_mail_each(mail: MailServer, runs: int, about: str) -> None:
    """To each person one mail about it, told apart by Message-ID as every mailbox does."""
    ids = Counter(str(m["Message-ID"]) for m in mail.mails)
    for n in range(1, runs + 1):
        reference = booking_of(n).reference.lower()
        mine = [i for i in ids if reference in i and f".{about}.person@" in i]
        assert len(mine) == 1, (n, mine)
        assert all(reference in str(m["Message-ID"]) for m in mail.to(f"p{n}@person.example"))


def test_booking(any_records: str, clinic_file: ClinicFile, mail_server: MailServer) -> None:
    runs = killed_everywhere(any_records, clinic_file, mail_server, "book")
    assert runs > 12
    check(runs, "confirmed", 0)
    one_mail_each(mail_server, runs, "booked")
    assert len(mail_server.mails) == 2 * runs  # nothing was sent twice: the worker was not killed


def test_booking_with_a_calendar_server(sqlite_records: str, radicale: Radicale, clinic_file: ClinicFile, mail_server: MailServer) -> None:
    runs = killed_everywhere(sqlite_records, clinic_file, mail_server, "book")
    times = check(runs, "confirmed", 0)
    one_mail_each(mail_server, runs, "booked")
    assert entries(radicale, clinic_file) == expected(times)


@pytest.mark.parametrize(("what", "about", "status"), [("move", "moved", "confirmed"), ("cancel", "cancelled", "cancelled")])
def test_changing_with_a_calendar_server(
    what: str, about: str, status: str, sqlite_records: str, radicale: Radicale, clinic_file: ClinicFile, mail_server: MailServer
) -> None:
    runs = killed_everywhere(sqlite_records, clinic_file, mail_server, what)
    times = check(runs, status, 1)
    one_mail_each(mail_server, runs, about)
    assert entries(radicale, clinic_file) == expected(times)


def test_the_outbox(sqlite_records: str, clinic_file: ClinicFile, mail_server: MailServer) -> None:
    runs = killed_everywhere(sqlite_records, clinic_file, mail_server, "send")
    check(runs, "confirmed", 0)
    one_mail_each(mail_server, runs, "booked")
    copies = Counter(str(m["Message-ID"]) for m in mail_server.mails)
    # Killed after the server took it and before we knew: a second copy under the same id, at most once in a run.
    assert max(copies.values()) <= 2 and sum(copies.values()) - len(copies) <= runs


def entries(radicale: Radicale, file: ClinicFile) -> list[tuple[str, str]]:
    """(start, UID) of everything in all calendars."""
    import icalendar

    found = []
    for person in file.content["practitioners"]:
        for text in radicale.entries(person["calendar"]).values():
            event: Any = icalendar.Calendar.from_ical(text).walk("VEVENT")[0]
            found.append((event.start.isoformat(), str(event["UID"])))
    return sorted(found)


def expected(times: list[Slot]) -> list[tuple[str, str]]:
    rows = [(t, models.Slot.objects.get(starts=t.start, practitioner=t.practitioner, state="confirmed")) for t in times]
    return sorted((t.start.isoformat(), uid(row.booking.reference)) for t, row in rows if row.booking)
