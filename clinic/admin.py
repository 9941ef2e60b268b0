"""What staff can see and change. Every change goes through a service, so that the rules hold and the history knows."""

import datetime as dt
from typing import Any, Dict, List, Optional, Sequence, Tuple
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from clinic import models, references, sealing
from clinic.booking.slots import Slot
from clinic.booking.times import UTC
from clinic.review import access, recovery
from clinic.services import bookings, contacts, handoffs, history, requests, retention
from clinic.services.results import Booking, NotChangeable, Requested, SlotTaken
from knowledge.practice import PRACTICE

CONTACT = (("name", "name"), ("phone", "phone"), ("email", "e-mail"), ("contact_by", "prefers"), ("area", "area"))


def lines(rows: Sequence[Tuple[Any, Any]]) -> SafeString:
    """A small list of names and values; whatever a visitor wrote is escaped."""
    return format_html_join("", "<div><b>{}</b>: {}</div>", rows) if rows else SafeString("–")


def plain(value: Any) -> SafeString:
    """A JSON value as nested lists."""
    if isinstance(value, dict):
        return format_html("<ul>{}</ul>", format_html_join("", "<li><b>{}</b>: {}</li>", ((k, plain(v)) for k, v in value.items())))
    if isinstance(value, list):
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((plain(v),) for v in value)))
    return format_html("{}", "–" if value in (None, "") else value)


def contact_lines(contact: Optional[Dict[str, Any]]) -> SafeString:
    contact = contact or {}
    return lines([(title, contact[key]) for key, title in CONTACT if contact.get(key)])


def login_of(request: HttpRequest) -> str:
    return request.user.get_username()


class Records(admin.ModelAdmin):
    """Base: found by reference or by an exact phone number or e-mail address, never deleted here, its history below."""

    list_per_page = 50
    show_full_result_count = False
    search_help_text = "A reference, or an exact phone number or e-mail address"
    search_fields = ("reference",)
    change_form_template = "admin/clinic/record.html"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = queryset.filter(reference=references.read_reference(term) or "-")
        if not found.exists():
            column = "email" if "@" in term else "phone"
            value = contacts.email(term) if "@" in term else contacts.phone(term, PRACTICE.get().country)
            found = queryset.filter(**{f"{column}_digest__in": sealing.digests(column, value) or ["-"]})
        return found, False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description="reference", ordering="reference")
    def shown(self, obj: Any) -> str:
        return references.shown(obj.reference)

    @admin.display(description="contact")
    def contact_shown(self, obj: Any) -> SafeString:
        return contact_lines(obj.contact)

    @admin.display(description="history")
    def story(self, obj: Any) -> SafeString:
        rows = history.of(obj.reference)
        return lines([(f"{timezone.localtime(row.at):%d %b %Y %H:%M} {row.actor}", f"{row.what} {_detail(row.detail)}") for row in rows])

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's own log repeats names of objects; ours is the history, written by the services."""
        return None

    log_addition = log_change

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Django's own log is empty: the record shows its history itself."""
        return redirect(f"admin:clinic_{self.model._meta.model_name}_change", object_id)


def _detail(detail: Dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in detail.items())


def _practitioners() -> List[Tuple[str, str]]:
    return [(p.name, p.name) for p in PRACTICE.get().practitioners]


