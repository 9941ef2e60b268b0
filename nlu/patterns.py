"""Entities that have a form instead of a word list: phone, e-mail, booking reference, duration, date, time, part of day.

The booking conversation does the real reading of dates and times; here they are only marked, so that other parts know they are there.
"""

import re
from typing import Any, Dict, Iterator, List

_NUMBER = r"(?:\d+(?:\.\d+)?|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|couple of|a couple of|few|a few|several)"
_DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?s?"
_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"

# Order is precedence: an earlier entity keeps its place.
_FORMS = [
    ("email", re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")),
    ("booking_reference", re.compile(r"\b(?:ref(?:erence)?\.?\s*(?:no\.?|number)?\s*(?:is\s*)?:?\s*)?[A-Z]{2,4}-[A-Z0-9]{4,8}\b")),
    ("date", re.compile(r"\b\d{4}-\d\d-\d\d\b|\b\d{1,2}[.-]\d{1,2}[.-](?:19|20)\d\d\b")),
    ("phone", re.compile(r"(?<![\w.])\+?\(?\d[\d\s().-]{7,17}\d(?!\w)")),
    ("date", re.compile(rf"\b\d{{1,2}}/\d{{1,2}}(?:/\d{{2,4}})?\b|\b\d{{1,2}}[.-]\d{{1,2}}[.-]\d{{2,4}}\b|\b\d{{4}}-\d\d-\d\d\b|\b\d{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}\b(?:\s+\d{{4}})?|\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?\b", re.I)),
    ("time", re.compile(r"(?<![\d.£$€])\b(?:[01]?\d|2[0-3]):[0-5]\d\b\s*(?:[ap]\.?m\b\.?)?|(?<![\d.£$€])\b(?:[01]?\d|2[0-3])\.[0-5]\d(?!\d)(?!\s*(?:mm|cm|kg|%|each|per|pounds|quid))\s*(?:[ap]\.?m\b\.?)?|\b(?:1[0-2]|0?[1-9])\s*[ap]\.?m\b\.?|\bhalf (?:past )?(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\d{1,2})\b|\bnoon\b|\bmidday\b", re.I)),
    ("duration", re.compile(rf"\b{_NUMBER}\s*(?:more\s+)?(?:min(?:ute)?|hour|hr|day|night|week|wk|fortnight|month|mth|year|yr)s?\b", re.I)),
    ("date", re.compile(rf"\b(?:(?:next|this|last|on|every)\s+)?{_DAY}\b|\b(?:today|tonight|tomorrow|yesterday|day after tomorrow)\b|\b(?:next|this|last)\s+(?:week(?:end)?|month|year|{_MONTH})\b|\b(?:since|in|until|by)\s+{_MONTH}\b|\b(?:19|20)\d\d\b", re.I)),
    ("part_of_day", re.compile(r"\b(?:early |late )?(?:mornings?|afternoons?|evenings?|lunch ?time)\b|\bafter (?:work|school)\b", re.I)),
]  # fmt: skip
_NOT_A_DAY = {"sun", "sat", "mon", "wed", "on sun", "this sun"}  # "sun" is mostly the sun, "sat" a verb


def find(text: str) -> List[Dict[str, Any]]:
    """Entities by form, non-overlapping, in the order of precedence: `entity`, `start`, `end`, `value`, `text`."""
    found: List[Dict[str, Any]] = []
    for label, match in _matches(text):
        start, end = match.span()
        if any(start < e["end"] and e["start"] < end for e in found):
            continue
        found.append({"entity": label, "start": start, "end": end, "value": " ".join(match.group().lower().split()), "text": match.group()})
    return found


def _matches(text: str) -> Iterator[Any]:
    for label, form in _FORMS:
        for match in form.finditer(text):
            if label == "date" and match.group().lower() in _NOT_A_DAY:
                continue
            if label == "phone" and sum(c.isdigit() for c in match.group()) < 8:
                continue
            yield label, match
