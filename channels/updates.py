"""What a platform told us, in words that all platforms share, and what may come of sending."""

import json
from dataclasses import asdict, dataclass
from typing import Optional

LONGEST_TEXT = 20_000  # characters that are kept for the gate to judge

KINDS = (
    "text",  # typed words
    "press",  # a button: `key`, and `text`, its title, if the platform says it
    "begin",  # "Start" in Telegram, "Get started" in Messenger
    "media",  # photo, voice, video, file, sticker, place, contact: never opened; `text` is its caption
    "edit",  # an earlier message was changed; `text` is what it says now
    "group",  # from a group, where nobody's health is private
    "blocked",  # the person blocked us, or the platform says they want no messages
    "unblocked",
)


@dataclass(frozen=True)
class Update:
    """`conversation`: `<channel>:<id>`. `event`: the platform's id of it. `at`: its own Unix time, 0 when it has none. `place`: its order there.

    `callback`: what Telegram wants to hear of again.
    """

    kind: str
    conversation: str
    event: str
    text: str = ""
    key: str = ""
    at: float = 0.0
    place: int = 0
    callback: str = ""
    stop: str = ""  # "stop", "start" or "help" when the platform itself has acted on such a word

    def to_json(self) -> str:
        """ASCII, so that nothing a person writes can keep it from being stored."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Update":
        return Update(**json.loads(text))


@dataclass(frozen=True)
class Delivery:
    """The platform says what became of a message of ours: `failed` is its code, None for good news. `key`: our own mark, when the platform gives it back."""

    platform_id: str
    failed: Optional[str] = None
    key: str = ""


class Later(Exception):
    """Not now. `seconds`: what the platform asks to wait, if it does. `everyone`: the platform itself is the trouble, not this person's chat.

    `unsure`: it never answered, so it may have taken what we sent.
    """

    def __init__(self, why: str, seconds: Optional[float] = None, everyone: bool = True, unsure: bool = False):
        super().__init__(why)
        self.why, self.seconds, self.everyone, self.unsure = why, seconds, everyone, unsure


class Never(Exception):
    """Trying again cannot help. `why`: a fixed word or the platform's code."""

    def __init__(self, why: str):
        super().__init__(why)
        self.why = why


class Gone(Never):
    """The person blocked us or asked the platform for no more messages."""


class WindowClosed(Never):
    """The platform allows an answer only within hours of the person's last message."""
