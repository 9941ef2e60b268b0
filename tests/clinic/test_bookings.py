"""Appointments from the first free time to the last change, on SQLite and PostgreSQL."""

import dataclasses
import datetime as dt
from typing import Any

import icalendar
import pytest
from django.db import DatabaseError, IntegrityError, transaction

from clinic import models
from clinic.booking.slots import Slot, Wishes
from clinic.services import bookings, history
from clinic.services.results import Booking, Elsewhere, Hold, NoSuchBooking, NotChangeable, Requested, SlotTaken, TooManyTries
from tests.clinic.conftest import NOW, PERSON, at
from tests.databases import ClinicFile

pytestmark = pytest.mark.usefixtures("clinic_file")
on_both = pytest.mark.usefixtures("any_records")
HOUR = dt.timedelta(hours=1)


def first(number: int = 0, **wishes: Any) -> Slot:
    return bookings.free_slots(Wishes.from_json(wishes), NOW)[number]


def made(conversation: str = "web:1", number: int = 0, key: str = "m1:book", **person: Any) -> Booking:
    result = bookings.book(conversation, first(number), {**PERSON, **person}, None, key, NOW)
    assert isinstance(result, Booking)
    return result


@on_both
class TestMaking:
    def test_is_confirmed_at_once_and_the_time_is_gone(self) -> None:
        slot = first()
        booking = made()
        assert (booking.status, booking.start, booking.practitioner, booking.sequence) == ("confirmed", slot.start, slot.practitioner, 0)
        assert slot not in bookings.free_slots(Wishes(every_practitioner=True), NOW)

    def test_the_same_key_is_the_same_booking(self) -> None:
        slot = first()
        results = [bookings.book("web:1", slot, PERSON, None, "m1:book", NOW) for _ in range(3)]
        assert results[0] == results[1] == results[2]
        assert models.Booking.objects.count() == 1

    def test_the_same_key_after_the_time_has_passed_is_still_the_same_booking(self) -> None:
        slot = first()
        before = made()
        later = bookings.book("web:1", slot, PERSON, None, "m1:book", slot.start + HOUR)
        assert isinstance(later, Booking) and later.reference == before.reference

    def test_another_conversation_with_the_same_key_gets_nothing_of_it(self) -> None:
        slot, booking = first(), made()
        other = bookings.book("web:2", slot, PERSON, None, "m1:book", NOW)
        assert isinstance(other, SlotTaken)
        assert booking.reference not in str(other)

    def test_the_next_is_offered_the_same_time_with_somebody_else_and_then_the_next_times(self) -> None:
        slot = first()
        made()
        taken = bookings.book("web:2", slot, PERSON, None, "k", NOW)
        assert isinstance(taken, SlotTaken) and len(taken.alternatives) == 3
        assert taken.alternatives[0].start == slot.start
        assert {s.practitioner for s in taken.alternatives[:2]}.isdisjoint({slot.practitioner})
        assert taken.alternatives[2].practitioner == slot.practitioner and taken.alternatives[2].start > slot.start

    @pytest.mark.parametrize(
        "change",
        [
            {"practitioner": "Dr Nobody"},
            {"start": at("2026-03-27 10:10"), "end": at("2026-03-27 10:40")},
            {"start": at("2026-03-27 04:00"), "end": at("2026-03-27 04:30")},
            {"start": at("2026-03-29 10:00"), "end": at("2026-03-29 10:30")},
            {"start": at("2026-03-26 09:30"), "end": at("2026-03-26 10:00")},
            {"start": at("2027-03-26 10:00"), "end": at("2027-03-26 10:30")},
            {"end": at("2026-03-27 18:00")},
        ],
        ids=["nobody of that name", "off the grid", "at night", "on Sunday", "too soon", "too far off", "too long"],
    )
    def test_a_time_that_is_not_offered_is_not_booked(self, change: dict[str, Any]) -> None:
        slot = Slot(at("2026-03-27 10:00"), "Helen Brandt", at("2026-03-27 10:30"), "Europe/London")
        assert isinstance(bookings.book("web:1", dataclasses.replace(slot, **change), PERSON, None, "k", NOW), SlotTaken)
        assert isinstance(bookings.book("web:1", slot, PERSON, None, "k", NOW), Booking)

    def test_two_bookings_of_one_person(self) -> None:
        one, two = made(), made(number=5, key="m2:book")
        assert one.reference != two.reference
        assert [b.reference for b in bookings.find("web:1", None, None, NOW)] == [one.reference, two.reference]

    def test_everything_or_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        slot = first()

        def broken(*_: Any) -> None:
            raise DatabaseError

        monkeypatch.setattr(bookings, "_tell", broken)
        with pytest.raises(DatabaseError):
            bookings.book("web:1", slot, PERSON, None, "k", NOW)
        counts = [m.objects.count() for m in (models.Booking, models.Slot, models.Effect, models.History, models.Message)]
        assert counts == [0, 0, 0, 0, 0]
        monkeypatch.undo()

    def test_what_is_written_beside_it(self) -> None:
        booking = made()
        about = sorted((m.about, m.recipient) for m in models.Message.objects.filter(subject=booking.reference))
        assert about == [("booked", "clinic"), ("booked", "person"), ("reminder_3", "person")]  # tomorrow: no reminder 48 hours before
        assert [h.what for h in history.of(booking.reference)] == ["confirmed"]

    def test_reminders_are_for_48_and_3_hours_before_and_only_for_those_who_want_them(self) -> None:
        booking = made(number=60)
        due = dict(models.Message.objects.filter(about__startswith="reminder").values_list("about", "next_try"))
        assert due == {"reminder_48": booking.start - 48 * HOUR, "reminder_3": booking.start - 3 * HOUR}
        quiet = made("web:2", 61, reminders=False)
        assert not models.Message.objects.filter(subject=quiet.reference, about__startswith="reminder").exists()

    def test_without_an_address_no_mail_is_written_to_the_person(self) -> None:
        booking = made(email="")
        assert not booking.mail
        assert set(models.Message.objects.values_list("recipient", flat=True)) == {"clinic"}

    def test_the_calendar_file_is_in_utc_with_the_reference_and_no_health_word(self) -> None:
        booking = made()
        event = icalendar.Calendar.from_ical(booking.calendar).walk("VEVENT")[0]
        assert (event.start, event.end, int(event["SEQUENCE"])) == (booking.start, booking.end, 0)
        assert booking.reference.lower() in event["UID"] and booking.shown in event["SUMMARY"]
        assert "tummy" not in booking.calendar and "Siobh" not in booking.calendar

    def test_a_screening_is_attached_only_if_it_is_of_this_conversation(self) -> None:
        from clinic.services import screenings

        mine = screenings.save("web:1", {"outcome": "consultation"}, "v1", "s1")
        other = screenings.save("web:2", {"outcome": "wait"}, "v1", "s1")
        for number, (reference, attached) in enumerate([(mine, mine), (other, None), ("NOSUCH22", None)]):
            result = bookings.book("web:1", first(number + 3), PERSON, reference, f"k{number}", NOW)
            assert isinstance(result, Booking)
            screening = models.Booking.objects.get(reference=result.reference).screening
            assert (screening.reference if screening else None) == attached


