"""Appointments: found, made, moved, cancelled. Each step is one transaction, and a step that was cut off is finished by trying again.

With a diary of our own one transaction does everything. With a calendar server there are three steps: we keep the time and write down
what we are about to do; the server gives us the time or not; we write down that it did. What stays between is settled by `clinic.outbox`.
"""

import datetime as dt
import logging
from functools import partial
from typing import Any, Dict, List, Mapping, Optional, Sequence
from urllib.parse import quote

from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from clinic import calendars, links, models, references
from clinic.booking.diaries import Diary, DiaryDown, Entry, TimeTaken, diary_of
from clinic.booking.slots import FreeSlots, Period, Slot, Wishes, bounds, free, offered, wanted
from clinic.booking.times import UTC
from clinic.models import Conversation
from clinic.services import contacts, effects, history, messages, proofs, requests
from clinic.services.results import Booking, BookResult, Elsewhere, Hold, MoveResult, NoSuchBooking, NotChangeable, Requested, SlotTaken
from knowledge.practice import PRACTICE, Practice

logger = logging.getLogger(__name__)

ALTERNATIVES = 3
LOOK_AHEAD = dt.timedelta(days=7)
SETTLE_AFTER = dt.timedelta(minutes=2)  # a booking that is still being made by then was cut off
REMIND = {"reminder_48": dt.timedelta(hours=48), "reminder_3": dt.timedelta(hours=3)}


class _Taken(Exception):
    """Undoes the transaction it is raised in."""


# ---- finding times


def free_slots(wishes: Wishes, now: dt.datetime) -> FreeSlots:
    """Free times in order. Never raises for a diary that is down: then the times are uncertain and `diary_down` is set."""
    practice = PRACTICE.get()
    if practice.mode == "link":
        return FreeSlots(mode="link")
    start, end = _range(practice, wishes, now)
    busy = {name: list(periods) for name, periods in _busy_here(start, end, now).items()}
    certain, down = practice.mode != "request", False
    diary = diary_of(practice)
    if diary is not None:
        try:
            for name, periods in diary.busy(wanted(practice, wishes), start, end).items():
                busy.setdefault(name, []).extend(periods)
        except DiaryDown as error:
            logger.warning("The diary is down: %s", error)
            certain, down = False, True
    return FreeSlots(free(practice, wishes, now, busy, certain), practice.mode, down)


def _range(practice: Practice, wishes: Wishes, now: dt.datetime) -> Period:
    """The shortest stretch that holds every time wished for."""
    first, last = bounds(practice, now)
    length = dt.timedelta(minutes=practice.minutes)
    if wishes.windows:
        first = max(first, min(start for start, _ in wishes.windows))
        last = max(first, min(last, max(end for _, end in wishes.windows)))
    return first, last + length


def _live(now: dt.datetime) -> Q:
    """Slots that keep others out. A hold without a booking ends by itself; a booking that is being made does not."""
    return Q(state__in=models.Slot.LIVE) & (~Q(state="held") | Q(booking__isnull=False) | Q(hold_until__gt=now))


def _busy_here(start: dt.datetime, end: dt.datetime, now: dt.datetime) -> Dict[str, List[Period]]:
    busy: Dict[str, List[Period]] = {}
    rows = models.Slot.objects.filter(_live(now), starts__lt=end, ends__gt=start).values_list("practitioner", "starts", "ends")
    for practitioner, starts, ends in rows:
        busy.setdefault(practitioner, []).append((starts, ends))
    return busy


def alternatives(practice: Practice, slot: Slot, now: dt.datetime) -> SlotTaken:
    """What to offer instead: the same time with somebody else first, then the next times with the same person, then with anybody."""
    soon = free_slots(Wishes(windows=((slot.start, slot.start + LOOK_AHEAD),), every_practitioner=True), now)
    found = [s for s in soon if s != slot] or free_slots(Wishes(limit=ALTERNATIVES), now)
    found.sort(key=lambda s: (s.start != slot.start, s.practitioner != slot.practitioner, s.start))
    return SlotTaken(tuple(found[:ALTERNATIVES]))


# ---- making


