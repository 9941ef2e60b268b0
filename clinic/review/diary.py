"""The diary by day and week, requests with their due dates, and what could not be delivered. Every change goes through `clinic.services`."""

import datetime as dt
from typing import Any, Dict, List, Optional, Tuple

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from clinic import references
from clinic.booking.diaries import DiaryDown
from clinic.booking.slots import Slot, Wishes
from clinic.booking.times import UTC, moment, wall
from clinic.models import Booking, Message, Request
from clinic.models import Slot as Entry
from clinic.review import access, figures
from clinic.review.access import needs
from clinic.services import bookings, history, requests
from clinic.services.results import Booking as Booked
from clinic.services.results import NotChangeable, Requested, SlotTaken
from knowledge.practice import PRACTICE

SHOWN_TIMES = 60


def _day(text: Any) -> dt.date:
    try:
        return dt.date.fromisoformat(str(text or ""))
    except ValueError:
        return timezone.localdate()


def entries(first: dt.date, last: dt.date) -> Dict[dt.date, List[Entry]]:
    """What stands in the diaries, by the clinic's day."""
    zone = PRACTICE.get().zone
    rows = Entry.objects.filter(state__in=Entry.LIVE, starts__gte=figures.bounds(first)[0], starts__lt=figures.bounds(last)[1]).select_related("booking")
    found: Dict[dt.date, List[Entry]] = {first + dt.timedelta(days=n): [] for n in range((last - first).days + 1)}
    for row in rows.order_by("starts", "practitioner"):
        row.name = str(((row.booking.contact if row.booking else None) or {}).get("name") or "")  # type: ignore[attr-defined]
        row.over, row.begun = row.ends < timezone.now(), row.starts < timezone.now()  # type: ignore[attr-defined]
        found.setdefault(wall(row.starts, zone).date(), []).append(row)
    return found


@require_GET
@needs("clinic.view_booking", "clinic.view_slot")
def diary(request: HttpRequest) -> HttpResponse:
    day, week = _day(request.GET.get("day")), request.GET.get("view") == "week"
    first = day - dt.timedelta(days=day.weekday()) if week else day
    last = first + dt.timedelta(days=6) if week else day
    days = entries(first, last)
    access.note(request, "diary", day=first.isoformat())
    practice = PRACTICE.get()
    names = [p.name for p in practice.practitioners]
    names += sorted({row.practitioner for rows in days.values() for row in rows} - set(names))
    step = dt.timedelta(days=7 if week else 1)
    context = {
        "day": day,
        "week": week,
        "first": first,
        "last": last,
        "days": [(one, rows, practice.open_on(one)) for one, rows in days.items()],
        "columns": [(name, [row for row in days.get(day, []) if row.practitioner == name]) for name in names],
        "before": day - step,
        "after": day + step,
        "today": timezone.localdate(),
    }
    return render(request, "review/diary.html", context)


@require_POST
@needs("clinic.change_booking")
def change(request: HttpRequest, reference: str) -> HttpResponse:
    """They came, they did not come, or it is cancelled."""
    booking = get_object_or_404(Booking, reference=reference)
    what, actor = str(request.POST.get("what") or ""), request.user.get_username()
    try:
        if what == "cancel":
            bookings.cancel_by_staff(booking.reference, actor, timezone.now())
            messages.success(request, f"{references.shown(reference)} is cancelled. The person is told by e-mail if there is an address.")
        elif what in ("came", "no_show"):
            bookings.mark(booking.reference, what == "came", actor)
            messages.success(request, f"{references.shown(reference)}: {'came' if what == 'came' else 'did not come'}.")
        access.note(request, "booking", change=what)
    except NotChangeable as error:
        messages.error(request, f"This appointment is {error.status} and was left as it is.")
    return redirect(f"{reverse('review:diary')}?day={_of(booking)}")


def _of(booking: Booking) -> str:
    return wall(booking.slot.starts, PRACTICE.get().zone).date().isoformat() if booking.slot else ""


