"""Who a website visitor is: an id that only this server can issue, signed, dated and carrying the consent text the visitor agreed to."""

import base64
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any, Callable, Optional

_SHAPE = re.compile(r"1\.([A-Za-z0-9_-]{22})\.(\d{1,12})\.([A-Za-z0-9-]{1,20})\.([A-Za-z0-9_-]{43})")


class BadSession(ValueError):
    """The token was not issued here, was changed, or is past its time."""


@dataclass(frozen=True)
class Session:
    """`id`: 128 random bits. `expires`: Unix seconds. `consent`: version of the text that was agreed to."""

    id: str
    expires: int
    consent: str


class Sessions:
    """Issues and reads tokens. A token is a bearer secret: whoever holds it is the visitor, nobody else can make one."""

    def __init__(self, secret: bytes, lifetime: float, clock: Callable[[], float] = time.time):
        """`secret`: at least 32 bytes. `lifetime`: seconds."""
        if len(secret) < 32:
            raise ValueError("The secret that signs website sessions must have at least 32 bytes.")
        self._key = hmac.new(secret, b"stria website session 1", hashlib.sha256).digest()
        self.lifetime, self.clock = lifetime, clock

    def issue(self, consent: str, session_id: Optional[str] = None) -> Session:
        """A new session, or one that goes on with a new time."""
        return Session(session_id or secrets.token_urlsafe(16), int(self.clock() + self.lifetime), consent)

    def token(self, session: Session) -> str:
        body = f"1.{session.id}.{session.expires}.{session.consent}"
        return f"{body}.{self._mac(body)}"

    def read(self, token: Any) -> Session:
        """The session of a token. Raises BadSession."""
        shape = _SHAPE.fullmatch(token) if isinstance(token, str) and len(token) < 160 else None
        if shape is None or not hmac.compare_digest(self._mac(token.rpartition(".")[0]), shape[4]):
            raise BadSession("not ours")
        session = Session(shape[1], int(shape[2]), shape[3])
        if session.expires <= self.clock():
            raise BadSession("expired")
        return session

    def _mac(self, body: str) -> str:
        return base64.urlsafe_b64encode(hmac.new(self._key, body.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
