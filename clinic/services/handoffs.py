"""Somebody needs a person: raised by the bot, taken and closed by staff; while it is taken the bot is quiet."""

import datetime as dt
from typing import Any, Dict, List, Mapping, Optional

from django.db import IntegrityError, transaction

from clinic import references
from clinic.models import Conversation, Handoff
from clinic.practice import PRACTICE
from clinic.services import contacts, effects, history, messages

# A conversation that is paused stops before it listens again; resuming alone leaves it deaf and makes it hand off once more.
PAUSE: List[Dict[str, Any]] = [{"event": "pause"}]
RESUME: List[Dict[str, Any]] = [{"event": "resume"}, {"event": "action", "name": "action_listen"}]


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


def state(conversation: str) -> Optional[str]:
    """ "taken" while staff talk in it, "open" while somebody waits for them, else None."""
    known = Conversation.known(conversation)
    found = set(Handoff.objects.filter(conversation=known).exclude(status="closed").values_list("status", flat=True)) if known else set()
    return "taken" if "taken" in found else "open" if found else None


def take(reference: str, user: Any, now: dt.datetime) -> Handoff:
    """The bot falls quiet and `user` answers. Taking one's own again changes nothing. Raises AlreadyTaken."""
    with transaction.atomic():
        handoff = Handoff.objects.select_for_update(of=("self",)).select_related("taken_by").get(reference=reference)
        if handoff.status == "taken":
            if handoff.taken_by_id == user.pk:
                return handoff
            raise AlreadyTaken(handoff.taken_by.get_username() if handoff.taken_by else "somebody else")
        other = Handoff.objects.filter(conversation=handoff.conversation, status="taken").select_related("taken_by").first()
        if other is not None and other.taken_by_id != user.pk:
            raise AlreadyTaken(other.taken_by.get_username() if other.taken_by else "somebody else")
        if other is not None:
            close(other.reference, user, now, resume=False)
        handoff.status, handoff.taken_by, handoff.taken_at, handoff.closed_at = "taken", user, now, None
        try:
            with transaction.atomic():
                handoff.save()
        except IntegrityError as error:
            raise AlreadyTaken("somebody else") from error
        history.note("handoff", reference, "taken", user.get_username())
        messages.talk("pause", reference)
        return handoff


def close(reference: str, user: Any, now: dt.datetime, resume: bool = True) -> Handoff:
    """Done; if staff had taken it, the bot comes back. Closing twice changes nothing."""
    with transaction.atomic():
        handoff = Handoff.objects.select_for_update().get(reference=reference)
        if handoff.status == "closed":
            return handoff
        was_taken = handoff.status == "taken"
        handoff.status, handoff.closed_at = "closed", now
        handoff.save()
        history.note("handoff", reference, "closed", user.get_username())
        if was_taken and resume:
            messages.talk("resume", reference)
        return handoff
