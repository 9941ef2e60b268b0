"""The server that the fault tests torment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.site import Parent, Site


@pytest.fixture
def site(parent: Parent, tmp_path: Path) -> Iterator[Site]:
    made = Site(parent, tmp_path)
    yield made
    made.end()
