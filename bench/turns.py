"""`make bench`: how fast and how heavy a turn is, beside a bare Rasa bot measured in the same run on the same machine."""

import argparse
import asyncio
import itertools
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

import aiohttp

from nlu.train import current_model
from runtime.settings import ROOT, VAR

ROUNDS = 6  # of each kind, the servers taking turns within a round
ALONE = 50  # turns of one user a round
CROWD = 16  # users at the same time
CROWDED = 144  # turns of all of them a round
TALK = 10  # turns before a new visitor comes
READY_WITHIN, TURN_WITHIN, TRAINED_WITHIN = 180, 30, 1800  # seconds, the longest waits

# Every message holds a keyword of the bare bot, so that both bots answer all of them.
MESSAGES = (
    "hello there",
    "does it hurt",
    "how much is it for my tummy?",
    "so like how many times would i have to come in",
    "can i go back to work the day after",
    "whats the price and how many sessions do i need",
    "is it very sore on the thighs, and can I go to the gym after?",
    "hi, i have quite dark skin, is there more pain for me or is that the same for everyone",
    "cost of a course for both hips",
    "how many weeks between sessions",
    "hello is there parking near you, and what does it cost",
    "my marks are ten years old and silver, would many sessions even help",
    "when am i ok for the gym again",
    "I had a baby four months ago and I'm breastfeeding, how many months should I wait and does it hurt more after a birth?",
    "is the price the same for old white marks",
    "hw much doesit cost",
    "what hurts more, this or a tattoo? does it hurt on the ribs",
    "is work from home fine the same afternoon",
    "hello can I pay the cost in three parts and do you open on saturdays?",
    "how many of these have you done",
)

BARE = {
    "config.yml": """recipe: default.v1
assistant_id: bare
language: en
pipeline: [{name: KeywordIntentClassifier, case_sensitive: false}]
policies: [{name: RulePolicy}]
""",
    "credentials.yml": "rest:\n",
    "endpoints.yml": "tracker_store: {type: SQL, dialect: sqlite, db: bare.sqlite3}\n",
}
BARE_KEYWORDS = {
    "greet": ("hello", "hi"),
    "ask_pain": ("hurt", "hurts", "sore", "pain"),
    "ask_price": ("price", "cost", "how much", "much"),
    "ask_session_count": ("sessions", "how many", "times"),
    "ask_downtime": ("work", "gym"),
}


@dataclass
class Server:
    """A bot under test. `command`: how it is started; `helper`: the action server it needs, if any."""

    name: str
    port: int
    command: List[str]
    folder: Path
    environment: Dict[str, str]
    helper: Optional[List[str]] = None
    start_up: float = 0.0  # seconds until the first answer
    memory: float = 0.0  # MB of the Rasa process after the load
    training: Optional[float] = None  # seconds
    alone: List[float] = field(default_factory=list)  # milliseconds of every turn
    crowd: List[float] = field(default_factory=list)
    alone_rate: List[float] = field(default_factory=list)  # turns a second of every round
    crowd_rate: List[float] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/rest/webhook"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: Sequence[str], folder: Path, environment: Dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A child that is ended by its own process id when the block is left, whatever happens in it."""
    with log.open("wb") as output:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(20)


def await_answer(address: str, child: "subprocess.Popen[bytes]", log: Path, body: Optional[bytes] = None) -> None:
    """Ask until the server answers. Raises RuntimeError with the end of its log if it dies or takes too long."""
    deadline = time.monotonic() + READY_WITHIN
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})
    while time.monotonic() < deadline and child.poll() is None:
        try:
            with direct.open(request, timeout=TURN_WITHIN):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"{address} did not answer within {READY_WITHIN} s. Its log ends:\n{log.read_text(errors='replace')[-2000:]}")


def megabytes(pid: int) -> float:
    """Resident memory of a process in MB (10^6 bytes)."""
    kibibytes = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], stdout=subprocess.PIPE, check=True, timeout=20).stdout
    return int(kibibytes) * 1024 / 1e6


def write_bare(folder: Path) -> None:
    """The smallest Rasa project that answers every message: keywords, one rule an intent, canned responses, SQLite."""
    for name, text in BARE.items():
        (folder / name).write_text(text)
    responses = "".join(f"  utter_{intent}: [{{text: This is what we say about {intent}.}}]\n" for intent in BARE_KEYWORDS)
    (folder / "domain.yml").write_text(f'version: "3.1"\nintents: [{", ".join(BARE_KEYWORDS)}]\nresponses:\n{responses}')
    examples = "".join(f"- intent: {intent}\n  examples: |\n" + "".join(f"    - {word}\n" for word in words) for intent, words in BARE_KEYWORDS.items())
    rules = "".join(f"- rule: {i}\n  steps: [{{intent: {i}}}, {{action: utter_{i}}}]\n" for i in BARE_KEYWORDS)
    (folder / "data.yml").write_text(f'version: "3.1"\nnlu:\n{examples}rules:\n{rules}')


