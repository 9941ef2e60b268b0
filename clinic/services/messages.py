"""The outbox, from inside: what must leave the house is written beside what caused it, in the same transaction."""

import datetime as dt
from typing import Optional

from django.utils import timezone

from clinic.models import Message

SOON = dt.timedelta(seconds=4)


def mail(about: str, subject: str, recipient: str, sequence: int = 0, at: Optional[dt.datetime] = None) -> None:
    """A mail to the "person" or the "clinic" about what has the reference `subject`; the text is made when it leaves."""
    _put(Message.Kind.MAIL, about, subject, recipient, sequence, at)


def calendar(subject: str, sequence: int, why: str) -> None:
    """Bring the clinic's calendar into line with a booking. `why` tells two reasons for one sequence apart."""
    _put(Message.Kind.CALENDAR, why, subject, "calendar", sequence, None)


def talk(about: str, subject: str) -> None:
    """Pause or resume the bot in the conversation of a hand-off."""
    turn = Message.objects.filter(kind="talk", subject=subject).count()
    _put(Message.Kind.TALK, about, subject, "bot", turn, None)


def forgotten(conversation_digest: str, now: dt.datetime) -> None:
    """Look once more, in a moment, that nothing of a forgotten conversation was being copied while it was erased."""
    Message.objects.get_or_create(
        dedupe_key=f"forgotten:{conversation_digest}:{now:%H%M%S%f}",
        defaults={"kind": Message.Kind.TALK, "about": "forgotten", "subject": "", "recipient": "bot", "next_try": timezone.now() + SOON},
    )


def _put(kind: str, about: str, subject: str, recipient: str, sequence: int, at: Optional[dt.datetime]) -> None:
    Message.objects.get_or_create(
        dedupe_key=f"{subject}:{sequence}:{about}:{recipient}",
        defaults={
            "kind": kind,
            "about": about,
            "subject": subject,
            "recipient": recipient,
            "sequence": sequence,
            "next_try": at or timezone.now(),
        },
    )


def drop(subject: str, about_prefix: str = "") -> int:
    """What still waits about `subject` is no longer needed. Returns how many."""
    waiting = Message.objects.filter(subject=subject, state="waiting", kind="mail", about__startswith=about_prefix)
    return waiting.update(state="dropped", done_at=timezone.now())
