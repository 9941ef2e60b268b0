"""Keeps the processes of one machine running: starts them in order, restarts what ends or hangs, shows what they print, stops them so that turns finish.

honcho, which we tried first, ends everything as soon as one process ends; a clinic's assistant has to come back by itself.
"""

import asyncio
import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Callable, Dict, Mapping, Optional, Sequence, Tuple
from urllib.parse import urlsplit

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 15.0  # seconds before a restart; doubled each time a process ends before it was ready
TRIES = 5  # of a process that has never been ready
WATCH_EVERY, PROBE_WITHIN = 5.0, 5.0  # seconds
HUNG_AFTER = 60.0  # seconds without an answer, after which a process is killed and started anew
LONGEST_LINE = 1 << 16  # bytes of output
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Process:
    """One line of the table of processes.

    `after`: names of those that must be ready first. `ready`: an address that answers well once it serves; without one it is ready when it runs.
    `once`: a preparation, which is ready when it has ended well; it is tried until it does. `stop_within`: seconds it may take to finish its work.
    """

    name: str
    command: Tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    after: Tuple[str, ...] = ()
    ready: Optional[str] = None
    once: bool = False
    stop_within: float = 20.0


def ranks(processes: Sequence[Process]) -> Dict[str, int]:
    """How many steps after the first each process starts. Raises ValueError for a name nobody has before it, or one that is taken."""
    found: Dict[str, int] = {}
    for process in processes:
        unknown = [name for name in process.after if name not in found]
        if unknown or process.name in found:
            raise ValueError(f"{process.name} must have a name of its own and start after processes listed before it, not after {unknown}.")
        found[process.name] = 1 + max((found[name] for name in process.after), default=-1)
    return found


def pause(failures: int) -> float:
    """Seconds before the next start, after so many ends before it was ready."""
    return min(FIRST_PAUSE * 2.0**failures, LONGEST_PAUSE)


async def answers(url: str, within: float = PROBE_WITHIN) -> bool:
    """Whether an HTTP server answers there with success or a redirection."""
    parts = urlsplit(url)

    async def ask() -> bool:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.hostname}:{parts.port}\r\nConnection: close\r\n\r\n".encode())
            return (await reader.readline()).split(b" ")[1:2] in ([b"200"], [b"301"], [b"302"])
        finally:
            writer.close()

    try:
        return await asyncio.wait_for(ask(), within)
    except (OSError, asyncio.TimeoutError):
        return False


def _library() -> Optional[ctypes.CDLL]:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


_LIBC = _library()  # loaded before any fork


