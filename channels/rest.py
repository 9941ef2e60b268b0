"""A plain HTTP channel on loopback for load tests and scripts (`make run REST=1`): Rasa's `rest` address and shape, behind our gate.

It checks no identity, so it is never opened on a public address; ids get the prefix `rest:` and cannot reach another channel's talks.
"""

from typing import Any, Awaitable, Callable

from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, json

from runtime import gate
from runtime.turns import Incoming


class RestChannel(InputChannel):
    """POST /webhooks/rest/webhook `{"sender", "message"[, "message_id"]}` → a list of `{"recipient_id", "text"|"custom"[, "buttons"]}`."""

    @classmethod
    def name(cls) -> str:
        return "rest"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        webhook = Blueprint("rest_webhook")

        @webhook.route("/", methods=["GET"])
        async def health(request: Request) -> HTTPResponse:
            return json({"status": "ok"})

        @webhook.route("/webhook", methods=["POST"])
        async def receive(request: Request) -> HTTPResponse:
            body = request.json
            if not isinstance(body, dict):
                return json({"error": "Send an object with `sender` and `message`."}, status=400)
            try:
                sender = gate.identity(body.get("sender"))
                conversation = gate.identity(sender, prefix="rest:")
                given = body.get("message_id")
                message_id = None if given is None else gate.identity(given)
            except gate.BadIdentity as error:
                return json({"error": str(error)}, status=400)
            request_id = request.headers.get("x-request-id")
            incoming = Incoming(conversation, body.get("message"), self.name(), message_id, request_id=request_id, limited=False)
            answer = await request.app.ctx.turns.handle(incoming)
            return json([{**reply, "recipient_id": sender} for reply in answer.replies])

        return webhook
