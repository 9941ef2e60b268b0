"""A diary on a real CalDAV server: read, locked, written, moved, settled, and away when one needs it."""

import contextlib
import datetime as dt
import socket
import time
from typing import Any

import icalendar
import pytest

from clinic import calendars, models
from clinic.booking import caldav
from clinic.booking.diaries import DiaryDown
from clinic.booking.slots import Slot, Wishes
from clinic.outbox import Worker
from clinic.services import bookings, history
from clinic.services.results import Booking, Requested, SlotTaken
from knowledge.practice import PRACTICE
from tests.clinic.conftest import NOW, PERSON, Radicale, at
from tests.databases import ClinicFile
from tests.servers import free_port

pytestmark = pytest.mark.usefixtures("sqlite_records")
HOUR = dt.timedelta(hours=1)


def slot(start: str, practitioner: str = "Helen Brandt", minutes: int = 30) -> Slot:
    return Slot(at(start), practitioner, at(start) + dt.timedelta(minutes=minutes), "Europe/London")


def times(**wishes: Any) -> list[Slot]:
    return bookings.free_slots(Wishes.from_json({"every_practitioner": True, **wishes}), NOW)


def book(wanted: Slot, conversation: str = "web:1", key: str = "k") -> Any:
    return bookings.book(conversation, wanted, PERSON, None, key, NOW)