def _end_with_parent() -> None:
    """In the child: ask Linux for a SIGTERM when the supervisor dies, even by kill -9, so that nothing is left over."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Runs a table of processes until it is told to stop."""

    def __init__(self, processes: Sequence[Process], folder: str, announcement: str = "", write: Callable[[str], None] = lambda line: print(line, flush=True)):
        """`folder`: where they run. `announcement`: what is printed when all are ready."""
        self.processes, self.folder, self.announcement, self.write = list(processes), folder, announcement, write
        self.ranks = ranks(self.processes)
        self.children: Dict[str, asyncio.subprocess.Process] = {}
        self._width = max(map(len, self.ranks), default=0)

    def say(self, name: str, line: str) -> None:
        with suppress(OSError):  # the terminal may be gone
            self.write(f"{name:<{self._width}} | {line}" if name else line)

    async def run(self) -> int:
        """0 when it was told to stop, 1 when a process cannot be started."""
        self._ready = {process.name: asyncio.Event() for process in self.processes}
        self._end, self._gave_up, self._stopping = asyncio.Event(), False, False
        loop = asyncio.get_running_loop()
        for number in _STOPS:
            loop.add_signal_handler(number, self._told_to_stop)
        keeping = [asyncio.ensure_future(self._keep(process)) for process in self.processes]
        announcing = asyncio.ensure_future(self._announce())
        await self._end.wait()
        announcing.cancel()
        await self._stop()
        for task in keeping:
            task.cancel()
        await asyncio.gather(announcing, *keeping, return_exceptions=True)
        for number in _STOPS:
            loop.remove_signal_handler(number)
        return 1 if self._gave_up else 0

    def _told_to_stop(self) -> None:
        if self._stopping:  # the second time it is meant seriously
            for child in self.children.values():
                _kill(child)
        self._end.set()

    async def _announce(self) -> None:
        await asyncio.gather(*(event.wait() for event in self._ready.values()))
        self.say("", self.announcement)

    async def _keep(self, process: Process) -> None:
        """Start the process, and start it again when it ends."""
        await asyncio.gather(*(self._ready[name].wait() for name in process.after))
        failures = 0
        while not self._stopping:
            was_ready, code = await self._life(process)
            if self._stopping or (process.once and code == 0):
                return
            failures = 0 if was_ready else failures + 1
            if failures >= TRIES and not process.once and not self._ready[process.name].is_set():
                self.say(process.name, f"could not be started in {TRIES} tries; the lines above say why. Everything is stopped.")
                self._gave_up = True
                self._end.set()
                return
            wait = pause(failures)
            self.say(process.name, f"ended with {_meaning(code)}; it is started again in {wait:.1f} s.")
            await asyncio.sleep(wait)

    async def _life(self, process: Process) -> Tuple[bool, int]:
        """One run of the process: whether it was ready, and its exit code."""
        try:
            child = await asyncio.create_subprocess_exec(
                *process.command,
                cwd=self.folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **process.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=LONGEST_LINE,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the others in order
                preexec_fn=_end_with_parent,
            )
        except OSError as error:
            self.say(process.name, f"{process.command[0]}: {error.strerror}")
            return False, 127
        self.children[process.name] = child
        if self._stopping:  # told to stop while it was being started
            _kill(child)
        showing, ready = asyncio.ensure_future(self._show(process.name, child)), asyncio.Event()
        watching = asyncio.ensure_future(self._watch(process, child, ready))
        try:
            code = await child.wait()
            await asyncio.wait({showing}, timeout=1)  # a grandchild may keep the pipe open
            if process.once and code == 0:
                self._ready[process.name].set()
            return ready.is_set(), code
        finally:
            watching.cancel()
            showing.cancel()
            self.children.pop(process.name, None)

    async def _watch(self, process: Process, child: "asyncio.subprocess.Process", ready: asyncio.Event) -> None:
        """Notice when the process serves, and kill it when it has stopped serving for long."""
        if process.once:
            return
        if process.ready is not None:
            while not await answers(process.ready):
                await asyncio.sleep(0.1)
        ready.set()
        self._ready[process.name].set()
        answered = time.monotonic()
        while process.ready is not None:
            await asyncio.sleep(WATCH_EVERY)
            if await answers(process.ready):
                answered = time.monotonic()
            elif time.monotonic() - answered > HUNG_AFTER and not self._stopping:
                self.say(process.name, f"has not answered for {HUNG_AFTER:.0f} s and is killed.")
                _kill(child)
                return

    async def _show(self, name: str, child: "asyncio.subprocess.Process") -> None:
        assert child.stdout is not None
        while True:
            try:
                line = await child.stdout.readline()
            except ValueError:  # longer than LONGEST_LINE
                continue
            if not line:
                return
            self.say(name, line.decode("utf-8", "replace").rstrip("\r\n"))

    async def _stop(self) -> None:
        """Ask the processes to end, those that started last first; kill who does not end in its time."""
        self._stopping = True
        for rank in sorted(set(self.ranks.values()), reverse=True):
            now = [process for process in self.processes if self.ranks[process.name] == rank]
            await asyncio.gather(*(self._finish(process) for process in now))

    async def _finish(self, process: Process) -> None:
        child = self.children.get(process.name)
        if child is None or child.returncode is not None:
            return
        with suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(child.wait()), process.stop_within)
        except asyncio.TimeoutError:
            self.say(process.name, f"did not stop within {process.stop_within:.0f} s and is killed.")
            _kill(child)
            await child.wait()


def _kill(child: "asyncio.subprocess.Process") -> None:
    """The child and all it has started."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def _meaning(code: int) -> str:
    if code >= 0:
        return f"code {code}"
    return f"signal {signal.Signals(-code).name}" if -code in {s.value for s in signal.Signals} else f"signal {-code}"


def run(processes: Sequence[Process], folder: str, announcement: str = "") -> int:
    """Run the table until SIGTERM, SIGINT or SIGHUP; a second signal kills. Returns the exit code."""
    return asyncio.run(Supervisor(processes, folder, announcement).run())
