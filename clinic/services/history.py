"""The one way to write history, and the one to read it."""

from typing import Any, List

from clinic.models import History

PERSON, SYSTEM = "person", "system"


def note(subject_kind: str, subject: str, what: str, actor: str, **detail: Any) -> None:
    """Add a line. `detail` must be free of personal data: times, names of practitioners, references."""
    History.objects.create(subject_kind=subject_kind, subject=subject, what=what, actor=actor, detail=detail)


def of(subject: str) -> List[History]:
    """Newest first."""
    return list(History.objects.filter(subject=subject))
