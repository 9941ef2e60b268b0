"""Results of suitability checks."""

from typing import Any, Mapping

from clinic import references
from clinic.models import Conversation, Screening
from clinic.services import effects, history


def save(conversation: str, result: Mapping[str, Any], table_version: str, key: str) -> str:
    """Returns the reference."""

    def do(reference: str) -> None:
        Screening.objects.create(reference=reference, conversation=Conversation.of(conversation), result=dict(result), table_version=table_version)
        history.note("screening", reference, "saved", history.PERSON, table_version=table_version)

    return effects.once(effects.key_of(conversation, "screening", key), "screening", references.new_reference(), do)[0]
