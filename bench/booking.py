"""`python -m bench.booking`: how long the turns of a booking take with all their database work, beside a plain question to the same process.

Whole turns as the channels call them: understanding, actions, records (SQLite written to the disk), conversation stored. The ratio to the plain
question says how much of a figure is the machine.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

PEOPLE = 60
MOST = 40.0  # milliseconds, median, of a turn with the records' work
TALK = {
    "a plain question": "does it hurt",
    "opens the diary": "book me in please",
    "days": "any day",
    "parts of the day": "the first one",
    "times": "the first one",
    "holds a time": "the first one",
    "consent": "yes",
    "name": "Ada",
    "phone": "07400 123456",
    "e-mail": "ada@example.com",
    "contact by": "call",
    "read-back": "hips",
    "books": "yes, book it",
    "finds": "when is my appointment",
    "asks to cancel": "please cancel it",
    "cancels": "yes, cancel it",
}


async def measure(turns: Any, people: int) -> Dict[str, List[float]]:
    """Milliseconds of each turn by what it does. Raises RuntimeError when somebody was not booked."""
    from runtime.turns import Incoming

    found: Dict[str, List[float]] = {name: [] for name in TALK}
    for person in range(people + 3):
        for name, text in TALK.items():
            began = time.perf_counter()
            answer = await turns.handle(Incoming(f"bench:{person}", text, "bench", f"{person}:{name}", limited=False))
            if person >= 3:  # the first ones warm up
                found[name].append(1000 * (time.perf_counter() - began))
            said = " ".join(str(reply.get("text")) for reply in answer.replies)
            if (name == "books" and "Booked" not in said) or (name == "cancels" and "is cancelled" not in said):
                raise RuntimeError(f"{name}: {said[:200]}")
    return found


def report(times: Dict[str, List[float]]) -> str:
    plain = statistics.median(times["a plain question"])
    lines = [f"{len(times['books'])} people, milliseconds", f"{'turn':20}{'median':>8}{'95th':>8}{'to a plain question':>22}"]
    for name, all_ in times.items():
        middle = statistics.median(all_)
        lines.append(f"{name:20}{middle:8.1f}{sorted(all_)[int(len(all_) * 0.95)]:8.1f}{middle / plain:22.2f}")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.booking", description=__doc__)
    options.add_argument("--people", type=int, default=PEOPLE)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STRIA_CLINIC_DB"] = str(Path(folder) / "clinic.sqlite3")
        os.environ["STRIA_CONVERSATIONS_DB"] = str(Path(folder) / "conversations.sqlite3")
        from nlu.train import current_model
        from runtime.assistant import load_assistant
        from runtime.turns import Turns

        model = current_model()
        if model is None:
            raise SystemExit("There is no model for the present data yet: run `make train` first.")
        agent = load_assistant(model, os.environ["STRIA_CONVERSATIONS_DB"])
        print(report(asyncio.run(measure(Turns(agent), chosen.people))))


if __name__ == "__main__":
    main()
