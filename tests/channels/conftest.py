"""The house that the tests of the platforms torment."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.channels.platforms import House


@pytest_asyncio.fixture(loop_scope="session")
async def own(parent: Any, tmp_path: Path) -> AsyncIterator[House]:
    """A house that the test may torment."""
    made = House(parent, tmp_path)
    yield made
    await made.close()
    assert made.broken_rules() == []
