"""The base of all messaging platforms: who may knock, what is believed, what is stored before the platform hears "200", and how a message is sent.

A platform is one file that says four things: how a request is proved genuine (`genuine`), what is in it (`read`), how a message of ours is sent
(`send`) and what that costs when it fails. Order in a webhook: size, proof on the raw body, only then parsing, then one transaction, then the answer.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import re
import time
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import aiohttp
from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, text

from channels import lending
from channels.rendering import Capability, Part, capabilities
from channels.updates import Delivery, Later, Update
from runtime import gate, post
from runtime.tracker_store import StoreUnavailable

logger = logging.getLogger(__name__)

CONNECT_WITHIN, ANSWER_WITHIN = 4.0, 12.0  # seconds
LARGEST_REPLY = 262_144  # bytes of a platform's answer
NUMBER = re.compile(r"-?[0-9]{1,16}")
KEY = re.compile(r"[0-9a-f]{40}")  # of a letter, as `post.digest` makes them
AHEAD = 3600.0  # seconds that a platform's clock may be ahead of ours


@dataclass
class Reading:
    """All that one request told. `foreign`: parts of it that are nobody's message, or not for us."""

    updates: List[Update] = field(default_factory=list)
    deliveries: List[Delivery] = field(default_factory=list)
    foreign: int = 0

    def add(self, events: Iterable[Any], update: Callable[[Any], Optional[Update]]) -> None:
        """Read events one by one: one that is nobody's message, or not for us, costs itself alone."""
        for event in events:
            try:
                found = update(event)
            except gate.BadIdentity:
                found = None
            except Exception as error:  # of a shape that nobody thought of: told again it would not get better, and what comes with it is read
                logger.error("an event of a platform could not be read (%s)", type(error).__name__)
                found = None
            if found is None:
                self.foreign += 1
            else:
                self.updates.append(found)


class NotGenuine(Exception):
    """The request does not come from the platform."""


def same(given: Optional[str], expected: str) -> bool:
    """Compared in constant time; never raises."""
    return hmac.compare_digest((given or "").encode("utf-8", "surrogateescape"), expected.encode())


def derived(secret: str, purpose: str) -> str:
    """A secret of its own for a purpose, for settings that nobody need choose."""
    return hmac.new(secret.encode(), f"stria {purpose}".encode(), hashlib.sha256).hexdigest()[:48]


