"""Addresses that may stand in a mail: of the staff's site, behind its login, and of the page that stops reminders."""

from django.conf import settings
from django.core import signing

PAGES = {"booking": "booking", "handoff": "handoff", "request": "request"}
_SALT = "clinic.reminders"


def to(kind: str, reference: str) -> str:
    """Where staff find a record; the address holds its reference and nothing else."""
    return f"{settings.PUBLIC_URL}/staff/find/{kind}/{reference}/"


def stop_reminders(reference: str) -> str:
    return f"{settings.PUBLIC_URL}/reminders/{signing.dumps(reference, salt=_SALT)}/"


def reference_of(token: str) -> str:
    """The reference of a `stop_reminders` address; empty if it was not made by us."""
    try:
        return str(signing.loads(token, salt=_SALT))
    except signing.BadSignature:
        return ""


def mail_is_set_up() -> bool:
    """Whether e-mail can leave at all."""
    return bool(settings.SMTP_HOST)
