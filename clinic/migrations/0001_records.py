"""Every table of the records."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import clinic.sealing


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Conversation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(editable=False, max_length=40, unique=True)),
                ("sealed_id", clinic.sealing.SealedField()),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="Effect",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=20)),
                ("reference", models.CharField(blank=True, max_length=8)),
                ("created", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="Guess",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("about", models.CharField(db_index=True, max_length=40)),
                ("at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="History",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subject_kind", models.CharField(max_length=20)),
                ("subject", models.CharField(db_index=True, max_length=8)),
                ("actor", models.CharField(help_text="person, system, or a staff member's login", max_length=150)),
                ("what", models.CharField(max_length=40)),
                ("detail", models.JSONField(default=dict)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "verbose_name_plural": "history",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(db_index=True, help_text="Of the request, if there was one.", max_length=8)),
                ("stores", models.JSONField()),
                ("actor", models.CharField(max_length=150)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "verbose_name": "erasure receipt",
                "ordering": ["-at"],
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("mail", "e-mail"), ("calendar", "calendar"), ("talk", "word to the bot")], max_length=10)),
                ("about", models.CharField(help_text="Which text or change.", max_length=20)),
                ("subject", models.CharField(db_index=True, help_text="Reference of what it is about.", max_length=8)),
                ("recipient", models.CharField(help_text="person, clinic, calendar or bot", max_length=10)),
                ("sequence", models.PositiveIntegerField(default=0)),
                ("dedupe_key", models.CharField(max_length=80, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "waiting"), ("done", "sent"), ("dropped", "no longer needed"), ("failed", "could not be delivered")],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_try", models.DateTimeField(default=django.utils.timezone.now)),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("claimed_by", models.CharField(blank=True, max_length=32)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.CharField(blank=True, help_text="What the other side said, without addresses.", max_length=200)),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "verbose_name": "outgoing message",
                "verbose_name_plural": "outbox",
                "ordering": ["-created"],
                "indexes": [models.Index(condition=models.Q(("state", "waiting")), fields=["next_try"], name="message_due")],
                "constraints": [models.CheckConstraint(condition=models.Q(("state__in", ["waiting", "done", "dropped", "failed"])), name="message_state")],
            },
        ),
        migrations.CreateModel(
            name="Screening",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(editable=False, max_length=8, unique=True)),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated", models.DateTimeField(auto_now=True)),
                ("result", clinic.sealing.SealedField()),
                ("table_version", models.CharField(max_length=60)),
                ("conversation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="screenings", to="clinic.conversation")),
            ],
            options={
                "ordering": ["-created"],
            },
        ),
        migrations.CreateModel(
            name="Booking",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(editable=False, max_length=8, unique=True)),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated", models.DateTimeField(auto_now=True)),
                ("contact", clinic.sealing.SealedField(null=True)),
                ("phone_digest", models.CharField(blank=True, db_index=True, editable=False, max_length=40)),
                ("email_digest", models.CharField(blank=True, db_index=True, editable=False, max_length=40)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "being made"),
                            ("confirmed", "confirmed"),
                            ("attended", "attended"),
                            ("no_show", "did not come"),
                            ("cancelled", "cancelled"),
                            ("lost", "not made: the time was gone"),
                        ],
                        default="pending",
                        max_length=12,
                    ),
                ),
                ("sequence", models.PositiveIntegerField(default=0)),
                ("reminders", models.BooleanField(default=True, help_text="The person wants to be reminded.")),
                (
                    "conversation",
                    models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="bookings", to="clinic.conversation"),
                ),
                (
                    "screening",
                    models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="bookings", to="clinic.screening"),
                ),
            ],
            options={
                "ordering": ["-created"],
                "permissions": [("read_screening", "Can read health answers"), ("erase_person", "Can erase a person")],
            },
        ),
        migrations.CreateModel(
            name="Slot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("practitioner", models.CharField(max_length=120)),
                ("starts", models.DateTimeField(db_index=True)),
                ("ends", models.DateTimeField()),
                ("zone", models.CharField(help_text="The clinic's time zone when this was written.", max_length=60)),
                (
                    "state",
                    models.CharField(
                        choices=[("held", "held for a moment"), ("confirmed", "booked"), ("blocked", "closed by staff"), ("released", "free again")],
                        max_length=12,
                    ),
                ),
                ("hold_until", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, help_text="Why it is closed. Nothing about patients.", max_length=120)),
                ("booking", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="slots", to="clinic.booking")),
                (
                    "conversation",
                    models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="holds", to="clinic.conversation"),
                ),
            ],
            options={
                "verbose_name": "diary entry",
                "verbose_name_plural": "diary",
                "ordering": ["starts", "practitioner"],
            },
        ),
        migrations.AddField(
            model_name="booking",
            name="slot",
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="current_of", to="clinic.slot"),
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("purpose", models.CharField(max_length=60)),
                ("text_version", models.CharField(max_length=60)),
                ("given_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                ("conversation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="consents", to="clinic.conversation")),
            ],
            options={
                "ordering": ["-given_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("withdrawn_at", None)), fields=("conversation", "purpose", "text_version"), name="consent_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("withdrawn_at", None), ("withdrawn_at__gte", models.F("given_at")), _connector="OR"), name="consent_withdrawn_later"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="External",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=20)),
                ("href", models.CharField(max_length=500)),
                ("etag", models.CharField(blank=True, max_length=200)),
                ("uid", models.CharField(max_length=200)),
                ("sequence", models.PositiveIntegerField(default=0)),
                ("booking", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="externals", to="clinic.booking")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("booking", "provider"), name="external_once")],
            },
        ),
        migrations.CreateModel(
            name="Handoff",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(editable=False, max_length=8, unique=True)),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated", models.DateTimeField(auto_now=True)),
                ("contact", clinic.sealing.SealedField(null=True)),
                ("phone_digest", models.CharField(blank=True, db_index=True, editable=False, max_length=40)),
                ("email_digest", models.CharField(blank=True, db_index=True, editable=False, max_length=40)),
                ("urgency", models.CharField(choices=[("normal", "normal"), ("urgent", "urgent")], default="normal", max_length=8)),
                ("status", models.CharField(choices=[("open", "waiting"), ("taken", "staff are talking"), ("closed", "closed")], default="open", max_length=8)),
                ("reason", clinic.sealing.SealedField(null=True)),
                ("summary", clinic.sealing.SealedField(null=True)),
                ("taken_at", models.DateTimeField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("conversation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="handoffs", to="clinic.conversation")),
                (
                    "taken_by",
                    models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
            ],
            options={
                "verbose_name": "hand-off",
                "ordering": ["status", "-urgency", "created"],
                "constraints": [
                    models.UniqueConstraint(condition=models.Q(("status", "taken")), fields=("conversation",), name="handoff_one_taken"),
                    models.CheckConstraint(condition=models.Q(("urgency__in", ["normal", "urgent"])), name="handoff_urgency"),
                    models.CheckConstraint(
                        condition=models.Q(("taken_at__isnull", False), models.Q(("status", "taken"), _negated=True), _connector="OR"),
                        name="handoff_taken_has_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Proof",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("until", models.DateTimeField()),
                ("booking", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="clinic.booking")),
                ("conversation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="clinic.conversation")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("conversation", "booking"), name="proof_once")],
            },
        ),
        migrations.CreateModel(
            name="Request",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(editable=False, max_length=8, unique=True)),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated", models.DateTimeField(auto_now=True)),
                ("contact", clinic.sealing.SealedField(null=True)),
                ("phone_digest", models.CharField(blank=True, db_index=True, editable=False, max_length=40)),
                ("email_digest", models.CharField(blank=True, db_index=True, editable=False, max_length=40)),
                (
                    "kind",
                    models.CharField(
                        choices=[("complaint", "complaint"), ("erasure", "erasure of data"), ("callback", "call back"), ("booking", "booking to confirm")],
                        max_length=10,
                    ),
                ),
                ("status", models.CharField(choices=[("open", "open"), ("done", "done"), ("declined", "declined")], default="open", max_length=8)),
                ("details", clinic.sealing.SealedField(null=True)),
                ("due", models.DateField()),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "booking",
                    models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="requests", to="clinic.booking"),
                ),
                (
                    "conversation",
                    models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="requests", to="clinic.conversation"),
                ),
            ],
            options={
                "ordering": ["status", "due"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("kind__in", ["complaint", "erasure", "callback", "booking"])), name="request_kind"),
                    models.CheckConstraint(condition=models.Q(("status__in", ["open", "done", "declined"])), name="request_status"),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(condition=models.Q(("state__in", ["held", "confirmed", "blocked"])), fields=["practitioner", "starts"], name="slot_live"),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(condition=models.Q(("ends__gt", models.F("starts"))), name="slot_runs_forwards"),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(condition=models.Q(("state__in", ["held", "confirmed", "blocked", "released"])), name="slot_state"),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(
                condition=models.Q(("hold_until__isnull", False), models.Q(("state", "held"), _negated=True), _connector="OR"), name="slot_hold_ends"
            ),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(
                condition=models.Q(("booking__isnull", False), models.Q(("state", "confirmed"), _negated=True), _connector="OR"),
                name="slot_confirmed_is_booked",
            ),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.UniqueConstraint(condition=models.Q(("state", "confirmed")), fields=("booking",), name="slot_one_confirmed"),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.UniqueConstraint(condition=models.Q(("state", "held")), fields=("booking",), name="slot_one_held"),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.UniqueConstraint(condition=models.Q(("booking", None), ("state", "held")), fields=("conversation",), name="slot_one_hold_each"),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "confirmed", "attended", "no_show", "cancelled", "lost"])), name="booking_status"
            ),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("slot__isnull", False), ("status__in", ["pending", "cancelled", "lost"]), _connector="OR"), name="booking_has_its_time"
            ),
        ),
    ]
