"""Somebody needs a person: raised by the bot, taken, talked in and given back by staff; while it is taken the bot is quiet."""

import datetime as dt
import secrets
from typing import Any, Dict, List, Mapping, Optional, Tuple

from django.db import IntegrityError, transaction
from django.utils import timezone

from clinic import conversations, references, texts
from clinic.models import Conversation, Handoff, History, Message
from clinic.services import contacts, effects, history, messages
from knowledge.practice import PRACTICE

# A conversation that is paused stops before it listens again; resuming alone leaves it deaf and makes it hand off once more.
PAUSE: List[Dict[str, Any]] = [{"event": "pause"}]
RESUME: List[Dict[str, Any]] = [{"event": "resume"}, {"event": "action", "name": "action_listen"}]


LONGEST = 2000  # characters that staff may write at once
LEFT_ALONE_AFTER = dt.timedelta(hours=2)  # without a word from staff the bot comes back


class NotYours(Exception):
    """The hand-off is not taken, or by another member of staff: `by` is their login, or empty."""

    def __init__(self, by: str):
        super().__init__(by)
        self.by = by


class NotReached(Exception):
    """The person's chat cannot be reached now; nothing was said."""


class AlreadyTaken(Exception):
    """Another member of staff has it; `by` is their login."""

    def __init__(self, by: str):
        super().__init__(by)
        self.by = by


def raise_handoff(conversation: str, reason: str, urgency: str, summary: str, contact: Optional[Mapping[str, Any]], key: str) -> str:
    """Returns the reference. `urgency`: "normal" or "urgent"; anything else raises ValueError."""
    if urgency not in Handoff.Urgency.values:
        raise ValueError(f"urgency is normal or urgent, not {urgency!r}")

    def do(reference: str) -> None:
        Handoff.objects.create(
            reference=reference,
            conversation=Conversation.of(conversation),
            urgency=urgency,
            reason=reason,
            summary=summary,
            contact=dict(contact) if contact else None,
            **contacts.digests_of(contact, PRACTICE.get().country),
        )
        history.note("handoff", reference, "raised", history.PERSON, urgency=urgency)
        messages.mail("handoff_urgent" if urgency == "urgent" else "handoff", reference, "clinic")

    return effects.once(effects.key_of(conversation, "handoff", key), "handoff", references.new_reference(), do)[0]


def call(conversation: str, reason: str, summary: str, contact: Optional[Mapping[str, Any]], key: str) -> Tuple[str, bool]:
    """Somebody would like a person. Returns the reference, and whether staff had been told of this conversation before: nobody is called twice."""
    known = Conversation.known(conversation)
    waiting = Handoff.objects.filter(conversation=known).exclude(status="closed").order_by("created").first() if known else None
    done = effects.outcome(effects.key_of(conversation, "handoff", key))
    if waiting is not None and done is None:
        if contact and not waiting.contact:
            with transaction.atomic():
                row = _locked(waiting)
                row.contact = dict(contact)
                for column, value in contacts.digests_of(row.contact, PRACTICE.get().country).items():
                    setattr(row, column, value)
                row.save()
        return waiting.reference, True
    return raise_handoff(conversation, reason, "normal", summary, contact, key), False


def state(conversation: str) -> Optional[str]:
    """ "taken" while staff talk in it, "open" while somebody waits for them, else None."""
    known = Conversation.known(conversation)
    found = set(Handoff.objects.filter(conversation=known).exclude(status="closed").values_list("status", flat=True)) if known else set()
    return "taken" if "taken" in found else "open" if found else None


def take(handoff: Handoff, staff: Any, now: Optional[dt.datetime] = None) -> Handoff:
    """The bot falls quiet in that conversation and `staff`, a user, answers. Taking one's own again changes nothing. Raises AlreadyTaken."""
    now = now or timezone.now()
    with transaction.atomic():
        row = _locked(handoff)
        if row.status == "taken":
            if row.taken_by_id == staff.pk:
                return row
            raise AlreadyTaken(_login(row.taken_by))
        other = Handoff.objects.filter(conversation=row.conversation, status="taken").select_related("taken_by").first()
        if other is not None and other.taken_by_id != staff.pk:
            raise AlreadyTaken(_login(other.taken_by))
        if other is not None:
            _close(other, staff, now)
        row.status, row.taken_by, row.taken_at, row.closed_at = "taken", staff, now, None
        try:
            with transaction.atomic():  # the database lets one conversation be taken once, whoever else came to the same idea
                row.save()
        except IntegrityError as error:
            raise AlreadyTaken("somebody else") from error
        history.note("handoff", row.reference, "taken", staff.get_username())
        messages.talk("pause", row.reference)
    _at_once(row)
    return row


