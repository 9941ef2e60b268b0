"""The server that the fault tests torment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.site import Parent, Site


@pytest.fixture(scope="session")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    made = Parent(tmp_path_factory.mktemp("servers") / "log")
    yield made
    made.close()


@pytest.fixture
def site(parent: Parent, tmp_path: Path) -> Iterator[Site]:
    made = Site(parent, tmp_path)
    yield made
    made.close()
