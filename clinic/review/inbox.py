"""The inbox: filters as plain values, and the query they make. Every filter is an address parameter, so a view can be saved and shared."""

import datetime as dt
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Dict, List, Mapping, Optional, Tuple
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q, QuerySet

from clinic.review import figures, search, titles
from clinic.review.models import Message, Talk

PAGE = 40
COUNTED = 1000  # more are "1000+"
SAMPLE = 20


@dataclass(frozen=True)
class Filters:
    """What is looked for; empty means anything. `sample`: a seed for conversations at random, in which nothing went wrong."""

    q: str = ""
    since: Optional[dt.date] = None
    until: Optional[dt.date] = None
    channel: str = ""
    intent: str = ""
    below: Optional[int] = None
    alarm: str = ""
    outcome: str = ""
    tag: str = ""
    who: str = ""
    fallback: bool = False
    handed: bool = False
    unreviewed: bool = False
    sample: Optional[float] = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Filters":
        """From an address; what cannot be read is left out."""
        sample = _number(given.get("sample"))
        return cls(
            q=str(given.get("q") or "").strip()[:200],
            since=_day(given.get("since")),
            until=_day(given.get("until")),
            channel=str(given.get("channel") or "")[:20],
            intent=str(given.get("intent") or "")[:60],
            below=int(number) if (number := _number(given.get("below"))) is not None and 0 < number <= 100 else None,
            alarm=str(given.get("alarm") or "") if given.get("alarm") in ("any", "1", "2", "3", "4") else "",
            outcome=str(given.get("outcome") or "") if given.get("outcome") in Talk.Outcome.values else "",
            tag=str(given.get("tag") or "")[:40],
            who=str(given.get("who") or "") if given.get("who") in ("me", "none", "anybody") else "",
            fallback=bool(given.get("fallback")),
            handed=bool(given.get("handed")),
            unreviewed=bool(given.get("unreviewed")),
            sample=sample % 1 if sample is not None else None,
        )

    def query(self, **changes: Any) -> str:
        """As an address, without a question mark."""
        mine = replace(self, **changes)
        values: Dict[str, Any] = {f.name: getattr(mine, f.name) for f in fields(mine)}
        return urlencode({k: "1" if v is True else v.isoformat() if isinstance(v, dt.date) else v for k, v in values.items() if v not in ("", None, False)})

    @cached_property
    def matching(self) -> List[int]:
        """Sessions that have the words. Looked up once, though the page and its count both ask: a `Filters` lives for one answer."""
        return search.talks(self.q)

    @property
    def active(self) -> List[Tuple[str, str]]:
        """What is filtered, in words, with the address without it."""
        words = {
            "q": f"“{self.q}”",
            "since": f"from {self.since:%d %b %Y}" if self.since else "",
            "until": f"to {self.until:%d %b %Y}" if self.until else "",
            "channel": titles.channel(self.channel),
            "intent": titles.intent(self.intent),
            "below": f"below {self.below} % sure",
            "alarm": "any alarm" if self.alarm == "any" else {str(k): v for k, v in Talk.Alarm.choices}.get(self.alarm, ""),
            "outcome": dict(Talk.Outcome.choices).get(self.outcome, ""),
            "tag": f"tag {self.tag}",
            "who": {"me": "mine", "none": "nobody’s", "anybody": "somebody’s"}.get(self.who, ""),
            "fallback": "not understood",
            "handed": "handed to a person",
            "unreviewed": "not reviewed",
            "sample": "random sample",
        }
        empty = Filters()
        return [(words[f.name], self.query(**{f.name: getattr(empty, f.name)})) for f in fields(self) if getattr(self, f.name) != getattr(empty, f.name)]


def _day(text: Any) -> Optional[dt.date]:
    try:
        return dt.date.fromisoformat(str(text or ""))
    except ValueError:
        return None


def _number(text: Any) -> Optional[float]:
    try:
        found = float(str(text or ""))
    except ValueError:
        return None
    return found if abs(found) < 1e6 else None