class Calendar:
    """One practitioner's calendar, as staff see and change it in their own program."""

    def __init__(self, server: Radicale, file: ClinicFile, number: int = 1):
        self.server, self.url = server, file.content["practitioners"][number]["calendar"]

    def put(self, name: str, *lines: str) -> None:
        body = [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//x//EN",
            "BEGIN:VEVENT",
            f"UID:{name}",
            "DTSTAMP:20260101T000000Z",
            *lines,
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
        status, answer = self.server.call("PUT", f"{self.url}{name}.ics", "\r\n".join(body), Content_Type="text/calendar")
        assert status in (201, 204), answer

    @property
    def entries(self) -> dict[str, Any]:
        return {name: icalendar.Calendar.from_ical(text).walk("VEVENT")[0] for name, text in self.server.entries(self.url).items()}


@pytest.fixture
def calendar(radicale: Radicale, clinic_file: ClinicFile) -> Calendar:
    """Helen Brandt's."""
    return Calendar(radicale, clinic_file)


def _knocks(server: socket.socket) -> int:
    """How many connections have come in since one last looked."""
    server.settimeout(0.1)
    count = 0
    with contextlib.suppress(socket.timeout):
        while True:
            server.accept()[0].close()
            count += 1
    return count


class TestReading:
    @pytest.mark.parametrize(
        ("lines", "taken", "free"),
        [
            (("DTSTART:20260327T100000Z", "DTEND:20260327T110000Z"), ["10:00", "10:30"], ["09:30", "11:00"]),
            (("DTSTART:20260327T101500Z", "DURATION:PT30M"), ["10:00", "10:30"], ["09:30", "11:00"]),
            (("DTSTART;VALUE=DATE:20260327", "DTEND;VALUE=DATE:20260328"), ["09:30", "10:00", "16:30"], []),
            (("DTSTART:20260327T100000", "DTEND:20260327T103000"), ["10:00"], ["10:30"]),
            (("DTSTART:20260320T100000Z", "DTEND:20260320T103000Z", "RRULE:FREQ=WEEKLY"), ["10:00"], ["10:30"]),
            (("DTSTART:20260320T100000Z", "DTEND:20260320T103000Z", "RRULE:FREQ=WEEKLY", "EXDATE:20260327T100000Z"), [], ["10:00"]),
            (("DTSTART:20260327T100000Z", "DTEND:20260327T103000Z", "TRANSP:TRANSPARENT"), [], ["10:00"]),
            (("DTSTART:20260327T100000Z", "DTEND:20260327T103000Z", "STATUS:CANCELLED"), [], ["10:00"]),
        ],
        ids=["busy", "across two slots", "all day", "the clinic's clock", "every week", "every week but this", "marked as free", "cancelled"],
    )
    def test_what_staff_entered_is_not_offered(self, lines: tuple[str, ...], taken: list[str], free: list[str], calendar: Calendar) -> None:
        calendar.put("staff", *lines)
        offered = {f"{s.start:%H:%M}" for s in times(practitioner="Helen Brandt") if s.start.date() == dt.date(2026, 3, 27)}
        assert offered.isdisjoint(taken) and offered >= set(free)

    def test_a_weekly_meeting_follows_the_clinics_clock_over_the_change(self, calendar: Calendar) -> None:
        calendar.put("meeting", "DTSTART;TZID=Europe/London:20260320T100000", "DTEND;TZID=Europe/London:20260320T103000", "RRULE:FREQ=WEEKLY")
        offered = {s.start for s in times(practitioner="Helen Brandt")}
        assert at("2026-03-27 10:00") not in offered and at("2026-03-27 09:30") in offered
        assert at("2026-04-03 09:00") not in offered and at("2026-04-03 09:30") in offered  # 10:00 in summer


class TestWriting:
    def test_a_booking_is_an_entry_named_after_its_time_without_health_data(self, calendar: Calendar) -> None:
        booking = book(slot("2026-03-27 10:00"))
        assert isinstance(booking, Booking) and booking.status == "confirmed"
        assert list(calendar.entries) == ["stria-20260327T100000Z.ics"]
        event = calendar.entries["stria-20260327T100000Z.ics"]
        assert event["UID"] == calendars.uid(booking.reference) and (event.start, event.end) == (booking.start, booking.end)
        text = event.to_ical().decode()
        assert booking.shown in text and not any(word in text for word in ("Siobh", "7400", "@person", "tummy"))
        external = models.External.objects.get()
        assert external.href.endswith("stria-20260327T100000Z.ics") and external.etag and external.uid == event["UID"]

    def test_a_time_taken_meanwhile_is_not_booked(self, calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = slot("2026-03-27 10:00")
        assert wanted in times()
        calendar.put("staff", "DTSTART:20260327T094500Z", "DTEND:20260327T101500Z")  # under a name of its own: the lock alone would not see it
        result = book(wanted)
        assert isinstance(result, SlotTaken) and result.alternatives and wanted not in result.alternatives
        assert list(calendar.entries) == ["staff.ics"]
        assert not models.Slot.objects.filter(state__in=models.Slot.LIVE).exists()
        assert not models.Message.objects.filter(kind="mail").exists()

    def test_the_lock_is_the_name(self, calendar: Calendar) -> None:
        calendar.put("stria-20260327T100000Z", "DTSTART:20260327T100000Z", "DTEND:20260327T103000Z")
        assert isinstance(book(slot("2026-03-27 10:00")), SlotTaken)
        assert calendar.entries["stria-20260327T100000Z.ics"]["UID"] == "stria-20260327T100000Z"

    def test_moving_takes_the_entry_along(self, calendar: Calendar) -> None:
        booking = book(slot("2026-03-27 10:00"))
        moved = bookings.reschedule("web:1", booking.reference, slot("2026-03-27 11:00"), "m", NOW)
        assert isinstance(moved, Booking) and moved.sequence == 1
        assert list(calendar.entries) == ["stria-20260327T110000Z.ics"]
        event = calendar.entries["stria-20260327T110000Z.ics"]
        assert (event["UID"], int(event["SEQUENCE"]), event.start) == (calendars.uid(booking.reference), 1, moved.start)

    def test_moving_to_somebody_else(self, calendar: Calendar, radicale: Radicale, clinic_file: ClinicFile) -> None:
        booking = book(slot("2026-03-27 10:00"))
        moved = bookings.reschedule("web:1", booking.reference, slot("2026-03-27 10:00", "Tom Iyer"), "m", NOW)
        assert not isinstance(moved, Booking) or moved.practitioner == "Tom Iyer"
        assert isinstance(moved, Booking), moved
        assert list(calendar.entries) == [] and len(Calendar(radicale, clinic_file, 2).entries) == 1

    def test_moving_onto_what_staff_entered_changes_nothing(self, calendar: Calendar) -> None:
        booking = book(slot("2026-03-27 10:00"))
        calendar.put("staff", "DTSTART:20260327T111500Z", "DTEND:20260327T114500Z")
        result = bookings.reschedule("web:1", booking.reference, slot("2026-03-27 11:00"), "m", NOW)
        assert isinstance(result, SlotTaken)
        assert sorted(calendar.entries) == ["staff.ics", "stria-20260327T100000Z.ics"]
        assert bookings.find("web:1", None, None, NOW)[0].start == booking.start
        assert isinstance(bookings.reschedule("web:1", booking.reference, slot("2026-03-27 12:00"), "m", NOW), Booking)

    def test_an_entry_that_staff_deleted_is_made_again_by_a_move(self, calendar: Calendar, radicale: Radicale) -> None:
        booking = book(slot("2026-03-27 10:00"))
        radicale.call("DELETE", f"{calendar.url}stria-20260327T100000Z.ics")
        assert isinstance(bookings.reschedule("web:1", booking.reference, slot("2026-03-27 11:00"), "m", NOW), Booking)
        assert list(calendar.entries) == ["stria-20260327T110000Z.ics"]

    def test_cancelling_takes_the_entry_out(self, calendar: Calendar) -> None:
        booking = book(slot("2026-03-27 10:00"))
        bookings.cancel("web:1", booking.reference, "c", NOW)
        assert Worker().round().failed == 0
        assert calendar.entries == {}
        assert isinstance(book(slot("2026-03-27 10:00"), "web:2"), Booking)

    def test_what_is_somebody_elses_is_never_deleted(self, calendar: Calendar, radicale: Radicale) -> None:
        booking = book(slot("2026-03-27 10:00"))
        radicale.call("DELETE", f"{calendar.url}stria-20260327T100000Z.ics")
        calendar.put("stria-20260327T100000Z", "DTSTART:20260327T100000Z", "DTEND:20260327T103000Z")
        bookings.cancel("web:1", booking.reference, "c", NOW)
        Worker().round()
        assert calendar.entries["stria-20260327T100000Z.ics"]["UID"] == "stria-20260327T100000Z"

    def test_staff_book_and_move_at_any_hour_and_the_calendar_follows(self, calendar: Calendar) -> None:
        made = bookings.book_by_staff(slot("2026-03-28 20:10"), {"name": "Will"}, "anna", "f", NOW)
        assert made is not None
        Worker().round()
        assert list(calendar.entries) == ["stria-20260328T201000Z.ics"]
        assert isinstance(bookings.move_by_staff(made.reference, slot("2026-03-28 21:10"), "anna", NOW), Booking)
        assert list(calendar.entries) == ["stria-20260328T211000Z.ics"]


class TestDown:
    def test_times_are_then_uncertain_and_a_booking_is_a_request(self, calendar: Calendar, radicale: Radicale) -> None:
        radicale.stop()
        free = bookings.free_slots(Wishes(limit=2), NOW)
        assert free.diary_down and free.mode == "caldav" and len(free) == 2 and not free[0].certain
        result = book(free[0])
        assert isinstance(result, Requested) and result.why == "diary_down" and result.due == dt.date(2026, 3, 27)
        assert book(free[0]) == result
        assert models.Request.objects.get().contact["phone"] == PERSON["phone"]

    def test_going_down_after_the_times_were_shown_is_a_request_too(self, calendar: Calendar, radicale: Radicale) -> None:
        wanted = times()[0]
        radicale.stop()
        result = book(wanted)
        assert isinstance(result, Requested) and result.why == "diary_down"
        assert book(wanted) == result
        assert models.Booking.objects.get().status == "lost" and models.Request.objects.count() == 1
        assert not models.Slot.objects.filter(state__in=models.Slot.LIVE).exists()

    @pytest.mark.parametrize("times_wrong", [1, 9])
    def test_a_slip_inside_the_client_is_tried_again_and_then_counts_as_down(
        self, calendar: Calendar, monkeypatch: pytest.MonkeyPatch, times_wrong: int
    ) -> None:
        asked, slips = caldav.DAVClient.request, [0]

        def slipping(client: Any, *rest: Any) -> Any:
            slips[0] += 1
            if slips[0] <= times_wrong:
                raise KeyError("http")
            return asked(client, *rest)

        monkeypatch.setattr(caldav.DAVClient, "request", slipping)
        assert bookings.free_slots(Wishes(limit=1), NOW).diary_down == (times_wrong > 1)

    def test_a_server_that_never_answers_does_not_keep_anybody_waiting(
        self, calendar: Calendar, clinic_file: ClinicFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        silent = socket.create_server(("127.0.0.1", free_port()))
        monkeypatch.setattr(caldav, "ANSWER_WITHIN", 1)
        for person in clinic_file.content["practitioners"]:
            person["calendar"] = f"http://127.0.0.1:{silent.getsockname()[1]}/{person['name'][:2]}/"
        clinic_file.write()
        began = time.monotonic()
        assert bookings.free_slots(Wishes(limit=1), NOW).diary_down
        assert time.monotonic() - began < 20  # without a limit it would be for ever
        time.sleep(2 * caldav.ANSWER_WITHIN)  # the other practitioners' calendars are asked beside the first
        assert _knocks(silent)
        assert bookings.free_slots(Wishes(limit=1), NOW).diary_down
        assert not _knocks(silent)  # it is not asked again at once
        silent.close()

    @pytest.mark.parametrize("status", ["401", "403", "405", "500", "nonsense"])
    def test_strange_answers_are_a_diary_that_is_down(self, status: str, calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = slot("2026-03-27 10:00")
        if status == "401":
            monkeypatch.setenv("STRIA_CALDAV_PASSWORD", "wrong")
            caldav._own.__dict__.clear()
            with pytest.raises(DiaryDown):
                caldav.CalDav(PRACTICE.get()).claim(wanted, "x", "BEGIN:VCALENDAR")
            caldav._own.__dict__.clear()
            return
        if status == "nonsense":
            with pytest.raises(DiaryDown):
                caldav.CalDav(PRACTICE.get()).claim(wanted, "x", "no calendar at all")
            return
        monkeypatch.setattr(caldav.CalDav, "_call", lambda *a, **k: (int(status), {}, ""))
        assert bookings.free_slots(Wishes(limit=1), NOW).diary_down

    def test_a_move_while_it_is_down_is_a_request_and_the_appointment_stays(self, calendar: Calendar, radicale: Radicale) -> None:
        booking = book(slot("2026-03-27 10:00"))
        radicale.stop()
        result = bookings.reschedule("web:1", booking.reference, slot("2026-03-27 11:00"), "m", NOW)
        assert isinstance(result, Requested)
        assert bookings.reschedule("web:1", booking.reference, slot("2026-03-27 11:00"), "m", NOW) == result
        assert bookings.find("web:1", None, None, NOW)[0].start == booking.start
        radicale.start()
        caldav.forget_troubles()
        Worker().round()
        assert list(calendar.entries) == ["stria-20260327T100000Z.ics"]

    def test_a_cancellation_reaches_the_calendar_when_it_is_back(self, calendar: Calendar, radicale: Radicale) -> None:
        booking = book(slot("2026-03-27 10:00"))
        radicale.stop()
        bookings.cancel("web:1", booking.reference, "c", NOW)
        assert Worker().round().later == 1
        radicale.start()
        caldav.forget_troubles()
        assert Worker().round(dt.datetime.now(tz=dt.timezone.utc) + HOUR).sent >= 1
        assert calendar.entries == {}

    def test_an_answer_that_got_lost_leaves_no_ghost(self, calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
        """The server wrote the entry, and we never heard of it."""
        real = caldav.CalDav._call

        def deaf(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
            result = real(self, method, *args, **kwargs)
            if method == "PUT":
                raise DiaryDown("no answer")
            return result

        monkeypatch.setattr(caldav.CalDav, "_call", deaf)
        assert isinstance(book(slot("2026-03-27 10:00")), Requested)
        monkeypatch.undo()
        assert len(calendar.entries) == 1
        Worker().round()
        assert calendar.entries == {}


class TestCutOff:
    """Nobody tried again: the outbox puts it in order."""

    def test_a_booking_that_was_cut_off_is_given_up_and_its_entry_removed(self, calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bookings, "_finish", lambda *a: None)
        wanted = slot("2026-03-27 10:00")
        book(wanted)
        monkeypatch.undo()
        pending = models.Booking.objects.get()
        caldav.CalDav(PRACTICE.get()).claim(wanted, calendars.uid(pending.reference), bookings.diary_text(pending, wanted, NOW))
        assert isinstance(book(wanted, "web:2"), SlotTaken)
        assert bookings.settle_cut_off(NOW + HOUR) == 1
        Worker().round()
        assert calendar.entries == {} and models.Booking.objects.get(pk=pending.pk).status == "lost"
        assert isinstance(book(wanted, "web:2"), Booking)
        assert [h.what for h in history.of(pending.reference)] == ["not made", "begun"]

    def test_and_the_retry_after_that_is_a_new_try(self, calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bookings, "_finish", lambda *a: None)
        wanted = slot("2026-03-27 10:00")
        book(wanted)
        monkeypatch.undo()
        bookings.settle_cut_off(NOW + HOUR)
        Worker().round()
        assert isinstance(book(wanted), Booking)

    def test_a_move_that_was_cut_off_is_undone(self, calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
        booking = book(slot("2026-03-27 10:00"))
        monkeypatch.setattr(bookings, "_finish_move", lambda *a: None)
        target = slot("2026-03-27 11:00")
        bookings.reschedule("web:1", booking.reference, target, "m", NOW)
        monkeypatch.undo()
        row = models.Booking.objects.get()
        caldav.CalDav(PRACTICE.get()).move(booking.slot, target, calendars.uid(booking.reference), bookings.diary_text(row, target, NOW, 1))
        assert list(calendar.entries) == ["stria-20260327T110000Z.ics"]
        assert bookings.settle_cut_off(NOW + HOUR) == 1
        Worker().round()
        assert list(calendar.entries) == ["stria-20260327T100000Z.ics"]
        assert calendar.entries["stria-20260327T100000Z.ics"].start == booking.start
