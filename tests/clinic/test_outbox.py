"""Mail against a real SMTP server that accepts, refuses, puts off or is away."""

import datetime as dt
import signal
import subprocess
import sys
import time
from email.message import Message
from typing import Any

import icalendar
import pytest
from django.test import Client

from clinic import links, models, outbox, texts
from clinic.booking.slots import Wishes
from clinic.outbox import Worker
from clinic.services import bookings, handoffs, history, requests
from clinic.services.results import Booking
from knowledge.practice import PRACTICE
from tests.clinic.conftest import PERSON, MailServer, environment

pytestmark = pytest.mark.usefixtures("sqlite_records", "clinic_file")
HOUR = dt.timedelta(hours=1)
HEALTH = ("tummy", "stretch", "needl", "pregnan", "keloid", "scar", "medicine you", "isotretinoin")


def now() -> dt.datetime:
    return dt.datetime.now(tz=dt.timezone.utc)


def made(number: int = 80, conversation: str = "web:1", **person: Any) -> Booking:
    slot = bookings.free_slots(Wishes(), now())[number]
    result = bookings.book(conversation, slot, {**PERSON, **person}, None, "k", now())
    assert isinstance(result, Booking)
    return result


def body(mail: Message) -> str:
    part = next(p for p in mail.walk() if p.get_content_type() == "text/plain")
    return part.get_payload(decode=True).decode()  # type: ignore[union-attr]


def message(about: str, recipient: str = "person") -> models.Message:
    return models.Message.objects.get(about=about, recipient=recipient)


class TestMails:
    def test_a_booking_tells_the_clinic_and_the_person_once(self, mail_server: MailServer) -> None:
        booking = made()
        assert Worker().round().sent == 2
        assert Worker().round().sent == 0
        (mine,) = mail_server.to("siobhan@person.example")
        (theirs,) = mail_server.to(PRACTICE.get().email)
        assert booking.spoken in body(mine) and booking.shown in body(mine) and "Hello Siobhán O'Brien-Núñez," in body(mine)
        assert "Siobh" not in str(theirs) and booking.reference in body(theirs)
        file = next(p for p in mine.walk() if p.get_content_type() == "text/calendar")
        event = icalendar.Calendar.from_ical(file.get_payload(decode=True)).walk("VEVENT")[0]
        assert event.start == booking.start and file.get_param("method") == "PUBLISH" and file.get_filename() == "appointment.ics"

    def test_the_message_id_comes_from_the_reference_and_stays(self, mail_server: MailServer) -> None:
        booking = made()
        Worker().round()
        models.Message.objects.update(state="waiting", next_try=now())
        Worker().round()
        ids = [str(m["Message-ID"]) for m in mail_server.to("siobhan@person.example")]
        assert len(ids) > 1 and set(ids[:1]) == {i for i in ids if ".booked." in i} and booking.reference.lower() in ids[0]

    def test_a_change_and_a_cancellation_replace_what_was_there(self, mail_server: MailServer) -> None:
        booking = made()
        bookings.reschedule("web:1", booking.reference, bookings.free_slots(Wishes(), now())[90], "m", now())
        bookings.cancel("web:1", booking.reference, "c", now())
        done = Worker().round()
        subjects = [str(m["Subject"]) for m in mail_server.to("siobhan@person.example")]
        assert subjects == [f"Your appointment is cancelled: {booking.shown}"]  # what was overtaken is not sent any more
        assert done.failed == 0
        file = next(p for p in mail_server.to("siobhan@")[0].walk() if p.get_content_type() == "text/calendar")
        assert b"SEQUENCE:2" in file.get_payload(decode=True) and file.get_param("method") == "CANCEL"  # type: ignore[operator]

    def test_nothing_that_leaves_speaks_of_health(self, mail_server: MailServer) -> None:
        booking = made()
        Worker().round(booking.start - 2 * HOUR)
        handoffs.raise_handoff("web:1", "keloid", "urgent", "asked about pregnancy", {"name": "Ann"}, "h")
        requests.open_request("web:1", "complaint", {"text": "my scar", "contact": {"name": "Ann"}}, "r", now())
        Worker().round()
        assert len(mail_server.mails) >= 6
        for mail in mail_server.mails:
            whole = f"{mail['Subject']} {body(mail)}".lower()
            if "reminder" not in str(mail["Message-ID"]) and ".booked." not in str(mail["Message-ID"]):
                assert "ann" not in whole.replace("cannot", "").split()
            assert not [word for word in HEALTH if word in whole.replace("medicines you take", "")]

    def test_an_urgent_hand_off_is_marked(self, mail_server: MailServer) -> None:
        reference = handoffs.raise_handoff("web:1", "red flag", "urgent", "x", None, "h")
        Worker().round()
        (mail,) = mail_server.mails
        assert str(mail["Subject"]).startswith("URGENT") and links.to("handoff", reference) in body(mail) and mail["Importance"] == "high"

    @pytest.mark.parametrize("name", ["Will", "X", "李小龙", "Bobby\r\nBcc: everyone@x.example", "Ann, Bob <x@y.example>", '"', "{reference}", "a" * 300])
    def test_any_name_and_no_header_of_its_own(self, name: str, mail_server: MailServer) -> None:
        made(name=name)
        assert Worker().round().sent == 2
        (mail,) = mail_server.to("siobhan@person.example")
        assert mail["Bcc"] is None and " ".join(name.split()) in body(mail)

    @pytest.mark.parametrize("about", [*texts.TO_PERSON, *texts.TO_CLINIC])
    def test_every_text_is_whole(self, about: str, mail_server: MailServer) -> None:
        booking = made()
        recipient = "person" if about in texts.TO_PERSON else "clinic"
        row = models.Message(about=about, subject=booking.reference, recipient=recipient, sequence=0, kind="mail")
        from clinic import mail

        composed = mail.compose(row, PRACTICE.get(), now())
        assert composed is not None and composed["To"] and booking.shown in str(composed["Subject"])
        text = composed.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert "{" not in text and "\n\n\n" not in text and "  " not in text


