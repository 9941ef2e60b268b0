"""What a stock Rasa 3.6.21 does in the fault rows of tests/runtime/test_faults.py: `python -m bench.stock` prints a Markdown table.

Stock means: `rasa run`, its `rest` channel, its SQL tracker store, its Redis lock store where two processes share one, and the SDK's action server. The
action books under the turn's message id exactly as the one in the tests does. It takes about ten minutes, because a killed server needs ten seconds to start.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, List, Optional, Sequence, Tuple

import aiohttp

from bench.turns import await_answer, free_port, process, seconds
from runtime.settings import VAR
from tests.servers import Missing, Postgres, Redis

MESSAGE = "how many sessions will i need"
KILLS = 10
PEOPLE = 10  # of six messages each; the tests take fifty
HOSTILE = ["\ud800", "\x00", "a" * 10_000, "", None, "a b", {"x": 1}, ["a"], "../../x", "💥", True]
WITHIN = 75.0  # seconds for an answer; stock gives up after 60

PROJECT = {
    "config.yml": """recipe: default.v1
assistant_id: stock
language: en
pipeline: [{name: KeywordIntentClassifier, case_sensitive: false}]
policies: [{name: RulePolicy}]
""",
    "credentials.yml": "rest:\n",
    "domain.yml": 'version: "3.1"\nintents: [ask_session_count]\nactions: [action_book]\n',
    "data.yml": """version: "3.1"
nlu:
- intent: ask_session_count
  examples: |
    - sessions
rules:
- rule: ask
  steps: [{intent: ask_session_count}, {action: action_book}]
""",
    "actions.py": """import asyncio
import json
import sqlite3
from pathlib import Path

from rasa_sdk import Action

HERE = Path(__file__).resolve().parent


class Book(Action):
    def name(self):
        return "action_book"

    async def run(self, dispatcher, tracker, domain):
        faults = json.loads((HERE / "faults.json").read_text())
        await asyncio.sleep(faults.get("slow", 0))
        with sqlite3.connect(HERE / "effects.sqlite3", timeout=10) as book:
            book.execute("INSERT OR IGNORE INTO effects (key, sender) VALUES (?, ?)", (tracker.latest_message["message_id"], tracker.sender_id))
        if faults.get("fail"):
            raise RuntimeError("Anna Lee, 07400 123456")
        await asyncio.sleep(600 if faults.get("hang") else faults.get("slow", 0))
        dispatcher.utter_message(text="Four to six.")
        return []
