"""The staff's site as staff use it: permissions beginning with no, changes through the rules, strict headers, no default password."""

import datetime as dt
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clinic import first_login, logins, models
from clinic.booking.slots import Wishes
from clinic.services import bookings, handoffs, history, requests, screenings
from clinic.services.results import Booking
from tests.clinic.conftest import PERSON, environment

pytestmark = pytest.mark.usefixtures("sqlite_records", "clinic_file")
PAGES = ["booking", "slot", "handoff", "request", "consent", "message", "history", "receipt"]
PASSWORD = "a long enough phrase"


def login(group: str) -> Client:
    user = User.objects.create_user(group, password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


def made(number: int = 40, screening: bool = False, **person: Any) -> Booking:
    reference = screenings.save("web:1", {"pregnant": "<b>no</b>"}, "v1", "s") if screening else None
    now = timezone.now()
    result = bookings.book("web:1", bookings.free_slots(Wishes(), now)[number], {**PERSON, **person}, reference, f"k{number}", now)
    assert isinstance(result, Booking)
    return result


def change_url(booking: Booking) -> str:
    return reverse("admin:clinic_booking_change", args=[models.Booking.objects.get(reference=booking.reference).pk])


def form(booking: Booking, **changes: Any) -> dict[str, Any]:
    start = changes.pop("start", booking.start).astimezone(timezone.zoneinfo.ZoneInfo("Europe/London"))
    return {
        "when_0": f"{start:%Y-%m-%d}",
        "when_1": f"{start:%H:%M:%S}",
        "practitioner": booking.practitioner,
        "name": PERSON["name"],
        "phone": PERSON["phone"],
        "email": PERSON["email"],
        "came": "",
        **changes,
    }


def act(client: Client, model: str, action: str, *records: Any) -> Any:
    url = reverse(f"admin:clinic_{model}_changelist")
    return client.post(url, {"action": action, "_selected_action": [r.pk for r in records]}, follow=True)


class TestWhoMay:
    @pytest.mark.parametrize("page", PAGES)
    def test_nobody_without_a_login(self, page: str) -> None:
        answer = Client().get(reverse(f"admin:clinic_{page}_changelist"))
        assert answer.status_code == 302 and "/login/" in answer["Location"]

    @pytest.mark.parametrize("page", PAGES)
    def test_nobody_who_is_no_staff_or_has_no_group(self, page: str) -> None:
        for name, staff in (("visitor", False), ("newcomer", True)):
            user, _ = User.objects.get_or_create(username=name, defaults={"is_staff": staff})
            client = Client()
            client.force_login(user)
            assert client.get(reverse(f"admin:clinic_{page}_changelist")).status_code in (302, 403)

    @pytest.mark.parametrize(
        ("group", "denied"),
        [("receptionist", {"consent", "receipt"}), ("clinician", {"receipt"}), ("manager", set())],
    )
    def test_each_group_sees_its_pages(self, group: str, denied: set[str]) -> None:
        client = login(group)
        seen = {page for page in PAGES if client.get(reverse(f"admin:clinic_{page}_changelist")).status_code == 200}
        assert seen == set(PAGES) - denied

    @pytest.mark.parametrize(("group", "sees"), [("receptionist", False), ("clinician", True), ("manager", True)])
    def test_health_answers_are_for_clinicians_and_reading_them_is_noted(self, group: str, sees: bool) -> None:
        booking = made(screening=True)
        page = login(group).get(change_url(booking)).content.decode()
        assert ("pregnant" in page) is sees
        assert "<b>no</b>" not in page
        assert ("health answers read" in [h.what for h in history.of(booking.reference)]) is sees

    @pytest.mark.parametrize("group", ["receptionist", "clinician", "manager"])
    def test_nobody_deletes_or_rewrites(self, group: str) -> None:
        booking, client = made(), login(group)
        pk = models.Booking.objects.get().pk
        assert client.post(reverse("admin:clinic_booking_delete", args=[pk]), {"post": "yes"}).status_code == 403
        line = history.of(booking.reference)[0]
        assert client.post(reverse("admin:clinic_history_change", args=[line.pk]), {"actor": "x"}).status_code == 403
        assert models.Booking.objects.exists()

    def test_only_managers_erase(self) -> None:
        reference, _ = requests.open_request("web:1", "erasure", {"contact": PERSON}, "e", timezone.now())
        one = models.Request.objects.get(reference=reference)
        url = reverse("admin:clinic_request_erase", args=[one.pk])
        assert login("receptionist").post(url).status_code == 403
        manager = login("manager")
        assert b"What is there now" in manager.get(url).content and models.Request.objects.get().contact
        assert b"bookings" in manager.post(url, follow=True).content
        assert models.Request.objects.get().contact is None

    def test_a_manager_makes_no_superuser(self) -> None:
        boss = User.objects.create_superuser("boss", password=PASSWORD)
        client = login("manager")
        assert client.post(reverse("admin:auth_user_change", args=[boss.pk]), {"username": "mine"}).status_code == 403
        page = client.get(reverse("admin:auth_user_change", args=[User.objects.get(username="manager").pk])).content.decode()
        assert 'name="is_superuser"' not in page and 'name="user_permissions"' not in page


class TestChanging:
    def test_moving_follows_the_rules_and_is_told(self) -> None:
        booking, client = made(), login("receptionist")
        start = booking.start + dt.timedelta(days=1, hours=11)  # in the evening: staff may
        answer = client.post(change_url(booking), form(booking, start=start), follow=True)
        assert answer.status_code == 200
        after = bookings.find("web:1", None, None, timezone.now())[0]
        assert (after.start, after.sequence) == (start, 1)
        assert history.of(booking.reference)[0].actor == "receptionist"
        assert models.Message.objects.filter(about="moved", recipient="person", subject=booking.reference).exists()

    def test_onto_another_appointment_it_is_refused_at_the_field(self) -> None:
        booking, other = made(), made(43)
        answer = login("receptionist").post(change_url(booking), form(booking, start=other.start, practitioner=other.practitioner))
        assert b"is not free then" in answer.content
        assert bookings.find("web:1", booking.reference, None, timezone.now())[0].start == booking.start

    def test_and_if_somebody_was_quicker_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from clinic.admin import BookingForm

        booking, other = made(), made(43)
        monkeypatch.setattr(BookingForm, "clean", lambda self: self.cleaned_data)
        answer = login("receptionist").post(change_url(booking), form(booking, start=other.start, practitioner=other.practitioner), follow=True)
        assert b"keeps its old one" in answer.content

    def test_contact_came_and_cancel(self) -> None:
        booking, client = made(), login("receptionist")
        client.post(change_url(booking), form(booking, name="Siobhan OBrien"))
        assert models.Booking.objects.get().contact["name"] == "Siobhan OBrien"
        assert models.Booking.objects.get().contact["area"] == "tummy"
        client.post(change_url(booking), form(booking, came="no_show"))
        assert models.Booking.objects.get().status == "no_show"
        client.post(change_url(booking), form(booking, came="attended"))
        assert models.Booking.objects.get().status == "attended"
        other = made(43)
        client.post(change_url(other), form(other, cancel="on"))
        assert [h.what for h in history.of(other.reference)] == ["cancelled", "confirmed"]

    def test_a_new_one_by_phone(self) -> None:
        client = login("receptionist")
        slot = bookings.free_slots(Wishes(), timezone.now())[30]
        local = slot.local
        data = {"when_0": f"{local:%Y-%m-%d}", "when_1": f"{local:%H:%M}", "practitioner": slot.practitioner, "name": "Will", "phone": "", "email": ""}
        answer = client.post(reverse("admin:clinic_booking_add"), data, follow=True)
        assert answer.status_code == 200
        booking = models.Booking.objects.get()
        assert booking.status == "confirmed" and booking.contact["name"] == "Will" and booking.slot and booking.slot.starts == slot.start
        answer = client.post(reverse("admin:clinic_booking_add"), data)
        assert b"is not free then" in answer.content and models.Booking.objects.count() == 1

    def test_what_is_cancelled_has_no_form(self) -> None:
        booking = made()
        bookings.cancel("web:1", booking.reference, "c", timezone.now())
        client = login("receptionist")
        assert b'name="when_0"' not in client.get(change_url(booking)).content
        client.post(change_url(booking), form(booking))
        assert models.Booking.objects.get().status == "cancelled"

    def test_closing_a_time_keeps_the_bot_out_and_opening_lets_it_in(self) -> None:
        client, now = login("receptionist"), timezone.now()
        slot = bookings.free_slots(Wishes(practitioner="Tom Iyer"), now)[20]
        data = {"practitioner": "Tom Iyer", "note": "course"}
        for name, moment in (("starts", slot.local), ("ends", slot.local + dt.timedelta(hours=1))):
            data |= {f"{name}_0": f"{moment:%Y-%m-%d}", f"{name}_1": f"{moment:%H:%M}"}
        assert client.post(reverse("admin:clinic_slot_add"), data, follow=True).status_code == 200
        assert slot not in bookings.free_slots(Wishes(practitioner="Tom Iyer"), now)
        assert b"closed already" in client.post(reverse("admin:clinic_slot_add"), data).content
        act(client, "slot", "open_again", models.Slot.objects.get())
        assert slot in bookings.free_slots(Wishes(practitioner="Tom Iyer"), now)

    def test_hand_offs_and_requests_are_taken_and_closed(self) -> None:
        client, now = login("receptionist"), timezone.now()
        handoffs.raise_handoff("web:1", "asked", "urgent", "wants to talk", {"phone": "1"}, "h")
        requests.open_request("web:1", "callback", {"contact": PERSON}, "r", now)
        handoff, request = models.Handoff.objects.get(), models.Request.objects.get()
        act(client, "handoff", "take", handoff)
        assert models.Handoff.objects.get().status == "taken"
        act(client, "handoff", "close", handoff)
        assert models.Handoff.objects.get().status == "closed"
        act(client, "request", "done", request)
        assert models.Request.objects.get().status == "done"
        act(client, "request", "reopen", request)
        assert models.Request.objects.get().status == "open"
        for model, record in (("handoff", handoff), ("request", request)):
            assert client.get(reverse(f"admin:clinic_{model}_change", args=[record.pk])).status_code == 200

    def test_what_was_not_delivered_is_seen_and_sent_again(self) -> None:
        booking, client = made(), login("receptionist")
        models.Message.objects.filter(recipient="person").update(state="failed", error="550 no such user")
        page = client.get(reverse("admin:clinic_booking_changelist")).content.decode()
        assert re.search(r"[123] messages?", page) and booking.shown in page
        act(client, "message", "try_again", models.Message.objects.filter(state="failed").first())
        assert models.Message.objects.filter(state="failed").count() < 3

    @pytest.mark.parametrize("term", ["shown", "phone", "email"])
    def test_search_by_reference_phone_or_mail(self, term: str) -> None:
        booking = made()
        other = made(43, phone="07400 999999", email="else@person.example")
        words = {"shown": booking.shown.lower(), "phone": "+447400123456", "email": "SIOBHAN@person.example"}
        page = login("receptionist").get(reverse("admin:clinic_booking_changelist"), {"q": words[term]}).content.decode()
        assert booking.shown in page and other.shown not in page

    def test_a_link_from_a_mail_leads_there_after_the_login(self) -> None:
        booking = made()
        path = reverse("find", args=["booking", booking.reference])
        assert "/login/" in Client().get(path)["Location"]
        client = login("receptionist")
        assert client.get(path)["Location"] == change_url(booking)
        assert client.get(reverse("find", args=["booking", "AAAA2222"])).status_code == 404


class TestSafety:
    def test_strict_headers_and_no_inline_script_or_style(self) -> None:
        made(name="<script>alert(1)</script>")
        client = login("manager")
        for url in (reverse("admin:index"), reverse("admin:clinic_booking_changelist"), change_url(bookings.find("web:1", None, None, timezone.now())[0])):
            answer = client.get(url)
            page = answer.content.decode()
            assert "default-src 'none'" in answer["Content-Security-Policy"] and "unsafe" not in answer["Content-Security-Policy"]
            assert not re.search(r"<script>|<script [^>]*>[^<\s]|<style|\sstyle=|\son\w+=\"", page.replace('type="application/json"', ""))
            assert answer["Cache-Control"] == "no-store" or "no-store" in answer["Cache-Control"]
            assert answer["X-Frame-Options"] == "DENY" and answer["X-Content-Type-Options"] == "nosniff"
            assert "<script>alert" not in page

    def test_forms_need_their_token(self) -> None:
        client = Client(enforce_csrf_checks=True)
        assert client.post(reverse("admin:login"), {"username": "x", "password": "y"}).status_code == 403

    def test_a_password_cannot_be_guessed_for_long(self) -> None:
        User.objects.create_user("anna", password=PASSWORD, is_staff=True)
        client = Client()
        for _ in range(logins.MOST):
            assert not client.login(username="Anna", password="wrong")
        assert not client.login(username="anna", password=PASSWORD)
        models.Guess.objects.update(at=timezone.now() - logins.WITHIN)
        assert client.login(username="anna", password=PASSWORD)

    def test_style_sheets_are_served(self) -> None:
        answer = Client().get("/static/admin/css/base.css")
        assert answer.status_code == 200 and answer["Content-Type"].startswith("text/css")
        assert Client().get("/static/clinic/plain.css").status_code == 200

    def test_health(self) -> None:
        assert Client().get("/healthz", headers={"host": "10.0.0.7:8000"}).status_code == 200

    def test_another_host_name_is_refused(self) -> None:
        assert Client().get("/staff/admin/login/", headers={"host": "evil.example"}).status_code == 400


class TestFirstLogin:
    def test_is_made_once_and_lets_in(self) -> None:
        made_login = first_login.make()
        assert made_login is not None and len(made_login[1]) >= 20
        assert first_login.make() is None
        client = Client()
        assert client.login(username=made_login[0], password=made_login[1])
        assert client.get(reverse("admin:index")).status_code == 200

    def test_is_printed_once(self, sqlite_records: str) -> None:
        command = [sys.executable, "-m", "clinic.first_login"]
        first, second = (subprocess.run(command, env=environment(sqlite_records), capture_output=True, text=True, check=True).stdout for _ in range(2))
        assert "password" in first and second == ""
        assert first.split("password ")[1].split()[0] not in Path(sqlite_records).read_bytes().decode("latin1")


def test_migrations_are_complete_and_run_from_nothing(any_records: str) -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
    call_command("check", fail_level="WARNING")
    names = connection.introspection.table_names()
    assert {"clinic_booking", "clinic_slot", "clinic_history"} <= set(names)
