"""What a conversation has covered, kept in the one slot `consultation`: a plain dictionary that survives JSON."""

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Iterable, List, Mapping, Optional

from actions.answers import REMEMBERED, Known

SLOT = "consultation"

_HAD_IT = re.compile(
    r"\b(?:after|following|from) (?:my|our) (?:\w+ ){0,2}(?:session|treatment|appointment|needling|microneedling|visit)\b"
    r"|\bsince (?:my|the|our) (?:\w+ ){0,2}(?:session|treatment|appointment|needling|microneedling|visit)\b"
    r"|\b(?:had|done|did) (?:it|mine|my (?:first|second|third|last|\w+ )?(?: ?session|treatment|needling|microneedling)|microneedling|needling)\b"
    r"|\bday (?:\d+|one|two|three|four|five|six|seven)\b(?=.*\b(?:still|now|and|since)\b)|\b\d+ days? (?:after|post|in) (?:and|my|still|now|its|it's)\b"
    r"|\bpost[- ]treatment\b",
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
    deepened: List[str] = field(default_factory=list)  # answers whose longer form was given
    recent: List[str] = field(default_factory=list)  # the answers of the last turns, one entry each time: how often something was said lately
    guesses: List[str] = field(default_factory=list)  # what else the last message may have meant
    facts: List[Dict[str, Any]] = field(default_factory=list)  # what was said about one's own health: see actions/mentions.py
    addressed: List[str] = field(default_factory=list)  # rows of the contraindication table that were spoken about
    failures: int = 0
    aside: str = ""  # which word about the talk itself was said last (actions/manners.py), until something is answered again
    alarmed: str = ""  # the message that was last answered as an alarm

    @classmethod
    def from_slot(cls, value: Any) -> "Memory":
        """Read the slot; anything unexpected in it counts as not remembered."""
        if not isinstance(value, Mapping):
            return cls()
        memory = cls()
        for name in ("shown", "answered", "last", "offered", "cited", "deepened", "addressed", "recent", "guesses"):
            setattr(memory, name, _texts(value.get(name)))
        if isinstance(value.get("known"), Mapping):
            memory.known = {str(key): _texts(values) for key, values in value["known"].items() if _texts(values)}
        facts = value.get("facts")
        memory.facts = [dict(fact) for fact in facts if isinstance(fact, Mapping)] if isinstance(facts, (list, tuple)) else []
        if isinstance(value.get("failures"), int):
            memory.failures = int(value["failures"])
        for name in ("aside", "alarmed"):
            if isinstance(value.get(name), str):
                setattr(memory, name, value[name])
        return memory

    def to_slot(self) -> Dict[str, Any]:
        return asdict(self)


def _texts(value: Any) -> List[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []


def treated(text: str, intents: Iterable[str]) -> Optional[str]:
    """ "yes" when the person speaks of a treatment they have had, "no" when they say it is still ahead, else None."""
    if _NOT_YET.search(text):
        return "no"
    if any(i.startswith("report_") for i in intents) or _HAD_IT.search(text):
        return "yes"
    return None


def learn(memory: Memory, text: str, intents: Iterable[str], entities: Iterable[Mapping[str, Any]]) -> Known:
    """What is known for this message: everything remembered, plus every entity in it. Lasting facts go to `memory`.

    What is denied counts for nothing; what is imagined or somebody else's adapts this answer and is not remembered.
    """
    now = Known({key: list(values) for key, values in memory.known.items()})
    lasting = Known({key: list(values) for key, values in memory.known.items()})
    had = treated(text, intents)
    for entity in entities:
        said = entity.get("said") or ()
        if not entity.get("value") or "negated" in said:
            continue
        key, value = str(entity.get("entity")), str(entity.get("value"))
        now.add(key, value)
        now.fresh.setdefault(key, []).append(value)
        if not {"hypothetical", "other"} & set(said):
            lasting.add(key, value)
    if had:
        now.add("treated", had)
        lasting.add("treated", had)
    memory.known = {key: values for key, values in lasting.values.items() if key in REMEMBERED}
    return now
