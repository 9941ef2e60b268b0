"""Every environment variable that Stria reads, in one place; `.env.example` lists the same names and a test compares them."""

import os
import secrets
from pathlib import Path
from typing import Dict, List, Tuple

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"

# What credentials.yml asks for; a platform whose variables are empty is off.
PLATFORMS = (
    *("STRIA_WHATSAPP_NUMBER_ID", "STRIA_WHATSAPP_TOKEN", "STRIA_WHATSAPP_APP_SECRET", "STRIA_WHATSAPP_VERIFY"),
    *("STRIA_WHATSAPP_TEMPLATE", "STRIA_WHATSAPP_API"),
    *("STRIA_TWILIO_ACCOUNT", "STRIA_TWILIO_TOKEN", "STRIA_TWILIO_SMS_FROM", "STRIA_TWILIO_WHATSAPP_FROM", "STRIA_TWILIO_API"),
    *("STRIA_TELEGRAM_TOKEN", "STRIA_TELEGRAM_SECRET", "STRIA_TELEGRAM_API"),
    *("STRIA_MESSENGER_TOKEN", "STRIA_MESSENGER_APP_SECRET", "STRIA_MESSENGER_VERIFY", "STRIA_MESSENGER_API", "STRIA_CHANNELS_URL"),
)

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
    "STRIA_REDIS_URL": "",
    # Of the messaging platforms: credentials.yml names them, and Rasa refuses a name that is not set.
    **dict.fromkeys(PLATFORMS, ""),
}


def cores() -> int:
    """Processor cores that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2


def prepare_environment() -> None:
    """Apply the defaults and read `.env` (lines `NAME=value`) if there is one; the real environment always wins."""
    file = ROOT / ".env"
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            name, mark, value = line.partition("=")
            if mark and value.strip() and not name.lstrip().startswith("#"):
                os.environ.setdefault(name.strip(), value.strip())
    for name, value in {**_DEFAULTS, "OMP_NUM_THREADS": str(cores())}.items():
        os.environ.setdefault(name, value)


def port(name: str, default: int) -> int:
    """A port number from the environment. Raises ValueError with the variable's name if it is no number."""
    value = os.environ.get(name, str(default))
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise ValueError(f"{name}={value!r} is not a port number between 1 and 65535.")
    return int(value)


def rasa_port() -> int:
    return port("STRIA_RASA_PORT", 5005)


def rasa_processes() -> int:
    """Rasa processes on this machine; they listen on ports that follow each other. Raises ValueError for more than 64."""
    value = number("STRIA_RASA_PROCESSES", 1)
    if value != int(value) or value > 64:
        raise ValueError(f"STRIA_RASA_PROCESSES={value:g} is not a whole number between 1 and 64.")
    return int(value)


def clinic_port() -> int:
    """Port of the clinic's site: the page with the chat and the staff's pages."""
    return port("STRIA_CLINIC_PORT", 8000)


def private_host() -> str:
    """Address on which the processes listen. Another than loopback is for containers, whose network is private."""
    return os.environ.get("STRIA_PRIVATE_HOST") or "127.0.0.1"


def actions_port() -> int:
    """Port of the separate action server."""
    return port("STRIA_ACTIONS_PORT", 5055)


def actions_url() -> str:
    """Address of a separate action server; empty means the actions run inside the Rasa process."""
    return os.environ.get("STRIA_ACTIONS_URL", "")


def actions_secret() -> str:
    """What Rasa and a separate action server share. Raises ValueError when there is such a server and no secret of 16 characters."""
    secret = os.environ.get("STRIA_ACTIONS_SECRET", "")
    if actions_url() and len(secret) < 16:
        raise ValueError("STRIA_ACTIONS_SECRET must be set to at least 16 characters when STRIA_ACTIONS_URL names an action server.")
    return secret


