"""The dashboard: what the tallies say, as charts with tables, and as CSV. Also the list of looks."""

import datetime as dt
from typing import Any, Dict, List, Tuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from clinic.review import access, charts, exports, figures, titles, unknown
from clinic.review.access import needs
from clinic.review.models import Access, Talk

SPANS = (7, 30, 90)
PER_PAGE = 100


def _span(request: HttpRequest) -> Tuple[dt.date, dt.date, int]:
    days = int(given) if (given := str(request.GET.get("days") or "30")).isdigit() and int(given) in SPANS else 30
    last = timezone.localdate()
    return last - dt.timedelta(days=days - 1), last, days


def tables(first: dt.date, last: dt.date) -> List[Dict[str, Any]]:
    """Every table of the page: name, title, head, rows."""
    outcomes, alarms = dict(Talk.Outcome.choices), {str(key): title for key, title in Talk.Alarm.choices}
    channel = figures.totals(first, last, "channel")
    hours = figures.totals(first, last, "hour")
    asked = {k: v for k, v in figures.totals(first, last, "intent").items() if k not in figures.NOT_ASKED}
    top = sorted(asked.items(), key=lambda row: -row[1])[:15]
    funnel = figures.totals(first, last, "funnel")
    by_day = figures.by_day(first, last, "talks")
    found = [
        ("day", "Conversations by day", ("Day", "Conversations"), [(f"{day.day} {day:%b}", count) for day, count in by_day], "columns"),
        ("hour", "Conversations by hour of the day", ("Hour", "Conversations"), [(f"{h:02d}", hours.get(f"{h:02d}", 0)) for h in range(24)], "columns"),
        ("channel", "Conversations by channel", ("Channel", "Conversations"), _sorted(channel, titles.channel), "bars"),
        ("asked", "What people ask", ("Question", "Messages"), [(titles.intent(name), count) for name, count in top], "bars"),
        (
            "outcome",
            "How conversations end",
            ("Outcome", "Conversations"),
            _sorted(figures.totals(first, last, "outcome"), lambda k: outcomes.get(k, k)),
            "bars",
        ),
        ("funnel", "From the first question to the visit", ("Step", "Conversations"), [(title, funnel.get(key, 0)) for key, title in figures.FUNNEL], "bars"),
        ("alarm", "Safety alarms", ("Alarm", "Conversations"), _sorted(figures.totals(first, last, "alarm"), lambda k: alarms.get(k, k)), "bars"),
    ]
    return [{"name": n, "title": t, "head": h, "rows": r, "kind": k} for n, t, h, r, k in found]


def _sorted(counts: Dict[str, int], title: Any) -> List[Tuple[str, int]]:
    return [(title(key), count) for key, count in sorted(counts.items(), key=lambda row: -row[1])]


def numbers(first: dt.date, last: dt.date) -> List[Tuple[str, str, str]]:
    """The headline: name, value, what it was in as many days before."""
    before_first, before_last = first - (last - first) - dt.timedelta(days=1), first - dt.timedelta(days=1)
    rows = []
    for a, b in ((first, last), (before_first, before_last)):
        talks = figures.totals(a, b, "talks").get("", 0)
        said = sum(figures.totals(a, b, "intent").values())
        lost = figures.totals(a, b, "intent").get("nlu_fallback", 0)
        waited = figures.time_to_person(figures.bounds(a)[0], figures.bounds(b)[1])
        rows.append(
            (
                f"{talks:,}",
                _percent(figures.share(figures.totals(a, b, "contained").get("", 0), talks)),
                _percent(figures.share(lost, said)),
                _percent(figures.confidence(a, b)),
                f"{figures.totals(a, b, 'handed').get('', 0):,}",
                f"{int(waited.total_seconds() // 60)} min" if waited else "–",
            )
        )
    names = ("Conversations", "Answered without staff", "Messages not understood", "Mean confidence", "Handed to a person", "Urgent: time to a person")
    return list(zip(names, *rows))


def _percent(value: Any) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


@require_GET
@needs("review.see_figures")
def dashboard(request: HttpRequest) -> HttpResponse:
    first, last, days = _span(request)
    wanted = str(request.GET.get("csv") or "")
    shown = tables(first, last)
    if wanted:
        return _export(request, [table for table in shown if table["name"] == wanted], first, last)
    for table in shown:
        every = max(1, len(table["rows"]) // 8)
        table["chart"] = charts.columns(table["title"], table["rows"], every) if table["kind"] == "columns" else charts.bars(table["title"], table["rows"])
        table["empty"] = not any(row[1] for row in table["rows"])
    access.note(request, "figures")
    return render(
        request, "review/figures.html", {"tables": shown, "numbers": numbers(first, last), "days": days, "spans": SPANS, "first": first, "last": last}
    )


@needs("review.see_figures", "review.export_talk")
def _export(request: HttpRequest, chosen: List[Dict[str, Any]], first: dt.date, last: dt.date) -> HttpResponse:
    if not chosen:
        return HttpResponse("There is no such table.", status=404, content_type="text/plain")
    access.note(request, "export", table=chosen[0]["name"])
    return exports.answer(f"{chosen[0]['name']}-{first}-{last}", chosen[0]["head"], chosen[0]["rows"])


@require_GET
@needs("review.see_figures", "review.view_talk")
def not_known(request: HttpRequest) -> HttpResponse:
    """What people asked that we did not know, by meaning."""
    first, last, days = _span(request)
    groups = unknown.found(figures.bounds(first)[0], figures.bounds(last)[1])
    access.note(request, "unknown")
    if request.GET.get("csv"):
        return _export_unknown(request, groups)
    return render(request, "review/unknown.html", {"groups": groups, "days": days, "spans": SPANS})


@needs("review.see_figures", "review.view_talk", "review.export_talk")
def _export_unknown(request: HttpRequest, groups: Any) -> HttpResponse:
    access.note(request, "export", table="unknown")
    return exports.answer("not-known", ("Messages", "For example"), [(count, some[0].text) for count, some in groups])


@require_GET
@needs("review.view_access")
def log(request: HttpRequest) -> HttpResponse:
    """Who looked at what, newest first."""
    rows = Access.objects.all()
    actor, what = str(request.GET.get("actor") or "")[:150], str(request.GET.get("what") or "")[:30]
    rows = rows.filter(actor=actor) if actor else rows
    rows = rows.filter(what=what) if what else rows
    before = str(request.GET.get("before") or "")
    shown = list((rows.filter(pk__lt=int(before)) if before.isdigit() else rows)[: PER_PAGE + 1])
    context = {"rows": shown[:PER_PAGE], "more": shown[PER_PAGE - 1].pk if len(shown) > PER_PAGE else None, "actor": actor, "what": what, "kinds": KINDS}
    return render(request, "review/log.html", context)


KINDS = (
    *("view", "search", "unmask", "export", "correct", "reviewed", "unreviewed", "assign", "unassign", "tag", "untag", "note", "take", "write"),
    *("give back", "diary", "booking", "requests", "request", "figures", "unknown", "patch", "second factor"),
)
