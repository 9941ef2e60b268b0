"""The inbox and the conversation page: what staff use all day."""

import random
from typing import Any, Dict, List, Optional

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from clinic import references
from clinic.models import Booking, Conversation, Handoff, Request
from clinic.review import access, inbox, patches, titles
from clinic.review.access import needs
from clinic.review.keeping import known_of, places
from clinic.review.masking import mask
from clinic.review.models import Correction, Message, Note, Tag, Talk, View
from clinic.review.source import Source, SourceAway

MOST_TAGS = 12
BULK = ("reviewed", "unreviewed", "assign", "tag")


def back_to(request: HttpRequest, otherwise: str) -> HttpResponse:
    """Where a form came from, if that is ours."""
    target = str(request.POST.get("next") or "")
    return redirect(target if url_has_allowed_host_and_scheme(target, allowed_hosts=None) else otherwise)


def _who(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # `needs` lets nobody else in
    return request.user


def waiting(user: Any) -> List[Handoff]:
    """Everybody who needs a person, urgent first, then who has waited longest."""
    if not user.has_perm("clinic.view_handoff"):
        return []
    rows = Handoff.objects.exclude(status="closed").select_related("taken_by", "conversation")
    order = {"urgent": 0, "normal": 1}
    found = sorted(rows[:300], key=lambda h: (h.status == "taken" and h.taken_by_id != user.pk, order[h.urgency], h.created))
    latest: Dict[int, int] = {}
    for conversation, pk in Talk.objects.filter(conversation__in=[h.conversation_id for h in found]).order_by("pk").values_list("conversation", "pk"):
        latest[conversation] = pk
    for handoff in found:
        handoff.talk = latest.get(handoff.conversation_id)  # type: ignore[attr-defined]
        handoff.mine = handoff.taken_by_id == user.pk and handoff.status == "taken"  # type: ignore[attr-defined]
    return found


@require_GET
@needs("review.view_talk")
def inbox_page(request: HttpRequest) -> HttpResponse:
    filters = inbox.Filters.of(request.GET)
    talks, more = inbox.page(filters, request.user, str(request.GET.get("before") or ""))
    if filters.q:
        access.searched(request, filters.q)
    number = len(talks) if filters.sample is not None else inbox.count(filters, request.user)
    context = {
        "filters": filters,
        "talks": talks,
        "more": more,
        "count": f"{inbox.COUNTED:,}+" if number > inbox.COUNTED else f"{number:,}",
        "one": number == 1,
        "waiting": waiting(request.user) if not request.GET.get("before") else [],
        "views": View.objects.filter(owner=request.user.pk),
        "channels": [(name, titles.channel(name)) for name in _channels()],
        "intents": sorted(titles.intents().items(), key=lambda row: row[1].casefold()),
        "outcomes": Talk.Outcome.choices,
        "alarms": Talk.Alarm.choices[1:],
        "tags": Tag.objects.all(),
        "dice": f"{random.random():.6f}",  # noqa: S311 (a sample, no secret)
        "query": filters.query(),
        "now": timezone.now(),
        "here": "inbox",
    }
    return render(request, "review/inbox.html", context)


def _channels() -> List[str]:
    """The channels there are, by hops over the index: a DISTINCT would read every session."""
    found: List[str] = []
    last = ""
    while len(found) < 20:
        following = Talk.objects.filter(channel__gt=last).order_by("channel").values_list("channel", flat=True).first()
        if following is None:
            break
        found.append(following)
        last = following
    return found


@require_POST
@needs("review.view_talk", "review.sort_talk")
def bulk(request: HttpRequest) -> HttpResponse:
    """One thing done to all chosen sessions."""
    what = str(request.POST.get("what") or "")
    chosen = [int(pk) for pk in request.POST.getlist("talk") if pk.isdigit()][:200]
    if what in BULK and chosen:
        for talk in Talk.objects.filter(pk__in=chosen):
            _sort(request, talk, what, str(request.POST.get("tag") or ""))
        messages.success(request, f"{len(chosen)} conversation{'s' if len(chosen) > 1 else ''} changed.")
    return back_to(request, reverse("review:inbox"))


def _sort(request: HttpRequest, talk: Talk, what: str, value: str = "") -> None:
    user = _who(request)
    if what in ("reviewed", "unreviewed"):
        talk.reviewed_at, talk.reviewed_by = (timezone.now(), user) if what == "reviewed" else (None, None)
        talk.save(update_fields=["reviewed_at", "reviewed_by"])
    elif what == "assign":
        chosen = User.objects.filter(username=value, is_active=True, is_staff=True).first() if value else user
        talk.assignee = chosen
        talk.save(update_fields=["assignee"])
    elif what == "unassign":
        talk.assignee = None
        talk.save(update_fields=["assignee"])
    elif what == "tag" and (name := " ".join(mask(value).split())[:40].lower()) and talk.tags.count() < MOST_TAGS:
        talk.tags.add(Tag.objects.get_or_create(name=name)[0])
    elif what == "untag":
        talk.tags.remove(*talk.tags.filter(name=value))
    access.note(request, what, talk.pk, **({"value": value} if value else {}))


@require_POST
@needs("review.view_talk", "review.sort_talk")
def sort(request: HttpRequest, pk: int) -> HttpResponse:
    talk = get_object_or_404(Talk, pk=pk)
    what = str(request.POST.get("what") or "")
    if what in (*BULK, "unassign", "untag"):
        _sort(request, talk, what, str(request.POST.get("value") or ""))
    return back_to(request, reverse("review:talk", args=[pk]))


@require_POST
@needs("review.view_talk", "review.sort_talk")
def write_note(request: HttpRequest, pk: int) -> HttpResponse:
    talk = get_object_or_404(Talk, pk=pk)
    text = str(request.POST.get("text") or "").strip()[:2000]
    if text:
        Note.objects.create(talk=talk, author=_who(request), text=text)
        access.note(request, "note", pk)
    return back_to(request, reverse("review:talk", args=[pk]))


@require_POST
@needs("review.view_talk")
def save_view(request: HttpRequest) -> HttpResponse:
    name = " ".join(str(request.POST.get("name") or "").split())[:60]
    filters = inbox.Filters.of(request.POST)
    if request.POST.get("delete"):
        View.objects.filter(owner=request.user.pk, name=name).delete()
    elif name:
        View.objects.update_or_create(owner=_who(request), name=name, defaults={"query": filters.query()[:600]})
    return redirect(f"{reverse('review:inbox')}?{filters.query()}")


@require_GET
@needs("review.view_talk")
def talk_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The dialogue as the person saw it, beside what the assistant understood."""
    talk = get_object_or_404(Talk.objects.select_related("assignee", "reviewed_by", "conversation"), pk=pk)
    filters = inbox.Filters.of(request.GET)
    newer, older = inbox.neighbours(filters, request.user, talk)
    said, why = shown(request, talk)
    access.note(request, "view", talk.pk, **({"original": why} if why else {}))
    handoff = _handoff(request, talk.conversation)
    context = {
        "talk": talk,
        "said": said,
        "last": said[-1].event if said else 0,
        "why": why,
        "filters": filters,
        "query": filters.query(),
        "newer": newer,
        "older": older,
        "notes": talk.notes.select_related("author"),
        "tags": talk.tags.all(),
        "all_tags": Tag.objects.all(),
        "staff": User.objects.filter(is_active=True, is_staff=True).order_by("username"),
        "others": Talk.objects.filter(conversation=talk.conversation_id).exclude(pk=pk).defer("known").order_by("-started")[:8],
        "handoff": handoff,
        "bookings": _records(request, Booking, "view_booking", talk),
        "requests": _records(request, Request, "view_request", talk),
        "intents": sorted(titles.intents().items(), key=lambda row: row[1].casefold()),
        "corrections": talk.corrections.count(),
        "here": "inbox",
        "now": timezone.now(),
        "minutes": access.UNMASKED_FOR // 60,
    }
    if handoff is not None:
        from clinic.review import answers

        context.update(answers.context(request, handoff))
    return render(request, "review/talk.html", context)


def shown(request: HttpRequest, talk: Talk, after: int = 0) -> "tuple[List[Message], str]":
    """Messages as this login may see them, and why it may see the original words, if it may."""
    said = list(Message.objects.filter(talk=talk, event__gt=after).prefetch_related("corrections"))
    why = access.sees_original(request, talk)
    if why:
        try:
            originals = Source().texts(m.event for m in said)
        except SourceAway:
            originals = {}
        for message in said:
            message.text = originals.get(message.event) or message.text
    return said, why


def _handoff(request: HttpRequest, conversation: Conversation) -> Optional[Handoff]:
    if not request.user.has_perm("clinic.view_handoff"):
        return None
    rows = Handoff.objects.filter(conversation=conversation).select_related("taken_by")
    return rows.filter(status="taken").first() or rows.filter(status="open").order_by("-urgency", "created").first()


def _records(request: HttpRequest, model: Any, permission: str, talk: Talk) -> List[Any]:
    if not request.user.has_perm(f"clinic.{permission}"):
        return []
    rows = list(model.objects.filter(conversation=talk.conversation_id).order_by("-created")[:5])
    for row in rows:
        row.shown = references.shown(row.reference)
    return rows


@require_POST
@needs("review.view_talk")
def unmask(request: HttpRequest, pk: int) -> HttpResponse:
    talk = get_object_or_404(Talk, pk=pk)
    try:
        access.unmask(request, talk, str(request.POST.get("reason") or ""))
    except ValueError as error:
        messages.error(request, str(error))
    return back_to(request, reverse("review:talk", args=[pk]))


@require_POST
@needs("review.view_talk", "review.correct_talk")
def correct(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what a message should have been, or take that back."""
    message = get_object_or_404(Message.objects.select_related("talk"), pk=pk, who="person")
    intent = str(request.POST.get("intent") or request.POST.get("other") or "")
    kind = str(request.POST.get("kind") or (Correction.Kind.INTENT if intent else ""))
    wanted = intent if intent in titles.intents() else ""
    problem = ""
    with transaction.atomic():
        if kind == "undo":
            message.corrections.all().delete()
        elif kind in (Correction.Kind.INTENT, Correction.Kind.EXAMPLE, Correction.Kind.TEST):
            meant = wanted or patches.meant(message)
            if meant not in titles.intents():
                problem = "Choose what was meant first."
            else:
                _write(request, message, kind, meant)
        elif kind == Correction.Kind.NONE:
            message.corrections.filter(kind__in=("intent", "example")).delete()
            _write(request, message, kind, "out_of_scope")
        elif kind == Correction.Kind.ENTITY:
            problem = _entity(request, message)
        else:
            raise PermissionDenied
    if problem:
        messages.error(request, problem)
    else:
        access.note(request, "correct", message.talk_id, kind=kind, intent=wanted)
    query = str(request.POST.get("query") or "")
    return redirect(f"{reverse('review:talk', args=[message.talk_id])}?{inbox.Filters.of(_parsed(query)).query()}#m{message.pk}")


def _parsed(query: str) -> Dict[str, str]:
    from urllib.parse import parse_qsl

    return dict(parse_qsl(query))


def _write(request: HttpRequest, message: Message, kind: str, intent: str, entity: Optional[Dict[str, Any]] = None) -> None:
    text = mask(message.text, known_of(message.talk), places())
    if kind in ("intent", "example"):
        message.corrections.filter(kind__in={"intent", "example", "none"} - {kind}).delete()
    Correction.objects.update_or_create(
        message=message,
        kind=kind,
        defaults={
            "talk": message.talk,
            "intent": intent,
            "was": message.intent,
            "text": text,
            "entity": entity or {},
            "reviewer": _who(request),
            "at": timezone.now(),
            "patched_at": None,
        },
    )


def _entity(request: HttpRequest, message: Message) -> str:
    """A detail that was missed: which words, and what they are. Returns what is wrong with it, if something is."""
    words, label = " ".join(str(request.POST.get("words") or "").split())[:80], str(request.POST.get("entity") or "")
    value = str(request.POST.get("value") or words)[:80]
    if not words or words.casefold() not in message.text.casefold():
        return "These words are not in the message."
    if value not in patches.vocabularies().get(label, []):
        return f"“{value}” is no value of {label or 'that'}. Choose one of the list."
    _write(request, message, Correction.Kind.ENTITY, message.intent, {"words": words, "entity": label, "value": value})
    return ""
