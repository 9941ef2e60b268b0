"""The rows of docs/reliability.md: the real server is killed, starved, lied to and asked twice; no turn may be lost or doubled."""

import asyncio
import random
import signal
import sqlite3
import time
import uuid
from pathlib import Path
from typing import Any, Dict

import aiohttp
import pytest

from runtime.database import make_engine
from tests.runtime.site import MESSAGE, Parent, Site, apology
from tests.servers import Postgres, Redis, free_port

pytestmark = pytest.mark.model
HOSTILE = ["\ud800", "\x00", "a" * 10_000, "", None, "a b", {"x": 1}, ["a"], "../../x", "💥", True]


async def test_hostile_sender_ids(site: Site) -> None:
    port = await site.start()
    for sender in HOSTILE:
        assert (await site.say(port, sender, "hi"))[0].get("status") == 400
    assert len(await site.say(port, "kind", "does it hurt")) >= 1 and site.alive(port)


async def test_hostile_texts(site: Site) -> None:
    port = await site.start()
    for text in [
        "x" * 19_000,
        "\ud800\x00",
        "💥💥💥",
        None,
        7,
        ["a"],
        {"a": 1},
        "<script>alert(1)</script>",
        "'; DROP TABLE events; --",
        "\u202eabc",
        "a\u0300" * 400,
    ]:
        replies = await site.say(port, "a", text)
        assert replies and replies[0].get("text"), text
    async with aiohttp.ClientSession() as session:
        address = f"http://127.0.0.1:{port}/webhooks/rest/webhook"
        async with session.post(address, json={"sender": "a", "message": "y" * 60_000}) as response:
            assert response.status == 413
        for body in (b"", b"rubbish", b"[]", b'"x"', b"{" * 5000, b"\xff\xfe"):
            async with session.post(address, data=body, headers={"Content-Type": "application/json"}) as response:
                assert response.status == 400
    assert site.alive(port) and len(await site.say(port, "a", MESSAGE)) >= 1


