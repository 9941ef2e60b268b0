"""The desk's menu: what this login may open, with what waits there."""

from typing import Any, Dict, List

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from clinic.models import Handoff, Message, Request
from clinic.review.models import Correction

# (key, title, address, permission)
PAGES = (
    ("inbox", "Inbox", "review:inbox", "review.view_talk"),
    ("diary", "Diary", "review:diary", "clinic.view_booking"),
    ("requests", "Requests", "review:requests", "clinic.view_request"),
    ("undelivered", "Undelivered", "review:undelivered", "clinic.view_message"),
    ("figures", "Figures", "review:figures", "review.see_figures"),
    ("corrections", "Corrections", "review:corrections", "review.correct_talk"),
    ("log", "Who looked", "review:log", "review.view_access"),
)


def menu(request: HttpRequest) -> Dict[str, Any]:
    """A context processor; it does nothing on other pages than the desk's."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not request.path.startswith("/staff/") or request.path.startswith("/staff/admin/"):
        return {}
    items: List[Dict[str, Any]] = []
    for key, title, address, permission in PAGES:
        if user.has_perm(permission):
            items.append(
                {
                    "title": title,
                    "url": reverse(address),
                    "here": request.path.startswith(reverse(address)) or (key == "inbox" and "/desk/talks/" in request.path),
                    **_waiting(key),
                }
            )
    return {"nav": items}


def _waiting(key: str) -> Dict[str, Any]:
    if key == "inbox":
        waiting = list(Handoff.objects.filter(status="open").values_list("urgency", flat=True)[:100])
        return {"count": len(waiting), "loud": "urgent" in waiting, "counted": "waiting for a person"}
    if key == "requests":
        due = list(Request.objects.filter(status="open").values_list("due", flat=True)[:100])
        return {"count": len(due), "loud": any(day < timezone.localdate() for day in due), "counted": "open"}
    if key == "undelivered":
        return {"count": Message.objects.filter(state="failed").count(), "counted": "not delivered"}
    if key == "corrections":
        return {"count": Correction.objects.filter(patched_at=None).count(), "counted": "not in a patch"}
    return {}
