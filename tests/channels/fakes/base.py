"""What the stand-ins share: an HTTP server with faults that can be switched on, and people who write and hear."""

import abc
import asyncio
import itertools
import re
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

import aiohttp
from aiohttp import web

KEY = re.compile(r"k:[0-9a-f]{16}")


@dataclass
class Heard:
    """One message that a person got: its words, and buttons as (title, key)."""

    person: str
    text: str
    buttons: List[Tuple[str, str]] = field(default_factory=list)
    at: float = 0.0
    id: str = ""


class Fake(abc.ABC):
    """A platform. `fault`: None, "429", "500", "hang", "drop" (the connection is cut), "taken" (it takes what it is given and never says so) or "401",
    for every call while it is set."""

    name = ""

    def __init__(self) -> None:
        self.heard: List[Heard] = []
        self.violations: List[str] = []
        self.calls: List[str] = []
        self.fault: Optional[str] = None
        self.retry_after = 1
        self.once: List[str] = []  # faults for the next calls, one each
        self.webhook = ""  # where updates go
        self.numbers = itertools.count(1)
        self.wrote: Dict[str, float] = {}  # when a person last wrote
        self.port = 0
        self._runner: Optional[web.AppRunner] = None
        self.http: Optional[aiohttp.ClientSession] = None
        self.after_send: float = 0.0  # seconds an answer takes
        self.marks: Dict[str, str] = {}  # what each message carried for its reports, by its id
        self.files: List[Tuple[str, str]] = []  # (name, content) of the calendar files that people got

    async def start(self) -> None:
        app = web.Application(middlewares=[self._strict], client_max_size=2_000_000)
        self.routes(app.router)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=400))

    async def close(self) -> None:
        if self.http:
            await self.http.close()
        if self._runner:
            await self._runner.cleanup()

    @abc.abstractmethod
    def routes(self, router: web.UrlDispatcher) -> None:
        """The calls this platform has."""

    @web.middleware
    async def _strict(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path.rpartition('/')[2]}")
        fault = self.once.pop(0) if self.once else self.fault
        if fault == "hang":
            await asyncio.sleep(600)
        if fault == "drop":
            assert request.transport is not None
            request.transport.close()
        if fault == "429":
            return self.throttled()
        if fault == "401":
            return self.unauthorised()
        if fault and fault != "taken":
            return web.Response(status=int(fault) if fault.isdigit() else 500, text="<html>Bad gateway</html>")
        if self.after_send:
            await asyncio.sleep(self.after_send)
        try:
            answer: web.StreamResponse = await handler(request)
            if fault == "taken":
                await asyncio.sleep(600)
            return answer
        except web.HTTPNotFound:
            self.broken(f"unknown call {request.method} {request.path}")
            raise
        except web.HTTPMethodNotAllowed:
            self.broken(f"unknown call {request.method} {request.path}")
            raise

    def throttled(self) -> web.Response:
        return web.json_response({"error": "slow down"}, status=429, headers={"Retry-After": str(self.retry_after)})

    def unauthorised(self) -> web.Response:
        return web.json_response({"error": "who are you"}, status=401)

    def broken(self, rule: str) -> None:
        self.violations.append(f"{self.name}: {rule}")

    def need(self, holds: bool, rule: str) -> bool:
        if not holds:
            self.broken(rule)
        return holds

    def only(self, data: Any, allowed: str, where: str) -> bool:
        return self.need(isinstance(data, dict) and set(data) <= set(allowed.split()), f"{where} has unknown fields {sorted(set(data) - set(allowed.split()))}")

    def tell(self, person: str, text: str, buttons: Optional[List[Tuple[str, str]]] = None) -> str:
        """The person's phone shows a message. Returns its id."""
        number = f"out{next(self.numbers)}"
        self.heard.append(Heard(person, text, buttons or [], time.time(), number))
        for _, key in buttons or []:
            self.need(bool(KEY.fullmatch(key)), f"a key says something: {key}")
        return number

    def marked(self, number: str, mark: Any) -> None:
        """A message carries a mark that says nothing."""
        self.need(isinstance(mark, str) and bool(re.fullmatch(r"[0-9a-f]{40}", mark)), f"a mark says something: {mark}")
        self.marks[number] = str(mark)

    def calendar(self, name: str, content: str) -> None:
        """A person's phone opens a calendar file."""
        self.need(name.endswith(".ics") and content.startswith("BEGIN:VCALENDAR") and "END:VCALENDAR" in content, f"no calendar file: {name}")
        self.files.append((name, content))

    async def reports(self, heard: "Heard") -> int:
        """The platform tells what it did with a message; the webhook's status."""
        raise AssertionError(f"{type(self).__name__} tells nobody what became of a message.")

    def to(self, person: str) -> List[Heard]:
        return [h for h in self.heard if h.person == person]

    async def post(self, body: bytes, headers: Dict[str, str], query: str = "", path: str = "") -> int:
        """Send raw bytes to the webhook; the status."""
        assert self.http is not None
        async with self.http.post((path or self.webhook) + query, data=body, headers=headers) as response:
            await response.read()
            return response.status

    # what each platform can make a person do; all return the webhook's status

    @abc.abstractmethod
    async def text(self, person: str, text: str, **more: Any) -> int:
        """Write a message."""

    @abc.abstractmethod
    async def press(self, person: str, title: str) -> int:
        """Press a button of the newest message that has it; where there are none, write its number."""

    @abc.abstractmethod
    async def photo(self, person: str, caption: str = "") -> int:
        """Send a photo."""


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
