"""What staff read when somebody needs a person: why, what was talked about and where things stand, without the messages themselves. Pure."""

from typing import Any, Mapping, Optional

from actions.answers import SMALL_TALK
from actions.memory import Memory
from actions.screening import State as Check
from knowledge.library import Knowledge

REASONS = {
    "request_human": "Asked for a person.",
    "not_understood": "Was not understood several times in a row.",
}
MOST_TOPICS = 5
TASKS = {
    "book": "arranging a consultation, nothing booked yet",
    "move": "moving an appointment, not done yet",
    "cancel": "cancelling an appointment, not done yet",
    "check": "looking up an appointment",
    "callback": "asking for a call",
    "complaint": "making a complaint",
    "erasure": "asking for their data to be deleted",
}
_STAGES = {"asking": "begun, not finished", "paused": "begun, not finished", "done": "finished"}


def summary(reason: str, memory: Memory, desk: Optional[Mapping[str, Any]], check: Any, knowledge: Knowledge) -> str:
    """Three lines at most besides the reason: topics by their titles, the open task, whether a suitability check was done and its reference."""
    lines = [REASONS[reason]]
    topics = [knowledge.titles[i] for i in memory.shown if i in knowledge.titles and i not in (*SMALL_TALK, "request_human")][-MOST_TOPICS:]
    if topics:
        lines.append(f"Asked about: {'; '.join(topics)}")
    if desk and desk.get("task") in TASKS:
        lines.append(f"In the middle of: {TASKS[desk['task']]}")
    state = Check.from_slot(check)
    if state is not None and state.stage in _STAGES:
        reference = f", reference {state.reference}" if state.reference else ""
        lines.append(f"Suitability check: {_STAGES[state.stage]}{reference}")
    return "\n".join(lines)
