"""A server that dies without a word at the n-th step of one message's turn: a writing statement or a commit of the records, a transaction of the talk."""

import os
import signal
from typing import Any, Callable


class Death:
    """Counts the steps from the moment the message `text` arrives, and kills the process at step `at`."""

    def __init__(self, at: int, text: str):
        self.at, self.text, self.taken = at, text, 0
        self.armed = False

    def tick(self) -> None:
        if self.armed:
            self.taken += 1
            if self.taken == self.at:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def stepped(*arguments: Any, **named: Any) -> Any:
            self.tick()
            result = real(*arguments, **named)
            self.tick()
            return result

        setattr(owner, name, stepped)


def prepare(at: int, text: str) -> None:
    """In the server's process, before it serves."""
    from clinic import ready

    ready.prepare()
    from django.db.backends.signals import connection_created

    from runtime.tracker_store import ConversationStore
    from runtime.turns import Turns

    death = Death(at, text)

    def statement(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE", "PRAGMA")):  # before a reading all is as it was after the last writing
            death.tick()
        return execute(sql, *arguments)

    def opened(sender: Any, connection: Any, **_: Any) -> None:
        connection.execute_wrappers.append(statement)
        death.around(connection, "_commit")

    connection_created.connect(opened, weak=False)
    transaction = ConversationStore._transaction

    def stored(store: ConversationStore, work: Callable[[Any], Any]) -> Any:
        writes = work.__name__ == "write"
        if writes:
            death.tick()
        result = transaction(store, work)
        if writes:
            death.tick()
        return result

    ConversationStore._transaction = stored  # type: ignore[method-assign,assignment]
    handle = Turns.handle

    async def heard(turns: Turns, incoming: Any) -> Any:
        death.armed = incoming.text == death.text
        return await handle(turns, incoming)

    Turns.handle = heard  # type: ignore[method-assign]
