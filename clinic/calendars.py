"""Calendar files (RFC 5545): one for the person, one for the clinic's diary. Titles and texts carry no health data."""

import datetime as dt

import icalendar

from clinic import references, texts
from clinic.booking.slots import Slot
from knowledge.practice import Practice

PRODUCT = "-//Stria//booking//EN"


def uid(reference: str) -> str:
    """The same through every change of a booking."""
    return f"{reference.lower()}@booking.stria"


def for_person(reference: str, slot: Slot, sequence: int, practice: Practice, changed: dt.datetime, cancelled: bool = False) -> str:
    """What the person puts into their own calendar; with a higher `sequence` it replaces what they put there before. `changed`: when the record last did."""
    event = _event(reference, slot, sequence, changed, cancelled)
    words = {"clinic": practice.name, "reference": references.shown(reference), "phone": practice.phone}
    event.add("summary", texts.CALENDAR["title"].format(**words))
    event.add("location", practice.address)
    event.add("description", texts.CALENDAR["description"].format(**words))
    if not cancelled:
        alarm = icalendar.Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", texts.CALENDAR["title"].format(**words))
        alarm.add("trigger", dt.timedelta(hours=-3))
        event.add_component(alarm)
    return _file(event, "CANCEL" if cancelled else "PUBLISH")


def for_diary(reference: str, slot: Slot, sequence: int, link: str, now: dt.datetime) -> str:
    """What stands in the clinic's calendar: the reference and where to look it up behind a login."""
    event = _event(reference, slot, sequence, now, False)
    event.add("summary", texts.CALENDAR["diary_title"].format(reference=references.shown(reference)))
    event.add("description", link)
    return _file(event, None)


def _event(reference: str, slot: Slot, sequence: int, now: dt.datetime, cancelled: bool) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", uid(reference))
    event.add("dtstamp", now)
    # UTC, so that no time-zone table of any calendar program can shift the appointment.
    event.add("dtstart", slot.start)
    event.add("dtend", slot.end)
    event.add("sequence", sequence)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    return event


def _file(event: icalendar.Event, method: str | None) -> str:
    file = icalendar.Calendar()
    file.add("prodid", PRODUCT)
    file.add("version", "2.0")
    if method:
        file.add("method", method)
    file.add_component(event)
    return str(file.to_ical().decode())
