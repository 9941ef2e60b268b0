"""Who may open what, and the list of who did. A page names the permissions it needs; without them there is nothing."""

import time
from functools import wraps
from typing import Any, Callable, Dict, Optional

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from clinic import sealing
from clinic.models import Handoff
from clinic.review.masking import mask
from clinic.review.models import Access, Talk

UNMASKED_FOR = 15 * 60  # seconds in which the original words of one session may be seen without another reason
MOST_REASON = 200


def needs(*permissions: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For a view: staff who are logged in and have all of `permissions` ("review.view_talk"); others are sent to the login or refused."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(request: HttpRequest, *arguments: Any, **named: Any) -> Any:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not request.user.is_active or not request.user.is_staff or not request.user.has_perms(permissions):
                raise PermissionDenied
            return view(request, *arguments, **named)

        guarded.permissions = permissions  # type: ignore[attr-defined]
        return guarded

    return decorate


def note(request: HttpRequest, what: str, talk: Optional[int] = None, **detail: Any) -> None:
    """Add a line to the list of looks. What staff typed is masked: a search for a name must not write the name down."""
    clean: Dict[str, Any] = {key: mask(value) if isinstance(value, str) else value for key, value in detail.items()}
    Access.objects.create(actor=request.user.get_username(), what=what, talk=talk, detail=clean)


def searched(request: HttpRequest, words: str) -> None:
    """That somebody searched. The words themselves may be somebody's own and would outlive them here; the digest answers "who looked for …?"."""
    Access.objects.create(actor=request.user.get_username(), what="search", detail={"digest": sealing.digest("search", " ".join(words.casefold().split()))})


def answering(request: HttpRequest, talk: Talk) -> bool:
    """Whether this member of staff is talking in the conversation now; whoever answers a person reads what they write."""
    return (
        request.user.has_perm("review.take_talk")
        and Handoff.objects.filter(conversation=talk.conversation_id, status="taken", taken_by=request.user.pk).exists()
    )


def unmask(request: HttpRequest, talk: Talk, reason: str) -> None:
    """Open the original words of a session to this login for a while. Raises PermissionDenied without the permission, ValueError without a reason."""
    if not request.user.has_perm("review.unmask_talk"):
        raise PermissionDenied
    reason = " ".join(reason.split())[:MOST_REASON]
    if len(reason) < 8:
        raise ValueError("Please say in a few words why you need the original words.")
    note(request, "unmask", talk.pk, reason=reason)
    granted = {key: until for key, until in request.session.get("unmasked", {}).items() if until > time.time()}
    request.session["unmasked"] = {**granted, str(talk.pk): time.time() + UNMASKED_FOR}


def sees_original(request: HttpRequest, talk: Talk) -> str:
    """Why the original words may be seen now: "reason" or "answering"; empty when they may not."""
    if answering(request, talk):
        return "answering"
    until = request.session.get("unmasked", {}).get(str(talk.pk), 0)
    return "reason" if until > time.time() and request.user.has_perm("review.unmask_talk") else ""
