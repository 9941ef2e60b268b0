"""Attacks on the server that the first fault rows did not think of: odd requests, odd clocks, frozen servers, files that vanish."""

import asyncio
import contextlib
import json
import resource
import signal
import sqlite3
import time
from pathlib import Path
from typing import Dict, List

import aiohttp
import pytest

from tests.runtime.site import MESSAGE, Parent, Site, apology
from tests.servers import Postgres, Redis

pytestmark = pytest.mark.model
JSON = b"Content-Type: application/json\r\n"


def post(body: bytes, headers: bytes = b"", length: bool = True) -> bytes:
    counted = f"Content-Length: {len(body)}\r\n".encode() if length else b""
    return b"POST /webhooks/rest/webhook HTTP/1.1\r\nHost: a\r\n" + JSON + counted + headers + b"\r\n" + body


GOOD = json.dumps({"sender": "a", "message": MESSAGE}).encode()
ODD_REQUESTS: Dict[str, bytes] = {
    "one key twice, the second hostile": post(b'{"sender": "a", "sender": "\\ud800", "message": "hi"}'),
    "one header twice": post(GOOD, b"Content-Length: 5\r\n"),
    "negative length": post(GOOD, b"Content-Length: -5\r\n", length=False),
    "length that is no number": post(GOOD, b"Content-Length: \xb2\r\n", length=False),
    "length of a gigabyte": post(GOOD, b"Content-Length: 1000000000\r\n", length=False),
    "length with a plus": post(GOOD, b"Content-Length: +9999999999999999999999\r\n", length=False),
    "negative chunk": post(b"-5\r\n" + GOOD, b"Transfer-Encoding: chunked\r\n", length=False),
    "chunk of rubbish": post(b"zz\r\n" + GOOD, b"Transfer-Encoding: chunked\r\n", length=False),
    "chunks without end": post(b"1000\r\n" + b"a" * 4096 + b"\r\n", b"Transfer-Encoding: chunked\r\n", length=False)
    + (b"1000\r\n" + b"a" * 4096 + b"\r\n") * 8,
    "headers without end": b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 20_000,
    "header that is no text": post(b"rubbish", b"X-Request-Id: \xff\xfe\x00\r\n"),
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP of another century": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "path that is no text": b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "path of other folders": b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    "lists within lists": post(b"[" * 9000 + b"]" * 9000),
    "objects within objects": post(b'{"sender":' * 1500 + b"1" + b"}" * 1500),
    "sender of five thousand digits": post(b'{"message": "hi", "sender": ' + b"9" * 5000 + b"}"),
    "sender that is no finite number": post(b'{"message": "hi", "sender": 1e999}'),
    "message id that is hostile": post(b'{"message": "hi", "sender": "a", "message_id": "\\u0000"}'),
    "body in another alphabet": post('{"message": "hi", "sender": "a"}'.encode("utf-16")),
}


async def test_odd_requests_are_refused_and_harm_nobody(site: Site) -> None:
    port = await site.start()
    for name, request in ODD_REQUESTS.items():
        status = await site.raw(port, request)
        assert status == 0 or 400 <= status < 500, (name, status)
    assert site.alive(port) and not apology(await site.say(port, "a", MESSAGE, "m1"))
    assert site.stored("a") == ["m1"]


async def test_slow_senders_keep_nobody_waiting(site: Site) -> None:
    """Three hundred connections send half a request and then nothing."""
    port = await site.start()
    slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
    try:
        for number, (_, writer) in enumerate(slow):
            writer.write(post(GOOD)[: 20 + number % 100])
        started = time.monotonic()
        assert not apology(await site.say(port, "a", MESSAGE, "m1")) and time.monotonic() - started < 5
        assert (await site.get(port, "/healthz"))[0] == 200
    finally:
        for _, writer in slow:
            writer.close()
    site.kill(port, signal.SIGTERM)
    assert await site.gone(port)


async def test_senders_who_trickle_are_let_go(site: Site) -> None:
    """A byte now and then is no reason to wait: the time limit is for the whole request."""
    port = await site.start(patience=1)
    whole = post(GOOD)
    body = whole.index(b"\r\n\r\n") + 4

    async def seconds(start: int) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(whole[:start])
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for place in range(start, start + 40):
                writer.write(whole[place : place + 1] or b" ")
                with contextlib.suppress(asyncio.TimeoutError):
                    if b"408" in await asyncio.wait_for(reader.read(20), 0.2):
                        break
        writer.close()
        return time.monotonic() - started

    spent = await asyncio.gather(*(seconds(place) for place in (5, 10, 20, body, body + 3)))
    assert all(0.5 < each < 4 for each in spent), spent
    assert not apology(await site.say(port, "a", MESSAGE, "m1")) and site.stored("a") == ["m1"]


