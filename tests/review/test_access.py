"""Who may open what: nobody, until a group says so. Every look is written down for good."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import segno
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from bench.conversations import START, Events, turn
from clinic import sealing
from clinic.review import urls

pytestmark = pytest.mark.usefixtures("sqlite_records", "clinic_file")
Login = Callable[..., Client]
ROLES = ("receptionist", "reviewer", "clinician", "manager", "auditor")
STAFF = {"receptionist", "clinician", "manager"}
READERS = STAFF | {"reviewer"}
TEACHERS = {"reviewer", "clinician", "manager"}
# Every address of the desk and the roles that may use it. A new address fails the test below until it has its line.
MAY: dict[str, set[str]] = {
    "inbox": READERS,
    "bulk": READERS,
    "save_view": READERS,
    "talk": READERS,
    "sort": READERS,
    "note": READERS,
    "unmask": READERS,  # the view itself asks for the permission to unmask: see below
    "live": READERS,
    "correct": TEACHERS,
    "detail": TEACHERS,
    "take": STAFF,
    "write": STAFF,
    "give_back": STAFF,
    "diary": STAFF,
    "change": STAFF,
    "move": STAFF,
    "requests": STAFF,
    "close_request": STAFF,
    "confirm": STAFF,
    "undelivered": STAFF,
    "try_again": STAFF,
    "figures": TEACHERS,
    "unknown": TEACHERS,
    "corrections": TEACHERS,
    "write_patch": TEACHERS,
    "drop": TEACHERS,
    "log": {"manager", "auditor"},
}
PATTERNS = [pattern for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)]


def address(name: str) -> str:
    pattern = next(p for p in PATTERNS if p.name == name)
    arguments = ["ABCDEFGH" if "str:" in str(pattern.pattern) else 1] if "<" in str(pattern.pattern) else []
    return reverse(f"review:{name}", args=arguments)


def posts(name: str) -> bool:
    return name in (
        "bulk",
        "save_view",
        "sort",
        "note",
        "unmask",
        "correct",
        "take",
        "write",
        "give_back",
        "change",
        "close_request",
        "try_again",
        "write_patch",
        "drop",
    )


def knock(client: Client, name: str) -> int:
    return (client.post if posts(name) else client.get)(address(name)).status_code


@pytest.fixture
def talk(bot: Events, ingest: Callable[[], int]) -> Any:
    from clinic.review.models import Talk

    words = "my friend Kerstin said call 07400 123456, does it hurt"
    bot.add("web:a", [*START, *turn(words, "ask_pain", "A little.")])
    ingest()
    return Talk.objects.get()


def looks(what: str) -> list[Any]:
    from clinic.review.models import Access

    return list(Access.objects.filter(what=what))


def test_every_address_has_a_line_in_the_table() -> None:
    assert {p.name for p in PATTERNS} == set(MAY)


@pytest.mark.parametrize("name", MAY)
def test_nobody_without_a_login(name: str) -> None:
    answer = (Client().post if posts(name) else Client().get)(address(name))
    if name == "live":
        assert b"ended" in b"".join(answer.streaming_content) if answer.streaming and not answer.is_async else True  # type: ignore[attr-defined]
    else:
        assert answer.status_code == 302 and "/staff/login/" in answer["Location"]


@pytest.mark.parametrize("role", ["", *ROLES])
def test_each_role_opens_its_pages_and_no_other(login: Login, role: str) -> None:
    client = login(role) if role else login()
    opened = {name for name in MAY if name != "live" and knock(client, name) != 403}
    allowed = {name for name, roles in MAY.items() if role in roles and name != "live"}
    if role in ("receptionist", "reviewer"):
        allowed -= {"unmask"}  # refused by the view
        opened -= {"unmask"}
    assert opened == allowed


def test_somebody_who_is_no_staff_is_refused_whatever_their_group(login: Login) -> None:
    from django.contrib.auth.models import User

    client = login("manager")
    User.objects.update(is_staff=False)
    assert {knock(client, name) for name in ("inbox", "diary", "figures", "log")} == {403}


@pytest.mark.parametrize("role", sorted(READERS))
def test_names_and_numbers_are_masked_for_everybody(login: Login, talk: Any, role: str) -> None:
    page = login(role).get(reverse("review:talk", args=[talk.pk])).content.decode()
    assert "Kerstin" not in page and "123456" not in page and "[name]" in page and "does it hurt" in page
    assert [row.talk for row in looks("view")] == [talk.pk]


@pytest.mark.parametrize(("role", "may"), [("receptionist", False), ("reviewer", False), ("clinician", True), ("manager", True)])
def test_the_original_words_need_the_permission_and_a_reason(login: Login, talk: Any, role: str, may: bool) -> None:
    client, page = login(role), reverse("review:talk", args=[talk.pk])
    unmask = reverse("review:unmask", args=[talk.pk])
    client.post(unmask, {"reason": "x"})
    assert b"Kerstin" not in client.get(page).content and not looks("unmask")
    client.post(unmask, {"reason": "wants to be called back"})
    assert (b"Kerstin" in client.get(page).content) is may
    assert [row.detail["reason"] for row in looks("unmask")] == (["wants to be called back"] if may else [])
    assert looks("view")[0].detail.get("original", "") == ("reason" if may else "")


def test_an_unmasked_conversation_closes_by_itself(login: Login, talk: Any) -> None:
    client, page = login("clinician"), reverse("review:talk", args=[talk.pk])
    client.post(reverse("review:unmask", args=[talk.pk]), {"reason": "wants to be called back"})
    session = client.session
    session["unmasked"] = {str(talk.pk): 1.0}
    session.save()
    assert b"Kerstin" not in client.get(page).content


def test_whoever_answers_a_person_reads_what_they_write(login: Login, talk: Any) -> None:
    from django.contrib.auth.models import User

    from clinic.models import Handoff
    from clinic.services import handoffs

    client, page = login("receptionist"), reverse("review:talk", args=[talk.pk])
    handoffs.raise_handoff("web:a", "asked for a person", "normal", "", None, "k")
    assert b"Kerstin" not in client.get(page).content
    Handoff.objects.update(status="taken", taken_by=User.objects.get(), taken_at=timezone.now())
    assert b"Kerstin" in client.get(page).content
    assert b"Kerstin" not in login("clinician").get(page).content


@pytest.mark.usefixtures("any_records")
@pytest.mark.parametrize("statement", ["UPDATE review_access SET actor = 'x'", "DELETE FROM review_access"])
def test_the_list_of_looks_is_only_ever_added_to(statement: str) -> None:
    from clinic.review.models import Access

    Access.objects.create(actor="a", what="view")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Access.objects.get().actor == "a"


def test_a_search_for_a_name_does_not_write_the_name_down(login: Login, talk: Any) -> None:
    login("reviewer").get(reverse("review:inbox"), {"q": "sarah 07400 123456"})
    (row,) = looks("search")
    assert row.detail == {"digest": sealing.digest("search", "sarah 07400 123456")}


def test_who_looked_is_for_managers_and_auditors(login: Login, talk: Any) -> None:
    login("reviewer").get(reverse("review:talk", args=[talk.pk]))
    page = login("auditor").get(reverse("review:log"))
    assert page.status_code == 200 and b"reviewer" in page.content
    assert login("auditor").get(reverse("review:talk", args=[talk.pk])).status_code == 403


def test_exports_are_for_managers(login: Login) -> None:
    assert login("reviewer").get(reverse("review:figures"), {"csv": "day"}).status_code == 403
    assert login("manager").get(reverse("review:figures"), {"csv": "day"})["Content-Type"].startswith("text/csv")
    assert [row.actor for row in looks("export")] == ["manager"]


def test_a_reviewer_sees_nobody_who_waits(login: Login, talk: Any) -> None:
    from clinic.services import handoffs

    handoffs.raise_handoff("web:a", "asked for Quibble", "urgent", "", {"name": "Quibble", "phone": "07400 123456"}, "k")
    assert b"Quibble" not in login("reviewer").get(reverse("review:inbox")).content
    assert b"Quibble" not in login("reviewer").get(reverse("review:talk", args=[talk.pk])).content
    assert b"Quibble" in login("receptionist").get(reverse("review:inbox")).content


class TestSecondFactor:
    def code(self, device: Any) -> str:
        from django_otp.oath import totp

        return f"{totp(device.bin_key):06d}"

    def test_it_is_asked_for_once_it_is_set_up_and_wrong_codes_do_not_help(self, login: Login) -> None:
        from django_otp.plugins.otp_totp.models import TOTPDevice

        client = login("receptionist")
        assert client.get(reverse("second_factor_setup")).status_code == 200
        device = TOTPDevice.objects.get()
        client.post(reverse("second_factor_setup"), {"code": self.code(device)})
        assert client.get(reverse("review:inbox")).status_code == 200
        again = login("receptionist")
        for page in ("review:inbox", "review:diary", "admin:index", "admin:clinic_booking_changelist"):
            assert "/staff/second-factor/" in again.get(reverse(page))["Location"]
        assert b"not right" in again.post(reverse("second_factor"), {"code": "000000"}).content
        assert again.get(reverse("review:inbox")).status_code == 302
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None, last_t=-1)
        assert again.post(reverse("second_factor"), {"code": self.code(device)})["Location"] == "/staff/"
        assert again.get(reverse("review:inbox")).status_code == 200

    def test_where_it_is_required_nobody_works_without_one(self, login: Login, settings: Any) -> None:
        settings.SECOND_FACTOR = "required"
        assert login("manager").get(reverse("review:inbox"))["Location"] == reverse("second_factor_setup")

    def test_a_set_up_factor_is_not_replaced_without_its_own_code(self, login: Login) -> None:
        from django_otp.plugins.otp_totp.models import TOTPDevice

        client = login("receptionist")
        client.get(reverse("second_factor_setup"))
        client.post(reverse("second_factor_setup"), {"code": self.code(TOTPDevice.objects.get())})
        thief = login("receptionist")
        assert "/staff/second-factor/?" in thief.get(reverse("second_factor_setup"))["Location"]

    def codes(self, client: Any) -> list[str]:
        """Sets up an app and reads the recovery codes off the page."""
        from django_otp.plugins.otp_totp.models import TOTPDevice

        client.get(reverse("second_factor_setup"))
        page = client.post(reverse("second_factor_setup"), {"code": self.code(TOTPDevice.objects.get(confirmed=False))}).content.decode()
        return re.findall(r"<code>([a-z2-9-]+)</code>", page)

    def test_the_picture_says_what_the_app_needs_and_brings_no_style(self, login: Login) -> None:
        from django_otp.plugins.otp_totp.models import TOTPDevice

        page = login("receptionist").get(reverse("second_factor_setup")).content.decode()
        drawn = page[page.index("<svg") : page.index("</svg>")]
        address = TOTPDevice.objects.get().config_url
        assert "style" not in drawn and "<script" not in drawn and drawn.count("<path") == 2
        assert segno.make(address, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True) in page and "secret=" in address

    def test_a_recovery_code_opens_the_login_once(self, login: Login) -> None:
        codes = self.codes(login("receptionist"))
        assert len(set(codes)) == 10
        client = login("receptionist")
        assert client.get(reverse("review:inbox")).status_code == 302
        assert client.post(reverse("second_factor"), {"recovery": codes[3].upper().replace("-", " ")})["Location"] == "/staff/"
        assert b"9 are left" in client.get(reverse("review:inbox")).content
        again = login("receptionist")
        assert b"not right, or it has been used" in again.post(reverse("second_factor"), {"recovery": codes[3]}).content
        assert again.get(reverse("review:inbox")).status_code == 302
        # a wrong one makes the next try wait, so that nobody runs through them
        assert b"Too many tries" in again.post(reverse("second_factor"), {"recovery": codes[4]}).content

    def test_the_database_holds_no_recovery_code(self, login: Login) -> None:
        from django_otp.plugins.otp_static.models import StaticToken

        codes = self.codes(login("receptionist"))
        stored = "".join(StaticToken.objects.values_list("token", flat=True))
        assert len(stored) == 160 and not any(code.replace("-", "") in stored or code[:4] in stored for code in codes)

    def test_somebody_elses_recovery_code_opens_nothing(self, login: Login) -> None:
        mine = self.codes(login("manager"))
        self.codes(login("receptionist"))
        client = login("receptionist")
        assert b"not right" in client.post(reverse("second_factor"), {"recovery": mine[0]}).content

    def test_new_codes_need_the_apps_code_and_end_the_old_ones(self, login: Login) -> None:
        from django_otp.plugins.otp_totp.models import TOTPDevice

        client = login("receptionist")
        codes = self.codes(client)
        assert client.post(reverse("recovery_codes"), {"code": "000000"})["Location"] == reverse("second_factor_setup")
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None, last_t=-1)
        page = client.post(reverse("recovery_codes"), {"code": self.code(TOTPDevice.objects.get(confirmed=True))})
        assert b"Keep these codes" in page.content and page["Cache-Control"] == "no-store"
        again = login("receptionist")
        assert b"not right" in again.post(reverse("second_factor"), {"recovery": codes[0]}).content

    def test_nobody_makes_codes_who_has_not_given_the_factor(self, login: Login) -> None:
        self.codes(login("receptionist"))
        assert "/staff/second-factor/?" in login("receptionist").post(reverse("recovery_codes"), {"code": "1"})["Location"]

    def test_a_manager_takes_a_lost_factor_away_but_not_their_own_or_a_superusers(self, login: Login) -> None:
        from django.contrib.auth.models import User
        from django_otp.plugins.otp_totp.models import TOTPDevice

        for name in ("receptionist", "clinician"):
            self.codes(login(name))
        User.objects.filter(username="clinician").update(is_superuser=True)
        manager = login("manager")
        chosen = {"action": "forget_second_factor", "_selected_action": list(User.objects.values_list("pk", flat=True))}
        manager.post(reverse("admin:auth_user_changelist"), chosen)
        assert [device.user.username for device in TOTPDevice.objects.filter(confirmed=True)] == ["clinician"]
        assert [row.detail for row in looks("second factor") if row.actor == "manager"] == [{"taken_from": "receptionist"}]
        login("receptionist").post(reverse("admin:auth_user_changelist"), chosen)
        assert TOTPDevice.objects.filter(confirmed=True).count() == 1

    def test_the_command_helps_the_last_manager(self, login: Login, capsys: pytest.CaptureFixture[str]) -> None:
        from django.core.management import CommandError, call_command
        from django_otp.plugins.otp_static.models import StaticToken

        self.codes(login("manager"))
        call_command("forget_second_factor", "manager")
        assert "no second factor any more" in capsys.readouterr().out and not StaticToken.objects.exists()
        assert login("manager").get(reverse("review:inbox")).status_code == 200
        with pytest.raises(CommandError):
            call_command("forget_second_factor", "nobody")


def test_a_login_that_is_left_alone_ends(login: Login) -> None:
    client = login("receptionist")
    client.get(reverse("review:inbox"))
    session = client.session
    session["seen"] -= 31 * 60
    session.save()
    assert "/staff/login/" in client.get(reverse("review:inbox"))["Location"]


def test_the_login_rests_after_ten_tries(login: Login) -> None:
    from tests.review.conftest import PASSWORD

    login("receptionist")
    client = Client()
    for _ in range(10):
        assert client.post(reverse("staff_login"), {"username": "receptionist", "password": "wrong"}).status_code == 200
    assert client.post(reverse("staff_login"), {"username": "receptionist", "password": PASSWORD}).status_code == 200
    assert "_auth_user_id" not in client.session
