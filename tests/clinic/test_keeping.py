"""What is kept is sealed, and goes when its time has come or its person wants it gone."""

import contextlib
import datetime as dt
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import call_command

from clinic import keys, models, sealing
from clinic.booking.slots import Wishes
from clinic.services import bookings, consents, handoffs, history, requests, retention, screenings
from clinic.services.results import Booking
from tests.clinic.conftest import NOW, PERSON, environment
from tests.databases import ClinicFile

DAY = dt.timedelta(days=1)


@pytest.fixture
def file_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys are kept in a file, as on a machine whose owner sets none."""
    monkeypatch.delenv("STRIA_RECORD_KEYS")
    monkeypatch.setattr(keys, "KEYS", tmp_path / "keys")
    return tmp_path / "keys" / "records"


def everything(conversation: str = "whatsapp:+447400123456") -> Booking:
    """One person with something in every store."""
    consents.save(conversation, "health", "v1", "c", NOW)
    screening = screenings.save(conversation, {"pregnant": "no"}, "v1", "s")
    result = bookings.book(conversation, bookings.free_slots(Wishes(), NOW)[40], PERSON, screening, "b", NOW)
    assert isinstance(result, Booking)
    handoffs.raise_handoff(conversation, "asked", "normal", "summary", {"phone": PERSON["phone"]}, "h")
    requests.open_request(conversation, "complaint", {"text": "slow", "contact": PERSON}, "r", NOW)
    return result


@pytest.mark.usefixtures("sqlite_records", "clinic_file")
class TestKeys:
    def test_are_made_once_for_the_owner_alone(self, file_keys: Path) -> None:
        sealed = sealing.seal({"a": 1})
        assert file_keys.stat().st_mode & 0o777 == 0o600 and file_keys.parent.stat().st_mode & 0o777 == 0o700
        before = file_keys.read_text()
        assert sealing.open_sealed(sealed) == {"a": 1} and file_keys.read_text() == before

    def test_processes_that_start_at_once_share_one(self, tmp_path: Path) -> None:
        code = f"from pathlib import Path; from clinic import keys; import secrets; print(keys.kept(Path({str(tmp_path)!r}) / 'k', secrets.token_hex))"
        started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment("x")) for _ in range(4)]
        assert len({p.communicate()[0] for p in started}) == 1
        assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".new")] == []

    def test_rotation_seals_everything_anew_and_all_is_still_found(self, file_keys: Path) -> None:
        booking = everything()
        old = file_keys.read_text()
        raw = bytes(models.Booking.objects.extra(select={"raw": "contact"}).values_list("raw", flat=True)[0])
        call_command("rotate_keys", "--drop-old", verbosity=0, stdout=io.StringIO())
        assert file_keys.read_text() != old and len(file_keys.read_text().split()) == 1
        with pytest.raises(sealing.Unreadable):
            sealing.open_sealed(raw)
        assert bookings.find("whatsapp:+447400123456", None, None, NOW)[0].reference == booking.reference
        assert bookings.find("web:9", booking.reference, PERSON["phone"], NOW)[0].reference == booking.reference
        assert models.Screening.objects.get().result == {"pregnant": "no"} and models.Handoff.objects.get().summary == "summary"

    def test_while_two_keys_are_given_both_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        old, new = (Fernet.generate_key().decode() for _ in range(2))
        monkeypatch.setenv("STRIA_RECORD_KEYS", old)
        booking = everything()
        monkeypatch.setenv("STRIA_RECORD_KEYS", f"{new},{old}")
        assert bookings.find("whatsapp:+447400123456", None, None, NOW)[0].reference == booking.reference
        consents.save("whatsapp:+447400123456", "health", "v1", "c2", NOW)
        assert models.Conversation.objects.count() == 1
        retention.reseal()
        monkeypatch.setenv("STRIA_RECORD_KEYS", new)
        assert models.Booking.objects.get().contact["name"] == PERSON["name"]
        monkeypatch.setenv("STRIA_RECORD_KEYS", old)
        with pytest.raises(sealing.Unreadable):
            models.Booking.objects.get()

    def test_a_key_that_is_none_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STRIA_RECORD_KEYS", "hunter2")
        with pytest.raises(keys.KeyTrouble, match="STRIA_RECORD_KEYS"):
            sealing.seal("x")

    def test_a_sealed_field_cannot_be_searched(self) -> None:
        with pytest.raises(TypeError, match="digest"):
            models.Booking.objects.filter(contact="x").exists()


class Words:
    """Stands for the store of what was said."""

    def __init__(self, broken: bool = False):
        self.broken, self.erased, self.events, self.keys = broken, [], [], set()

    erased: list[str]
    events: list[tuple[str, list[dict[str, Any]]]]
    keys: set[str]
    form = ""

    def add(self, conversation: str, new: list[dict[str, Any]], key: str) -> bool:
        if self.broken:
            raise OSError
        if key in self.keys:
            return False
        self.keys.add(key)
        self.events.append((conversation, new))
        return True

    def open_form(self, conversation: str) -> str:
        return self.form

    def erase(self, conversation: str) -> int:
        if self.broken:
            raise OSError
        self.erased.append(conversation)
        return 7


WORDS = Words()


@contextlib.contextmanager
def no_commits_outstanding() -> Iterator[None]:
    """What is to be told at once has been told when the block ends."""
    from django.db import connection

    assert not connection.in_atomic_block
    yield
    assert not connection.run_on_commit


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Words:
    from django.conf import settings

    global WORDS
    WORDS = Words()
    monkeypatch.setattr(settings, "CONVERSATIONS", "tests.clinic.test_keeping.WORDS", raising=False)
    return WORDS


@pytest.mark.usefixtures("any_records", "clinic_file")
class TestErasure:
    def test_nothing_of_the_person_is_left_and_the_receipt_says_what_went(self, words: Words) -> None:
        everything()
        other = bookings.book("web:2", bookings.free_slots(Wishes(), NOW)[0], {"name": "Will"}, None, "k", NOW)
        reference, _ = requests.open_request("whatsapp:+447400123456", "erasure", {"contact": PERSON}, "e", NOW)
        receipt = retention.erase(retention.Erasure.of_record(models.Request.objects.get(reference=reference)), "anna", NOW, reference)
        counted = {"conversations": 1, "bookings": 1, "requests": 2, "hand-offs": 1, "screenings": 1, "consents": 1, "words in conversations": 7}
        assert {k: receipt.stores[k] for k in counted} == counted
        assert words.erased == ["whatsapp:+447400123456"]
        left = [models.Consent, models.Screening, models.Handoff, models.Proof]
        assert [m.objects.count() for m in left] == [0, 0, 0, 0]
        request = models.Request.objects.get()
        assert (request.status, request.contact, request.details, request.phone_digest) == ("done", None, None, "")
        gone = models.Booking.objects.exclude(reference=getattr(other, "reference", "")).get()
        assert (gone.contact, gone.conversation, gone.screening, gone.email_digest, gone.status) == (None, None, None, "", "cancelled")
        assert [b.status for b in bookings.find("web:2", None, None, NOW)] == ["confirmed"]
        assert not models.Message.objects.filter(recipient="person", subject=gone.reference, state="waiting").exists()

    def test_other_conversations_of_the_same_person_are_found_by_phone_and_mail(self, words: Words) -> None:
        everything("web:1")
        everything_else = bookings.book("sms:1", bookings.free_slots(Wishes(), NOW)[3], {"phone": "+44 7400 123456", "email": "x@y.example"}, None, "k", NOW)
        third = bookings.book("web:3", bookings.free_slots(Wishes(), NOW)[5], {"email": "X@Y.example"}, None, "k", NOW)
        assert isinstance(everything_else, Booking) and isinstance(third, Booking)
        assert retention.Erasure.of_contact("07400123456").counts()["bookings"] == 3
        assert retention.Erasure.of_conversation("web:1").counts()["conversations"] == 3
        assert retention.Erasure.of_contact("07400999999").counts()["bookings"] == 0

    def test_if_the_words_cannot_be_erased_nothing_is(self, words: Words) -> None:
        everything()
        words.broken = True
        with pytest.raises(OSError):
            retention.erase(retention.Erasure.of_conversation("whatsapp:+447400123456"), "anna", NOW)
        assert models.Screening.objects.count() == 1 and not models.Receipt.objects.exists()
        words.broken = False
        retention.erase(retention.Erasure.of_conversation("whatsapp:+447400123456"), "anna", NOW)

    def test_without_a_connection_the_receipt_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from django.conf import settings

        monkeypatch.setattr(settings, "CONVERSATIONS", "", raising=False)
        everything()
        receipt = retention.erase(retention.Erasure.of_conversation("whatsapp:+447400123456"), "anna", NOW)
        assert receipt.stores["words in conversations"] == retention.NOT_CONNECTED

    def test_the_command_counts_first(self, capsys: pytest.CaptureFixture[str]) -> None:
        booking = everything()
        call_command("erase", "--reference", booking.shown)
        assert "Nothing was erased" in capsys.readouterr().out and models.Screening.objects.exists()
        call_command("erase", "--contact", PERSON["email"], "--yes")
        assert "bookings: 1" in capsys.readouterr().out and not models.Screening.objects.exists()


@pytest.mark.usefixtures("any_records", "clinic_file")
class TestAge:
    def age(self, days: int) -> dict[str, Any]:
        return {k: v for k, v in retention.purge(NOW + days * DAY).items() if v}

    def test_a_chat_without_a_booking_goes_after_its_days(self) -> None:
        consents.save("web:1", "health", "v1", "c", NOW)
        models.Conversation.objects.update(created=NOW)
        models.Effect.objects.update(created=NOW)
        assert self.age(30) == {}
        assert self.age(31) == {"conversations": 1, "keys": 1}
        assert not models.Consent.objects.exists()

    def test_a_screening_has_days_of_its_own(self) -> None:
        screenings.save("web:1", {}, "v1", "s")
        models.Screening.objects.update(created=NOW)
        models.Conversation.objects.update(created=NOW)
        assert "screenings" not in self.age(365)
        assert self.age(366)["screenings"] == 1

    def test_a_booking_is_nobodys_after_its_days(self) -> None:
        booking = everything()
        visit = (booking.start - NOW).days
        self.age(400 + visit)
        assert models.Booking.objects.get().contact is not None
        assert self.age(402 + visit)["bookings"] == 1
        gone = models.Booking.objects.get()
        assert (gone.contact, gone.conversation_id, gone.screening_id, gone.slot is None) == (None, None, None, False)

    def test_what_is_open_is_never_purged(self) -> None:
        everything()
        self.age(3000)
        assert models.Handoff.objects.count() == 1 and models.Request.objects.count() == 1


@pytest.mark.usefixtures("any_records", "clinic_file")
class TestConsents:
    def test_are_given_in_words_of_a_version_and_withdrawn(self) -> None:
        assert not consents.has("web:1", "health")
        for _ in range(2):
            consents.save("web:1", "health", "v1", "k", NOW)
            consents.save("web:1", "health", "v1", "k2", NOW)
        assert consents.has("web:1", "health") and not consents.has("web:1", "contact") and not consents.has("web:2", "health")
        assert models.Consent.objects.count() == 1
        for _ in range(2):
            consents.withdraw("web:1", "health", "k3", NOW + DAY)
        assert not consents.has("web:1", "health")
        row = models.Consent.objects.get()
        assert (row.text_version, row.given_at, row.withdrawn_at) == ("v1", NOW, NOW + DAY)
        consents.save("web:1", "health", "v2", "k4", NOW + 2 * DAY)
        assert consents.has("web:1", "health") and models.Consent.objects.count() == 2

    def test_withdrawing_nothing_is_no_error(self) -> None:
        consents.withdraw("web:1", "health", "k", NOW)
        assert not consents.has("web:1", "health") and not models.Consent.objects.exists()


@pytest.mark.usefixtures("sqlite_records")
class TestRequests:
    @pytest.mark.parametrize(
        ("kind", "now", "due"),
        [
            ("callback", "2026-03-26T10:00", "2026-03-27"),
            ("callback", "2026-03-28T10:00", "2026-03-30"),  # Saturday: Sunday is closed
            ("booking", "2026-03-29T23:30", "2026-03-31"),  # already Monday in London
            ("erasure", "2026-03-26T10:00", "2026-04-25"),
            ("erasure", "2026-03-27T10:00", "2026-04-25"),  # the thirtieth day is a Sunday
            ("complaint", "2026-12-20T10:00", "2026-12-30"),
        ],
    )
    def test_are_due_on_a_day_on_which_somebody_is_there(self, kind: str, now: str, due: str, clinic_file: ClinicFile) -> None:
        moment = dt.datetime.fromisoformat(now).replace(tzinfo=dt.timezone.utc)
        reference, day = requests.open_request("web:1", kind, {"contact": {"name": "Ann"}}, "k", moment)
        assert day == dt.date.fromisoformat(due)
        assert requests.open_request("web:1", kind, {}, "k", moment) == (reference, day)
        assert models.Request.objects.get().contact == {"name": "Ann"}

    def test_a_kind_nobody_knows_is_refused(self, clinic_file: ClinicFile) -> None:
        with pytest.raises(ValueError):
            requests.open_request("web:1", "pizza", {}, "k", NOW)


@pytest.mark.usefixtures("any_records", "clinic_file")
class TestHandoffs:
    @pytest.fixture
    def staff(self) -> list[Any]:
        from django.contrib.auth.models import User

        return [User.objects.create_user(name, is_staff=True, first_name=name.title(), last_name="Lee") for name in ("anna", "ben")]

    def raised(self, key: str = "h", urgency: str = "normal", conversation: str = "web:1") -> models.Handoff:
        return models.Handoff.objects.get(reference=handoffs.raise_handoff(conversation, "asked", urgency, "summary", None, key))

    def test_is_raised_once_for_a_message(self) -> None:
        assert self.raised() == self.raised()
        assert handoffs.state("web:1") == "open" and handoffs.state("web:2") is None

    @pytest.mark.parametrize("form", ["", "booking_form"])
    def test_the_bot_is_quiet_while_staff_talk_and_the_person_is_told_who_speaks(self, form: str, staff: list[Any], words: Words) -> None:
        words.form = form
        handoff = self.raised()
        with no_commits_outstanding():
            handoffs.take(handoff, staff[0], NOW)
        assert handoffs.state("web:1") == "taken"
        for _ in range(2):
            handoffs.write(handoff, staff[0], " Hello, this is Anna. ", "form 1", NOW)
        with no_commits_outstanding():
            handoffs.give_back(handoff, staff[0], NOW)
            handoffs.give_back(handoff, staff[0], NOW)
        assert handoffs.state("web:1") is None
        (_, came), (_, wrote), (_, left) = words.events
        assert came[0] == {"event": "pause"} and came[1]["text"].startswith("Anna Lee from our team is here now")
        assert [(e["text"], e["metadata"]["staff"]) for e in wrote] == [("Hello, this is Anna.", "Anna Lee")]
        assert [e["event"] for e in left] == ["bot", "resume", "action"] and left[2]["name"] == "action_listen"
        assert ("go on" in left[0]["text"]) == bool(form) == bool(left[0]["data"]["buttons"])
        assert "anna" not in str(words.events).lower().replace("anna lee", "").replace("this is anna", "")  # her login is nobody's business
        assert [h.what for h in history.of(handoff.reference)] == ["closed", "wrote", "taken", "raised"]

    def test_a_chat_that_is_away_is_told_later_and_a_word_to_it_is_refused(self, staff: list[Any], words: Words) -> None:
        from clinic.outbox import Worker

        handoff, words.broken = self.raised(), True
        with no_commits_outstanding():
            handoffs.take(handoff, staff[0], NOW)
        with pytest.raises(handoffs.NotReached):
            handoffs.write(handoff, staff[0], "hello", "f", NOW)
        words.broken = False
        handoffs.write(handoff, staff[0], "hello", "f", NOW)  # the bot is quieted first
        assert [len(new) for _, new in words.events] == [2, 1]
        Worker().round(dt.datetime.now(tz=dt.timezone.utc) + DAY)
        assert len(words.events) == 2

    def test_an_old_pause_that_is_late_does_not_undo_what_came_after(self, staff: list[Any], words: Words) -> None:
        from clinic.outbox import Worker

        handoff, words.broken = self.raised(), True
        with no_commits_outstanding():
            handoffs.take(handoff, staff[0], NOW)
            handoffs.give_back(handoff, staff[0], NOW)
        words.broken = False
        Worker().round(dt.datetime.now(tz=dt.timezone.utc) + DAY)
        assert [e["event"] for _, new in words.events for e in new] == ["bot", "resume", "action"]

    def test_only_who_has_it_writes(self, staff: list[Any], words: Words) -> None:
        handoff = self.raised()
        with pytest.raises(handoffs.NotYours):
            handoffs.write(handoff, staff[0], "hello")
        handoffs.take(handoff, staff[0], NOW)
        with pytest.raises(handoffs.NotYours, match="anna"):
            handoffs.write(handoff, staff[1], "hello")
        for text in ("", "  ", "x" * 2001):
            with pytest.raises(ValueError):
                handoffs.write(handoff, staff[0], text)

    def test_two_cannot_take_the_same_and_one_can_take_it_twice(self, staff: list[Any], words: Words) -> None:
        handoff, second = self.raised(), self.raised("h2", "urgent")
        handoffs.take(handoff, staff[0], NOW)
        handoffs.take(handoff, staff[0], NOW)
        for other in (handoff, second):
            with pytest.raises(handoffs.AlreadyTaken, match="anna"):
                handoffs.take(other, staff[1], NOW)

    def test_of_eight_who_want_it_at_once_one_has_it(self, staff: list[Any], words: Words) -> None:
        from concurrent.futures import ThreadPoolExecutor

        from django.contrib.auth.models import User
        from django.db import connections

        crowd = [User.objects.create_user(f"s{n}", is_staff=True) for n in range(8)]
        both = [self.raised(), self.raised("h2")]  # two hand-offs of one conversation are one talk

        def take(number: int) -> bool:
            try:
                handoffs.take(both[number % 2], crowd[number], NOW)
                return True
            except handoffs.AlreadyTaken:
                return False
            finally:
                connections["default"].close()

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(take, range(8))) == 1
        assert models.Handoff.objects.filter(status="taken").count() == 1

    def test_left_alone_for_hours_the_bot_comes_back_and_somebody_else_is_called(self, staff: list[Any], words: Words) -> None:
        from clinic.outbox import Worker

        handoff = self.raised()
        handoffs.take(handoff, staff[0], NOW)
        now = dt.datetime.now(tz=dt.timezone.utc)
        assert handoffs.left_alone(now + dt.timedelta(minutes=90)) == 0
        assert handoffs.left_alone(now + dt.timedelta(minutes=150)) == 1 == models.Message.objects.filter(about="handoff_again").count()
        assert handoffs.state("web:1") == "open"
        Worker().round(now + DAY)
        assert words.events[-1][1][1] == {"event": "resume"}
        handoffs.take(handoff, staff[1], NOW)

    def test_giving_back_closes_all_that_waited_there(self, staff: list[Any], words: Words) -> None:
        handoff, _, elsewhere = self.raised(), self.raised("h2", "urgent"), self.raised("h3", conversation="web:2")
        handoffs.take(handoff, staff[0])
        handoffs.give_back(handoff, staff[0])
        assert list(models.Handoff.objects.exclude(status="closed")) == [elsewhere]

    def test_urgency_is_one_of_two(self) -> None:
        with pytest.raises(ValueError):
            handoffs.raise_handoff("web:1", "asked", "whenever", "summary", None, "h")


@pytest.mark.usefixtures("any_records", "clinic_file")
class TestTheirOwn:
    """What a person may erase without staff: this conversation's records, and not what a phone number only leads to."""

    def test_goes_at_once_but_for_an_appointment_and_what_was_asked_of_staff(self) -> None:
        booking = everything("web:1")
        everything_else = bookings.book("sms:1", bookings.free_slots(Wishes(), NOW)[3], {"phone": PERSON["phone"]}, None, "k", NOW)
        done = retention.erase_own("web:1", "person", NOW, "k")
        assert done == retention.erase_own("web:1", "person", NOW, "k") and done.left
        assert not models.Screening.objects.exists() and not models.Consent.objects.exists() and not models.Handoff.objects.exists()
        assert isinstance(everything_else, Booking)
        assert set(models.Booking.objects.filter(status="confirmed").values_list("reference", flat=True)) == {booking.reference, everything_else.reference}
        assert set(models.Request.objects.values_list("kind", "status")) == {("complaint", "open"), ("erasure", "open")}
        receipt = models.Receipt.objects.get()
        assert receipt.reference == done.reference and receipt.stores["screenings"] == 1

    def test_what_was_copied_meanwhile_goes_a_moment_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from clinic.outbox import Worker

        consents.save("web:1", "health", "v1", "c", NOW)
        retention.erase_own("web:1", "person", NOW, "k")
        copied = models.Conversation.of("web:1")
        erased: list[int] = []

        class Copies:
            def counts(self, conversations: Any) -> dict[str, int]:
                return {}

            def erase(self, conversations: Any) -> None:
                erased.extend(conversations)

            def overwrite(self) -> None: ...

            def purge(self, before: dt.datetime) -> int:
                return 0

        monkeypatch.setattr(retention, "ALSO", [Copies()])
        Worker().round(dt.datetime.now(tz=dt.timezone.utc) + DAY)
        assert erased == [copied.pk] and not models.Conversation.objects.exists()

    def test_without_any_of_that_nothing_is_left(self) -> None:
        consents.save("web:1", "health", "v1", "c", NOW)
        done = retention.erase_own("web:1", "person", NOW, "k")
        assert not done.left and models.Request.objects.get().status == "done"
        assert not models.Conversation.objects.exists() and not models.Consent.objects.exists()
        assert not retention.erase_own("web:nobody", "person", NOW, "k").left

    def test_of_a_minor_only_an_urgent_call_for_help_stays_until_it_is_answered(self) -> None:
        consents.save("web:1", "contact", "v1", "c", NOW)
        handoffs.raise_handoff("web:1", "asked", "normal", "s", None, "a")
        handoffs.raise_handoff("web:1", "express_crisis", "urgent", "s", None, "b")
        retention.forget("web:1", NOW)
        assert list(models.Handoff.objects.values_list("urgency", flat=True)) == ["urgent"] and not models.Consent.objects.exists()
        retention.forget("web:2", NOW)

    def test_staff_are_called_once_for_a_conversation(self) -> None:
        reference, known = handoffs.call("web:1", "request_human", "s", None, "m1")
        assert not known and handoffs.call("web:1", "request_human", "s", None, "m1") == (reference, False)
        assert handoffs.call("web:1", "not_understood", "s", {"phone": PERSON["phone"]}, "m2") == (reference, True)
        assert models.Handoff.objects.get().contact == {"phone": PERSON["phone"]} and models.Handoff.objects.get().phone_digest
        handoffs.close(models.Handoff.objects.get(), User.objects.create_user("anna"), NOW)
        assert not handoffs.call("web:1", "request_human", "s", None, "m3")[1]

    def test_more_is_added_to_an_open_request_of_the_same_conversation_once(self) -> None:
        reference, _ = requests.open_request("web:1", "complaint", {"words": "rude"}, "k", NOW)
        for _ in range(2):
            requests.add("web:1", reference, {"words": "and late"}, "m2")
            requests.add("web:1", reference, {"contact": {"email": "ada@example.com"}}, "m3")
        row = models.Request.objects.get()
        assert row.details == {"words": "rude\nand late"} and row.contact == {"email": "ada@example.com"} and row.email_digest
        with pytest.raises(models.Request.DoesNotExist):
            requests.add("web:2", reference, {"words": "x"}, "m4")