async def test_database_locked_five_seconds(site: Site) -> None:
    port = await site.start()
    await site.say(port, "a", "hello", "m0")
    blocker = sqlite3.connect(site.database, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(site.say(port, "a", MESSAGE, "m1"))
    slowest = 0.0
    for _ in range(20):  # others are not held up
        started = time.perf_counter()
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz"):
            slowest = max(slowest, time.perf_counter() - started)
        await asyncio.sleep(0.25)
    assert not waiting.done() and slowest < 1
    blocker.execute("COMMIT")
    assert not apology(await waiting) and site.stored("a") == ["m0", "m1"]


async def test_database_full(site: Site) -> None:
    """A quota that is used up: apology, nothing half stored, and all is well when there is room again."""
    port = await site.start()
    await site.say(port, "a", "hello", "m0")
    engine = make_engine(site.database)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    import resource

    used = Path(site.database).stat().st_size
    resource.prlimit(site.pids[port], resource.RLIMIT_FSIZE, (used // 4, resource.RLIM_INFINITY))
    assert apology(await site.say(port, "a", MESSAGE, "m1"))
    resource.prlimit(site.pids[port], resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert site.alive(port) and site.stored("a") == ["m0"]
    assert not apology(await site.say(port, "a", MESSAGE, "m1")) and site.stored("a") == ["m0", "m1"]


async def test_corrupted_rows(site: Site) -> None:
    port = await site.start()
    for number in range(3):
        await site.say(port, "a", "hello", f"m{number}")
    engine = make_engine(site.database)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE events SET data = 'rubbish' WHERE id IN (SELECT id FROM events ORDER BY id DESC LIMIT 3)")
        connection.exec_driver_sql("UPDATE windows SET opening = '{broken', version = version + 1")
    engine.dispose()
    assert not apology(await site.say(port, "a", MESSAGE, "m3"))
    assert site.alive(port)


async def test_client_gone_and_webhook_repeated(site: Site) -> None:
    port = await site.start(slow=0.3, effects=str(site.effects))
    with pytest.raises(asyncio.TimeoutError):
        await site.say(port, "a", MESSAGE, "m1", within=0.2)  # the client leaves in the middle
    during, again = await asyncio.gather(site.say(port, "a", MESSAGE, "m1"), site.say(port, "a", MESSAGE, "m1"))
    after = await site.say(port, "a", MESSAGE, "m1")
    assert during == again == after and during[0]["text"]
    assert site.stored("a") == ["m1"] and site.booked() == ["m1"]


async def test_six_at_once_of_one_person_keep_their_order(site: Site) -> None:
    port = await site.start(slow=0.02, effects=str(site.effects))
    ids = [f"m{n}" for n in range(6)]
    await asyncio.gather(*(site.say(port, "a", MESSAGE, name) for name in ids))
    assert sorted(site.stored("a")) == ids and sorted(site.booked()) == ids


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.long)])
async def test_killed_at_random_moments(site: Site, times: int) -> None:
    """kill -9 at ten moments of a turn, so many times each; the platform repeats until it is answered: one effect, one turn."""
    rng = random.Random(20)
    pause = 0.01
    port = await site.start(slow=pause, effects=str(site.effects))
    await site.say(port, "warm", MESSAGE)
    started = time.perf_counter()
    await site.say(port, "warm", MESSAGE)
    whole = time.perf_counter() - started
    for moment in range(10):
        for round_ in range(times):
            sender, message_id = f"p{moment}-{round_}", uuid.uuid4().hex
            first = asyncio.ensure_future(site.say(port, sender, MESSAGE, message_id, within=5))
            await asyncio.sleep(whole * (moment + rng.random()) / 9)
            site.kill(port)
            await asyncio.gather(first, return_exceptions=True)
            port = await site.start(slow=pause, effects=str(site.effects))
            replies = await site.say(port, sender, MESSAGE, message_id)
            assert replies and not apology(replies)
            assert site.stored(sender) == [message_id]
    booked = site.booked()
    assert len(booked) == len(set(booked)) and len(booked) == 2 + 10 * times


async def test_stopping_finishes_turns(site: Site) -> None:
    port = await site.start(slow=0.4, effects=str(site.effects))
    waiting = asyncio.ensure_future(site.say(port, "a", MESSAGE, "m1"))
    await asyncio.sleep(0.3)
    site.kill(port, signal.SIGTERM)
    await asyncio.gather(waiting, return_exceptions=True)
    deadline = time.monotonic() + 20
    while site.alive(port) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert site.stored("a") == ["m1"] and site.booked() == ["m1"]


@pytest.mark.parametrize("faults", [{"fail": True}, {"hang": True, "limit": 0.5}], ids=["fails", "hangs"])
async def test_an_action_that_fails_or_hangs(site: Site, faults: Dict[str, Any]) -> None:
    port = await site.start(**faults)
    assert apology(await site.say(port, "a", MESSAGE, "m1"))
    assert site.stored("a") == ["m1"]  # staff see what was asked and that it was not answered
    assert not apology(await site.say(port, "b", "/restart"))


async def test_an_action_server_that_is_down_silent_or_talks_rubbish(site: Site) -> None:
    answers = {"rubbish": b"<html>", "list": b"[]", "shape": b'{"events": [{"event": 7}], "responses": []}', "fail": b""}
    kind = "down"

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if kind == "hang":
                await asyncio.sleep(60)
            status = b"500 Oh" if kind == "fail" else b"200 OK"
            body = answers[kind]
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\nConnection: close\r\n\r\n" + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/webhook"
    site.environment.update(STRIA_ACTIONS_URL=f"http://127.0.0.1:{free_port()}/webhook", STRIA_ACTIONS_SECRET="s" * 16)
    port = await site.start()
    assert apology(await site.say(port, "a", MESSAGE, "down"))
    site.environment.update(STRIA_ACTIONS_URL=address)
    port = await site.start(limit=1.0)
    for kind in answers:
        assert apology(await site.say(port, "a", MESSAGE, kind)), kind
    kind = "hang"
    started = time.monotonic()
    assert apology(await site.say(port, "a", MESSAGE, "hang")) and time.monotonic() - started < 5
    assert site.stored("a") == ["down", *answers, "hang"]
    listening.close()


async def test_postgres_stopped_and_restarted(parent: Parent, tmp_path: Path, postgres: Postgres) -> None:
    site = Site(parent, tmp_path, postgres.database())
    try:
        port = await site.start()
        await site.say(port, "a", "i have brown skin, how many sessions", "m0")
        postgres.stop()
        assert apology(await site.say(port, "a", MESSAGE, "m1"))
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as response:
            assert response.status == 503 and (await response.json())["database"] != "ok"
        postgres.start()
        assert not apology(await site.say(port, "a", MESSAGE, "m1"))
        postgres.stop()
        postgres.start()  # while the pool holds idle connections
        assert not apology(await site.say(port, "a", MESSAGE, "m2"))
        assert site.stored("a") == ["m0", "m1", "m2"]
        postgres.stop()
        second = await site.start()  # a server that starts while the database is down
        assert apology(await site.say(second, "b", MESSAGE, "m0"))
        postgres.start()
        assert not apology(await site.say(second, "b", MESSAGE, "m0")) and site.stored("b") == ["m0"]
    finally:
        site.end()


async def test_two_processes_and_six_messages_at_once(parent: Parent, tmp_path: Path, database: str, redis_server: Redis) -> None:
    """Fifty people write six messages at the same time to two processes: every turn is stored once."""
    site = Site(parent, tmp_path, database)
    site.environment["STRIA_REDIS_URL"] = redis_server.url
    try:
        ports = [await site.start(slow=0.005, effects=str(site.effects)) for _ in range(2)]
        for person in range(50):
            ids = [f"{person}-{n}" for n in range(6)]
            replies = await asyncio.gather(*(site.say(ports[n % 2], f"p{person}", MESSAGE, name) for n, name in enumerate(ids)))
            assert all(r and not apology(r) for r in replies)
            assert sorted(site.stored(f"p{person}")) == ids
        assert len(site.booked()) == 300
        redis_server.stop()
        assert apology(await site.say(ports[0], "q", MESSAGE, "m1", within=30)) and site.stored("q") == []
        redis_server.start()
        assert not apology(await site.say(ports[0], "q", MESSAGE, "m1")) and site.stored("q") == ["m1"]
    finally:
        site.end()


async def test_two_processes_without_redis_lose_nothing_either(parent: Parent, tmp_path: Path) -> None:
    """A forgotten setting must not cost turns: the store notices the other writer and the turn runs again."""
    site = Site(parent, tmp_path)
    try:
        ports = [await site.start(effects=str(site.effects)) for _ in range(2)]
        ids = [f"m{n}" for n in range(6)]
        replies = await asyncio.gather(*(site.say(ports[n % 2], "a", MESSAGE, name) for n, name in enumerate(ids)))
        assert all(r and not apology(r) for r in replies)
        assert sorted(site.stored("a")) == ids and len(site.booked()) == 6
    finally:
        site.end()
