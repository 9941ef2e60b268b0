"""The seam to the bot's conversations, which are not ours: staff pause and resume the bot there, and a person's words are erased there."""

from typing import Any, Mapping, Optional, Protocol, Sequence

from django.conf import settings
from django.utils.module_loading import import_string

from runtime.conversations import spoken

__all__ = ["Conversations", "reach", "spoken"]


class Conversations(Protocol):
    """What `settings.CONVERSATIONS` must name. Any call may raise anything; every call is safe to repeat."""

    def add(self, conversation: str, new: Sequence[Mapping[str, Any]], key: str) -> bool:
        """Add Rasa events to a conversation, once for each key: False when it was done before."""

    def open_form(self, conversation: str) -> str:
        """The form that waits for an answer there, or an empty text."""

    def erase(self, conversation: str) -> int:
        """Delete everything that was said, wherever it is kept. Returns how many events."""


def reach() -> Optional[Conversations]:
    """None when nothing is connected."""
    if not settings.CONVERSATIONS:
        return None
    connected: Conversations = import_string(settings.CONVERSATIONS)
    return connected
