"""One turn of a conversation at a time: within this process by default, over all processes when `STRIA_REDIS_URL` names a Redis server.

Rasa's own Redis store reads the lock, changes it and writes it back, so two processes hand out the same ticket and turns are lost; it waits in whole seconds.

Here a turn stands in a queue that only scripts inside Redis change (first come, first served). Whoever stands in it has to show up again within `LEASE`
seconds or loses the place: a killed process frees its conversations in seconds. Holders are kept alive by a thread, so a turn keeps its lock however long it
computes, up to Rasa's lock lifetime. A holder that could not be kept alive is cancelled before it can store anything.
A Redis server that has just started has forgotten its queues; for a lease it hands out nothing, while those who were at work reclaim their places.
"""

import asyncio
import hashlib
import logging
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections import deque
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Any, AsyncGenerator, Awaitable, Callable, Deque, Dict, List, Optional, Set

import redis
import redis.asyncio
from rasa.core.lock_store import LOCK_LIFETIME, LockError, LockStore
from rasa.utils.endpoints import EndpointConfig

logger = logging.getLogger(__name__)

LEASE = 4.0  # seconds without a sign of life after which a place in the queue is lost
PATIENCE = 4.0  # seconds a Redis server may be away before a turn is refused
CALL_WITHIN = 1.5  # seconds a single call may take
POLL = 0.02  # seconds between two looks at the queue, for the first who waits
GIVE_BACK_WITHIN = 0.25  # seconds an answer may wait for the lock to be given back; it goes on in the background


class LockUnavailable(LockError):
    """The lock server cannot be reached: nothing was done, the turn may be tried again."""


class LockTimeout(LockError):
    """Earlier turns of the conversation took too long: nothing was done, the turn may be tried again."""


class LockLost(LockError):
    """The turn could not be kept alone with its conversation and was stopped: nothing may be stored."""


