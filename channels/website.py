"""The website's chat: socket.io that can face the internet.

A visitor is who the server says: a signed session id is issued at connection, bound to the socket, and nothing a message carries can name
another conversation. The acknowledgement of a message comes after its turn is stored and carries the answer, so a message whose
acknowledgement got lost is sent again with the same id and gets the same answer. Events:

- connect with `{"consent": version[, "token"]}`; refused with `consent`, `session` or `busy`
- `open` → `{"status", "token", "expires", "items"}`: the stored history, to be replayed; `items` is null when the database is down
- `say {"id", "text"}` or `{"id", "key"}` (a button) → `{"status", "items"[, "token", "expires"]}`
- `erase` → `{"status": "erased"|"failed"}`; other sockets of the conversation get `erased`
- to all sockets of a conversation: `typing {"on"}`, and `turn {"items"}` when staff said something; to the others: `turn {"items"}` of a turn

An item is `{"key", "from": "visitor"|"clinic", "at", "text"?, "buttons"?: [{"title", "key"}], "data"?}`; its key is the same live and replayed.
"""

import asyncio
import logging
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, Deque, Dict, List, Mapping, Optional, Tuple

from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, empty, json, text
from socketio import AsyncServer
from socketio.exceptions import ConnectionRefusedError

from channels import greeting
from channels.base import Bubble, bubbles, button_key, pressed, replies_of
from channels.sessions import BadSession, Session, Sessions
from runtime import gate, settings
from runtime.conversations import STAFF
from runtime.notices import notice
from runtime.tracker_store import StoreUnavailable
from runtime.turns import Incoming

logger = logging.getLogger(__name__)

SOCKET = "/socket.io/"  # a reverse proxy keeps a browser on one process by the `route` in the query, a random word of the widget's
LARGEST_PACKET = 16_384  # bytes
REPLAYED = 200  # spoken events that a returning visitor sees again
PACKETS = (120.0, 40)  # events a minute, and at once, of one socket
LISTEN_EVERY = 0.7  # seconds between two looks for what staff have said
STAYS_OPEN = 200  # ids before the newest that are looked at again: on PostgreSQL a lower id may become visible later
MOST_PER_ADDRESS = 100  # open sockets: an office or a phone network shares one address
MOST_SOCKETS = 5000  # of this process


@dataclass
class Visit:
    """What the server knows of one open socket."""

    session: Session
    address: str

    @property
    def conversation(self) -> str:
        return f"web:{self.session.id}"


class WebsiteBlueprint(Blueprint):
    """A blueprint whose application also has the socket, at its root, with small messages only."""

    def register(self, app: Sanic, options: Dict[str, Any]) -> None:
        app.add_route(self.ctx.socket, SOCKET, methods=["GET", "POST", "OPTIONS"], strict_slashes=False)
        app.enable_websocket()
        app.config.WEBSOCKET_MAX_SIZE = LARGEST_PACKET
        app.config.WEBSOCKET_MAX_QUEUE = 8
        app.config.PROXIES_COUNT = settings.proxies() or None
        super().register(app, options)


