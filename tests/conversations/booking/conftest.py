"""Dialogues that book have the clinic's real records."""

from typing import Any

import pytest

from tests.conversations.conftest import Talk


@pytest.fixture
def talk(agent: Any) -> Talk:
    return Talk(agent)