class Lease:
    """A turn's right to its conversation."""

    def __init__(self, conversation_id: str):
        # Platform ids hold phone numbers; they have no business in Redis.
        self.name = hashlib.sha256(conversation_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self.token = uuid.uuid4().hex
        self.deadline = float("inf")  # time.monotonic() until which nobody else can hold the conversation
        self.lost = False
        self.closed = False
        self.on_lost: Callable[[], None] = lambda: None

    def held(self) -> bool:
        """Whether this turn alone has the conversation now. Costs nothing: ask before storing."""
        return not (self.lost or self.closed) and time.monotonic() < self.deadline

    def lose(self) -> None:
        if not self.lost:
            self.lost = True
            self.on_lost()


# The lease of the turn that is running, for the tracker store to ask before it writes.
CURRENT: ContextVar[Optional[Lease]] = ContextVar("stria_lease", default=None)


def ensure_held() -> None:
    """Raises LockLost when this turn has lost its conversation to another process. Call before storing."""
    lease = CURRENT.get()
    if lease is not None and not lease.held():
        raise LockLost("Another process may have this conversation now; nothing was stored.")


class Queue(ABC):
    """Where turns of one conversation wait for each other."""

    @abstractmethod
    async def take(self, lease: Lease, patience: float) -> None:
        """Return when the lease is first in its queue. Raises LockTimeout after `patience` seconds, LockUnavailable."""

    @abstractmethod
    async def leave(self, lease: Lease) -> None:
        """Give the place back, held or not. Never raises."""


class LocalQueue(Queue):
    """Within one process: no server, no waiting in steps."""

    def __init__(self) -> None:
        self._queues: Dict[str, Deque[asyncio.Future[None]]] = {}
        self._places: Dict[str, asyncio.Future[None]] = {}

    async def take(self, lease: Lease, patience: float) -> None:
        queue = self._queues.setdefault(lease.name, deque())
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._places[lease.token] = turn
        queue.append(turn)
        if queue[0] is turn:
            turn.set_result(None)
            return
        try:
            await asyncio.wait_for(asyncio.shield(turn), patience)
        except asyncio.TimeoutError:
            raise LockTimeout("Earlier turns of this conversation have not ended.") from None

    async def leave(self, lease: Lease) -> None:
        turn, queue = self._places.pop(lease.token, None), self._queues.get(lease.name)
        if turn is None or queue is None:
            return
        with suppress(ValueError):
            queue.remove(turn)
        if not queue:
            del self._queues[lease.name]
        elif not queue[0].done():
            queue[0].set_result(None)


# Two sorted sets a conversation: KEYS[1] token → place in the queue, KEYS[2] token → until when it counts as alive (ms, Redis's own clock).
# ARGV: token, lease in ms. A server younger than a lease may have forgotten holders who are still at work; `young` is true for it.
_PRELUDE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local token, lease = ARGV[1], tonumber(ARGV[2])
local uptime = tonumber(string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)'))
local young = uptime * 1000 <= lease + 1000
local function alive()
    redis.call('ZADD', KEYS[2], now + lease, token)
    redis.call('PEXPIRE', KEYS[1], 2 * lease)
    redis.call('PEXPIRE', KEYS[2], 2 * lease)
end
"""

# Returns how many stand before this one; 0: it is its turn. On a young server nobody's turn comes.
_TAKE = (
    _PRELUDE
    + """
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
    redis.call('ZREM', KEYS[1], gone)
    redis.call('ZREM', KEYS[2], gone)
end
if not redis.call('ZSCORE', KEYS[1], token) then
    local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    redis.call('ZADD', KEYS[1], (last[2] or 0) + 1, token)
end
alive()
return redis.call('ZRANK', KEYS[1], token) + (young and 1 or 0)
"""
)

# A holder shows that it is alive. Returns 1, or 0 when its place is lost. On a young server it steps in front of everybody.
_RENEW = (
    _PRELUDE
    + """
if not redis.call('ZSCORE', KEYS[1], token) then
    if not young then return 0 end
    local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    redis.call('ZADD', KEYS[1], (first[2] or 1) - 1, token)
end
alive()
return 1
"""
)

_LEAVE = "redis.call('ZREM', KEYS[1], ARGV[1]) redis.call('ZREM', KEYS[2], ARGV[1])"


def _keys(lease: Lease) -> List[str]:
    # The braces keep both keys of a conversation on one node of a Redis cluster.
    return [f"stria:turn:{{{lease.name}}}:queue", f"stria:turn:{{{lease.name}}}:alive"]


class RedisQueue(Queue):
    """Over all processes that share a Redis server."""

    def __init__(self, url: str, lease: float = LEASE, patience: float = PATIENCE):
        """`url`: redis://[user:password@]host:port/number. `lease`, `patience`: seconds, see LEASE and PATIENCE. Connects when first used."""
        self.lease, self.patience = lease, patience
        timeouts = {"socket_timeout": CALL_WITHIN, "socket_connect_timeout": CALL_WITHIN}
        self._client = redis.asyncio.Redis.from_url(url, **timeouts)
        self._take, self._leave = self._client.register_script(_TAKE), self._client.register_script(_LEAVE)
        self._keeper = Keeper(redis.Redis.from_url(url, **timeouts), lease)
        self._waiting: Dict[str, Set[asyncio.Event]] = {}

    async def take(self, lease: Lease, patience: float) -> None:
        give_up = time.monotonic() + patience
        look = asyncio.Event()
        self._waiting.setdefault(lease.name, set()).add(look)
        try:
            while True:
                before, asked = await self._ask(self._take, lease, min(self.patience, patience))
                if before == 0:
                    lease.deadline = asked + self.lease
                    self._keeper.add(lease)
                    return
                if time.monotonic() > give_up:
                    raise LockTimeout("Earlier turns of this conversation have not ended.")
                look.clear()
                # A turn that ends in this process wakes its followers at once; for the others we look again soon.
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(look.wait(), min(POLL * before, 0.1, self.lease / 4))
        finally:
            self._waiting[lease.name].discard(look)
            if not self._waiting[lease.name]:
                del self._waiting[lease.name]

    async def leave(self, lease: Lease) -> None:
        self._keeper.drop(lease)
        try:
            await self._leave(keys=_keys(lease), args=[lease.token])
        except (redis.RedisError, OSError) as error:
            # The turn is done and stored; the place runs out by itself.
            logger.warning("A conversation's lock was not given back (%s); it runs out in %.0f s.", type(error).__name__, self.lease)
        for look in self._waiting.get(lease.name, ()):
            look.set()

    async def _ask(self, script: Callable[..., Awaitable[Any]], lease: Lease, patience: float) -> "tuple[int, float]":
        """The script's answer and when it was asked, trying again while the server restarts. Raises LockUnavailable."""
        give_up = time.monotonic() + patience
        while True:
            asked = time.monotonic()
            try:
                return int(await script(keys=_keys(lease), args=[lease.token, int(1000 * self.lease)])), asked
            except (redis.RedisError, OSError, asyncio.TimeoutError) as error:
                if time.monotonic() > give_up:
                    raise LockUnavailable(f"The lock server does not answer ({type(error).__name__}).") from None
                await asyncio.sleep(0.1)


class Keeper:
    """Keeps the leases of running turns alive from a thread of its own, because a turn may block the event loop for seconds."""

    def __init__(self, client: Any, lease: float):
        self._client, self._lease = client, lease
        self._renew = client.register_script(_RENEW)
        self._held: Dict[str, Lease] = {}
        self._guard = threading.Lock()
        self._thread: Optional[threading.Thread] = None

    def add(self, lease: Lease) -> None:
        with self._guard:
            self._held[lease.token] = lease
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="stria-leases", daemon=True)
                self._thread.start()

    def drop(self, lease: Lease) -> None:
        with self._guard:
            self._held.pop(lease.token, None)

    def _keep(self) -> None:
        while True:
            time.sleep(self._lease / 4)
            with self._guard:
                held = list(self._held.values())
            if held:
                self._show(held)

    def _show(self, held: List[Lease]) -> None:
        """Renew these leases in one call; lose those that are lost. A lease that has run out is never renewed: somebody else may have had the conversation."""
        asked = time.monotonic()
        alive = [lease for lease in held if asked < lease.deadline]
        calls = self._client.pipeline(transaction=False)
        for lease in alive:
            self._renew(keys=_keys(lease), args=[lease.token, int(1000 * self._lease)], client=calls)
        try:
            answers = calls.execute(raise_on_error=False)
        except (redis.RedisError, OSError) as error:
            answers = [error] * len(alive)
        for lease, answer in zip(alive, answers):
            if answer == 1:
                lease.deadline = asked + self._lease
            elif answer == 0:
                lease.deadline = 0.0
        for lease in held:
            if time.monotonic() >= lease.deadline:
                self.drop(lease)
                lease.lose()


