"""How long what is kept, and how a person's data is erased: by age every night, or at once on request, with a receipt for each store."""

import datetime as dt
from typing import Any, Dict, Iterable, List, Optional, Protocol, Set, Tuple, Union

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from clinic import conversations, models, references, sealing
from clinic.models import Booking, Consent, Conversation, Effect, Guess, Handoff, Message, Proof, Receipt, Request, Screening, Slot
from clinic.services import bookings, contacts, effects, history, messages, requests
from clinic.services.results import Erased
from knowledge.practice import PRACTICE

Counts = Dict[str, Union[int, str]]
NOT_CONNECTED = "not connected: erase them there by hand"


class Store(Protocol):
    """What other rooms keep about conversations, given by the primary keys of their rows."""

    def counts(self, conversations: Iterable[int]) -> Dict[str, int]: ...

    def erase(self, conversations: Iterable[int]) -> None:
        """Inside the transaction of the erasure."""

    def overwrite(self) -> None:
        """After it: what is deleted must not linger in an index."""

    def purge(self, before: dt.datetime) -> int:
        """Delete what ended before. Returns how much."""


ALSO: List[Store] = []  # each puts itself here when Django starts


class Erasure:
    """Everything that belongs to one person, found from where they are known: conversations, references, phone numbers, e-mail addresses."""

    def __init__(self) -> None:
        self.conversations: Set[int] = set()
        self.phones: Set[str] = set()
        self.emails: Set[str] = set()

    @classmethod
    def of_conversation(cls, conversation: str) -> "Erasure":
        found = cls()
        known = Conversation.known(conversation)
        if known is not None:
            found.conversations.add(known.pk)
        return found.widened()

    @classmethod
    def of_record(cls, record: Union[Booking, Request, Handoff]) -> "Erasure":
        found = cls()
        found._add(record)
        return found.widened()

    @classmethod
    def of_contact(cls, proof: str) -> "Erasure":
        """By phone number or e-mail address, spelt in any way."""
        found = cls()
        if "@" in proof:
            found.emails.update(sealing.digests("email", contacts.email(proof)))
        else:
            found.phones.update(sealing.digests("phone", contacts.phone(proof, PRACTICE.get().country)))
        return found.widened()

    def _add(self, record: Union[Booking, Request, Handoff]) -> None:
        if record.conversation_id:
            self.conversations.add(record.conversation_id)
        self.phones.update({record.phone_digest} - {""})
        self.emails.update({record.email_digest} - {""})

    def widened(self) -> "Erasure":
        """With what the person's records lead to, until nothing new is found."""
        while True:
            before = (len(self.conversations), len(self.phones), len(self.emails))
            for model in (Booking, Request, Handoff):
                for record in self._of(model):
                    self._add(record)
            if (len(self.conversations), len(self.phones), len(self.emails)) == before:
                return self

    def _of(self, model: Any) -> QuerySet[Any]:
        return model.objects.filter(  # type: ignore[no-any-return]
            Q(conversation__in=self.conversations) | Q(phone_digest__in=self.phones) | Q(email_digest__in=self.emails)
        )

    def counts(self) -> Counts:
        """How much there is now, by store."""
        mine = {"conversation__in": self.conversations}
        return {
            "conversations": len(self.conversations),
            "bookings": self._of(Booking).count(),
            "requests": self._of(Request).count(),
            "hand-offs": self._of(Handoff).count(),
            "screenings": Screening.objects.filter(**mine).count(),
            "consents": Consent.objects.filter(**mine).count(),
            "mails not yet sent": self._mails().count(),
            **{name: count for store in ALSO for name, count in store.counts(self.conversations).items()},
        }

    def _mails(self) -> QuerySet[Message]:
        return Message.objects.filter(subject__in=list(self._of(Booking).values_list("reference", flat=True)), recipient="person", state="waiting")


