"""What people asked that we did not know: messages that were not understood, put together by meaning."""

import logging
import tarfile
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple

from django.conf import settings
from django.utils.module_loading import import_string

from clinic.review.models import Message
from runtime.settings import VAR

logger = logging.getLogger(__name__)
MOST = 400  # messages, the newest
NEAR = 0.55  # cosine from which two messages ask the same
INTENTS = ("nlu_fallback", "out_of_scope")
_encoder: Any = None


def group(texts: Sequence[str], vectors: Optional[Any]) -> List[List[int]]:
    """Indices by group, the largest first. A message joins the group whose first message it is nearest to, or begins one."""
    if vectors is None:
        by_words: dict[frozenset[str], List[int]] = {}
        for index, text in enumerate(texts):
            by_words.setdefault(frozenset(text.casefold().split()), []).append(index)
        return sorted(by_words.values(), key=len, reverse=True)
    import numpy as np

    similar = np.asarray(vectors) @ np.asarray(vectors).T
    groups: List[List[int]] = []
    order = np.argsort(-(similar > NEAR).sum(axis=1), kind="stable")  # whoever has most neighbours begins a group
    for index in order:
        near = [(float(similar[index, members[0]]), members) for members in groups]
        best = max(near, key=lambda row: row[0], default=(0.0, []))
        if best[0] > NEAR:
            best[1].append(int(index))
        else:
            groups.append([int(index)])
    return sorted(groups, key=len, reverse=True)


def encoder() -> Any:
    """The assistant's own sentence encoder, taken out of its model with the first use; None where there is no model yet."""
    global _encoder
    if _encoder is None and settings.ENCODER:
        try:
            _encoder = import_string(settings.ENCODER)(_unpacked())
        except Exception as error:  # whatever is missing there, the page still shows the messages
            logger.warning("The encoder cannot be used (%s); messages are put together by their words.", type(error).__name__)
            return None
    return _encoder


def _unpacked() -> Path:
    """A folder with the two files of the encoder. Raises StopIteration without a model."""
    model = next(iter(sorted((VAR / "models").glob("*.tar.gz"), key=lambda file: -file.stat().st_mtime)))
    folder = VAR / "review" / model.name.partition(".")[0]
    if not (folder / "tokenizer.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(model) as archive:
            for member in archive:
                if member.isfile() and Path(member.name).name in ("encoder.onnx", "tokenizer.json"):
                    part = archive.extractfile(member)
                    (folder / Path(member.name).name).write_bytes(part.read() if part else b"")
    return folder


def found(first: Any, last: Any) -> List[Tuple[int, List[Message]]]:
    """Groups of masked messages: how many, and a few of each."""
    rows = list(
        Message.objects.filter(who="person", intent__in=INTENTS, at__gte=first, at__lt=last)
        .exclude(text__startswith="/")
        .exclude(text="")
        .order_by("-at")[:MOST]
    )
    texts = [row.text[:300] for row in rows]
    machine = encoder() if texts else None
    groups = group(texts, machine.encode(texts) if machine is not None else None)
    return [(len(members), [rows[i] for i in members[:4]]) for members in groups[:25]]
