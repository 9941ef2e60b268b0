"""When something was, from free text about the past: "in march", "6 weeks ago", "since last summer", "a couple of months".

What people write is seldom one day, so the answer is a span of days. Whoever counts a wait takes its last day, the careful one.
"""

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Callable, List, Optional, Tuple


@dataclass(frozen=True)
class Ago:
    """A time in the past: some day from `earliest` to `latest`, both included; `latest` is never after the day it was told."""

    earliest: dt.date
    latest: dt.date


def add_months(day: dt.date, months: int) -> dt.date:
    """`day` moved by calendar months; the day of the month is kept, or is the last one where the month is shorter."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


MONTHS = "january february march april may june july august september october november december".split()
_SHORT = {name[:3]: number for number, name in enumerate(MONTHS, 1)}
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_ONES = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
    )
}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60}
# Of a vague number the smallest, because less time has passed then.
_VAGUE = {"a": 1, "an": 1, "couple": 2, "few": 2, "several": 3, "some": 2, "many": 3, "half a": 0.5}

_NUMBER = (
    r"(?:\d+(?:[.,]\d+)?(?:\s?(?:-|to|or)\s?\d+)?|half an?|(?:a |the (?:last|past) )?(?:couple|few)(?: of)?|several|some|many|an?"
    r"|(?:twenty|thirty|forty|fifty|sixty)(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?|" + "|".join(_ONES) + r")"
)
_UNIT = r"(days?|nights?|weeks?|wks?|fortnights?|months?|mths?|mnths?|mo|years?|yrs?|hours?|hrs?|minutes?|mins?)"
_AND_A_HALF = r"(?:\s+and\s+a\s+half)?"
_COUNTED = re.compile(
    rf"(?P<about>(?:just )?(?:under|less than|not even|nearly|almost|coming up to|not quite)\s+(?:about\s+)?)?(?P<number>{_NUMBER})(?P<half>{_AND_A_HALF})\s*{_UNIT}\b"
    r"(?P<half2>\s+and\s+a\s+half)?(?P<after>\s*(?:ago|back|before|earlier|now|since|post|clear|off(?: it)?|out|free)\b)?"
)
_BEFORE_COUNT = re.compile(
    r"(?:\b(?:it'?s been|it is been|its been|been|has been|have been|was|were|about|around|roughly|maybe|approx\w*|over|more than|at least|ended|finished|stopped|off it(?: for)?"
    r"|for|since|within|in the (?:last|past)|the (?:last|past)|last|past|only|like|after|did it|had it|got it)\s*)+$"
)
_PLURAL = re.compile(r"\b(?P<unit>hours|days|weeks|months|years) (?:ago|back)\b")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary|uary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_PART = r"(?:(?P<part>beginning|start|early|middle|mid|end|late)(?:[ -]of)?[ -])?"
_DATED = re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH}\b\.?,?(?: (?P<year>(?:19|20)\d\d|last year|this year))?")
_DATED_US = re.compile(rf"\b{_MONTH} (?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)(?:,? (?P<year>(?:19|20)\d\d))?")
_IN_MONTH = re.compile(
    rf"\b(?P<last>(?:last|this(?: past)?) )?{_PART}{_MONTH}\b(?:,? (?:of )?(?P<year>(?:19|20)\d\d|'?\d\d(?!\d)|last year|this year|(?:the )?year before last))?"
)
_ISO = re.compile(r"\b(?P<year>(?:19|20)\d\d)-(?P<month>\d{1,2})-(?P<day>\d{1,2})\b")
_SLASHED = re.compile(r"\b(?P<a>\d{1,2})[/.-](?P<b>\d{1,2})[/.-](?P<year>(?:19|20)?\d\d)\b")
_MONTH_YEAR = re.compile(r"\b(?P<month>\d{1,2})[/.-](?P<year>(?:19|20)\d\d)\b")
_YEAR = re.compile(r"\b(?:in|since|until|till|back in|around|during|from)?\s*(?P<year>(?:19|20)\d\d)\b")
_SEASON = re.compile(
    r"\b(?P<last>last |this |the |over (?:the )?)?(?P<season>spring|summer(?:time)?|autumn|fall|winter)\b(?:\s+(?P<year>(?:19|20)\d\d|last year|before last))?"
)
_FEAST = re.compile(
    r"\b(?:last |over |at |around |before |after |since )?(?P<feast>christmas|xmas|new year'?s?(?: eve| day)?|easter|halloween|valentine'?s?(?: day)?|boxing day)\b"
)
_WEEKDAY = re.compile(rf"\b(?:last |on |this |since )?(?P<weekday>{'|'.join(_WEEKDAYS)})s?\b(?P<week>\s+(?:last|before last))?")
_RELATIVE = re.compile(
    r"\b(?P<what>day before yesterday|yesterday|last night|today|this morning|tonight|just now|right now|the other (?:day|week)|last weekend|at the weekend|last week|last month|last year"
    r"|this week|this month|this year|(?:the )?(?:week|month|year) before last|earlier this (?:week|month|year)|end of last year|beginning of last year)\b"
)
_JUST = re.compile(r"\b(?:(?:only |have |ive |i've |i )?just (?:finished|stopped|ended|came off|come off|had|got|done|did)|recent(?:ly)?|lately)\b")


def number(text: str) -> Optional[float]:
    """ "six" → 6, "twenty one" → 21, "a couple of" → 2, "2-3" → 2 (the smaller), "half a" → 0.5; None when it is no number."""
    words = text.lower().replace(" of", "").strip()
    digits = re.match(r"\d+(?:[.,]\d+)?", words)
    if digits:
        return float(digits.group().replace(",", "."))
    if words.startswith("half"):
        return 0.5
    for word, value in (("couple", 2), ("few", 2)):
        if word in words:
            return value
    parts = words.replace("-", " ").split()
    if len(parts) == 2 and parts[0] in _TENS and parts[1] in _ONES:
        return _TENS[parts[0]] + _ONES[parts[1]]
    if len(parts) == 1:
        for table in (_ONES, _TENS, _VAGUE):
            if parts[0] in table:
                return float(table[parts[0]])
    return None


def back(today: dt.date, amount: float, unit: str) -> dt.date:
    """The day `amount` units before `today`; part months count as days."""
    kind = unit[0] if not unit.startswith(("mo", "mt", "mn")) else "M"
    try:
        if kind == "M":
            whole = int(amount)
            return add_months(today, -whole) - dt.timedelta(days=round((amount - whole) * 30))
        if kind == "y":
            return add_months(today, -round(amount * 12))
        return today - dt.timedelta(days=round(amount * {"w": 7, "f": 14, "d": 1, "n": 1}.get(kind, 0)))
    except (OverflowError, ValueError):  # "500000 years ago"
        return dt.date(1900, 1, 1)


def read_ago(text: str, today: dt.date, bare: bool = False, southern: bool = False, month_first: bool = False) -> Optional[Ago]:
    """The first time in `text` that lies in the past, or None.

    `bare`: "6 weeks" alone means six weeks ago, as an answer to "when?". `southern`: summer is December to February.
    `month_first`: 3/4 is the fourth of March; without it the third of April.
    """
    words = _spelt(" ".join(text.lower().replace("’", "'").split()))
    found: List[Tuple[int, int, Ago]] = []
    readers: List[Callable[[], Optional[Tuple[int, Ago]]]] = [
        lambda: _dates(words, today, month_first),
        lambda: _months(words, today),
        lambda: _counted(words, today, bare),
        lambda: _relative(words, today),
        lambda: _seasons(words, today, southern),
        lambda: _weekdays(words, today),
        lambda: _years(words, today),
    ]
    for order, reader in enumerate(readers):
        hit = reader()
        if hit is not None:
            found.append((order, hit[0], hit[1]))
    if found:
        return min(found)[2]
    if _JUST.search(words):
        return Ago(today - dt.timedelta(days=14), today)
    return None


def _spelt(words: str) -> str:
    """Month and weekday names put right: "febuary", "setember", "wensday"."""
    targets = [*MONTHS[:4], *MONTHS[5:], *_WEEKDAYS]

    def right(match: "re.Match[str]") -> str:
        word = match.group()
        if word in targets or word in _ONES or word in ("monthly", "money", "marks", "match", "much"):
            return word
        near = get_close_matches(word, targets, n=1, cutoff=0.86)
        return near[0] if near and near[0][0] == word[0] else word

    return re.sub(r"\b[a-z]{5,10}\b", right, words)


def _span(start: dt.date, end: dt.date, today: dt.date) -> Optional[Ago]:
    return Ago(min(start, today), min(end, today)) if start <= today else None


def _day(year: int, month: int, day: int) -> Optional[dt.date]:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _dates(words: str, today: dt.date, month_first: bool) -> Optional[Tuple[int, Ago]]:
    for form in (_ISO, _SLASHED, _DATED, _DATED_US):
        for match in form.finditer(words):
            parts = match.groupdict()
            year = _year(parts.get("year"), today)
            if form is _SLASHED:
                a, b = int(parts["a"]), int(parts["b"])
                month, day = (a, b) if (month_first and a <= 12) or b > 12 else (b, a)
            else:
                month = int(parts["month"]) if form is _ISO else _SHORT[parts["month"][:3]]
                day = int(parts["day"])
            found = _day(year or today.year, month, day)
            if found and year is None and found > today:
                found = _day(today.year - 1, month, day)
            if found and found <= today:
                return match.start(), Ago(found, found)
    whole = _MONTH_YEAR.search(words)
    if whole and 1 <= int(whole["month"]) <= 12:
        start = dt.date(int(whole["year"]), int(whole["month"]), 1)
        span = _span(start, add_months(start, 1) - dt.timedelta(days=1), today)
        return (whole.start(), span) if span else None
    return None


def _year(text: Optional[str], today: dt.date) -> Optional[int]:
    if not text:
        return None
    if "before last" in text:
        return today.year - 2
    if text.startswith(("last", "this")):
        return today.year - (text.startswith("last"))
    year = int(text.lstrip("'"))
    return year if year > 99 else 2000 + year


def _months(words: str, today: dt.date) -> Optional[Tuple[int, Ago]]:
    for match in _IN_MONTH.finditer(words):
        name = match["month"]
        # "may" and "mar" are words too: they need something that makes them a month.
        if name in ("may", "mar") and not (
            re.search(
                r"\b(?:in|since|last|until|till|of|early|late|mid|end|beginning|start|around|this|during|from|by|back in)\s*$", words[: match.start("month")]
            )
            or match["year"]
            or match["last"]
            or words.strip(" .!?") == name
        ):
            continue
        month = _SHORT[name[:3]]
        year = _year(match["year"], today)
        if year is None:
            year = today.year if month <= today.month else today.year - 1
            if month == today.month and (match["last"] or "").startswith("last"):  # in November "last november" is a year ago
                year -= 1
        start = dt.date(year, month, 1)
        end = add_months(start, 1) - dt.timedelta(days=1)
        part = match["part"] or ""
        if part in ("beginning", "start", "early"):
            end = start + dt.timedelta(days=9)
        elif part in ("middle", "mid"):
            start, end = start + dt.timedelta(days=9), start + dt.timedelta(days=19)
        elif part in ("end", "late"):
            start += dt.timedelta(days=19)
        span = _span(start, end, today)
        if span is None and match["year"] is None:
            start, end = add_months(start, -12), add_months(end, -12)
            span = _span(start, end, today)
        if span:
            return match.start(), span
    return None


def _counted(words: str, today: dt.date, bare: bool) -> Optional[Tuple[int, Ago]]:
    for match in _COUNTED.finditer(words):
        amount = number(match["number"])
        if amount is None:
            continue
        if match["half"] or match["half2"]:
            amount += 0.5
        before = words[: match.start()]
        led = bool(_BEFORE_COUNT.search(before)) or bool(re.search(r"\b(?:been|last|past|stopped|finished|ended|came off|come off|off)\b", before))
        follows = words[match.end() :]
        if re.match(r"\s*(?:old|long|course|of\b|pregnant|time|later|until|till|left|from now)\b", follows) or re.search(r"\bin (?:about |around )?$", before):
            continue
        if not (match["after"] or bare or (led and re.search(r"\b(?:been|last|past|since|stopped|finished|ended|off)\b", before))):
            continue
        unit = match[5] if match.lastindex and match.lastindex >= 5 else ""
        unit = re.search(_UNIT + r"\b", match.group()).group(1)  # type: ignore[union-attr]
        day = back(today, amount, unit)
        if match["about"]:  # "nearly 6 months": up to one unit less
            return match.start(), Ago(day, back(today, max(0.0, amount - 1), unit))
        return match.start(), Ago(day, day)
    match_plural = _PLURAL.search(words)
    if match_plural:
        least = {"hours": 0.0, "days": 2.0, "weeks": 2.0, "months": 2.0, "years": 2.0}[match_plural["unit"]]
        latest = back(today, least, match_plural["unit"])
        return match_plural.start(), Ago(back(today, least * 5, match_plural["unit"]), latest)
    return None


def _relative(words: str, today: dt.date) -> Optional[Tuple[int, Ago]]:
    match = _RELATIVE.search(words)
    if not match:
        return None
    what = match["what"]
    day = dt.timedelta(days=1)
    monday = today - day * today.weekday()
    first = today.replace(day=1)
    january = today.replace(month=1, day=1)
    if what == "day before yesterday":
        span = (today - day * 2, today - day * 2)
    elif what in ("yesterday", "last night"):
        span = (today - day, today - day)
    elif what in ("today", "this morning", "tonight", "just now", "right now"):
        span = (today, today)
    elif what == "the other day":
        span = (today - day * 7, today - day)
    elif "weekend" in what:
        span = (monday - day * 2, monday - day)
    elif "week" in what:
        start, end = (monday - day * 7, monday - day) if what.startswith("last") else (monday, today)
        if "before last" in what or "other week" in what:
            start, end = monday - day * 14, monday - day * (8 if "before" in what else 1)
        span = (start, end)
    elif "month" in what:
        start, end = (add_months(first, -1), first - day) if what.startswith("last") else (first, today)
        span = (add_months(first, -2), add_months(first, -1) - day) if "before last" in what else (start, end)
    elif what == "beginning of last year":
        span = (add_months(january, -12), add_months(january, -9) - day)
    elif what == "end of last year":
        span = (add_months(january, -3), january - day)
    elif "before last" in what:
        span = (add_months(january, -24), add_months(january, -12) - day)
    elif what.startswith("last"):
        span = (add_months(january, -12), january - day)
    else:
        span = (january, today)
    return match.start(), Ago(*span)


_SEASONS = {"spring": (3, 5), "summer": (6, 8), "autumn": (9, 11), "fall": (9, 11), "winter": (12, 14)}


def _seasons(words: str, today: dt.date, southern: bool) -> Optional[Tuple[int, Ago]]:
    match = _SEASON.search(words)
    if match and (match["last"] or match["year"] or match["season"] != "fall"):
        first, last = _SEASONS[match["season"].replace("time", "")]
        if southern:
            first, last = first + 6, last + 6
        year = _year(match["year"], today) if match["year"] and match["year"] != "before last" else None
        for candidate in [year] if year else [today.year, today.year - 1, today.year - 2]:
            january = dt.date(candidate, 1, 1)
            span = _span(add_months(january, first - 1), add_months(january, last) - dt.timedelta(days=1), today)
            if span and match["year"] == "before last":
                span = Ago(add_months(span.earliest, -12), add_months(add_months(january, last) - dt.timedelta(days=1), -12))
            if span:
                return match.start(), span
        return None
    match = _FEAST.search(words)
    if match:
        feast = match["feast"]
        month, start, end = (12, 20, 31) if feast[0] in "cxb" else (1, 1, 7) if feast[0] == "n" else (10, 25, 31) if feast[0] == "h" else (2, 10, 18)
        if feast == "easter":
            month, start, end = 4, 1, 25
        for year in (today.year, today.year - 1):
            span = _span(dt.date(year, month, start), dt.date(year, month, end), today)
            if span:
                return match.start(), span
    return None


def _weekdays(words: str, today: dt.date) -> Optional[Tuple[int, Ago]]:
    match = _WEEKDAY.search(words)
    if not match or re.search(r"\b(?:next|this coming|every)\s*$", words[: match.start()]):
        return None
    behind = (today.weekday() - _WEEKDAYS.index(match["weekday"])) % 7 or 7
    day = today - dt.timedelta(days=behind)
    return match.start(), Ago(day, day)


def _years(words: str, today: dt.date) -> Optional[Tuple[int, Ago]]:
    for match in _YEAR.finditer(words):
        span = _span(dt.date(int(match["year"]), 1, 1), dt.date(int(match["year"]), 12, 31), today)
        if span:
            return match.start(), span
    return None