class ConversationLocks(LockStore):
    """Rasa's lock store. `endpoint_config.url`: a Redis server's address, or empty for locks within this process."""

    def __init__(self, endpoint_config: Optional[EndpointConfig] = None, queue: Optional[Queue] = None):
        url = (endpoint_config.url or "").strip() if endpoint_config else ""
        self.queue = queue or (RedisQueue(url) if url else LocalQueue())
        self._leaving: Set[asyncio.Future[None]] = set()

    @asynccontextmanager
    async def lock(  # type: ignore[override]
        self, conversation_id: str, lock_lifetime: float = LOCK_LIFETIME, wait_time_in_seconds: float = POLL
    ) -> AsyncGenerator[Lease, None]:
        """Hold the conversation while the block runs. `lock_lifetime`: seconds to wait for it at most, and to hold it at most.

        Raises LockUnavailable or LockTimeout before the block; LockLost instead of going on when the lock is lost within it.
        """
        lease = Lease(conversation_id)
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            if task is not None and not lease.closed:
                task.cancel()

        lease.on_lost = lambda: _call_soon(loop, stop)
        await self._take(lease, lock_lifetime)
        longest = loop.call_later(lock_lifetime, lease.lose)
        before = CURRENT.set(lease)
        try:
            yield lease
        except asyncio.CancelledError:
            if lease.lost:
                raise LockLost("The turn lost its conversation and was stopped; nothing was stored.") from None
            raise
        finally:
            lease.closed = True
            longest.cancel()
            CURRENT.reset(before)
            await self._leave(lease)

    async def _take(self, lease: Lease, patience: float) -> None:
        try:
            await self.queue.take(lease, patience)
        except LockUnavailable:
            raise  # nothing to give back where nobody answers; the place, if there is one, runs out
        except BaseException:
            lease.closed = True
            await self._leave(lease)
            raise

    async def _leave(self, lease: Lease) -> None:
        leaving = asyncio.ensure_future(self.queue.leave(lease))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        await asyncio.wait({leaving}, timeout=GIVE_BACK_WITHIN)


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed: the process ends anyway
        loop.call_soon_threadsafe(function)
