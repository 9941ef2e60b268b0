"""Taking over: staff answer a person in their own channel while the bot is quiet. The rules are `clinic.services.handoffs`."""

import asyncio
import datetime as dt
import json
from functools import lru_cache
from typing import Any, AsyncIterator, Dict, List
from uuid import uuid4

import yaml
from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from clinic.models import Handoff
from clinic.review import access
from clinic.review.access import needs
from clinic.review.models import Message, Talk
from clinic.services import handoffs
from knowledge.practice import PRACTICE, ROOT

LONGEST = 2000  # characters of one message
LOOK_EVERY = 0.7  # seconds between looks for new messages of an open page
STREAM_FOR = 240.0  # seconds, after which the browser connects anew and is checked again
# Platforms on which nobody may be written to so long after their last message; docs/channels.md says what becomes of a text then.
WINDOWS = {"whatsapp": dt.timedelta(hours=24), "messenger": dt.timedelta(hours=24)}
REPLIES = ROOT / "data" / "desk" / "replies.yml"


@lru_cache(maxsize=4)
def _replies(stamp: int) -> List[Dict[str, str]]:
    return list(yaml.safe_load(REPLIES.read_text(encoding="utf-8"))["replies"])


def replies() -> List[Dict[str, str]]:
    """Canned answers, `title` and `text`, with the clinic's own words filled in."""
    practice = PRACTICE.get()
    words = {"clinic": practice.name, "phone": practice.phone, "email": practice.email, "address": practice.address}
    return [{"title": row["title"], "text": row["text"].format(**words)} for row in _replies(REPLIES.stat().st_mtime_ns)]


def context(request: HttpRequest, handoff: Handoff) -> Dict[str, Any]:
    """What the box below a dialogue needs."""
    mine = handoff.status == "taken" and handoff.taken_by_id == request.user.pk
    return {"mine": mine, "replies": replies() if mine else [], "key": uuid4().hex, "longest": LONGEST, "late": _late(handoff)}


def _late(handoff: Handoff) -> bool:
    """Whether the platform allows no message now."""
    last = Message.objects.filter(talk__conversation=handoff.conversation_id, who="person").order_by("-at").values_list("talk__channel", "at").first()
    return last is not None and last[0] in WINDOWS and timezone.now() - last[1] > WINDOWS[last[0]]


def _page(handoff: Handoff, anchor: str = "") -> HttpResponse:
    talk = Talk.objects.filter(conversation=handoff.conversation_id).order_by("-pk").values_list("pk", flat=True).first()
    return redirect(reverse("review:talk", args=[talk]) + anchor if talk else reverse("review:inbox"))


@require_POST
@needs("review.take_talk", "clinic.change_handoff")
def take(request: HttpRequest, reference: str) -> HttpResponse:
    handoff = get_object_or_404(Handoff, reference=reference)
    try:
        handoffs.take(handoff, request.user)
        access.note(request, "take", detail=reference)
    except handoffs.AlreadyTaken as error:
        messages.error(request, f"{error.by} is talking to this person already.")
    return _page(handoff, "#answer")


# Why words of staff were not sent, by what the channel says of itself.
NOT_REACHED = {
    "WindowClosed": "It is too long since this person wrote: their app lets us answer only for a while. Please call them.",
    "Gone": "This person asked for no more messages, or blocked us. Please call them if they need an answer.",
    "": "The chat cannot be reached now. Please try again, or call the person.",
}


@require_POST
@needs("review.take_talk", "clinic.change_handoff")
def write(request: HttpRequest, reference: str) -> HttpResponse:
    """Say something to the person. The key of the form keeps a second press from saying it twice."""
    handoff = get_object_or_404(Handoff, reference=reference)
    text = str(request.POST.get("text") or "")
    try:
        handoffs.write(handoff, request.user, text, str(request.POST.get("key") or ""))
        access.note(request, "write", detail=reference)
    except handoffs.NotYours as error:
        messages.error(
            request, f"{error.by} is talking to this person now. Nothing was sent." if error.by else "Take the conversation first. Nothing was sent."
        )
    except handoffs.NotReached as error:
        messages.error(request, f"{NOT_REACHED.get(str(error), NOT_REACHED[''])} Nothing was sent.")
    except ValueError as error:
        messages.error(request, str(error))
    return _page(handoff, "#answer")


@require_POST
@needs("review.take_talk", "clinic.change_handoff")
def give_back(request: HttpRequest, reference: str) -> HttpResponse:
    handoff = get_object_or_404(Handoff, reference=reference)
    if handoff.status == "taken" and handoff.taken_by_id != request.user.pk and not request.user.has_perm("clinic.erase_person"):
        raise PermissionDenied  # only a manager ends somebody else's
    (handoffs.give_back if handoff.status == "taken" else handoffs.close)(handoff, request.user)
    access.note(request, "give back", detail=reference)
    messages.success(request, "Done. The assistant answers again.")
    return _page(handoff)


def _new(request: HttpRequest, talk: Talk, after: int) -> List[Dict[str, Any]]:
    """Messages after an event, as pieces of the page, and what has changed about who talks."""
    from clinic.review import titles
    from clinic.review.views import shown

    said, why = shown(request, talk, after)
    intents = sorted(titles.intents().items(), key=lambda row: row[1].casefold()) if request.user.has_perm("review.correct_talk") else []
    found = [
        {"event": m.event, "who": m.who, "html": render_to_string("review/message.html", {"message": m, "why": why, "intents": intents}, request=request)}
        for m in said
    ]
    connection.close_if_unusable_or_obsolete()
    return found


@require_GET
async def live(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """Server-sent events: each new message of an open conversation. Ends after a while, so that a login that has ended is noticed."""
    talk = await sync_to_async(_allowed)(request, pk)
    after = int(given) if (given := request.headers.get("Last-Event-ID") or request.GET.get("after") or "0").isdigit() else 0
    response = StreamingHttpResponse(_stream(request, talk, after), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


@needs("review.view_talk")
def _allowed(request: HttpRequest, pk: int) -> Any:
    return get_object_or_404(Talk, pk=pk)


async def _stream(request: HttpRequest, talk: Any, after: int) -> AsyncIterator[bytes]:
    if not isinstance(talk, Talk):  # the login page, for a session that has ended
        yield b"event: ended\ndata: {}\n\n"
        return
    yield b"retry: 1500\n\n"
    loop = asyncio.get_running_loop()
    until, quiet = loop.time() + STREAM_FOR, loop.time()
    while loop.time() < until:
        if await sync_to_async(_newest)(talk.pk) > after:
            for row in await sync_to_async(_new)(request, talk, after):
                after = row["event"]
                yield f"id: {after}\nevent: said\ndata: {json.dumps(row)}\n\n".encode()
                quiet = loop.time()
        elif loop.time() - quiet > 15:
            yield b": still here\n\n"
            quiet = loop.time()
        await asyncio.sleep(LOOK_EVERY)


def _newest(talk: int) -> int:
    found = Message.objects.filter(talk=talk).order_by("-event").values_list("event", flat=True).first()
    return found or 0


@require_GET
@needs("review.view_talk", "review.correct_talk")
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """A form for a word or detail that was missed."""
    from clinic.review.patches import vocabularies

    message = get_object_or_404(Message.objects.select_related("talk"), pk=pk, who="person")
    return render(
        request, "review/detail.html", {"message": message, "vocabularies": vocabularies().items(), "query": request.GET.urlencode(), "here": "inbox"}
    )
