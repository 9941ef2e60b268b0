"""The records and the rules they keep. What must never happen is forbidden here and in `clinic/guards.py`, by the database itself."""

from typing import Optional

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from clinic import references, sealing
from clinic.sealing import SealedField


class Conversation(models.Model):
    """A conversation, known by a digest: on some channels its id is somebody's phone number."""

    digest = models.CharField(max_length=40, unique=True, editable=False)
    sealed_id = SealedField()
    created = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"conversation {self.digest[:8]}"

    @staticmethod
    def known(conversation: str) -> Optional["Conversation"]:
        return Conversation.objects.filter(digest__in=sealing.digests("conversation", conversation)).first()

    @staticmethod
    def of(conversation: str) -> "Conversation":
        """The row of this id, made if there is none."""
        found = Conversation.known(conversation)
        if found is None:
            found, _ = Conversation.objects.get_or_create(digest=sealing.digest("conversation", conversation), defaults={"sealed_id": conversation})
        return found


class Consent(models.Model):
    """That somebody agreed to `purpose` in the words of `text_version`; withdrawn, the row stays and says when."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=60)
    text_version = models.CharField(max_length=60)
    given_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-given_at"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "purpose", "text_version"], condition=Q(withdrawn_at=None), name="consent_once"),
            models.CheckConstraint(condition=Q(withdrawn_at=None) | Q(withdrawn_at__gte=F("given_at")), name="consent_withdrawn_later"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} ({self.text_version})"


class Referenced(models.Model):
    """Something people can name by its reference."""

    reference = models.CharField(max_length=references.LENGTH, unique=True, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return references.shown(self.reference)


class Contactable(models.Model):
    """Somebody who can be called or written to, sealed; the digests find them again by exactly their phone number or e-mail address."""

    contact = SealedField(null=True)
    phone_digest = models.CharField(max_length=40, blank=True, db_index=True, editable=False)
    email_digest = models.CharField(max_length=40, blank=True, db_index=True, editable=False)

    class Meta:
        abstract = True


class Screening(Referenced):
    """The result of a suitability check, sealed, with the version of the rule table that gave it."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="screenings")
    result = SealedField()
    table_version = models.CharField(max_length=60)

    class Meta:
        ordering = ["-created"]


class Booking(Referenced, Contactable):
    """An appointment. Its time is its slot's; `sequence` is iCalendar's, one higher with every change."""

    class Status(models.TextChoices):
        PENDING = "pending", "being made"
        CONFIRMED = "confirmed", "confirmed"
        ATTENDED = "attended", "attended"
        NO_SHOW = "no_show", "did not come"
        CANCELLED = "cancelled", "cancelled"
        LOST = "lost", "not made: the time was gone"

    conversation = models.ForeignKey(Conversation, models.SET_NULL, null=True, blank=True, related_name="bookings")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    slot = models.OneToOneField("Slot", models.PROTECT, null=True, blank=True, related_name="current_of")
    screening = models.ForeignKey(Screening, models.SET_NULL, null=True, blank=True, related_name="bookings")
    sequence = models.PositiveIntegerField(default=0)
    reminders = models.BooleanField(default=True, help_text="The person wants to be reminded.")

    class Meta:
        ordering = ["-created"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=["pending", "confirmed", "attended", "no_show", "cancelled", "lost"]), name="booking_status"),
            models.CheckConstraint(condition=Q(slot__isnull=False) | Q(status__in=["pending", "cancelled", "lost"]), name="booking_has_its_time"),
        ]
        permissions = [("read_screening", "Can read health answers"), ("erase_person", "Can erase a person")]