class BookingForm(forms.ModelForm):
    """An appointment as staff enter or change it. Its rules are the service's; what can be said beforehand is said at the field."""

    when = forms.SplitDateTimeField(widget=AdminSplitDateTime, help_text="On the clinic's clock. Any free time, also outside opening hours.")
    practitioner = forms.ChoiceField()
    name = forms.CharField(max_length=200, required=False)
    phone = forms.CharField(max_length=60, required=False)
    email = forms.EmailField(required=False, label="e-mail")
    came = forms.ChoiceField(choices=[("", "–"), ("attended", "came"), ("no_show", "did not come")], required=False)
    cancel = forms.BooleanField(required=False, label="cancel this appointment")

    class Meta:
        model = models.Booking
        fields: List[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        booking, choices = self.instance, _practitioners()
        if booking.pk and booking.slot:
            contact = booking.contact or {}
            if booking.slot.practitioner not in dict(choices):
                choices.append((booking.slot.practitioner, booking.slot.practitioner))
            self.initial.update(
                when=booking.slot.starts,
                practitioner=booking.slot.practitioner,
                came=booking.status if booking.status in ("attended", "no_show") else "",
                **{key: contact.get(key, "") for key in ("name", "phone", "email")},
            )
        else:
            self.fields.pop("came")
            self.fields.pop("cancel")
        field = self.fields["practitioner"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def wanted(self) -> Slot:
        """The time on the form."""
        practice, start = PRACTICE.get(), self.cleaned_data["when"].astimezone(UTC)
        length = dt.timedelta(minutes=practice.minutes)
        if self.instance.pk and self.instance.slot:
            length = self.instance.slot.ends - self.instance.slot.starts
        return Slot(start, self.cleaned_data["practitioner"], start + length, practice.zone)

    def clean(self) -> Dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not data.get("cancel"):
            slot = self.wanted()
            others = models.Slot.objects.filter(practitioner=slot.practitioner, state__in=models.Slot.LIVE, starts__lt=slot.end, ends__gt=slot.start).exclude(
                state="held", booking=None
            )
            if self.instance.pk:
                others = others.exclude(booking=self.instance)
            if others.exists():
                self.add_error("when", f"{slot.practitioner} is not free then.")
        return data


@admin.register(models.Booking)
class BookingAdmin(Records):
    form = BookingForm
    list_display = ("shown", "starts", "practitioner", "name", "status", "undelivered")
    list_filter = ("status", "slot__practitioner", "slot__starts")
    list_select_related = ("slot",)
    ordering = ("-slot__starts",)
    actions = ("mark_came", "mark_no_show", "cancel_chosen")
    readonly_fields = ("shown", "status", "contact_shown", "screening_shown", "reminders", "messages_shown", "story")

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Booking]:
        return super().get_queryset(request).exclude(status__in=["pending", "lost"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("clinic.add_booking")

    def get_fieldsets(self, request: HttpRequest, obj: Optional[models.Booking] = None) -> Any:
        entry = ["when", "practitioner", "name", "phone", "email"]
        if obj is None:
            return [(None, {"fields": entry})]
        seen = ["shown", "status", "contact_shown", "reminders"]
        if request.user.has_perm("clinic.read_screening"):
            seen.append("screening_shown")
        parts: List[Any] = [(None, {"fields": seen})]
        if self.has_change_permission(request, obj):
            parts.append(("Change", {"fields": [*entry, "came", "cancel"]}))
        return [*parts, ("Messages and history", {"fields": ["messages_shown", "story"]})]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.status in ("confirmed", "attended", "no_show"))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return forms.modelform_factory(models.Booking, fields=[])
        # The fields of the form are no fields of the table, which Django would look them up in.
        return super().get_form(request, obj, change, **{**kwargs, "fields": None})

    @admin.display(description="time", ordering="slot__starts")
    def starts(self, obj: models.Booking) -> str:
        return f"{timezone.localtime(obj.slot.starts):%a %d %b %Y %H:%M}" if obj.slot else "–"

    @admin.display(description="with", ordering="slot__practitioner")
    def practitioner(self, obj: models.Booking) -> str:
        return obj.slot.practitioner if obj.slot else "–"

    @admin.display(description="name")
    def name(self, obj: models.Booking) -> str:
        return str((obj.contact or {}).get("name") or "–")

    @admin.display(description="not delivered")
    def undelivered(self, obj: models.Booking) -> str:
        failed = models.Message.objects.filter(subject=obj.reference, state="failed").count()
        return f"{failed} message{'s' if failed > 1 else ''}" if failed else ""

    @admin.display(description="health answers")
    def screening_shown(self, obj: models.Booking) -> SafeString:
        return format_html("<div>Rules {}</div>{}", obj.screening.table_version, plain(obj.screening.result)) if obj.screening else SafeString("–")

    @admin.display(description="messages")
    def messages_shown(self, obj: models.Booking) -> SafeString:
        rows = models.Message.objects.filter(subject=obj.reference)
        return lines([(f"{m.about} to {m.recipient}", f"{m.get_state_display()} {m.error}") for m in rows])

    def changeform_view(self, request: HttpRequest, object_id: Optional[str] = None, form_url: str = "", extra_context: Any = None) -> Any:
        if object_id and request.method == "GET" and request.user.has_perm("clinic.read_screening"):
            read = models.Booking.objects.filter(pk=object_id, screening__isnull=False).first()
            if read is not None:
                history.note("booking", read.reference, "health answers read", login_of(request))
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except _Refused as refused:
            messages.error(request, str(refused))
            return redirect(request.path)

    def save_model(self, request: HttpRequest, obj: models.Booking, form: Any, change: bool) -> None:
        data, actor, now = form.cleaned_data, login_of(request), timezone.now()
        person = {key: data[key] for key in ("name", "phone", "email")}
        if not change:
            made = bookings.book_by_staff(form.wanted(), person, actor, uuid4().hex, now)
            if made is None:
                raise _Refused("Somebody else has just taken that time. Nothing was booked.")
            obj.__dict__.update(made.__dict__)
            return
        try:
            if data["cancel"]:
                bookings.cancel_by_staff(obj.reference, actor, now)
                return
            bookings.correct_contact(obj.reference, person, actor)
            if data["came"]:
                bookings.mark(obj.reference, data["came"] == "attended", actor)
            elif form.wanted() != bookings.slot_of(obj):
                self._say_moved(request, bookings.move_by_staff(obj.reference, form.wanted(), actor, now))
        except NotChangeable as error:
            raise _Refused(f"This appointment is {error.status} and cannot be changed.") from error

    def _say_moved(self, request: HttpRequest, result: Any) -> None:
        if isinstance(result, SlotTaken):
            raise _Refused("Somebody else has just taken that time. The appointment keeps its old one.")
        if isinstance(result, Requested):
            messages.warning(request, f"The calendar did not answer. The appointment keeps its time; request {result.shown} reminds you to move it.")
        elif isinstance(result, Booking):
            messages.success(request, f"Moved to {result.spoken}.")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        return None

    @admin.action(description="They came", permissions=["change"])
    def mark_came(self, request: HttpRequest, chosen: QuerySet[models.Booking]) -> None:
        self._each(request, chosen, lambda b: bookings.mark(b.reference, True, login_of(request)))

    @admin.action(description="They did not come", permissions=["change"])
    def mark_no_show(self, request: HttpRequest, chosen: QuerySet[models.Booking]) -> None:
        self._each(request, chosen, lambda b: bookings.mark(b.reference, False, login_of(request)))

    @admin.action(description="Cancel (the person is told by e-mail)", permissions=["change"])
    def cancel_chosen(self, request: HttpRequest, chosen: QuerySet[models.Booking]) -> None:
        self._each(request, chosen, lambda b: bookings.cancel_by_staff(b.reference, login_of(request), timezone.now()))

    def _each(self, request: HttpRequest, chosen: QuerySet[models.Booking], do: Any) -> None:
        for booking in chosen:
            try:
                do(booking)
            except NotChangeable as error:
                messages.error(request, f"{references.shown(booking.reference)} is {error.status} and was left as it is.")


class _Refused(Exception):
    """A service said no; the text is for staff."""


class SlotForm(forms.ModelForm):
    practitioner = forms.ChoiceField()

    class Meta:
        model = models.Slot
        fields = ["practitioner", "starts", "ends", "note"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["practitioner"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = _practitioners()

    def clean(self) -> Dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            if data["ends"] <= data["starts"]:
                self.add_error("ends", "It must end after it begins.")
            elif models.Slot.objects.filter(
                practitioner=data["practitioner"], state__in=("confirmed", "blocked"), starts__lt=data["ends"], ends__gt=data["starts"]
            ).exists():
                self.add_error("starts", "There is an appointment in it, or it is closed already.")
        return data


@admin.register(models.Slot)
class SlotAdmin(admin.ModelAdmin):
    """The diary: appointments as they stand, and times that staff close."""

    form = SlotForm
    list_display = ("starts", "ends", "practitioner", "state", "booking", "note")
    list_filter = ("practitioner", "state", "starts")
    list_select_related = ("booking",)
    date_hierarchy = "starts"
    ordering = ("starts", "practitioner")
    actions = ("open_again",)
    list_per_page = 100

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Slot]:
        return super().get_queryset(request).exclude(state="released")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: models.Slot, form: Any, change: bool) -> None:
        data = form.cleaned_data
        made = bookings.block(data["practitioner"], data["starts"], data["ends"], data["note"], login_of(request), timezone.now())
        if made is None:
            raise _Refused("Somebody has just booked in that time. Nothing was closed.")
        obj.__dict__.update(made.__dict__)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def changeform_view(self, request: HttpRequest, object_id: Optional[str] = None, form_url: str = "", extra_context: Any = None) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except _Refused as refused:
            messages.error(request, str(refused))
            return redirect(request.path)

    @admin.action(description="Open again (closed times only)", permissions=["change"])
    def open_again(self, request: HttpRequest, chosen: QuerySet[models.Slot]) -> None:
        for slot in chosen.filter(state="blocked"):
            bookings.unblock(slot, login_of(request))


@admin.register(models.Handoff)
class HandoffAdmin(Records):
    list_display = ("shown", "urgency", "status", "created", "taken_by", "reason_shown")
    list_filter = ("status", "urgency")
    list_select_related = ("taken_by",)
    actions = ("take", "close")
    readonly_fields = ("shown", "urgency", "status", "created", "reason_shown", "summary_shown", "contact_shown", "taken_by", "taken_at", "closed_at", "story")
    fields = readonly_fields

    @admin.display(description="reason")
    def reason_shown(self, obj: models.Handoff) -> str:
        return str(obj.reason or "–")

    @admin.display(description="summary")
    def summary_shown(self, obj: models.Handoff) -> str:
        return str(obj.summary or "–")

    @admin.action(description="Take: the bot is quiet, I answer", permissions=["change"])
    def take(self, request: HttpRequest, chosen: QuerySet[models.Handoff]) -> None:
        for handoff in chosen:
            try:
                handoffs.take(handoff, request.user)
            except handoffs.AlreadyTaken as error:
                messages.error(request, f"{error.by} has {references.shown(handoff.reference)} already.")

    @admin.action(description="Close: the bot answers again", permissions=["change"])
    def close(self, request: HttpRequest, chosen: QuerySet[models.Handoff]) -> None:
        for handoff in chosen:
            handoffs.close(handoff, request.user)


@admin.register(models.Request)
class RequestAdmin(Records):
    list_display = ("shown", "kind", "status", "due", "late", "created")
    list_filter = ("status", "kind", "due")
    actions = ("done", "declined", "reopen", "erase")
    readonly_fields = ("shown", "kind", "status", "due", "details_shown", "contact_shown", "booking", "created", "closed_at", "story")
    fields = readonly_fields

    @admin.display(description="overdue", empty_value="")
    def late(self, obj: models.Request) -> str:
        return "overdue" if obj.status == "open" and obj.due < timezone.localdate() else ""

    @admin.display(description="details")
    def details_shown(self, obj: models.Request) -> SafeString:
        details = {k: v for k, v in (obj.details or {}).items() if k not in ("wish", "screening")}
        return plain(details) if details else SafeString("–")

    @admin.action(description="Done", permissions=["change"])
    def done(self, request: HttpRequest, chosen: QuerySet[models.Request]) -> None:
        for one in chosen:
            requests.close(one.reference, True, login_of(request), timezone.now())

    @admin.action(description="Declined", permissions=["change"])
    def declined(self, request: HttpRequest, chosen: QuerySet[models.Request]) -> None:
        for one in chosen:
            requests.close(one.reference, False, login_of(request), timezone.now())

    @admin.action(description="Open again", permissions=["change"])
    def reopen(self, request: HttpRequest, chosen: QuerySet[models.Request]) -> None:
        for one in chosen:
            requests.reopen(one.reference, login_of(request))

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("clinic.erase_person")

    @admin.action(description="Erase the person of this request …", permissions=["erase"])
    def erase(self, request: HttpRequest, chosen: QuerySet[models.Request]) -> Optional[HttpResponse]:
        one = chosen.first()
        if one is None or chosen.count() != 1:
            messages.error(request, "Choose one request.")
            return None
        return redirect("admin:clinic_request_erase", one.pk)

    def get_urls(self) -> Any:
        return [path("<int:pk>/erase/", self.admin_site.admin_view(self.erase_view), name="clinic_request_erase"), *super().get_urls()]

    def erase_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Shows what would be erased; erases on POST."""
        one = self.get_object(request, str(pk))
        if one is None or not self.has_erase_permission(request):
            raise PermissionDenied
        person = retention.Erasure.of_record(one)
        if request.method == "POST":
            receipt = retention.erase(person, login_of(request), timezone.now(), one.reference)
            return redirect("admin:clinic_receipt_change", receipt.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Erase the person of {references.shown(one.reference)}",
            "counts": person.counts().items(),
            "contact": contact_lines(one.contact),
            "back": reverse("admin:clinic_request_change", args=[pk]),
        }
        return TemplateResponse(request, "admin/clinic/erase.html", context)


class ReadOnly(admin.ModelAdmin):
    """Seen, never touched."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(models.Consent)
class ConsentAdmin(ReadOnly):
    list_display = ("purpose", "text_version", "given_at", "withdrawn_at", "conversation")
    list_filter = ("purpose", "text_version")
    list_select_related = ("conversation",)


@admin.register(models.History)
class HistoryAdmin(ReadOnly):
    list_display = ("at", "actor", "what", "subject_kind", "subject")
    list_filter = ("subject_kind", "what", "at")
    search_fields = ("subject", "actor")


@admin.register(models.Receipt)
class ReceiptAdmin(ReadOnly):
    list_display = ("at", "reference", "actor")
    fields = ("at", "reference", "actor", "stores_shown")
    readonly_fields = fields

    @admin.display(description="erased")
    def stores_shown(self, obj: models.Receipt) -> SafeString:
        return lines(list(obj.stores.items()))


@admin.register(models.Message)
class MessageAdmin(ReadOnly):
    list_display = ("created", "kind", "about", "recipient", "subject", "state", "attempts", "next_try", "error")
    list_filter = ("state", "kind", "recipient")
    search_fields = ("subject",)
    actions = ("try_again",)

    @admin.action(description="Try again now", permissions=["send"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[models.Message]) -> None:
        for message in chosen.filter(state__in=("failed", "waiting")):
            message.state, message.next_try, message.attempts, message.done_at = "waiting", timezone.now(), 0, None
            message.save()
            history.note("message", message.subject, "sent again", login_of(request), about=message.about)

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("clinic.change_message")


class StaffAdmin(UserAdmin):
    """Only a superuser may make others superusers or hand out single permissions."""

    actions = ("forget_second_factor",)
    filter_horizontal = ()  # a plain list works by keyboard and is named; Django's two boxes are neither

    @admin.action(description="Take the second factor away (the phone is lost; make sure it is really they who ask)", permissions=["change"])
    def forget_second_factor(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for user in chosen:
            if not self.has_change_permission(request, user) or user.pk == request.user.pk:
                messages.error(request, f"{user.get_username()} keeps it: nobody takes away their own, and only a superuser a superuser's.")
            elif recovery.forget(user):
                access.note(request, "second factor", taken_from=user.get_username())
                messages.success(request, f"{user.get_username()} has no second factor any more.")
            else:
                messages.warning(request, f"{user.get_username()} has none.")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return fixed if request.user.is_superuser else [*fixed, "is_superuser", "user_permissions"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or not obj.is_superuser or request.user.is_superuser)


admin.site.unregister([User, Group])
admin.site.register(User, StaffAdmin)
admin.site.register(Group, GroupAdmin)