@on_both
class TestHolding:
    def test_a_held_time_is_kept_from_others_and_then_booked(self) -> None:
        slot = first()
        held = bookings.hold("web:1", slot, "k", NOW)
        assert isinstance(held, Hold) and held.until == NOW + dt.timedelta(minutes=10)
        assert isinstance(bookings.hold("web:2", slot, "k", NOW), SlotTaken)
        assert isinstance(bookings.book("web:2", slot, PERSON, None, "k", NOW), SlotTaken)
        assert slot not in bookings.free_slots(Wishes(every_practitioner=True), NOW)
        assert isinstance(bookings.book("web:1", slot, PERSON, None, "k", NOW), Booking)

    def test_it_runs_out(self) -> None:
        slot, later = first(1), NOW + dt.timedelta(minutes=11)
        bookings.hold("web:1", slot, "k", NOW)
        assert slot in bookings.free_slots(Wishes(every_practitioner=True), later)
        assert isinstance(bookings.book("web:2", slot, PERSON, None, "k", later), Booking)
        assert isinstance(bookings.book("web:1", slot, PERSON, None, "k", later), SlotTaken)

    def test_the_lead_time_does_not_run_out_while_somebody_answers(self) -> None:
        slot, later = first(), NOW + dt.timedelta(minutes=9)
        assert slot.start - NOW == 24 * HOUR
        assert slot not in bookings.free_slots(Wishes(every_practitioner=True), later)
        assert isinstance(bookings.book("web:1", slot, PERSON, None, "k", later), Booking)
        assert isinstance(bookings.book("web:2", first(1), PERSON, None, "k", NOW + HOUR), SlotTaken)

    def test_a_conversation_holds_one_time(self) -> None:
        one, two = first(), first(4)
        bookings.hold("web:1", one, "k", NOW)
        bookings.hold("web:1", two, "k2", NOW)
        assert isinstance(bookings.hold("web:2", one, "k", NOW), Hold)
        assert models.Slot.objects.filter(state="held").count() == 2

    def test_holding_again_keeps_the_first_end(self) -> None:
        slot = first()
        assert bookings.hold("web:1", slot, "k", NOW) == bookings.hold("web:1", slot, "k", NOW + dt.timedelta(minutes=5))


