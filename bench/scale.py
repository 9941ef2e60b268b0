"""`python -m bench.scale`: how many turns a second one and two Rasa processes answer on a shared PostgreSQL and Redis, and who pays for a turn.

The topology of deploy/compose.yml without its containers: real servers from Debian's packages, started here, and the processes that `make run` starts.
Both figures come from the same run: the load goes to one process and to both in turn, each conversation always to the same one, as the proxy does it.
Processor time of every part is counted beside the wall clock, because on a small machine the load generator and the databases take their share.
With `--core-share 0.5` every Rasa process gets that much of a core and no more (the kernel's control groups, so root and Linux), which leaves cores
free for what is not Rasa: then the clock shows what a second process brings where cores are not what is short.
"""

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

import aiohttp

from bench.turns import MESSAGES, machine, megabytes, ninety_fifth
from nlu.train import current_model
from runtime.settings import ROOT, VAR, cores
from tests.servers import Postgres, Redis, children, free_port

USERS = 24  # at the same time, each waiting for the answer before the next message
TALK = 10  # turns before a new visitor comes
ROUNDS, ROUND_TURNS = 6, 360
TURN_WITHIN, READY_WITHIN = 60, 180  # seconds
CPU_GROUPS = Path("/sys/fs/cgroup")
SHARE_PERIOD = 10_000  # microseconds in which a process gets its share of a core
PARTS = ("Rasa", "PostgreSQL", "Redis", "load generator")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Topology:
    """PostgreSQL, Redis and several Rasa processes under the launcher, running."""

    postgres: Postgres
    redis: Redis
    launcher: "subprocess.Popen[bytes]"
    ports: List[int]
    database: str
    log: Path

    def address(self, conversation: str, processes: int = 0) -> str:
        """Where a conversation's messages go when only the first `processes` take part."""
        port = self.ports[zlib.crc32(conversation.encode()) % (processes or len(self.ports))]
        return f"http://127.0.0.1:{port}/webhooks/rest/webhook"

    def rasa(self) -> Dict[int, int]:
        """Process ids of the Rasa processes by port."""
        found = {}
        for pid in children(self.launcher.pid):
            if b"runtime.server" in Path(f"/proc/{pid}/cmdline").read_bytes():
                variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                found[next(int(v.partition(b"=")[2]) for v in variables if v.startswith(b"STRIA_RASA_PORT="))] = pid
        return found

    def _number(self, query: str, *values: str) -> int:
        import psycopg2

        connection = psycopg2.connect(self.database)
        try:
            cursor = connection.cursor()
            cursor.execute(query, values)
            return int(cursor.fetchone()[0])
        finally:
            connection.close()

    def stored(self, sender: str = "%") -> int:
        """Messages of visitors in the database, of all whose id is like `sender`."""
        return self._number("SELECT count(*) FROM events WHERE type_name = 'user' AND sender_id LIKE %s", sender)

    def database_bytes(self) -> int:
        """What the conversations' database takes on disk, its indices included."""
        return self._number("SELECT pg_database_size(current_database())")


def consecutive_ports(count: int) -> List[int]:
    """That many free ports which follow each other, as the launcher uses them."""
    import socket

    while True:
        first, held = free_port(), []
        try:
            for port in range(first, first + count):
                held.append(socket.create_server(("127.0.0.1", port)))
            return list(range(first, first + count))
        except OSError:
            continue
        finally:
            for probe in held:
                probe.close()


