"""Real PostgreSQL and Redis servers that tests and measurements start, stop, kill and freeze: a fault that is only imagined is not tested."""

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import List, Optional

from runtime.bootstrap import how_to_install, program

READY_WITHIN = 30  # seconds
UNPRIVILEGED = "postgres"  # PostgreSQL refuses to run as root


class Missing(Exception):
    """The machine lacks a server's program. The text says what to install."""


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children(pid: int) -> List[int]:
    """Process ids of the direct children of a process."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], stdout=subprocess.PIPE, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


class Server(ABC):
    """A server of its own in a temporary folder, on a loopback port that stays the same when it is stopped and started again."""

    name = ""

    def __init__(self, durable: bool = False) -> None:
        """`durable`: write to the disk as in production, for measurements; tests need only survive the death of processes."""
        self.durable = durable
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"stria-{self.name}-"))
        self.process: Optional[subprocess.Popen[bytes]] = None
        atexit.register(self.close)

    @abstractmethod
    def command(self) -> List[str]:
        """How the server is started in the foreground. Raises Missing."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves now."""

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start and wait until it serves; wake it if it is frozen; nothing if it runs. Raises RuntimeError with the end of its log."""
        if self.running:
            self.resume()
        else:
            with (self.folder / "log").open("ab") as log:
                # A session of its own: Ctrl-C ends the tests, and the tests end the server.
                self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        deadline = time.monotonic() + READY_WITHIN
        while not self.answers():
            if not self.running or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start. Its log ends:\n{(self.folder / 'log').read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """An orderly stop that does not wait for clients."""
        if self.process is not None:
            self.resume()
            self.process.send_signal(signal.SIGINT)
            self.process.wait(READY_WITHIN)
            self.process = None

    def kill(self) -> None:
        """kill -9 of the server and of every process it has."""
        if self.process is not None:
            workers = children(self.process.pid)
            self.process.kill()
            self.process.wait()
            for worker in workers:
                _signal(worker, signal.SIGKILL)
            self.process = None

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        if self.process is not None:
            for pid in (self.process.pid, *children(self.process.pid)):
                _signal(pid, signal.SIGSTOP)

    def resume(self) -> None:
        if self.process is not None:
            for pid in (*children(self.process.pid), self.process.pid):
                _signal(pid, signal.SIGCONT)

    def close(self) -> None:
        """Kill it and delete its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _found(name: str, package: str) -> str:
    path = program(name)
    if path is None:
        raise Missing(how_to_install([package]))
    return path


class Postgres(Server):
    """A PostgreSQL cluster. Every `database()` is a fresh, empty one, as the server's superuser `stria` without a password."""

    name = "postgres"

    def __init__(self, durable: bool = False) -> None:
        super().__init__(durable)
        self.databases = 0

    def _as_user(self, *command: str) -> List[str]:
        switch = ["setpriv", "--reuid", UNPRIVILEGED, "--regid", UNPRIVILEGED, "--init-groups"] if os.geteuid() == 0 else []
        return [*switch, *command]

    def command(self) -> List[str]:
        initdb, postgres = _found("initdb", "postgresql"), _found("postgres", "postgresql")
        data = self.folder / "data"
        if not data.exists():
            if os.geteuid() == 0:
                shutil.chown(self.folder, UNPRIVILEGED, UNPRIVILEGED)
            options = ["--username=stria", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"]
            made = subprocess.run(
                self._as_user(initdb, *options, str(data)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder, check=False
            )
            if made.returncode != 0:
                raise RuntimeError(f"initdb failed:\n{made.stdout[-2000:]}")
        settings = ["listen_addresses=127.0.0.1", f"port={self.port}", f"unix_socket_directories={self.folder}", "shared_buffers=64MB", "max_connections=100"]
        if not self.durable:
            settings += ["fsync=off", "full_page_writes=off"]
        return self._as_user(postgres, "-D", str(data), *(part for setting in settings for part in ("-c", setting)))

    def answers(self) -> bool:
        import psycopg2

        try:
            psycopg2.connect(self.url, connect_timeout=2).close()
            return True
        except psycopg2.OperationalError:
            return False

    @property
    def url(self) -> str:
        """Of the maintenance database; tests take `database()`."""
        return self.address("postgres")

    def address(self, database: str) -> str:
        return f"postgresql://stria@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The address of a new, empty database."""
        import psycopg2

        self.databases += 1
        name = f"test_{self.databases}"
        connection = psycopg2.connect(self.url)
        try:
            connection.autocommit = True
            connection.cursor().execute(f"CREATE DATABASE {name}")
        finally:
            connection.close()
        return self.address(name)


class Redis(Server):
    """A Redis server. Not durable, it comes back empty after a stop, which is the harder case for locks."""

    name = "redis"

    def command(self) -> List[str]:
        keep = ["--appendonly", "yes", "--appendfsync", "everysec"] if self.durable else ["--appendonly", "no"]
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--save", "", *keep]
        return [_found("redis-server", "redis-server"), *where]

    def answers(self) -> bool:
        import redis

        client = redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def empty(self) -> None:
        """Forget every key."""
        import redis

        client = redis.Redis.from_url(self.url)
        client.flushall()
        client.close()
