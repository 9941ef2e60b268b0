"""`make bench`: what a turn costs after 10, 100, 500 and 1,000 turns of one conversation, beside a stock Rasa measured in the same run.

Each store is filled through its own API with copies of turns that its own server has answered; then the servers take turns being asked.
"""

# ruff: noqa: E402
from runtime.quiet import quieten
from runtime.settings import prepare_environment

prepare_environment()
quieten()  # before Rasa is imported, or the table drowns in its packages' warnings about themselves

import asyncio
import copy
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Sequence

import aiohttp
from rasa.core.actions.action import RemoteAction
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bench.turns import MESSAGES, TURN_WITHIN, Server, await_answer, free_port, machine, ninety_fifth, process, seconds, turn, write_bare
from nlu.train import current_model
from runtime.settings import ROOT, VAR
from runtime.tracker_store import ConversationStore, read_event

LENGTHS = (10, 100, 500, 1000)  # turns before the measured ones
MEASURED = 15  # turns at each length
TEMPLATE = "template"


@dataclass
class Side:
    """A server with its store. `taken`: milliseconds by length; `sent`: bytes of the call to an action server by length."""

    server: Server
    store: Any
    domain: Domain
    endpoint: EndpointConfig
    taken: Dict[int, List[float]] = field(default_factory=lambda: {length: [] for length in LENGTHS})
    sent: Dict[int, int] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        return isinstance(self.store, ConversationStore)

    @property
    def prefix(self) -> str:
        return "rest:" if self.ours else ""


def turns_of(events: Sequence[Event]) -> List[List[Event]]:
    """The events of a conversation cut where the person speaks; what came before the first word is left out."""
    found: List[List[Event]] = []
    for event in events:
        if isinstance(event, UserUttered):
            found.append([])
        if found:
            found[-1].append(event)
    return found


def fresh(events: Sequence[Event]) -> List[Event]:
    """A copy of a turn as if it were said now, with a message id of its own."""
    made = []
    for event in events:
        data = {**copy.deepcopy(event.as_dict()), "timestamp": time.time()}
        if isinstance(event, UserUttered):
            data["message_id"] = uuid.uuid4().hex
        made.append(read_event(data))
    return made


async def fill(side: Side, sender: str, turns: int, template: Sequence[Sequence[Event]]) -> None:
    """Store a conversation of so many turns: ours turn by turn as its server does, stock at once."""
    start: List[Event] = [ActionExecuted("action_session_start"), read_event({"event": "session_started"}), ActionExecuted("action_listen")]
    said = [fresh(template[number % len(template)]) for number in range(turns)]
    if not side.ours:
        everything = [*start, *(event for one in said for event in one)]
        await side.store.save(DialogueStateTracker.from_events(sender, everything, side.domain.slots, domain=side.domain))
        return
    for one in said:
        tracker = await side.store.get_or_create_tracker(sender, append_action_listen=False)
        tracker.update_with_events([*(() if tracker.events else start), *one], side.domain)
        await side.store.save(tracker)


async def call_bytes(side: Side, sender: str) -> int:
    """Bytes that a call of an action server would carry now."""
    tracker = await side.store.retrieve(sender)
    if tracker is None:
        raise RuntimeError(f"{side.server.name} has no conversation {sender}.")
    return len(json.dumps(RemoteAction("action_answer", side.endpoint)._action_call_format(tracker, side.domain)).encode())


async def prepare(sides: Sequence[Side]) -> None:
    """Let each server answer every message once, and fill its store with conversations made of these turns."""
    limit = aiohttp.ClientTimeout(total=TURN_WITHIN)
    for side in sides:
        async with aiohttp.ClientSession(timeout=limit) as session:
            for text in MESSAGES:
                await turn(session, side.server, TEMPLATE, text)
        tracker = await side.store.retrieve_full_tracker(side.prefix + TEMPLATE)
        template = turns_of(tracker.events)
        for length in LENGTHS:
            await fill(side, f"{side.prefix}{length}", length, template)
            side.sent[length] = await call_bytes(side, f"{side.prefix}{length}")


async def measure(sides: Sequence[Side]) -> None:
    """Every round asks each server once at each length, so that whatever else the machine does meets all of them."""
    limit = aiohttp.ClientTimeout(total=TURN_WITHIN)
    async with aiohttp.ClientSession(timeout=limit, raise_for_status=True) as session:
        for number in range(-1, MEASURED):
            for length in LENGTHS:
                for side in sides:
                    taken = await turn(session, side.server, str(length), MESSAGES[number % len(MESSAGES)])
                    if number >= 0:  # the first reads the conversation into memory
                        side.taken[length].append(taken)