def seconds(command: Sequence[str], folder: Path, environment: Dict[str, str], log: Path) -> float:
    """How long a training takes. Raises RuntimeError with the end of its log if it fails or takes too long."""
    started = time.monotonic()
    with process(command, folder, environment, log) as child:
        try:
            failed = child.wait(TRAINED_WITHIN) != 0
        except subprocess.TimeoutExpired:
            failed = True
    if failed:
        raise RuntimeError(f"{' '.join(command)} did not finish. Its log ends:\n{log.read_text(errors='replace')[-2000:]}")
    return time.monotonic() - started


def train_copy(folder: Path, environment: Dict[str, str]) -> float:
    """Seconds to train Stria from scratch, in a copy without caches, so that the model in use is not touched."""
    copy = folder / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("var", "node_modules", ".*", "__pycache__"))
    return seconds([sys.executable, "-m", "nlu.train"], copy, environment, folder / "training.log")


def servers(folder: Path) -> List[Server]:
    """Stria as it is run, Stria with its actions behind HTTP, and the bare bot."""
    ports = [free_port() for _ in range(4)]
    plain = {**os.environ, "RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
    stria = [sys.executable, "-m", "runtime.server", "--rest", "--model", str(current_model())]
    own = {**plain, "STRIA_RASA_PORT": str(ports[0]), "STRIA_CONVERSATIONS_DB": str(folder / "stria.sqlite3"), "STRIA_ACTIONS_URL": ""}
    apart = {
        **plain,
        "STRIA_RASA_PORT": str(ports[1]),
        "STRIA_CONVERSATIONS_DB": str(folder / "apart.sqlite3"),
        "STRIA_ACTIONS_URL": f"http://127.0.0.1:{ports[2]}/webhook",
        "STRIA_ACTIONS_PORT": str(ports[2]),
        "STRIA_ACTIONS_SECRET": "not-a-secret-in-a-benchmark",
    }
    bare = folder / "bare"
    bare.mkdir()
    write_bare(bare)
    rasa_run = [sys.executable, "-m", "rasa", "run", "--interface", "127.0.0.1", "-p", str(ports[3]), "--model", "models"]
    actions = [sys.executable, "-m", "runtime.action_server"]
    return [
        Server("Stria", ports[0], stria, ROOT, own),
        Server("Stria, actions over HTTP", ports[1], stria, ROOT, apart, actions),
        Server("bare Rasa", ports[3], rasa_run, bare, plain),
    ]


async def turn(session: aiohttp.ClientSession, server: Server, sender: str, text: str) -> float:
    """Milliseconds from sending a message to having read its whole answer. Raises RuntimeError if there is none."""
    started = time.perf_counter()
    async with session.post(server.address, json={"sender": sender, "message": text}) as answer:
        replies = await answer.json()
    taken = time.perf_counter() - started
    if not replies:
        raise RuntimeError(f"{server.name} did not answer {text!r}.")
    return 1000 * taken


async def load(server: Server, users: int, turns: int, label: str) -> List[float]:
    """`turns` turns shared among `users` who talk at the same time, each over a connection kept open. Milliseconds each."""

    async def user(number: int, session: aiohttp.ClientSession) -> List[float]:
        taken = []
        for place in range(turns // users):
            text = MESSAGES[(7 * number + 3 * place) % len(MESSAGES)]
            taken.append(await turn(session, server, f"{label}-{number}-{place // TALK}", text))
        return taken

    limit = aiohttp.ClientTimeout(total=TURN_WITHIN)
    async with aiohttp.ClientSession(timeout=limit, raise_for_status=True, connector=aiohttp.TCPConnector(limit=users)) as session:
        return list(itertools.chain(*await asyncio.gather(*(user(number, session) for number in range(users)))))


def measure(running: Sequence[Server]) -> None:
    """Let the servers take turns, first with one user, then with a crowd."""
    for server in running:
        asyncio.run(load(server, 1, len(MESSAGES), "warm"))
    for number in range(ROUNDS):
        for server in running:
            started = time.perf_counter()
            server.alone += asyncio.run(load(server, 1, ALONE, f"alone-{number}"))
            server.alone_rate.append(ALONE / (time.perf_counter() - started))
    for number in range(ROUNDS):
        for server in running:
            started = time.perf_counter()
            server.crowd += asyncio.run(load(server, CROWD, CROWDED, f"crowd-{number}"))
            server.crowd_rate.append(CROWDED / (time.perf_counter() - started))


def ninety_fifth(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def figures(server: Server) -> Dict[str, Optional[float]]:
    """What is printed of a server, by title with unit."""
    return {
        "start-up until the first answer, s": server.start_up,
        "memory of the Rasa process, MB": server.memory,
        "1 user: median turn, ms": statistics.median(server.alone),
        "1 user: 95th percentile, ms": ninety_fifth(server.alone),
        "1 user: turns a second": statistics.median(server.alone_rate),
        f"{CROWD} users: median turn, ms": statistics.median(server.crowd),
        f"{CROWD} users: 95th percentile, ms": ninety_fifth(server.crowd),
        f"{CROWD} users: turns a second": statistics.median(server.crowd_rate),
        "training from scratch, s": server.training,
    }


def table(measured: Sequence[Server]) -> str:
    """Markdown: a line a figure, a column a server; then Stria's ratio to the bare bot, and what HTTP between Rasa and the actions costs."""
    own, apart, bare = (figures(server) for server in measured)

    def number(value: Optional[float]) -> str:
        return "–" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}"

    def ratio(a: Optional[float], b: Optional[float]) -> str:
        return "–" if not a or not b else f"{a / b:.2f}"

    lines = ["| | " + " | ".join(s.name for s in measured) + " | Stria ÷ bare | HTTP ÷ in process |", "|---|--:|--:|--:|--:|--:|"]
    for title in own:
        values = (own[title], apart[title], bare[title])
        lines.append(f"| {title} | " + " | ".join(map(number, values)) + f" | {ratio(own[title], bare[title])} | {ratio(apart[title], own[title])} |")
    return "\n".join(lines)


def machine() -> str:
    """The processor, the number of cores and how busy it was, for whoever compares two runs."""
    processor, details = platform.processor(), Path("/proc/cpuinfo")
    if details.exists():
        found = re.search(r"model name\s*: (.+)", details.read_text())
        processor = found[1] if found else processor
    return f"{processor}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run; Python {platform.python_version()}"


def draw(measured: Sequence[Server], path: Path) -> None:
    """What share of the turns was answered within how many milliseconds, linear scales."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, sharey=True, figsize=(11, 4.5))
    for axes, title, attribute in zip(panels, ("1 user", f"{CROWD} users at the same time"), ("alone", "crowd")):
        longest = 0.0
        for server, colour in zip(measured, ("#1f6f8b", "#e08a1e", "0.55")):
            taken = sorted(getattr(server, attribute))
            axes.plot(taken, [100 * (i + 1) / len(taken) for i in range(len(taken))], color=colour, label=server.name, linewidth=1.8)
            longest = max(longest, statistics.quantiles(taken, n=100)[-1])
        for percentage in (50, 95):
            axes.axhline(percentage, color="0.85", linewidth=0.8, zorder=0)
        axes.set_title(title)
        axes.set_xlabel("milliseconds from message to answer")
        axes.set_xlim(0, 1.1 * longest)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("turns answered, %")
    panels[0].set_ylim(0, 100)
    panels[0].set_yticks([0, 25, 50, 75, 95, 100])
    panels[1].legend(frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def bench(train: bool, folder: Path) -> List[Server]:
    """Train the bare bot, start every server, measure, stop them."""
    measured = servers(folder)
    own, _, bare = measured
    print("Training the bare bot …", flush=True)
    bare.training = seconds([sys.executable, "-m", "rasa", "train", "--data", "data.yml"], bare.folder, bare.environment, folder / "bare-training.log")
    if train:
        print("Training Stria in a copy (some minutes) …", flush=True)
        own.training = train_copy(folder, own.environment)
    children: List[subprocess.Popen[bytes]] = []
    with ExitStack() as running:
        for number, server in enumerate(measured):
            print(f"Starting {server.name} …", flush=True)
            if server.helper:
                log = folder / f"helper-{number}.log"
                helper = running.enter_context(process(server.helper, server.folder, server.environment, log))
                await_answer(server.environment["STRIA_ACTIONS_URL"].replace("/webhook", "/health"), helper, log)
            log = folder / f"server-{number}.log"
            started = time.monotonic()
            child = running.enter_context(process(server.command, server.folder, server.environment, log))
            await_answer(server.address, child, log, b'{"sender": "first", "message": "hello"}')
            server.start_up = time.monotonic() - started
            children.append(child)
        print("Measuring …", flush=True)
        measure(measured)
        for server, child in zip(measured, children):
            server.memory = megabytes(child.pid)
    return measured


def main(arguments: List[str]) -> None:
    """Exits with a sentence when there is no model for the present data."""
    options = argparse.ArgumentParser(prog="python -m bench.turns", description=__doc__)
    options.add_argument("--train", action="store_true", help="also measure a training from scratch, in a temporary copy")
    chosen = options.parse_args(arguments)
    if current_model() is None:
        sys.exit("There is no model for the present data yet: run `make train` first.")
    where = machine()
    with tempfile.TemporaryDirectory() as folder:
        measured = bench(chosen.train, Path(folder))
    output = VAR / "bench"
    output.mkdir(parents=True, exist_ok=True)
    text = table(measured)
    (output / "bench.md").write_text(f"# How fast a turn is\n\n{where}.\n\n{text}\n\n![Turns](turns.png)\n", encoding="utf-8")
    draw(measured, output / "turns.png")
    print(f"\n{where}\n\n{text}\n\nAlso in {output}")


if __name__ == "__main__":
    main(sys.argv[1:])
