"""One effect per idempotency key: the row of the key and what it did are written together or not at all."""

import hashlib
from typing import Callable, Optional, Tuple

from django.db import IntegrityError, transaction

from clinic.models import Effect


def key_of(conversation: str, kind: str, key: str) -> str:
    """A key of its own for each conversation and kind, so that nobody can name another's message id and get another's answer."""
    return hashlib.sha256(f"{kind}\0{conversation}\0{key}".encode()).hexdigest()


def outcome(digest: str) -> Optional[str]:
    """The reference of what the key did, or None."""
    return Effect.objects.filter(pk=digest).values_list("reference", flat=True).first()


def once(digest: str, kind: str, reference: str, do: Callable[[str], None]) -> Tuple[str, bool]:
    """Run `do(reference)` in one transaction with the key's row. Returns the reference and whether it was done now.

    A key already used returns its first reference. What `do` raises undoes everything, the key included.
    """
    found = outcome(digest)
    if found is not None:
        return found, False
    try:
        with transaction.atomic():
            # First of all: a twin with the same key waits here until we are done, and then finds our row.
            Effect.objects.create(key=digest, kind=kind, reference=reference)
            do(reference)
    except IntegrityError:
        found = outcome(digest)
        if found is None:
            raise
        return found, False
    return reference, True


def forget(kind: str, reference: str) -> None:
    """What the last key of this kind began came to nothing; it may try again."""
    last = Effect.objects.filter(kind=kind, reference=reference).order_by("-created").first()
    if last is not None:
        last.delete()