def write(handoff: Handoff, staff: Any, text: str, key: str = "", now: Optional[dt.datetime] = None) -> None:
    """Say something to the person, under the name of `staff`. The same `key` (of the form it was typed into) says it once.

    Raises NotYours unless `staff` has taken it, ValueError for an empty or over-long text, NotReached when the chat cannot be reached: then nothing was said.
    """
    text = text.replace("\r\n", "\n").strip()
    if not 0 < len(text) <= LONGEST:
        raise ValueError(f"Write between 1 and {LONGEST} characters.")
    with transaction.atomic():
        row = _locked(handoff)
        if row.status != "taken" or row.taken_by_id != staff.pk:
            raise NotYours(_login(row.taken_by) if row.status == "taken" else "")
        connected = conversations.reach()
        if connected is None:
            raise NotReached("the chat is not connected")
        key = f"{row.reference}:{key or secrets.token_hex(8)}"
        try:
            if Message.objects.filter(kind="talk", subject=row.reference, state="waiting").exists():
                connected.add(row.conversation.sealed_id, arriving(row), f"{row.reference}:{row.taken_at}")
            said = connected.add(row.conversation.sealed_id, [conversations.spoken(text, name_of(staff), key)], key)
        except Exception as error:  # whatever the other side raises: staff must know that nothing was said
            raise NotReached(type(error).__name__) from error
        if said:
            row.save(update_fields=["updated"])
            history.note("handoff", row.reference, "wrote", staff.get_username())


def give_back(handoff: Handoff, staff: Any, now: Optional[dt.datetime] = None) -> Handoff:
    """Staff are done: the bot answers again, and whatever else waited in this conversation is closed with it. Twice changes nothing."""
    now = now or timezone.now()
    with transaction.atomic():
        row = _locked(handoff)
        if row.status != "taken":
            return row
        _close(row, staff, now)
        for other in Handoff.objects.select_for_update().filter(conversation=row.conversation, status="open", created__lte=now):
            _close(other, staff, now)
        messages.talk("resume", row.reference)
    _at_once(row)
    return row


def close(handoff: Handoff, staff: Any, now: Optional[dt.datetime] = None) -> Handoff:
    """Done, in the chat or without it. If staff had taken it, the bot comes back. Closing twice changes nothing."""
    with transaction.atomic():
        row = _locked(handoff)
        if row.status == "taken":
            return give_back(row, staff, now)
        if row.status == "open":
            _close(row, staff, now or timezone.now())
        return row


def left_alone(now: dt.datetime) -> int:
    """Nobody wrote for hours: the bot comes back, and the hand-off waits again for somebody. Returns how many."""
    count = 0
    for row in Handoff.objects.filter(status="taken", updated__lt=now - LEFT_ALONE_AFTER):
        with transaction.atomic():
            row = _locked(row)
            if row.status == "taken" and row.updated < now - LEFT_ALONE_AFTER:
                row.status, row.taken_by, row.taken_at = "open", None, None
                row.save()
                history.note("handoff", row.reference, "left alone", history.SYSTEM)
                messages.talk("resume", row.reference)
                messages.mail("handoff_again", row.reference, "clinic", count_of(row))
                count += 1
    return count


def count_of(handoff: Handoff) -> int:
    """How often it was taken."""
    return History.objects.filter(subject_kind="handoff", subject=handoff.reference, what="taken").count()


def arriving(handoff: Handoff) -> List[Dict[str, Any]]:
    """The bot is quiet, and the person is told who speaks now."""
    name = name_of(handoff.taken_by)
    return [*PAUSE, conversations.spoken(texts.TALK["arrived"].format(name=name), "", f"{handoff.reference}:{handoff.taken_at}:arrived")]


def leaving(handoff: Handoff, when: str, unfinished: bool) -> List[Dict[str, Any]]:
    """The bot listens again, and says so; a form that was open is offered."""
    said = texts.TALK["left_unfinished" if unfinished else "left"]
    buttons = [{"title": texts.TALK["go_on"], "payload": texts.TALK["go_on"].lower()}] if unfinished else []
    return [conversations.spoken(said, "", f"{handoff.reference}:{when}:left", buttons), *RESUME]


def name_of(staff: Any) -> str:
    """How staff are called towards a person: never by their login."""
    return " ".join((staff.get_full_name() if staff else "").split()) or texts.TALK["somebody"]


def _login(staff: Any) -> str:
    return staff.get_username() if staff else "somebody else"


def _locked(handoff: Handoff) -> Handoff:
    return Handoff.objects.select_for_update(of=("self",)).select_related("taken_by", "conversation").get(pk=handoff.pk)


def _close(row: Handoff, staff: Any, now: dt.datetime) -> None:
    row.status, row.closed_at = "closed", now
    row.save()
    history.note("handoff", row.reference, "closed", staff.get_username())


def _at_once(row: Handoff) -> None:
    """What the bot must know is told now, not when the outbox comes round; if that fails, the outbox tries again."""
    from clinic.outbox import Worker

    transaction.on_commit(lambda: Worker().talk_now(row.reference), robust=True)