class Slot(models.Model):
    """A piece of a practitioner's diary. Two live ones of a practitioner never overlap; the database refuses the second."""

    class State(models.TextChoices):
        HELD = "held", "held for a moment"
        CONFIRMED = "confirmed", "booked"
        BLOCKED = "blocked", "closed by staff"
        RELEASED = "released", "free again"

    LIVE = ("held", "confirmed", "blocked")

    practitioner = models.CharField(max_length=120)
    starts = models.DateTimeField(db_index=True)
    ends = models.DateTimeField()
    zone = models.CharField(max_length=60, help_text="The clinic's time zone when this was written.")
    state = models.CharField(max_length=12, choices=State.choices)
    hold_until = models.DateTimeField(null=True, blank=True)
    booking = models.ForeignKey(Booking, models.CASCADE, null=True, blank=True, related_name="slots")
    conversation = models.ForeignKey(Conversation, models.SET_NULL, null=True, blank=True, related_name="holds")
    note = models.CharField(max_length=120, blank=True, help_text="Why it is closed. Nothing about patients.")

    class Meta:
        ordering = ["starts", "practitioner"]
        verbose_name = "diary entry"
        verbose_name_plural = "diary"
        # For the trigger that keeps slots from overlapping on SQLite (clinic/guards.py); PostgreSQL has its exclusion constraint.
        indexes = [models.Index(fields=["practitioner", "starts"], condition=Q(state__in=["held", "confirmed", "blocked"]), name="slot_live")]
        constraints = [
            models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="slot_runs_forwards"),
            models.CheckConstraint(condition=Q(state__in=["held", "confirmed", "blocked", "released"]), name="slot_state"),
            models.CheckConstraint(condition=Q(hold_until__isnull=False) | ~Q(state="held"), name="slot_hold_ends"),
            models.CheckConstraint(condition=Q(booking__isnull=False) | ~Q(state="confirmed"), name="slot_confirmed_is_booked"),
            # A booking has at most one confirmed time, and while it moves at most one more that is held.
            models.UniqueConstraint(fields=["booking"], condition=Q(state="confirmed"), name="slot_one_confirmed"),
            models.UniqueConstraint(fields=["booking"], condition=Q(state="held"), name="slot_one_held"),
            models.UniqueConstraint(fields=["conversation"], condition=Q(state="held", booking=None), name="slot_one_hold_each"),
        ]

    def __str__(self) -> str:
        return f"{self.practitioner}, {timezone.localtime(self.starts):%a %d %b %Y %H:%M}"


class Handoff(Referenced, Contactable):
    """Somebody asked for a person, or needs one."""

    class Urgency(models.TextChoices):
        NORMAL = "normal", "normal"
        URGENT = "urgent", "urgent"

    class Status(models.TextChoices):
        OPEN = "open", "waiting"
        TAKEN = "taken", "staff are talking"
        CLOSED = "closed", "closed"

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="handoffs")
    urgency = models.CharField(max_length=8, choices=Urgency.choices, default=Urgency.NORMAL)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.OPEN)
    reason = SealedField(null=True)
    summary = SealedField(null=True)
    taken_by = models.ForeignKey("auth.User", models.SET_NULL, null=True, blank=True, related_name="+")
    taken_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["status", "-urgency", "created"]
        verbose_name = "hand-off"
        constraints = [
            models.UniqueConstraint(fields=["conversation"], condition=Q(status="taken"), name="handoff_one_taken"),
            models.CheckConstraint(condition=Q(urgency__in=["normal", "urgent"]), name="handoff_urgency"),
            models.CheckConstraint(condition=Q(taken_at__isnull=False) | ~Q(status="taken"), name="handoff_taken_has_time"),
        ]


