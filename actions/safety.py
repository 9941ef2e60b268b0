"""What the dialogue does with the guard's verdict: danger is answered first, whatever else is going on, and staff are told."""

import logging
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Optional

from knowledge.facts import fill
from knowledge.parsed import ALARMING, INTENTS, level

EXCERPT = 300  # characters of the person's words that staff see in a summary

HandOff = Callable[..., Awaitable[str]]
logger = logging.getLogger(__name__)
_hand_off: List[HandOff] = []


def interrupts(parse: Mapping[str, Any]) -> bool:
    """Whether a form keeps its question for a later turn: after an alarm or despair nothing may be asked in the same breath."""
    return level(parse) in (*ALARMING, "distress")


def summary(parse: Mapping[str, Any]) -> str:
    """What staff read beside an urgent hand-off: the level, the person's own words, what fired and why."""
    safety = parse.get("safety") or {}
    lines = [f"Safety guard: {level(parse)}", f"Words: {str(parse.get('text') or '')[:EXCERPT]}"]
    lines += [f"{row['part']}: {row['why']} ({row['text_span'][:80]})" for row in safety.get("fired") or []]
    table = safety.get("table") or {}
    reviewed = f"reviewed by {table['reviewed_by']} on {table['reviewed_on']}" if table.get("reviewed_by") else "not yet reviewed by a clinician"
    lines.append(f"Table of signs, version {table.get('version', '?')}, {reviewed}")
    return "\n".join(lines)


def first_words(parse: Mapping[str, Any], facts: Mapping[str, str]) -> str:
    """What is said before an alarm's answer to somebody who wrote in another language, a line in that language; "" for everybody else."""
    first = str((parse.get("safety") or {}).get("first") or "")
    return f"{fill(first, facts)}\n" if first and level(parse) in ALARMING else ""


def stamp(parse: Mapping[str, Any]) -> Dict[str, Any]:
    """The level, and which reviewed table it rests on: travels with the answer."""
    return {"level": level(parse), **((parse.get("safety") or {}).get("table") or {})}


def connect(hand_off: HandOff) -> None:
    """Say who takes alarms: `actions.records.raise_handoff`, or a fake in tests. The latest one counts."""
    _hand_off[:] = [hand_off]


async def raise_alarm(parse: Mapping[str, Any], conversation: str, key: str, contact: Optional[Dict[str, Any]] = None) -> Optional[str]:
    """Raise a hand-off flagged urgent for an alarming message; its reference, or None when there is nothing to raise or nobody to take it.

    Never fails: the person must get the number to call even when the records are down. Safe to repeat with the same `key`.
    """
    found = level(parse)
    if found not in ALARMING or not _hand_off:
        return None
    try:
        return await _hand_off[0](
            conversation=conversation, reason=INTENTS[found], urgency="urgent", summary=summary(parse), contact=contact, key=f"{key}:safety_handoff"
        )
    except Exception as error:  # the type only: a message may quote the person
        logger.error("An urgent hand-off could not be stored: %s", type(error).__name__)
        return None
