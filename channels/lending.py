"""Files under an address of ours, for platforms that carry none: signed, gone after two days, and saying nothing about whom or what they are for.

An address holds the time at which it ends, sixteen characters that name the file, and a proof of both. The file lies in the post room until then.
"""

import base64
import hashlib
import hmac
import struct
import time
from dataclasses import replace
from typing import Any, List, Optional, Sequence, Tuple

from sanic.request import Request
from sanic.response import HTTPResponse, text

from channels.base import Bubble, calendar
from runtime import post, settings
from runtime.tracker_store import StoreUnavailable

LENT_FOR = 2 * 86400.0  # seconds
NAME, PROOF = 8, 12  # bytes
LENGTH = (4 + NAME + PROOF) * 4 // 3  # characters of a token
GONE = "This link has ended. Please write to us again, and we send you a new one."
HEADERS = {
    "Content-Type": "text/calendar; charset=utf-8",
    "Content-Disposition": 'inline; filename="appointment.ics"',
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
}


def _proof(head: bytes) -> bytes:
    key = hmac.new(settings.web_secret(), b"stria lent files", hashlib.sha256).digest()
    return hmac.new(key, head, hashlib.sha256).digest()[:PROOF]


def token(name: str, until: float) -> str:
    """What stands for a file in an address: 32 characters. `name`: 16 hexadecimal digits."""
    head = struct.pack(">I", int(until)) + bytes.fromhex(name)
    return base64.urlsafe_b64encode(head + _proof(head)).decode()


def read(given: str) -> Optional[Tuple[str, float]]:
    """(name, when it ends) of a token that we made, else None."""
    if len(given) != LENGTH:
        return None
    try:
        raw = base64.b64decode(given.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        return None
    head, proof = raw[: 4 + NAME], raw[4 + NAME :]
    if not hmac.compare_digest(proof, _proof(head)):
        return None
    return head[4:].hex(), float(struct.unpack(">I", head[:4])[0])


def linked(said: Sequence[Bubble], event: str, channel: str, now: float) -> Tuple[List[Bubble], List[post.File]]:
    """The bubbles with a `link` in each calendar file, and the files to be lent; without a public https address neither."""
    found, lent = list(said), []
    home = settings.channels_url().rstrip("/")
    for number, bubble in enumerate(said):
        content = calendar(bubble.data or {})
        if not content or not home.startswith("https://"):
            continue
        file = post.File(post.digest("file", event, str(number))[: 2 * NAME], content, now + LENT_FOR)
        found[number] = replace(bubble, data={**(bubble.data or {}), "link": f"{home}/webhooks/{channel}/f/{token(file.name, file.until)}"})
        lent.append(file)
    return found, lent


async def serve(request: Request, given: str, store: Any) -> HTTPResponse:
    """The answer to whoever has the address: the file, 404 for one that we never gave out, 410 when its time is over or the person was erased."""
    known = read(given)
    if known is None:
        return text("", status=404, headers={"Cache-Control": "no-store"})
    name, until = known
    now = time.time()
    try:
        content = await store.run(lambda c: post.lent(c, name, now)) if until > now else None
    except StoreUnavailable:
        return text("Please try again in a minute.", status=503, headers={"Retry-After": "30"})
    if content is None:
        return text(GONE, status=410, headers={"Cache-Control": "no-store"})
    return HTTPResponse(content, headers=HEADERS, content_type=HEADERS["Content-Type"])
