"""Where the messages of all platforms are worked off: in order for each person, many people at the same time, one platform never waiting for another.

Two loops for each person who has something waiting: one reads what they wrote and runs their turns, one sends what must go out. Each holds a lease in
the database, so that of several processes one works; a killed process's lease runs out and another takes up what it left. Nothing is only in memory.
"""

import asyncio
import logging
import random
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

import aiohttp

from channels import greeting, lending
from channels.base import Background, Bubble, bubbles, pressed
from channels.platform import ANSWER_WITHIN, CONNECT_WITHIN, Platform
from channels.rendering import Capability, Part, beside, chosen, menu, render, shows_numbers
from channels.updates import Delivery, Gone, Later, Never, Update, WindowClosed
from runtime import metrics, post, settings
from runtime.action_client import TurnAborted
from runtime.gate import RateLimit
from runtime.notices import notice
from runtime.tracker_store import StoreUnavailable
from runtime.turns import Answer, Incoming

logger = logging.getLogger(__name__)

SWEEP_EVERY = 1.0  # seconds between two looks for what nobody works on
TURNS_AT_ONCE = 16  # of this process
MENU_EVENTS = 12  # spoken events in which the newest menu is looked for
TURN_RETRIES = (0.0, 1.0, 4.0, 15.0)  # seconds before a turn that failed is tried again; then the apology goes out
GIVE_UP_AFTER = 6 * 3600.0  # seconds after which an answer is too old to be sent: staff see to it
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between attempts for one person, doubling
IN_DOUBT = 5.0  # seconds in which a platform that can may still tell that it took a letter of which nobody wrote down what became
LONGEST_REST = 10.0  # seconds for which a platform that does not answer is left alone; then one attempt shows whether it does
TELL_AGAIN = 30.0  # seconds before staff are told again when that failed
NUDGE_EVERY = 86400.0  # seconds between two templates to one person
GROUP_EVERY = 86400.0  # seconds between two refusals to one group
ALARMING = ("emergency", "crisis", "urgent")


@dataclass
class Result:
    """What a message causes: words to send, files they lead to, and what changes about the person; `again`: nothing yet, try it later."""

    said: List[Bubble] = field(default_factory=list)
    changes: Dict[str, Any] = field(default_factory=dict)
    again: bool = False
    lent: List[post.File] = field(default_factory=list)


class Road:
    """The way to one platform: how much goes over it, and whether it is open."""

    def __init__(self, able: Capability):
        self.slots = asyncio.Semaphore(able.together)
        self.pace = RateLimit(60 * able.per_second, able.at_once, keys=4)
        self.failures, self.closed_until, self.probing = 0, 0.0, False

    def open_in(self, now: float) -> float:
        """Seconds until something may be sent."""
        if self.failures and self.probing:
            return 0.5
        return max(0.0, self.closed_until - now)

    def went_well(self) -> None:
        self.failures, self.closed_until = 0, 0.0

    def failed(self, now: float, asked: Optional[float]) -> None:
        self.failures += 1
        pause = asked if asked is not None else min(LONGEST_REST, 0.5 * 2.0 ** min(self.failures, 6))
        self.closed_until = max(self.closed_until, now + pause)


