"""The clinic's records as the dialogues see them: in memory, and strict about what they are given."""

import json
import sys
import types
from typing import Any


class RecordsUnavailable(Exception):
    """As the real one."""


class FakeRecords(types.ModuleType):
    """Stands in for `actions.records`. `down`: the database cannot be reached. The same key twice does nothing twice."""

    RecordsUnavailable = RecordsUnavailable

    def __init__(self) -> None:
        super().__init__("actions.records")
        self.down = False
        self.consents: list[tuple[str, str, str]] = []
        self.screenings: list[dict[str, Any]] = []
        self._keys: dict[str, str] = {}

    def _check(self, conversation: str, key: str) -> None:
        assert conversation and isinstance(conversation, str)
        assert key and isinstance(key, str) and ":" in key
        if self.down:
            raise RecordsUnavailable

    async def save_consent(self, conversation: str, purpose: str, text_version: str, key: str) -> None:
        self._check(conversation, key)
        assert purpose and text_version
        if key not in self._keys:
            self._keys[key] = ""
            self.consents.append((conversation, purpose, text_version))

    async def withdraw_consent(self, conversation: str, purpose: str, key: str) -> None:
        self._check(conversation, key)
        self.consents = [c for c in self.consents if c[:2] != (conversation, purpose)]

    async def has_consent(self, conversation: str, purpose: str) -> bool:
        return any(c[:2] == (conversation, purpose) for c in self.consents)

    async def save_screening(self, conversation: str, result: dict[str, Any], table_version: str, key: str) -> str:
        self._check(conversation, key)
        assert table_version and table_version == result["table"]["version"]
        if key not in self._keys:
            self.screenings.append(json.loads(json.dumps(dict(result))))
            self._keys[key] = f"S-{len(self.screenings):04d}"
        return self._keys[key]


def install(records: FakeRecords) -> None:
    """From now on `from actions import records` gives the fake."""
    import actions

    sys.modules["actions.records"] = records
    actions.records = records  # type: ignore[attr-defined]
