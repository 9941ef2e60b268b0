"""Turns of one conversation never overlap, whatever happens to the processes that take them or to Redis."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from rasa.core.lock_store import LockStore
from rasa.core.utils import AvailableEndpoints

from runtime import lock_store
from runtime.lock_store import ConversationLocks, LocalQueue, LockLost, LockTimeout, LockUnavailable, RedisQueue
from tests.runtime.person import PERSON, turn
from tests.servers import Redis

ROOT = Path(__file__).resolve().parent.parent.parent
LEASE = 0.8  # seconds: short, so that tests need not wait for a lost one
YOUNG = LEASE + 2.2  # seconds after its start that a Redis server hands out nothing


def old_enough(server: Redis) -> None:
    """Wait until the server hands out locks."""
    client = redis.Redis.from_url(server.url)
    while client.info("server")["uptime_in_seconds"] <= LEASE + 1:
        time.sleep(0.05)
    client.close()


@pytest.fixture
def shared(redis_server: Redis) -> Callable[[], ConversationLocks]:
    """Makes lock stores as several processes would have them."""
    old_enough(redis_server)
    return lambda: ConversationLocks(queue=RedisQueue(redis_server.url, lease=LEASE, patience=1.0))


@pytest.fixture(params=["local", "redis"])
def locks(request: pytest.FixtureRequest) -> ConversationLocks:
    if request.param == "local":
        return ConversationLocks()
    made: ConversationLocks = request.getfixturevalue("shared")()
    return made


Person = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def person(redis_server: Redis, tmp_path: Path) -> Iterator[Person]:
    """Starts another process that takes turns; see `tests/runtime/person.py`."""
    started: list[subprocess.Popen[str]] = []

    def start(what: str, number: float, ready: bool = True) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.runtime.person", what, redis_server.url, str(tmp_path), str(LEASE), str(number)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(child)
        if ready and child.stdout:
            assert child.stdout.readline() == "held\n"
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


def last_word(child: "subprocess.Popen[str]") -> str:
    return child.communicate(timeout=30)[0].strip()


async def test_turns_of_one_conversation_do_not_overlap_and_none_is_lost(locks: ConversationLocks, tmp_path: Path) -> None:
    async def message() -> None:
        async with locks.lock(PERSON):
            await turn(tmp_path)

    await asyncio.gather(*(message() for _ in range(40)))
    assert not (tmp_path / "violations").exists()
    assert (tmp_path / "count").read_text() == "40"


async def test_first_come_first_served(locks: ConversationLocks) -> None:
    served = []

    async def message(number: int) -> None:
        async with locks.lock(PERSON):
            served.append(number)
            await asyncio.sleep(0.001)

    waiting = []
    for number in range(20):
        waiting.append(asyncio.create_task(message(number)))
        await asyncio.sleep(0.003)
    await asyncio.gather(*waiting)
    assert served == list(range(20))


async def test_first_come_first_served_over_several_processes(shared: Callable[[], ConversationLocks]) -> None:
    processes, served = [shared() for _ in range(3)], []

    async def message(number: int) -> None:
        async with processes[number % 3].lock(PERSON):
            served.append(number)

    waiting = []
    async with processes[0].lock(PERSON):
        for number in range(12):
            waiting.append(asyncio.create_task(message(number)))
            await asyncio.sleep(0.02)
    await asyncio.gather(*waiting)
    assert served == list(range(12))


async def test_conversations_do_not_wait_for_each_other(locks: ConversationLocks) -> None:
    async with locks.lock("one"):
        started = time.monotonic()
        async with locks.lock("two"):
            pass
    assert time.monotonic() - started < 0.5


async def test_the_next_turn_starts_at_once(locks: ConversationLocks) -> None:
    async def message() -> float:
        async with locks.lock(PERSON):
            return time.monotonic()

    async with locks.lock(PERSON):
        following = asyncio.create_task(message())
        await asyncio.sleep(0.1)
        ended = time.monotonic()
    assert await following - ended < 0.1


async def test_a_turn_that_fails_frees_its_conversation(locks: ConversationLocks) -> None:
    with pytest.raises(KeyError):
        async with locks.lock(PERSON):
            raise KeyError
    async with locks.lock(PERSON, 0.5) as lease:
        assert lease.held()
    assert not lease.held()


async def test_who_stops_waiting_leaves_the_queue(locks: ConversationLocks) -> None:
    async def message() -> None:
        async with locks.lock(PERSON):
            pass

    async with locks.lock(PERSON):
        waiting = asyncio.create_task(message())
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with locks.lock(PERSON, 0.5):
        pass


async def test_waiting_has_an_end(locks: ConversationLocks) -> None:
    async with locks.lock(PERSON):
        with pytest.raises(LockTimeout):
            async with locks.lock(PERSON, 0.3):
                pytest.fail("two turns at the same time")
    async with locks.lock(PERSON, 0.5):
        pass


async def test_holding_has_an_end(locks: ConversationLocks) -> None:
    stored = []
    with pytest.raises(LockLost):
        async with locks.lock(PERSON, 0.3):
            await asyncio.sleep(5)
            stored.append("turn")
    assert stored == []
    async with locks.lock(PERSON, 0.5):
        pass


async def test_any_conversation_id_can_be_locked(locks: ConversationLocks) -> None:
    for name in ("\ud800", "\x00", "a" * 10_000, "{}", "", "💬"):
        async with locks.lock(name):
            pass


async def test_a_local_queue_keeps_nothing() -> None:
    queue = LocalQueue()
    locks = ConversationLocks(queue=queue)

    async def message(name: str) -> None:
        async with locks.lock(name):
            await asyncio.sleep(0)

    await asyncio.gather(*(message(f"visitor {number % 7}") for number in range(50)))
    assert (queue._queues, queue._places) == ({}, {})


async def test_every_key_ends_by_itself_and_names_nobody(redis_server: Redis, shared: Callable[[], ConversationLocks]) -> None:
    client = redis.Redis.from_url(redis_server.url)
    async with shared().lock(PERSON):
        keys = client.keys("*")
        assert len(keys) == 2
        assert all(0 < client.pttl(key) <= 2000 * LEASE for key in keys)
        assert not any(b"5550100" in key for key in keys)
    assert client.keys("*") == []
    client.close()


def test_two_processes_and_six_messages_of_one_person_fifty_times(redis_server: Redis, person: Person, tmp_path: Path) -> None:
    old_enough(redis_server)
    both = [person("turns", 50, ready=False) for _ in range(2)]
    assert [child.wait(120) for child in both] == [0, 0]
    assert not (tmp_path / "violations").exists()
    assert (tmp_path / "count").read_text() == "300"


async def test_a_killed_holder_frees_its_conversation_in_seconds(shared: Callable[[], ConversationLocks], person: Person) -> None:
    child = person("hold", 60)
    child.kill()
    started = time.monotonic()
    async with shared().lock(PERSON):
        assert time.monotonic() - started < LEASE + 0.5


async def test_a_killed_waiter_does_not_stop_the_queue(shared: Callable[[], ConversationLocks], person: Person) -> None:
    locks = shared()
    async with locks.lock(PERSON):
        child = person("hold", 60, ready=False)
        await asyncio.sleep(2.5)  # it has started and waits
        child.kill()
        assert child.wait() == -signal.SIGKILL
    started = time.monotonic()
    async with locks.lock(PERSON):
        assert time.monotonic() - started < LEASE + 0.5


async def test_a_slow_holder_keeps_its_conversation_even_when_it_blocks_its_event_loop(shared: Callable[[], ConversationLocks], person: Person) -> None:
    child = person("block", 3 * LEASE)
    async with shared().lock(PERSON):
        got = time.time()
    word = last_word(child)
    assert word.startswith("kept until ") and got >= float(word.split()[-1])


async def test_a_frozen_holder_loses_its_conversation_and_learns_it(shared: Callable[[], ConversationLocks], person: Person) -> None:
    child = person("hold", 0.3)
    child.send_signal(signal.SIGSTOP)
    async with shared().lock(PERSON):
        child.send_signal(signal.SIGCONT)
        assert last_word(child) == "lost"


@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_a_restarted_redis_does_not_give_a_conversation_to_two(
    redis_server: Redis, shared: Callable[[], ConversationLocks], person: Person, way: str
) -> None:
    child, locks = person("hold", 2 * YOUNG), shared()
    getattr(redis_server, way)()
    redis_server.start()
    async with locks.lock(PERSON):
        got = time.time()
    word = last_word(child)
    assert word.startswith("kept until ") and got >= float(word.split()[-1])


@pytest.mark.parametrize("way", ["stop", "pause"])
async def test_without_redis_a_turn_is_refused_in_time_and_works_again_afterwards(
    redis_server: Redis, shared: Callable[[], ConversationLocks], way: str
) -> None:
    locks = shared()
    async with locks.lock(PERSON):
        pass
    getattr(redis_server, way)()
    started = time.monotonic()
    with pytest.raises(LockUnavailable):
        async with locks.lock(PERSON):
            pytest.fail("a turn without a lock")
    assert time.monotonic() - started < 4
    redis_server.start()
    async with locks.lock(PERSON):
        pass


async def test_a_short_restart_of_redis_is_only_a_wait(redis_server: Redis, shared: Callable[[], ConversationLocks]) -> None:
    locks = shared()
    async with locks.lock(PERSON):
        pass
    redis_server.kill()
    redis_server.start()
    started = time.monotonic()
    async with locks.lock(PERSON):
        assert time.monotonic() - started < YOUNG + 1


async def test_a_turn_is_stopped_when_redis_stays_away(redis_server: Redis, shared: Callable[[], ConversationLocks]) -> None:
    stored = []
    with pytest.raises(LockLost):
        async with shared().lock(PERSON):
            redis_server.stop()
            await asyncio.sleep(10)
            stored.append("turn")
    assert stored == []


async def test_a_turn_that_was_answered_is_not_held_up_by_a_frozen_redis(redis_server: Redis, shared: Callable[[], ConversationLocks]) -> None:
    async with shared().lock(PERSON):
        redis_server.pause()
        ended = time.monotonic()
    assert time.monotonic() - ended < 0.6


async def test_a_lost_turn_may_not_store(locks: ConversationLocks) -> None:
    lock_store.ensure_held()  # outside a turn there is nothing to lose
    async with locks.lock(PERSON) as lease:
        lock_store.ensure_held()
        lease.deadline = time.monotonic() - 1
        with pytest.raises(LockLost):
            lock_store.ensure_held()
        lease.closed = True


@pytest.mark.parametrize(("url", "queue"), [("", LocalQueue), ("redis://127.0.0.1:1/0", RedisQueue)])
def test_rasa_takes_the_store_that_the_environment_names(monkeypatch: pytest.MonkeyPatch, url: str, queue: Any) -> None:
    monkeypatch.setenv("STRIA_REDIS_URL", url)
    monkeypatch.setenv("STRIA_CONVERSATIONS_DB", "unused.sqlite3")
    store = LockStore.create(AvailableEndpoints.read_endpoints(str(ROOT / "endpoints.yml")).lock_store)
    assert isinstance(store, ConversationLocks) and isinstance(store.queue, queue)
