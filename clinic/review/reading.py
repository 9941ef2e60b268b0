"""What a row of the bot's events means to the desk. Pure: events in, what was said and what it changed about the session out."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from clinic.review.masking import Known, mask, mask_answer
from clinic.review.models import Talk
from clinic.review.source import Event

UTC = dt.timezone.utc
ALARMS = {"mild": 1, "urgent": 2, "crisis": 3, "emergency": 4}
# Understood as nothing that has an answer.
FALLBACK = ("nlu_fallback", "out_of_scope")
FALLBACK_ACTIONS = ("action_clarify", "action_default_fallback")
MOST_LEAD = 140
LONGEST = 8000  # characters of a message that are kept


@dataclass
class Said:
    """One thing that was said, as it will be kept. `original` is for masking it again when more is known; it is not stored."""

    event: int
    at: float
    who: str
    text: str
    original: str
    intent: str = ""
    confidence: Optional[float] = None
    alarm: int = 0
    detail: Dict[str, Any] = field(default_factory=dict)


@dataclass
class Session:
    """A session while its events are read. `row` is its row in the database, None for a new one."""

    first_event: int
    started: float
    ended: float
    row: Any = None
    channel: str = ""
    turns: int = 0
    lead: str = ""
    lowest: Optional[float] = None
    fallbacks: int = 0
    alarm: int = 0
    alarm_at: Optional[float] = None
    screening: str = ""
    step: str = ""
    model: str = ""
    unclear: bool = False
    known: Known = field(default_factory=Known)
    learned: bool = False
    said: List[Said] = field(default_factory=list)


def begins(session: Optional[Session], event: Event) -> bool:
    """Whether a new session begins with this event. An empty one goes on: sessions also start when nobody has said anything."""
    return session is None or (event.kind == "session_started" and session.turns > 0)


def read(session: Session, event: Event, places: frozenset[str]) -> None:
    """Take one event into the session."""
    data = event.data
    if event.kind in ("user", "bot"):  # what opens the next session is stored before it is declared, and is no part of this one
        session.ended = max(session.ended, event.at)
    session.model = str(_mapping(data.get("metadata")).get("model_id") or session.model)[:40]
    if event.kind == "user":
        _person(session, event, places)
    elif event.kind == "bot":
        _answer(session, event, places)
    elif event.kind == "action":
        _action(session, data)
    elif event.kind == "slot":
        _slot(session, data)


def _person(session: Session, event: Event, places: frozenset[str]) -> None:
    data = event.data
    parse = _mapping(data.get("parse_data"))
    original = str(data.get("text") or "")[:LONGEST]
    intent, confidence = _intent(parse.get("intent"))
    button = original.startswith("/")
    safety = _mapping(parse.get("safety"))
    alarm = ALARMS.get(str(safety.get("level") or ""), 0)
    text = original if button else mask(original, session.known, places)
    said = Said(event.id, event.at, "person", text, original, intent, confidence, alarm)
    said.detail = {
        "ranking": [[str(r.get("name")), round(float(r.get("confidence") or 0), 4)] for r in (parse.get("intent_ranking") or [])[:4] if isinstance(r, dict)],
        "entities": [_entity(e, session.known, places) for e in parse.get("entities") or [] if isinstance(e, dict)][:20],
        "questions": [
            {"text": mask(str(q.get("text") or ""), session.known, places), "intent": str(q.get("intent") or ""), "confidence": q.get("confidence")}
            for q in (parse.get("questions") or [])[:8]
            if isinstance(q, dict) and len(parse["questions"]) > 1  # of one alone everything is said already
        ],
        "safety": [
            {"level": str(f.get("level") or ""), "part": str(f.get("part") or ""), "why": mask(str(f.get("why") or ""), session.known, places)}
            for f in (safety.get("fired") or [])[:6]
            if isinstance(f, dict)
        ],
        "model": session.model,
        "button": button,
    }
    session.said.append(said)
    session.turns += 1
    session.channel = str(data.get("input_channel") or session.channel)[:20]
    session.unclear = intent in FALLBACK
    if not session.lead and not button:
        session.lead = text[:MOST_LEAD]
    if confidence is not None and not button:
        session.lowest = confidence if session.lowest is None else min(session.lowest, confidence)
    if intent == "nlu_fallback":
        session.fallbacks += 1
    if alarm > session.alarm:
        session.alarm, session.alarm_at = alarm, event.at


def _mapping(value: Any) -> Dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _intent(found: Any) -> Tuple[str, Optional[float]]:
    found = _mapping(found)
    confidence = found.get("confidence")
    return str(found.get("name") or "")[:60], float(confidence) if isinstance(confidence, (int, float)) else None


# Entities that are the person's own data: their kind is worth seeing, their value is not.
_PERSONAL = ("phone", "email", "name", "booking_reference", "person")


def _entity(found: Dict[str, Any], known: Known, places: frozenset[str]) -> Dict[str, Any]:
    kind = str(found.get("entity") or "")
    value = f"[{kind}]" if kind in _PERSONAL else mask(str(found.get("value") or ""), known, places)
    words = f"[{kind}]" if kind in _PERSONAL else mask(str(found.get("text") or ""), known, places)
    return {"entity": kind[:40], "value": value[:120], "text": words[:120], "start": found.get("start"), "end": found.get("end")}


def _answer(session: Session, event: Event, places: frozenset[str]) -> None:
    data = event.data
    extra = _mapping(data.get("data"))
    original = str(data.get("text") or "")[:LONGEST]
    custom, metadata = _mapping(extra.get("custom")), _mapping(data.get("metadata"))
    if not original:
        if session.said and session.said[-1].who == "bot" and custom.get("sources"):
            session.said[-1].detail["sources"] = [str(s.get("key") or "") for s in custom["sources"] if isinstance(s, dict)][:12]
        return
    by = str(metadata.get("staff") or "")[:150]  # empty for what the house says around it
    # Staff repeat names and numbers in words of their own.
    said = (
        Said(event.id, event.at, "staff", mask(original, session.known, places), original)
        if by
        else Said(event.id, event.at, "bot", mask_answer(original, session.known), original)
    )
    buttons = extra.get("buttons") or []
    if buttons:
        said.detail["buttons"] = [mask_answer(str(b.get("title") or ""), session.known)[:80] for b in buttons if isinstance(b, dict)][:12]
    if metadata.get("apology"):
        said.detail["apology"] = True
    if by:
        said.detail["by"] = by
    session.said.append(said)


def _action(session: Session, data: Dict[str, Any]) -> None:
    name = str(data.get("name") or "")
    if name in FALLBACK_ACTIONS:
        session.fallbacks += int(not session.said or session.said[-1].intent != "nlu_fallback")
    if name == "action_listen" or not name:
        return
    for said in reversed(session.said):
        if said.who == "person":
            done = said.detail.setdefault("actions", [])
            if len(done) < 8:
                done.append([name[:60], str(data.get("policy") or "")[:40], data.get("confidence")])
            return


def _slot(session: Session, data: Dict[str, Any]) -> None:
    value = data.get("value")
    if not isinstance(value, dict):
        return
    if data.get("name") == "booking":
        person = _mapping(value.get("person"))
        heard = session.known.heard(str(person.get("name") or ""), [str(person.get(k) or "") for k in ("phone", "email")])
        if heard != session.known:
            session.known, session.learned = heard, True
        if value.get("task"):
            session.step = f"{value['task']}: {value.get('asked') or 'done'}"[:30]
    elif data.get("name") == "screening":
        session.screening = str(value.get("outcome") or value.get("stage") or session.screening)[:40]


def mask_again(session: Session, places: frozenset[str]) -> None:
    """What was read before a name was known is masked with it."""
    for said in session.said:
        if not said.detail.get("button"):
            said.text = mask_answer(said.original, session.known) if said.who == "bot" else mask(said.original, session.known, places)
        for part in ("entities", "questions"):
            for row in said.detail.get(part, []):
                row["text"] = mask(row["text"], session.known, places)
    first = next((s for s in session.said if s.who == "person" and not s.detail.get("button")), None)
    if first is not None and session.row is None:
        session.lead = first.text[:MOST_LEAD]


def outcome(session: Session, handed: bool, booked: bool, requested: bool) -> str:
    """What came of it, the furthest of all."""
    if not session.turns:
        return Talk.Outcome.OPENED
    if handed:
        return Talk.Outcome.HANDED
    if booked:
        return Talk.Outcome.BOOKED
    if requested:
        return Talk.Outcome.REQUESTED
    if session.unclear:
        return Talk.Outcome.UNCLEAR
    if session.screening and session.screening not in ("asking", "paused", "offered"):
        return Talk.Outcome.SCREENED
    return Talk.Outcome.ANSWERED


def moment(stamp: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(stamp, UTC)
