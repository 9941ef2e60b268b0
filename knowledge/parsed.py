"""What a message that `nlu/` has read asks for: the one reading of Rasa's parse data that understanding, actions and figures share."""

import re
from typing import Any, Dict, List, Mapping

MOST_ANSWERS = 3  # to one message

_KIN = (
    r"(?:sister|brother|mum|mom|mam|mother|dad|father|friend|mate|husband|wife|partner|boyfriend|girlfriend|daughter|son|cousin|aunt|aunty|nan|gran|colleague|neighbour"
    r"|flatmate|roommate)"
)
_OTHERS = re.compile(rf"^\W*(?:and |but |also |plus )*(?:my|our) (?:\w+ )?{_KIN}(?:'?s| is| was| has| had| got| takes?| uses?)\b", re.I)
_ASKS = re.compile(r"\?|\b(?:can|could|should|would|will|may|what|how|when|why|is (?:it|that|she|he)|does|do)\b", re.I)

# The safety guard's levels, the weightiest first, and the intent that answers each.
INTENTS: Dict[str, str] = {
    "emergency": "report_emergency",
    "crisis": "express_crisis",
    "urgent": "report_urgent_symptom",
    "mild": "report_mild_symptom",
    "distress": "express_distress",
}
ALONE = ("emergency", "crisis")
ALARMING = ("emergency", "crisis", "urgent")


def level(parse: Mapping[str, Any]) -> str:
    """emergency, crisis, urgent, mild, distress or none: what the guard found, or the safety intent of a button."""
    found = (parse.get("safety") or {}).get("level")
    if found in INTENTS:
        return str(found)
    name = (parse.get("intent") or {}).get("name")
    return next((key for key, intent in INTENTS.items() if intent == name), "none")


def first(parse: Mapping[str, Any], several: List[str]) -> List[str]:
    """The intents to answer with danger first; a grave one stands alone. Sales never follow an emergency."""
    found = level(parse)
    if found == "none":
        return several
    intent = INTENTS[found]
    if found in ALONE:
        return [intent]
    return [intent, *(other for other in several if other != intent)]


def _of_others(text: str) -> bool:
    """Whether a piece only tells what somebody else is or has: "my sister is pregnant"."""
    return bool(_OTHERS.search(text)) and not _ASKS.search(text)


def asked(parse: Mapping[str, Any]) -> List[str]:
    """Intents of a parsed message in the order they were asked, danger first; a button press has only its own."""
    intent = (parse.get("intent") or {}).get("name")
    found = [q for q in parse.get("questions") or [] if q.get("intent")]
    if len(found) > MOST_ANSWERS:  # where not all can be answered, what is told of somebody else waits
        found = sorted(found, key=lambda q: _of_others(str(q.get("text") or "")))
    questions = [q["intent"] for q in found]
    several = list(dict.fromkeys(questions)) if len(questions) > 1 else [intent] if intent else questions
    return first(parse, several)