@contextmanager
def topology(folder: Path, processes: int, durable: bool = True) -> Iterator[Topology]:
    """Start everything, wait until it is ready, stop it in order. Raises RuntimeError with the end of the log when it does not start."""
    postgres, redis, log = Postgres(durable), Redis(), folder / "launcher.log"
    try:
        postgres.start()
        redis.start()
        ports, database = consecutive_ports(processes), postgres.database()
        settings = {
            "STRIA_RASA_PORT": str(ports[0]),
            "STRIA_RASA_PROCESSES": str(processes),
            "STRIA_CONVERSATIONS_DB": database,
            "STRIA_CLINIC_DB": postgres.database(),
            "STRIA_CLINIC_PORT": str(free_port()),
            "STRIA_REDIS_URL": redis.url,
            "STRIA_ACTIONS_URL": "",
        }
        command = [sys.executable, "-m", "runtime.launcher", "--model", str(current_model()), "--rest"]
        with log.open("wb") as output:
            launcher = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + READY_WITHIN
            while "Stria is ready." not in log.read_text(errors="replace"):
                if launcher.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"The processes did not start. The log ends:\n{log.read_text(errors='replace')[-3000:]}")
                time.sleep(0.1)
            yield Topology(postgres, redis, launcher, ports, database, log)
        finally:
            if launcher.poll() is None:
                launcher.send_signal(signal.SIGTERM)
                launcher.wait(120)
    finally:
        redis.close()
        postgres.close()