def erase(person: Erasure, actor: str, now: dt.datetime, reference: str = "") -> Receipt:
    """Erase it. What was said to the bot goes first: if that fails, nothing is erased, and it may be tried again.

    Appointments still to come are cancelled; of every appointment the time stays, and nothing of whose it was.
    """
    stores: Counts = person.counts()
    ids = [row.sealed_id for row in Conversation.objects.filter(pk__in=person.conversations)]
    connected = conversations.reach()
    stores["words in conversations"] = sum(connected.erase(one) for one in ids) if connected else NOT_CONNECTED if ids else 0
    with transaction.atomic():
        for store in ALSO:
            store.erase(person.conversations)
        mine = list(person._of(Booking).select_related("slot"))
        for booking in mine:
            if booking.status == "confirmed" and booking.slot and booking.slot.starts > now:
                bookings.cancel_by_staff(booking.reference, actor, now)
        person._mails().delete()
        _anonymise([booking.pk for booking in mine])
        asked = person._of(Request)
        asked.filter(reference=reference).update(conversation=None, contact=None, details=None, phone_digest="", email_digest="", status="done", closed_at=now)
        asked.exclude(reference=reference).delete()
        person._of(Handoff).delete()
        Conversation.objects.filter(pk__in=person.conversations).delete()
        receipt = Receipt.objects.create(reference=reference, stores=stores, actor=actor, at=now)
        history.note("erasure", reference, "erased", actor, receipt=receipt.pk)
    _overwrite()
    return receipt


def erase_own(conversation: str, actor: str, now: dt.datetime, key: str) -> Erased:
    """What a person may erase by themselves: what this one conversation left behind, and nothing that only leads to them by a phone number.

    An appointment to come, what they asked staff to do, and an urgent hand-off stay until they are over. The request is tracked: done at once, or,
    when something stays, open for staff. What was said is erased by the conversation itself, in the turn that asked for it.
    """

    def do(reference: str) -> None:
        known = Conversation.known(conversation)
        requests.written(conversation, "erasure", {}, now)(reference)
        stores, left = _wipe(known, now, reference)
        Receipt.objects.create(reference=reference, stores={**stores, "words in conversations": "with the turn that asked for it"}, actor=actor, at=now)
        if not left:
            Request.objects.filter(reference=reference).update(status="done", closed_at=now, conversation=None)
            Conversation.objects.filter(pk=known.pk if known else 0).delete()
        history.note("erasure", reference, "erased", actor)

    reference, _ = effects.once(effects.key_of(conversation, "erase", key), "erase", references.new_reference(), do)
    for store in ALSO:
        store.overwrite()
    _overwrite()
    row = Request.objects.get(reference=reference)
    return Erased(reference, row.due, row.status == "open")


def forget(conversation: str, now: dt.datetime) -> None:
    """Of somebody under age nothing is kept, but an urgent hand-off that staff have not answered yet."""
    known = Conversation.known(conversation)
    if known is None:
        return
    with transaction.atomic():
        stores, left = _wipe(known, now, "")
        if not left:
            known.delete()
        if any(stores.values()):
            Receipt.objects.create(reference="", stores=stores, actor=history.SYSTEM, at=now)
    for store in ALSO:
        store.overwrite()
    _overwrite()


def wipe_again(conversation_digest: str) -> None:
    """What other rooms copied while a conversation was being forgotten goes too."""
    with transaction.atomic():
        row = Conversation.objects.filter(digest=conversation_digest).first()
        if row is None:
            return
        for store in ALSO:
            store.erase([row.pk])
        if not any(model.objects.filter(conversation=row).exists() for model in (Booking, Handoff, Request, Screening, Consent)):  # type: ignore[attr-defined]
            row.delete()
    for store in ALSO:
        store.overwrite()


def _wipe(known: Optional[Conversation], now: dt.datetime, reference: str) -> Tuple[Counts, bool]:
    """Delete what a conversation left behind; how many of each, and whether something stays."""
    if known is None:
        return {}, False
    past = Booking.objects.filter(conversation=known).exclude(status="confirmed", slot__starts__gt=now)
    stores: Counts = {"bookings": _anonymise(list(past.values_list("pk", flat=True)))}
    gone: List[Tuple[str, QuerySet[Any]]] = [
        ("hand-offs", Handoff.objects.filter(conversation=known).exclude(urgency="urgent", status__in=["open", "taken"])),
        ("requests", Request.objects.filter(conversation=known).exclude(status="open")),
        ("screenings", Screening.objects.filter(conversation=known)),
        ("consents", Consent.objects.filter(conversation=known)),
        ("diary entries", Slot.objects.filter(conversation=known, booking=None)),
        ("proofs", Proof.objects.filter(conversation=known)),
    ]
    for name, rows in gone:
        stores[name] = rows.delete()[1].get(rows.model._meta.label, 0)
    for store in ALSO:
        stores.update(store.counts([known.pk]))
        store.erase([known.pk])
    messages.forgotten(known.digest, now)
    stays = (Booking, Handoff, Request)
    return stores, any(model.objects.filter(conversation=known).exclude(reference=reference).exists() for model in stays)  # type: ignore[attr-defined]


