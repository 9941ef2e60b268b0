"""A real server with the website's channel, and a visitor who talks socket.io to it."""

import json
import signal
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Dict, List, Optional

import requests
import socketio

from runtime.database import events, make_engine
from tests.runtime.site import Forks, Parent
from tests.servers import free_port

PAGE = "http://127.0.0.1:8000"


class Website(Forks):
    """One server on a database of its own; stopped and started again it keeps its port and its database."""

    def __init__(self, parent: Parent, folder: Path, origins: str = PAGE, **environment: str):
        own = {"STRIA_WEB_ORIGINS": origins, "STRIA_WEB_SECRET": "a secret of the tests, long enough", **environment}
        super().__init__(parent, folder, **own)
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, **faults: Any) -> "Website":
        self.begin(self.port, **faults)
        return self

    def stop(self, number: int = signal.SIGKILL) -> None:
        if self.pids:
            self.kill(self.port, number)
            wait_for(lambda: not self.alive(self.port), 20)

    def settings(self) -> Dict[str, Any]:
        return dict(requests.get(f"{self.url}/webhooks/website/settings", headers={"Origin": PAGE}, timeout=5).json())

    def conversations(self) -> Dict[str, int]:
        """Number of stored messages of visitors by conversation."""
        import sqlalchemy as sa

        engine = make_engine(self.database)
        query = sa.select(events.c.sender_id, sa.func.count()).where(events.c.type_name == "user").group_by(events.c.sender_id)
        with engine.connect() as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        engine.dispose()
        return found


class Visitor:
    """A browser's side of the conversation, over long polling."""

    def __init__(self, website: Website, token: Optional[str] = None, headers: Optional[Dict[str, str]] = None, **auth: Any):
        self.website = website
        self.client = socketio.Client(reconnection=False)
        self.heard: List[Any] = []
        for name in ("turn", "typing", "erased"):
            self.client.on(name, lambda data, name=name: self.heard.append((name, data)))
        if token is None:
            auth.setdefault("consent", website.settings()["consent"]["version"])
        else:
            auth["token"] = token
        self.client.connect(website.url, headers={"Origin": PAGE, **(headers or {})}, auth=auth, transports=["polling"], wait_timeout=20)

    def call(self, event: str, data: Any = None, within: float = 30) -> Any:
        return self.client.call(event, data, timeout=within)

    def open(self) -> Dict[str, Any]:
        return dict(self.call("open"))

    def say(self, text: Any = None, message_id: Optional[str] = None, **more: Any) -> Dict[str, Any]:
        return dict(self.call("say", {"id": message_id or uuid.uuid4().hex, **({} if text is None else {"text": text}), **more}))

    def again(self, token: str) -> "Visitor":
        """The same visitor on a new socket."""
        self.leave()
        return Visitor(self.website, token)

    def leave(self) -> None:
        """Say goodbye; the client would wait for the end of its last long poll, we need not."""
        threading.Thread(target=self.client.disconnect, daemon=True).start()
        wait_for(lambda: not self.client.connected)


def refusal(website: Website, auth: Any, namespace: str = "/") -> str:
    """The word with which a connection is refused, "" when it is not; by hand, because clients wait long after a refusal."""
    place = "" if namespace == "/" else f"{namespace},"
    address, headers = f"{website.url}/socket.io/?EIO=4&transport=polling", {"Origin": PAGE}
    sid = json.loads(requests.get(address, headers=headers, timeout=5).text[1:])["sid"]
    requests.post(f"{address}&sid={sid}", data=f"40{place}{json.dumps(auth)}", headers=headers, timeout=5)
    reply = requests.get(f"{address}&sid={sid}", headers=headers, timeout=5).text
    if not reply.startswith("44"):
        return ""
    said = json.loads(reply[2 + len(place) :])
    return str(said["message"] if isinstance(said, dict) else said)


def words(items: List[Dict[str, Any]]) -> str:
    return " ".join(item.get("text", "") for item in items)


def wait_for(condition: Any, within: float = 5) -> None:
    """Until the condition holds. Raises AssertionError when it does not in time."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