def hold(conversation: str, slot: Slot, key: str, now: dt.datetime) -> Hold | SlotTaken:
    """Keep a time for a few minutes. A conversation keeps one time; a new one lets the former go. With the same key the time runs on."""
    practice = PRACTICE.get()
    if not offered(practice, slot, now):
        return alternatives(practice, slot, now)
    if practice.mode not in ("local", "caldav") or not slot.certain:
        return Hold(slot, now)  # nothing can be kept where nothing is certain
    until = now + dt.timedelta(minutes=practice.hold_minutes)
    try:
        with transaction.atomic():
            _queue(slot.practitioner)
            mine = models.Slot.objects.filter(conversation=Conversation.of(conversation), state="held", booking=None)
            kept = mine.filter(practitioner=slot.practitioner, starts=slot.start, ends=slot.end, hold_until__gt=now).first()
            if kept is not None:
                return Hold(slot, kept.hold_until or until)
            _release_old_holds(slot, now)
            mine.update(state="released", hold_until=None)
            _insert(slot, "held", conversation=Conversation.of(conversation), hold_until=until)
    except _Taken:
        return alternatives(practice, slot, now)
    return Hold(slot, until)


def book(conversation: str, slot: Slot, person: Mapping[str, Any], screening_reference: Optional[str], key: str, now: dt.datetime) -> BookResult:
    """Make an appointment. `person`: name, phone, email, contact_by, area, reminders, all optional and kept as written.

    The same key gives the same booking, even when the first call was cut off in the middle.
    """
    practice = PRACTICE.get()
    digest = effects.key_of(conversation, "book", key)
    reference = effects.outcome(digest)
    if reference is None:
        if practice.mode == "link":
            return Elsewhere(booking_page(practice, slot, person))
        if practice.mode == "request" or not slot.certain:
            details = wish(slot, person, screening_reference)
            reference, _ = effects.once(digest, "book", references.new_reference(), requests.written(conversation, "booking", details, now))
        else:
            begin = partial(_begin, practice, conversation, slot, person, screening_reference, now)
            try:
                reference, _ = effects.once(digest, "book", references.new_reference(), begin)
            except _Taken:
                return alternatives(practice, slot, now)
    booking = models.Booking.objects.filter(reference=reference).first()
    if booking is None:
        return _requested(reference, "mode" if practice.mode == "request" else "diary_down")
    if booking.status == "pending":
        return _finish(practice, booking, digest, now)
    return view(booking, now)


def _begin(
    practice: Practice, conversation: str, slot: Slot, person: Mapping[str, Any], screening_reference: Optional[str], now: dt.datetime, reference: str
) -> None:
    if not offered(practice, slot, now):
        raise _Taken
    _queue(slot.practitioner)
    row = Conversation.of(conversation)
    _release_old_holds(slot, now)
    models.Slot.objects.filter(conversation=row, state="held", booking=None).update(state="released", hold_until=None)
    booking = models.Booking.objects.create(
        reference=reference,
        conversation=row,
        contact=dict(person),
        screening=models.Screening.objects.filter(reference=screening_reference or "", conversation=row).first(),
        reminders=bool(person.get("reminders", True)),
        **contacts.digests_of(person, practice.country),
    )
    if practice.mode == "caldav":
        booking.slot = _insert(slot, "held", booking=booking, hold_until=now + SETTLE_AFTER)
        booking.save(update_fields=["slot"])
        history.note("booking", reference, "begun", history.PERSON, start=slot.start.isoformat(), practitioner=slot.practitioner)
    else:
        booking.slot = _insert(slot, "confirmed", booking=booking)
        _confirm(booking, history.PERSON, now)


