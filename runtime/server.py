"""Starts the Rasa server on loopback: `python -m runtime.server [--rest]`."""

import argparse
import asyncio
import os
import sys
from typing import Any, List

from runtime.settings import ROOT, actions_url, conversations_db, log_level, prepare_environment, rasa_port


async def warm_up(app: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Parse one message before the port opens, so that the first visitor does not wait for lazy imports."""
    await app.ctx.agent.parse_message("hello, does it hurt and what does it cost?")
    print(f"Stria is ready on http://127.0.0.1:{rasa_port()}", flush=True)


def main(arguments: List[str]) -> None:
    """Serve until stopped. Exits with a sentence when there is no model for the present data."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rest", action="store_true", help="open Rasa's plain rest channel, without any check of identity, for load tests")
    chosen = options.parse_args(arguments)
    prepare_environment()
    os.environ.setdefault("STRIA_CONVERSATIONS_DB", conversations_db())
    sys.path.insert(0, str(ROOT))
    from nlu.train import current_model
    from runtime.quiet import log_warnings_only, quieten

    model = current_model()
    if model is None:
        sys.exit("There is no model for the present data yet: run `make train` first.")
    quieten()
    log_warnings_only(log_level())
    from rasa.core.run import serve_application
    from rasa.core.utils import AvailableEndpoints
    from rasa.utils.endpoints import EndpointConfig

    from runtime.action_client import InProcessActions, compile_response_schema

    compile_response_schema()
    endpoints = AvailableEndpoints.read_endpoints(str(ROOT / "endpoints.yml"))
    endpoints.action = EndpointConfig(url=actions_url(), enable_selective_domain=True) if actions_url() else InProcessActions()
    serve_application(
        model_path=str(model),
        channel="rest" if chosen.rest else None,
        credentials=str(ROOT / "credentials.yml"),
        interface="127.0.0.1",
        port=rasa_port(),
        enable_api=False,
        response_timeout=60,
        endpoints=endpoints,
        server_listeners=[(warm_up, "after_server_start")],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