""",
}


@dataclass
class Row:
    """One line of the table. `test`: the test that runs the same fault against Stria. `lost`, `doubled`: turns and effects, None where not counted."""

    fault: str
    test: str
    outcome: str = ""
    lost: Optional[int] = None
    doubled: Optional[int] = None


@dataclass
class Reply:
    """`status`: of HTTP, 0 when the connection broke or the time was up. `text`: whether the person would read anything."""

    status: int
    texts: List[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        said = "an answer" if self.texts else "nothing to read"
        return f"HTTP {self.status} with {said}" if self.status else "no answer"


@dataclass(frozen=True)
class Made:
    """A trained project and the running stock action server that belongs to it."""

    folder: Path
    environment: Dict[str, str]
    actions: str

    def faults(self, **what: Any) -> None:
        (self.folder / "faults.json").write_text(json.dumps(what))

    def effects(self, sender: Optional[str] = None) -> int:
        with sqlite3.connect(self.folder / "effects.sqlite3", timeout=10) as book:
            where, values = ("WHERE sender = ?", (sender,)) if sender is not None else ("", ())
            return int(book.execute(f"SELECT count(*) FROM effects {where}", values).fetchone()[0])


class Stock:
    """One stock Rasa process. `store`, `locks`: sections of its endpoints.yml; `database`: the PostgreSQL address behind `store`, else a file of its own."""

    count = 0

    def __init__(self, made: Made, store: str = "", locks: str = "", database: Optional[str] = None, actions: Optional[str] = None, port: Optional[int] = None):
        Stock.count += 1
        self.made, self.port, self.name = made, port or free_port(), f"stock-{Stock.count}"
        self.database = database or str(made.folder / f"{self.name}.sqlite3")
        self.endpoints = made.folder / f"{self.name}.yml"
        store = store or f"{{type: SQL, dialect: sqlite, db: {self.database}}}"
        self.endpoints.write_text(
            f"tracker_store: {store}\naction_endpoint: {{url: '{actions or made.actions}'}}\n" + (f"lock_store: {locks}\n" if locks else "")
        )
        self.log = made.folder / f"{self.name}.log"
        self.child: Optional[subprocess.Popen[bytes]] = None

    def start(self) -> None:
        """Start it when it does not run and wait until it serves."""
        if self.alive():
            return
        command = [sys.executable, "-m", "rasa", "run", "--interface", "127.0.0.1", "-p", str(self.port), "--model", "models"]
        command += ["--endpoints", str(self.endpoints), "--credentials", "credentials.yml"]
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(
                command, cwd=self.made.folder, env=self.made.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        await_answer(f"http://127.0.0.1:{self.port}/", self.child, self.log)

    def alive(self) -> bool:
        return self.child is not None and self.child.poll() is None

    async def ended(self, within: float = 10) -> bool:
        """Whether the process ends by itself within so many seconds."""
        until = time.monotonic() + within
        while self.alive() and time.monotonic() < until:
            await asyncio.sleep(0.05)
        return not self.alive()

    def signal(self, number: int, wait: float = 30) -> None:
        if self.child is not None and self.alive():
            self.child.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(wait)

    def close(self) -> None:
        self.signal(signal.SIGKILL)

    async def say(self, sender: Any, message: Any = MESSAGE, message_id: Optional[str] = None, within: float = WITHIN) -> Reply:
        body = {"sender": sender, "message": message, **({"message_id": message_id} if message_id else {})}
        return await self.post(json.dumps(body).encode(), within)

    async def post(self, body: bytes, within: float = WITHIN) -> Reply:
        started = time.monotonic()
        limit, address = aiohttp.ClientTimeout(total=within), f"http://127.0.0.1:{self.port}/webhooks/rest/webhook"
        try:
            header = {"Content-Type": "application/json"}
            async with aiohttp.ClientSession(timeout=limit) as session, session.post(address, data=body, headers=header) as response:
                found = await response.json(content_type=None) if response.status == 200 else []
                return Reply(response.status, [r.get("text") for r in found if r.get("text")], time.monotonic() - started)
        except (aiohttp.ClientError, asyncio.TimeoutError):
            return Reply(0, seconds=time.monotonic() - started)

    async def slowest_other(self, during: "asyncio.Future[Any]", longest: float) -> float:
        """The longest that anybody else waited for `GET /` while something went on."""
        slowest, until = 0.0, time.monotonic() + longest
        async with aiohttp.ClientSession() as session:
            while not during.done() and time.monotonic() < until:
                started = time.monotonic()
                async with session.get(f"http://127.0.0.1:{self.port}/"):
                    slowest = max(slowest, time.monotonic() - started)
                await asyncio.sleep(0.05)
        return slowest

    def stored(self, sender: str) -> int:
        """User messages of a sender in the database."""
        query = "SELECT count(*) FROM events WHERE sender_id = {} AND type_name = 'user'"
        if self.database.startswith("postgresql"):
            import psycopg2

            connection = psycopg2.connect(self.database)
            try:
                cursor = connection.cursor()
                cursor.execute(query.format("%s"), (sender,))
                return int(cursor.fetchone()[0])
            finally:
                connection.close()
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as connection:
            return int(connection.execute(query.format("?"), (sender,)).fetchone()[0])


Fault = Callable[[Made, Row, Optional[Postgres], Optional[Redis]], Awaitable[None]]
ROWS: List[Tuple[Row, Fault]] = []


def row(fault: str, test: str) -> Callable[[Fault], Fault]:
    def add(run: Fault) -> Fault:
        ROWS.append((Row(fault, test), run))
        return run

    return add


@asynccontextmanager
async def stock(made: Made, **how: Any) -> AsyncIterator[Stock]:
    server = Stock(made, **how)
    try:
        await asyncio.to_thread(server.start)
        yield server
    finally:
        server.close()


def postgres_store(address: str) -> str:
    host, _, database = address.rpartition("@")[2].partition("/")
    name, _, port = host.partition(":")
    return f"{{type: SQL, dialect: postgresql, url: {name}, port: {port}, db: {database}, username: stria, password: unused}}"


@row("Hostile sender ids", "test_hostile_sender_ids")
async def hostile_ids(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    deaths, shared = [], 0
    stores: List[Dict[str, Any]] = [{}]
    if postgres is not None:
        postgres.start()
        address = postgres.database()
        stores.append({"store": postgres_store(address), "database": address})
    for how in stores:
        async with stock(made, **how) as server:
            for sender in HOSTILE:
                reply = await server.say(sender)
                if not reply.status and await server.ended():
                    deaths.append(f"`{json.dumps(sender)}` on {'PostgreSQL' if how else 'SQLite'}")
                    await asyncio.to_thread(server.start)
            shared = shared or server.stored("default")
    line.outcome = f"One request ends the process: {', '.join(deaths) or 'none'}. People without an id share one conversation ({shared} messages in it)."


@row("Rubbish and 60 kB texts", "test_hostile_texts")
async def hostile_texts(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    async with stock(made) as server:
        texts: List[Any] = [
            MESSAGE + strange for strange in ("x" * 19_000, "\ud800\x00", "💥💥💥", "<script>alert(1)</script>", "'; DROP TABLE events; --", "\u202eabc")
        ]
        texts += [None, 7, ["a"], {"a": 1}]
        replies = [await server.say("a", text) for text in texts]
        stored = server.stored("a")
        silent = sum(not reply.texts for reply in replies)
        long = await server.say("b", MESSAGE + " " + "y" * 60_000)
        bodies = [(await server.post(body)).status for body in (b"", b"rubbish", b"[]", b'"x"', b"{" * 5000, b"\xff\xfe")]
        line.outcome = (
            f"{silent} of {len(texts)} get nothing to read, {stored} are stored; 60 kB are read and stored (HTTP {long.status}); "
            f"{sum(status >= 500 for status in bodies)} of {len(bodies)} broken bodies give HTTP 500; "
            f"{'the process lives' if server.alive() else 'the process dies'}."
        )


@row("One request with `Content-Length: -5`, rubbish instead of HTTP, broken chunks", "test_odd_requests_are_refused_and_harm_nobody")
async def odd_requests(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    async with stock(made) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b'POST /webhooks/rest/webhook HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n{"sender": "a", "message": "hi"}')
        await writer.drain()
        await asyncio.sleep(1)
        reply = await server.say("b", within=20)
        writer.close()
        line.lost = 0 if reply.status else 1
        spins = "" if reply.status else "; the process spins until it is killed"
        line.outcome = f"Somebody else's message after that request: {reply} after {reply.seconds:.0f} s{spins}."


@row("SQLite locked for 5 s by another writer", "test_database_locked_five_seconds")
async def locked(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    async with stock(made) as server:
        await server.say("a")
        blocker = sqlite3.connect(server.database, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(server.say("a"))
        await asyncio.sleep(0.1)
        slowest = asyncio.ensure_future(server.slowest_other(waiting, 5.2))
        await asyncio.sleep(5.1)
        blocker.execute("COMMIT")
        blocker.close()
        reply, slow = await waiting, await slowest
        line.lost, line.doubled = max(0, 2 - server.stored("a")), max(0, made.effects("a") - 2)
        line.outcome = f"{reply}; everybody else waits up to {slow:.1f} s."


@row("Disk full (quota)", "test_database_full")
async def full(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    async with stock(made) as server:
        await server.say("a")
        assert server.child is not None
        used = Path(server.database).stat().st_size
        resource.prlimit(server.child.pid, resource.RLIMIT_FSIZE, (used // 2, resource.RLIM_INFINITY))
        reply = await server.say("a")
        died = not reply.status and await server.ended()
        if died:
            await asyncio.to_thread(server.start)
        else:
            resource.prlimit(server.child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        again = await server.say("a")
        line.lost, line.doubled = max(0, 3 - server.stored("a")), max(0, made.effects("a") - 3)
        line.outcome = f"{reply}, as if it were stored{'; the process dies' if died else ''}; with room again: {again}."


@row("Corrupted rows", "test_corrupted_rows")
async def corrupted(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    async with stock(made) as server:
        for _ in range(3):
            await server.say("a")
        with contextlib.closing(sqlite3.connect(server.database)) as connection, connection:
            connection.execute("UPDATE events SET data = 'rubbish' WHERE id IN (SELECT id FROM events ORDER BY id DESC LIMIT 3)")
        reply = await server.say("a")
        died = not reply.status and await server.ended()
        line.lost = max(0, 4 - server.stored("a"))
        line.outcome = f"{reply}; {'the process ends, for everybody, at every message of this person' if died else 'the process lives'}."


@row("Database file deleted while the server runs", "test_a_database_file_deleted_while_the_server_runs")
async def deleted(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    async with stock(made) as server:
        await server.say("a")
        for end in ("", "-wal", "-shm", "-journal"):
            Path(server.database + end).unlink(missing_ok=True)
        replies = [await server.say("a") for _ in range(3)]
        try:
            found = server.stored("a")
        except sqlite3.OperationalError:  # the table was never created
            found = 0
        line.lost = 3 - found
        line.outcome = f"{replies[-1]}; of the three turns after it {found} are stored."


@row("PostgreSQL frozen for 5 s", "test_a_frozen_postgres")
async def frozen(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    if postgres is None:
        raise Missing("PostgreSQL")
    postgres.start()
    address = postgres.database()
    async with stock(made, store=postgres_store(address), database=address) as server:
        await server.say("a")
        postgres.pause()
        waiting = asyncio.ensure_future(server.say("a"))
        await asyncio.sleep(0.1)
        slowest = asyncio.ensure_future(server.slowest_other(waiting, 5.2))
        await asyncio.sleep(5)
        postgres.resume()
        reply, slow = await waiting, await slowest
        line.lost, line.doubled = max(0, 2 - server.stored("a")), max(0, made.effects("a") - 2)
        line.outcome = f"{reply} after {reply.seconds:.1f} s; everybody else waits up to {slow:.1f} s, as long as it is frozen."


@row("Client gone in the middle, webhook repeated during and after the turn", "test_client_gone_and_webhook_repeated")
async def repeated(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    async with stock(made) as server:
        made.faults(slow=0.3)
        await server.say("a", message_id="m1", within=0.45)
        await asyncio.gather(server.say("a", message_id="m1"), server.say("a", message_id="m1"))
        await server.say("a", message_id="m1")
        stored, effects = server.stored("a"), made.effects("a")
        line.lost, line.doubled = max(0, 1 - stored), effects - 1
        line.outcome = f"One message delivered four times: {effects} effects, {stored} stored turns."


@row("Six messages of one person at once, one process", "test_six_at_once_of_one_person_keep_their_order")
async def six(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    async with stock(made) as server:
        made.faults(slow=0.02)
        started = time.monotonic()
        await asyncio.gather(*(server.say("a") for _ in range(6)))
        line.lost, line.doubled = 6 - server.stored("a"), made.effects("a") - 6
        line.outcome = f"{server.stored('a')} of 6 stored, after {time.monotonic() - started:.1f} s (it waits in steps of a second)."


@row(f"kill -9 at ten moments of a turn, then the platform's retry ({KILLS} rounds stock, 200 ours)", "test_killed_at_random_moments")
async def killed(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    rng = random.Random(20)
    async with stock(made) as server:
        made.faults(slow=0.01)
        await server.say("warm")
        whole = (await server.say("warm")).seconds
        stored, effects = 0, 0
        line.lost = line.doubled = 0
        for moment in range(KILLS):
            sender = f"p{moment}"
            first = asyncio.ensure_future(server.say(sender, message_id="m", within=5))
            await asyncio.sleep(whole * (moment + rng.random()) / 9)
            server.signal(signal.SIGKILL)
            await first
            await asyncio.to_thread(server.start)
            await server.say(sender, message_id="m")
            stored, effects = server.stored(sender), made.effects(sender)
            line.lost += max(0, 1 - stored)
            line.doubled += max(0, effects - 1)
        line.outcome = f"{KILLS} messages, each sent again after the restart: {line.doubled} effects happen twice."


@row("SIGTERM during a turn", "test_stopping_finishes_turns")
async def stopped(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    async with stock(made) as server:
        made.faults(slow=0.4)
        waiting = asyncio.ensure_future(server.say("a"))
        await asyncio.sleep(0.3)
        assert server.child is not None
        server.child.terminate()
        reply = await waiting
        await asyncio.to_thread(server.child.wait, 30)
        line.lost, line.doubled = max(0, 1 - server.stored("a")), max(0, made.effects("a") - 1)
        line.outcome = f"{reply}; the turn is {'stored' if server.stored('a') else 'not stored'}."


@row("An action that fails, an action that hangs", "test_an_action_that_fails_or_hangs")
async def failing(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    async with stock(made) as server:
        made.faults(fail=True)
        fails = await server.say("a")
        logged = "Anna Lee" in server.log.read_text(errors="replace") + (made.folder / "actions.log").read_text(errors="replace")
        made.faults(hang=True)
        hangs = await server.say("b")
        await asyncio.sleep(0.5)
        line.lost = max(0, 1 - server.stored("a")) + max(0, 1 - server.stored("b"))
        line.outcome = (
            f"Fails: {fails}, and the rules go on as if it had worked; the log {'quotes the person' if logged else 'is silent'}. "
            f"Hangs: {hangs} after {hangs.seconds:.0f} s."
        )


@row("Action server down, HTTP 500, rubbish, silent", "test_an_action_server_that_is_down_silent_or_talks_rubbish")
async def lying(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    kind = "fail"
    answers = {"rubbish": b"<html>", "list": b"[]", "shape": b'{"events": [{"event": 7}], "responses": []}', "fail": b""}

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            body = answers[kind]
            status = b"500 Oh" if kind == "fail" else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\nConnection: close\r\n\r\n" + body)
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/webhook"
    async with stock(made, actions=address) as bot:
        replies = {}
        for kind in answers:
            replies[kind] = await bot.say("a")
        listening.close()
        await listening.wait_closed()
        replies["down"] = await bot.say("a")
        silent = sum(not reply.texts for reply in replies.values())
        line.lost = max(0, len(replies) - bot.stored("a"))
        states = sorted({reply.status for reply in replies.values()})
        line.outcome = (
            f"{silent} of {len(replies)} people get nothing to read (HTTP {', '.join(map(str, states))}); "
            f"the failed action is {'stored as a turn' if not line.lost else 'not stored'}; silent: as a hanging action."
        )


@row("PostgreSQL stopped, restarted, down at the start", "test_postgres_stopped_and_restarted")
async def database_gone(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    if postgres is None:
        raise Missing("PostgreSQL")
    postgres.start()
    address = postgres.database()
    how = {"store": postgres_store(address), "database": address}
    async with stock(made, **how) as server:
        await server.say("a")
        postgres.stop()
        down = await server.say("a")
        postgres.start()
        await server.say("a")
        await server.say("a")
        before = server.stored("a")
        postgres.stop()
        postgres.start()
        await server.say("a")
        lost_restart = before + 1 - server.stored("a")
        line.lost, line.doubled = max(0, 5 - server.stored("a")), max(0, made.effects("a") - 5)
    postgres.start()
    empty = postgres.database()
    postgres.stop()
    async with stock(made, store=postgres_store(empty), database=empty) as second:
        early = await second.say("b")
        postgres.start()
        await second.say("b")
        try:
            found = second.stored("b")
        except Exception:  # the table was never created
            found = 0
        line.lost += 2 - found
        line.outcome = (
            f"Down: {down}, nothing is stored. A restart with idle connections costs {lost_restart} more. "
            f"Started without it: {early}, and {2 - found} of 2 turns are stored nowhere, though it is back for the second"
            f"{' (the tables are never made)' if not found else ''}."
        )


@row(f"Two processes, six messages of one person at once ({PEOPLE} people stock, 50 ours), PostgreSQL and Redis", "test_two_processes_and_six_messages_at_once")
async def two(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    if postgres is None or redis is None:
        raise Missing("PostgreSQL or Redis")
    postgres.start()
    redis.start()
    address = postgres.database()
    how = {"store": postgres_store(address), "database": address, "locks": f"{{type: redis, url: 127.0.0.1, port: {redis.port}, db: 0}}"}
    async with stock(made, **how) as one, stock(made, **how) as other:
        made.faults(slow=0.005)
        silent = 0
        line.lost = line.doubled = 0
        for person in range(PEOPLE):
            sender = f"p{person}"
            replies = await asyncio.gather(*((one, other)[n % 2].say(sender) for n in range(6)))
            silent += sum(not reply.texts for reply in replies)
            line.lost += max(0, 6 - one.stored(sender))
            line.doubled += max(0, made.effects(sender) - 6)
        redis.stop()
        without = await one.say("q")
        redis.start()
        line.outcome = (
            f"Of {6 * PEOPLE} messages {line.lost} turns are lost and {silent} get nothing to read. Redis stopped: {without} after {without.seconds:.1f} s."
        )


@row("Two processes without Redis (a forgotten setting)", "test_two_processes_without_redis_lose_nothing_either")
async def forgotten(made: Made, line: Row, postgres: Optional[Postgres], redis: Optional[Redis]) -> None:
    async with stock(made) as one, stock(made, store=f"{{type: SQL, dialect: sqlite, db: {one.database}}}", database=one.database) as other:
        line.lost = line.doubled = 0
        for person in range(PEOPLE):
            sender = f"p{person}"
            await asyncio.gather(*((one, other)[n % 2].say(sender) for n in range(6)))
            line.lost += max(0, 6 - one.stored(sender))
            line.doubled += max(0, made.effects(sender) - 6)
        line.outcome = f"Of {6 * PEOPLE} messages {line.lost} turns are lost, all of them answered."


@asynccontextmanager
async def project(folder: Path) -> AsyncIterator[Made]:
    """Train the project and run the SDK's action server beside it; every row gets an effects table of its own."""
    for name, text in PROJECT.items():
        (folder / name).write_text(text)
    environment = {**os.environ, "RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
    environment.update(SANIC_HOST="127.0.0.1", PYTHONDONTWRITEBYTECODE="1")
    train = [sys.executable, "-m", "rasa", "train", "--data", "data.yml"]
    await asyncio.to_thread(seconds, train, folder, environment, folder / "training.log")
    port = free_port()
    made = Made(folder, environment, f"http://127.0.0.1:{port}/webhook")
    made.faults()
    with process([sys.executable, "-m", "rasa_sdk", "--actions", "actions", "-p", str(port)], folder, environment, folder / "actions.log") as child:
        await asyncio.to_thread(await_answer, f"http://127.0.0.1:{port}/health", child, folder / "actions.log")
        yield made


def clear(made: Made) -> None:
    made.faults()
    with sqlite3.connect(made.folder / "effects.sqlite3") as book:
        book.execute("DROP TABLE IF EXISTS effects")
        book.execute("CREATE TABLE effects (key TEXT PRIMARY KEY, sender TEXT)")


async def measure(chosen: Sequence[str]) -> List[Row]:
    """Run the rows whose test's name holds one of `chosen` (all when empty), one after the other."""
    done: List[Row] = []
    async with AsyncExitStack() as open_:
        made = await open_.enter_async_context(project(Path(open_.enter_context(tempfile.TemporaryDirectory()))))
        servers = open_.enter_context(ExitStack())
        postgres: Optional[Postgres] = Postgres()
        redis: Optional[Redis] = Redis()
        for server in (postgres, redis):
            servers.callback(server.close)  # type: ignore[union-attr]
        try:
            postgres.start()  # type: ignore[union-attr]
            redis.start()  # type: ignore[union-attr]
        except Missing as missing:
            print(f"Rows with servers are left out: {missing}", file=sys.stderr)
            postgres = redis = None
        for line, run in ROWS:
            if chosen and not any(part in line.test for part in chosen):
                continue
            clear(made)
            try:
                await asyncio.wait_for(run(made, line, postgres, redis), 600)
            except Missing:
                continue
            except Exception as error:  # a row that cannot be measured must not cost the others
                line.outcome = f"not measured: {type(error).__name__} {error}"
            print(f"{line.fault}: {line.outcome}", file=sys.stderr, flush=True)
            done.append(line)
    return done


def table(rows: Sequence[Row]) -> str:
    """Markdown: fault, what stock does, lost turns, doubled effects."""

    def number(value: Optional[int]) -> str:
        return "–" if value is None else str(value)

    lines = ["| fault | stock Rasa 3.6.21 | lost turns | doubled effects |", "|---|---|--:|--:|"]
    return "\n".join(lines + [f"| {row.fault} | {row.outcome} | {number(row.lost)} | {number(row.doubled)} |" for row in rows])


def main(arguments: List[str]) -> None:
    options = argparse.ArgumentParser(prog="python -m bench.stock", description=__doc__)
    options.add_argument("part", nargs="*", help="measure only the rows whose test's name holds one of these; the others keep their figures")
    output = VAR / "bench"
    output.mkdir(parents=True, exist_ok=True)
    kept = output / "stock.json"
    known = {item["test"]: Row(**item) for item in json.loads(kept.read_text())} if kept.exists() else {}
    known.update({line.test: line for line in asyncio.run(measure(options.parse_args(arguments).part))})
    rows = [known[line.test] for line, _ in ROWS if line.test in known]
    kept.write_text(json.dumps([asdict(line) for line in rows], indent=1))
    text = table(rows)
    (output / "stock.md").write_text(f"# What a stock Rasa does when things break\n\n{text}\n", encoding="utf-8")
    print(f"\n{text}\n\nAlso in {output}")


if __name__ == "__main__":
    main(sys.argv[1:])
