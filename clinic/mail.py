"""Mails about bookings, hand-offs and requests: written when they leave, from what is true then."""

import datetime as dt
import re
import string
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Dict, Mapping, Optional

from django.conf import settings

from clinic import calendars, links, models, references, texts
from clinic.booking.slots import Slot
from clinic.booking.times import wall
from knowledge.practice import Practice

# Python breaks a long address of a link into encoded words, which nobody unsubscribes with: lines may be as long as mail allows.
POLICY = SMTP.clone(max_line_length=998)
REMINDERS = ("reminder_48", "reminder_3")


class Undeliverable(Exception):
    """It can never be sent; the text says why, without the address."""


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with its `{names}` filled in. A line that needs a value there is none of is left out, and never two empty lines stay."""
    lines = []
    for line in text.split("\n"):
        names = {name for _, name, _, _ in string.Formatter().parse(line) if name} - {"name"}
        if all(values.get(name) for name in names):
            lines.append(line.format(**{"name": "", **values}))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def message_id(message: models.Message, practice: Practice) -> str:
    """The same at every attempt, so that a copy sent twice is one mail to whoever receives it."""
    name = f"{message.subject}.{message.sequence}.{message.about}.{message.recipient}".lower()
    return f"<{name}@{_sender(practice).rpartition('@')[2]}>"


def compose(message: models.Message, practice: Practice, now: dt.datetime) -> Optional[EmailMessage]:
    """The mail, or None when it is no longer needed. Raises Undeliverable."""
    booking = models.Booking.objects.select_related("slot").filter(reference=message.subject).first()
    if booking is not None:
        return _about_booking(message, booking, practice, now)
    record = models.Request.objects.filter(reference=message.subject).first() or models.Handoff.objects.filter(reference=message.subject).first()
    if record is None:
        return None
    kind = "request" if isinstance(record, models.Request) else "handoff"
    due = record.due if isinstance(record, models.Request) else None
    values = {
        "reference": references.shown(record.reference),
        "link": links.to(kind, record.reference),
        "due": f"{due:%A} {due.day} {due:%B %Y}" if due else "",
    }
    return _to_clinic(message, practice, values, now)


def _about_booking(message: models.Message, booking: models.Booking, practice: Practice, now: dt.datetime) -> Optional[EmailMessage]:
    if booking.slot is None:
        return None
    slot = Slot(booking.slot.starts, booking.slot.practitioner, booking.slot.ends, booking.slot.zone)
    values = {
        "reference": references.shown(booking.reference),
        "when": slot.spoken,
        "practitioner": slot.practitioner,
        "link": links.to("booking", booking.reference),
    }
    if message.recipient == "clinic":
        return _to_clinic(message, practice, values, now)
    # What has been overtaken by a later change is not sent, and nobody is reminded of the past.
    reminder = message.about in REMINDERS
    if message.sequence != booking.sequence or slot.start <= now or (reminder and (booking.status != "confirmed" or not booking.reminders)):
        return None
    contact: Dict[str, Any] = booking.contact or {}
    if not contact.get("email"):
        return None
    name = " ".join(str(contact.get("name") or "").split())
    values.update(
        name=f" {name}" if name else "",
        clinic=practice.name,
        address=practice.address,
        phone=practice.phone,
        website=practice.website,
        bring=practice.bring,
        cancellation_hours=f"{practice.cancellation_hours:g}",
        stop_link=links.stop_reminders(booking.reference),
    )
    subject, body = texts.TO_PERSON[message.about]
    mail = _mail(message, practice, now, fill(subject, values), fill(body, values))
    try:
        mail["To"] = Address(name, addr_spec=str(contact["email"]).strip())
    except (ValueError, IndexError) as error:
        raise Undeliverable("the e-mail address cannot be read") from error
    if reminder:
        mail["List-Unsubscribe"] = f"<{values['stop_link']}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    else:
        cancelled = message.about == "cancelled"
        file = calendars.for_person(booking.reference, slot, booking.sequence, practice, booking.updated, cancelled)
        method = "CANCEL" if cancelled else "PUBLISH"
        mail.add_attachment(file.encode(), "text", "calendar", filename="appointment.ics", params={"method": method, "charset": "utf-8"})
    return mail


def _to_clinic(message: models.Message, practice: Practice, values: Mapping[str, str], now: dt.datetime) -> EmailMessage:
    subject, first = texts.TO_CLINIC[message.about]
    mail = _mail(message, practice, now, fill(subject, values), fill(first + texts.CLINIC_TAIL, values))
    mail["To"] = practice.email
    if message.about == "handoff_urgent":
        mail["Importance"] = "high"
    return mail


def _mail(message: models.Message, practice: Practice, now: dt.datetime, subject: str, body: str) -> EmailMessage:
    mail = EmailMessage(policy=POLICY)
    mail["Subject"] = subject.strip()
    mail["From"] = Address(practice.name, addr_spec=_sender(practice))
    mail["Date"] = format_datetime(wall(now, practice.zone))
    mail["Message-ID"] = message_id(message, practice)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body)
    return mail


def _sender(practice: Practice) -> str:
    return settings.MAIL_FROM or practice.email
