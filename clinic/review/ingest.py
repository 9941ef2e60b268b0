"""Brings what the bot's events say to the review desk: `python -m clinic.review.ingest`, a process of its own that may be killed at any moment.

A batch and the cursor are one transaction, so each event is taken once whatever happens. The events are read inside that transaction: whoever
erases a person deletes the events first and our rows then, so what is erased cannot come back through a batch that was under way.
"""

import logging
import random
import sys
import time
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple, Type

from clinic import worker

logger = logging.getLogger("clinic.review")

BATCH = 2000  # events in one transaction: a quarter of a second in which bookings wait
POLL = 0.7  # seconds
TALLY_EVERY = 30.0  # seconds


def places_of(practice: Any) -> frozenset[str]:
    """Words of the clinic itself, which are nobody's secret."""
    texts = [practice.name, practice.address, practice.website, *(p.name for p in practice.practitioners)]
    return frozenset(word.strip(".,'’").casefold() for text in texts for word in text.replace("-", " ").split() if word)


class Reader:
    """Reads on from where the last one stopped."""

    def __init__(self, source: Any = None):
        from clinic.review.source import Source
        from knowledge.practice import PRACTICE

        self.source = source or Source()
        self.practice = PRACTICE
        self.touched_days: Set[Any] = set()

    def step(self, limit: int = BATCH) -> int:
        """Take one batch; how many events. Raises SourceAway."""
        from django.db import transaction

        from clinic.review.models import Cursor

        with transaction.atomic():
            Cursor.objects.get_or_create(pk=1)
            cursor = Cursor.objects.select_for_update().get(pk=1)
            self._same_database(cursor)
            events = self.source.after(cursor.last, limit)
            if not events:
                return 0
            self._take(events, cursor.generation)
            cursor.last, cursor.stamp = events[-1].id, events[-1].at
            cursor.save()
        return len(events)

    def _same_database(self, cursor: Any) -> None:
        """A database that was replaced begins anew: its ids mean other events."""
        if not cursor.last:
            return
        stamp = self.source.stamp(cursor.last)
        replaced = stamp is not None and abs(stamp - cursor.stamp) > 0.001
        if replaced or (stamp is None and 0 < self.source.highest() < cursor.last):
            logger.warning("The conversations are another database's than before; reading it from its beginning.")
            cursor.last, cursor.stamp, cursor.generation = 0, 0.0, cursor.generation + 1

    def _take(self, events: Sequence[Any], generation: int) -> None:
        from clinic.review import reading

        places = places_of(self.practice.get())
        conversations = self._conversations({event.sender for event in events})
        sessions = self._latest({row.pk for row in conversations.values()}, generation)
        touched: Dict[str, List[reading.Session]] = {}
        for event in events:
            open_ones = touched.setdefault(event.sender, [])
            session: Optional[reading.Session] = open_ones[-1] if open_ones else sessions.get(conversations[event.sender].pk)
            if reading.begins(session, event):
                known = session.known if session else reading.Known(country=self.practice.get().country)
                session = reading.Session(event.id, event.at, event.at, known=known)
            assert session is not None
            if not open_ones or open_ones[-1] is not session:
                open_ones.append(session)
            reading.read(session, event, places)
        for found in touched.values():
            for session in found:
                if session.learned:
                    reading.mask_again(session, places)
        self._store(conversations, touched, generation, places)

    @staticmethod
    def _conversations(senders: Iterable[str]) -> Dict[str, Any]:
        """The records' row of each conversation, made where there is none."""
        from clinic import sealing
        from clinic.models import Conversation

        names = {digest: sender for sender in senders for digest in sealing.digests("conversation", sender)}
        found = {names[row.digest]: row for row in Conversation.objects.filter(digest__in=list(names))}
        new = [Conversation(digest=sealing.digest("conversation", s), sealed_id=s) for s in senders if s not in found]
        if new:
            Conversation.objects.bulk_create(new, ignore_conflicts=True)
            found.update({names[row.digest]: row for row in Conversation.objects.filter(digest__in=[row.digest for row in new])})
        return found

    @staticmethod
    def _latest(pks: Set[int], generation: int) -> Dict[int, Any]:
        """The last session of each conversation, as it was left."""
        from django.db.models import Max

        from clinic.review import reading
        from clinic.review.models import Talk

        newest = Talk.objects.filter(conversation__in=pks, generation=generation).order_by().values("conversation").annotate(last=Max("pk")).values("last")
        found = {}
        for row in Talk.objects.filter(pk__in=list(newest.values_list("last", flat=True))):
            known = row.known or {}
            found[row.conversation_id] = reading.Session(
                row.first_event,
                row.started.timestamp(),
                row.ended.timestamp(),
                row,
                row.channel,
                row.turns,
                row.lead,
                row.lowest,
                row.fallbacks,
                row.alarm,
                row.alarm_at.timestamp() if row.alarm_at else None,
                row.screening,
                row.step,
                row.model,
                row.outcome == Talk.Outcome.UNCLEAR,
                reading.Known(tuple(known.get("names", ())), tuple(known.get("others", ())), str(known.get("country") or "GB")),
            )
        return found

    def _store(self, conversations: Dict[str, Any], touched: Dict[str, List[Any]], generation: int, places: frozenset[str]) -> None:
        from clinic.review import reading
        from clinic.review.models import Message, Talk

        facts = Facts([row.pk for row in conversations.values()])
        new: List[Talk] = []
        old: List[Talk] = []
        pairs = []
        for sender, sessions in touched.items():
            conversation = conversations[sender]
            for session in sessions:
                fresh = session.row is None
                row = session.row or Talk(conversation=conversation, generation=generation, first_event=session.first_event, dice=random.random())  # noqa: S311
                row.started, row.ended = reading.moment(session.started), reading.moment(max(session.ended, session.started))
                for name in ("channel", "turns", "lead", "lowest", "fallbacks", "alarm", "screening", "step", "model"):
                    setattr(row, name, getattr(session, name))
                row.channel = row.channel or sender.partition(":")[0][:20]
                row.alarm_at = reading.moment(session.alarm_at) if session.alarm_at else None
                known = session.known
                row.known = {"names": known.names, "others": known.others, "country": known.country} if known.names or known.others else None
                handed, booked, requested = facts.of(conversation.pk, row.started, row.ended)
                row.handed = row.handed or handed
                row.outcome = reading.outcome(session, row.handed, booked, requested)
                if any(said.who == "person" for said in session.said) and row.reviewed_at:
                    row.reviewed_at, row.reviewed_by = None, None  # there is something new to read
                (new if fresh else old).append(row)
                pairs.append((row, session, fresh))
                self.touched_days.add(row.started.date())
        Talk.objects.bulk_create(new, batch_size=400)
        if old:
            names = "ended channel turns lead lowest fallbacks alarm alarm_at screening step model handed outcome known reviewed_at reviewed_by".split()
            Talk.objects.bulk_update(old, names, batch_size=50)
        rows = [
            Message(
                talk=row,
                generation=generation,
                event=said.event,
                at=reading.moment(said.at),
                who=said.who,
                text=said.text,
                intent=said.intent,
                confidence=said.confidence,
                alarm=said.alarm,
                detail=said.detail,
            )
            for row, session, _ in pairs
            for said in session.said
        ]
        Message.objects.bulk_create(rows, batch_size=500)
        for row, session, fresh in pairs:
            if session.learned and not fresh:
                mask_stored(row, session.known, places)


