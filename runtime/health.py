"""For load balancers and operators: /healthz (alive), /readyz (a synthetic turn's parts all answer), /metrics (Prometheus)."""

import asyncio
import logging
import time
from typing import Any, Dict

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, json, raw

from runtime.action_client import TurnAborted
from runtime.tracker_store import StoreUnavailable

logger = logging.getLogger(__name__)
HOLDS = 3.0  # seconds for which a readiness answer is reused, so that probes cannot load the server


async def probe(agent: Any) -> Dict[str, str]:
    """State of each part of a turn, "ok" or what is wrong: understanding, database, action, all without storing anything."""
    state = {"model": "ok", "database": "ok", "actions": "ok"}
    try:
        parse = await agent.parse_message("hello")
        if not (parse.get("intent") or {}).get("name"):
            state["model"] = "does not understand hello"
    except Exception as error:
        state["model"] = type(error).__name__
        parse = {}
    try:
        await asyncio.wait_for(agent.tracker_store.ping(), 5)
    except (StoreUnavailable, asyncio.TimeoutError):
        state["database"] = "unreachable"
    tracker = {"sender_id": "health", "slots": {}, "latest_message": {**parse, "message_id": "health"}, "events": [], "paused": False, "active_loop": {}}
    try:
        body = {"next_action": "action_answer", "sender_id": "health", "tracker": tracker, "domain": {}}
        if not (await agent.action_endpoint.request(json=body)).get("responses"):
            state["actions"] = "silent"
    except (TurnAborted, Exception) as error:
        state["actions"] = type(error).__name__
    return state


def blueprint() -> Blueprint:
    """The three addresses. They carry no personal data and need no login; the reverse proxy keeps them inside."""
    health = Blueprint("health")
    held: Dict[str, Any] = {"at": 0.0, "state": {}}
    asking = asyncio.Lock()  # however many ask at once, the parts are asked once

    @health.route("/healthz", methods=["GET"])
    async def alive(request: Request) -> HTTPResponse:
        return json({"status": "alive"})

    @health.route("/readyz", methods=["GET"])
    async def ready(request: Request) -> HTTPResponse:
        async with asking:
            if time.monotonic() - held["at"] > HOLDS:
                held["state"], held["at"] = await probe(request.app.ctx.agent), time.monotonic()
        fine = all(value == "ok" for value in held["state"].values()) and not request.app.ctx.turns.closing
        return json({"status": "ready" if fine else "not ready", **held["state"]}, status=200 if fine else 503)

    @health.route("/metrics", methods=["GET"])
    async def metrics(request: Request) -> HTTPResponse:
        return raw(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    return health