def _finish(practice: Practice, booking: models.Booking, digest: str, now: dt.datetime) -> BookResult:
    """Ask the calendar server for the time that a pending booking holds, and write down what came of it."""
    slot = slot_of(booking)
    diary = diary_of(practice)
    entry: Optional[Entry] = None
    trouble: Optional[Exception] = None
    try:
        if diary is not None:
            entry = diary.claim(slot, calendars.uid(booking.reference), diary_text(booking, slot, now))
    except (DiaryDown, TimeTaken) as error:
        trouble = error
    with transaction.atomic():
        booking = models.Booking.objects.select_for_update().get(pk=booking.pk)
        if booking.status != "pending":  # somebody else finished, or gave it up, meanwhile
            if booking.status == "lost":
                messages.calendar(booking.reference, booking.sequence, "late")
        elif trouble is None:
            models.Slot.objects.filter(pk=booking.slot_id or 0).update(state="confirmed", hold_until=None)
            _remember(booking, diary, entry)
            _confirm(booking, history.PERSON, now)
        elif isinstance(trouble, TimeTaken):
            _give_up(booking, "taken in the calendar", clean=trouble.clean)
        else:
            logger.warning("The diary is down: %s", trouble)
            _give_up(booking, "diary down", clean=False)
            details = wish(slot, booking.contact or {}, booking.screening.reference if booking.screening else None)
            reference = references.new_reference()
            # The booking's own conversation: its id is sealed in its row.
            requests.written(booking.conversation.sealed_id if booking.conversation else "", "booking", details, now)(reference)
            models.Effect.objects.create(key=digest, kind="book", reference=reference)
            return _requested(reference, "diary_down")
    if booking.status in ("pending", "lost"):
        return alternatives(practice, slot, now)
    return view(booking, now)


def _give_up(booking: models.Booking, why: str, clean: bool) -> None:
    """A pending booking comes to nothing; its key may be used again."""
    booking.status = "lost"
    booking.save(update_fields=["status", "updated"])
    models.Slot.objects.filter(booking=booking, state="held").update(state="released", hold_until=None)
    effects.forget("book", booking.reference)
    history.note("booking", booking.reference, "not made", history.SYSTEM, why=why)
    if not clean:
        messages.calendar(booking.reference, booking.sequence, "withdraw")


def _confirm(booking: models.Booking, actor: str, now: dt.datetime) -> None:
    booking.status = "confirmed"
    booking.save(update_fields=["status", "slot", "updated"])
    slot = slot_of(booking)
    history.note("booking", booking.reference, "confirmed", actor, start=slot.start.isoformat(), practitioner=slot.practitioner)
    _tell(booking, "booked", slot, now)


def _tell(booking: models.Booking, about: str, slot: Slot, now: dt.datetime) -> None:
    """Mail to the clinic, to the person, and reminders of what is still to come."""
    messages.mail(about, booking.reference, "clinic", booking.sequence, now)
    if not (booking.contact or {}).get("email"):
        return
    messages.mail(about, booking.reference, "person", booking.sequence, now)
    if about != "cancelled" and booking.reminders:
        for name, before in REMIND.items():
            # Whoever books for tomorrow needs no reminder an hour later.
            if slot.start - before > now + dt.timedelta(hours=2):
                messages.mail(name, booking.reference, "person", booking.sequence, slot.start - before)


# ---- looking up


def find(conversation: str, reference: Optional[str], proof: Optional[str], now: dt.datetime) -> List[Booking]:
    """Bookings of this conversation, soonest first; with `reference` that one, if it is its own or `proof` (phone or e-mail) shows it.

    A right proof opens the booking to the conversation for an hour. Raises TooManyTries.
    """
    known = Conversation.known(conversation)
    rows = models.Booking.objects.select_related("slot").exclude(status__in=["pending", "lost"])
    if reference:
        wanted_one = references.read_reference(reference)
        booking = rows.filter(reference=wanted_one).first()
        if booking is not None and proofs.may(known, booking, now):
            return [view(booking, now)]
        if not proof:
            return []
        return [view(booking, now)] if proofs.prove(conversation, wanted_one, booking, proof, PRACTICE.get().country, now) and booking else []
    if known is None:
        return []
    mine = rows.filter(Q(conversation=known) | Q(proof__conversation=known, proof__until__gt=now)).distinct()
    return sorted((view(b, now) for b in mine if b.slot), key=lambda b: (b.status != "confirmed" or b.end < now, b.start))


def _mine(conversation: str, reference: str, now: dt.datetime) -> models.Booking:
    """The booking, locked for a change. Raises NoSuchBooking."""
    booking = models.Booking.objects.select_for_update().exclude(status__in=["pending", "lost"]).filter(reference=references.read_reference(reference)).first()
    if booking is None or not proofs.may(Conversation.known(conversation), booking, now):
        raise NoSuchBooking
    return booking


# ---- changing


