"""Agreements: to what, in which words, since when, and until when."""

import datetime as dt

from clinic.models import Consent, Conversation
from clinic.services import effects


def save(conversation: str, purpose: str, text_version: str, key: str, now: dt.datetime) -> None:
    """Agreeing twice to the same words is one agreement."""

    def do(_: str) -> None:
        Consent.objects.get_or_create(
            conversation=Conversation.of(conversation), purpose=purpose, text_version=text_version, withdrawn_at=None, defaults={"given_at": now}
        )

    effects.once(effects.key_of(conversation, "consent", f"{key}\0{purpose}"), "consent", "", do)


def withdraw(conversation: str, purpose: str, key: str, now: dt.datetime) -> None:
    """All agreements to `purpose` end; their rows stay. Withdrawing what was never given is no error."""

    def do(_: str) -> None:
        known = Conversation.known(conversation)
        if known is not None:
            Consent.objects.filter(conversation=known, purpose=purpose, withdrawn_at=None).update(withdrawn_at=now)

    effects.once(effects.key_of(conversation, "withdraw", f"{key}\0{purpose}"), "withdraw", "", do)


def has(conversation: str, purpose: str) -> bool:
    known = Conversation.known(conversation)
    return known is not None and Consent.objects.filter(conversation=known, purpose=purpose, withdrawn_at=None).exists()