def made(folder: Path) -> List[Side]:
    """Stria and the bare bot of `bench.turns`, neither started."""
    plain = {**os.environ, "RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
    ports = [free_port(), free_port()]
    own = {**plain, "STRIA_RASA_PORT": str(ports[0]), "STRIA_CONVERSATIONS_DB": str(folder / "stria.sqlite3")}
    own.update(STRIA_ACTIONS_URL="", STRIA_REDIS_URL="", STRIA_CLINIC_DB=str(folder / "clinic.sqlite3"))
    bare = folder / "bare"
    bare.mkdir()
    write_bare(bare)
    seconds([sys.executable, "-m", "rasa", "train", "--data", "data.yml"], bare, plain, folder / "training.log")
    stria = [sys.executable, "-m", "runtime.server", "--rest", "--model", str(current_model())]
    stock = [sys.executable, "-m", "rasa", "run", "--interface", "127.0.0.1", "-p", str(ports[1]), "--model", "models"]
    ours, theirs = Domain.load(str(ROOT / "domain.yml")), Domain.load(str(bare / "domain.yml"))
    url = "http://127.0.0.1:5055/webhook"
    return [
        Side(
            Server("Stria", ports[0], stria, ROOT, own),
            ConversationStore(ours, db=str(folder / "stria.sqlite3")),
            ours,
            EndpointConfig(url=url, enable_selective_domain=True),
        ),
        Side(Server("bare Rasa", ports[1], stock, bare, plain), SQLTrackerStore(theirs, db=str(bare / "bare.sqlite3")), theirs, EndpointConfig(url=url)),
    ]


def ratio(values: Dict[int, float]) -> float:
    return values[LENGTHS[-1]] / values[LENGTHS[0]]


def table(sides: Sequence[Side]) -> str:
    """Markdown: a line a length, then how much dearer the last is than the first."""
    head = [f"{side.server.name}: {what}" for side in sides for what in ("median, ms", "95th, ms", "bytes to an action")]
    lines = ["| turns before | " + " | ".join(head) + " |", "|--:|" + "--:|" * len(head)]
    for length in LENGTHS:
        cells = []
        for side in sides:
            cells += [f"{statistics.median(side.taken[length]):.1f}", f"{ninety_fifth(side.taken[length]):.1f}", f"{side.sent[length]:,}"]
        lines.append(f"| {length:,} | " + " | ".join(cells) + " |")
    cells = []
    for side in sides:
        medians, tails = ({n: of(v) for n, v in side.taken.items()} for of in (statistics.median, ninety_fifth))
        cells += [f"{ratio(medians):.2f}", f"{ratio(tails):.2f}", f"{ratio({n: float(v) for n, v in side.sent.items()}):.2f}"]
    lines.append(f"| **{LENGTHS[-1]:,} ÷ {LENGTHS[0]}** | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(sides: Sequence[Side], path: Path) -> None:
    """The median turn against the conversation's length, linear scales, every measured turn as a dot."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    for side, colour in zip(sides, ("#1f6f8b", "0.45")):
        medians = [statistics.median(side.taken[length]) for length in LENGTHS]
        axes.plot(LENGTHS, medians, color=colour, marker="o", label=side.server.name, linewidth=1.8)
        for length in LENGTHS:
            axes.plot([length] * MEASURED, side.taken[length], ".", color=colour, alpha=0.35, markersize=4)
    axes.set_xlabel("turns that the conversation already had")
    axes.set_ylabel("milliseconds from message to answer")
    axes.set_xlim(0, None)
    axes.set_ylim(0, None)
    axes.set_xticks(LENGTHS)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def bench(folder: Path) -> List[Side]:
    """Start both servers, fill their stores, measure, stop them."""
    sides = made(folder)
    with ExitStack() as running:
        for number, side in enumerate(sides):
            server, log = side.server, folder / f"server-{number}.log"
            print(f"Starting {server.name} …", flush=True)
            child = running.enter_context(process(server.command, server.folder, server.environment, log))
            await_answer(server.address, child, log, b'{"sender": "first", "message": "hello"}')
        print("Measuring long conversations …", flush=True)

        async def run() -> None:
            await prepare(sides)
            await measure(sides)

        asyncio.run(run())
    return sides


def main() -> None:
    """Exits with a sentence when there is no model for the present data."""
    if current_model() is None:
        sys.exit("There is no model for the present data yet: run `make train` first.")
    where = machine()
    with tempfile.TemporaryDirectory() as folder:
        sides = bench(Path(folder))
    output = VAR / "bench"
    output.mkdir(parents=True, exist_ok=True)
    text = table(sides)
    (output / "long.md").write_text(f"# What a turn costs in a long conversation\n\n{where}.\n\n{text}\n\n![Turns](long.png)\n", encoding="utf-8")
    draw(sides, output / "long.png")
    print(f"\n{where}\n\n{text}\n\nAlso in {output}")


if __name__ == "__main__":
    main()
