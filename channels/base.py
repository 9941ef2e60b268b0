"""What every connector shares: bubbles made from Rasa's replies, buttons as short keys, work that outlives a platform's request."""

import asyncio
import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any, Coroutine, Dict, Iterable, List, Mapping, Optional, Set, Tuple

from runtime import gate

logger = logging.getLogger(__name__)

LARGEST_DATA = 12_000  # bytes of a custom payload
LOOK_BACK = 60  # spoken events in which a pressed button is looked for


@dataclass(frozen=True)
class Bubble:
    """One thing to show: words, the buttons under them as (title, payload), or `data`, a custom payload that is plain JSON with a `type`."""

    text: str = ""
    buttons: Tuple[Tuple[str, str], ...] = ()
    data: Optional[Mapping[str, Any]] = None


def bubbles(replies: Iterable[Mapping[str, Any]]) -> List[Bubble]:
    """Rasa's response dictionaries as bubbles. Whatever cannot be shown is left out: a broken payload costs itself, never the turn."""
    found: List[Bubble] = []
    for reply in replies:
        text, data = reply.get("text"), _plain(reply.get("custom"))
        rows = _buttons(reply.get("buttons"))
        if isinstance(text, str) and (text.strip() or rows):
            found.append(Bubble(text.strip(), rows))
        if data is not None:
            found.append(Bubble(data=data))
    return found


def _buttons(rows: Any) -> Tuple[Tuple[str, str], ...]:
    if not isinstance(rows, (list, tuple)):
        return ()
    pairs = ((row.get("title"), row.get("payload")) for row in rows if isinstance(row, Mapping))
    return tuple((title.strip(), payload) for title, payload in pairs if isinstance(title, str) and isinstance(payload, str) and title.strip() and payload)


def _plain(data: Any) -> Optional[Mapping[str, Any]]:
    """The payload when it is an object that any JSON reader accepts, names its type and is small enough; else None."""
    if not data:
        return None
    try:
        text = json.dumps(data, allow_nan=False)
        if isinstance(data, Mapping) and isinstance(data.get("type"), str) and len(text) <= LARGEST_DATA:
            return dict(json.loads(text))
    except (TypeError, ValueError, RecursionError):
        pass
    logger.warning("a custom payload was left out: it is no plain object with a type of at most %d bytes", LARGEST_DATA)
    return None


def calendar(data: Mapping[str, Any]) -> str:
    """The text of a calendar file in a custom payload, "" when it holds none."""
    content = (data.get("content") or data.get("ics")) if data.get("type") == "calendar" else ""
    return content if isinstance(content, str) else ""


def replies_of(event: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The response dictionaries that a stored bot event went out as; cut like `CollectingOutputChannel` cuts them."""
    data = event.get("data") or {}
    text, rows = event.get("text"), data.get("buttons")
    replies: List[Dict[str, Any]] = []
    if rows:
        replies.append({"text": text or "", "buttons": rows})
    elif isinstance(text, str):
        replies.extend({"text": part} for part in text.strip().split("\n\n"))
    if data.get("custom"):
        replies.append({"custom": data["custom"]})
    return replies


def button_key(payload: str) -> str:
    """What travels to a platform in a payload's place: 18 characters that name no intent and carry nothing."""
    return "k:" + hashlib.blake2s(payload.encode("utf-8", "ignore"), digest_size=8).hexdigest()


async def pressed(store: Any, conversation: str, key: Any) -> Optional[gate.Offer]:
    """The button of this conversation that the key stands for, newest first, or None. Raises StoreUnavailable."""
    if not isinstance(key, str):
        return None
    offers = gate.offers(await store.spoken(conversation, LOOK_BACK))
    return next((offer for offer in offers if button_key(offer.payload) == key), None)


class Background:
    """Turns that go on after the platform was answered; `drain` when the server stops."""

    def __init__(self) -> None:
        self._tasks: Set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` to its end; an error is logged by its type."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("work in the background failed: %s", type(task.exception()).__name__, exc_info=task.exception())

    async def drain(self, seconds: float = 15.0) -> None:
        """Wait for what runs, at most so long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