class TestTrouble:
    def test_550_is_final_and_staff_see_it(self, mail_server: MailServer) -> None:
        booking = made()
        models.Message.objects.filter(recipient="clinic").delete()
        mail_server.answers = ["550 5.1.1 <siobhan@person.example> no such user"]
        assert Worker().round().failed == 1
        row = message("booked")
        assert row.state == "failed" and row.error.startswith("550") and "siobhan" not in row.error
        assert "not delivered" in [h.what for h in history.of(booking.reference)]
        Worker().round()
        assert [str(m["Subject"]) for m in mail_server.mails] == [f"A message did not arrive: {booking.shown}"]

    def test_451_is_tried_again_later_and_arrives_once(self, mail_server: MailServer) -> None:
        made()
        models.Message.objects.filter(recipient="clinic").delete()
        mail_server.answers = ["451 4.3.0 busy"]
        assert Worker().round().later == 1
        assert Worker().round().sent == 0  # not yet
        assert Worker().round(now() + HOUR).sent == 1
        assert len(mail_server.mails) == 1 and message("booked").attempts == 1

    def test_a_server_that_is_away_is_waited_for(self, mail_server: MailServer) -> None:
        made()
        mail_server.stop()
        worker = Worker()
        assert worker.round().later == 1  # the second mail is not even tried
        assert "cannot be reached" in models.Message.objects.get(attempts=1).error
        mail_server.start()
        assert Worker().round(now() + HOUR).sent == 2

    def test_after_a_day_and_a_half_it_is_given_up(self, mail_server: MailServer) -> None:
        made()
        mail_server.stop()
        models.Message.objects.update(attempts=outbox.MOST_ATTEMPTS - 1)
        assert Worker().round().failed == 1

    def test_waits_grow_to_an_hour(self) -> None:
        waits = [outbox.wait_before(n).total_seconds() for n in range(1, 41)]
        assert 20 < waits[0] < 40 and max(waits) <= 3600 * 1.2
        assert 24 * 3600 < sum(waits) < 48 * 3600

    def test_without_a_mail_server_mail_waits_and_none_is_promised(self) -> None:
        assert not made().mail
        assert Worker().round() == outbox.Waited(0, 0, 0, 0)
        assert message("booked").attempts == 0

    def test_an_address_that_is_none_is_given_up(self, mail_server: MailServer) -> None:
        made(email="nobody at nowhere@")
        models.Message.objects.filter(recipient="clinic").delete()
        assert Worker().round().failed == 1

    def test_two_workers_send_each_once(self, mail_server: MailServer) -> None:
        made()
        one, two = Worker(), Worker()
        taken = one.claim(now(), [])
        assert two.round().sent == 1 and taken is not None
        assert one.send(taken, now()) == "sent"
        assert len(mail_server.mails) == 2

    def test_a_dead_workers_claim_runs_out(self, mail_server: MailServer) -> None:
        made()
        assert Worker().claim(now(), []) is not None
        assert Worker().round().sent == 1
        assert Worker().round(now() + outbox.LEASE + dt.timedelta(seconds=1)).sent == 1


