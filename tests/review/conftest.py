"""The desk's tests: records and a bot's database of their own, and staff of every role."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.conversations import Events
from clinic import ready
from tests.databases import _postgres_tables, any_records, clinic_file, postgres_records, sqlite_records, sqlite_template  # noqa: F401

ready.prepare()

PASSWORD = "a long enough phrase"


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Events]:
    """The bot's events, which the desk reads and erases."""
    monkeypatch.setenv("STRIA_CONVERSATIONS_DB", str(tmp_path / "conversations.sqlite3"))
    made = Events(tmp_path / "conversations.sqlite3")
    yield made
    made.close()


@pytest.fixture
def ingest(bot: Events) -> Callable[[], int]:
    """Takes everything that is new; how many events."""

    def take() -> int:
        from clinic.review.ingest import Reader

        reader, count = Reader(), 0
        while taken := reader.step():
            count += taken
        return count

    return take


@pytest.fixture
def login() -> Callable[..., Any]:
    """A client logged in as a member of these groups, and of none when none is given."""

    def make(*groups: str, name: str = "") -> Any:
        from django.contrib.auth.models import Group, User
        from django.test import Client

        user, _ = User.objects.get_or_create(username=name or "-".join(groups) or "newcomer", defaults={"is_staff": True})
        user.set_password(PASSWORD)
        user.save()
        user.groups.set(Group.objects.filter(name__in=groups))
        client = Client()
        client.force_login(user)
        return client

    return make