def _anonymise(pks: Iterable[int]) -> int:
    """Appointments stay as times."""
    rows = Booking.objects.filter(pk__in=list(pks))
    return rows.update(contact=None, phone_digest="", email_digest="", conversation=None, screening=None)


def _overwrite() -> None:
    """SQLite overwrites what it deletes (`secure_delete`); the log beside the database is emptied too."""
    for store in ALSO:
        store.overwrite()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def purge(now: dt.datetime) -> Counts:
    """Delete what is older than the clinic keeps it (`privacy` in clinic.yml). Returns how much, by store."""
    practice = PRACTICE.get()
    short, long = now - dt.timedelta(days=practice.retention_days), now - dt.timedelta(days=practice.booking_days)
    counts: Counts = {"review desk": sum(store.purge(short) for store in ALSO)}
    with transaction.atomic():
        old = Booking.objects.filter(slot__ends__lt=long) | Booking.objects.filter(status="lost", updated__lt=now - dt.timedelta(days=1))
        with_data = old.filter(Q(contact__isnull=False) | Q(conversation__isnull=False) | Q(screening__isnull=False))
        counts["bookings"] = _anonymise(list(with_data.values_list("pk", flat=True)))
        gone: List[Tuple[str, QuerySet[Any]]] = [
            ("hand-offs", Handoff.objects.filter(status="closed", closed_at__lt=short)),
            ("requests", Request.objects.exclude(status="open").filter(closed_at__lt=long)),
            ("screenings", Screening.objects.filter(created__lt=now - dt.timedelta(days=practice.screening_days), bookings=None)),
            ("conversations", _left_alone(short)),
            ("keys", Effect.objects.filter(created__lt=short)),
            ("tries", Guess.objects.filter(at__lt=now - dt.timedelta(days=1))),
            ("proofs", Proof.objects.filter(until__lt=now)),
            ("messages", Message.objects.exclude(state="waiting").filter(done_at__lt=long)),
            ("diary entries", Slot.objects.filter(state="released", booking=None, ends__lt=short)),
        ]
        for name, rows in gone:
            counts[name] = rows.delete()[1].get(rows.model._meta.label, 0)
    _overwrite()
    return counts


def _left_alone(before: dt.datetime) -> QuerySet[Conversation]:
    """Conversations of before that day with nothing left to keep but their consents."""
    alone = Conversation.objects.filter(created__lt=before, bookings=None, handoffs=None, requests=None, screenings=None, holds=None, talks=None)
    return alone.exclude(consents__given_at__gte=before)


def reseal() -> int:
    """Write every sealed value and digest anew with the newest key. Returns how many rows. May be repeated."""
    country, count = PRACTICE.get().country, 0
    for model in apps.get_models():
        fields = [field.name for field in model._meta.fields if isinstance(field, sealing.SealedField)]
        for pk in list(model.objects.values_list("pk", flat=True)) if fields else ():  # type: ignore[attr-defined]
            with transaction.atomic():
                row = model.objects.select_for_update().filter(pk=pk).first()  # type: ignore[attr-defined]
                if row is None:
                    continue
                changed = list(fields)
                if isinstance(row, models.Conversation):
                    row.digest = sealing.digest("conversation", row.sealed_id)
                    changed.append("digest")
                if isinstance(row, models.Contactable):
                    for column, value in contacts.digests_of(row.contact, country).items():
                        setattr(row, column, value)
                        changed.append(column)
                row.save(update_fields=changed)
                count += 1
    return count