async def test_more_connections_than_the_process_may_open(site: Site) -> None:
    port = await site.start()
    used = len(list(Path(f"/proc/{site.pids[port]}/fd").iterdir()))
    resource.prlimit(site.pids[port], resource.RLIMIT_NOFILE, (used + 30, 4096))
    many = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
    await asyncio.sleep(0.3)
    for _, writer in many:
        writer.close()
    deadline = time.monotonic() + 10
    while True:  # a connection too many is closed at once; the platform comes again
        try:
            assert not apology(await site.say(port, "a", MESSAGE, "m1")) and site.stored("a") == ["m1"]
            break
        except aiohttp.ClientError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)


async def test_a_message_full_of_entities(site: Site) -> None:
    port = await site.start()
    text = " ".join(["belly", "hips", "thighs", "breasts", "arms", "metformin", "accutane", "keloids"] * 20)[:990]
    assert not apology(await site.say(port, "a", text, "m1"))
    assert not apology(await site.say(port, "a", MESSAGE, "m2")) and site.stored("a") == ["m1", "m2"]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_two_hundred_new_people_at_once(parent: Parent, tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    site = Site(parent, tmp_path, None if kind == "sqlite" else request.getfixturevalue("database"))
    try:
        port = await site.start(effects=str(site.effects))
        replies = await asyncio.gather(*(site.say(port, f"p{n}", MESSAGE, "first", within=60) for n in range(200)))
        assert all(reply and not apology(reply) for reply in replies)
        assert all(site.stored(f"p{n}") == ["first"] for n in range(200)) and len(site.booked()) == 200
    finally:
        site.end()


async def test_a_message_id_of_somebody_else(site: Site) -> None:
    """Ids are anybody's to choose on some channels: another's id neither hides a message nor shows what the other was told."""
    port = await site.start(effects=str(site.effects))
    first = await site.say(port, "a", MESSAGE, "m1")
    other = await site.say(port, "b", "does it hurt", "m1")
    assert other and other != first
    assert site.stored("a") == site.stored("b") == ["m1"] and len(site.booked()) == 2


async def test_a_conversation_erased_while_a_turn_runs(parent: Parent, tmp_path: Path) -> None:
    """Erasing waits for the turn; in another process without a common lock the turn runs again and starts a new conversation."""
    site = Site(parent, tmp_path)
    try:
        one, other = [await site.start(slow=0.2, effects=str(site.effects)) for _ in range(2)]
        for port, message_id, left in ((one, "m1", []), (other, "m2", ["m2"])):
            await site.say(one, "a", "i have brown skin, how many sessions", f"before-{message_id}")
            await site.post(port, "/erase/rest:nobody")  # the process has opened the records, so that the next one is quick
            running = asyncio.ensure_future(site.say(one, "a", MESSAGE, message_id))
            await asyncio.sleep(0.1)
            status, gone = await site.post(port, "/erase/rest:a")
            assert status == 200 and int(gone) > 0
            assert not apology(await running)
            assert site.stored("a") == left
        assert not apology(await site.say(other, "a", MESSAGE, "m3")) and site.stored("a") == ["m2", "m3"]
        assert sorted(site.booked()) == ["before-m1", "before-m2", "m1", "m2", "m3"]
    finally:
        site.end()


async def test_a_clock_that_steps_back(site: Site) -> None:
    """A day back, and a day back again: the order and the memory of what was answered do not hang on the clock."""
    replies: List[object] = []
    for number, clock in enumerate((86400, 0, -86400)):
        port = await site.start(clock=clock, effects=str(site.effects))
        replies.append(await site.say(port, "a", MESSAGE, f"m{number}"))
        assert await site.say(port, "a", MESSAGE, "m0") == replies[0]
        assert (await site.get(port, "/readyz"))[0] == 200
        site.kill(port)
    assert site.stored("a") == ["m0", "m1", "m2"] and site.booked() == ["m0", "m1", "m2"]


async def test_stopped_while_it_starts(site: Site) -> None:
    port = await site.start(wait=False, loading=2)
    await asyncio.sleep(0.5)
    site.kill(port, signal.SIGTERM)
    assert await site.gone(port, 5)
    port = await site.start()
    assert not apology(await site.say(port, "a", MESSAGE, "m1")) and site.stored("a") == ["m1"]


async def test_a_frozen_redis(parent: Parent, tmp_path: Path, redis_server: Redis) -> None:
    """Frozen is worse than stopped: connections stay open and nothing answers."""
    site = Site(parent, tmp_path)
    site.environment["STRIA_REDIS_URL"] = redis_server.url
    try:
        port = await site.start(effects=str(site.effects))
        await site.say(port, "a", "hello", "m0")
        redis_server.pause()
        started = time.monotonic()
        assert apology(await site.say(port, "a", MESSAGE, "m1")) and time.monotonic() - started < 15
        assert (await site.get(port, "/healthz"))[0] == 200
        redis_server.resume()
        await asyncio.sleep(0.1)
        assert not apology(await site.say(port, "a", MESSAGE, "m1"))
        assert site.stored("a") == ["m0", "m1"] == sorted(site.booked())
    finally:
        redis_server.resume()
        site.end()


async def test_a_frozen_postgres(parent: Parent, tmp_path: Path, postgres: Postgres) -> None:
    site = Site(parent, tmp_path, postgres.database())
    try:
        port = await site.start(effects=str(site.effects))
        await site.say(port, "a", "hello", "m0")
        postgres.pause()
        started = time.monotonic()
        replies = await asyncio.gather(*(site.say(port, person, MESSAGE, "m1", within=45) for person in "abcdefghijkl"))
        assert all(map(apology, replies)) and time.monotonic() - started < 20
        assert (await site.get(port, "/readyz", within=15))[0] == 503 and (await site.get(port, "/healthz"))[0] == 200
        postgres.resume()
        await asyncio.sleep(0.5)
        for person in "abcdefghijkl":
            assert not apology(await site.say(port, person, MESSAGE, "m1"))
        assert site.stored("a") == ["m0", "m1"] and all(site.stored(person) == ["m1"] for person in "bcdefghijkl") and len(site.booked()) == 13
        postgres.pause()
        frozen = asyncio.ensure_future(site.say(port, "a", MESSAGE, "m2"))
        await asyncio.sleep(0.2)
        site.kill(port, signal.SIGTERM)
        assert await site.gone(port, 40), "a frozen database must not keep a stopped server alive"
        await asyncio.gather(frozen, return_exceptions=True)
    finally:
        postgres.resume()
        site.end()


async def test_a_read_only_database(site: Site) -> None:
    port = await site.start(humble=True)
    await site.say(port, "a", "hello", "m0")
    files = [Path(site.database + end) for end in ("", "-wal", "-shm")]
    for path in files:
        path.chmod(0o444)
    site.kill(port)
    port = await site.start(humble=True)  # as after a restore by the wrong user
    assert apology(await site.say(port, "a", MESSAGE, "m1"))
    assert (await site.get(port, "/readyz"))[0] == 503
    for path in files:
        path.chmod(0o644)
    assert not apology(await site.say(port, "a", MESSAGE, "m1")) and site.stored("a") == ["m0", "m1"]


async def test_a_database_file_deleted_while_the_server_runs(site: Site) -> None:
    """What was in it is gone; what comes after must not be written into a file that nobody can open."""
    port = await site.start()
    await site.say(port, "a", "hello", "m0")
    for end in ("", "-wal", "-shm"):
        Path(site.database + end).unlink(missing_ok=True)
    assert not apology(await site.say(port, "a", MESSAGE, "m1"))
    assert not apology(await site.say(port, "b", MESSAGE, "m2"))
    site.kill(port)
    assert site.stored("a") == ["m1"] and site.stored("b") == ["m2"]


async def test_a_database_file_that_is_overwritten_with_rubbish(site: Site) -> None:
    port = await site.start()
    await site.say(port, "a", "hello", "m0")
    site.kill(port)
    for end in ("-wal", "-shm"):
        Path(site.database + end).unlink(missing_ok=True)
    whole = Path(site.database).read_bytes()
    Path(site.database).write_bytes(b"rubbish " * 2000)
    port = await site.start()
    assert apology(await site.say(port, "a", MESSAGE, "m1")) and site.alive(port)
    assert (await site.get(port, "/readyz"))[0] == 503
    Path(site.database).write_bytes(whole)  # the backup
    assert not apology(await site.say(port, "a", MESSAGE, "m1")) and site.alive(port)
    assert site.stored("a")[-1] == "m1"


async def test_metrics_under_load_name_nobody(site: Site) -> None:
    port = await site.start()

    async def person(number: int) -> None:
        for place in range(6):
            await site.say(port, f"anna-lee-{number}", MESSAGE, f"secret-{number}-{place}")

    talking = asyncio.gather(*(person(number) for number in range(16)))
    seen = []
    while not talking.done():
        seen.append(await site.get(port, "/metrics", within=5))
        await asyncio.sleep(0.02)
    await talking
    assert seen and all(status == 200 for status, _ in seen)
    _, text = await site.get(port, "/metrics")
    assert 'stria_turns_total{channel="rest",outcome="answered"} 96.0' in text
    assert "anna" not in text and "secret" not in text and MESSAGE not in text


async def test_no_log_line_quotes_a_person(site: Site, parent: Parent) -> None:
    """Every way to fail, with a name and a number in the message, at the most talkative level that is allowed."""
    words = "my name is Zebedee Quux, 07400 987654"
    site.environment["STRIA_LOG_LEVEL"] = "INFO"
    port = await site.start(fail=True)
    await site.say(port, "zebedee-quux", words, "m1")
    await site.raw(port, post(words.encode()))
    with contextlib.closing(sqlite3.connect(site.database)) as connection, connection:
        connection.execute("UPDATE events SET data = replace(data, '{', '')")
        connection.execute("UPDATE windows SET version = version + 1")
    await site.say(port, "zebedee-quux", words, "m2")
    with contextlib.closing(sqlite3.connect(site.database)) as connection, connection:
        connection.execute("ALTER TABLE events RENAME COLUMN data TO other")
    await site.say(port, "zebedee-quux", words, "m3")
    log = parent.log.read_text(encoding="utf-8", errors="replace").lower()
    assert log and not any(word in log for word in ("zebedee", "quux", "07400", "987654"))