class Desk:
    """Of one process; serves all its platforms."""

    def __init__(self, turns: Callable[[], Any]):
        self._turns = turns
        self.platforms: Dict[str, Platform] = {}
        self.roads: Dict[str, Road] = {}
        self.owner = uuid.uuid4().hex
        self.background = Background()
        self._tended: Dict[str, asyncio.Task[None]] = {}
        self._again: Set[str] = set()
        self._https: Dict[str, aiohttp.ClientSession] = {}
        self._keepers: List[asyncio.Task[None]] = []
        self._at_once: Optional[asyncio.Semaphore] = None
        self._floods = RateLimit(1, 1)
        self._tell_after = 0.0
        self.stopping = False

    @property
    def store(self) -> Any:
        return self._turns().store

    def add(self, platform: Platform) -> None:
        for channel in platform.channels():
            self.platforms[channel] = platform

    def start(self) -> None:
        """Begin to work; a second call changes nothing."""
        if self._keepers:
            return
        self._at_once = asyncio.Semaphore(TURNS_AT_ONCE)
        self._keepers = [asyncio.ensure_future(self._for_ever(self._sweep, SWEEP_EVERY)), asyncio.ensure_future(self._for_ever(self._renew, post.LEASE / 3))]

    async def stop(self) -> None:
        """Finish the turns and sendings that run, give the rest back; a second call changes nothing."""
        if self.stopping:
            return
        self.stopping = True
        for keeper in self._keepers[:1]:
            keeper.cancel()
        tasks = list(self._tended.values())
        if tasks:
            await asyncio.wait(tasks, timeout=14)
        for task in (*self._tended.values(), *self._keepers):
            task.cancel()
        await self.background.drain(2)
        for http in self._https.values():
            await http.close()
        with suppress(StoreUnavailable):
            await self.store.run(lambda c: post.release(c, self.owner))

    # ------------------------------------------------------------------ what comes in

    async def receive(self, updates: Sequence[Update], deliveries: Sequence[Delivery], platform: Platform) -> None:
        """Store what a platform told, in one transaction, and begin to work on it. Raises StoreUnavailable: then nothing is stored."""
        if not updates and not deliveries:
            return
        now = time.time()
        arrivals = [platform.arrival(update, now) for update in updates]

        def write(connection: Any) -> Tuple[List[str], List[str], int]:
            lost, had = 0, []
            for delivery in deliveries:
                for channel in platform.channels():
                    if delivery.key and (had_it := post.taken(connection, f"{channel}:", delivery.key, delivery.platform_id, now)):
                        had.append(had_it)
                    if delivery.failed is not None:
                        lost += post.undelivered(connection, f"{channel}:", delivery.platform_id, delivery.failed)
            return post.receive(connection, arrivals, now), had, lost

        fresh, had, lost = await self.store.run(write)
        for update in updates:
            if update.callback:
                self.background.start(self._seen(platform, update))
        for conversation in fresh:
            self.wake("in", conversation)
            self.wake("out", conversation)
        for conversation in had:  # nobody had written down that it went out: it is not sent again
            self.wake("out", conversation)
        if lost:
            logger.warning("%s: %d messages did not arrive; staff are told", platform.channel, lost)
            metrics.SENT.labels(platform.channels()[0], "undelivered").inc(lost)

    async def _seen(self, platform: Platform, update: Update) -> None:
        try:
            await platform.seen(self._http(platform), update)
        except (Later, Never) as trouble:
            logger.info("%s: a press could not be confirmed (%s)", platform.channel, trouble.why)

    def wake(self, side: str, conversation: str) -> None:
        """Have somebody tend to this side ("in" or "out") of a conversation."""
        name = f"{side}:{conversation}"
        if self.stopping or conversation.partition(":")[0] not in self.platforms:
            return
        if name in self._tended:
            self._again.add(name)
            return
        work = self._read if side == "in" else self._deliver
        task = asyncio.ensure_future(self._tend(name, conversation, work))
        self._tended[name] = task

    def _wake_later(self, side: str, conversation: str, seconds: float) -> None:
        asyncio.get_running_loop().call_later(max(0.01, seconds), self.wake, side, conversation)

    async def _tend(self, name: str, conversation: str, work: Callable[[str, str], Awaitable[None]]) -> None:
        try:
            while not self.stopping:
                self._again.discard(name)
                if await self.store.run(lambda c: post.claim(c, name, self.owner, time.time())):
                    try:
                        await work(name, conversation)
                    finally:
                        await self.store.run(lambda c: post.release(c, self.owner, name))
                if name not in self._again:
                    return
        except StoreUnavailable:
            logger.error("the post room cannot be reached; what waits is taken up later")
        except Exception as error:
            logger.error("tending to a conversation failed: %s", type(error).__name__, exc_info=error)
        finally:
            self._tended.pop(name, None)
            self._again.discard(name)

    async def _for_ever(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            try:
                await work()
            except StoreUnavailable:
                pass  # the store has said so
            except Exception as error:
                logger.error("looking after the post failed: %s", type(error).__name__, exc_info=error)
            await asyncio.sleep(pause)

    async def _renew(self) -> None:
        if self._tended:
            await self.store.run(lambda c: post.renew(c, self.owner, time.time()))

    async def _sweep(self) -> None:
        """Take up what nobody works on: left by a killed process, due again, or put there by the clinic."""

        def look(connection: Any) -> Any:
            return post.due(connection, list(self.platforms), time.time()), post.unreported(connection)

        (reading, sending), failures = await self.store.run(look)
        for side, waiting in (("in", reading), ("out", sending)):
            for conversation in waiting:
                if f"{side}:{conversation}" not in self._tended:
                    self.wake(side, conversation)
        if failures and time.monotonic() > self._tell_after:
            await self._report(failures)

    async def _report(self, failures: Sequence[Any]) -> None:
        """Tell staff, through an action, of messages that could not be delivered; one hand-off for a conversation."""
        by_person: Dict[str, List[Any]] = {}
        for row in failures:
            by_person.setdefault(row.conversation, []).append(row)
        for conversation, rows in by_person.items():
            if not await self.store.run(lambda c, name=f"tell:{conversation}": post.claim(c, name, self.owner, time.time())):
                continue
            try:
                details = {"count": len(rows), "why": rows[0].error or "", "channel": conversation.partition(":")[0]}
                message = {"message_id": rows[0].key, "intent": {}, "entities": [], "metadata": {"undelivered": details}}
                tracker = {"sender_id": conversation, "slots": {}, "latest_message": message, "events": [], "paused": False, "active_loop": {}}
                call = {"next_action": "action_report_undelivered", "sender_id": conversation, "tracker": tracker, "domain": {}}
                await self._turns().agent.action_endpoint.request(json=call)
                await self.store.run(lambda c, ids=[row.id for row in rows]: post.reported(c, ids))
            except TurnAborted:
                logger.error("staff could not be told of an undelivered message; it is tried again")
                self._tell_after = time.monotonic() + TELL_AGAIN
            finally:
                await self.store.run(lambda c, name=f"tell:{conversation}": post.release(c, self.owner, name))

    # ------------------------------------------------------------------ reading

    async def _read(self, name: str, conversation: str) -> None:
        """Work off what a person wrote, one message after the other."""
        able = self.platforms[conversation.partition(":")[0]].able(conversation)
        assert self._at_once is not None
        row = await self.store.run(lambda c: post.next_arrival(c, conversation))
        while row is not None and not self.stopping:
            now = time.time()
            wait = max(min(row.due - now, TURN_RETRIES[-1]), min(able.settle, row.at + able.settle - now))  # bounded, for clocks that step back
            if wait > 2 * able.settle + 0.1:
                self._wake_later("in", conversation, wait)
                return
            if wait > 0:  # one that was sent before it may be on its way; then it is the first now
                await asyncio.sleep(wait)
                row = await self.store.run(lambda c: post.next_arrival(c, conversation))
                continue
            async with self._at_once:
                result, parts = await self._worked_off(conversation, row, able)
            if result.again:
                row = await self.store.run(partial(post.postpone, row=row, due=time.time() + TURN_RETRIES[row.tries]))
                continue
            letters = [post.Letter(post.digest("bot", row.event, str(n)), part.to_json()) for n, part in enumerate(parts)]
            row = await self.store.run(partial(post.finish, row=row, letters=letters, changes=result.changes, now=time.time(), lent=result.lent))
            if letters:
                self.wake("out", conversation)

    async def _worked_off(self, conversation: str, row: Any, able: Capability) -> Tuple[Result, List[Part]]:
        """What one message causes, and how it looks. Raises StoreUnavailable only: a fault of ours must not silence a person for ever."""
        try:
            update = Update.from_json(row.content)
        except (ValueError, TypeError):
            logger.error("a stored message is unreadable; the person was told")
            failed = Result([Bubble(notice("failed"))])
            return failed, render(failed.said, able)
        try:
            result = await self._handle(conversation, row, able, update)
            return result, render(result.said, able)
        except StoreUnavailable:
            raise
        except Exception as error:
            logger.error("a message could not be worked off: %s", type(error).__name__, exc_info=error)
            if row.tries < len(TURN_RETRIES):
                return Result(again=True), []
            failed = Result([Bubble(notice("failed"))])
            return failed, render(failed.said, able)

    async def _handle(self, conversation: str, row: Any, able: Capability, update: Update) -> Result:
        """What one message causes."""
        person = await self.store.run(lambda c: post.person(c, conversation))
        platform = self.platforms[conversation.partition(":")[0]]
        if update.kind == "group":
            return await self._refuse_group(platform, update, person)
        if update.kind == "blocked":
            return Result(changes={"stopped": "blocked"})
        if update.kind == "unblocked":
            return Result(changes={"stopped": None})
        word = " ".join(update.text.casefold().strip(" .!\"'").split()) if update.kind in ("text", "begin") else ""
        if update.stop == "help":
            return Result()  # the platform has answered
        if word in able.help and update.kind == "text":
            return Result([Bubble(notice("help"))])
        if word in able.leave and not update.stop and not person["stopped"] and await self._form_is_open(conversation):
            update = replace(update, text="cancel" if word == "cancel" else "stop")  # what a form hears as "leave me"
        elif update.stop == "stop" or (update.kind == "text" and word in able.stop and await self._meant_to_us(update, able)):
            # Where the platform itself silences us after the word, it confirms it too, and ours would be refused.
            told = [] if update.stop == "stop" else [Bubble(notice("stopped"))]
            return Result(told, {"stopped": "asked"})
        changes: Dict[str, Any] = {}
        if person["stopped"]:
            again = update.stop == "start" or update.kind == "begin" or word in able.start
            if person["stopped"] == "asked" and able.stop_silences and not again:
                if not await self._alarming(update.text):
                    return Result()
            else:
                changes["stopped"] = None
                if again:
                    return Result([Bubble(notice("welcome_back"))], changes)
        if self._flooded(conversation) and not await self._alarming(update.text):
            return Result([Bubble(notice("too_fast"))] if self._floods.allow(conversation) else [], changes)
        result = await self._answer(update, row, able, person)
        result.changes = {**changes, **result.changes}
        return result

    async def _meant_to_us(self, update: Update, able: Capability) -> bool:
        """Whether a word like "stop" ends all messages. In the middle of a form it ends the form, unless it is law or written as we write it: STOP."""
        if able.stop_silences or update.text.strip().isupper() or not update.text.strip(" .!").isalpha():
            return True
        return not await self._form_is_open(update.conversation)

    async def _form_is_open(self, conversation: str) -> bool:
        tracker = await self.store.peek(conversation)
        return tracker is not None and tracker.active_loop_name is not None

    async def _answer(self, update: Update, row: Any, able: Capability, person: Mapping[str, Any]) -> Result:
        said: List[Bubble] = []
        if update.kind == "media" and not update.text.strip():
            return await self._introduced(Result([Bubble(notice("only_words"))]), able, person, "")
        if update.kind == "edit" and not await self._alarming(update.text):
            return Result([Bubble(notice("edited"))] if update.text else [])
        words, shown = await self._meant(update, able)
        if words is None:
            return Result([Bubble(notice(shown))])
        incoming = Incoming(update.conversation, words, update.conversation.partition(":")[0], row.event, limited=False)
        answer: Answer = await self._turns().handle(incoming)
        if answer.outcome == "failed" and row.tries < len(TURN_RETRIES):
            return Result(again=True)  # stored as an apology it comes back at once as "repeated"; else it is run anew
        channel = self.platforms[update.conversation.partition(":")[0]].channel
        said, lent = lending.linked(bubbles(answer.replies), row.event, channel, time.time())
        if update.kind == "media":
            said.append(Bubble(notice("only_words")))
        return await self._introduced(Result(said, lent=lent), able, person, shown)

    async def _introduced(self, result: Result, able: Capability, person: Mapping[str, Any], words: str) -> Result:
        """Who speaks and what is kept, before the first answer of all; after an alarm it waits for the next one."""
        if person["greeted"] is None and result.said and not await self._alarming(words):
            try:
                result.said.insert(0, Bubble(greeting.first_words(settings.keep_conversations_days(), able.stop[0])))
                result.changes["greeted"] = time.time()
            except Exception as error:  # clinic.yml was never readable: the answer is worth more
                logger.error("the first words could not be written: %s", type(error).__name__)
        return result

    async def _meant(self, update: Update, able: Capability) -> Tuple[Optional[str], str]:
        """What the turn is run with, and what that is in words: a button that was pressed, numbered or named, else what was typed.

        None for a press or a number that stands for nothing, with the name of the notice that says so.
        """
        if update.kind == "begin":
            return "hello", "hello"
        if update.kind == "press":
            offer = await pressed(self.store, update.conversation, update.key)
            if offer is not None:
                return offer.payload, offer.title
            return (update.text, update.text) if update.text.strip() and not update.text.startswith("/") else (None, "command")
        if update.kind == "text" and 0 < len(update.text) <= 200:
            rows = menu(await self.store.spoken(update.conversation, MENU_EVENTS))
            titles = [title for title, _ in rows]
            index = chosen(update.text, titles, shows_numbers(titles, able))
            if index is not None:
                return rows[index][1], titles[index]
            if shows_numbers(titles, able) and beside(update.text, titles) and not await self._form_is_open(update.conversation):
                return None, "number"
        return update.text, update.text

    async def _alarming(self, text: str) -> bool:
        """Whether the safety guard hears danger in these words."""
        if not text.strip():
            return False
        try:
            parse = await self._turns().agent.parse_message(text[:2000])
            return (parse.get("safety") or {}).get("level") in ALARMING
        except Exception as error:
            logger.error("the safety guard could not be asked: %s", type(error).__name__)
            return True  # when in doubt a person is answered

    def _flooded(self, conversation: str) -> bool:
        limit = self._turns().limits.get("conversation")
        return limit is not None and not limit.allow(conversation)

    async def _refuse_group(self, platform: Platform, update: Update, person: Mapping[str, Any]) -> Result:
        now = time.time()
        if person["greeted"] is not None and now - person["greeted"] < GROUP_EVERY:
            return Result()
        self.background.start(self._leave(platform, update.conversation))
        return Result([Bubble(notice("group"))], {"greeted": now})

    async def _leave(self, platform: Platform, conversation: str) -> None:
        await asyncio.sleep(3)  # the sentence goes first
        try:
            await platform.leave_group(self._http(platform), conversation)
        except (Later, Never) as trouble:
            logger.info("%s: a group could not be left (%s)", platform.channel, trouble.why)

    # ------------------------------------------------------------------ sending

    def _http(self, platform: Platform) -> aiohttp.ClientSession:
        """A platform's own connections: those of one that hangs are taken from nobody else."""
        http = self._https.get(platform.channel)
        if http is None or http.closed:
            limit = aiohttp.ClientTimeout(total=ANSWER_WITHIN, connect=CONNECT_WITHIN)
            http = aiohttp.ClientSession(timeout=limit, connector=aiohttp.TCPConnector(limit=64), trust_env=True, cookie_jar=aiohttp.DummyCookieJar())
            self._https[platform.channel] = http
        return http

    def _road(self, able: Capability) -> Road:
        return self.roads.setdefault(able.name, Road(able))

    async def _deliver(self, name: str, conversation: str) -> None:
        """Send what waits for a person, in order; what cannot go now keeps its place."""
        platform = self.platforms[conversation.partition(":")[0]]
        able = platform.able(conversation)
        road = self._road(able)
        letter = await self.store.run(lambda c: post.next_letter(c, conversation))
        while letter is not None and not self.stopping:
            now = time.time()
            wait = max(letter.due - now, road.open_in(now))
            if wait > 0:
                if letter.due < now + wait:
                    await self.store.run(lambda c, letter=letter, due=now + wait: post.later(c, letter, due, letter.error or "", counted=False))
                self._wake_later("out", conversation, wait + random.uniform(0, 0.2))  # noqa: S311 (no secret)
                return
            async with road.slots:
                outcome = await self._send(platform, able, road, letter)
            letter = await self.store.run(lambda c, outcome=outcome: (outcome(c), post.next_letter(c, conversation))[1])

    async def _send(self, platform: Platform, able: Capability, road: Road, letter: Any) -> Callable[[Any], Any]:
        """Try one letter; what is to be written down about it."""
        now = time.time()
        staff = letter.origin == "staff"
        person = await self.store.run(lambda c: post.person(c, letter.conversation))
        if staff and person["stopped"]:
            return lambda c: post.failed(c, letter, "stopped")
        late = able.closed(person["heard"], now)
        if able.closed(person["heard"], now, staff):
            return await self._outside_window(platform, letter, person, now)
        while not road.pace.allow("all"):
            await asyncio.sleep(0.05)
        if road.open_in(time.time()) > 0:  # closed while this one waited for its turn
            return lambda c: post.later(c, letter, time.time() + road.open_in(time.time()), letter.error or "", counted=False)
        if able.tells and letter.error == post.TRYING:  # a process ended between the platform's "taken" and our note of it
            logger.warning("%s: a message may be on its way already; its report is waited for", platform.channel)
            return partial(post.later, letter=letter, due=time.time() + IN_DOUBT, why="in doubt", counted=False)
        if able.tells:
            await self.store.run(lambda c: post.trying(c, letter))
        road.probing = road.failures > 0
        try:
            part = Part.from_json(letter.content)
            try:
                platform_id = await platform.send(self._http(platform), letter.conversation, part, letter.key, staff, late)
            except Never as never:
                if type(never) is not Never or not (part.file and part.text):
                    raise
                logger.warning("%s: a file was refused (%s); its words go instead", platform.channel, never.why)
                platform_id = await platform.send(self._http(platform), letter.conversation, Part(part.text), letter.key, staff, late)
            road.went_well()
            metrics.SENT.labels(able.name, "sent").inc()
            return partial(post.sent, letter=letter, platform_id=platform_id)
        except WindowClosed:
            road.went_well()
            return await self._outside_window(platform, letter, person, now)
        except Gone as gone:
            road.went_well()
            if staff:
                return partial(post.failed, letter=letter, why=gone.why)
            return partial(post.stop, conversation=letter.conversation, why="blocked")
        except Never as never:
            road.went_well()
            logger.error("%s: a message was refused for good (%s); staff are told", platform.channel, never.why)
            metrics.SENT.labels(able.name, "refused").inc()
            return partial(post.failed, letter=letter, why=never.why)
        except Later as trouble:
            return self._put_off(platform, road, letter, trouble)
        except Exception as error:  # of ours: it must not stop what waits behind it
            logger.error("%s: a message could not be sent: %s", platform.channel, type(error).__name__, exc_info=error)
            return self._put_off(platform, road, letter, Later(type(error).__name__, everyone=False))
        finally:
            road.probing = False

    def _put_off(self, platform: Platform, road: Road, letter: Any, trouble: Later) -> Callable[[Any], Any]:
        now = time.time()
        metrics.SENT.labels(letter.conversation.partition(":")[0], "put off").inc()
        if trouble.everyone:
            road.failed(now, trouble.seconds)
        if now - letter.at > GIVE_UP_AFTER:
            logger.error("%s: a message could not be sent for hours (%s); staff are told", platform.channel, trouble.why)
            return partial(post.failed, letter=letter, why=trouble.why)
        pause = trouble.seconds if trouble.seconds is not None else min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(letter.tries, 8)) * random.uniform(0.8, 1.2)  # noqa: S311
        if trouble.unsure and platform.able(letter.conversation).tells:
            pause = max(pause, IN_DOUBT)
        logger.warning("%s: not sent now (%s), tried again in %.0f s", platform.channel, trouble.why, pause)
        return partial(post.later, letter=letter, due=now + pause, why=trouble.why)

    async def _outside_window(self, platform: Platform, letter: Any, person: Mapping[str, Any], now: float) -> Callable[[Any], Any]:
        """Too late to be written to: with a template the person is asked to write, and the letter waits for that; without one it is a task for staff."""
        if person["nudged"] is not None and now - person["nudged"] < NUDGE_EVERY:
            return lambda c: post.held(c, letter, None)
        try:
            if await platform.nudge(self._http(platform), letter.conversation):
                return lambda c: post.held(c, letter, now)
        except Later as trouble:
            return self._put_off(platform, self._road(platform.able(letter.conversation)), letter, trouble)
        except Never as never:
            logger.error("%s: the template was refused (%s)", platform.channel, never.why)
        return lambda c: post.failed(c, letter, "window")
