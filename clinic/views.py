"""The few pages that are not the admin's: where a link in a mail leads."""

from django.contrib.admin.views.decorators import staff_member_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from clinic import links, models, references, texts
from clinic.mail import fill
from clinic.services import bookings, history
from knowledge.practice import PRACTICE

RECORDS = {"booking": models.Booking, "handoff": models.Handoff, "request": models.Request}


@csrf_exempt  # a mail program that stops reminders with one click has no cookie; the signed address is the permission
@require_http_methods(["GET", "HEAD", "POST"])
def reminders(request: HttpRequest, token: str) -> HttpResponse:
    """Asks on GET, because mail scanners open links; stops the reminders on POST."""
    practice = PRACTICE.get()
    reference = links.reference_of(token)
    known = bool(reference) and models.Booking.objects.filter(reference=reference).exists()
    if known and request.method == "POST":
        bookings.stop_reminders(reference, history.PERSON)
    what = "unknown" if not known else "done" if request.method == "POST" else "ask"
    text = fill(texts.REMINDERS[what], {"reference": references.shown(reference), "phone": practice.phone})
    words = {"title": texts.REMINDERS["title"], "text": text, "button": texts.REMINDERS["button"] if what == "ask" else "", "clinic": practice.name}
    return render(request, "clinic/reminders.html", words, status=200 if known else 404)


def staff(request: HttpRequest) -> HttpResponse:
    """To the first page that this login may open."""
    pages = {"review.view_talk": "review:inbox", "review.view_access": "review:log", "clinic.view_booking": "review:diary"}
    if not request.user.is_authenticated:
        return redirect("review:inbox")
    return redirect(next((page for permission, page in pages.items() if request.user.has_perm(permission)), "admin:index"))


@staff_member_required
def find(request: HttpRequest, kind: str, reference: str) -> HttpResponse:
    """From a reference in a mail to its record."""
    model = RECORDS.get(kind)
    record = model.objects.filter(reference=references.read_reference(reference)).first() if model else None  # type: ignore[attr-defined]
    if model is None or record is None:
        raise Http404
    return redirect(f"admin:clinic_{model._meta.model_name}_change", record.pk)