def reschedule(conversation: str, reference: str, slot: Slot, key: str, now: dt.datetime) -> MoveResult:
    """Move an appointment. Raises NoSuchBooking and NotChangeable."""
    digest = effects.key_of(conversation, "move", key)
    done = effects.outcome(digest)
    if done is None:
        with transaction.atomic():
            booking = _mine(conversation, reference, now)
        return _move(booking, slot, digest, history.PERSON, now)
    booking_row = models.Booking.objects.filter(reference=done).first()
    if booking_row is None:
        return _requested(done, "diary_down")
    return _finish_move(booking_row, digest, history.PERSON, now)


def move_by_staff(reference: str, slot: Slot, actor: str, now: dt.datetime) -> MoveResult:
    """Staff may use any time that is free, also outside opening hours."""
    booking = models.Booking.objects.get(reference=reference)
    digest = effects.key_of("staff", "move", f"{reference}\0{booking.sequence}\0{slot.start.isoformat()}\0{slot.practitioner}")
    return _move(booking, slot, digest, actor, now)


def _move(booking: models.Booking, slot: Slot, digest: str, actor: str, now: dt.datetime) -> MoveResult:
    practice = PRACTICE.get()
    person = actor == history.PERSON
    if booking.status != "confirmed" or (person and slot_of(booking).start <= now):
        raise NotChangeable(booking.status if booking.status != "confirmed" else "over")
    if (person and practice.mode in ("request", "link")) or not slot.certain:
        details = wish(slot, booking.contact or {}, None)
        conversation = booking.conversation.sealed_id if booking.conversation else ""
        requested, _ = effects.once(digest, "move", references.new_reference(), requests.written(conversation, "booking", details, now, booking))
        return _requested(requested, "mode" if practice.mode == "request" else "diary_down")
    if slot == slot_of(booking):
        return view(booking, now, changed=False)
    if person and not offered(practice, slot, now):
        return alternatives(practice, slot, now)
    try:
        effects.once(digest, "move", booking.reference, partial(_begin_move, practice, booking, slot, actor, now))
    except _Taken:
        return alternatives(practice, slot, now)
    return _finish_move(booking, digest, actor, now)


def _begin_move(practice: Practice, booking: models.Booking, slot: Slot, actor: str, now: dt.datetime, reference: str) -> None:
    _queue(slot.practitioner)
    booking = models.Booking.objects.select_for_update().get(pk=booking.pk)
    if booking.status != "confirmed":
        raise NotChangeable(booking.status)
    _release_old_holds(slot, now)
    models.Slot.objects.filter(conversation=booking.conversation, state="held", booking=None, practitioner=slot.practitioner).update(
        state="released", hold_until=None
    )
    if practice.mode == "caldav":
        if models.Slot.objects.filter(booking=booking, state="held").exists():  # another move of it is under way
            raise _Taken
        _insert(slot, "held", booking=booking, hold_until=now + SETTLE_AFTER)
    else:
        models.Slot.objects.filter(pk=booking.slot_id or 0).update(state="released")
        booking.slot = _insert(slot, "confirmed", booking=booking)
        _moved(booking, actor, now)


def _finish_move(booking: models.Booking, digest: str, actor: str, now: dt.datetime) -> MoveResult:
    practice = PRACTICE.get()
    target = models.Slot.objects.filter(booking=booking, state="held").first()
    booking.refresh_from_db()
    if target is None:
        return view(booking, now)
    new, old = _slot(target), slot_of(booking)
    diary = diary_of(practice)
    entry: Optional[Entry] = None
    trouble: Optional[Exception] = None
    try:
        if diary is not None:
            entry = diary.move(old, new, calendars.uid(booking.reference), diary_text(booking, new, now, booking.sequence + 1))
    except (DiaryDown, TimeTaken) as error:
        trouble = error
    with transaction.atomic():
        booking = models.Booking.objects.select_for_update().get(pk=booking.pk)
        still = models.Slot.objects.filter(pk=target.pk, state="held").exists()
        if not still or booking.status != "confirmed":
            messages.calendar(booking.reference, booking.sequence, f"late {target.pk}")
        elif trouble is None:
            models.Slot.objects.filter(pk=booking.slot_id or 0).update(state="released")
            models.Slot.objects.filter(pk=target.pk).update(state="confirmed", hold_until=None)
            booking.slot = target
            _remember(booking, diary, entry)
            _moved(booking, actor, now)
        else:
            _stay(booking, target, clean=isinstance(trouble, TimeTaken) and trouble.clean)
            if isinstance(trouble, DiaryDown):
                logger.warning("The diary is down: %s", trouble)
                reference = references.new_reference()
                conversation = booking.conversation.sealed_id if booking.conversation else ""
                requests.written(conversation, "booking", wish(new, booking.contact or {}, None), now, booking)(reference)
                models.Effect.objects.create(key=digest, kind="move", reference=reference)
                return _requested(reference, "diary_down")
            return alternatives(practice, new, now)
    return view(booking, now)


