"""What the review desk keeps: conversations split by session with masked text only, what staff noted about them, and who looked.

The original words stay in the bot's own table and go with it. Nothing here can be turned back into them.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from clinic.models import Conversation
from clinic.sealing import SealedField


class Cursor(models.Model):
    """How far the bot's events have been read. `generation` changes when they are another database's than before."""

    last = models.BigIntegerField(default=0)
    stamp = models.FloatField(default=0, help_text="Time of the last event, by which a replaced database is noticed.")
    generation = models.PositiveIntegerField(default=1)
    at = models.DateTimeField(auto_now=True)


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Talk(models.Model):
    """One session of a conversation, and what came of it."""

    class Alarm(models.IntegerChoices):
        NONE = 0, "none"
        MILD = 1, "mild symptom"
        URGENT = 2, "urgent symptom"
        CRISIS = 3, "crisis"
        EMERGENCY = 4, "emergency"

    class Outcome(models.TextChoices):
        OPENED = "opened", "nothing was asked"
        ANSWERED = "answered", "answered"
        UNCLEAR = "unclear", "ended not understood"
        SCREENED = "screened", "check finished"
        REQUESTED = "requested", "request made"
        BOOKED = "booked", "booked"
        HANDED = "handed", "handed to a person"

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="talks")
    generation = models.PositiveIntegerField(default=1)
    first_event = models.BigIntegerField()
    channel = models.CharField(max_length=20, blank=True)
    started = models.DateTimeField()
    ended = models.DateTimeField()
    turns = models.PositiveIntegerField(default=0)
    lead = models.CharField(max_length=140, blank=True, help_text="The first thing the person wrote, masked.")
    lowest = models.FloatField(null=True, help_text="Lowest confidence of a message.")
    fallbacks = models.PositiveIntegerField(default=0)
    alarm = models.PositiveSmallIntegerField(choices=Alarm.choices, default=Alarm.NONE)
    alarm_at = models.DateTimeField(null=True)
    screening = models.CharField(max_length=40, blank=True)
    step = models.CharField(max_length=30, blank=True, help_text="How far a booking came.")
    handed = models.BooleanField(default=False)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.OPENED)
    model = models.CharField(max_length=40, blank=True)
    known = SealedField(null=True)
    dice = models.FloatField(default=0, help_text="For samples at random.")
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    tags = models.ManyToManyField(Tag, blank=True, related_name="talks")

    class Meta:
        ordering = ["-ended"]
        verbose_name = "conversation"
        constraints = [
            models.UniqueConstraint(fields=["generation", "first_event"], name="talk_once"),
            models.CheckConstraint(condition=Q(ended__gte=F("started")), name="talk_runs_forwards"),
        ]
        indexes = [
            models.Index(fields=["-ended"], name="talk_ended"),
            models.Index(fields=["-ended"], condition=Q(reviewed_at=None), name="talk_unreviewed"),
            models.Index(fields=["channel", "-ended"], name="talk_channel"),
            models.Index(fields=["outcome", "-ended"], name="talk_outcome"),
            models.Index(fields=["-ended"], condition=Q(alarm__gt=0), name="talk_alarm"),
            models.Index(fields=["-ended"], condition=Q(fallbacks__gt=0), name="talk_fallbacks"),
            models.Index(fields=["-ended"], condition=Q(handed=True), name="talk_handed"),
            models.Index(fields=["lowest", "-ended"], name="talk_lowest"),
            models.Index(fields=["dice"], name="talk_dice"),
            models.Index(fields=["started"], name="talk_started"),
        ]
        permissions = [
            ("sort_talk", "Can assign, note, tag and mark as reviewed"),
            ("correct_talk", "Can correct what was understood"),
            ("unmask_talk", "Can see the original words, with a reason"),
            ("take_talk", "Can answer a person in place of the bot"),
            ("export_talk", "Can export figures"),
            ("see_figures", "Can see the dashboard"),
        ]

    def __str__(self) -> str:
        return f"conversation {self.pk}"


class Message(models.Model):
    """One thing that was said, masked. `detail`: ranking, entities, questions, policy, action, safety, buttons."""

    talk = models.ForeignKey(Talk, models.CASCADE, related_name="messages")
    generation = models.PositiveIntegerField(default=1)
    event = models.BigIntegerField()
    at = models.DateTimeField()
    who = models.CharField(max_length=6, help_text="person, bot or staff")
    text = models.TextField(blank=True)
    intent = models.CharField(max_length=60, blank=True)
    confidence = models.FloatField(null=True)
    alarm = models.PositiveSmallIntegerField(default=0)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["event"]
        constraints = [models.UniqueConstraint(fields=["generation", "event"], name="message_once")]
        indexes = [
            # Whole indexes: SQLite uses one with a condition only where the query repeats it with the very constant.
            models.Index(fields=["intent", "-talk"], name="message_meaning"),
            models.Index(fields=["at"], name="message_at"),
        ]


class Note(models.Model):
    talk = models.ForeignKey(Talk, models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    text = SealedField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at"]


class View(models.Model):
    """A saved set of filters."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=600, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="view_name_once")]


class Correction(models.Model):
    """What a reviewer says a message should have been. It waits to be written into a patch; it changes nothing by itself."""

    class Kind(models.TextChoices):
        INTENT = "intent", "another meaning"
        ENTITY = "entity", "another detail"
        NONE = "none", "not a question"
        EXAMPLE = "example", "a good example"
        TEST = "test", "a test dialogue"

    talk = models.ForeignKey(Talk, models.CASCADE, related_name="corrections")
    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="corrections")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    intent = models.CharField(max_length=60, blank=True)
    was = models.CharField(max_length=60, blank=True)
    text = models.TextField(help_text="What would be written, masked.")
    entity = models.JSONField(default=dict)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    patched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(fields=["message", "kind"], name="correction_once")]


class Access(models.Model):
    """Who looked at what, and what they did. The database refuses to change or delete a row. Holds no personal data."""

    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=150)
    what = models.CharField(max_length=30)
    talk = models.BigIntegerField(null=True, db_index=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        verbose_name = "look"


class Tally(models.Model):
    """Counts of a day, for the dashboard; they stay when the conversations they count are gone."""

    day = models.DateField()
    what = models.CharField(max_length=20)
    key = models.CharField(max_length=80, blank=True)
    count = models.IntegerField(default=0)
    total = models.FloatField(default=0, help_text="Sum of a measured value, where there is one.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "what", "key"], name="tally_once")]
        indexes = [models.Index(fields=["what", "day"], name="tally_what")]
