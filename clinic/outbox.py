"""Sends what the records have to say to the world: `python -m clinic.outbox`, a process of its own that may be killed at any moment.

A message is claimed for a short while, sent, and marked. Whoever dies in between leaves the claim to run out, and another tries again;
Message-ID and calendar UID come from the reference, so what arrives twice is recognised as one.
"""

import asyncio
import datetime as dt
import logging
import random
import re
import secrets
import sys
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple, Type

from clinic import worker

logger = logging.getLogger("clinic.outbox")

LEASE = dt.timedelta(minutes=2)  # longer than any attempt lasts
SEND_WITHIN = 30  # seconds for one mail
FIRST_WAIT, LONGEST_WAIT = 30, 3600  # seconds between attempts, doubling
MOST_ATTEMPTS = 40  # a day and a half
POLL = 2.0  # seconds
TIDY_EVERY = dt.timedelta(minutes=1)
PURGE_EVERY = dt.timedelta(hours=6)


class Later(Exception):
    """Not now. `blocked`: the server itself is the trouble, so other messages need not be tried either."""

    def __init__(self, why: str, blocked: bool = False):
        super().__init__(why)
        self.blocked = blocked


class Never(Exception):
    """Trying again cannot help."""


@dataclass(frozen=True)
class Waited:
    """What one round did."""

    sent: int
    later: int
    failed: int
    dropped: int


def wait_before(attempt: int) -> dt.timedelta:
    """How long to wait after attempt number `attempt` (from 1), with some scatter."""
    seconds = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt - 1, 12))
    return dt.timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 (no secret)


