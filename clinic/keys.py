"""Secret keys of the records: from the environment, or made on the first run and kept under `var/keys/`, readable by the owner alone."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Callable, List

from cryptography.fernet import Fernet

from runtime.settings import VAR

KEYS = VAR / "keys"


class KeyTrouble(Exception):
    """A key cannot be used; the message says what to do."""


def kept(path: Path, make: Callable[[], str]) -> str:
    """The content of a key file; made if there is none. Two processes that start at once end up with the same key."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # A hard link is made or not made, never half: whoever comes second reads what the first wrote.
    written = _write_beside(path, make())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(written, path)
    finally:
        written.unlink()
    return path.read_text(encoding="ascii").strip()


def replace(path: Path, text: str) -> None:
    """Write a key file anew, whole or not at all."""
    _write_beside(path, text).replace(path)


def _write_beside(path: Path, text: str) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mkstemp makes it 0600
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def signing_key() -> str:
    """What Django signs sessions and links with: `STRIA_SIGNING_KEY`, or a file."""
    return os.environ.get("STRIA_SIGNING_KEY") or kept(KEYS / "signing", lambda: secrets.token_urlsafe(64))


def given_keys() -> str:
    """`STRIA_RECORD_KEYS`: Fernet keys, newest first, a comma between; empty when they are kept in a file."""
    return os.environ.get("STRIA_RECORD_KEYS", "")


def record_keys() -> List[bytes]:
    """Keys of everything that is encrypted, newest first. Raises KeyTrouble."""
    text = given_keys() or kept(KEYS / "records", lambda: Fernet.generate_key().decode())
    keys = [key.encode() for key in text.replace(",", " ").split()]
    try:
        for key in keys:
            Fernet(key)
    except ValueError as error:
        raise KeyTrouble("STRIA_RECORD_KEYS, or var/keys/records, holds something that is no key. `python -m clinic new_key` prints a good one.") from error
    if not keys:
        raise KeyTrouble("var/keys/records is empty. Put the key back from your copy: without it nothing that is encrypted can be read.")
    return keys


def record_keys_state() -> str:
    """Something that changes whenever the keys do."""
    given = given_keys()
    if given:
        return given
    file = KEYS / "records"
    if not file.exists():
        record_keys()
    return f"{file} {file.stat().st_mtime_ns}"


def write_record_keys(keys: List[bytes]) -> None:
    """Keep these keys in the file, newest first."""
    replace(KEYS / "records", "\n".join(key.decode() for key in keys))
