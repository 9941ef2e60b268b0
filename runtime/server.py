"""One Rasa process: `python -m runtime.server --model FILE [--rest]`. Its own small web application: the channels, health and metrics."""

import argparse
import asyncio
import logging
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, List

from runtime.settings import (
    ROOT,
    actions_secret,
    actions_url,
    conversations_db,
    keep_conversations_days,
    log_level,
    prepare_environment,
    private_host,
    rasa_port,
    rate_limits,
)

logger = logging.getLogger(__name__)

LARGEST_REQUEST = 20_000  # bytes; the platforms' webhooks take more, see channels/capabilities.yml
SLOWEST_REQUEST = 60  # seconds
SLOWEST_SENDER = 15  # seconds for a request to arrive whole
TIDY_EVERY = 3600.0  # seconds between deletions of what is past its retention
KEEP_ANSWERS = 3 * 86400.0  # seconds for which a platform may repeat a message


def load(model: Path) -> Any:
    """The agent on `model` with the stores of endpoints.yml and our action calls. Raises RuntimeError when endpoints.yml names other stores."""
    from rasa.core.agent import Agent
    from rasa.core.lock_store import LockStore
    from rasa.core.tracker_store import TrackerStore
    from rasa.core.utils import AvailableEndpoints

    from runtime.action_client import InProcessActions, RemoteActions, compile_response_schema
    from runtime.lock_store import ConversationLocks
    from runtime.metrics import count_events
    from runtime.tracker_store import ConversationStore
    from runtime.turns import harden

    compile_response_schema()
    endpoints = AvailableEndpoints.read_endpoints(str(ROOT / "endpoints.yml"))
    store, locks = TrackerStore.create(endpoints.tracker_store), LockStore.create(endpoints.lock_store)
    if not isinstance(store, ConversationStore) or not isinstance(locks, ConversationLocks):
        # Rasa takes its memory store for any name it cannot import, without a word.
        raise RuntimeError("endpoints.yml must name runtime.tracker_store.ConversationStore and runtime.lock_store.ConversationLocks.")
    store.observers.append(count_events)
    actions = RemoteActions(actions_url(), actions_secret()) if actions_url() else InProcessActions()
    return harden(Agent.load(str(model), tracker_store=store, lock_store=locks, action_endpoint=actions))


def application(model: Path, rest: bool = False) -> Any:
    """The Sanic application with every configured channel."""
    from rasa.core.channels.channel import register
    from rasa.core.run import create_http_input_channels
    from sanic import Sanic

    from runtime.framing import guard
    from runtime.health import blueprint

    app = Sanic("stria", configure_logging=False)
    app.config.REQUEST_MAX_SIZE = LARGEST_REQUEST
    app.config.RESPONSE_TIMEOUT = SLOWEST_REQUEST
    app.config.REQUEST_TIMEOUT = SLOWEST_SENDER
    app.config.ACCESS_LOG = False
    app.config.MOTD = False
    credentials = str(ROOT / "credentials.yml")
    channels = create_http_input_channels(None, credentials) if any(_settings(credentials)) else []
    channels = [channel for channel in channels if getattr(channel, "on", True)]  # a platform without settings is off
    if rest:
        channels += create_http_input_channels("channels.rest.RestChannel", None)
    register(channels, app, "/webhooks/")
    guard(app)
    app.blueprint(blueprint())

    async def start(app: Any, loop: asyncio.AbstractEventLoop) -> None:
        from runtime.gate import limits
        from runtime.turns import Turns

        app.ctx.agent = load(model)
        app.ctx.turns = Turns(app.ctx.agent, limits(rate_limits()))
        await app.ctx.agent.parse_message("hello, does it hurt and what does it cost?")  # lazy imports, before the port opens

    async def ready(app: Any, loop: asyncio.AbstractEventLoop) -> None:
        app.ctx.tidy = asyncio.ensure_future(_tidy(app))
        app.ctx.served = True
        print(f"Stria is ready on http://{private_host()}:{rasa_port()}", flush=True)

    async def stop(app: Any, loop: asyncio.AbstractEventLoop) -> None:
        app.ctx.tidy.cancel()
        await app.ctx.turns.drain()

    async def close(app: Any, loop: asyncio.AbstractEventLoop) -> None:
        close_actions = getattr(app.ctx.agent.action_endpoint, "close", None)
        if close_actions:
            await close_actions()
        app.ctx.agent.tracker_store.close()

    app.register_listener(start, "before_server_start")
    app.register_listener(ready, "after_server_start")
    app.register_listener(stop, "before_server_stop")
    app.register_listener(close, "after_server_stop")
    return app


def _settings(credentials: str) -> Any:
    import yaml

    return yaml.safe_load(Path(credentials).read_text(encoding="utf-8")) or {}


async def _tidy(app: Any) -> None:
    """Delete what is past its retention, soon after the start and then every hour; a database that is down is tried again."""
    from runtime.tracker_store import StoreUnavailable

    while True:
        now = time.time()
        try:
            gone = await app.ctx.agent.tracker_store.purge(now - 86400.0 * keep_conversations_days(), now - KEEP_ANSWERS)
            if gone:
                logger.info("retention: %d events deleted", gone)
        except StoreUnavailable:
            logger.warning("retention: the database is down, next try later")
        await asyncio.sleep(TIDY_EVERY)


def main(arguments: List[str]) -> None:
    """Serve until stopped. Exits with a sentence when the model is missing."""
    options = argparse.ArgumentParser(prog="python -m runtime.server", description=__doc__)
    options.add_argument("--model", type=Path, required=True, help="the trained model's file")
    options.add_argument("--rest", action="store_true", help="open the plain rest channel, without any check of identity, for load tests")
    chosen = options.parse_args(arguments)
    prepare_environment()
    os.environ["STRIA_CONVERSATIONS_DB"] = conversations_db()  # endpoints.yml reads it
    sys.path.insert(0, str(ROOT))
    if not chosen.model.is_file():
        sys.exit(f"There is no model at {chosen.model}: run `make train` first.")
    from runtime.quiet import log_warnings_only, quieten

    quieten()
    from runtime import logs

    log_warnings_only(log_level())
    logs.configure(log_level())
    open_files()
    try:
        app = application(chosen.model, chosen.rest)
    except ValueError as error:
        sys.exit(str(error))
    run(app, private_host(), rasa_port())
    sys.stdout.flush()
    if not getattr(app.ctx, "served", False):
        print(f"Port {rasa_port()} is taken: stop what uses it, or set STRIA_RASA_PORT.", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)  # a thread that waits for a frozen database must not keep a stopped server alive


def run(app: Any, host: str, port: int) -> None:
    """Serve until stopped."""
    from runtime.framing import Punctual

    app.run(host=host, port=port, protocol=Punctual, backlog=512, access_log=False, debug=False)


def open_files() -> None:
    """Let the process open as many connections as the system allows; many systems start with 1024."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main(sys.argv[1:])