@pytest.mark.usefixtures("sqlite_records")
class TestFinding:
    def test_in_its_own_conversation_the_conversation_is_enough(self) -> None:
        booking = made()
        assert bookings.find("web:1", None, None, NOW) == [booking]
        assert bookings.find("web:1", booking.shown.lower(), None, NOW) == [booking]
        assert bookings.find("web:2", None, None, NOW) == []
        assert bookings.find("web:2", booking.reference, None, NOW) == []

    @pytest.mark.parametrize("proof", ["07400123456", "+44 7400 123456", "0044 7400 123 456", "SIOBHAN@person.example "])
    def test_elsewhere_phone_or_mail_in_any_spelling_shows_it(self, proof: str) -> None:
        booking = made()
        assert bookings.find("sms:9", booking.shown, proof, NOW) == [booking]
        assert bookings.find("sms:9", None, None, NOW) == [booking]  # for an hour
        assert bookings.find("sms:9", None, None, NOW + 2 * HOUR) == []

    @pytest.mark.parametrize("proof", ["07400 999999", "else@person.example", "", "@", "-", "o"])
    def test_a_wrong_proof_looks_like_a_wrong_reference(self, proof: str) -> None:
        booking = made()
        assert bookings.find("web:2", booking.reference, proof, NOW) == bookings.find("web:2", "AAAA-AAAA", proof, NOW) == []
        with pytest.raises(NoSuchBooking):
            bookings.cancel("web:2", booking.reference, "k", NOW)

    def test_a_booking_without_phone_is_not_shown_by_no_phone(self) -> None:
        booking = made(phone="", email="")
        for proof in ("0", "-", "", " ", "@"):
            assert bookings.find("web:2", booking.reference, proof, NOW) == []

    def test_guesses_are_counted(self) -> None:
        booking = made()
        for number in range(5):
            assert bookings.find("web:2", booking.reference, f"0740000000{number}", NOW) == []
        with pytest.raises(TooManyTries) as refused:
            bookings.find("web:2", booking.reference, "07400123456", NOW)
        assert refused.value.until == NOW + HOUR
        assert [b.reference for b in bookings.find("web:2", booking.reference, "07400123456", NOW + HOUR)] == [booking.reference]

    def test_new_conversations_do_not_help_a_guesser(self) -> None:
        booking = made()
        for number in range(10):
            bookings.find(f"web:g{number}", booking.reference, f"0740000000{number}", NOW)
        with pytest.raises(TooManyTries):
            bookings.find("web:fresh", booking.reference, "07400123456", NOW)
        assert bookings.find("web:1", booking.reference, None, NOW) == [booking]  # its own conversation is not shut out