def _stay(booking: models.Booking, target: models.Slot, clean: bool) -> None:
    """A move comes to nothing: the appointment keeps its time."""
    models.Slot.objects.filter(pk=target.pk).update(state="released", hold_until=None)
    effects.forget("move", booking.reference)
    history.note("booking", booking.reference, "not moved", history.SYSTEM)
    if not clean:
        messages.calendar(booking.reference, booking.sequence, f"stay {target.pk}")


def _moved(booking: models.Booking, actor: str, now: dt.datetime) -> None:
    booking.sequence += 1
    booking.save(update_fields=["slot", "sequence", "updated"])
    slot = slot_of(booking)
    history.note("booking", booking.reference, "moved", actor, start=slot.start.isoformat(), practitioner=slot.practitioner)
    messages.drop(booking.reference, "reminder")
    _tell(booking, "moved", slot, now)


def cancel(conversation: str, reference: str, key: str, now: dt.datetime) -> Booking:
    """Cancelling twice is one cancellation; the second answer has `changed` False. Raises NoSuchBooking and NotChangeable."""
    digest = effects.key_of(conversation, "cancel", key)
    with transaction.atomic():
        booking = _mine(conversation, reference, now)
        if booking.status == "confirmed" and slot_of(booking).start <= now:
            raise NotChangeable("over")
        repeated = effects.outcome(digest) is not None
        changed = _cancel(booking, history.PERSON, now)
        if changed:
            models.Effect.objects.create(key=digest, kind="cancel", reference=booking.reference)
    return view(booking, now, changed=changed or repeated)


def cancel_by_staff(reference: str, actor: str, now: dt.datetime) -> Booking:
    """Raises NotChangeable."""
    with transaction.atomic():
        booking = models.Booking.objects.select_for_update().get(reference=reference)
        changed = _cancel(booking, actor, now)
    return view(booking, now, changed)


def _cancel(booking: models.Booking, actor: str, now: dt.datetime) -> bool:
    if booking.status == "cancelled":
        return False
    if booking.status != "confirmed":
        raise NotChangeable(booking.status)
    slot = slot_of(booking)
    booking.status, booking.sequence = "cancelled", booking.sequence + 1
    booking.save(update_fields=["status", "sequence", "updated"])
    models.Slot.objects.filter(booking=booking, state__in=["held", "confirmed"]).update(state="released", hold_until=None)
    history.note("booking", booking.reference, "cancelled", actor, start=slot.start.isoformat())
    messages.drop(booking.reference)
    _tell(booking, "cancelled", slot, now)
    if booking.externals.exists() or PRACTICE.get().mode == "caldav":
        messages.calendar(booking.reference, booking.sequence, "withdraw")
    return True


def book_by_staff(slot: Slot, person: Mapping[str, Any], actor: str, key: str, now: dt.datetime) -> models.Booking | None:
    """An appointment that staff make, at any free time. None if the time is taken. Raises DiaryDown."""
    practice = PRACTICE.get()
    digest = effects.key_of("staff", "book", key)

    def do(reference: str) -> None:
        _queue(slot.practitioner)
        _release_old_holds(slot, now)
        booking = models.Booking.objects.create(
            reference=reference,
            contact=dict(person),
            reminders=bool(person.get("reminders", True)),
            **contacts.digests_of(person, practice.country),
        )
        booking.slot = _insert(slot, "confirmed", booking=booking)
        _confirm(booking, actor, now)
        if practice.mode == "caldav":
            messages.calendar(reference, booking.sequence, "enter")

    try:
        reference, _ = effects.once(digest, "book", references.new_reference(), do)
    except _Taken:
        return None
    return models.Booking.objects.get(reference=reference)