@contextmanager
def held_to(pid: int, cores: float) -> Iterator[None]:
    """A process gets `cores` of a core at most while this lasts. Raises OSError where control groups are not ours to make."""
    first = (CPU_GROUPS / "cpu").is_dir()  # version 1 has a tree for each resource
    root = CPU_GROUPS / "cpu" if first else CPU_GROUPS
    group, quota = root / f"stria-bench-{pid}", int(cores * SHARE_PERIOD)
    group.mkdir()
    try:
        if first:
            (group / "cpu.cfs_period_us").write_text(str(SHARE_PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {SHARE_PERIOD}")
        (group / "cgroup.procs").write_text(str(pid))
        yield
        (root / "cgroup.procs").write_text(str(pid))
    finally:
        with suppress(OSError):  # the process may have ended, and the group empties a moment later
            group.rmdir()


def processor_seconds(pids: Sequence[int]) -> float:
    """Processor time these processes have used so far, with what their ended children used."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / _TICKS


@dataclass
class Share:
    """What was measured with so many processes taking part."""

    processes: int
    rates: List[float] = field(default_factory=list)  # turns a second of every round
    turns: List[float] = field(default_factory=list)  # milliseconds of every turn
    paid: Dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))  # processor seconds of each part
    wall: float = 0.0


async def load(running: Topology, processes: int, turns: int, label: str) -> List[float]:
    """`turns` turns shared among the users, each over connections kept open. Milliseconds each. Raises RuntimeError when one is not answered."""

    async def user(number: int, session: aiohttp.ClientSession) -> List[float]:
        taken = []
        for place in range(turns // USERS):
            sender, text = f"{label}-{number}-{place // TALK}", MESSAGES[(7 * number + 3 * place) % len(MESSAGES)]
            started = time.perf_counter()
            async with session.post(running.address(sender, processes), json={"sender": sender, "message": text}) as answer:
                if not await answer.json():
                    raise RuntimeError(f"No answer to {text!r}.")
            taken.append(1000 * (time.perf_counter() - started))
        return taken

    limit = aiohttp.ClientTimeout(total=TURN_WITHIN)
    async with aiohttp.ClientSession(timeout=limit, raise_for_status=True, connector=aiohttp.TCPConnector(limit=2 * USERS)) as session:
        return [milliseconds for each in await asyncio.gather(*(user(number, session) for number in range(USERS))) for milliseconds in each]


def paid(running: Topology) -> Dict[str, float]:
    """Processor seconds of each part so far."""
    postgres, redis = running.postgres.process, running.redis.process
    assert postgres is not None and redis is not None
    groups = (list(running.rasa().values()), [postgres.pid, *children(postgres.pid)], [redis.pid], [os.getpid()])
    return {part: processor_seconds(pids) for part, pids in zip(PARTS, groups)}


def measure(running: Topology, shares: Sequence[Share], rounds: int, turns: int) -> None:
    """Let one process and all of them take turns, after each has been warmed up."""
    for share in shares:
        asyncio.run(load(running, share.processes, 4 * USERS, f"warm-{share.processes}"))
    for number in range(rounds):
        for share in shares:
            before, started = paid(running), time.perf_counter()
            share.turns += asyncio.run(load(running, share.processes, turns, f"round-{number}-{share.processes}"))
            taken = time.perf_counter() - started
            share.rates.append(turns // USERS * USERS / taken)
            share.wall += taken
            for part, seconds in paid(running).items():
                share.paid[part] += seconds - before[part]


def table(shares: Sequence[Share], memory: float, growth: float) -> str:
    """Markdown: a line a figure, a column for so many processes. `memory` in MB, `growth` of the database in kB a turn."""
    lines = ["| | " + " | ".join(f"{s.processes} process{'es' if s.processes > 1 else ''}" for s in shares) + " |", "|---|" + "--:|" * len(shares)]
    rates = [statistics.median(share.rates) for share in shares]

    def row(title: str, values: Sequence[str]) -> None:
        lines.append(f"| {title} | " + " | ".join(values) + " |")

    row("turns a second, median of the rounds", [f"{rate:.1f}" for rate in rates])
    row("against one process", [f"{rate / rates[0]:.2f}" for rate in rates])
    row(f"median turn with {USERS} users, ms", [f"{statistics.median(s.turns):.0f}" for s in shares])
    row("95th percentile, ms", [f"{ninety_fifth(s.turns):.0f}" for s in shares])
    for part in PARTS:
        row(f"processor time a turn, {part}, ms", [f"{1000 * s.paid[part] / len(s.turns):.2f}" for s in shares])
    row("cores busy with all of this", [f"{sum(s.paid.values()) / s.wall:.2f}" for s in shares])
    row("turns a second a Rasa process could do on a core of its own", [f"{len(s.turns) / s.paid['Rasa']:.1f}" for s in shares])
    row("memory of a Rasa process, MB", [f"{memory:.0f}"] * len(shares))
    row("database grows by, kB a turn", [f"{growth:.1f}"] * len(shares))
    return "\n".join(lines)


def main(arguments: List[str]) -> None:
    """Exits with a sentence when there is no model for the present data."""
    options = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    options.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="how many Rasa processes to compare, by default %(default)s")
    options.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of each, by default %(default)s")
    options.add_argument("--turns", type=int, default=ROUND_TURNS, help="turns a round, by default %(default)s")
    options.add_argument("--core-share", type=float, default=0.0, help="how much of a core a Rasa process gets at most, by default all of it")
    chosen = options.parse_args(arguments)
    if current_model() is None:
        sys.exit("There is no model for the present data yet: run `make train` first.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave nothing running when told to stop
    where, shares = machine(), [Share(count) for count in sorted(set(chosen.processes))]
    with tempfile.TemporaryDirectory() as folder, topology(Path(folder), shares[-1].processes) as running:
        print("Measuring …", flush=True)
        empty = running.database_bytes()
        with ExitStack() as limits:
            for pid in running.rasa().values() if chosen.core_share else ():
                limits.enter_context(held_to(pid, chosen.core_share))
            measure(running, shares, chosen.rounds, chosen.turns)
        sent = sum(len(share.turns) + 4 * USERS for share in shares)
        stored, memory = running.stored(), max(megabytes(pid) for pid in running.rasa().values())
        growth = (running.database_bytes() - empty) / 1000 / max(1, stored)
    if stored != sent:
        sys.exit(f"{sent} turns were answered and {stored} are stored: the figures would be worth nothing.")
    kept = f" Every Rasa process was kept to {chosen.core_share:g} of a core." if chosen.core_share else ""
    text = f"{where}, {cores()} usable.{kept} {sent} turns answered, {stored} stored.\n\n{table(shares, memory, growth)}"
    output = VAR / "bench"
    output.mkdir(parents=True, exist_ok=True)
    (output / "scale.md").write_text(f"# One process and several\n\n{text}\n", encoding="utf-8")
    print(f"\n{text}\n\nAlso in {output / 'scale.md'}")


if __name__ == "__main__":
    main(sys.argv[1:])