class When(forms.Form):
    """A time that is in no list."""

    day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), required=False)
    time = forms.TimeField(widget=forms.TimeInput(attrs={"type": "time"}), required=False)
    practitioner = forms.ChoiceField(required=False)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        field = self.fields["practitioner"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(p.name, p.name) for p in PRACTICE.get().practitioners]

    def slot(self, length: dt.timedelta) -> Optional[Slot]:
        """The chosen time, if both parts of it were given."""
        if not self.is_valid() or not (self.cleaned_data["day"] and self.cleaned_data["time"]):
            return None
        zone = PRACTICE.get().zone
        start = moment(self.cleaned_data["day"], self.cleaned_data["time"], zone)
        return Slot(start, self.cleaned_data["practitioner"] or PRACTICE.get().practitioners[0].name, start + length, zone)


def _times() -> List[Tuple[str, List[Tuple[str, Slot]]]]:
    """Free times by day, each with the value its button sends."""
    by_day: Dict[str, List[Tuple[str, Slot]]] = {}
    for slot in bookings.free_slots(Wishes(limit=SHOWN_TIMES, every_practitioner=True), timezone.now()):
        by_day.setdefault(f"{slot.local:%A %d %B}", []).append((f"{slot.start.isoformat()}|{slot.end.isoformat()}|{slot.practitioner}", slot))
    return list(by_day.items())


def _chosen(request: HttpRequest, length: dt.timedelta) -> Optional[Slot]:
    start, _, rest = str(request.POST.get("slot") or "").partition("|")
    end, _, practitioner = rest.partition("|")
    try:
        return Slot(dt.datetime.fromisoformat(start).astimezone(UTC), practitioner, dt.datetime.fromisoformat(end).astimezone(UTC), PRACTICE.get().zone)
    except ValueError:
        return When(request.POST).slot(length)


@require_http_methods(["GET", "POST"])
@needs("clinic.change_booking")
def move(request: HttpRequest, reference: str) -> HttpResponse:
    """Another time for an appointment."""
    booking = get_object_or_404(Booking.objects.select_related("slot"), reference=reference, slot__isnull=False)
    assert booking.slot is not None
    slot = _chosen(request, booking.slot.ends - booking.slot.starts) if request.method == "POST" else None
    if slot is not None and slot.practitioner in {p.name for p in PRACTICE.get().practitioners}:
        try:
            result = bookings.move_by_staff(booking.reference, slot, request.user.get_username(), timezone.now())
        except NotChangeable as error:
            messages.error(request, f"This appointment is {error.status} and was left as it is.")
            return redirect(f"{reverse('review:diary')}?day={_of(booking)}")
        access.note(request, "booking", change="move")
        if isinstance(result, SlotTaken):
            messages.error(request, "Somebody else has that time. The appointment keeps its old one.")
        elif isinstance(result, Requested):
            messages.warning(request, f"The calendar did not answer. The appointment keeps its time; request {result.shown} reminds you to move it.")
        elif isinstance(result, Booked):
            messages.success(request, f"Moved to {result.spoken}.")
            booking.refresh_from_db()
            return redirect(f"{reverse('review:diary')}?day={_of(booking)}")
    elif request.method == "POST":
        messages.error(request, "Choose a time, or give a day and a time.")
    context = {"booking": booking, "shown": references.shown(reference), "name": (booking.contact or {}).get("name", ""), "times": _times(), "form": When()}
    return render(request, "review/move.html", context)


@require_GET
@needs("clinic.view_request")
def request_list(request: HttpRequest) -> HttpResponse:
    closed = request.GET.get("state") == "closed"
    rows = Request.objects.select_related("booking").exclude(status="open") if closed else Request.objects.select_related("booking").filter(status="open")
    today = timezone.localdate()
    found = list(rows.order_by("-closed_at" if closed else "due", "pk")[:200])
    for row in found:
        row.shown = references.shown(row.reference)  # type: ignore[attr-defined]
        row.late = row.status == "open" and row.due < today  # type: ignore[attr-defined]
        row.wish = (row.details or {}).get("spoken", "")  # type: ignore[attr-defined]
        row.words = _words(row.details or {})  # type: ignore[attr-defined]
    access.note(request, "requests")
    return render(request, "review/requests.html", {"requests": found, "closed": closed, "today": today})


