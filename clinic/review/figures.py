"""The dashboard's numbers: tallied by day from the conversations, and kept when those are gone. Nothing in them is about a person."""

import datetime as dt
from collections import Counter
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from django.db import transaction
from django.db.models import Avg, Count, Sum

from clinic.booking.times import moment, wall
from clinic.models import Booking
from clinic.review.models import Message, Talk, Tally
from knowledge.practice import PRACTICE

FUNNEL = (
    ("asked", "asked something"),
    ("interested", "began a check or a booking"),
    ("requested", "made a request"),
    ("booked", "booked"),
    ("attended", "came"),
)
NOT_ASKED = ("", "nlu_fallback", "out_of_scope", "affirm", "deny", "inform", "greet", "thank", "goodbye", "react_positive", "react_negative")


def bounds(day: dt.date) -> Tuple[dt.datetime, dt.datetime]:
    """A day on the clinic's clock."""
    zone = PRACTICE.get().zone
    return moment(day, dt.time(0), zone), moment(day + dt.timedelta(days=1), dt.time(0), zone)


def tally(days: Iterable[dt.date]) -> None:
    """Count these days anew."""
    for day in sorted({d + dt.timedelta(days=n) for d in days for n in (-1, 0, 1)}):  # days are given in UTC
        first, last = bounds(day)
        rows = _count(first, last)
        if not rows:
            continue  # what was counted before stays: the conversations may be gone by age
        with transaction.atomic():
            Tally.objects.filter(day=day).delete()
            Tally.objects.bulk_create([Tally(day=day, what=what, key=key[:80], count=count, total=total) for (what, key), (count, total) in rows.items()])


def _count(first: dt.datetime, last: dt.datetime) -> Dict[Tuple[str, str], Tuple[int, float]]:
    zone = PRACTICE.get().zone
    talks = Talk.objects.filter(started__gte=first, started__lt=last, turns__gt=0)
    counts: Counter[Tuple[str, str]] = Counter()
    fields = ("channel", "outcome", "fallbacks", "turns", "alarm", "handed", "screening", "step", "started", "conversation")
    booked_in = set()
    for channel, outcome, fallbacks, turns, alarm, handed, screening, step, started, conversation in talks.values_list(*fields).iterator(chunk_size=5000):
        counts["talks", ""] += 1
        counts["channel", channel or "?"] += 1
        counts["hour", f"{wall(started, zone):%H}"] += 1
        counts["outcome", outcome] += 1
        counts["turns", ""] += turns
        counts["fallbacks", ""] += fallbacks
        counts["contained", ""] += int(not handed and not fallbacks and alarm < 2)
        counts["handed", ""] += int(handed)
        if alarm:
            counts["alarm", str(alarm)] += 1
        counts["funnel", "asked"] += 1
        counts["funnel", "interested"] += int(bool(screening or step.startswith("book")) or outcome in ("requested", "booked"))
        counts["funnel", "requested"] += int(outcome in ("requested", "booked"))
        if outcome == "booked":
            counts["funnel", "booked"] += 1
            booked_in.add(conversation)
    if not counts:
        return {}
    for some in _portions(sorted(booked_in), 500):
        counts["funnel", "attended"] += Booking.objects.filter(conversation__in=some, status="attended").values("conversation").distinct().count()
    found = {key: (count, 0.0) for key, count in counts.items()}
    said = Message.objects.filter(who="person", at__gte=first, at__lt=last, talk__started__gte=first - dt.timedelta(days=1)).order_by()
    for intent, count in said.values_list("intent").annotate(n=Count("pk")):
        found["intent", intent] = (count, 0.0)
    total = said.filter(confidence__isnull=False).aggregate(n=Count("pk"), s=Sum("confidence"))
    found["confidence", ""] = (total["n"] or 0, float(total["s"] or 0))
    return found


def _portions(rows: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def totals(first: dt.date, last: dt.date, what: str) -> Dict[str, int]:
    """Count by key from `first` to `last`, both included."""
    rows = Tally.objects.filter(what=what, day__gte=first, day__lte=last).values_list("key").annotate(n=Sum("count")).order_by()
    return dict(rows)


def by_day(first: dt.date, last: dt.date, what: str, key: str = "") -> List[Tuple[dt.date, int]]:
    rows = dict(Tally.objects.filter(what=what, key=key, day__gte=first, day__lte=last).values_list("day", "count"))
    return [(first + dt.timedelta(days=n), rows.get(first + dt.timedelta(days=n), 0)) for n in range((last - first).days + 1)]


def confidence(first: dt.date, last: dt.date) -> Optional[float]:
    """Mean confidence of the messages of these days; None without any."""
    found = Tally.objects.filter(what="confidence", day__gte=first, day__lte=last).aggregate(n=Sum("count"), s=Sum("total"))
    return found["s"] / found["n"] if found["n"] else None


def share(part: int, whole: int) -> Optional[float]:
    return part / whole if whole else None


def time_to_person(first: dt.datetime, last: dt.datetime) -> Optional[dt.timedelta]:
    """Mean time from an urgent hand-off to somebody taking it."""
    from django.db.models import ExpressionWrapper, F, fields

    from clinic.models import Handoff

    waited = ExpressionWrapper(F("taken_at") - F("created"), output_field=fields.DurationField())
    mean = Handoff.objects.filter(urgency="urgent", taken_at__isnull=False, created__gte=first, created__lt=last).aggregate(m=Avg(waited))["m"]
    return mean if isinstance(mean, dt.timedelta) else None