def mark(reference: str, attended: bool, actor: str) -> models.Booking:
    """Whether the person came. Raises NotChangeable for what was cancelled."""
    with transaction.atomic():
        booking = models.Booking.objects.select_for_update().get(reference=reference)
        if booking.status not in ("confirmed", "attended", "no_show"):
            raise NotChangeable(booking.status)
        status = "attended" if attended else "no_show"
        if booking.status != status:
            booking.status = status
            booking.save(update_fields=["status", "updated"])
            history.note("booking", reference, "came" if attended else "did not come", actor)
            messages.drop(reference, "reminder")
        return booking


def correct_contact(reference: str, person: Mapping[str, Any], actor: str) -> None:
    """Staff mend a name, a number or an address."""
    with transaction.atomic():
        booking = models.Booking.objects.select_for_update().get(reference=reference)
        if {**(booking.contact or {}), **person} != (booking.contact or {}):
            booking.contact = {**(booking.contact or {}), **person}
            for column, value in contacts.digests_of(booking.contact, PRACTICE.get().country).items():
                setattr(booking, column, value)
            booking.save()
            history.note("booking", reference, "contact corrected", actor)


def stop_reminders(reference: str, actor: str) -> bool:
    """No more reminders for this appointment; safe to repeat. False if there is no such booking."""
    with transaction.atomic():
        changed = models.Booking.objects.filter(reference=reference, reminders=True).update(reminders=False)
        if changed:
            messages.drop(reference, "reminder")
            history.note("booking", reference, "reminders stopped", actor)
    return bool(changed) or models.Booking.objects.filter(reference=reference).exists()


def stop_my_reminders(conversation: str, reference: str, now: dt.datetime) -> Booking:
    """Raises NoSuchBooking."""
    with transaction.atomic():
        booking = _mine(conversation, reference, now)
        stop_reminders(booking.reference, history.PERSON)
    booking.refresh_from_db()
    return view(booking, now)


def block(practitioner: str, start: dt.datetime, end: dt.datetime, note: str, actor: str, now: dt.datetime) -> Optional[models.Slot]:
    """Close a piece of a diary. None if something live is in it."""
    zone = PRACTICE.get().zone
    try:
        with transaction.atomic():
            slot = Slot(start.astimezone(UTC), practitioner, end.astimezone(UTC), zone)
            _queue(practitioner)
            _release_old_holds(slot, now)
            row = _insert(slot, "blocked", note=note)
            history.note("diary", str(row.pk), "closed", actor, start=slot.start.isoformat(), end=slot.end.isoformat(), practitioner=practitioner)
            return row
    except _Taken:
        return None


def unblock(slot: models.Slot, actor: str) -> None:
    with transaction.atomic():
        if models.Slot.objects.filter(pk=slot.pk, state="blocked").update(state="released"):
            history.note("diary", str(slot.pk), "opened", actor, start=slot.starts.isoformat(), practitioner=slot.practitioner)


def settle_cut_off(now: dt.datetime) -> int:
    """Give up bookings and moves that were cut off and never tried again; let old holds go. Returns how many."""
    count = 0
    for row in models.Slot.objects.filter(state="held", hold_until__lt=now).select_related("booking"):
        with transaction.atomic():
            if not models.Slot.objects.select_for_update().filter(pk=row.pk, state="held", hold_until__lt=now).exists():
                continue
            count += 1
            if row.booking is None:
                models.Slot.objects.filter(pk=row.pk).update(state="released", hold_until=None)
            elif row.booking.status == "pending":
                _give_up(row.booking, "cut off", clean=False)
            else:
                _stay(row.booking, row, clean=False)
    return count


# ---- shared by the above


