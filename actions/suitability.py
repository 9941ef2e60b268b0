"""What follows from what a person told: the pure engine over the contraindication table.

It never says that somebody is suitable. The mildest outcome is that a clinician may see them. In doubt it takes the careful side: a thing whose
details are not known falls under its row's own category, a wait whose start is not known under "our clinician decides first".
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple
from zoneinfo import ZoneInfo

from actions.ago import Ago, add_months
from knowledge.contraindications import Row, Rule, Table, Wait

CAN_COME, WAIT, CLINICIAN_FIRST, NOT_TREATED = "can_come", "wait_until", "clinician_first", "not_treated_here"
OUTCOMES = (CAN_COME, WAIT, CLINICIAN_FIRST, NOT_TREATED)  # mildest first
_OF_CATEGORY = {"none": CAN_COME, "wait": WAIT, "clinician_first": CLINICIAN_FIRST, "do_not_treat": NOT_TREATED}

# What no row names: whoever tells it sees our clinician first. Words for the person; no source, because no source speaks of it.
UNLISTED = Rule("clinician_first", "Our list does not name this, so our clinician decides first.")
UNSURE = Rule("clinician_first", "You were not sure about this, so our clinician goes through it with you first.")
SKIPPED = Rule("clinician_first", "You left this out, so our clinician asks you first.")
HEALTH = ("condition", "medicine", "allergen")  # of these, what no row names is a reason to ask first
_ANSWERS = {"unlisted": UNLISTED, "unsure": UNSURE, "skipped": SKIPPED}


@dataclass(frozen=True)
class Fact:
    """One thing a person told. `label`/`value`: the entity, or ("answer", "unlisted" | "unsure" | "skipped") with the question in `said`.

    `details`: now, here, controlled, own, depth (see the table). `since`: when the thing was last so, as far as it is known.
    """

    label: str
    value: str
    said: str = ""
    details: Tuple[Tuple[str, str], ...] = ()
    since: Optional[Ago] = None

    def to_json(self) -> Dict[str, Any]:
        return {
            "label": self.label,
            "value": self.value,
            "said": self.said,
            "details": dict(self.details),
            "since": [self.since.earliest.isoformat(), self.since.latest.isoformat()] if self.since else None,
        }

    @classmethod
    def from_json(cls, data: Any) -> Optional["Fact"]:
        """Read back; anything that is not a fact is None."""
        try:
            span = data.get("since")
            since = Ago(dt.date.fromisoformat(span[0]), dt.date.fromisoformat(span[1])) if span else None
            details = tuple(sorted((str(k), str(v)) for k, v in (data.get("details") or {}).items()))
            return cls(str(data["label"]), str(data["value"]), str(data.get("said") or ""), details, since)
        except (AttributeError, KeyError, TypeError, ValueError, IndexError):
            return None


@dataclass(frozen=True)
class Reason:
    """Why the outcome is not milder: the row, its words for the person, when it ends (`earliest` a date, `until` words), what to bring."""

    row: str
    condition: str
    said: str
    outcome: str
    advice: str
    earliest: Optional[dt.date] = None
    until: str = ""
    bring: Tuple[str, ...] = ()
    sources: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """The result. `earliest`: no treatment before this day (None: no date is known); `until`: what else has to be over first."""

    outcome: str
    reasons: Tuple[Reason, ...]
    earliest: Optional[dt.date]
    until: Tuple[str, ...]
    bring: Tuple[str, ...]
    sources: Tuple[str, ...]
    table_version: str
    reviewed_by: Optional[str]
    selling: bool = True
    noted: Tuple[str, ...] = field(default=())

    def to_json(self) -> Dict[str, Any]:
        return {
            "outcome": self.outcome,
            "earliest": self.earliest.isoformat() if self.earliest else None,
            "until": list(self.until),
            "reasons": [
                {
                    "row": r.row,
                    "condition": r.condition,
                    "said": r.said,
                    "outcome": r.outcome,
                    "advice": r.advice,
                    "earliest": r.earliest.isoformat() if r.earliest else None,
                    "until": r.until,
                    "sources": list(r.sources),
                }
                for r in self.reasons
            ],
            "bring": list(self.bring),
            "noted": list(self.noted),
            "sources": list(self.sources),
            "table_version": self.table_version,
            "reviewed_by": self.reviewed_by,
        }


def today(clinic: Mapping[str, Any], now: Optional[dt.datetime] = None) -> dt.date:
    """The date at the clinic at `now` (an aware time; default: this moment)."""
    zone = ZoneInfo(clinic["clinic"]["time_zone"])
    return (now or dt.datetime.now(tz=zone)).astimezone(zone).date()


def spoken_date(day: dt.date) -> str:
    """ "31 August 2027"."""
    return f"{day.day} {day:%B %Y}"


def ends(wait: Wait, since: dt.date) -> dt.date:
    """The first day after a wait that counts from `since`: whole days, weeks, or calendar months."""
    if wait.unit == "months":
        return add_months(since, wait.amount)
    return since + dt.timedelta(days=wait.amount * (7 if wait.unit == "weeks" else 1))


def _judge(fact: Fact, row: Row, on: dt.date) -> Optional[Reason]:
    """What one fact means on the day `on`; None when it means nothing (any more)."""
    details = dict(fact.details)
    rule = row.rule_for(fact.value, details)
    if rule.category == "none":
        return None
    outcome, earliest, until = _OF_CATEGORY[rule.category], None, rule.until
    if rule.wait is not None:
        since = on if details.get("now") == "yes" else fact.since.latest if fact.since else None
        until = until or rule.wait.until
        if not rule.wait.until:
            if since is not None:
                earliest = ends(rule.wait, since)
                if earliest <= on:
                    earliest = None
                    if rule.category == "wait":
                        return None
            elif rule.category == "wait":
                outcome = CLINICIAN_FIRST
    return Reason(row.key, row.condition, fact.said, outcome, rule.advice, earliest, until, rule.bring, rule.sources)


def assess(facts: Iterable[Fact], table: Table, on: dt.date) -> Outcome:
    """Judge all facts by `table` on the day `on` (the clinic's date): the gravest outcome, every reason, the latest of the dates.

    Facts that no row and no rule knows are noted for the clinician. The order of the facts does not matter.
    """
    reasons: List[Reason] = []
    noted: List[str] = []
    selling = True
    for fact in facts:
        row = table.row_of(fact.label, fact.value)
        if row is not None:
            reason = _judge(fact, row, on)
            if reason is None:
                over = " (in the past)" if dict(fact.details).get("now") == "no" and fact.since is None else ""
                noted.append(f"{row.condition}: {fact.said or fact.value}{over}")
            else:
                reasons.append(reason)
                selling = selling and not row.no_selling
        elif fact.label == "answer" and fact.value in _ANSWERS:
            rule = _ANSWERS[fact.value]
            reasons.append(Reason(fact.value, fact.said, fact.said, CLINICIAN_FIRST, rule.advice))
        elif fact.label in HEALTH and (fact.label, fact.value) not in table.noted:
            reasons.append(Reason("unlisted", fact.said or fact.value, fact.said, CLINICIAN_FIRST, UNLISTED.advice))
        else:
            noted.append(fact.said or fact.value)
    unique = sorted(set(reasons), key=lambda r: (-OUTCOMES.index(r.outcome), r.row, r.said, r.advice, str(r.earliest), r.until))
    dates = [r.earliest for r in unique if r.earliest]
    return Outcome(
        outcome=max((r.outcome for r in unique), key=OUTCOMES.index, default=CAN_COME),
        reasons=tuple(unique),
        earliest=max(dates) if dates else None,
        until=tuple(dict.fromkeys(r.until for r in unique if r.until)),
        bring=tuple(dict.fromkeys(thing for r in unique for thing in r.bring)),
        sources=tuple(dict.fromkeys(key for r in unique for key in r.sources)),
        table_version=table.version,
        reviewed_by=table.reviewed_by,
        selling=selling,
        noted=tuple(sorted(set(noted))),
    )