class Request(Referenced, Contactable):
    """Something staff must do by a day: a complaint, an erasure, a call-back, a booking that a person must confirm."""

    class Kind(models.TextChoices):
        COMPLAINT = "complaint", "complaint"
        ERASURE = "erasure", "erasure of data"
        CALLBACK = "callback", "call back"
        BOOKING = "booking", "booking to confirm"

    class Status(models.TextChoices):
        OPEN = "open", "open"
        DONE = "done", "done"
        DECLINED = "declined", "declined"

    conversation = models.ForeignKey(Conversation, models.SET_NULL, null=True, blank=True, related_name="requests")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.OPEN)
    details = SealedField(null=True)
    due = models.DateField()
    booking = models.ForeignKey(Booking, models.SET_NULL, null=True, blank=True, related_name="requests")
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["status", "due"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["complaint", "erasure", "callback", "booking"]), name="request_kind"),
            models.CheckConstraint(condition=Q(status__in=["open", "done", "declined"]), name="request_status"),
        ]


class Effect(models.Model):
    """That something was done for an idempotency key, and what came of it: the same key never does it twice."""

    key = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=20)
    reference = models.CharField(max_length=references.LENGTH, blank=True)
    created = models.DateTimeField(default=timezone.now)


class Message(models.Model):
    """One thing that must leave the house: a mail, a change in the calendar, a word to the bot. Sent by `clinic.outbox`."""

    class Kind(models.TextChoices):
        MAIL = "mail", "e-mail"
        CALENDAR = "calendar", "calendar"
        TALK = "talk", "word to the bot"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        DONE = "done", "sent"
        DROPPED = "dropped", "no longer needed"
        FAILED = "failed", "could not be delivered"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    about = models.CharField(max_length=20, help_text="Which text or change.")
    subject = models.CharField(max_length=references.LENGTH, db_index=True, help_text="Reference of what it is about.")
    recipient = models.CharField(max_length=10, help_text="person, clinic, calendar or bot")
    sequence = models.PositiveIntegerField(default=0)
    dedupe_key = models.CharField(max_length=80, unique=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_try = models.DateTimeField(default=timezone.now)
    claimed_until = models.DateTimeField(null=True, blank=True)
    claimed_by = models.CharField(max_length=32, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True, help_text="What the other side said, without addresses.")
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created"]
        verbose_name = "outgoing message"
        verbose_name_plural = "outbox"
        indexes = [models.Index(fields=["next_try"], condition=Q(state="waiting"), name="message_due")]
        constraints = [models.CheckConstraint(condition=Q(state__in=["waiting", "done", "dropped", "failed"]), name="message_state")]

    def __str__(self) -> str:
        return f"{self.about} to {self.recipient} about {references.shown(self.subject)}"


class External(models.Model):
    """What a booking is called elsewhere."""

    booking = models.ForeignKey(Booking, models.CASCADE, related_name="externals")
    provider = models.CharField(max_length=20)
    href = models.CharField(max_length=500)
    etag = models.CharField(max_length=200, blank=True)
    uid = models.CharField(max_length=200)
    sequence = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["booking", "provider"], name="external_once")]

    def __str__(self) -> str:
        return f"{self.provider}: {self.uid}"


class History(models.Model):
    """What happened to a record, by whom. The database refuses to change or delete a row. Holds no personal data."""

    subject_kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=references.LENGTH, db_index=True)
    actor = models.CharField(max_length=150, help_text="person, system, or a staff member's login")
    what = models.CharField(max_length=40)
    detail = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "history"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor}: {self.what}"


class Proof(models.Model):
    """That a conversation proved a booking to be its person's, for an hour."""

    conversation = models.ForeignKey(Conversation, models.CASCADE)
    booking = models.ForeignKey(Booking, models.CASCADE)
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "booking"], name="proof_once")]


class Guess(models.Model):
    """A failed proof or login, counted so that nobody can try for long."""

    about = models.CharField(max_length=40, db_index=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)


class Receipt(models.Model):
    """That a person's data was erased, where and how many; nothing about who it was."""

    reference = models.CharField(max_length=references.LENGTH, db_index=True, help_text="Of the request, if there was one.")
    stores = models.JSONField()
    actor = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at"]
        verbose_name = "erasure receipt"

    def __str__(self) -> str:
        return f"{self.reference or 'without a request'}, {self.at:%Y-%m-%d}"