def number(name: str, default: float) -> float:
    """A positive number from the environment. Raises ValueError with the variable's name if it is none."""
    value = os.environ.get(name) or str(default)
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e9:
        raise ValueError(f"{name}={value!r} is not a positive number.")
    return found


def keep_conversations_days() -> float:
    """Days after its last message until a conversation is deleted."""
    return number("STRIA_KEEP_CONVERSATIONS_DAYS", 30)


def rate_limits() -> Dict[str, Tuple[float, int]]:
    """Messages a minute, and at once, of one conversation and of one network address."""
    talk, address = number("STRIA_MESSAGES_PER_MINUTE", 40), number("STRIA_ADDRESS_MESSAGES_PER_MINUTE", 240)
    return {"conversation": (talk, max(1, int(talk / 2))), "address": (address, max(1, int(address / 2)))}


def conversations_db() -> str:
    """SQLite file or postgresql:// address of the conversations."""
    return os.environ.get("STRIA_CONVERSATIONS_DB") or str(VAR / "conversations.sqlite3")


def log_level() -> str:
    """Never below INFO: at DEBUG Rasa writes what people say into its log."""
    level = os.environ.get("STRIA_LOG_LEVEL", "WARNING").upper()
    return level if level in ("INFO", "WARNING", "ERROR", "CRITICAL") else "WARNING"


def public_url() -> str:
    """Where people reach the clinic's site, without a slash at its end; empty: only this machine does, on loopback."""
    return os.environ.get("STRIA_PUBLIC_URL", "").rstrip("/")


def chat_url() -> str:
    """Where the page's chat finds its server; empty: at the page's own address, which a reverse proxy shares out."""
    given = os.environ.get("STRIA_CHAT_URL", "").rstrip("/")
    return given or ("" if public_url() else f"http://127.0.0.1:{rasa_port()}")


def web_origins() -> List[str]:
    """Addresses of the pages that may hold the chat, such as https://clinic.example; no page elsewhere can open it."""
    own = [public_url()] if public_url() else [f"http://{host}:{clinic_port()}" for host in ("127.0.0.1", "localhost")]
    given = [origin.strip().rstrip("/") for origin in os.environ.get("STRIA_WEB_ORIGINS", "").split(",")]
    return list(filter(None, given)) or own


def web_session_hours() -> float:
    """Hours after the last visit in which the same browser finds its chat again."""
    return number("STRIA_WEB_SESSION_HOURS", 24)


def web_connections() -> Tuple[float, int]:
    """New chat connections a minute, and at once, from one network address."""
    rate = number("STRIA_WEB_CONNECTIONS_PER_MINUTE", 120)
    return rate, max(1, int(rate))


def web_secret(path: Path = VAR / "website-secret") -> bytes:
    """What signs the website's session ids: of the environment, else made once and kept in a file that only its owner reads."""
    given = os.environ.get("STRIA_WEB_SECRET", "")
    if given:
        if len(given) < 32:
            raise ValueError("STRIA_WEB_SECRET must have at least 32 characters.")
        return given.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(fresh, path)  # whole or not at all, and the first of several processes wins
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text(encoding="utf-8").strip().encode()


def channels_url() -> str:
    """Public https address of the Rasa server, where the messaging platforms send to; empty when none is set."""
    return os.environ.get("STRIA_CHANNELS_URL", "").strip()


def template(channel: str) -> str:
    """The approved message that asks a person to write again, of a messaging platform that has one; empty when there is none."""
    return os.environ.get("STRIA_WHATSAPP_TEMPLATE", "").strip() if channel == "whatsapp" else ""


def proxies() -> int:
    """Reverse proxies in front of this server whose X-Forwarded-For is believed; 0: none is."""
    value = os.environ.get("STRIA_PROXIES") or "0"
    if not value.isdigit() or int(value) > 9:
        raise ValueError(f"STRIA_PROXIES={value!r} is not a number of reverse proxies from 0 to 9.")
    return int(value)