class WebsiteChannel(InputChannel):
    """Answers `/webhooks/website/settings` (what the widget shows before anybody agreed to anything) and the socket."""

    def __init__(self, sessions: Sessions, origins: List[str], connections: Tuple[float, int]):
        """`origins`: pages that may embed the chat. `connections`: new sockets a minute, and at once, from one address."""
        self.sessions, self.origins = sessions, origins
        self.knocks = gate.RateLimit(*connections)
        self.packets = gate.RateLimit(*PACKETS)
        self.visits: Dict[str, Visit] = {}
        self.addresses: Counter[str] = Counter()

    @classmethod
    def name(cls) -> str:
        return "website"

    @classmethod
    def from_credentials(cls, credentials: Optional[Dict[str, Any]]) -> "WebsiteChannel":
        sessions = Sessions(settings.web_secret(), 3600 * settings.web_session_hours())
        return cls(sessions, settings.web_origins(), settings.web_connections())

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        website = WebsiteBlueprint("website")
        quiet = logging.getLogger("socketio.server")  # at INFO it writes whole packets, people's words among them
        quiet.setLevel(logging.ERROR)
        logging.getLogger("sanic.error").setLevel(logging.WARNING)  # its WebSockets tell of every connection
        sio = AsyncServer(
            async_mode="sanic",
            cors_allowed_origins=self.origins,
            cors_credentials=False,
            max_http_buffer_size=LARGEST_PACKET,
            logger=quiet,
            engineio_logger=quiet,
        )

        @website.route("/", methods=["GET"])
        async def health(request: Request) -> HTTPResponse:
            return json({"status": "ok"})

        @website.route("/settings", methods=["GET"])
        async def show(request: Request) -> HTTPResponse:
            origin = request.headers.get("origin")
            headers = {"Cache-Control": "no-cache", "Vary": "Origin"}
            if origin in self.origins:
                headers["Access-Control-Allow-Origin"] = origin
            return json(greeting.shown(settings.keep_conversations_days()), headers=headers)

        async def socket(request: Request) -> HTTPResponse:
            if request.method == "GET" and "sid" not in request.args and not self._may_knock(_address(request), len(sio.eio.sockets)):
                return text("Too many connections. Please wait a minute.", status=429, headers={"Retry-After": "60"})
            answer: Optional[HTTPResponse] = await sio.handle_request(request)
            return answer if isinstance(answer, HTTPResponse) else empty()

        website.ctx.socket = socket

        @website.listener("before_server_stop")
        async def close(app: Any, loop: Any) -> None:
            website.ctx.listening.cancel()
            for engine_socket in list(sio.eio.sockets.values()):
                await engine_socket.close(wait=False)
            await sio.shutdown()

        @sio.on("connect")
        async def connect(sid: str, handshake: Dict[str, Any], auth: Any = None) -> None:
            visit = self._admit(auth, _address(handshake["sanic.request"]))
            self.visits[sid] = visit
            self.addresses[visit.address] += 1
            await sio.enter_room(sid, visit.conversation)

        @sio.on("disconnect")
        async def disconnect(sid: str, *reason: Any) -> None:
            visit = self.visits.pop(sid, None)
            if visit is not None:
                self.addresses[visit.address] -= 1
                self.addresses += Counter()  # forget addresses without sockets

        @sio.on("open")
        async def open_(sid: str, *rubbish: Any) -> Dict[str, Any]:
            visit = self.visits.get(sid)
            if visit is None or not self.packets.allow(sid):
                return {"status": "refused", "items": []}
            visit.session = self.sessions.issue(visit.session.consent, visit.session.id)
            found: Dict[str, Any] = {"status": "open", "items": None, **self._pass(visit)}
            try:
                found["items"] = history(await website.ctx.turns().store.spoken(visit.conversation, REPLAYED))
            except StoreUnavailable:
                logger.error("a returning visitor's history could not be read")
            return found

        @sio.on("say")
        async def say(sid: str, *packet: Any) -> Dict[str, Any]:
            visit = self.visits.get(sid)
            data: Any = packet[0] if packet else None
            message_id = _message_id(data)
            if visit is None or message_id is None:
                return {"status": "refused", "items": [_told("command", "?")]}
            if visit.session.expires <= self.sessions.clock():
                return {"status": "expired", "items": []}
            if not self.packets.allow(sid):
                return {"status": "refused", "items": [_told("too_fast", message_id)]}
            said, shown = data.get("text"), data.get("text")
            if data.get("key") is not None:
                try:
                    offer = await pressed(website.ctx.turns().store, visit.conversation, data["key"])
                except StoreUnavailable:
                    return {"status": "failed", "items": [_told("store_down", message_id)]}
                if offer is None:
                    return {"status": "refused", "items": [_told("command", message_id)]}
                said, shown = offer.payload, offer.title
            await sio.emit("typing", {"on": True}, room=visit.conversation)
            answer = await website.ctx.turns().handle(Incoming(visit.conversation, said, self.name(), message_id, visit.address))
            items = items_of(message_id, bubbles(answer.replies), time.time(), stored=answer.outcome != "refused")
            mine = [_item(message_id, "visitor", time.time(), Bubble(gate.storable(shown)))] if isinstance(shown, str) else []
            await sio.emit("turn", {"items": [*mine, *items]}, room=visit.conversation, skip_sid=sid)
            if visit.session.expires - self.sessions.clock() < self.sessions.lifetime / 2:
                visit.session = self.sessions.issue(visit.session.consent, visit.session.id)
                return {"status": answer.outcome, "items": items, **self._pass(visit)}
            return {"status": answer.outcome, "items": items}

        @sio.on("erase")
        async def erase(sid: str, *rubbish: Any) -> Dict[str, Any]:
            visit = self.visits.get(sid)
            if visit is None or not self.packets.allow(sid):
                return {"status": "failed"}
            try:
                await website.ctx.turns().erase(visit.conversation)
            except Exception as error:  # whatever it is, nobody may be told that their words are gone when they are not
                logger.error("a conversation could not be erased: %s", type(error).__name__)
                return {"status": "failed"}
            await sio.emit("erased", {}, room=visit.conversation, skip_sid=sid)
            for other in [s for s, v in self.visits.items() if v.conversation == visit.conversation and s != sid]:
                await sio.disconnect(other)
            return {"status": "erased", "text": notice("erased")}

        async def listen(app: Any) -> None:
            """Push what staff say to whoever has the chat open in this process."""
            heard: Deque[int] = deque(maxlen=2 * STAYS_OPEN)
            newest: Optional[int] = None
            while True:
                await asyncio.sleep(LISTEN_EVERY)
                try:
                    before = newest
                    newest, told = await app.ctx.turns.store.told_since(None if before is None else before - STAYS_OPEN)
                    fresh = [row for row in told if row[0] not in heard]
                    heard.extend(number for number, _, _ in fresh)
                    for _, conversation, event in fresh if before is not None else ():
                        await sio.emit("turn", {"items": [_told_by_staff(event)]}, room=conversation)
                except StoreUnavailable:
                    logger.warning("what staff say cannot be read just now")
                except Exception as error:  # one message that cannot be shown must not silence all that follow
                    logger.error("what staff said could not be pushed: %s", type(error).__name__)

        @website.listener("before_server_start")
        async def begin(app: Any, loop: Any) -> None:
            website.ctx.turns = lambda: app.ctx.turns

        @website.listener("after_server_start")
        async def begin_to_listen(app: Any, loop: Any) -> None:
            website.ctx.listening = asyncio.ensure_future(listen(app))

        return website

    def _may_knock(self, address: str, open_now: int) -> bool:
        return open_now < MOST_SOCKETS and self.addresses[address] < MOST_PER_ADDRESS and self.knocks.allow(address)

    def _admit(self, auth: Any, address: str) -> Visit:
        """The visit of a new socket. Raises ConnectionRefusedError with a word that the widget knows."""
        auth = auth if isinstance(auth, Mapping) else {}
        if auth.get("token") is not None:
            try:
                return Visit(self.sessions.read(auth["token"]), address)
            except BadSession:
                raise ConnectionRefusedError("session") from None
        consent = auth.get("consent")
        if consent != greeting.shown(settings.keep_conversations_days())["consent"]["version"]:  # agreed to a text that is no longer ours
            raise ConnectionRefusedError("consent")
        return Visit(self.sessions.issue(consent), address)

    def _pass(self, visit: Visit) -> Dict[str, Any]:
        return {"token": self.sessions.token(visit.session), "expires": visit.session.expires}


