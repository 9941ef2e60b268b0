"""How long the records keep a booking turn waiting, through `actions.records` as the dialogue calls them: `python -m bench.records [--postgres]`.

SQLite writes to the disk as in production (synchronous FULL), and so does PostgreSQL.
"""

import argparse
import asyncio
import datetime as dt
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Awaitable, Dict, List

TURNS = 200
PERSON = {"name": "Ann Example", "phone": "07400 123456", "email": "ann@person.example"}


async def measure(turns: int) -> Dict[str, List[float]]:
    """Milliseconds of each call, by what it does."""
    from actions import records

    times: Dict[str, List[float]] = {}

    async def timed(name: str, call: Awaitable[Any]) -> Any:
        began = time.perf_counter()
        result = await call
        times.setdefault(name, []).append((time.perf_counter() - began) * 1000)
        return result

    now = dt.datetime.now(tz=dt.timezone.utc)
    await records.has_consent("warm", "up")
    for n in range(turns):
        me, key = f"web:{n}", f"m{n}"
        slots = await timed("free times, one week", records.free_slots({"windows": [{"start": now, "end": now + dt.timedelta(days=7)}]}, now))
        every = await timed("free times, all sixty days", records.free_slots({}, now))
        slot = (slots or every)[0]
        await timed("hold", records.hold(me, slot, key))
        booking = await timed("book", records.book(me, slot, PERSON, None, key))
        await timed("book, the same key again", records.book(me, slot, PERSON, None, key))
        await timed("find", records.find_bookings(me))
        target = every[-1 - n % 50]
        await timed("move", records.reschedule(me, booking.reference, target, key))
        await timed("cancel", records.cancel(me, booking.reference, key))
        await timed("save a screening", records.save_screening(me, {"outcome": "consultation"}, "v1", key))
        await timed("save a consent", records.save_consent(me, "health", "v1", key))
    return times


def report(name: str, times: Dict[str, List[float]]) -> str:
    lines = [f"{name}, {len(times['book'])} of each, milliseconds", f"{'':28}{'median':>8}{'95th':>8}"]
    lines += [f"{what:28}{statistics.median(all_):8.1f}{sorted(all_)[int(len(all_) * 0.95)]:8.1f}" for what, all_ in times.items()]
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.records", description=__doc__)
    options.add_argument("--postgres", action="store_true", help="a PostgreSQL server of its own instead of a SQLite file")
    options.add_argument("--turns", type=int, default=TURNS)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = None
        os.environ["STRIA_CLINIC_DB"] = str(Path(folder) / "clinic.sqlite3")
        if chosen.postgres:
            from tests.servers import Postgres

            server = Postgres(durable=True)
            server.start()
            os.environ["STRIA_CLINIC_DB"] = server.database()
        from clinic import ready

        ready.prepare()
        if server:
            from django.core.management import call_command

            call_command("migrate", verbosity=0)
        print(report("PostgreSQL" if server else "SQLite", asyncio.run(measure(chosen.turns))))
        if server:
            server.close()


if __name__ == "__main__":
    main()
