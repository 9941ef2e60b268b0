"""The servers that fault tests break do break, and come back with or without what they held."""

import os
import time
from pathlib import Path

import psycopg2
import pytest
import redis

from runtime import bootstrap
from tests.servers import Missing, Postgres, Redis


def ask(url: str, question: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url, connect_timeout=2)
    try:
        cursor = connection.cursor()
        cursor.execute(question)
        rows = list(cursor.fetchall()) if cursor.description else []
        connection.commit()
        return rows
    finally:
        connection.close()


def test_postgres_does_not_run_as_root(postgres: Postgres) -> None:
    assert postgres.process is not None
    assert Path(f"/proc/{postgres.process.pid}").stat().st_uid != 0


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_postgres_keeps_what_was_committed(postgres: Postgres, way: str) -> None:
    url = postgres.database()
    ask(url, "CREATE TABLE kept AS SELECT 7 AS number")
    getattr(postgres, way)()
    with pytest.raises(psycopg2.OperationalError):
        ask(url, "SELECT 1")
    postgres.start()
    assert ask(url, "SELECT number FROM kept") == [(7,)]


def test_every_database_is_empty(postgres: Postgres) -> None:
    first, second = postgres.database(), postgres.database()
    ask(first, "CREATE TABLE mine (number int)")
    assert ask(second, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_redis_comes_back_empty(redis_server: Redis, way: str) -> None:
    client = redis.Redis.from_url(redis_server.url)
    client.set("key", "value")
    getattr(redis_server, way)()
    with pytest.raises(redis.ConnectionError):
        client.get("key")
    redis_server.start()
    assert client.get("key") is None
    client.close()


def test_a_paused_server_is_silent_and_a_resumed_one_answers(redis_server: Redis) -> None:
    client = redis.Redis.from_url(redis_server.url, socket_timeout=0.2)
    assert client.ping()
    redis_server.pause()
    with pytest.raises(redis.TimeoutError):
        client.ping()
    redis_server.resume()
    assert client.ping()
    client.close()


def test_a_frozen_server_can_be_stopped(postgres: Postgres) -> None:
    postgres.pause()
    started = time.monotonic()
    postgres.stop()
    assert time.monotonic() - started < 10


def test_a_closed_server_leaves_nothing() -> None:
    server = Redis()
    try:
        server.start()
    except Missing as missing:
        pytest.skip(str(missing))
    assert server.process is not None
    pid = server.process.pid
    server.close()
    assert not server.folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_machine_without_the_programs_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bootstrap, "program", lambda *names: None if "redis-server" in names else names[0])
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    bootstrap.install_programs(bootstrap.SERVERS)
    assert "sudo apt-get install redis-server\n" in capsys.readouterr().out


def test_nothing_is_said_or_installed_when_nothing_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bootstrap, "program", lambda *names: names[0])
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda *_, **__: pytest.fail("something was installed"))
    bootstrap.install_programs(bootstrap.SERVERS)
    assert capsys.readouterr().out == ""


def test_the_package_manager_is_asked_for_exactly_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    class Done:
        returncode = 0

    def run(command: list[str], **_: object) -> Done:
        asked.append(command)
        return Done()

    monkeypatch.setattr(bootstrap, "POLICY", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(bootstrap, "program", lambda *names: None if "postgres" in names else names[0])
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    bootstrap.install_programs(bootstrap.SERVERS)
    assert asked[-1][-1] == "postgresql" and "chromium" not in asked[-1]
    assert list(tmp_path.iterdir()) == []
