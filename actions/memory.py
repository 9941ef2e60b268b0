"""What a conversation has covered, kept in the one slot `consultation`: a plain dictionary that survives JSON."""

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Iterable, List, Mapping, Optional

from actions.answers import REMEMBERED, SAFETY, Known

SLOT = "consultation"

_HAD_IT = re.compile(
    r"\b(?:after|since|following|from) (?:my|the|our) (?:\w+ ){0,2}(?:session|treatment|appointment|needling|microneedling|visit)\b"
    r"|\b(?:had|done|did) (?:it|mine|my (?:first|second|third|last|\w+ )?(?:session|treatment|needling|microneedling)|microneedling|needling)\b"
    r"|\bday (?:\d+|one|two|three|four|five|six|seven)\b(?! plan)|\b\d+ days? (?:after|post|in)\b|\bpost[- ]treatment\b",
    re.I,
)
_NOT_YET = re.compile(
    r"\b(?:before i book|thinking (?:of|about)|considering|not had it|haven'?t had|never had (?:it|microneedling|needling)|if i (?:have|had|get|got) (?:it|this))\b",
    re.I,
)


@dataclass
class Memory:
    """`known`: canonical facts about the person; `shown`: intents answered so far; `answered`: those of the last turn;
    `last` and `cited`: the last questions answered and their sources, small talk left out."""

    known: Dict[str, List[str]] = field(default_factory=dict)
    shown: List[str] = field(default_factory=list)
    answered: List[str] = field(default_factory=list)
    last: List[str] = field(default_factory=list)
    offered: List[str] = field(default_factory=list)
    cited: List[str] = field(default_factory=list)
    failures: int = 0

    @classmethod
    def from_slot(cls, value: Any) -> "Memory":
        """Read the slot; anything unexpected counts as an empty memory."""
        if not isinstance(value, Mapping):
            return cls()
        fields = {key: value[key] for key in cls.__dataclass_fields__ if key in value}
        return cls(**fields)

    def to_slot(self) -> Dict[str, Any]:
        return asdict(self)


def treated(text: str, intents: Iterable[str]) -> Optional[str]:
    """ "yes" when the person speaks of a treatment they have had, "no" when they say it is still ahead, else None."""
    if any(i in SAFETY[:4] and i != "express_crisis" for i in intents):
        return "yes"
    if _NOT_YET.search(text):
        return "no"
    return "yes" if _HAD_IT.search(text) else None


def learn(memory: Memory, text: str, intents: Iterable[str], entities: Iterable[Mapping[str, Any]]) -> Known:
    """What is known for this message: everything remembered, plus every entity in it. Lasting facts go to `memory`."""
    now = Known({key: list(values) for key, values in memory.known.items()})
    had = treated(text, intents)
    mentions = [(str(e.get("entity")), str(e.get("value"))) for e in entities if e.get("value")]
    if had:
        mentions.append(("treated", had))
    for key, value in mentions:
        now.add(key, value)
    memory.known = {key: values for key, values in now.values.items() if key in REMEMBERED}
    return now