@on_both
class TestChanging:
    def test_moving_keeps_reference_and_uid_and_raises_the_sequence(self) -> None:
        booking, target = made(), first(10)
        moved = bookings.reschedule("web:1", booking.reference, target, "k", NOW)
        assert isinstance(moved, Booking)
        assert (moved.reference, moved.start, moved.sequence, moved.status) == (booking.reference, target.start, 1, "confirmed")
        before, after = (icalendar.Calendar.from_ical(b.calendar).walk("VEVENT")[0] for b in (booking, moved))
        assert before["UID"] == after["UID"] and int(after["SEQUENCE"]) == 1
        assert booking.slot in bookings.free_slots(Wishes(every_practitioner=True), NOW)

    def test_the_same_key_moves_once(self) -> None:
        booking, target = made(), first(10)
        once = bookings.reschedule("web:1", booking.reference, target, "k", NOW)
        assert bookings.reschedule("web:1", booking.reference, target, "k", NOW) == once
        assert [h.what for h in history.of(booking.reference)] == ["moved", "confirmed"]

    def test_onto_a_taken_time_it_stays_where_it_was(self) -> None:
        booking, other = made(), made("web:2", 5)
        result = bookings.reschedule("web:1", booking.reference, other.slot, "k", NOW)
        assert isinstance(result, SlotTaken) and result.alternatives
        assert bookings.find("web:1", None, None, NOW) == [booking]
        again = bookings.reschedule("web:1", booking.reference, result.alternatives[0], "k", NOW)
        assert isinstance(again, Booking)

    def test_by_half_an_hour_into_its_own_time(self, clinic_file: ClinicFile) -> None:
        clinic_file.content["consultation"]["minutes"] = 60
        clinic_file.write()
        booking = made()
        target = Slot(booking.start + HOUR / 2, booking.practitioner, booking.end + HOUR / 2, booking.zone)
        assert isinstance(bookings.reschedule("web:1", booking.reference, target, "k", NOW), Booking)

    def test_cancelling_twice_is_once(self) -> None:
        booking = made()
        one = bookings.cancel("web:1", booking.reference, "k", NOW)
        two = bookings.cancel("web:1", booking.reference, "k2", NOW)
        assert (one.status, one.sequence, one.changed) == ("cancelled", 1, True)
        assert (two.status, two.sequence, two.changed) == ("cancelled", 1, False)
        assert bookings.cancel("web:1", booking.reference, "k", NOW).changed  # the first call, repeated
        assert "METHOD:CANCEL" in one.calendar and "STATUS:CANCELLED" in one.calendar
        assert booking.slot in bookings.free_slots(Wishes(every_practitioner=True), NOW)

    def test_cancelling_drops_what_has_not_been_sent(self) -> None:
        booking = made(number=60)
        bookings.cancel("web:1", booking.reference, "k", NOW)
        waiting = models.Message.objects.filter(state="waiting").values_list("about", "recipient")
        assert sorted(waiting) == [("cancelled", "clinic"), ("cancelled", "person")]

    def test_what_is_over_or_cancelled_cannot_be_changed(self) -> None:
        booking, target = made(), first(20)
        with pytest.raises(NotChangeable):
            bookings.cancel("web:1", booking.reference, "k", booking.start)
        with pytest.raises(NotChangeable):
            bookings.reschedule("web:1", booking.reference, target, "k", booking.start)
        bookings.cancel("web:1", booking.reference, "k", NOW)
        with pytest.raises(NotChangeable, match="cancelled"):
            bookings.reschedule("web:1", booking.reference, target, "k2", NOW)

    def test_late_is_said(self) -> None:
        assert made().late
        assert not made("web:2", 60).late

    def test_reminders_stop(self) -> None:
        booking = made(number=60)
        assert not bookings.stop_my_reminders("web:1", booking.reference, NOW).reminders
        assert not models.Message.objects.filter(about__startswith="reminder", state="waiting").exists()


@pytest.mark.usefixtures("sqlite_records")
class TestModes:
    def test_request_offers_wishes_and_books_nothing(self, clinic_file: ClinicFile) -> None:
        clinic_file.write(mode="request")
        slots = bookings.free_slots(Wishes(limit=3), NOW)
        assert slots.mode == "request" and not slots.diary_down and not slots[0].certain
        result = bookings.book("web:1", slots[0], PERSON, None, "k", NOW)
        assert isinstance(result, Requested) and result.why == "mode" and result.due == dt.date(2026, 3, 27)
        assert bookings.book("web:1", slots[0], PERSON, None, "k", NOW) == result
        request = models.Request.objects.get()
        assert request.kind == "booking" and request.contact["name"] == PERSON["name"] and request.details["spoken"] == slots[0].spoken
        assert models.Booking.objects.count() == models.Slot.objects.count() == 0

    def test_link_leads_to_the_clinics_own_page(self, clinic_file: ClinicFile) -> None:
        slot = first()
        clinic_file.write(mode="link", link="https://book.example/new?n={name}&e={email}&d={date}T{time}")
        assert bookings.free_slots(Wishes(), NOW) == []
        result = bookings.book("web:1", slot, {**PERSON, "name": "Ann & Bob?"}, None, "k", NOW)
        assert result == Elsewhere(f"https://book.example/new?n=Ann%20%26%20Bob%3F&e=siobhan%40person.example&d={slot.local:%Y-%m-%d}T{slot.local:%H%%3A%M}")
        assert "tummy" not in str(result)

    def test_in_request_mode_a_move_is_a_request_too(self, clinic_file: ClinicFile) -> None:
        booking, target = made(), first(10)
        clinic_file.write(mode="request")
        result = bookings.reschedule("web:1", booking.reference, target, "k", NOW)
        assert isinstance(result, Requested)
        assert bookings.find("web:1", None, None, NOW)[0].start == booking.start


