"""The clinic's records as the dialogues see them: in memory, and strict about what they are given."""

import json
import sys
import types
from typing import Any

import pytest

import actions
from actions import records as real
from actions.records import RecordsUnavailable


class FakeRecords(types.ModuleType):
    """Stands in for `actions.records`. `down`: the database cannot be reached. The same key twice does nothing twice."""

    RecordsUnavailable = RecordsUnavailable

    def __init__(self) -> None:
        super().__init__("actions.records")
        self.down = False
        self.consents: list[tuple[str, str, str]] = []
        self.screenings: list[dict[str, Any]] = []
        self.handoffs: list[tuple[str, str, str]] = []
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

    async def raise_handoff(self, conversation: str, reason: str, urgency: str, summary: str, contact: Any, key: str) -> str:
        self._check(conversation, key)
        assert reason and summary and urgency in ("normal", "urgent")
        if key not in self._keys:
            self.handoffs.append((conversation, reason, urgency))
            self._keys[key] = f"H-{len(self.handoffs):04d}"
        return self._keys[key]

    async def find_bookings(self, *asked: Any) -> list[Any]:
        return []

    def __getattr__(self, name: str) -> Any:
        """Types and errors are the real ones; everything else is out of reach here: dialogues that book have the real records (booking/)."""
        found = getattr(real, name)
        if isinstance(found, type) or not callable(found):
            return found

        async def unavailable(*arguments: Any, **named: Any) -> Any:
            raise RecordsUnavailable

        return unavailable


def install(records: FakeRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the test ends `from actions import records` gives the fake."""
    monkeypatch.setitem(sys.modules, "actions.records", records)
    monkeypatch.setattr(actions, "records", records)
