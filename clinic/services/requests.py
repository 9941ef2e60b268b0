"""Requests that staff must answer by a day: complaints, erasures, call-backs, and bookings that a person must confirm."""

import datetime as dt
from typing import Any, Callable, Mapping, Optional, Tuple

from django.db import transaction

from clinic import references
from clinic.booking.times import wall
from clinic.models import Booking, Conversation, Request
from clinic.services import contacts, effects, history, messages
from knowledge.practice import PRACTICE, Practice

OPEN_DAYS = ("booking", "callback")  # counted in days on which somebody is there; the others in calendar days


def due_day(practice: Practice, kind: str, now: dt.datetime) -> dt.date:
    """The clinic's calendar day by which `kind` must be answered.

    Calendar days that end on a closed day end on the open day before: the law does not wait for the clinic to open.
    """
    days = dict(practice.answer_days)[kind]
    today = wall(now, practice.zone).date()
    if kind in OPEN_DAYS:
        day, left = today, days
        for _ in range(400):
            if left <= 0 and practice.open_on(day):
                return day
            day += dt.timedelta(days=1)
            left -= practice.open_on(day)
        return today + dt.timedelta(days=days)
    last = today + dt.timedelta(days=days)
    day = last
    while day > today and not practice.open_on(day):
        day -= dt.timedelta(days=1)
    return day if day > today else last


def open_request(conversation: str, kind: str, details: Mapping[str, Any], key: str, now: dt.datetime) -> Tuple[str, dt.date]:
    """Returns reference and due day. `details` may hold `contact` (name, phone, email …). Raises ValueError for a kind nobody knows."""
    if kind not in Request.Kind.values:
        raise ValueError(f"{kind!r} is no kind of request")
    reference, _ = effects.once(
        effects.key_of(conversation, "request", f"{key}\0{kind}"), "request", references.new_reference(), written(conversation, kind, details, now)
    )
    return reference, Request.objects.values_list("due", flat=True).get(reference=reference)


def add(conversation: str, reference: str, details: Mapping[str, Any], key: str) -> None:
    """Add to an open request of this conversation: `words` to what was said before, `contact` to what is known. Once for each key.

    Raises Request.DoesNotExist.
    """

    def do(reference: str) -> None:
        row = Request.objects.select_for_update().get(reference=reference, conversation=Conversation.known(conversation), status="open")
        told = dict(row.details or {})
        if details.get("words"):
            told["words"] = "\n".join(part for part in (told.get("words"), details["words"]) if part)
        row.details = told
        if details.get("contact"):
            row.contact = {**(row.contact or {}), **details["contact"]}
            for column, value in contacts.digests_of(row.contact, PRACTICE.get().country).items():
                setattr(row, column, value)
        row.save()
        history.note("request", reference, "added to", history.PERSON)

    effects.once(effects.key_of(conversation, "add", key), "add", reference, do)


def written(conversation: str, kind: str, details: Mapping[str, Any], now: dt.datetime, booking: Optional[Booking] = None) -> Callable[[str], None]:
    """What writes a request under a reference; to be run inside a transaction."""

    def do(reference: str) -> None:
        practice = PRACTICE.get()
        contact = details.get("contact")
        Request.objects.create(
            reference=reference,
            conversation=Conversation.of(conversation) if conversation else None,
            kind=kind,
            details={name: value for name, value in details.items() if name != "contact"},
            contact=dict(contact) if contact else None,
            due=due_day(practice, kind, now),
            booking=booking,
            **contacts.digests_of(contact, practice.country),
        )
        history.note("request", reference, "opened", history.PERSON, kind=kind)
        messages.mail(f"request_{kind}", reference, "clinic")

    return do


def close(reference: str, done: bool, actor: str, now: dt.datetime) -> Request:
    """Answered, or declined. Closing twice changes nothing."""
    with transaction.atomic():
        request = Request.objects.select_for_update().get(reference=reference)
        if request.status == "open":
            request.status, request.closed_at = ("done" if done else "declined"), now
            request.save()
            history.note("request", reference, request.status, actor)
        return request


def reopen(reference: str, actor: str) -> Request:
    with transaction.atomic():
        request = Request.objects.select_for_update().get(reference=reference)
        if request.status != "open":
            request.status, request.closed_at = "open", None
            request.save()
            history.note("request", reference, "reopened", actor)
        return request