class Facts:
    """What the records say came of the conversations of a batch."""

    def __init__(self, conversations: List[int]):
        from clinic.models import Booking, Handoff, Request

        mine = {"conversation__in": conversations}
        self.handoffs = list(Handoff.objects.filter(**mine).values_list("conversation", "created"))
        self.bookings = list(Booking.objects.filter(**mine, status__in=["confirmed", "attended", "no_show"]).values_list("conversation", "created"))
        self.requests = list(Request.objects.filter(**mine).values_list("conversation", "created"))

    def of(self, conversation: int, start: Any, end: Any) -> Sequence[bool]:
        """Whether a hand-off, a booking, a request was made during a session."""
        import datetime as dt

        first, last = start - dt.timedelta(minutes=1), end + dt.timedelta(minutes=2)
        return [any(c == conversation and first <= at <= last for c, at in rows) for rows in (self.handoffs, self.bookings, self.requests)]


def mask_stored(talk: Any, known: Any, places: frozenset[str]) -> None:
    """A name became known later than what is stored: what was kept of the session is masked with it."""
    from clinic.review.masking import mask, mask_answer
    from clinic.review.models import Correction, Message

    for message in Message.objects.filter(talk=talk):
        again = (
            message.text if message.detail.get("button") else mask_answer(message.text, known) if message.who == "bot" else mask(message.text, known, places)
        )
        detail = dict(message.detail)
        for part in ("entities", "questions"):
            detail[part] = [{**row, "text": mask(row["text"], known, places)} for row in detail.get(part, [])]
        if again != message.text or any(detail[part] != message.detail.get(part, []) for part in ("entities", "questions")):
            message.text, message.detail = again, detail
            message.save(update_fields=["text", "detail"])
    for correction in Correction.objects.filter(talk=talk):
        correction.text = mask(correction.text, known, places)
        correction.save(update_fields=["text"])
    talk.lead = mask(talk.lead, known, places)[:140]
    talk.save(update_fields=["lead"])


class Reading:
    """The reader as a process: on and on, with the days counted anew every half minute."""

    def __init__(self, reader: Optional[Reader] = None, poll: float = POLL):
        from clinic.review.source import SourceAway

        self.reader, self.poll = reader or Reader(), poll
        self.away: Tuple[Type[Exception], ...] = (SourceAway,)
        self.tallied = 0.0

    def step(self) -> float:
        from clinic.review import figures

        taken = self.reader.step()
        if self.reader.touched_days and time.monotonic() - self.tallied > TALLY_EVERY and taken < BATCH:
            figures.tally(sorted(self.reader.touched_days))
            self.reader.touched_days.clear()
            self.tallied = time.monotonic()
        return 0.02 if taken == BATCH else self.poll

    def once(self) -> str:
        from clinic.review import figures

        count = 0
        while taken := self.reader.step():
            count += taken
        figures.tally(sorted(self.reader.touched_days))
        return f"{count} events taken"


def main(arguments: List[str]) -> None:
    worker.main(arguments, "python -m clinic.review.ingest", str(__doc__), Reading)


if __name__ == "__main__":
    main(sys.argv[1:])
