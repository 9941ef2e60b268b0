"""What the records hold of a chat goes when its person deletes it. Called by the channels, not by a rule of the dialogue."""

from typing import Any, Dict, List

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher


class ActionForgetRecords(Action):
    def name(self) -> str:
        return "action_forget_records"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> List[EventType]:
        """Tracked, with a receipt, once for a message id; an error is left to the caller, who says that nothing was deleted."""
        from actions import records  # only here: the records bring Django along

        await records.erase_chat(tracker.sender_id, f"deleted {tracker.latest_message.get('message_id')}")
        return []
