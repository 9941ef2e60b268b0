"""Reads when somebody would like to come: "thurs after 5", "any weekday morning not the 10th", "03/04" in the clinic's order.

A small grammar of its own, because a wrong date taken in silence is worse than a question. A wish counts only when the message is covered:
in a clause that names a time every word has been read or is known to say nothing, and nowhere in the message is a word left over that
could bear on time. Everything else, and what can be read in two ways, is asked back. Nothing here knows the diary.
"""

import calendar
import datetime as dt
import itertools
import re
from dataclasses import dataclass, field, replace
from typing import Any, Callable, List, Optional, Sequence, Set, Tuple, Union
from zoneinfo import ZoneInfo

from actions.when_words import FILLER, PARTS, SOFT, carries, symbols
from actions.wish import DAY_NAMES, FOREVER, MONTH_NAMES, Minutes, Option, Range, Unclear, Wish, clock, day_text

HOURS: Minutes = (540, 1200)  # earliest opening, latest closing, in minutes after midnight
PASSED_BY = 270  # days: a date without a year that would be this far ahead has just passed, so it is asked back
SMALL_HOURS = 4  # until this hour "today" and "tomorrow" are asked back
STORY = 12  # unknown words from which a message tells more than a time

DAY_QUESTION = 'Which day would suit you? You can write it like "Thursday 2 April" or "any weekday morning".'
BOTH_QUESTION = 'I am not sure I read that right. Could you give me one day, or a few, and the time of day, such as "Thursday after 5 pm"?'


class _Ask(Exception):
    """Stops reading: the question is asked back."""

    def __init__(self, question: str = BOTH_QUESTION, *choices: str):
        super().__init__(question)
        self.unclear = Unclear(question, choices)


@dataclass(frozen=True)
class _Days:
    """Days named: ranges and/or weekdays; `coming` is a weekday that means the next one unless a span stands beside it."""

    ranges: Tuple[Range, ...] = ()
    weekdays: Tuple[int, ...] = ()
    coming: Optional[int] = None
    wide: bool = False
    through: bool = False  # "wed through thurs": the coming ones unless a span stands beside them


@dataclass(frozen=True)
class _Time:
    """A time named. Each bound holds the minutes it may mean (half past five: 330 and 1050)."""

    kind: str  # at, around, from, before, between, part
    low: Tuple[int, ...] = ()
    high: Tuple[int, ...] = ()
    part: str = ""
    plural: bool = False  # "evenings": a habit, so a weekday beside it means every one
    bare: bool = False  # a number with nothing that says it is an hour


_Item = Union[_Days, _Time]


@dataclass
class _Group:
    """Items side by side, which narrow one another; `joined` says how the group hangs on the one before."""

    joined: str = ""
    items: List[_Item] = field(default_factory=list)
    negative: bool = False

    @property
    def days(self) -> List[_Days]:
        return [i for i in self.items if isinstance(i, _Days)]

    @property
    def times(self) -> List[_Time]:
        return [i for i in self.items if isinstance(i, _Time)]

    @property
    def time_first(self) -> bool:
        return bool(self.items) and isinstance(self.items[0], _Time)


_MONTH = r"M(\d\d?)"
_WEEKDAY = r"W(\d)"
_DAY = r"(?:the )?O(\d\d?)"
_COUNT = r"(?:N(\d+)|a couple of|couple of|couple|a couple|a)"
_LATER = r"(?:from )?(?:now|today|time)"
_CLOCK = r"(?:[TA]\d+|X\d+\.\d+)"
_HOURISH = r"N\d+"


