"""Which free times are shown for a wish: pure functions over slots, plain dictionaries as `Slot.to_json` makes them."""

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple
from zoneinfo import ZoneInfo

from actions.when_words import PARTS
from actions.wish import MONTH_NAMES, Option, Wish, day_text, short_day

MOST = 5  # buttons of days or times at once
FEW = 6  # so many times are shown without asking for a day or a part of it first
SPLIT = 8  # from so many on one day the part of the day is asked

Slot = Dict[str, Any]
_SPOKEN = {"morning": "morning", "afternoon": "afternoon", "evening": "evening"}


def start_of(slot: Mapping[str, Any]) -> dt.datetime:
    """The start on the clinic's clock."""
    return dt.datetime.fromisoformat(slot["start"]).astimezone(ZoneInfo(slot["zone"]))


def spoken(slot: Mapping[str, Any]) -> str:
    """ "Thursday 2 April 2026, 10:30"."""
    start = start_of(slot)
    return f"{day_text(start.date())}, {start:%H:%M}"


def zone_name(slot: Mapping[str, Any]) -> str:
    """ "London time"."""
    return str(slot["zone"]).rsplit("/", 1)[-1].replace("_", " ") + " time"


def short(day: dt.date) -> str:
    """A day for a button, at most 20 characters on every platform."""
    return f"{short_day(day)[:3]} {day.day} {MONTH_NAMES[day.month - 1][:3]}"


@dataclass(frozen=True)
class Offer:
    """What to show: `kind` is days, part, slots or none; `slots` those behind it, `buttons` as (title, what is said by pressing)."""

    kind: str
    slots: Tuple[Slot, ...] = ()
    buttons: Tuple[Tuple[str, str], ...] = ()
    day: Optional[dt.date] = None
    nearest: bool = False  # nothing fits the wish; these are near it
    more: bool = False


def matching(slots: Sequence[Slot], wish: Wish) -> List[Slot]:
    return [slot for slot in slots if wish.matches(start_of(slot).replace(tzinfo=None))]


def refine(old: Optional[Wish], new: Wish) -> Wish:
    """A new wish in the light of the former: a day keeps the time of day said before, a time keeps the day."""
    if old is None or old.free:
        return new
    has_day = any(o.dates or o.weekdays for o in new.options)
    has_time = any(o.times for o in new.options)
    if new.options and has_time and not has_day:
        days = tuple(Option(o.dates, o.weekdays, t.times) for o in old.options for t in new.options) if old.options else new.options
        return Wish(days, (*old.without, *new.without), new.asap, new.words)
    if new.options and has_day and not has_time:
        times = tuple(sorted({span for o in old.options for span in o.times})) if all(o.times for o in old.options) else ()
        return Wish(tuple(replace(o, times=times) for o in new.options), tuple(o for o in old.without if o.times), new.asap, new.words)
    if not new.options and new.without:
        return Wish(old.options, (*old.without, *new.without), new.asap, new.words)
    return new


def offer(slots: Sequence[Slot], wish: Wish, page: int = 0, first: bool = False) -> Offer:
    """What to show of the free `slots` (in order of time). `page`: how often others were asked for; `first`: nothing was wished yet."""
    fitting = matching(slots, wish)
    if not fitting:
        near = nearest(slots, wish)
        return replace(_slots(near, page), nearest=True) if near else Offer("none")
    days = list(dict.fromkeys(start_of(s).date() for s in fitting))
    if wish.asap and not first:
        return _slots(fitting, page)
    if len(days) > 1 and (len(fitting) > FEW or first):
        shown = days[page * MOST : (page + 1) * MOST]
        if not shown:
            return Offer("none")
        buttons = tuple((short(day), day_text(day)) for day in shown)
        return Offer("days", tuple(s for s in fitting if start_of(s).date() in shown), buttons, more=len(days) > (page + 1) * MOST)
    if len(days) == 1 and len(fitting) >= SPLIT and page == 0:
        parts = [name for name in _SPOKEN if matching(fitting, Wish((Option(times=(PARTS[name],)),)))]
        if len(parts) > 1:
            return Offer("part", tuple(fitting), tuple((name.capitalize(), name) for name in parts), days[0])
    return _slots(fitting, page)


def _slots(slots: Sequence[Slot], page: int) -> Offer:
    shown = list(slots)[page * MOST : (page + 1) * MOST] if len(slots) > FEW or page else list(slots)[:FEW]
    if not shown:
        return Offer("none")
    days = {start_of(s).date() for s in shown}
    buttons = tuple((f"{start_of(s):%H:%M}" if len(days) == 1 else f"{short(start_of(s).date())}, {start_of(s):%H:%M}", _said(s)) for s in shown)
    return Offer("slots", tuple(shown), buttons, next(iter(days)) if len(days) == 1 else None, more=len(slots) > page * MOST + len(shown))


