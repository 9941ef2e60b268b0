"""What many tests share: the clinic's knowledge as delivered, and its spaCy pipeline, built once a session."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography.fernet import Fernet
from hypothesis import settings

from knowledge.library import ROOT, Knowledge, Library
from runtime.quiet import quieten
from runtime.settings import prepare_environment
from tests.servers import Missing, Postgres, Redis, Server

# No test touches the records, keys or sessions of the house it runs in.
_own = Path(tempfile.mkdtemp(prefix="stria-tests-"))
atexit.register(shutil.rmtree, _own, ignore_errors=True)
os.environ.update(
    STRIA_CLINIC_DB=str(_own / "clinic.sqlite3"),
    STRIA_CONVERSATIONS_DB=str(_own / "conversations.sqlite3"),
    STRIA_RECORD_KEYS=Fernet.generate_key().decode(),
    STRIA_SIGNING_KEY=_own.name * 4,
)

prepare_environment()
quieten()  # Sanic resets the warning filters when first imported: let it do so before pytest sets ours

# spaCy's thinc imports TensorFlow wherever it finds it: eight seconds that no quick test has a use for.
if "tensorflow" not in sys.modules:
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    import thinc.compat  # noqa: F401

    del sys.modules["tensorflow"]

settings.register_profile("stria", deadline=None, derandomize=True, database=None)
settings.load_profile("stria")


@pytest.fixture(scope="session", autouse=True)
def _records_may_be_used(django_db_blocker: Any) -> Iterator[None]:
    """pytest-django forbids the database to all but marked tests; ours have one of their own each (tests/databases.py)."""
    # None when no test of this run has loaded Django's settings: then nothing is forbidden.
    with django_db_blocker.unblock() if django_db_blocker else nullcontext():
        yield


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    """Everything an answer is made from. Tests must not change it."""
    return Library().get()


@pytest.fixture(scope="session")
def answers_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files an answer is made from, without the example messages that no answer needs."""
    folder = tmp_path_factory.mktemp("delivered")
    (folder / "data").mkdir()
    shutil.copy(ROOT / "clinic.yml", folder)
    shutil.copy(ROOT / "data" / "intent_titles.csv", folder / "data")
    for path in (ROOT / "data").glob("*.yml"):
        (folder / "data" / path.name).write_text(path.read_text(encoding="utf-8").split("\nnlu:\n")[0] + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def project(answers_only: Path, tmp_path: Path) -> Path:
    """A project folder whose `clinic.yml` and `data/` may be changed."""
    return Path(shutil.copytree(answers_only, tmp_path / "project"))


@pytest.fixture
def save() -> Callable[[Path, str], None]:
    """Writes a text and gives the file a later time than it had, however fast the test is."""

    def write(path: Path, text: str) -> None:
        later = path.stat().st_mtime_ns + 1_000_000_000
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(later, later))

    return write


@pytest.fixture(scope="session")
def nlp() -> Iterator[Any]:
    """The clinic's spaCy pipeline over `data/vocabulary/`."""
    from nlu import pipeline

    yield pipeline.load(pipeline.prepare())


Started = TypeVar("Started", bound=Server)


def _started(server: Started) -> Iterator[Started]:
    try:
        server.start()
        yield server
    except Missing as missing:
        # In CI a machine without the servers would let every fault test pass unseen.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))
    finally:
        server.close()


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Postgres]:
    yield from _started(Postgres())


@pytest.fixture(scope="session")
def _redis() -> Iterator[Redis]:
    yield from _started(Redis())


@pytest.fixture
def postgres(_postgres: Postgres) -> Iterator[Postgres]:
    """A running PostgreSQL server, which the test may stop, kill or pause: it is started again for the next one."""
    _postgres.start()
    yield _postgres
    _postgres.start()


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The address of an empty PostgreSQL database."""
    return postgres.database()


@pytest.fixture
def redis_server(_redis: Redis) -> Iterator[Redis]:
    """A running, empty Redis server, which the test may stop, kill or pause."""
    _redis.start()
    _redis.empty()
    yield _redis
    _redis.start()


@pytest.fixture(scope="session")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The process that has the trained assistant loaded and forks servers."""
    from tests.runtime.site import Parent  # brings Rasa along

    made = Parent(tmp_path_factory.mktemp("servers") / "log")
    yield made
    made.close()
