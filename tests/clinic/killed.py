"""Books, moves, cancels or sends, and is killed at its n-th step: `killed.py FOLDER WHAT`, for every n until it gets through unharmed.

After each kill a fresh process tries the same again with the same key. A step is a writing statement to the database, a commit, a request to the
calendar server or a conversation with the mail server. Each n has a person, a time and a key of its own.
"""

import datetime as dt
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clinic import outbox, ready
from knowledge.practice import PRACTICE

ready.prepare()

from django.db import connection  # noqa: E402

from clinic.booking.caldav import CalDav  # noqa: E402
from clinic.booking.slots import Wishes  # noqa: E402
from clinic.services import bookings  # noqa: E402
from clinic.services.results import Booking  # noqa: E402

NOW = dt.datetime.now(tz=dt.timezone.utc)  # the outbox goes by the real clock


def die_at(step: int) -> None:
    """From now on this process counts, and dies without a word at its `step`-th step."""
    taken = 0

    def tick() -> None:
        nonlocal taken
        taken += 1
        if taken == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(name: str, owner: Any) -> None:
        real = getattr(owner, name)

        def stepped(*args: Any, **kwargs: Any) -> Any:
            tick()
            result = real(*args, **kwargs)
            tick()
            return result

        setattr(owner, name, stepped)

    def statement(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE")):  # before a reading all is as it was after the last writing
            tick()
        return execute(sql, *args)

    connection.ensure_connection()
    connection.execute_wrappers.append(statement)
    around("_commit", connection)
    around("_call", CalDav)
    around("_mail", outbox.Worker)


def in_child(do: Callable[[], None], step: int = 0) -> bool:
    """Run it in a process of its own, killed at `step` if that is not 0. Returns whether it was killed."""
    connection.close()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if step:
                die_at(step)
            do()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status):
        sys.exit(f"failed, asked to die at step {step}")
    return False


def main() -> None:
    folder, what = Path(sys.argv[1]), sys.argv[2]
    PRACTICE.path = folder / "clinic.yml"
    slots = bookings.free_slots(Wishes(every_practitioner=True), NOW)
    # Far apart, so that a move of one is never in the way of another.
    mine, target = slots[0::2], slots[1::2]
    connection.close()

    n = 0

    def book() -> None:
        person = {"name": f"Person {n}", "email": f"p{n}@person.example"}
        assert isinstance(bookings.book(f"web:{n}", mine[n], person, None, "turn:book", NOW), Booking)

    def act() -> None:
        if what == "book":
            book()
        elif what == "send":
            outbox.Worker(lease=dt.timedelta(0)).round()
        else:
            reference = bookings.find(f"web:{n}", None, None, NOW)[0].reference
            if what == "move":
                assert isinstance(bookings.reschedule(f"web:{n}", reference, target[n], "turn:move", NOW), Booking)
            else:
                assert bookings.cancel(f"web:{n}", reference, "turn:cancel", NOW).changed

    while True:
        n += 1
        if what != "book":
            in_child(book)
        killed = in_child(act, step=n)
        in_child(act)
        if not killed:
            break
    in_child(lambda: print(outbox.Worker(lease=dt.timedelta(0)).round(), file=sys.stderr))
    print(n)


if __name__ == "__main__":
    main()