def _words(details: Dict[str, Any]) -> List[Tuple[str, str]]:
    """What a request says, as names and texts; nothing in it is taken for markup."""
    shown = []
    for name, value in details.items():
        if name not in ("wish", "screening", "contact", "spoken") and value not in (None, "", [], {}):
            shown.append((name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return shown


@require_POST
@needs("clinic.change_request")
def close_request(request: HttpRequest, reference: str) -> HttpResponse:
    one = get_object_or_404(Request, reference=reference)
    what = str(request.POST.get("what") or "")
    if what in ("done", "declined"):
        requests.close(one.reference, what == "done", request.user.get_username(), timezone.now())
    elif what == "reopen":
        requests.reopen(one.reference, request.user.get_username())
    access.note(request, "request", change=what)
    messages.success(request, f"{references.shown(reference)}: {what}.")
    return redirect("review:requests")


@require_http_methods(["GET", "POST"])
@needs("clinic.change_request", "clinic.add_booking")
def confirm(request: HttpRequest, reference: str) -> HttpResponse:
    """A wish for a time becomes an appointment, at the time wished for or another one."""
    one = get_object_or_404(Request.objects.select_related("booking"), reference=reference, kind="booking", status="open")
    try:
        wished: Optional[Slot] = Slot.from_json((one.details or {}).get("wish") or {})
    except ValueError:
        wished = None
    length = wished.end - wished.start if wished else dt.timedelta(minutes=PRACTICE.get().minutes)
    if request.method == "POST":
        slot = _chosen(request, length)
        if slot is None:
            messages.error(request, "Choose a time, or give a day and a time.")
        elif _confirmed(request, one, Slot(slot.start, slot.practitioner, slot.end, slot.zone)):
            return redirect("review:requests")
    value = f"{wished.start.isoformat()}|{wished.end.isoformat()}|{wished.practitioner}" if wished else ""
    context = {
        "one": one,
        "shown": references.shown(reference),
        "wished": wished,
        "value": value,
        "times": _times(),
        "form": When(),
        "name": (one.contact or {}).get("name"),
    }
    return render(request, "review/confirm.html", context)


def _confirmed(request: HttpRequest, one: Request, slot: Slot) -> bool:
    """Make or move the appointment of a request and close it; says what came of it."""
    actor, now = request.user.get_username(), timezone.now()
    try:
        if one.booking is not None:
            moved = bookings.move_by_staff(one.booking.reference, slot, actor, now)
            spoken = moved.spoken if isinstance(moved, Booked) else ""
        else:
            made = bookings.book_by_staff(slot, one.contact or {}, actor, f"request {one.reference} {slot.start.isoformat()} {slot.practitioner}", now)
            spoken = slot.spoken if made else ""
    except DiaryDown:
        messages.error(request, "The calendar did not answer. Nothing was booked; please try again.")
        return False
    except NotChangeable as error:
        messages.error(request, f"The appointment is {error.status} and was left as it is.")
        return False
    if not spoken:
        messages.error(request, "Somebody else has that time. Choose another one.")
        return False
    requests.close(one.reference, True, actor, now)
    access.note(request, "request", change="confirmed")
    messages.success(request, f"Booked for {spoken}. The person is told by e-mail if there is an address.")
    return True


@require_GET
@needs("clinic.view_message")
def undelivered(request: HttpRequest) -> HttpResponse:
    rows = list(Message.objects.filter(state="failed").order_by("-done_at")[:200])
    stuck = list(Message.objects.filter(state="waiting", attempts__gt=2).order_by("next_try")[:100])
    for row in [*rows, *stuck]:
        row.shown = references.shown(row.subject)  # type: ignore[attr-defined]
        row.where = "booking" if Booking.objects.filter(reference=row.subject).exists() else ""  # type: ignore[attr-defined]
    return render(request, "review/undelivered.html", {"failed": rows, "stuck": stuck})


@require_POST
@needs("clinic.change_message")
def try_again(request: HttpRequest, pk: int) -> HttpResponse:
    message = get_object_or_404(Message, pk=pk, state__in=("failed", "waiting"))
    message.state, message.next_try, message.attempts, message.done_at = Message.State.WAITING, timezone.now(), 0, None
    message.save()
    history.note("message", message.subject, "sent again", request.user.get_username(), about=message.about)
    messages.success(request, "It is tried again now.")
    return redirect("review:undelivered")
