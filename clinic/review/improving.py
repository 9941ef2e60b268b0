"""The page of corrections: what waits, and the patch it makes."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from clinic.review import access, keeping, patches
from clinic.review.access import needs
from clinic.review.models import Correction


@require_GET
@needs("review.view_talk", "review.correct_talk")
def corrections(request: HttpRequest) -> HttpResponse:
    rows = Correction.objects.select_related("reviewer", "message")
    waiting = list(rows.filter(patched_at=None)[:300])
    folder = keeping.patches()
    context = {
        "waiting": waiting,
        "done": list(rows.filter(patched_at__isnull=False).order_by("-patched_at")[:50]),
        "patch": patches.compose(patches.fixes_of(reversed(waiting)), timezone.localdate()),
        "files": sorted((f.name for f in folder.glob("*.patch")), reverse=True)[:20] if folder.is_dir() else [],
    }
    return render(request, "review/corrections.html", context)


@require_POST
@needs("review.view_talk", "review.correct_talk")
def write(request: HttpRequest) -> HttpResponse:
    file, patch = patches.write(keeping.patches(), timezone.now())
    access.note(request, "patch", written=len(patch.written), left_out=len(patch.left_out))
    if file is None:
        messages.warning(request, "Nothing was left to write: all of it is known already, or too little remains without personal data.")
    else:
        messages.success(request, f"{len(patch.written)} corrections are in var/patches/{file.name}. Whoever looks after the assistant reads and applies it.")
    return redirect("review:corrections")


@require_POST
@needs("review.view_talk", "review.correct_talk")
def drop(request: HttpRequest, pk: int) -> HttpResponse:
    for row in Correction.objects.filter(pk=pk, patched_at=None):
        access.note(request, "correct", row.talk_id, kind="undo")
        row.delete()
    return redirect("review:corrections")
