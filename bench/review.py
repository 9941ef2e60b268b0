"""The review desk at scale: `python -m bench.review [conversations] [--postgres]` (200,000 by default, about 2 million events), results in
var/bench/review.md or review-postgres.md.

Makes a bot's database, reads it in as the real process does, and times the pages as a reviewer's browser would ask for them.
"""

import argparse
import contextlib
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime.settings import ROOT, VAR

GOAL = 300  # ms for a page
REPEATS = 7
PAGES = [
    ("inbox", "inbox/"),
    ("inbox, to review", "inbox/?unreviewed=1"),
    ("inbox, alarms", "inbox/?alarm=any"),
    ("inbox, not understood on WhatsApp", "inbox/?fallback=1&channel=whatsapp"),
    ("inbox, less sure than 25 %", "inbox/?below=25"),
    ("inbox, a frequent meaning", "inbox/?intent=ask_pain"),
    ("inbox, a rare meaning", "inbox/?intent=report_urgent_symptom"),
    ("inbox, a meaning nobody had", "inbox/?intent=ask_hair_removal"),
    ("inbox, a week of last month", "inbox/?since={since}&until={until}"),
    ("inbox, random sample", "inbox/?sample=0.5"),
    ("search, frequent word", "inbox/?q=hurt"),
    ("search, two words", "inbox/?q=price+hips"),
    ("search, rare word", "inbox/?q=marker{rare}"),
    ("search, phrase and filter", "inbox/?q=%22pus+coming%22&alarm=any&unreviewed=1"),
    ("conversation with next and previous", "talks/{middle}/?unreviewed=1"),
    ("dashboard, 30 days", "figures/?days=30"),
]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def main(arguments: list[str]) -> None:
    options = argparse.ArgumentParser(prog="python -m bench.review", description=__doc__)
    options.add_argument("conversations", nargs="?", type=int, default=200_000)
    options.add_argument(
        "--postgres", action="store_true", help="both databases in a PostgreSQL of our own, fsync on, as Debian configures it but for its port"
    )
    chosen = options.parse_args(arguments)
    with contextlib.ExitStack() as ends, tempfile.TemporaryDirectory(prefix="stria-bench-") as place:
        folder = Path(place)
        where = {"STRIA_CLINIC_DB": str(folder / "clinic.sqlite3"), "STRIA_CONVERSATIONS_DB": str(folder / "conversations.sqlite3")}
        if chosen.postgres:
            from tests.servers import Postgres

            server = Postgres(durable=True)
            server.start()
            ends.callback(server.close)
            where = {"STRIA_CLINIC_DB": server.database(), "STRIA_CONVERSATIONS_DB": server.database()}
        measure(chosen.conversations, where)


def measure(count: int, where: dict[str, str]) -> None:
    """`where`: the two databases' addresses as the environment names them."""
    from cryptography.fernet import Fernet

    os.environ.update(where)
    os.environ.setdefault("STRIA_RECORD_KEYS", Fernet.generate_key().decode())
    os.environ.setdefault("STRIA_SIGNING_KEY", "bench " * 20)
    from bench.conversations import Events, PostgresEvents, many
    from clinic import ready

    ready.prepare()
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.db import connection, connections
    from django.test import Client

    from clinic.review import figures
    from clinic.review.ingest import BATCH, Reader
    from clinic.review.models import Message, Talk

    call_command("migrate", interactive=False, verbosity=0)
    postgres, talked = connection.vendor == "postgresql", where["STRIA_CONVERSATIONS_DB"]
    events = PostgresEvents(talked) if postgres else Events(Path(talked))
    made, _ = timed(lambda: events.rows(many(count)))
    if not postgres:
        events.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # a bot writes over a month and not in one transaction
    with contextlib.closing(events.connection.cursor()) as cursor:
        cursor.execute("SELECT count(*) FROM events")
        total = cursor.fetchone()[0]
    events.connection.rollback()
    print(f"{total:,} events of {count:,} conversations made in {made:.0f} s", flush=True)
    reader, batches = Reader(), []

    def take() -> None:
        while True:
            spent, taken = timed(reader.step)
            if not taken:
                return
            batches.append(spent)

    ingested, _ = timed(take)
    tallied, _ = timed(lambda: figures.tally(sorted(reader.touched_days)))
    print(f"ingested in {ingested:.0f} s, tallied in {tallied:.1f} s", flush=True)
    user = User.objects.create_user("bench", is_staff=True)
    user.groups.add(Group.objects.get(name="manager"))
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    words = {
        "since": f"{time.strftime('%Y-%m-%d', time.gmtime(time.time() - 25 * 86400))}",
        "until": f"{time.strftime('%Y-%m-%d', time.gmtime(time.time() - 18 * 86400))}",
        "rare": Message.objects.filter(text__startswith="the reference word is").order_by("pk").values_list("text", flat=True)[0].rpartition("marker")[2],
        "middle": str(Talk.objects.order_by("pk").values_list("pk", flat=True)[count // 2]),
    }
    name, command = ("PostgreSQL" if postgres else "SQLite"), f"python -m bench.review {count}{' --postgres' if postgres else ''}"
    lines = [
        "# Review desk",
        "",
        f"{count:,} conversations, {total:,} events, {Message.objects.count():,} messages kept; {name}; `{command}`.",
        "",
        "| ingest | |",
        "|---|--:|",
        f"| events a second | {total / ingested:,.0f} |",
        f"| a million events | {1_000_000 / total * ingested:.0f} s |",
        f"| a batch of {BATCH:,}, median (bookings wait so long at most) | {1000 * statistics.median(batches):.0f} ms |",
        f"| tallies of 30 days | {tallied:.1f} s |",
        f"| records' database | {_size(where['STRIA_CLINIC_DB']) / 1e6:,.0f} MB |",
        f"| memory | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB |",
        "",
        "| page (whole answer, template included) | median | worst of 7 |",
        "|---|--:|--:|",
    ]
    slow = []
    for name, path in PAGES:
        url = "/staff/desk/" + path.format(**words)
        spent = []
        for _ in range(REPEATS):
            seconds, answer = timed(lambda url=url: client.get(url))  # type: ignore[misc]
            assert answer.status_code == 200, (url, answer.status_code)
            spent.append(1000 * seconds)
        lines.append(f"| {name} | {statistics.median(spent):.0f} ms | {max(spent):.0f} ms |")
        print(lines[-1], flush=True)
        if statistics.median(spent) > GOAL:
            slow.append(name)
    live, _ = timed(lambda: _live(events, reader))
    lines += ["", f"A new message is on the page's list {1000 * live:.0f} ms after the read begins, to which the pause between two reads (700 ms) is added."]
    lines.append(f"Slower than {GOAL} ms: {', '.join(slow) or 'none'}.")
    target = VAR / "bench" / ("review-postgres.md" if postgres else "review.md")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    print(f"Written to {target.relative_to(ROOT)}.")
    events.close()
    connections.close_all()


def _size(records: str) -> int:
    """Bytes of the records' database. `records`: a file, or PostgreSQL's."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return Path(records).stat().st_size
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def _live(events: Any, reader: Any) -> None:
    from bench.conversations import START, turn

    events.add("web:new", [*START, *turn("does it hurt", "ask_pain", "A little.")])
    while reader.step():
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