class TestReminders:
    def test_48_and_3_hours_before(self, mail_server: MailServer) -> None:
        booking = made()
        Worker().round()
        mail_server.mails.clear()
        assert Worker().round(booking.start - 49 * HOUR).sent == 0
        assert Worker().round(booking.start - 47 * HOUR).sent == 1
        assert Worker().round(booking.start - 2 * HOUR).sent == 1
        assert [str(m["Subject"]).split(":")[0][-9:] for m in mail_server.mails] == ["coming up", " is today"]
        assert all(m["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click" for m in mail_server.mails)

    def test_none_after_the_visit_began_or_was_cancelled_or_moved(self, mail_server: MailServer) -> None:
        booking = made()
        Worker().round()
        mail_server.mails.clear()
        assert Worker().round(booking.start + HOUR).sent == 0
        other = made(90, "web:2")
        moved = bookings.reschedule("web:2", other.reference, bookings.free_slots(Wishes(), now())[200], "m", now())
        assert isinstance(moved, Booking)
        due = models.Message.objects.filter(subject=other.reference, state="waiting", about__startswith="reminder").values_list("sequence", flat=True)
        assert set(due) == {1}

    def test_the_link_asks_first_and_then_stops_them(self, client: Client, mail_server: MailServer) -> None:
        booking = made()
        Worker().round(booking.start - 47 * HOUR)
        link = str(mail_server.mails[-1]["List-Unsubscribe"]).strip("<>").replace("\r\n ", "").replace("\n ", "")
        path = link.removeprefix("http://127.0.0.1:8000")
        page = client.get(path)
        assert page.status_code == 200 and b"<form" in page.content and models.Booking.objects.get().reminders
        assert b"will send no more" in client.post(path).content and not models.Booking.objects.get().reminders
        assert client.post(path).status_code == 200
        assert Worker().round(booking.start - 2 * HOUR).sent == 0

    def test_a_link_that_is_not_ours_does_nothing(self, client: Client) -> None:
        booking = made()
        for token in ("x", booking.reference, links.stop_reminders(booking.reference).rstrip("/").rpartition("/")[2][:-2] + "AA"):
            assert client.post(f"/reminders/{token}/").status_code == 404
        assert models.Booking.objects.get().reminders


def test_the_worker_is_a_process_that_survives_its_database(sqlite_records: str, mail_server: MailServer, clinic_file: Any) -> None:
    made()
    settings = {"STRIA_SMTP_HOST": "127.0.0.1", "STRIA_SMTP_PORT": str(mail_server.port), "STRIA_SMTP_SECURITY": "none"}
    worker = subprocess.Popen([sys.executable, "-m", "clinic.outbox"], env=environment(sqlite_records, **settings))
    deadline = time.monotonic() + 60
    while len(mail_server.mails) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert len(mail_server.mails) == 2
