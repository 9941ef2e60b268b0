"""The real server with the real model, started in a twentieth of a second: one parent loads everything once, each start is a fork of it.

Run as `python -m tests.runtime.forked MODEL RECORDS`; obeys lines on standard input, `start PORT {json}` and `exit`, and prints `started PID`.
`json`: environment of the child, and under "faults" what its actions do: `slow` (seconds before and after the effect), `hang`, `fail`, `limit` (seconds an
action may take), `effects` (an SQLite file in which an action books under its idempotency key), `clock` (seconds by which the wall clock is wrong), `loading`
(seconds that the start takes), `die` ([n, text]: see tests/runtime/dying.py),
`lease` (seconds for which a killed process's post stays taken), `settle` (seconds for
which platforms' messages wait for one another), `humble` (no right to write to read-only files, which
root has), `replies` ({message: [arguments of utter_message]}).
"""

import asyncio
import ctypes
import json
import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any, Dict


def disturb(agent: Any, faults: Dict[str, Any]) -> None:
    """Make the answering action slow, failing or one with an effect outside."""
    from runtime import action_client

    if "limit" in faults:
        action_client.ANSWER_WITHIN = faults["limit"]
    if not set(faults) & {"slow", "hang", "fail", "effects", "replies"}:
        return
    actions = agent.action_endpoint.executor.actions
    answer = actions["action_answer"]

    async def disturbed(dispatcher: Any, tracker: Any, domain: Any) -> Any:
        key = tracker.latest_message["message_id"]
        await asyncio.sleep(faults.get("slow", 0))
        if faults.get("effects") and tracker.sender_id != "health":
            with sqlite3.connect(faults["effects"], timeout=10) as book:
                book.execute("INSERT OR IGNORE INTO effects (key, sender) VALUES (?, ?)", (key, tracker.sender_id))
        if faults.get("fail"):
            raise RuntimeError("Anna Lee, 07400 123456")
        await asyncio.sleep(600 if faults.get("hang") else faults.get("slow", 0))
        scripted = faults.get("replies", {}).get(tracker.latest_message.get("text"))
        if scripted is not None:
            for response in scripted:
                dispatcher.utter_message(**response)
            return []
        return await answer(dispatcher, tracker, domain)

    actions["action_answer"] = disturbed


def humble() -> None:
    """Root writes to read-only files; an ordinary user does not. Drops CAP_DAC_OVERRIDE of this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    for word in range(3):
        sets[word] &= ~0b10
    assert libc.capset(header, sets) == 0, os.strerror(ctypes.get_errno())


def serve(model: Path, port: int, options: Dict[str, Any], agent: Any) -> None:
    """In the child: the application as `runtime.server` builds it, on the agent that the parent loaded."""
    os.environ.update({**options.get("environment", {}), "STRIA_RASA_PORT": str(port)})
    from rasa.core.lock_store import LockStore
    from rasa.core.tracker_store import TrackerStore
    from rasa.core.utils import AvailableEndpoints
    from sanic.request import Request
    from sanic.response import HTTPResponse, text

    from runtime import server
    from runtime.action_client import RemoteActions
    from runtime.metrics import count_events
    from runtime.settings import ROOT, actions_secret, actions_url, log_level

    endpoints = AvailableEndpoints.read_endpoints(str(ROOT / "endpoints.yml"))
    store = TrackerStore.create(endpoints.tracker_store, agent.domain)
    store.observers.append(count_events)  # type: ignore[attr-defined]
    agent.tracker_store = agent.processor.tracker_store = store
    agent.lock_store = agent.processor.lock_store = LockStore.create(endpoints.lock_store)
    if actions_url():
        agent.action_endpoint = agent.processor.action_endpoint = RemoteActions(actions_url(), actions_secret())
    from runtime import logs, quiet

    quiet.log_warnings_only(log_level())
    logs.configure(log_level())
    faults = options.get("faults", {})
    disturb(agent, faults)
    if faults.get("humble"):
        humble()
    if faults.get("die"):
        from tests.runtime import dying

        dying.prepare(*faults["die"])
    if "settle" in faults:
        from dataclasses import replace

        from channels.rendering import capabilities

        rows: Any = capabilities()
        rows.update({name: replace(row, settle=min(row.settle, faults["settle"])) for name, row in rows.items()})
    if "lease" in faults:
        from runtime import post

        post.LEASE = faults["lease"]
    if "clock" in faults:
        right = time.time
        time.time = lambda: right() + faults["clock"]

    def load(path: Path) -> Any:
        time.sleep(faults.get("loading", 0))
        return agent

    server.load = load
    server.SLOWEST_SENDER = faults.get("patience", server.SLOWEST_SENDER)
    app = server.application(model, rest=True)

    async def erase(request: Request, conversation: str) -> HTTPResponse:
        return text(str(await app.ctx.turns.erase(conversation)))

    app.add_route(erase, "/erase/<conversation:str>", methods=["POST"])
    server.run(app, "127.0.0.1", port)


def make_records(file: Path) -> int:
    """Empty records with all their tables, made beside the loading by a process of its own: its id. Houses begin with a copy, as one that is set up does."""
    child = os.fork()
    if child == 0:
        os.environ["STRIA_CLINIC_DB"] = str(file)
        from clinic import ready

        ready.prepare()
        from django.db import connections

        connections.close_all()
        os._exit(0)
    return child


def main(model: Path, records: Path) -> None:
    """Load once, then fork for every `start`."""
    from runtime.settings import prepare_environment

    prepare_environment()
    maker = make_records(records)
    os.environ["STRIA_CONVERSATIONS_DB"] = "unused-before-the-fork"
    from runtime import logs, quiet

    quiet.quieten()
    logs.configure("WARNING")
    from runtime.assistant import load_assistant

    agent = load_assistant(model)
    asyncio.run(agent.parse_message("hello, does it hurt and what does it cost?"))
    assert os.waitpid(maker, 0)[1] == 0, "the records could not be made"
    print("loaded", flush=True)
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "exit":
            break
        port, _, options = rest.partition(" ")
        child = os.fork()
        if child == 0:
            sys.stdin.close()
            serve(model, int(port), json.loads(options), agent)
            os._exit(0)
        print(f"started {child}", flush=True)
        while True:  # reap those that were killed
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
