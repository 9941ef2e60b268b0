"""A turn is whole: it runs to its end once, is stored once and is answered, whatever happens to the client, the network or the process.

The order inside one conversation's lock: was this message answered already? → judge it (gate) → let Rasa run → store events, window and
answer in one transaction → only then hand the answer out. A process that dies before the commit has stored nothing and the platform's retry
runs the turn; one that dies after it has stored everything and the retry gets the stored answer.
"""

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set

from rasa.core.actions.action import action_for_name_or_text
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.lock_store import LockError
from rasa.core.policies.policy import PolicyPrediction
from rasa.shared.core.events import ActionExecuted, BotUttered, ConversationPaused, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from runtime import gate, metrics
from runtime.action_client import TurnAborted
from runtime.conversations import STAFF
from runtime.notices import notice
from runtime.request import new_request_id
from runtime.tracker_store import CURRENT_TURN, ConversationChanged, StoreUnavailable, Turn

logger = logging.getLogger(__name__)

LONGEST_TURN = 40.0  # seconds; actions give up much sooner
ATTEMPTS = 6  # of a turn whose conversation another process changed meanwhile
STAFF_READ_WITHIN = 600.0  # seconds without a word from staff after which somebody who writes is told that their words are kept
ANSWERS = "action_answer"  # the action that answers what the guard found
FORGETS = "action_forget_records"
GRAVE, URGENT = ("emergency", "crisis"), ("urgent",)
ALARMING = {"urgent": 1, "crisis": 2, "emergency": 3}  # levels of the safety guard that an over-long message is searched for
MOST_WAITING = 500  # turns in this process before people are asked to come back


@dataclass(frozen=True)
class Incoming:
    """A verified message. `conversation`: `<channel>:<id>` as `gate.identity` made it; `message_id`: the platform's own, for retries."""

    conversation: str
    text: Any
    channel: str
    message_id: Optional[str] = None
    address: Optional[str] = None
    request_id: Optional[str] = None
    limited: bool = True  # whether the rate limits hold; the load-test channel goes without


@dataclass
class Answer:
    """`replies`: Rasa's response dictionaries in order. `outcome`: answered, repeated, refused or failed."""

    replies: List[Dict[str, Any]] = field(default_factory=list)
    outcome: str = "answered"


class Collector(CollectingOutputChannel):
    """Holds what actions say until it is stored; carries the channel's name, which actions and logs see."""

    def __init__(self, channel: str, turn: Turn):
        super().__init__()
        self.channel = channel
        self.messages = turn.replies  # the very list that is stored

    def name(self) -> str:  # type: ignore[override]
        return self.channel


