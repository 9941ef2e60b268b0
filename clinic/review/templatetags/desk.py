"""How the desk's pages show ages, chances and names."""

import datetime as dt
from typing import Any, List, Optional, Tuple
from urllib.parse import parse_qsl

from django import template

from clinic.review import titles
from clinic.review.models import Talk
from knowledge.practice import PRACTICE

register = template.Library()
register.filter("intent", titles.intent)
register.filter("channel", titles.channel)
register.filter("about", titles.about)
register.filter("recipient", titles.recipient)


@register.simple_tag
def clinic_name() -> str:
    return PRACTICE.get().name


@register.filter
def percent(value: Any) -> str:
    return f"{100 * value:.0f} %" if isinstance(value, (int, float)) else "–"


@register.filter
def words(value: Any) -> str:
    """ "book: slot_taken" → "book: slot taken"."""
    return str(value).replace("action_", "").replace("_", " ")


@register.filter
def alarm(value: int) -> str:
    return dict(Talk.Alarm.choices).get(value, "")


@register.filter
def age(value: Optional[dt.datetime], now: dt.datetime) -> str:
    """How long ago, short: "4 min"."""
    if value is None:
        return "–"
    minutes = int(max(0.0, (now - value).total_seconds()) // 60)
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // 1440} days"


@register.filter
def waited(value: Optional[dt.datetime], now: dt.datetime) -> str:
    """How long somebody has waited: "waiting 4 min"."""
    shown = age(value, now)
    return "has just asked" if shown == "now" else f"waiting {shown}"


@register.filter
def pairs(query: str) -> List[Tuple[str, str]]:
    return parse_qsl(query)


@register.filter
def others(ranking: Any, intent: str) -> List[Tuple[str, float]]:
    """The next best meanings, for one-key correction."""
    return [(name, chance) for name, chance in (ranking or []) if name != intent and name in titles.intents()][:3]
