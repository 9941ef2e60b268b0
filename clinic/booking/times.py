"""Wall-clock times as moments: stored in UTC, spoken in the clinic's zone, right when the clocks change."""

import datetime as dt
from typing import Optional
from zoneinfo import ZoneInfo

UTC = dt.timezone.utc


def wall(moment: dt.datetime, zone: str) -> dt.datetime:
    """The clinic's clock at an aware `moment`."""
    return moment.astimezone(ZoneInfo(zone))


def moment(day: dt.date, time: dt.time, zone: str, second: bool = False) -> dt.datetime:
    """The UTC moment at which the clinic's clock shows `time` on `day`.

    A time that the clocks jump over becomes the moment of the jump. A time that comes twice is the first, or with `second` the second.
    """
    local = dt.datetime.combine(day, time, tzinfo=ZoneInfo(zone)).replace(fold=int(second))
    if exists(day, time, zone):
        return local.astimezone(UTC)
    # Inside the gap fold=0 still counts with the offset before it, so it lands as far behind the jump as the time is behind the gap's start.
    before, after = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    assert before is not None and after is not None
    landed, gap = local.replace(fold=0).astimezone(UTC), after - before
    low, high = landed - gap, landed
    while high - low > dt.timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(ZoneInfo(zone)).utcoffset() == before else (low, middle)
    return high.replace(microsecond=0)


def exists(day: dt.date, time: dt.time, zone: str) -> bool:
    """False for a time that the clocks jump over."""
    local = dt.datetime.combine(day, time, tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


def comes_twice(moment: dt.datetime, zone: str) -> bool:
    """True if the clinic's clock shows this time twice that day."""
    local = wall(moment, zone)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def spoken(moment: dt.datetime, zone: str, home: Optional[str] = None) -> str:
    """ "Tuesday 31 March 2026 at 10:30, London time". With `home`, a zone where the clock shows something else, also the time there."""
    local = wall(moment, zone)
    # On the night the clocks go back, 01:30 alone would name two moments.
    twice = f" ({local:%Z})" if comes_twice(moment, zone) else ""
    text = f"{local:%A} {local.day} {local:%B %Y} at {local:%H:%M}{twice}, {place(zone)} time"
    if home and (there := wall(moment, home)).replace(tzinfo=None) != local.replace(tzinfo=None):
        text += f" ({there:%A} {there:%H:%M} in {place(home)})"
    return text


def place(zone: str) -> str:
    """ "America/New_York" → "New York"."""
    return zone.rsplit("/", 1)[-1].replace("_", " ")