def pick(data: Any, *path: Any, default: Any = None) -> Any:
    """What lies at a path of keys and indexes, or `default` when anything on the way is not as expected."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(data, list) or len(data) <= step:
                return default
            data = data[step]
        elif isinstance(data, Mapping):
            data = data.get(step)
        else:
            return default
    return default if data is None else data


def words(value: Any, most: int = 20_000) -> str:
    return value[:most] if isinstance(value, str) else ""


def whole(value: Any) -> int:
    """A number that a platform sends as a number or in digits; 0 for anything else and for what no clock or counter says."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 18:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def digits(value: Any) -> Optional[int]:
    """The number of a chat or an update, which a platform sends as a number, and may send in digits; None for anything else."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else None


def mappings(value: Any) -> List[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


class Platform(InputChannel):
    """One platform. Subclasses set `channel` and `settings_needed`."""

    channel = ""
    settings_needed: Tuple[str, ...] = ()
    reports = False  # whether it tells what became of our messages at an address of its own

    def __init__(self, **settings: Any):
        """`settings`: of credentials.yml. Raises ValueError when some are there and others are missing."""
        self.settings = {name: str(value or "").strip() for name, value in settings.items()}
        missing = [name for name in self.settings_needed if not self.settings.get(name)]
        self.on = not missing
        if missing and len(missing) < len(self.settings_needed):
            raise ValueError(f"{type(self).__name__} lacks {', '.join(missing)}: set all of its variables in .env, or none and it is off.")
        self.proved_with = [value.encode() for value in self.settings.get("app_secret", "").split(",") if value]

    @classmethod
    def name(cls) -> str:
        return cls.channel

    @classmethod
    def from_credentials(cls, credentials: Optional[Dict[str, Any]]) -> "Platform":
        return cls(**(credentials or {}))

    def channels(self) -> Sequence[str]:
        """The channels that this connector serves."""
        return (self.channel,)

    def able(self, conversation: str) -> Capability:
        return capabilities()[conversation.partition(":")[0]]

    # ------------------------------------------------------------------ what a subclass says

    @abstractmethod
    def genuine(self, request: Request, body: bytes) -> bool:
        """Whether the platform itself sent these very bytes."""

    @abstractmethod
    def read(self, body: bytes, query: str = "") -> Reading:
        """What a genuine request says. `query`: of its address. Raises ValueError when it is nothing that the platform sends."""

    @abstractmethod
    async def send(self, http: aiohttp.ClientSession, conversation: str, part: Part, key: str, staff: bool = False, late: bool = False) -> Optional[str]:
        """Send one message; the platform's id of it. `key`: 40 characters that stand for it, which platforms that can give back with their reports.

        `late`: outside the usual window. Raises Later, Never, Gone or WindowClosed.
        """

    async def nudge(self, http: aiohttp.ClientSession, conversation: str) -> bool:
        """Ask the person, by a template the platform has approved, to write again; False when there is none."""
        return False

    async def seen(self, http: aiohttp.ClientSession, update: Update) -> None:
        """What the platform wants to hear at once, such as that a press was noticed. May raise anything."""

    async def leave_group(self, http: aiohttp.ClientSession, conversation: str) -> None:
        """Leave a group we were added to. May raise anything."""

    def handshake(self, request: Request) -> Optional[HTTPResponse]:
        """The answer to a GET, None where the platform sends none."""
        return None

    # ------------------------------------------------------------------ the webhook

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        from channels.desk import Desk

        webhook = Blueprint(f"platform_{self.channel}")

        @webhook.listener("before_server_start")
        async def begin(app: Any, loop: Any) -> None:
            if not hasattr(app.ctx, "desk"):
                app.ctx.desk = Desk(lambda: app.ctx.turns)
            app.ctx.desk.add(self)

        @webhook.listener("after_server_start")
        async def open_(app: Any, loop: Any) -> None:
            app.ctx.desk.start()

        @webhook.listener("before_server_stop")
        async def close(app: Any, loop: Any) -> None:
            await app.ctx.desk.stop()

        @webhook.route("/", methods=["GET"])
        async def health(request: Request) -> HTTPResponse:
            return text("ok")

        @webhook.route("/webhook", methods=["GET"])
        async def shake(request: Request) -> HTTPResponse:
            return self.handshake(request) or text("", status=405)

        @webhook.route("/f/<token:str>", methods=["GET", "HEAD"])
        async def file(request: Request, token: str) -> HTTPResponse:
            return await lending.serve(request, token, request.app.ctx.desk.store)

        async def receive(request: Request) -> HTTPResponse:
            return await self.receive(request, request.app.ctx.desk)

        webhook.add_route(receive, "/webhook", methods=["POST"], stream=True, name="receive")
        if self.reports:
            webhook.add_route(receive, "/status", methods=["POST"], stream=True, name="status")
        return webhook

    async def receive(self, request: Request, desk: Any) -> HTTPResponse:
        """Answers 403 to whoever is not the platform, 503 only while nothing can be stored, so that the platform comes again."""
        assert request.stream is not None
        request.stream.request_max_size = capabilities()[self.channels()[0]].body
        await request.receive_body()
        body = request.body or b""
        if not self.genuine(request, body):
            logger.warning("%s: a request without a valid proof was refused", self.channel)
            return text("", status=403)
        try:
            reading = self.read(body, request.query_string)
        except Exception as error:  # genuine, but of no shape we know: told again it would not get better
            logger.error("%s: a genuine request could not be read (%s)", self.channel, type(error).__name__)
            return text("", status=400)
        now = time.time()
        fresh = [update for update in reading.updates if not self.replayed(update, now)]
        if reading.updates and not fresh:
            logger.warning("%s: a request older than any repetition was refused", self.channel)
            return text("", status=403)
        try:
            await desk.receive(fresh, reading.deliveries, self)
        except StoreUnavailable:
            logger.error("%s: messages could not be stored; the platform will send them again", self.channel)
            return text("", status=503, headers={"Retry-After": "5"})
        return self.accepted()

    def accepted(self) -> HTTPResponse:
        return text("")

    def replayed(self, update: Update, now: float) -> bool:
        """Whether an event is older than what is remembered of events, so that a repetition could not be told from it."""
        return bool(update.at) and update.at < now - 86400.0 * self.able(update.conversation).keep_days + 3600.0

    def arrival(self, update: Update, now: float) -> post.Arrival:
        able = self.able(update.conversation)
        heard = min(update.at or now, now + AHEAD)
        place = update.place if able.order else 0
        return post.Arrival(f"{self.channel}:{update.event}", update.conversation, place, heard, update.to_json(), 86400.0 * able.keep_days)

    # ------------------------------------------------------------------ sending

    async def call(self, http: aiohttp.ClientSession, method: str, url: str, **request: Any) -> Tuple[int, Any, Mapping[str, str]]:
        """Status, JSON (None if it is none) and headers of a platform's answer. Raises Later when there is none."""
        try:
            async with http.request(method, url, allow_redirects=False, **request) as response:
                content = await response.content.read(LARGEST_REPLY)
                try:
                    data = json.loads(content) if content else None
                except ValueError:
                    data = None
                return response.status, data, response.headers
        except aiohttp.ClientConnectorError as error:  # nothing has left us
            raise Later(type(error).__name__) from None
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            raise Later(type(error).__name__, unsure=True) from None


def retry_after(headers: Mapping[str, str], most: float = 3600.0) -> Optional[float]:
    """Seconds of a Retry-After header, given as a number or as a date."""
    value = headers.get("Retry-After", "")
    try:
        return min(most, max(0.0, float(value)))
    except ValueError:
        pass
    try:
        import email.utils

        return min(most, max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time()))
    except (ValueError, TypeError, IndexError):
        return None


def key_of(value: Any) -> str:
    """Our own mark of a letter where a platform gives it back, else ""."""
    return value if isinstance(value, str) and KEY.fullmatch(value) else ""


def identity(channel: str, value: Any) -> str:
    """The conversation of a platform's id. Raises gate.BadIdentity."""
    return gate.identity(value, prefix=f"{channel}:")


def parsed(body: bytes) -> Mapping[str, Any]:
    """A JSON object. Raises ValueError."""
    try:
        data = json.loads(body)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(data, dict):
        raise ValueError("no object")
    return data