def _address(request: Request) -> str:
    """Whom the limits count: the visitor's address as the trusted proxy gives it, else the connection's."""
    return str(request.remote_addr or request.ip or "?")


def _message_id(data: Any) -> Optional[str]:
    try:
        return gate.identity(data.get("id")) if isinstance(data, Mapping) else None
    except gate.BadIdentity:
        return None


def _item(key: str, who: str, at: float, bubble: Bubble) -> Dict[str, Any]:
    item: Dict[str, Any] = {"key": key, "from": who, "at": round(at, 3)}
    if bubble.text:
        item["text"] = bubble.text
    if bubble.buttons:
        item["buttons"] = [{"title": title, "key": button_key(payload)} for title, payload in bubble.buttons]
    if bubble.data is not None:
        item["data"] = bubble.data
    return item


def items_of(message_id: str, said: List[Bubble], at: float, stored: bool = True, first: int = 0) -> List[Dict[str, Any]]:
    """The clinic's items in answer to a message, keyed by it and their place; what is not stored gets keys of its own."""
    mark = ":" if stored else ":!"
    return [_item(f"{message_id}{mark}{number}", "clinic", at, bubble) for number, bubble in enumerate(said, first)]


def is_staff(event: Mapping[str, Any]) -> bool:
    """Whether staff, or the house in their name, said it beside a turn."""
    return STAFF in (event.get("metadata") or {})


def _told_by_staff(event: Mapping[str, Any]) -> Dict[str, Any]:
    """What staff said, under their name, with the same key live and replayed."""
    about = event["metadata"]
    bubble = bubbles(replies_of(event))[0]
    if about[STAFF]:
        bubble = Bubble(f"{about[STAFF]}: {bubble.text}", bubble.buttons)
    return _item(f"{STAFF}:{about['key']}", "clinic", float(event.get("timestamp") or 0), bubble)


def _told(name: str, message_id: str) -> Dict[str, Any]:
    return items_of(message_id, [Bubble(notice(name))], time.time(), stored=False)[0]


def history(spoken: List[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """Stored user and bot events, oldest first, as the items that were shown live. A list cut in the middle of a turn begins with the next."""
    items: List[Dict[str, Any]] = []
    titles: Dict[str, str] = {}
    message_id, count = "", 0
    for event in spoken:
        at = float(event.get("timestamp") or 0)
        if event.get("event") == "user":
            message_id, count = str(event.get("message_id") or ""), 0
            words = str(event.get("text") or "")
            items.append(_item(message_id, "visitor", at, Bubble(titles.get(words, words))))
        elif is_staff(event):
            items.append(_told_by_staff(event))
        elif message_id:
            said = bubbles(replies_of(event))
            titles.update({payload: title for bubble in said for title, payload in bubble.buttons})
            items.extend(items_of(message_id, said, at, first=count))
            count += len(said)
    return items