@on_both
class TestTheDatabaseItself:
    """What no service would do, and the database refuses all the same."""

    def slot(self, start: str, end: str, state: str = "blocked", practitioner: str = "Helen Brandt", **others: Any) -> models.Slot:
        return models.Slot.objects.create(practitioner=practitioner, starts=at(start), ends=at(end), state=state, zone="Europe/London", **others)

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            ("2026-03-27 10:00", "2026-03-27 10:30"),
            ("2026-03-27 09:45", "2026-03-27 10:15"),
            ("2026-03-27 10:15", "2026-03-27 10:20"),
            ("2026-03-27 09:00", "2026-03-27 11:00"),
        ],
    )
    def test_refuses_overlapping_live_slots(self, start: str, end: str) -> None:
        self.slot("2026-03-27 10:00", "2026-03-27 10:30")
        with pytest.raises(IntegrityError), transaction.atomic():
            self.slot(start, end)

    def test_refuses_a_slot_that_comes_alive_or_moves_into_another(self) -> None:
        self.slot("2026-03-27 10:00", "2026-03-27 10:30")
        gone = self.slot("2026-03-27 10:00", "2026-03-27 10:30", "released")
        with pytest.raises(IntegrityError), transaction.atomic():
            models.Slot.objects.filter(pk=gone.pk).update(state="blocked")
        near = self.slot("2026-03-27 10:30", "2026-03-27 11:00")
        with pytest.raises(IntegrityError), transaction.atomic():
            models.Slot.objects.filter(pk=near.pk).update(starts=at("2026-03-27 10:29"))

    def test_allows_neighbours_others_and_what_is_released(self) -> None:
        self.slot("2026-03-27 10:00", "2026-03-27 10:30")
        self.slot("2026-03-27 10:30", "2026-03-27 11:00")
        self.slot("2026-03-27 09:30", "2026-03-27 10:00")
        self.slot("2026-03-27 10:00", "2026-03-27 10:30", practitioner="Tom Iyer")
        self.slot("2026-03-27 10:00", "2026-03-27 10:30", "released")

    @pytest.mark.parametrize(
        "values",
        [{"start": "2026-03-27 10:30", "end": "2026-03-27 10:00"}, {"state": "nonsense"}, {"state": "held"}, {"state": "confirmed"}],
        ids=["backwards", "no such state", "a hold without end", "booked by nobody"],
    )
    def test_refuses_slots_that_make_no_sense(self, values: dict[str, Any]) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            self.slot(**{"start": "2026-03-27 10:00", "end": "2026-03-27 10:30", **values})

    def test_refuses_to_change_or_delete_history(self) -> None:
        history.note("booking", "AAAA2222", "confirmed", "person")
        for change in (
            lambda: models.History.objects.update(actor="nobody"),
            lambda: models.History.objects.all().delete(),
            lambda: models.History.objects.all()._raw_delete("default"),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                change()
        assert history.of("AAAA2222")[0].actor == "person"

    def test_refuses_a_key_or_a_reference_twice(self) -> None:
        booking = made()
        with pytest.raises(IntegrityError), transaction.atomic():
            models.Effect.objects.create(key=models.Effect.objects.get().key, kind="book")
        with pytest.raises(IntegrityError), transaction.atomic():
            models.Booking.objects.create(reference=booking.reference)

    def test_flush_may_empty_it_for_tests(self) -> None:
        from django.core.management import call_command

        made()
        call_command("flush", interactive=False, verbosity=0)
        assert models.History.objects.count() == models.Booking.objects.count() == 0


def test_nothing_personal_is_readable_in_the_database_file(sqlite_records: str) -> None:
    from pathlib import Path

    from clinic.services import handoffs, screenings

    made(conversation="whatsapp:+447400123456")
    screenings.save("whatsapp:+447400123456", {"pregnant": "yes", "note": "keloidxyz"}, "v1", "s")
    handoffs.raise_handoff("whatsapp:+447400123456", "keloidxyz", "urgent", "keloidxyz", PERSON, "h")
    raw = b"".join(path.read_bytes() for path in Path(sqlite_records).parent.glob("clinic.sqlite3*"))
    for word in ("Siobh", "7400123456", "07400 123456", "siobhan@", "tummy", "keloidxyz", "pregnant"):
        assert word.encode() not in raw
