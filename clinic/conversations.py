"""The seam to the bot's conversations, which are not ours: staff pause and resume the bot there, and a person's words are erased there."""

from typing import Any, Dict, List, Optional, Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class Conversations(Protocol):
    """What `settings.CONVERSATIONS` must name. Both may raise anything; both must be safe to repeat."""

    def append(self, conversation: str, events: List[Dict[str, Any]]) -> None:
        """Add Rasa events to a conversation."""

    def erase(self, conversation: str) -> int:
        """Delete everything that was said, wherever it is kept. Returns how many events."""


def reach() -> Optional[Conversations]:
    """None when nothing is connected."""
    if not settings.CONVERSATIONS:
        return None
    connected: Conversations = import_string(settings.CONVERSATIONS)
    return connected