class Reader:
    """Reads one message. `now`: aware, in the clinic's zone; `order`: "dmy" or "mdy"; `hours`: opening span of the clinic's day."""

    def __init__(self, now: dt.datetime, order: str = "dmy", hours: Minutes = HOURS):
        self.now, self.order, self.hours = now, order, hours
        self.today = now.date()
        self.line: List[str] = []
        self.dated: Set[int] = set()  # the clauses that name a time
        self.reasons: Set[int] = set()  # those that say why
        self.every = False  # "any day mon-thu" is not only the coming ones

    # days

    def _monday(self, weeks: int = 0) -> dt.date:
        return self.today - dt.timedelta(days=self.today.weekday()) + dt.timedelta(weeks=weeks)

    def _week(self, weeks: int) -> _Days:
        if self.today.weekday() == 6 and weeks < 2:
            first, second = self._monday(1), self._monday(2)
            raise _Ask("Which week do you mean?", f"the week of {day_text(first)}", f"the week of {day_text(second)}")
        start = max(self._monday(weeks), self.today)
        return _Days(((start, self._monday(weeks) + dt.timedelta(days=6)),), wide=True)

    def _coming(self, weekday: int, weeks: int = 0) -> dt.date:
        ahead = (weekday - self.today.weekday()) % 7
        if ahead == 0:
            other = self.today + dt.timedelta(days=7)
            raise _Ask(f"Do you mean today or {day_text(other)}?", "today", day_text(other))
        return self.today + dt.timedelta(days=ahead + 7 * weeks)

    def _small_hours(self, ahead: int) -> _Days:
        """Who is still up at two means by tomorrow perhaps the day that has begun."""
        day = self.today + dt.timedelta(days=ahead)
        if self.now.hour < SMALL_HOURS:
            other = self.today if ahead else self.today + dt.timedelta(days=1)
            first, second = sorted((day, other))
            raise _Ask(f"It is past midnight. Do you mean {day_text(first)} or {day_text(second)}?", day_text(first), day_text(second))
        return self._on(day)

    def _next(self, weekday: int) -> _Days:
        ahead = (weekday - self.today.weekday()) % 7 or 7
        coming = self.today + dt.timedelta(days=ahead)
        if coming < self._monday(1) or ahead <= 2:
            later = coming + dt.timedelta(days=7)
            raise _Ask(f"Do you mean {day_text(coming)} or {day_text(later)}?", day_text(coming), day_text(later))
        return self._on(coming)

    @staticmethod
    def _on(day: dt.date) -> _Days:
        return _Days(((day, day),))

    def _date(self, day: int, month: int, year: Optional[int] = None) -> dt.date:
        """The next such date. Asks when there is none or it has just passed."""
        for candidate in (year,) if year else (self.today.year, self.today.year + 1):
            try:
                found = dt.date(int(candidate or 0), month, day)
            except ValueError:
                continue
            if found >= self.today and (year or (found - self.today).days <= PASSED_BY):
                if (found - self.today).days > 730:
                    raise _Ask(f"{day_text(found)} is far ahead. Which day did you mean?")
                return found
        if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(2024, month)[1]:
            raise _Ask("That date does not exist. " + DAY_QUESTION)
        raise _Ask(f"{day} {MONTH_NAMES[month - 1]}{f' {year}' if year else ''} has passed or does not exist. {DAY_QUESTION}")

    def _day_of_month(self, day: int) -> dt.date:
        """The next day with this number; asks when the month in question has no such day."""
        if not 1 <= day <= 31:
            raise _Ask(DAY_QUESTION)
        year, month = self.today.year, self.today.month
        if day < self.today.day:
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        if day > calendar.monthrange(year, month)[1]:
            raise _Ask(f"{MONTH_NAMES[month - 1]} has no {day}th. {DAY_QUESTION}".replace("1th", "1st"))
        return dt.date(year, month, day)

    def _month(self, month: int, year: Optional[int] = None) -> Range:
        year = year or (self.today.year if month >= self.today.month else self.today.year + 1)
        first = dt.date(year, month, 1)
        last = first.replace(day=calendar.monthrange(year, month)[1])
        if last < self.today or (first - self.today).days > PASSED_BY:
            raise _Ask(f"{MONTH_NAMES[month - 1]} has passed, or is very far ahead. {DAY_QUESTION}")
        return max(first, self.today), last

    def _month_ahead(self, months: int) -> Range:
        index = self.today.year * 12 + self.today.month - 1 + months
        first = dt.date(index // 12, index % 12 + 1, 1)
        return max(first, self.today), first.replace(day=calendar.monthrange(first.year, first.month)[1])

    def _months_on(self, months: int) -> dt.date:
        """The same day so many months on, or the last day of a shorter month."""
        last = self._month_ahead(months)[1]
        return last.replace(day=min(self.today.day, last.day))

    def _numeric(self, text: str) -> dt.date:
        """ "3/4" or "3/4/2026" in the clinic's order; the other order only when the clinic's is no date."""
        parts = [int(p) for p in text.split("/")]
        first, second, year = parts[0], parts[1], parts[2] if len(parts) > 2 else None
        day, month = (first, second) if self.order == "dmy" else (second, first)
        if month > 12 and day <= 12:
            day, month = month, day
        return self._date(day, month, year)

    def _part_of(self, which: str, span: Range) -> _Days:
        """The early, middle or late part of a week or of a month."""
        start, end = span
        if (end - start).days <= 7 and end.weekday() == 6 and (end - dt.timedelta(days=6)).weekday() == 0:
            monday = end - dt.timedelta(days=6)
            low, high = {"early": (0, 1), "mid": (2, 2), "late": (3, 4)}[which]
        else:
            monday = start.replace(day=1)
            low, high = {"early": (0, 9), "mid": (10, 19), "late": (20, (end - monday).days)}[which]
        first, last = monday + dt.timedelta(days=low), monday + dt.timedelta(days=high)
        if last < self.today:
            raise _Ask("That has passed. " + DAY_QUESTION)
        return _Days(((max(first, self.today), last),), wide=True)

    def _half_of(self, which: str, month: Range) -> _Days:
        first, middle = month[0].replace(day=1), month[0].replace(day=15)
        low, high = (first, middle) if which == "first" else (middle + dt.timedelta(days=1), month[1])
        if high < self.today:
            raise _Ask("That has passed. " + DAY_QUESTION)
        return _Days(((max(low, self.today), high),), wide=True)

    def _nth(self, which: str, weekday: int, month: Range) -> _Days:
        first = month[0].replace(day=1)
        days = [first + dt.timedelta(days=n) for n in range((month[1] - first).days + 1)]
        days = [d for d in days if d.weekday() == weekday]
        day = days[-1] if which == "last" else days[int(which) - 1] if int(which) <= len(days) else None
        if day is None or day < self.today:
            raise _Ask("That day has passed or does not exist. " + DAY_QUESTION)
        return self._on(day)

    # the rules: (pattern over symbols, what it gives); the longest match wins

    def _day_rules(self) -> Sequence[Tuple[str, Callable[["re.Match[str]"], Any]]]:
        after = lambda n: self._on(self.today + dt.timedelta(days=n))  # noqa: E731
        month_word = r"(?:the |this )?month|next month|M\d\d?"

        def some_month(text: str) -> Range:
            if text.startswith("M"):
                return self._month(int(text[1:]))
            return self._month_ahead(1 if text == "next month" else 0)

        def some_week(text: str) -> Range:
            return self._week(1 if "next" in text else 0).ranges[0]

        def weeks_on(match: "re.Match[str]", weekday: int, weeks: int) -> _Days:
            return self._on(self._coming(weekday, weeks))

        def count(text: Optional[str], bare: str) -> int:
            return int(text) if text else 1 if bare.startswith("a ") and "couple" not in bare else 2

        def ahead(match: "re.Match[str]") -> _Days:
            number = 1 if match[1] in ("a", "N1", "one") else 2 if "couple" in match[1] else int(match[1][1:])
            unit = match[2].rstrip("s'")
            if unit == "day":
                return after(number)
            day = self._months_on(number) if unit == "month" else self.today + dt.timedelta(weeks=number * (2 if unit == "fortnight" else 1))
            if match[0].endswith("today"):
                return self._on(day)
            monday = day - dt.timedelta(days=day.weekday())
            return _Days(((monday, monday + dt.timedelta(days=6)),), wide=True)

        def within(match: "re.Match[str]") -> _Days:
            number = int(match[1][1:]) if match[1] and match[1].startswith("N") else 1 if match[1] in (None, "", "a") else 2 if "couple" in match[1] else 3
            length = {"day": 1, "week": 7, "fortnight": 14, "month": 30}[match[2].rstrip("s'")]
            return _Days(((self.today, self.today + dt.timedelta(days=number * length)),), wide=True)

        def several(match: "re.Match[str]") -> _Days:
            month = int(match["month"])
            days = [int(n) for n in re.findall(r"[ON](\d+)", match["days"])]
            return _Days(tuple((d, d) for d in (self._date(n, month) for n in days)))

        def span(match: "re.Match[str]") -> _Days:
            month = int(match["month"])
            first, last = (self._date(int(match[n]), month) for n in ("first", "last"))
            return self._between(first, last)

        def bare_span(match: "re.Match[str]") -> _Days:
            first, last = self._day_of_month(int(match[1])), self._day_of_month(int(match[2]))
            if int(match[1]) >= int(match[2]) or last < first:
                raise _Ask(DAY_QUESTION)
            return self._between(first, last)

        def weekday_span(match: "re.Match[str]") -> _Days:
            low, high = int(match[1]), int(match[2])
            if low >= high:
                raise _Ask(DAY_QUESTION)
            return _Days(weekdays=tuple(range(low, high + 1)), through=True)

        def named_week(match: "re.Match[str]") -> _Days:
            number = {"O1": 0, "O2": 1, "O3": 2, "O4": 3, "first": 0, "second": 1}.get(match[1])
            first, last = some_month(match[2])
            first = first.replace(day=1)
            low = last - dt.timedelta(days=6) if number is None else first + dt.timedelta(days=7 * number)
            high = last if number is None else low + dt.timedelta(days=6)
            if high < self.today:
                raise _Ask("That week has passed. " + DAY_QUESTION)
            return _Days(((max(low, self.today), high),), wide=True)

        def week_of(day: dt.date) -> _Days:
            monday = day - dt.timedelta(days=day.weekday())
            return _Days(((max(monday, self.today), monday + dt.timedelta(days=6)),), wide=True)

        nth = r"(?:the )?(O[1-5]|first|second|last)"
        return [
            (r"today", lambda m: self._small_hours(0)),
            (r"tomorrow", lambda m: self._small_hours(1)),
            (r"dayaftertomorrow", lambda m: after(2)),
            (r"(?:a )?week (?:from )?today|today week", lambda m: after(7)),
            (r"(?:a )?week (?:from )?tomorrow|tomorrow week", lambda m: after(8)),
            (r"(?:(?:N2|two) weeks|(?:a )?fortnight) (?:from )?today", lambda m: after(14)),
            (r"(?:(?:N2|two) weeks|(?:a )?fortnight) (?:from )?tomorrow", lambda m: after(15)),
            (rf"(?:on |this |on this |the )?{_WEEKDAY}", lambda m: _Days(coming=int(m[1]))),
            (rf"(?:on )?next {_WEEKDAY}", lambda m: self._next(int(m[1]))),
            (rf"(?:on )?{_WEEKDAY} week|(?:a )?week (?:on|from|after|this) {_WEEKDAY}|week {_WEEKDAY}", lambda m: weeks_on(m, int(m[1] or m[2] or m[3]), 1)),
            (rf"(?:(?:N2|two) weeks|(?:a )?fortnight) (?:on|from|this) {_WEEKDAY}|{_WEEKDAY} fortnight", lambda m: weeks_on(m, int(m[1] or m[2]), 2)),
            (rf"N([3-8]) weeks (?:on|from|this) {_WEEKDAY}", lambda m: weeks_on(m, int(m[2]), int(m[1]))),
            (r"(?:on )?X(\d+)\.(\d+)(?= (?:at |, )?[NTA]\d)", lambda m: self._on(self._numeric(f"{m[1]}/{m[2]}"))),
            (r"(?:any |every |each |on |most |all |some )*P(\d)", lambda m: _Days(weekdays=(int(m[1]),))),
            (rf"(?:on )?(?:any|every|each|a|an|some) {_WEEKDAY}", lambda m: _Days(weekdays=(int(m[1]),))),
            (r"(?:from )?[WP](\d) (?:to|-|until|through|and until) [WP](\d)|between [WP](\d) and [WP](\d)", lambda m: weekday_span(m) if m[1] else self._weekday_between(m)),
            (r"weekdays|weekday|(?:any|every|a) weekday", lambda m: _Days(weekdays=(0, 1, 2, 3, 4))),
            (r"anyweekend", lambda m: _Days(weekdays=(5, 6))),
            (r"(?:this |the |on the |at the )?weekend", lambda m: self._weekend(0)),
            (r"next weekend", lambda m: self._weekend(1)),
            (r"(?:in |during |some ?time |any ?time |all )?this week", lambda m: self._week(0)),
            (r"restof (?:this|the) week|lateof this week", lambda m: replace(self._week(0), ranges=((self.today + dt.timedelta(days=1), self._monday(0) + dt.timedelta(days=6)),))
             if m[0].startswith("lateof") else self._week(0)),
            (r"(?:in |during |the |some ?time )?next week", lambda m: self._week(1)),
            (r"(?:in )?(?:the )?this week", lambda m: self._week(0)),
            (r"(?:some ?time )?thisandnextweek", lambda m: _Days(((self.today, self._week(0).ranges[0][1] + dt.timedelta(days=7)),), wide=True)),
            (r"(?:some ?time )?nextandafterweek", lambda m: _Days(((self._week(1).ranges[0][0], self._week(1).ranges[0][1] + dt.timedelta(days=7)),), wide=True)),
            (r"weekafternext", lambda m: self._week(2)),
            (r"midweek(?: (this week|next week))?", lambda m: self._part_of("mid", some_week(m[1])) if m[1] else _Days(weekdays=(1, 2, 3))),
            (rf"(early|mid|late)of (?:of )?((?:the |this |next )?week|{month_word})",
             lambda m: self._part_of(m[1], some_week(m[2]) if "week" in m[2] else some_month(m[2]))),
            (rf"(?:(early|mid|late)of )?(?:the )?weekof (?:the )?(?:{_DAY}(?: (?:of )?{_MONTH})?|{_WEEKDAY} {_DAY}|N(\d+) {_MONTH})",
             lambda m: week_of(self._some_date(m[2] or m[5] or m[6], m[3] or m[7]))),
            (rf"(?:the )?week of {_DAY}(?: (?:of )?{_MONTH})?", lambda m: week_of(self._some_date(m[1], m[2]))),
            (rf"(?:in )?{nth} (?:week of|weekof|week in) ({month_word})", named_week),
            (rf"(?:in |during )?(?:the )?(first|second)half of ({month_word})", lambda m: self._half_of(m[1], some_month(m[2]))),
            (rf"(?:on )?{nth} {_WEEKDAY} (?:of|in) ({month_word})", lambda m: self._nth({"first": "1", "second": "2"}.get(m[1], m[1].lstrip("O")), int(m[2]), some_month(m[3]))),
            (r"(?:in|after) (a|N\d+|a couple of|couple of) (days?|weeks?|months?|fortnights?)'?(?: (?:time|from now))?", ahead),
            (r"(?:in )?(a|N\d+|a couple of|couple of) (days?|weeks?|months?|fortnights?)'? (?:time|from now|from today)", ahead),
            (r"(?:(?:in|within|over|during|inside) )(?:the )?next (N\d+|couple of|couple|few)? ?(days?|weeks?|fortnight|months?)", within),
            (r"(?:some ?time |any ?time )?(?:the |this )?next (N\d+|couple of|few) (days|weeks|months)", within),
            (r"(?:within|inside) (a|N\d+|a couple of) (days?|weeks?|fortnight|months?)", within),
            (r"(?:in |during |this |some ?time in )?(?:this )month", lambda m: _Days((self._month_ahead(0),), wide=True)),
            (r"(?:in |during |the )?next month", lambda m: _Days((self._month_ahead(1),), wide=True)),
            (r"monthafternext", lambda m: _Days((self._month_ahead(2),), wide=True)),
            (rf"(?:in |during |for |this |of |some ?time in |on )?{_MONTH}(?: N(20\d\d))?", lambda m: _Days((self._month(int(m[1]), int(m[2]) if m[2] else None),), wide=True)),
            (rf"next {_MONTH}", lambda m: _Days((self._month(int(m[1])),), wide=True)),
            (rf"(?:on )?{_DAY} (?:of |day of )?{_MONTH}(?: ,? ?N(20\d\d))?", lambda m: self._on(self._date(int(m[1]), int(m[2]), int(m[3]) if m[3] else None))),
            (rf"(?:on )?(?:the )?N(\d\d?) (?:of )?{_MONTH}(?: ,? ?N(20\d\d))?", lambda m: self._on(self._date(int(m[1]), int(m[2]), int(m[3]) if m[3] else None))),
            (rf"(?:on )?{_MONTH} (?:the )?[ON](\d\d?)(?: ,? ?N(20\d\d))?", lambda m: self._on(self._date(int(m[2]), int(m[1]), int(m[3]) if m[3] else None))),
            (rf"(?:on )?{_DAY} (?:of )?(?:(this|next) month)", lambda m: self._on(self._in_month(int(m[1]), self._month_ahead(1 if m[2] == "next" else 0)))),
            (rf"(?:on )?{_DAY}", lambda m: self._on(self._day_of_month(int(m[1])))),
            (r"(?:on )?the N(\d\d?)", lambda m: self._on(self._day_of_month(int(m[1])))),
            (r"(?:on )?D(\d+)-(\d+)-(\d+)", lambda m: self._on(self._date(int(m[3]), int(m[2]), int(m[1])))),
            (r"(?:on )?(?:the )?S([\d/]+)", lambda m: self._on(self._numeric(m[1]))),
            (r"(?:on )?(?P<days>(?:the )?[ON]\d\d?(?: (?:,|or|and|, or|, and) (?:the )?[ON]\d\d?)+) (?:of )?M(?P<month>\d\d?)", several),
            (r"(?:on )?M(?P<month>\d\d?) (?P<days>(?:the )?[ON]\d\d?(?: (?:,|or|and|, or|, and) (?:the )?[ON]\d\d?)+)", several),
            (r"(?:from |between )?(?:the )?[ON](?P<first>\d\d?)(?: (?:of )?M\d\d?)? (?:to|-|until|through|and) (?:the )?[ON](?P<last>\d\d?) (?:of )?M(?P<month>\d\d?)", self._span_rule),
            (r"(?:from |between )?M(\d\d?) (?:the )?[ON](\d\d?) (?:to|-|until|through|and) M(\d\d?) (?:the )?[ON](\d\d?)",
             lambda m: self._between(self._date(int(m[2]), int(m[1])), self._date(int(m[4]), int(m[3])))),
            (r"(?:from |between )?M(?P<month>\d\d?) (?:the )?[ON](?P<first>\d\d?) (?:to|-|until|through) (?:the )?[ON](?P<last>\d\d?)", span),
            (r"(?:from |between )?(?:the )?O(\d\d?) (?:to|-|until|through) (?:the )?O(\d\d?)|between (?:the )?O(\d\d?) and (?:the )?O(\d\d?)",
             lambda m: bare_span(m) if m[1] else self._between(self._day_of_month(int(m[3])), self._day_of_month(int(m[4])))),
            (r"(?:new year'?s? day)", lambda m: self._on(self._date(1, 1))),
        ]  # fmt: skip

    def _span_rule(self, match: "re.Match[str]") -> _Days:
        """ "3rd to 5th of April", "30 March to 2 April"; "3rd and 5th of April" are two days."""
        inner = re.search(r"M(\d\d?).*M", match[0])
        if " and " in match[0] and not match[0].startswith("between"):
            raise _NoMatch
        month = int(match["month"])
        return self._between(self._date(int(match["first"]), int(inner[1]) if inner else month), self._date(int(match["last"]), month))

    def _weekday_between(self, match: "re.Match[str]") -> _Days:
        low, high = int(match[3]), int(match[4])
        if low >= high:
            raise _Ask(DAY_QUESTION)
        return _Days(weekdays=tuple(range(low, high + 1)), through=True)

    def _between(self, first: dt.date, last: dt.date) -> _Days:
        if last < first:
            raise _Ask(DAY_QUESTION)
        return _Days(((first, last),), wide=True)

    def _some_date(self, day: str, month: Optional[str]) -> dt.date:
        return self._date(int(day), int(month)) if month else self._day_of_month(int(day))

    def _in_month(self, day: int, month: Range) -> dt.date:
        first = month[0].replace(day=1)
        if not 1 <= day <= month[1].day or first.replace(day=day) < self.today:
            raise _Ask("That day has passed or does not exist. " + DAY_QUESTION)
        return first.replace(day=day)

    def _weekend(self, later: int) -> _Days:
        saturday = self._monday(0) + dt.timedelta(days=5)
        if later and self.today.weekday() < 7:
            following = saturday + dt.timedelta(days=7)
            if self.today.weekday() >= 5:
                return _Days(((following, following + dt.timedelta(days=1)),), wide=True)
            raise _Ask("Which weekend do you mean?", f"the weekend of {day_text(saturday)}", f"the weekend of {day_text(following)}")
        if self.today.weekday() == 6:
            following = saturday + dt.timedelta(days=7)
            raise _Ask("Do you mean today or the coming weekend?", "today", f"the weekend of {day_text(following)}")
        return _Days(((max(saturday, self.today), saturday + dt.timedelta(days=1)),), wide=True)

    # times

    @staticmethod
    def _meanings(symbol: str) -> Tuple[int, ...]:
        """The minutes a clock symbol may mean."""
        if symbol[0] == "T":
            return (int(symbol[1:]),)
        if symbol[0] == "X":
            hour, minute = (int(p) for p in symbol[1:].split("."))
            base = hour * 60 + minute
            return (base,) if hour > 12 else (base % 720, base % 720 + 720)
        if symbol[0] == "A":
            base = int(symbol[1:]) % 720
            return (base, base + 720)
        number = int(symbol[1:])
        if number > 24 or number == 0:
            raise _Ask()
        return (number * 60 % 1440,) if number > 12 else (number % 12 * 60, number % 12 * 60 + 720)

    def _time_rules(self) -> Sequence[Tuple[str, Callable[["re.Match[str]"], Any]]]:
        clock_or_hour = rf"({_CLOCK}|{_HOURISH})(?: oclock)?"
        parts = "|".join(sorted(PARTS, key=len, reverse=True))

        def between(match: "re.Match[str]") -> _Time:
            groups = [g for g in match.groups() if g]
            return _Time(
                "between", self._meanings(groups[0]), self._meanings(groups[1]), bare=match[0][0] == "N" and groups[1][0] == "N" and " until " not in match[0]
            )

        def bare(match: "re.Match[str]") -> _Time:
            return _Time("at", self._meanings(match[1]), bare=True)

        return [
            (rf"(?:at |for |by around |from around )?({_CLOCK})(?: oclock)?", lambda m: _Time("at", self._meanings(m[1]), bare=m[0][0] == "X")),
            (rf"(?:at |@ )({_HOURISH})(?: oclock)?", lambda m: _Time("at", self._meanings(m[1]))),
            (rf"({_HOURISH}) oclock", lambda m: _Time("at", self._meanings(m[1]))),
            (rf"({_HOURISH})", bare),
            (rf"(?:at )?around {clock_or_hour}(?: ish)?|(?:at )?{clock_or_hour} ish(?: (?:or so|time))?|{clock_or_hour} or (?:so|thereabouts)", lambda m: _Time("around", self._meanings(m[1] or m[2] or m[3]))),
            (rf"(?:between|from) {clock_or_hour} (?:and|to|until|-|or|til) {clock_or_hour}", between),
            (rf"{clock_or_hour} (?:to|until|-) {clock_or_hour}", between),
            (r"(?:at )?midnight", lambda m: _Time("at", (0,))),
            (rf"(?:in |during |on |at |by |for )?(?:the |this |an |a |any |every |all |some )?({parts})s?(?: time)?", lambda m: _Time("part", part=m[1], plural=m[0].endswith("s"))),
        ]  # fmt: skip

    # reading

    def read(self, text: str) -> Union[Wish, Unclear, None]:
        try:
            return self._read(text)
        except _Ask as ask:
            return ask.unclear

    def _match(self, rules: Sequence[Tuple[Any, Callable[["re.Match[str]"], Any]]], i: int) -> Optional[Tuple[Any, int, "re.Match[str]"]]:
        rest = " ".join(self.line[i:])
        best: Optional[Tuple[Any, int, Any]] = None
        for pattern, make in rules:
            match = pattern.match(rest)
            if match and (best is None or match.end() > best[2].end()):
                best = (make, i + len(match[0].split()), match)
        return best

    def _item(self, i: int) -> Optional[Tuple[_Item, int]]:
        """The longest day or time that starts at symbol `i`."""
        found = [m for m in (self._match(self._days_compiled, i), self._match(self._times_compiled, i)) if m]
        for make, end, match in sorted(found, key=lambda m: -m[1]):
            try:
                return make(match), end
            except _NoMatch:
                continue
        return None

    def _bounded(self, i: int) -> Optional[Tuple[_Item, int]]:
        """An item with what bounds it: "after …", "… onwards", "not before …", "before …"."""
        word, start = self.line[i], i + 1
        bounds = {
            "after": "after",
            "from": "from",
            "notbefore": "from",
            "since": "since",
            "before": "before",
            "until": "upto",
            "by": "upto",
            "notafter": "upto",
            "past": "after",
            "around": "around",
        }
        bound = bounds.get(word)
        whole = self._item(i)
        if bound:
            # "a week from friday", "between …" and "from 2 to 4" are items of their own
            if whole and not (isinstance(whole[0], _Time) and whole[0].kind in ("at", "part")) and not (word == "by" and isinstance(whole[0], _Time)):
                return self._suffix(*whole)
            while start < len(self.line) and self.line[start] in ("about", "around", "like", "say", "maybe", "on", "at"):
                start += 1
            inner = self._item(start) if start < len(self.line) else None
            if inner is None:
                return None
            return self._suffix(self._apply(bound, inner[0]), inner[1])
        return self._suffix(*whole) if whole else None

    def _suffix(self, item: _Item, end: int) -> Tuple[_Item, int]:
        while end < len(self.line) and self.line[end] in ("onwards", "orearlier"):
            item = self._apply("from" if self.line[end] == "onwards" else "upto", item)
            end += 1
        return item, end

    def _apply(self, bound: str, item: _Item) -> _Item:
        if bound == "since":
            raise _Ask()
        if isinstance(item, _Time):
            if item.kind == "part":
                low, high = PARTS[item.part]
                if bound in ("before", "upto"):
                    if item.part.startswith("lunch") or low == 0 or bound == "upto":
                        edge = low if item.part.startswith("lunch") else high + 1
                        return _Time("before", high=(edge,))
                    return _Time("before", high=(low,))
                return _Time("from", low=(high + 1,)) if bound == "after" and high < 1439 else _Time("from", low=(low,))
            if item.kind == "between" or bound == "around":
                raise _Ask()
            if item.kind == "around" or item.kind == "at":
                return _Time("from", low=item.low) if bound in ("after", "from") else _Time("before", high=item.low)
            return item
        days = self._resolved(item)
        if not days.ranges:
            raise _Ask()
        first, last = min(a for a, _ in days.ranges), max(b for _, b in days.ranges)
        if bound == "around":
            return _Days(((max(first - dt.timedelta(days=2), self.today), last + dt.timedelta(days=2)),), wide=True)
        if bound == "after" and (first, last) == (self.today + dt.timedelta(days=1),) * 2 and item.coming is None and not item.wide:
            other = self.today + dt.timedelta(days=2)  # to many "after tomorrow" is the day after it
            raise _Ask(f"Do you mean {day_text(other)}, or any day from then on?", day_text(other), f"from {day_text(other)} on")
        if bound == "after":
            return _Days(((last + dt.timedelta(days=1), FOREVER),), wide=True)
        if bound == "from":
            return _Days(((first, FOREVER),), wide=True)
        if first <= self.today and bound == "before" and not days.wide:
            raise _Ask()
        end = first - dt.timedelta(days=1) if bound == "before" else last
        return _Days(((self.today, end),), wide=True)

    def _resolved(self, days: _Days) -> _Days:
        return self._on(self._coming(days.coming)) if days.coming is not None else days

    def _read(self, text: str) -> Union[Wish, Unclear, None]:
        self.line = symbols(text)
        self._days_compiled = [(re.compile(rf"(?:{p})(?= |$)"), f) for p, f in self._day_rules()]
        self._times_compiled = [(re.compile(rf"(?:{p})(?= |$)"), f) for p, f in self._time_rules()]
        groups, asap, anything, leftovers = self._groups()
        words = [word for word, _ in leftovers]
        if any(_CALENDAR.match(word) for word in words):
            raise _Ask()
        if not groups and not asap and not anything:
            if any(word in HINTS for word in words):
                raise _Ask(DAY_QUESTION)
            return None
        if not self._covered(leftovers):
            raise _Ask(BOTH_QUESTION if groups else DAY_QUESTION)
        if not groups:
            return Wish(asap=asap, words=text)
        options = self._options([g for g in groups if not g.negative])
        without = self._options([g for g in groups if g.negative], negative=True)
        wish = Wish(tuple(options), tuple(without), asap, text)
        self._check_clock_change(wish)
        return wish

    def _covered(self, leftovers: Sequence[Tuple[str, int]]) -> bool:
        """Whether nothing that was left unread can change the wish: no word that bears on time anywhere (but in a reason, "because of the
        school run"), no unknown word in a clause that names a time, and not a long tale around it."""
        if any(carries(word) for word, clause in leftovers if clause not in self.reasons or clause in self.dated):
            return False
        unknown = [clause for word, clause in leftovers if word not in FILLER]
        return not any(clause in self.dated for clause in unknown) and len(unknown) < STORY

    def _groups(self) -> Tuple[List[_Group], bool, bool, List[Tuple[str, int]]]:
        """Items side by side in groups, whether asap or anything was said, and the symbols nobody read, each with the number of its clause."""
        groups: List[_Group] = []
        asap = anything = negative = fresh = False
        joined, i, clause, part = "", 0, 0, 0
        corrected: Optional[int] = None
        turn: Optional[Tuple[int, int]] = None  # how many groups and clauses stood before the last "so"
        leftovers: List[Tuple[str, int]] = []
        while i < len(self.line):
            word = self.line[i]
            if word in CLAUSES:
                part += 1
            if word in REASONS:
                if word == "so":
                    negative, joined, clause = False, joined or ",", len(groups)
                    turn = (len(groups), part)
                    if part - 1 not in self.dated:
                        self.reasons.add(part - 1)
                else:
                    self.reasons.add(part)
                i += 1
                continue
            if word == "correct" or (word in ("actually", "sorry") and groups and joined in ("", ",") and self._item_ahead(i)):
                corrected, negative, joined, i = len(groups), False, ",", i + 1
                continue
            if word in ("afterthat", "beforethat"):
                if word == "beforethat" or not groups or groups[-1].days or groups[-1].negative or groups[-1].times[-1].kind != "from":
                    raise _Ask()
                i += 1  # "I finish at five, so after that": the bound has been read
                continue
            if word in ("notbefore", "notafter", "mustbe") and not fresh:
                negative = False
                if word == "mustbe":
                    i += 1
                    continue
            if word == "only" and negative and not fresh and joined == ",":
                negative, i = False, i + 1
                continue
            if word == "nor" and (negative or (groups and groups[-1].negative)):
                negative, fresh, joined, i = True, True, "", i + 1
                continue
            if word == "no" and groups and not groups[-1].negative and any(d.coming is not None or not d.wide for d in groups[-1].days):
                raise _Ask()  # "monday, no tuesday"
            if word == "to" and i and self.line[i - 1] not in MOVES and self._item(i + 1):
                raise _Ask()  # "…, so to 6 April"
            if word == "not" and negative and not joined and not fresh:
                raise _Ask()
            if word == "this" and i + 1 < len(self.line) and self.line[i + 1] in ("or", "and", "-"):
                raise _Ask()
            if word in ("not", "away") or (word == "no" and i + 1 < len(self.line) and self._item(i + 1)):
                negative, fresh, joined, i = True, True, "", i + 1
                continue
            if word == "bad":
                if not groups[clause:] or any(g.negative for g in groups[clause:]):
                    raise _Ask()
                for group in groups[clause:]:
                    group.negative = True
                clause, joined, i = len(groups), ",", i + 1
                continue
            if word in ("or", "nor", "else", "and", ",", ";", "but", "-", "otherwise"):
                if word in (";", "otherwise"):
                    negative = False
                rank = {"or": 3, "nor": 3, "else": 3, "otherwise": 3, "and": 2, ",": 1, "but": 1, "-": 1}
                joined = max(joined, "or" if word in ("nor", "else", "otherwise") else "," if word in ("but", "-", ";") else word, key=lambda w: rank.get(w, 0))
                if word == "but":
                    everyone = i and self.line[i - 1] in ("anytime", "weekdays", "weekday", "day", "days", "anyweekend")
                    if everyone and i + 1 < len(self.line) and self._item(i + 1):
                        negative, fresh, joined = True, True, ""
                        i += 1
                        continue
                    if negative and groups and groups[-1].negative:
                        negative = False
                    clause = len(groups)
                elif word == ";":
                    clause = len(groups)
                elif word == ",":
                    clause = clause if _listed(self.line[i + 1 :]) else len(groups)
                i += 1
                continue
            if word == "free" and negative and groups and groups[-1].negative:
                negative, i = False, i + 1
                continue
            if word in ("asap", "anytime"):
                asap, anything = asap or word == "asap", anything or word == "anytime"
                if word == "anytime":
                    self.dated.add(part)
                    self.every = True
                i += 1
                continue
            if word == "edgeslot":
                raise _Ask()
            found = self._bounded(i)
            if found is None:
                leftovers.append((word, part))
                i += 1
                continue
            item, i = found
            self.dated.add(part)
            new = not groups or bool(joined) or fresh or groups[-1].negative != negative
            if negative and not fresh and joined == "," and groups and groups[-1].negative:
                rest = self.line[i : next((n for n in range(i, len(self.line)) if self.line[n] in CLAUSES), len(self.line))]
                narrowed = isinstance(item, _Time) and any(not g.negative for g in groups) and groups[-1].days and not groups[-1].times
                if "only" not in rest and not narrowed:
                    raise _Ask()  # "not monday, tuesday"
                negative = False
            if new:
                groups.append(_Group(joined or ("," if fresh or (groups and groups[-1].negative != negative) else ""), [], negative))
            groups[-1].items.append(item)
            joined, fresh = "", False
        groups = self._put_right(groups, corrected)
        if turn and not corrected:
            reason, wish = groups[: turn[0]], groups[turn[0] :]
            plain = self._covered([(w, c) for w, c in leftovers if c < turn[1]])
            settled = not any(g.days for g in reason) and any(t.kind in ("at", "around", "between") for g in wish for t in g.times)
            if (not plain or settled) and self._concluded(reason, wish):
                groups, leftovers = wish, [(w, c) for w, c in leftovers if c >= turn[1]]
        return groups, asap, anything, leftovers

    def _concluded(self, reason: List[_Group], wish: List[_Group]) -> bool:
        """Whether "Monday is a holiday, so Tuesday" leaves only its end to be wished for: later days for days, or times for times."""
        if not reason or not wish or any(g.negative for g in reason):
            return False
        if not any(g.days for g in reason):
            return any(g.times for g in wish)
        before, after = ([d for g in groups for d in g.days] for groups in (reason, wish))
        if any(g.times for g in reason) and not any(g.times for g in wish):
            return False
        if any(d.wide or d.through or (d.weekdays and d.coming is None) for d in (*before, *after)) or not all(g.days for g in wish):
            return False
        last = max(b for d in before for _, b in self._resolved(d).ranges)
        return all(a > last for d in after for a, _ in self._resolved(d).ranges)

    def _item_ahead(self, i: int) -> bool:
        """Whether the words after symbol `i` begin with a day or a time, but for small words."""
        while i + 1 < len(self.line) and self.line[i + 1] in (",", "no", "make", "it", "that", "can", "we", "do", "maybe"):
            i += 1
        return i + 1 < len(self.line) and bool(self._bounded(i + 1))

    @staticmethod
    def _put_right(groups: List[_Group], corrected: Optional[int]) -> List[_Group]:
        """After "no wait" what comes last holds; the kind of thing it does not name is kept only where that cannot be misread."""
        if not corrected:
            return groups
        before, after = groups[:corrected], groups[corrected:]
        if not after:
            raise _Ask()
        old_times, new_times = any(g.times for g in before), any(g.times for g in after)
        if any(g.days for g in after):
            if old_times and not new_times:
                raise _Ask()
            return [replace(after[0], joined=""), *after[1:]]
        if len(before) != 1 or len(after) != 1 or before[0].negative:
            raise _Ask()
        return [_Group("", [*before[0].days, *after[0].times])]

    # from groups to options

    def _options(self, groups: List[_Group], negative: bool = False) -> List[Option]:
        groups = self._merge(groups, negative)
        shared: List[Tuple[List[_Days], List[_Time]]] = []
        for n, group in enumerate(groups):
            in_list = n > 0 and not group.days and any(t.kind in ("at", "around") for t in groups[n - 1].times)
            if group.times and any(t.bare for t in group.times) and not in_list and not self._hour_in_context(group):
                raise _Ask()
            shared.append((group.days, group.times))
        # A time said for the last day of a list holds for the days before it; one said first, for those after it.
        has_times = [bool(times) for _, times in shared]
        if negative and any(any(d.wide for d in days) and any(not d.wide for d in days) for days, _ in shared):
            raise _Ask()  # "any day but friday next week": is the week wished for, or only its Friday not?
        if negative:
            return self._joined_options([self._option(days, times, negative) for days, times in shared])
        if all(days for days, _ in shared) or not any(days for days, _ in shared):
            if any(has_times) and not all(has_times):
                shared = self._spread(groups, shared)
            return self._joined_options([self._option(days, times, negative) for days, times in shared])
        # Some groups name only a time, some only a day: "mornings, next week", "tues at 10 or 11", "mornings or evenings next week".
        return self._joined_options(self._distribute(groups))

    def _hour_in_context(self, group: _Group) -> bool:
        """A bare number is an hour only beside one fixed day that is not a weekday, or beside a part of the day."""
        if any(t.kind == "part" and t.part not in SOFT for t in group.times):
            return True
        between = any(t.kind == "between" for t in group.times)
        return bool(group.days) and (between or all(d.coming is None and not d.weekdays and not d.wide for d in group.days))

    def _merge(self, groups: List[_Group], negative: bool) -> List[_Group]:
        """Joins what a comma, or "next week and mornings", parted: a broad span narrows the days beside it."""
        merged: List[_Group] = []
        for group in groups:
            before = merged[-1] if merged else None
            if before is not None and group.joined in (",", "and") and not negative:
                only_days, only_times = not group.times, not group.days
                if only_days and not before.times and self._narrows(before.days, group.days):
                    before.items.extend(group.items)
                    continue
                if (
                    before.days
                    and not before.times
                    and group.joined == ","
                    and all(d.wide for d in before.days)
                    and all(not d.wide and not d.ranges for d in group.days)
                    and group.days
                ):
                    before.items.extend(group.items)
                    continue
                if only_days and before.days and before.times and group.joined == "," and self._narrows(before.days, group.days):
                    before.items.extend(group.items)
                    continue
                if not before.days and group.times and self._bounds_meet(before.times, group.times):
                    before.items.extend(group.items)
                    continue
                if only_times and group.joined == "," and before.times and self._time_narrows(before.times, group.times):
                    before.items.extend(group.items)
                    continue
            merged.append(_Group(group.joined, list(group.items), group.negative))
        return merged if negative else self._share_span(merged)

    def _share_span(self, groups: List[_Group]) -> List[_Group]:
        """ "tuesday or wednesday next week" means next week's Tuesday too; "friday or monday next week" may not."""

        def named(group: _Group) -> List[int]:
            return [d.coming for d in group.days if d.coming is not None] + [w for d in group.days for w in d.weekdays if not d.ranges]

        spans = {n: [d for d in g.days if d.wide and d.ranges] for n, g in enumerate(groups)}
        for n, group in enumerate(groups):
            if not spans[n] or not named(group):
                continue
            span = spans[n][0]
            one_week = (span.ranges[0][1] - span.ranges[0][0]).days < 7
            led = next(i for i in group.items if isinstance(i, _Days)) is span
            for m, other in enumerate(groups):
                if m == n or not named(other) or any(d.ranges for d in other.days):
                    continue
                within = all(d.coming is not None and _overlap([(self._coming(d.coming),) * 2], span.ranges) for d in other.days)
                if within:
                    continue
                if (m > n and not led) or (m < n and one_week and max(named(other)) >= min(named(group))):
                    raise _Ask("Which week do you mean for each day? " + DAY_QUESTION)
                other.items.append(span)
        return groups

    @staticmethod
    def _bounds_meet(left: List[_Time], right: List[_Time]) -> bool:
        """ "after four" and "before six" bound one time; so do "after four" and "so from half past"."""
        return {left[-1].kind, right[0].kind} in ({"from", "before"}, {"from"}, {"before"})

    @staticmethod
    def _narrows(left: List[_Days], right: List[_Days]) -> bool:
        def wide(days: List[_Days]) -> bool:
            return any(d.wide for d in days)

        def by_name(days: List[_Days]) -> bool:
            return any(d.coming is not None or d.weekdays for d in days)

        def fixed(days: List[_Days]) -> bool:
            return any(d.ranges and not d.wide for d in days)

        return (
            (wide(left) and (by_name(right) or fixed(right)))
            or ((by_name(left) or fixed(left)) and wide(right))
            or (by_name(left) and fixed(right))
            or (wide(left) and wide(right))
        )

    @staticmethod
    def _time_narrows(left: List[_Time], right: List[_Time]) -> bool:
        kinds = {t.kind for t in left}, {t.kind for t in right}
        return ("part" in kinds[0]) != ("part" in kinds[1]) or kinds in (({"from"}, {"before"}), ({"before"}, {"from"}))

    def _spread(self, groups: List[_Group], shared: List[Tuple[List[_Days], List[_Time]]]) -> List[Tuple[List[_Days], List[_Time]]]:
        """Gives days without a time the time of their list, where only one reading exists."""
        result = list(shared)
        times = [t for _, t in shared]
        first_with = next(n for n, t in enumerate(times) if t)
        last_with = max(n for n, t in enumerate(times) if t)
        if groups[first_with].time_first:  # "after 5 on monday or tuesday"
            if any(not t for t in times[:first_with]):
                raise _Ask()
            current: List[_Time] = []
            for n, (days, own) in enumerate(shared):
                current = own or current
                result[n] = (days, current)
            return result
        if last_with != len(shared) - 1:  # "thursday after 5 or friday": friday at any time, or after 5 as well?
            raise _Ask("Is that time for each of the days, or may the other day be at any time?")
        upcoming: List[_Time] = []
        for n in range(len(shared) - 1, -1, -1):
            upcoming = shared[n][1] or upcoming
            result[n] = (shared[n][0], upcoming)
        return result

    def _distribute(self, groups: List[_Group]) -> List[Option]:
        """Groups that name only a time beside groups that name a day."""
        for n, group in enumerate(groups):
            if n and group.joined == "or" and ((not group.days) != (not groups[n - 1].days)) and not (group.times and groups[n - 1].times):
                raise _Ask()  # "tomorrow or after 5"
        # runs: days first then times ("monday, tuesday, after 4 or mornings"), or times first then days
        options: List[Option] = []
        if not groups[0].days:
            waiting: List[List[_Time]] = []
            for n, group in enumerate(groups):
                if not group.days:
                    if options:
                        raise _Ask()
                    waiting.append(group.times)
                    continue
                if group.times and n and not waiting:
                    options.append(self._option(group.days, group.times))
                    continue
                if group.times and waiting and not group.time_first:
                    raise _Ask()
                sets = [*waiting, group.times] if group.times else waiting
                options.extend(self._option(group.days, times) for times in sets)
            return options
        days_waiting: List[List[_Days]] = []
        for n, group in enumerate(groups):
            if group.days and group.times:
                options.extend(self._option(days, group.times) for days in days_waiting)
                days_waiting = []
                options.append(self._option(group.days, group.times))
                last_days = [group.days]
            elif group.days:
                if n and not groups[n - 1].days:
                    raise _Ask()
                days_waiting.append(group.days)
                last_days = days_waiting
            else:
                if days_waiting:
                    last_days, days_waiting = days_waiting, []
                elif group.joined == "," and groups[n - 1].days and groups[n - 1].times:
                    raise _Ask()
                options.extend(self._option(days, group.times) for days in last_days)
        options.extend(self._option(days, []) for days in days_waiting)
        return options

    @staticmethod
    def _joined_options(options: List[Option]) -> List[Option]:
        """Options that differ in one field only become one."""
        done: List[Option] = []
        for option in options:
            for n, other in enumerate(done):
                if option.times == other.times and option.weekdays == other.weekdays and option.dates and other.dates:
                    done[n] = replace(other, dates=(*other.dates, *option.dates))
                    break
                if option.times == other.times and option.dates == other.dates and option.weekdays and other.weekdays:
                    done[n] = replace(other, weekdays=tuple(sorted({*other.weekdays, *option.weekdays})))
                    break
                if option.dates == other.dates and option.weekdays == other.weekdays and option.times and other.times:
                    done[n] = replace(other, times=tuple(sorted({*other.times, *option.times})))
                    break
            else:
                done.append(option)
        return done

    def _option(self, days: List[_Days], times: List[_Time], negative: bool = False) -> Option:
        ranges: Optional[List[Range]] = None
        weekdays: Optional[Set[int]] = None
        named = [d for d in days if d.coming is not None]
        spans = [d for d in days if d.coming is None and (d.ranges or d.weekdays)]
        for item in spans:
            if item.ranges:
                ranges = list(item.ranges) if ranges is None else _overlap(ranges, item.ranges)
            if item.weekdays:
                weekdays = set(item.weekdays) if weekdays is None else weekdays & set(item.weekdays)
        runs = [d for d in days if d.through]
        if runs and ranges is None and not negative and not self.every and not any(t.plural for t in times):
            if self.today.weekday() in runs[0].weekdays:
                raise _Ask("Do you mean this week or next week?", "this week", "next week")
            first = self._coming(runs[0].weekdays[0])
            ranges = [(first, first + dt.timedelta(days=len(runs[0].weekdays) - 1))]
        if ranges is not None and all(a == b for a, b in ranges) and weekdays is not None and not named:
            ranges, weekdays = [span for span in ranges if span[0].weekday() in weekdays], None
        for item in named:
            weekday = int(item.coming or 0)
            fixed = ranges is not None and all(a == b for a, b in ranges)
            if fixed and all(a.weekday() != weekday for a, _ in ranges or []):
                other = (ranges or [(self.today, self.today)])[0][0]
                raise _Ask(f"{other.day} {MONTH_NAMES[other.month - 1]} is a {DAY_NAMES[other.weekday()]}, not a {DAY_NAMES[weekday]}. Which did you mean?")
            if fixed:
                ranges = [span for span in ranges or [] if span[0].weekday() == weekday]
            elif ranges is not None or negative or any(t.plural for t in times):
                weekdays = {weekday} if weekdays is None else weekdays & {weekday}
            elif len(named) == 1:
                ranges = [(self._coming(weekday),) * 2]
            else:
                raise _Ask()
        if ranges == [] or weekdays == set():
            raise _Ask()
        if ranges and weekdays and sum((b - a).days for a, b in ranges) < 21:
            ranges = [(d, d) for a, b in ranges for d in (a + dt.timedelta(days=n) for n in range((b - a).days + 1)) if d.weekday() in weekdays]
            weekdays = None
            if not ranges:
                raise _Ask()
        if ranges and weekdays and not any(_falls(span, weekdays) for span in ranges):
            raise _Ask()
        return Option(tuple(ranges or ()), tuple(sorted(weekdays or ())), self._window(times))

    def _window(self, times: List[_Time]) -> Tuple[Minutes, ...]:
        if not times:
            return ()
        parts = [t for t in times if t.kind == "part"]
        half = self._half(parts)
        low, high = 0, 1439
        for time in times:
            if time.kind == "part":
                a, b = PARTS[time.part]
                if half and time.part in ("evening", "afternoon") and any(t.kind in ("at", "around") for t in times):
                    a, b = 720, 1439  # "half past four this evening", "five in the afternoon"
                low, high = max(low, a), min(high, b)
            elif time.kind in ("at", "around"):
                minute = self._settle(time.low, half)
                slack = 30 if time.kind == "around" else 0
                low, high = max(low, minute - slack), min(high, minute + slack)
            elif time.kind == "from":
                low = max(low, self._settle(time.low, half))
            elif time.kind == "before":
                high = min(high, self._settle(time.high, half, end=True) - 1)
            else:
                a, b = self._pair(time.low, time.high, half)
                low, high = max(low, a), min(high, b - 1)
        if low > high:
            raise _Ask()
        return ((low, high),)

    @staticmethod
    def _half(parts: List[_Time]) -> Optional[str]:
        names = {p.part for p in parts if p.part not in SOFT}
        if not names:
            return None
        return "am" if all("morning" in name for name in names) else "pm"

    def _settle(self, meanings: Sequence[int], half: Optional[str], end: bool = False) -> int:
        """The one minute that is meant. Asks when both or neither lies in the clinic's day."""
        if len(meanings) == 1:
            return meanings[0]
        if half:
            return meanings[0] if half == "am" else meanings[1]
        opens, closes = self.hours
        inside = [m for m in meanings if (opens < m < closes if end else opens <= m < closes)]
        if len(inside) != 1:
            morning, evening = (clock(m) for m in meanings)
            raise _Ask(f"Do you mean {morning} in the morning or {evening}?", morning, evening)
        return inside[0]

    def _pair(self, low: Sequence[int], high: Sequence[int], half: Optional[str]) -> Minutes:
        opens, closes = self.hours
        pairs = [(a, b) for a, b in itertools.product(low, high) if a < b and opens <= a and b <= closes]
        if half == "pm":
            pairs = [p for p in pairs if p[0] >= 720]
        if half == "am":
            pairs = [p for p in pairs if p[0] < 720]
        if len(pairs) == 1:
            return pairs[0]
        if len(low) == 1 and len(high) == 1 and low[0] < high[0]:
            return low[0], high[0]
        raise _Ask('From what time to what time? Please write it like "between 2 pm and 4 pm".')

    def _check_clock_change(self, wish: Wish) -> None:
        """A named hour on a named day that the clocks skip or repeat is asked back."""
        zone = self.now.tzinfo
        if not isinstance(zone, ZoneInfo):
            return
        for option in wish.options:
            days = [a for a, b in option.dates if a == b]
            minutes = [a for a, b in option.times if a == b]
            for day, minute in itertools.product(days, minutes):
                if change := clock_change(dt.datetime.combine(day, dt.time(minute // 60, minute % 60)), zone):
                    how = "does not exist, because the clocks go forward" if change == "gap" else "comes twice, because the clocks go back"
                    raise _Ask(f"On {day_text(day)} the time {clock(minute)} {how}. Which other time would suit you?")


class _NoMatch(Exception):
    """A rule saw on a closer look that it does not apply."""


def clock_change(wall: dt.datetime, zone: ZoneInfo) -> str:
    """ "gap" when the clocks skip this wall time in `zone`, "fold" when they show it twice, else ""."""
    first, second = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return ""
    there_and_back = first.astimezone(dt.timezone.utc).astimezone(zone).replace(tzinfo=None)
    return "fold" if there_and_back == wall else "gap"


def _overlap(left: Sequence[Range], right: Sequence[Range]) -> List[Range]:
    return [(max(a, c), min(b, d)) for a, b in left for c, d in right if max(a, c) <= min(b, d)]


def _falls(span: Range, weekdays: Set[int]) -> bool:
    return any((span[0] + dt.timedelta(days=n)).weekday() in weekdays for n in range(min((span[1] - span[0]).days + 1, 7)))


def _listed(rest: Sequence[str]) -> bool:
    """Whether a comma stands inside a list that goes on with "or" or "and" before the next clause."""
    for word in rest:
        if word in ("or", "and", "nor"):
            return True
        if word in (",", ";", "but", "not", "bad"):
            return False
    return False


_CALENDAR = re.compile(
    r"[WPMODSTAX]\d|N\d+$|(?:odd|tomorrow|today|weekend|weekdays?|weekof|weeklater|weekafternext|fortnight|early|mid|late)$|(?:early|mid|late)of$|restof$"
)
# What ends a clause, and what opens one that gives a reason or draws a conclusion.
REASONS = ("so", "because")
CLAUSES = (",", ";", "but", "-", "correct", *REASONS)
MOVES = set(
    "move moved change switch push bring shift it me appointment booking up come go over reschedule rebook one mine that get us put like want need prefer".split()
)
# Alone they hint at a time that was meant but not named.
HINTS = set(
    """autumn birthday christmas diwali earlier easter eid fortnight halfterm holi holiday holidays later month months next payday ramadan soon sooner spring
    summer thanksgiving week weekend weeklater weeks winter xmas year""".split()
)


def read(text: str, now: dt.datetime, order: str = "dmy", hours: Minutes = HOURS) -> Union[Wish, Unclear, None]:
    """When the person would like to come. `now`: aware, in the clinic's zone; `order`: how the clinic writes 03/04, "dmy" or "mdy";
    `hours`: earliest opening and latest closing of the clinic in minutes after midnight.

    A `Wish`, or `Unclear` with the question to ask back, or None when the text names no time.
    """
    if len(text) > 400:
        text = text[:400]
    return Reader(now, order, hours).read(text)