def without_addresses(text: str) -> str:
    """A server's answer as it may be shown: e-mail addresses taken out, one line, at most 200 characters."""
    return re.sub(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+", "(address)", " ".join(text.split()))[:200]


class Worker:
    """One sender. Several may run beside each other."""

    def __init__(self, lease: dt.timedelta = LEASE) -> None:
        self.name = secrets.token_hex(8)
        self.lease = lease
        self.mail_rests_until: Optional[dt.datetime] = None

    def round(self, now: Optional[dt.datetime] = None) -> Waited:
        """Send everything that is due, each once."""
        counts = {"sent": 0, "later": 0, "failed": 0, "dropped": 0}
        tried: List[int] = []
        while (message := self.claim(now or _now(), tried)) is not None:
            tried.append(message.pk)
            counts[self.send(message, now or _now())] += 1
        return Waited(**counts)

    def claim(self, now: dt.datetime, but: List[int]) -> Any:
        """The message that is due longest, kept from others for the length of the lease; None if there is none."""
        from django.db.models import Q

        from clinic import links
        from clinic.models import Message

        free = Q(claimed_until=None) | Q(claimed_until__lt=now)
        due = Message.objects.filter(free, state="waiting", next_try__lte=now).exclude(pk__in=but)
        if not links.mail_is_set_up() or (self.mail_rests_until and now < self.mail_rests_until):
            due = due.exclude(kind="mail")
        for pk in due.order_by("next_try").values_list("pk", flat=True)[:5]:
            mine = Message.objects.filter(free, pk=pk, state="waiting").update(claimed_until=now + self.lease, claimed_by=self.name)
            if mine:
                return Message.objects.get(pk=pk)
        return None

    def send(self, message: Any, now: dt.datetime) -> str:
        """Try it and write down what came of it: sent, later, failed or dropped."""
        try:
            done = {"mail": self._mail, "calendar": self._calendar, "talk": self._talk}[message.kind](message, now)
            self._mark(message, state="done" if done else "dropped", done_at=_now(), error="")
            return "sent" if done else "dropped"
        except Later as trouble:
            if trouble.blocked:
                self.mail_rests_until = now + dt.timedelta(seconds=FIRST_WAIT)
            attempts = message.attempts + 1
            if attempts < MOST_ATTEMPTS:
                self._mark(message, attempts=attempts, next_try=now + wait_before(attempts), error=without_addresses(str(trouble)))
                return "later"
            return self._fail(message, attempts, str(trouble))
        except Never as trouble:
            return self._fail(message, message.attempts + 1, str(trouble))

    def _mark(self, message: Any, **values: Any) -> None:
        from clinic.models import Message

        Message.objects.filter(pk=message.pk, claimed_by=self.name).update(claimed_until=None, claimed_by="", **values)

    def _fail(self, message: Any, attempts: int, why: str) -> str:
        """Staff must see it: in the outbox, in the history, and, if it was not to them, in a mail."""
        from django.db import transaction

        from clinic.services import history, messages

        with transaction.atomic():
            self._mark(message, state="failed", attempts=attempts, done_at=_now(), error=without_addresses(why))
            history.note("message", message.subject, "not delivered", history.SYSTEM, about=message.about, recipient=message.recipient)
            if message.kind == "mail" and message.recipient == "person":
                messages.mail("undelivered", message.subject, "clinic", message.sequence)
            elif message.kind == "calendar":
                messages.mail("calendar_trouble", message.subject, "clinic", message.sequence)
        logger.warning("A message could not be delivered; staff see it in the outbox.")
        return "failed"

    def _mail(self, message: Any, now: dt.datetime) -> bool:
        import aiosmtplib

        from clinic import mail
        from knowledge.practice import PRACTICE

        try:
            composed = mail.compose(message, PRACTICE.get(), now)
        except mail.Undeliverable as error:
            raise Never(str(error)) from error
        if composed is None:
            return False
        try:
            asyncio.run(self._deliver(composed))
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            raise (Never if all(code >= 500 for code in codes) else Later)("; ".join(f"{r.code} {r.message}" for r in error.recipients)) from error
        except (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as error:
            raise (Never if error.code >= 500 else Later)(f"{error.code} {error.message}") from error
        except aiosmtplib.SMTPResponseException as error:
            raise Later(f"{error.code} {error.message}", blocked=True) from error
        except UnicodeError as error:
            raise Never("the mail server does not take this address") from error
        except (aiosmtplib.SMTPException, OSError, asyncio.TimeoutError) as error:
            raise Later(f"the mail server cannot be reached ({type(error).__name__})", blocked=True) from error
        return True

    async def _deliver(self, composed: Any) -> None:
        import aiosmtplib
        from django.conf import settings

        # As bytes: aiosmtplib would write the message out by a policy of its own, which breaks long links.
        await aiosmtplib.send(
            composed.as_bytes(),
            sender=composed["From"].addresses[0].addr_spec,
            recipients=[address.addr_spec for address in composed["To"].addresses],
            hostname=settings.SMTP_HOST,
            port=settings.SMTP_PORT,
            username=settings.SMTP_USER or None,
            password=settings.SMTP_PASSWORD or None,
            use_tls=settings.SMTP_SECURITY == "tls",
            start_tls=settings.SMTP_SECURITY == "starttls",
            timeout=SEND_WITHIN,
        )

    def _calendar(self, message: Any, now: dt.datetime) -> bool:
        from clinic.booking.diaries import DiaryDown, TimeTaken
        from clinic.services import bookings

        try:
            return bookings.settle_diary(message.subject, now)
        except DiaryDown as error:
            raise Later(f"the calendar server did not do it: {error}") from error
        except TimeTaken as error:
            raise Never("somebody else has this time in the calendar") from error

    def talk_now(self, reference: str) -> None:
        """Tell the bot at once that staff came to, or left, the conversation of a hand-off."""
        from clinic.models import Message

        now = _now()
        for pk in Message.objects.filter(kind="talk", subject=reference, state="waiting").order_by("pk").values_list("pk", flat=True):
            if Message.objects.filter(pk=pk, state="waiting", claimed_until=None).update(claimed_until=now + self.lease, claimed_by=self.name):
                self.send(Message.objects.get(pk=pk), now)

    def _talk(self, message: Any, now: dt.datetime) -> bool:
        """Bring the conversation into line with what is true now: whoever came first to an old message must not undo a newer one."""
        from clinic import conversations
        from clinic.models import Handoff
        from clinic.services import handoffs, retention

        if message.about == "forgotten":
            retention.wipe_again(message.dedupe_key.split(":")[1])
            return True
        connected = conversations.reach()
        handoff = Handoff.objects.select_related("conversation", "taken_by").filter(reference=message.subject).first()
        if connected is None or handoff is None:
            return False
        talk, who = handoff.conversation.sealed_id, Handoff.objects.filter(conversation=handoff.conversation, status="taken")
        try:
            if message.about == "pause":
                return handoff.status == "taken" and (connected.add(talk, handoffs.arriving(handoff), f"{handoff.reference}:{handoff.taken_at}") or True)
            if who.exists():
                return False
            connected.add(talk, handoffs.leaving(handoff, message.dedupe_key, bool(connected.open_form(talk))), message.dedupe_key)
            return True
        except Exception as error:  # whatever the other side raises, it is tried again
            raise Later(f"the bot did not take it ({type(error).__name__})") from error


def _now() -> dt.datetime:
    return dt.datetime.now(tz=dt.timezone.utc)


class Sending:
    """The sender as a process, with what else has its hour: unfinished bookings, hand-offs that were left alone, what has grown old."""

    away: Tuple[Type[Exception], ...] = ()

    def __init__(self, poll: float = POLL):
        self.worker, self.poll = Worker(), poll
        self.tidied = self.purged = _now() - PURGE_EVERY

    def step(self) -> float:
        from clinic.services import bookings, handoffs, retention

        if _now() - self.tidied >= TIDY_EVERY:
            bookings.settle_cut_off(_now())
            handoffs.left_alone(_now())
            self.tidied = _now()
        if _now() - self.purged >= PURGE_EVERY:
            retention.purge(_now())
            self.purged = _now()
        self.worker.round()
        return self.poll

    def once(self) -> str:
        done = self.worker.round()
        return f"sent {done.sent}, to be tried again {done.later}, not deliverable {done.failed}, no longer needed {done.dropped}"


def main(arguments: List[str]) -> None:
    worker.main(arguments, "python -m clinic.outbox", str(__doc__), Sending)


if __name__ == "__main__":
    main(sys.argv[1:])
