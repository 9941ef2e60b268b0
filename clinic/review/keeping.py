"""The desk's part in keeping and erasing: its rows, its search index and the patches that were written from them."""

import datetime as dt
from pathlib import Path
from typing import Any, Dict, Iterable, List

from django.conf import settings
from django.db import connection, transaction

ERASED_AT_ONCE = 200


def patches() -> Path:
    return Path(settings.PATCHES)


class Desk:
    """What `clinic.services.retention` calls for the stores it does not know."""

    def counts(self, conversations: Iterable[int]) -> Dict[str, int]:
        from clinic.review.models import Correction, Message, Note, Talk

        mine = list(conversations)
        return {
            "review desk: sessions": Talk.objects.filter(conversation__in=mine).count(),
            "review desk: messages and their search index": Message.objects.filter(talk__conversation__in=mine).count(),
            "review desk: notes": Note.objects.filter(talk__conversation__in=mine).count(),
            "review desk: corrections": Correction.objects.filter(talk__conversation__in=mine).count(),
            "patch files": len(self._files(mine)),
        }

    def erase(self, conversations: Iterable[int]) -> None:
        """Inside the caller's transaction."""
        from clinic.review.models import Cursor, Talk

        mine = list(conversations)
        Cursor.objects.select_for_update().filter(pk=1).first()  # whoever reads a batch now ends first, and the next one finds no events
        files = self._files(mine)
        Talk.objects.filter(conversation__in=mine).delete()
        for file in files:
            file.unlink(missing_ok=True)

    def overwrite(self) -> None:
        from clinic.review import guards

        guards.overwrite(connection)

    def purge(self, before: dt.datetime) -> int:
        """Delete sessions that ended before; the tallies of their days stay. A few at a time, so that nobody waits for it."""
        from clinic.review.models import Talk

        count = 0
        while pks := list(Talk.objects.filter(ended__lt=before).values_list("pk", flat=True)[:ERASED_AT_ONCE]):
            with transaction.atomic():
                Talk.objects.filter(pk__in=pks).delete()
            count += len(pks)
        for file in patches().glob("*.patch") if patches().is_dir() else []:
            if file.stat().st_mtime < before.timestamp():
                file.unlink(missing_ok=True)
        return count

    def _files(self, conversations: List[int]) -> List[Path]:
        """Patch files that hold something of these conversations: their head names the sessions they come from."""
        from clinic.review.models import Talk

        if not patches().is_dir():
            return []
        mine = {f"#{pk}" for pk in Talk.objects.filter(conversation__in=conversations).values_list("pk", flat=True)}
        return [file for file in patches().glob("*.patch") if mine & _sources(file)]


def _sources(file: Path) -> set[str]:
    found: set[str] = set()
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("Source: "):
            found.update(line.removeprefix("Source: ").split())
        elif line.startswith("--- "):
            break
    return found


def places() -> frozenset[str]:
    """Words of the clinic itself that are not masked."""
    from clinic.review.ingest import places_of
    from knowledge.practice import PRACTICE

    return places_of(PRACTICE.get())


def known_of(talk: Any) -> Any:
    """What is known of a session's person."""
    from clinic.review.masking import Known

    known = talk.known or {}
    return Known(tuple(known.get("names", ())), tuple(known.get("others", ())), str(known.get("country") or "GB"))