def found(filters: Filters, user: Any) -> QuerySet[Talk]:
    """The sessions, unordered."""
    rows = Talk.objects.filter(turns__gt=0)
    if filters.q:
        rows = rows.filter(pk__in=filters.matching)
    if filters.since:
        rows = rows.filter(ended__gte=figures.bounds(filters.since)[0])
    if filters.until:
        rows = rows.filter(ended__lt=figures.bounds(filters.until)[1])
    if filters.channel:
        rows = rows.filter(channel=filters.channel)
    if filters.intent:
        rows = _meaning(rows, filters.intent)
    if filters.below is not None:
        rows = rows.filter(lowest__lt=filters.below / 100)
    if filters.alarm:
        rows = rows.filter(alarm__gt=0) if filters.alarm == "any" else rows.filter(alarm=int(filters.alarm))
    if filters.outcome:
        rows = rows.filter(outcome=filters.outcome)
    if filters.tag:
        rows = rows.filter(tags__name=filters.tag)
    if filters.who:
        rows = rows.filter({"me": Q(assignee=user.pk), "none": Q(assignee=None), "anybody": Q(assignee__isnull=False)}[filters.who])
    if filters.fallback:
        rows = rows.filter(fallbacks__gt=0)
    if filters.handed:
        rows = rows.filter(handed=True)
    if filters.unreviewed:
        rows = rows.filter(reviewed_at=None)
    return rows


def _meaning(rows: QuerySet[Talk], intent: str) -> QuerySet[Talk]:
    """A rare meaning is looked up by its own index; a frequent one is soon found on the way through the newest sessions."""
    with_it = list(Message.objects.filter(intent=intent).order_by("-talk").values_list("talk", flat=True)[: search.NEWEST + 1])
    if len(with_it) <= search.NEWEST:
        return rows.filter(pk__in=set(with_it))
    return rows.filter(Exists(Message.objects.filter(talk=OuterRef("pk"), intent=intent)))


def page(filters: Filters, user: Any, before: str = "") -> Tuple[List[Talk], str]:
    """The newest sessions and, when there are more, where the next page begins."""
    rows = found(filters, user).select_related("assignee", "reviewed_by").prefetch_related("tags").defer("known")
    if filters.sample is not None:
        ordinary = rows.filter(alarm=0, fallbacks=0, handed=False)
        chosen = list(ordinary.filter(dice__gte=filters.sample).order_by("dice")[:SAMPLE])
        return chosen + list(ordinary.filter(dice__lt=filters.sample).order_by("dice")[: SAMPLE - len(chosen)]), ""
    at = _place(before)
    if at is not None:
        rows = rows.filter(Q(ended__lt=at[0]) | Q(ended=at[0], pk__lt=at[1]), ended__lte=at[0])
    shown = list(rows.order_by("-ended", "-pk")[: PAGE + 1])
    more = f"{shown[PAGE - 1].ended.isoformat()}_{shown[PAGE - 1].pk}" if len(shown) > PAGE else ""
    return shown[:PAGE], more


def _place(text: str) -> Optional[Tuple[dt.datetime, int]]:
    stamp, _, pk = text.partition("_")
    try:
        at = dt.datetime.fromisoformat(stamp)
        return (at, int(pk)) if at.tzinfo else None
    except ValueError:
        return None


def count(filters: Filters, user: Any) -> int:
    """How many, but never counting further than a little above `COUNTED`."""
    return found(filters, user).order_by()[: COUNTED + 1].count()


def neighbours(filters: Filters, user: Any, talk: Talk) -> Tuple[Optional[int], Optional[int]]:
    """The sessions before and after this one in the list, as (newer, older)."""
    if filters.sample is not None:
        order = [row.pk for row in page(filters, user)[0]]
        here = order.index(talk.pk) if talk.pk in order else -1
        return (order[here - 1] if here > 0 else None, order[here + 1] if 0 <= here < len(order) - 1 else None)
    rows = found(filters, user)
    newer = rows.filter(Q(ended__gt=talk.ended) | Q(ended=talk.ended, pk__gt=talk.pk), ended__gte=talk.ended).order_by("ended", "pk")
    older = rows.filter(Q(ended__lt=talk.ended) | Q(ended=talk.ended, pk__lt=talk.pk), ended__lte=talk.ended).order_by("-ended", "-pk")
    return newer.values_list("pk", flat=True).first(), older.values_list("pk", flat=True).first()