def _said(slot: Slot) -> str:
    start = start_of(slot)
    return f"{day_text(start.date())} at {start:%H:%M}"


def nearest(slots: Sequence[Slot], wish: Wish) -> List[Slot]:
    """The free times nearest to a wish that nothing fits: other times of its days, else its time of day on the days after."""
    same_days = matching(slots, wish.days_only())
    if same_days and not wish.days_only().free:
        minutes = [m for o in wish.options for span in o.times for m in (span[0], min(span[1], 1200))]

        def distance(slot: Slot) -> int:
            start = start_of(slot)
            return min((abs(start.hour * 60 + start.minute - m) for m in minutes), default=0)

        return sorted(sorted(same_days, key=distance)[:MOST], key=start_of)
    times = tuple(span for o in wish.options for span in o.times)
    begin = min((a for o in wish.options for a, _ in o.dates), default=None)
    later = [s for s in slots if begin is None or start_of(s).date() >= begin] or list(slots)
    timed = matching(later, Wish((Option(times=times),))) if times else later
    return (timed or later)[:MOST]


STEP = dt.timedelta(minutes=15)


def nearest_open(wish: Wish, hours: Sequence[Tuple[dt.datetime, dt.datetime]]) -> Optional[Tuple[dt.date, dt.time]]:
    """None when the clinic is open at some time that is wished for; else the opening time nearest to the wish. `hours`: (start, end) in
    order, on the clinic's clock. None as well when there are no hours to tell of."""
    starts: List[dt.datetime] = []
    for opens, closes in hours:
        at = opens
        while at < closes:
            starts.append(at)
            at += STEP
    if not starts or any(wish.matches(at) for at in starts):
        return None
    wanted = [dt.datetime.combine(a, dt.time(t[0] // 60, t[0] % 60)) for o in wish.options for a, _ in o.dates for t in (o.times or ((0, 1439),))]
    first = min(wanted, default=None)
    if first is None:
        days = {d for o in wish.options for d in o.weekdays}
        first = next((dt.datetime.combine(d, dt.time()) for d in (starts[0].date() + dt.timedelta(days=n) for n in range(7)) if d.weekday() in days), starts[0])
    # whole days are what people plan by: the first opening at or after the wish, or the last before it where nothing follows
    later = [opens for opens, _ in hours if opens >= first]
    best = later[0] if later else hours[-1][0]
    return best.date(), best.time()


_ORDINALS = {w: n for n, w in enumerate("first second third fourth fifth sixth".split())} | {
    f"{n + 1}{s}": n for n, s in enumerate("st nd rd th th th".split())
}
_NUMBER_WORDS = {w: n for n, w in enumerate("one two three four five six".split(), start=1)}
_DIGIT = rf"[1-9]|{'|'.join(_NUMBER_WORDS)}"
_COUNTED = re.compile(rf"\b(?:number|option|choice|no\.?|#)\s*({_DIGIT})\b|^\W*({_DIGIT})(?:\s*(?:please|pls))?\W*$")
_LETTER = re.compile(r"^\W*(?:the |i'?ll (?:take|have) )?(?:(?:option|choice|answer|letter)\s+([a-f])|\(?([b-f])\)?)(?:\s*(?:please|pls))?\W*$")
_LEADS = (
    r"(?:ok |okay |yes |yeah |um |hmm |so |well |maybe |probably )*"
    r"(?:(?:the|take|pick|choose|want|prefer|like|i|i'?ll|i'?d|have|go|let'?s|with|for|could|can) )*"
)
_ORDINAL = re.compile(
    rf"^\W*{_LEADS}({'|'.join(_ORDINALS)}|last|earliest|latest|top|bottom|former|latter)"
    r"(?: one| option| choice| time| slot| button)*(?: please| pls| thanks| then)*\W*$"
)


def pick(text: str, menu: Sequence[Sequence[str]]) -> Optional[int]:
    """Which entry of a menu of (title, said) is meant by its title, its number or its place ("the second one"); None for none."""
    said = " ".join(text.split()).casefold().strip(" .!")
    for n, (title, payload) in enumerate(menu):
        if said in (title.casefold(), payload.casefold()):
            return n
    if match := _ORDINAL.match(said):
        last = len(menu) - 1
        place = {"last": last, "latest": last, "bottom": last, "latter": last, "earliest": 0, "top": 0, "former": 0}.get(match[1], _ORDINALS.get(match[1], -1))
        return place if 0 <= place < len(menu) else None
    if match := _COUNTED.search(said):
        word = match[1] or match[2]
        number = (_NUMBER_WORDS.get(word) or int(word)) - 1
        return number if 0 <= number < len(menu) else None
    if match := _LETTER.match(said):
        number = ord(match[1] or match[2]) - ord("a")
        return number if 0 <= number < len(menu) else None
    return None
