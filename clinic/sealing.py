"""Encryption at rest: contacts and health answers are sealed before they reach the database, and found again by keyed digests only."""

import hashlib
import hmac
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.db import models

from clinic import keys


class Unreadable(Exception):
    """A sealed value cannot be opened: its key is not among the keys given."""


@lru_cache(maxsize=2)
def _keyring_of(state: str) -> Tuple[MultiFernet, Tuple[bytes, ...]]:
    given = keys.record_keys()
    digest_keys = tuple(hmac.new(key, b"stria digest", hashlib.sha256).digest() for key in given)
    return MultiFernet([Fernet(key) for key in given]), digest_keys


def _keyring() -> Tuple[MultiFernet, Tuple[bytes, ...]]:
    """A process that runs on while the keys are changed uses the new ones from its next call."""
    return _keyring_of(keys.record_keys_state())


def seal(value: Any) -> bytes:
    """A JSON value, encrypted with the newest key."""
    return _keyring()[0].encrypt(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def open_sealed(token: bytes) -> Any:
    """Raises Unreadable."""
    try:
        return json.loads(_keyring()[0].decrypt(bytes(token)))
    except InvalidToken as error:
        raise Unreadable("A sealed record cannot be opened with the present keys. Add the key it was written with to STRIA_RECORD_KEYS.") from error


def digest(kind: str, text: str) -> str:
    """A keyed digest, by which an equal value is found without being stored. Empty for an empty text."""
    return _digest(_keyring()[1][0], kind, text) if text else ""


def digests(kind: str, text: str) -> List[str]:
    """The digest under every key, newest first: what is stored may still be under an older one."""
    return [_digest(key, kind, text) for key in _keyring()[1]] if text else []


def _digest(key: bytes, kind: str, text: str) -> str:
    return hmac.new(key, f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()[:40]


if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    _Field = models.Field


class SealedField(_Field):
    """A JSON value that the database only ever sees encrypted. It cannot be searched."""

    description = "Sealed JSON"
    empty_values = [None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["editable"]
        return name, path, args, kwargs

    def get_internal_type(self) -> str:
        return "BinaryField"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return None if value is None else connection.Database.Binary(seal(value))

    def from_db_value(self, value: Optional[bytes], expression: Any, connection: Any) -> Any:
        return None if value is None else open_sealed(value)

    def value_to_string(self, obj: Any) -> str:
        """For dumpdata: still sealed."""
        return seal(self.value_from_object(obj)).decode()

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise TypeError("A sealed field cannot be searched; store a digest beside it.")
        return super().get_lookup(lookup_name)
