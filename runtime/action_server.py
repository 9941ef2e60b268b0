"""The actions behind HTTP, for when several Rasa processes share them: `python -m runtime.action_server`.

The SDK's own server asks nobody who they are, listens on every address and sends the whole conversation back in an error. This one runs the same
executor, listens on loopback, demands the secret that it shares with Rasa, and answers an error with its kind and nothing else.
"""

import asyncio
import hmac
import importlib
import json
import logging
import sys
from typing import Any, Awaitable, Callable, Dict

from aiohttp import web
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException

from runtime.request import HEADER as REQUEST_HEADER
from runtime.request import new_request_id
from runtime.settings import ROOT, actions_port, actions_secret, log_level, prepare_environment, private_host

logger = logging.getLogger(__name__)

PROOF_HEADER = "X-Stria-Secret"
SHORTEST_SECRET = 16  # characters
LARGEST_REQUEST = 4_000_000  # bytes; a call carries the conversation, which the tracker store keeps far smaller
LONGEST_ACTION = 30.0  # seconds; Rasa gives up sooner, an action that goes on must not go on for ever
STOP_WITHIN = 20.0  # seconds that actions in progress are waited for when the server stops

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _error(status: int, text: str, **more: str) -> web.Response:
    return web.json_response({"error": text, **more}, status=status)


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives the request its id, and every failure an answer that quotes nothing of the request."""
    request_id = new_request_id(request.headers.get(REQUEST_HEADER))
    try:
        response = await handler(request)
    except web.HTTPException as refused:
        response = _error(refused.status, refused.reason)
    except Exception as error:  # the type only: the text of an exception may quote the person
        logger.error("an action call failed: %s", type(error).__name__, exc_info=error)
        response = _error(500, type(error).__name__)
    response.headers[REQUEST_HEADER] = request_id
    return response


def _guarded(secret: str) -> Any:
    expected = secret.encode("utf-8")

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nothing of a request is read before its secret is known to be right. Only /health asks for none: it tells nothing."""
        given = request.headers.get(PROOF_HEADER, "").encode("utf-8", "surrogateescape")
        if request.path != "/health" and not hmac.compare_digest(given, expected):
            return _error(403, "The shared secret is missing or wrong.")
        return await handler(request)

    return guard


async def _body(request: web.Request) -> Dict[str, Any]:
    """The call as Rasa sends it. Raises HTTPBadRequest, HTTPRequestEntityTooLarge."""
    try:
        call = json.loads(await request.read())
    except ValueError:
        raise web.HTTPBadRequest(reason="The call is not JSON.") from None
    if not isinstance(call, dict) or not isinstance(call.get("tracker"), dict) or not isinstance(call.get("next_action"), str):
        raise web.HTTPBadRequest(reason="The call must be an object with next_action and tracker.")
    return call


def application(secret: str, executor: ActionExecutor) -> web.Application:
    """POST /webhook runs an action, GET /actions lists them, GET /health says that the server is there. Raises ValueError for a short secret."""
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"STRIA_ACTIONS_SECRET must be set to at least {SHORTEST_SECRET} characters: who knows it can run every action.")

    async def webhook(request: web.Request) -> web.Response:
        call = await _body(request)
        name = call["next_action"]
        try:
            return web.json_response(await asyncio.wait_for(executor.run(call), LONGEST_ACTION))
        except ActionExecutionRejection:  # Rasa tells a rejection from a failure by these two fields
            return _error(400, f"Custom action '{name}' rejected execution.", action_name=name)
        except ActionNotFoundException:
            return _error(404, "There is no such action.")

    async def actions(request: web.Request) -> web.Response:
        return web.json_response([{"name": name} for name in sorted(executor.actions)])

    async def health(request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application(client_max_size=LARGEST_REQUEST, middlewares=[_answered, _guarded(secret)])
    app.add_routes([web.post("/webhook", webhook), web.get("/actions", actions), web.get("/health", health)])
    return app


def load_actions(package: str = "actions") -> ActionExecutor:
    """The SDK's executor with our actions. Raises ImportError instead of the SDK's silent exit."""
    importlib.import_module(package)
    executor = ActionExecutor()
    executor.register_package(package)
    return executor


def main() -> None:
    """Serve until stopped; a stop waits for actions in progress. Exits with a sentence when the secret is missing."""
    prepare_environment()
    sys.path.insert(0, str(ROOT))
    from runtime import logs
    from runtime.quiet import quieten

    quieten()
    logs.configure(log_level())
    try:
        app = application(actions_secret(), load_actions())
    except ValueError as error:
        sys.exit(str(error))

    def ready(*_: object) -> None:
        print(f"Actions are ready on http://{private_host()}:{actions_port()}", flush=True)

    web.run_app(app, host=private_host(), port=actions_port(), shutdown_timeout=STOP_WITHIN, access_log=None, print=ready)


if __name__ == "__main__":
    main()