# What does not go with a conversation's row, and why it may stay. A new model has to go with it or to find its place here.
STAYS = {
    "clinic.Booking": "a time in the diary, without whose it was (TestErasure)",
    "clinic.Slot": "the same; one that was only held is deleted",
    "clinic.Request": "the request to erase itself, emptied; all others are deleted (TestErasure)",
    "clinic.External": "the booking's name in the clinic's own calendar, without the person's",
    "clinic.Message": "references only; mails to the person that wait are deleted",
    "clinic.Effect": "digests, deleted after the conversations' days",
    "clinic.Guess": "digests, deleted after a day",
    "clinic.History": "references and staff, nothing of a person",
    "clinic.Receipt": "how much was erased",
    "review.Cursor": "a place in the events",
    "review.Tag": "a word of the staff's",
    "review.View": "a search that a member of staff has kept for themselves",
    "review.Access": "who of the staff looked at what, by number",
    "review.Tally": "counts of a day",
}


def test_every_table_goes_with_the_conversation_or_says_why_it_stays() -> None:
    from django.apps import apps
    from django.db.models import CASCADE

    goes, new = set(), {models.Conversation}
    while new:
        goes |= new
        found = (relation for model in new for relation in model._meta.related_objects)
        new = {relation.related_model for relation in found if getattr(relation, "on_delete", None) is CASCADE} - goes
    ours = {model for name in ("clinic", "review") for model in apps.get_app_config(name).get_models()}
    assert {model._meta.label for model in ours - goes} == set(STAYS)