def _queue(practitioner: str) -> None:
    """Writers to one diary come one after the other. On PostgreSQL two that insert at once could otherwise block each other for a second."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"diary {practitioner}"])


def _release_old_holds(slot: Slot, now: dt.datetime) -> None:
    """Holds of others that have run out no longer count."""
    models.Slot.objects.filter(
        practitioner=slot.practitioner, state="held", booking=None, hold_until__lte=now, starts__lt=slot.end, ends__gt=slot.start
    ).update(state="released", hold_until=None)


def _insert(slot: Slot, state: str, **others: Any) -> models.Slot:
    """Raises _Taken when the database refuses because the time is taken."""
    try:
        with transaction.atomic():
            return models.Slot.objects.create(practitioner=slot.practitioner, starts=slot.start, ends=slot.end, zone=slot.zone, state=state, **others)
    except IntegrityError as error:
        if "clinic_slot_overlap" in str(error):
            raise _Taken from error
        raise


def _remember(booking: models.Booking, diary: Optional[Diary], entry: Optional[Entry]) -> None:
    if diary is not None and entry is not None:
        models.External.objects.update_or_create(
            booking=booking,
            provider=diary.provider,
            defaults={"href": entry.href, "etag": entry.etag, "uid": calendars.uid(booking.reference), "sequence": booking.sequence},
        )


def _slot(row: models.Slot) -> Slot:
    return Slot(row.starts, row.practitioner, row.ends, row.zone)


def slot_of(booking: models.Booking) -> Slot:
    """Its time, which a booking that is not `pending` always has."""
    assert booking.slot is not None
    return _slot(booking.slot)


def diary_text(booking: models.Booking, slot: Slot, now: dt.datetime, sequence: Optional[int] = None) -> str:
    return calendars.for_diary(booking.reference, slot, booking.sequence if sequence is None else sequence, links.to("booking", booking.reference), now)


def wish(slot: Slot, person: Mapping[str, Any], screening_reference: Optional[str]) -> Dict[str, Any]:
    """The details of a request for a time."""
    details: Dict[str, Any] = {"wish": slot.to_json(), "spoken": slot.spoken, "contact": dict(person)}
    return {**details, "screening": screening_reference} if screening_reference else details


def _requested(reference: str, why: str) -> Requested:
    due = models.Request.objects.values_list("due", flat=True).get(reference=reference)
    return Requested(reference, references.shown(reference), due, why)


def booking_page(practice: Practice, slot: Slot, person: Mapping[str, Any]) -> str:
    """The clinic's own page with what it may know: `{name}`, `{email}`, `{phone}`, `{date}` and `{time}` of `link`, never a health answer."""
    fields: Dict[str, str] = {name: str(person.get(name) or "") for name in ("name", "email", "phone")}
    fields.update(date=f"{slot.local:%Y-%m-%d}", time=f"{slot.local:%H:%M}")
    url = practice.link
    for name, value in fields.items():
        url = url.replace("{" + name + "}", quote(value, safe=""))
    return url


def view(booking: models.Booking, now: dt.datetime, changed: bool = True) -> Booking:
    """What the person may see."""
    practice, slot = PRACTICE.get(), slot_of(booking)
    cancelled = booking.status == "cancelled"
    return Booking(
        reference=booking.reference,
        shown=references.shown(booking.reference),
        status=booking.status,
        start=slot.start,
        end=slot.end,
        zone=slot.zone,
        practitioner=slot.practitioner,
        sequence=booking.sequence,
        spoken=slot.spoken,
        calendar=calendars.for_person(booking.reference, slot, booking.sequence, practice, booking.updated, cancelled),
        mail=bool((booking.contact or {}).get("email")) and links.mail_is_set_up(),
        reminders=booking.reminders,
        late=slot.start - now < dt.timedelta(hours=practice.cancellation_hours),
        changed=changed,
    )


def upcoming(bookings: Sequence[Booking], now: dt.datetime) -> List[Booking]:
    """Those that can still be changed."""
    return [b for b in bookings if b.status == "confirmed" and b.start > now]


def settle_diary(reference: str, now: dt.datetime) -> bool:
    """Make the clinic's calendar agree with a booking, whatever was cut off before. False if there is nothing to settle.

    Raises DiaryDown and TimeTaken.
    """
    diary = diary_of(PRACTICE.get())
    booking = models.Booking.objects.filter(reference=reference).first()
    if diary is None or booking is None or booking.slot is None:
        return False
    if booking.status == "pending" or models.Slot.objects.filter(booking=booking, state="held").exists():
        raise DiaryDown("a change of it is under way")  # it ends by itself, or is settled as cut off
    wanted_slot = slot_of(booking) if booking.status in ("confirmed", "attended", "no_show") else None
    every = [_slot(row) for row in models.Slot.objects.filter(booking=booking)]
    entry = diary.settle(wanted_slot, [s for s in every if s != wanted_slot], calendars.uid(reference), diary_text(booking, slot_of(booking), now))
    with transaction.atomic():
        _remember(booking, diary, entry)
        if entry is None:
            models.External.objects.filter(booking=booking, provider=diary.provider).delete()
    return True
