"""The clinic's records for tests: each test gets a database of its own, copied from one that was migrated once."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions import records
from clinic import ready
from knowledge.practice import PRACTICE, ROOT
from tests.servers import Postgres


def point_at(address: str) -> None:
    """Whoever asks Django for the records from now on gets this database."""
    ready.prepare()
    from django.contrib.contenttypes.models import ContentType
    from django.db import connections

    from clinic.settings import database

    records.close()
    connections["default"].close()
    del connections["default"]
    described = connections.configure_settings({"default": database(address)})["default"]
    connections.settings["default"].clear()
    connections.settings["default"].update(described)
    ContentType.objects.clear_cache()


def migrate(address: str) -> None:
    from django.core.management import call_command
    from django.db import connections

    point_at(address)
    call_command("migrate", interactive=False, verbosity=0)
    connections["default"].close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with all its tables."""
    file = tmp_path_factory.mktemp("records") / "template.sqlite3"
    migrate(str(file))
    return file


@pytest.fixture(scope="session")
def _postgres_tables(_postgres: Postgres) -> str:
    """The address of a PostgreSQL database with all tables, used by one test after the other."""
    address = _postgres.database()
    migrate(address)
    return address


@pytest.fixture
def sqlite_records(sqlite_template: Path, tmp_path: Path) -> Iterator[str]:
    """Empty records in SQLite; the path of the file."""
    file = Path(shutil.copy(sqlite_template, tmp_path / "clinic.sqlite3"))
    point_at(str(file))
    yield str(file)
    _leave()


@pytest.fixture
def postgres_records(postgres: Postgres, _postgres_tables: str) -> Iterator[str]:
    """Empty records in PostgreSQL; the address of the database."""
    from django.db import connection

    from clinic import guards

    point_at(_postgres_tables)
    kept = {"django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}
    tables = ", ".join(name for name in connection.introspection.table_names() if name not in kept)
    with guards.emptying(connection), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} RESTART IDENTITY")
    yield _postgres_tables
    _leave()


def _leave() -> None:
    from django.db import connections

    records.close()
    connections["default"].close()


@pytest.fixture(params=["sqlite", "postgres"])
def any_records(request: pytest.FixtureRequest) -> str:
    """Empty records, once in SQLite and once in PostgreSQL; the address."""
    return str(request.getfixturevalue(f"{request.param}_records"))


class ClinicFile:
    """The clinic's file as a test wants it."""

    def __init__(self, path: Path):
        self.path = path
        self.content: dict[str, Any] = yaml.safe_load((ROOT / "clinic.yml").read_text(encoding="utf-8"))

    def write(self, **booking: Any) -> None:
        """Save `content` with these lines of `booking` changed."""
        self.content["booking"].update(booking)
        self.path.write_text(yaml.safe_dump(self.content, allow_unicode=True), encoding="utf-8")
        PRACTICE.path, PRACTICE._practice = self.path, None


@pytest.fixture
def clinic_file(tmp_path: Path) -> Iterator[ClinicFile]:
    """A clinic.yml of the test's own, in use until the test ends."""
    before = PRACTICE.path
    file = ClinicFile(tmp_path / "clinic.yml")
    file.write(closed_days=[])
    yield file
    PRACTICE.path, PRACTICE._practice = before, None