class Turns:
    """Runs the turns of one process on a loaded Rasa agent."""

    def __init__(self, agent: Any, limits: Optional[Mapping[str, gate.RateLimit]] = None):
        self.agent = agent
        self.limits = limits or {}
        self._running: Set[asyncio.Task[Answer]] = set()
        self.closing = False

    @property
    def store(self) -> Any:
        return self.agent.tracker_store

    async def handle(self, incoming: Incoming) -> Answer:
        """The answer to a message. Goes on to its end even when the caller is cancelled. Never raises for bad input or a part that is down."""
        new_request_id(incoming.request_id)
        if incoming.limited and not self._allowed(incoming):
            known = await self._answered(incoming)
            metrics.TURNS.labels(incoming.channel, "repeated" if known else "refused").inc()
            return known or _say(incoming, "too_fast", "refused")
        if len(self._running) >= MOST_WAITING:
            metrics.TURNS.labels(incoming.channel, "busy").inc()
            return _say(incoming, "busy", "failed")
        task = asyncio.ensure_future(self._measured(incoming))
        self._running.add(task)
        metrics.WAITING.set(len(self._running))
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: "asyncio.Task[Answer]") -> None:
        self._running.discard(task)
        metrics.WAITING.set(len(self._running))

    async def drain(self, seconds: float = 15.0) -> None:
        """Wait for the turns that run; used when the server stops."""
        self.closing = True
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)

    def _allowed(self, incoming: Incoming) -> bool:
        checks = (("conversation", incoming.conversation), ("address", incoming.address))
        return all(self.limits[name].allow(key) for name, key in checks if key and name in self.limits)

    async def _answered(self, incoming: Incoming) -> Optional[Answer]:
        """The stored answer to a message that the platform sends again: a retry is no new message, however many came in between."""
        try:
            known = await self.store.answer_of(incoming.conversation, incoming.message_id) if incoming.message_id else None
        except StoreUnavailable:
            return None
        return None if known is None else Answer(known, "repeated")

    async def _measured(self, incoming: Incoming) -> Answer:
        started = time.perf_counter()
        try:
            answer = await asyncio.wait_for(self._answer(incoming), LONGEST_TURN)
        except StoreUnavailable:
            answer = _say(incoming, "store_down", "failed")
        except (ConversationChanged, LockError, asyncio.TimeoutError) as error:
            logger.error("turn given up: %s", type(error).__name__)
            answer = _say(incoming, "failed", "failed")
        except Exception as error:  # whatever it is, the person gets a sentence; the text of an error may quote them
            logger.error("turn failed: %s", type(error).__name__, exc_info=error)
            answer = _say(incoming, "failed", "failed")
        metrics.TURNS.labels(incoming.channel, answer.outcome).inc()
        metrics.LATENCY.labels(incoming.channel).observe(time.perf_counter() - started)
        return answer

    async def _answer(self, incoming: Incoming) -> Answer:
        message_id = incoming.message_id or uuid.uuid4().hex
        async with self.agent.lock_store.lock(incoming.conversation):
            for attempt in range(ATTEMPTS):
                if incoming.message_id or attempt:
                    known = await self.store.answer_of(incoming.conversation, message_id)
                    if known is not None:
                        return Answer(known, "repeated")
                try:
                    return await self._run(incoming, message_id)
                except ConversationChanged:
                    await asyncio.sleep(0.02 * (attempt + 1))
            raise ConversationChanged()

    async def _run(self, incoming: Incoming, message_id: str) -> Answer:
        tracker = await self.store.peek(incoming.conversation)
        verdict = gate.admit(incoming.text, _offers(incoming.text, tracker))
        if verdict.notice == "too_long":
            verdict = await self._alarming(verdict)
        if verdict.notice:
            return _say(incoming, verdict.notice, "refused")
        turn = Turn(message_id, tracker=tracker)
        if tracker is not None and tracker.is_paused():
            return await self._overheard(incoming, verdict.text, turn)
        message = UserMessage(verdict.text, Collector(incoming.channel, turn), incoming.conversation, input_channel=incoming.channel, message_id=message_id)
        token = CURRENT_TURN.set(turn)
        try:
            await self.agent.processor.handle_message(message)
        except TurnAborted:
            logger.error("an action could not be run; the person was told")
            return await self._apologise(incoming, verdict.text, turn)
        finally:
            CURRENT_TURN.reset(token)
        if turn.restarted:
            await self._begin_again(incoming)
        return Answer(turn.replies or _say(incoming, "failed", "failed").replies)

    async def _begin_again(self, incoming: Incoming) -> None:
        """After "start over" the new session begins now, not with the next message: what the person agreed to is taken back at once."""
        try:
            tracker = await self.agent.processor.fetch_tracker_and_update_session(incoming.conversation, CollectingOutputChannel())
            await self.store.save(tracker)
        except (TurnAborted, StoreUnavailable, ConversationChanged) as error:  # it begins with the next message, then
            logger.error("a session could not begin at once: %s", type(error).__name__)

    async def _overheard(self, incoming: Incoming, text: str, turn: Turn) -> Answer:
        """Staff are speaking: the message is stored for them and the bot says nothing, unless somebody may be in danger."""
        processor, collector = self.agent.processor, Collector(incoming.channel, turn)
        token = CURRENT_TURN.set(turn)
        try:
            tracker: DialogueStateTracker = await processor.get_tracker(incoming.conversation)
            message = UserMessage(text, collector, incoming.conversation, input_channel=incoming.channel, message_id=turn.message_id)
            parse = await processor.parse_message(message, tracker)
            said = UserUttered(text, parse["intent"], parse["entities"], parse, input_channel=incoming.channel, message_id=turn.message_id)
            before = list(tracker.events)
            tracker.update(said, processor.domain)
            if in_danger(parse, _silence(before, said.timestamp)):
                action = action_for_name_or_text(ANSWERS, processor.domain, self.agent.action_endpoint)
                prediction = PolicyPrediction.for_action_name(processor.domain, ANSWERS, policy_name="staff are speaking")
                await processor._run_action(action, tracker, collector, processor.nlg, prediction)
            elif _silence(before, said.timestamp) > STAFF_READ_WITHIN and not _waits(before):
                turn.replies.extend(_say(incoming, "staff_wait", "answered").replies)
                tracker.update(BotUttered(turn.replies[0]["text"], metadata={"notice": "staff_wait"}), processor.domain)
            tracker.update(ActionExecuted("action_listen"), processor.domain)
            await self.store.save(tracker)
        except TurnAborted:
            logger.error("an action could not be run; the person was told")
            return await self._apologise(incoming, text, turn)
        finally:
            CURRENT_TURN.reset(token)
        return Answer(turn.replies)

    async def _alarming(self, verdict: gate.Verdict) -> gate.Verdict:
        """Of a message too long to answer, the part that tells of the worst danger, so that it is answered like any such message."""
        worst, found = "", 0
        for part in gate.parts(verdict.text):
            parse = await self.agent.processor.parse_message(UserMessage(part))
            level = ALARMING.get(str((parse.get("safety") or {}).get("level")), 0)
            if level > found:
                worst, found = part, level
        return gate.Verdict(worst) if worst else verdict

    async def _apologise(self, incoming: Incoming, text: str, turn: Turn) -> Answer:
        """The turn is undone; what the person wrote and what they were told is kept, so that staff see it."""
        turn.replies[:] = _say(incoming, "failed", "failed").replies
        tracker: DialogueStateTracker = await self.agent.processor.get_tracker(incoming.conversation)
        parse = await self.agent.processor.parse_message(UserMessage(text, None, incoming.conversation, message_id=turn.message_id))
        said = UserUttered(text, parse["intent"], parse["entities"], parse, input_channel=incoming.channel, message_id=turn.message_id)
        told = BotUttered(turn.replies[0]["text"], metadata={"apology": "action"})
        tracker.update_with_events([said, told, ActionExecuted("action_listen")], self.agent.processor.domain)
        token = CURRENT_TURN.set(turn)
        try:
            await self.store.save(tracker)
        finally:
            CURRENT_TURN.reset(token)
        return Answer(turn.replies, "failed")

    async def erase(self, conversation: str) -> int:
        """Delete a conversation between two turns, what the records hold of it first; the number of events deleted. Raises StoreUnavailable."""
        async with self.agent.lock_store.lock(conversation):
            message = {"message_id": uuid.uuid4().hex, "intent": {}, "entities": []}
            tracker = {"sender_id": conversation, "slots": {}, "latest_message": message, "events": [], "paused": False, "active_loop": {}}
            try:
                await self.agent.action_endpoint.request(json={"next_action": FORGETS, "sender_id": conversation, "tracker": tracker, "domain": {}})
            except TurnAborted:
                raise StoreUnavailable("the records cannot be reached") from None
            return int(await self.store.erase(conversation))


