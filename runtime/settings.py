"""Every environment variable that Stria reads, in one place; `.env.example` lists the same names and a test compares them."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"

# Set before TensorFlow, SQLAlchemy, transformers or Rasa are imported; a value the operator has set wins.
_DEFAULTS = {
    "RASA_TELEMETRY_ENABLED": "false",
    "RASA_CACHE_DIRECTORY": str(VAR / "rasa-cache"),
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TICKET_LOCK_LIFETIME": "180",
    "SANIC_REQUEST_MAX_SIZE": "20000",
    "STRIA_REDIS_URL": "",
    "OMP_NUM_THREADS": str(os.cpu_count() or 2),
}


def prepare_environment() -> None:
    """Apply the defaults and read `.env` (lines `NAME=value`) if there is one; the real environment always wins."""
    file = ROOT / ".env"
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            name, mark, value = line.partition("=")
            if mark and value.strip() and not name.lstrip().startswith("#"):
                os.environ.setdefault(name.strip(), value.strip())
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def port(name: str, default: int) -> int:
    """A port number from the environment. Raises ValueError with the variable's name if it is no number."""
    value = os.environ.get(name, str(default))
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise ValueError(f"{name}={value!r} is not a port number between 1 and 65535.")
    return int(value)


def rasa_port() -> int:
    return port("STRIA_RASA_PORT", 5005)


def actions_url() -> str:
    """Address of a separate action server; empty means the actions run inside the Rasa process."""
    return os.environ.get("STRIA_ACTIONS_URL", "")


def conversations_db() -> str:
    """SQLite file that holds the conversations."""
    return os.environ.get("STRIA_CONVERSATIONS_DB") or str(VAR / "conversations.sqlite3")


def log_level() -> str:
    """Never below INFO: at DEBUG Rasa writes what people say into its log."""
    level = os.environ.get("STRIA_LOG_LEVEL", "WARNING").upper()
    return level if level in ("INFO", "WARNING", "ERROR", "CRITICAL") else "WARNING"
