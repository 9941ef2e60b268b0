"""An answer that a platform would not take becomes a task for staff. Called by the channels, not by a rule of the dialogue."""

from typing import Any, Dict, List, Mapping

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher

WHY = {
    "window": "the platform allows no message so long after the person's last one",
    "stopped": "the person asked for no more messages",
}


def summary(details: Mapping[str, Any]) -> str:
    """What staff read: how many messages, where, and why, without a word of them."""
    count, why = int(details.get("count") or 1), str(details.get("why") or "")
    what = "1 message" if count == 1 else f"{count} messages"
    where, because = details.get("channel") or "their channel", WHY.get(why, f"the platform answered {why}")
    return f"{what} to this person could not be delivered on {where}: {because}. Please reach them another way."


class ActionReportUndelivered(Action):
    def name(self) -> str:
        return "action_report_undelivered"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> List[EventType]:
        """Raises a hand-off once for a message id; an error is left to the caller, who tries again."""
        from actions import records  # only here: the records bring Django along

        details = (tracker.latest_message.get("metadata") or {}).get("undelivered") or {}
        key = f"undelivered {tracker.latest_message.get('message_id')}"
        await records.raise_handoff(tracker.sender_id, "undelivered", "normal", summary(details), None, key)
        return []