def in_danger(parse: Mapping[str, Any], silence: float) -> bool:
    """Whether the guard's answer is given although staff are speaking: always for life and limb, and for urgent symptoms when staff have been silent.

    `parse`: Rasa's parse data. `silence`: seconds since staff last said something.
    """
    level = str((parse.get("safety") or {}).get("level"))
    return level in GRAVE or (level in URGENT and silence > STAFF_READ_WITHIN)


def _silence(spoken: Sequence[Event], now: float) -> float:
    """Seconds since staff came or last wrote."""
    told = (event.timestamp for event in reversed(spoken) if isinstance(event, ConversationPaused) or _by_staff(event))
    return max(0.0, now - next(told, now))


def _waits(spoken: Sequence[Event]) -> bool:
    """Whether the person was told, since staff last wrote, that their words are kept."""
    for event in reversed(spoken):
        if isinstance(event, BotUttered) and (event.metadata or {}).get("notice") == "staff_wait":
            return True
        if isinstance(event, ConversationPaused) or _by_staff(event):
            return False
    return False


def _by_staff(event: Event) -> bool:
    return isinstance(event, BotUttered) and bool((event.metadata or {}).get(STAFF))


def _offers(text: Any, tracker: Optional[DialogueStateTracker]) -> List[gate.Offer]:
    """The buttons on offer; looked for only when a message looks like a command."""
    if tracker is None or not isinstance(text, str) or text.strip()[:1] not in ("/", "／"):
        return []
    return gate.offers([e.as_dict() for e in tracker.events if isinstance(e, (BotUttered, UserUttered))])


def _say(incoming: Incoming, name: str, outcome: str) -> Answer:
    return Answer([{"recipient_id": incoming.conversation, "text": notice(name)}], outcome)


def harden(agent: Any) -> Any:
    """Take away the wrapper that hides a failing database behind an empty memory. Returns the agent."""
    inner = getattr(agent.tracker_store, "_tracker_store", None)
    if inner is not None:
        agent.tracker_store = agent.processor.tracker_store = inner
    return agent
