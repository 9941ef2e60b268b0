"""The pages by their answers: filters, hostile words, exports, requests, and what is erased is gone from every store."""

import csv
import datetime as dt
import io
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from bench.conversations import START, Events, many, turn
from clinic.review import exports
from tests.review import monday
from tests.review.monday import HOSTILE

pytestmark = pytest.mark.usefixtures("sqlite_records", "clinic_file")
Login, Ingest = Callable[..., Any], Callable[[], int]
SQL = ["'; DROP TABLE review_talk; --", "1 OR 1=1", '" OR 1=1 --', "%' UNION SELECT password FROM auth_user --", "\\", "\x00", "😀" * 50, "a" * 5000]


def inbox(client: Any, **query: Any) -> str:
    answer = client.get(reverse("review:inbox"), query)
    assert answer.status_code == 200, query
    return str(answer.content.decode())


def number(page: str) -> str:
    return page.split('class="listhead">')[1].split("<p>")[1].split(" conversation")[0]


class TestInbox:
    def test_each_filter_finds_what_it_says(self, login: Login, bot: Events, ingest: Ingest) -> None:
        from clinic.review.models import Talk

        alarm = {"level": "urgent", "fired": []}
        bot.add("web:a", [*START, *turn("there is pus", "report_urgent_symptom", "Today.", safety=alarm)], 1_700_000_000)
        bot.add("sms:b", [*START, *turn("the thing", "nlu_fallback", "Pardon?", "sms", 0.2, "action_clarify")], 1_700_200_000)
        bot.add("web:c", [*START, *turn("does it hurt", "ask_pain", "A little.")])
        bot.add("web:empty", list(START))
        ingest()
        client = login("clinician")
        tagged = Talk.objects.get(channel="sms")
        client.post(reverse("review:sort", args=[tagged.pk]), {"what": "tag", "value": "odd <b>"})
        client.post(reverse("review:sort", args=[tagged.pk]), {"what": "assign"})
        client.post(reverse("review:sort", args=[tagged.pk]), {"what": "reviewed"})
        found = {
            "all": {}, "q": {"q": "pus"}, "channel": {"channel": "sms"}, "intent": {"intent": "ask_pain"}, "below": {"below": "30"}, "alarm": {"alarm": "2"},
            "any": {"alarm": "any"}, "fallback": {"fallback": "1"}, "since": {"since": timezone.localdate().isoformat()}, "until": {"until": "2023-11-15"},
            "tag": {"tag": "odd <b>"}, "me": {"who": "me"}, "none": {"who": "none"}, "unreviewed": {"unreviewed": "1"}, "outcome": {"outcome": "unclear"},
            "sample": {"sample": "0.5"}, "nothing": {"q": "nowhere"}, "both": {"q": "pus", "channel": "sms"},
        }  # fmt: skip
        counts = {name: number(inbox(client, **query)) for name, query in found.items()}
        ones = dict.fromkeys(("q", "channel", "intent", "below", "alarm", "any", "fallback", "since", "until", "tag", "me", "outcome", "sample"), "1")
        assert counts == {"all": "3", **ones, "none": "2", "unreviewed": "2", "nothing": "0", "both": "0"}

    def test_pages_follow_each_other_without_a_gap(self, login: Login, bot: Events, ingest: Ingest) -> None:
        import re

        bot.rows(many(95))
        ingest()
        client, seen, address = login("reviewer"), [], "?"
        while address:
            page = client.get(reverse("review:inbox") + address.replace("&amp;", "&")).content.decode()
            seen += re.findall(r'talks/(\d+)/" class="open"', page)
            more = re.search(r'class="more"><a class="button quiet" href="([^"]+)"', page)
            address = more[1] if more else ""
        assert len(seen) == 95 == len(set(seen))

    def test_a_view_is_saved_for_its_owner(self, login: Login) -> None:
        login("reviewer").post(reverse("review:save_view"), {"name": "Sundays", "q": "sunday", "unreviewed": "1"})
        assert "Sundays" in inbox(login("reviewer")) and "Sundays" not in inbox(login("clinician"))

    @pytest.mark.parametrize("text", SQL)
    def test_no_parameter_is_more_than_a_value(self, login: Login, text: str) -> None:
        client = login("manager")
        for name in ("q", "since", "until", "channel", "intent", "below", "alarm", "outcome", "tag", "who", "sample", "before"):
            inbox(client, **{name: text})
        for page in ("diary", "figures", "log", "unknown", "requests"):
            assert (
                client.get(reverse(f"review:{page}"), {"day": text, "days": text, "actor": text, "what": text, "before": text, "state": text}).status_code
                == 200
            )


class TestHostileWords:
    def test_they_are_shown_and_do_nothing(self, login: Login, bot: Events, ingest: Ingest) -> None:
        from clinic.review.models import Message, Talk

        monday.staff()
        monday.written(bot)
        monday.recorded()
        ingest()
        talk = Talk.objects.get(lead__contains="window.hacked")
        client = login("manager", name="manager")
        client.post(reverse("review:note", args=[talk.pk]), {"text": HOSTILE})
        client.post(reverse("review:sort", args=[talk.pk]), {"what": "tag", "value": HOSTILE})
        client.post(reverse("review:correct", args=[Message.objects.get(talk=talk, who="person").pk]), {"kind": "none"})
        client.post(reverse("review:save_view"), {"name": HOSTILE, "q": HOSTILE})
        pages = [reverse(f"review:{name}") for name in ("inbox", "diary", "requests", "undelivered", "figures", "unknown", "corrections", "log")]
        pages += [reverse("review:talk", args=[talk.pk]), reverse("review:inbox") + "?q=%3Cscript%3Ewindow.hacked%3D1", reverse("review:diary") + "?view=week"]
        for page in pages:
            answer = client.get(page)
            body = answer.content.decode()
            assert answer.status_code == 200 and "<script>window" not in body and "<img src=x" not in body, page
            assert "script-src 'self'" in answer["Content-Security-Policy"] and "unsafe" not in answer["Content-Security-Policy"]

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "|cmd", "%0A", '=HYPERLINK("http://x")', "＝1"])
    def test_a_spreadsheet_finds_no_formula(self, text: str) -> None:
        answer = exports.answer("x", ("Words",), [(text,), (-5,)])
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert rows[1][0] == f"'{text}" and rows[2] == ["-5"]

    def test_what_was_not_known_is_exported_as_text(self, login: Login, bot: Events, ingest: Ingest, settings: Any) -> None:
        settings.ENCODER = ""
        bot.add("web:a", [*START, *turn("=1+1 does what", "nlu_fallback", "Pardon?", confidence=0.1)])
        ingest()
        text = login("manager").get(reverse("review:unknown"), {"csv": "1"}).content.decode("utf-8-sig")
        assert '"\'=1+1 does what"' in text


class TestDesk:
    def test_a_wish_for_a_time_becomes_an_appointment(self, login: Login, bot: Events) -> None:
        from clinic.models import Booking, Request

        monday.staff()
        monday.recorded()
        one = Request.objects.get(kind="booking")
        client, page = login("receptionist", name="receptionist"), reverse("review:confirm", args=[one.reference])
        wish = one.details["wish"]
        client.post(page, {"slot": f"{wish['start']}|{wish['end']}|{wish['practitioner']}"})
        one.refresh_from_db()
        assert one.status == "done"
        made = Booking.objects.exclude(slot=None).order_by("-pk")[0]
        assert made.contact["name"] == "Ottoline Grave" and made.slot.starts.isoformat() == wish["start"]
        assert client.get(page).status_code == 404  # not twice

    def test_a_taken_time_is_refused_and_nothing_is_lost(self, login: Login, bot: Events) -> None:
        from clinic.models import Booking, Request

        monday.staff()
        monday.recorded()
        one, taken = Request.objects.get(kind="booking"), Booking.objects.exclude(slot=None)[0].slot
        client = login("receptionist", name="receptionist")
        page = client.post(
            reverse("review:confirm", args=[one.reference]), {"slot": f"{taken.starts.isoformat()}|{taken.ends.isoformat()}|{taken.practitioner}"}
        )
        assert b"Somebody else has that time" in page.content
        one.refresh_from_db()
        assert one.status == "open"

    def test_what_was_not_delivered_is_tried_again(self, login: Login, bot: Events) -> None:
        from clinic.models import Message

        monday.staff()
        monday.recorded()
        failed = Message.objects.get(state="failed")
        client = login("receptionist", name="receptionist")
        assert b"550 no such mailbox" in client.get(reverse("review:undelivered")).content
        client.post(reverse("review:try_again", args=[failed.pk]))
        failed.refresh_from_db()
        assert (failed.state, failed.attempts) == ("waiting", 0)

    def test_a_complaint_and_an_erasure_show_their_days(self, login: Login, bot: Events) -> None:
        monday.staff()
        monday.recorded()
        page = login("receptionist", name="receptionist").get(reverse("review:requests")).content.decode()
        assert "overdue since" in page and page.index("Complaint") < page.index("Erasure") and "Erase this person" not in page
        assert "Erase this person" in login("manager", name="manager").get(reverse("review:requests")).content.decode()


class TestFigures:
    def test_the_tallies_count_what_there_is_and_stay(self, bot: Events, ingest: Ingest) -> None:
        from clinic.review import figures
        from clinic.review.models import Talk

        bot.rows(many(200, days=5))
        ingest()
        today = timezone.localdate()
        days = [today - dt.timedelta(days=n) for n in range(7)]
        figures.tally(days)
        first, last = days[-1], today
        assert (
            figures.totals(first, last, "talks")[""]
            == 200
            == sum(figures.totals(first, last, "channel").values())
            == sum(figures.totals(first, last, "hour").values())
        )
        assert sum(count for _, count in figures.by_day(first, last, "talks")) == 200
        assert 0.5 < (figures.confidence(first, last) or 0) < 1
        Talk.objects.all().delete()
        figures.tally(days)
        assert figures.totals(first, last, "talks")[""] == 200

    def test_unknown_questions_are_put_together(self) -> None:
        import numpy as np

        from clinic.review.unknown import group

        vectors = np.array([[1, 0], [0.99, 0.14], [0, 1], [0.98, 0.2]])
        assert group(["a", "b", "c", "d"], vectors) == [[0, 1, 3], [2]] or sorted(map(sorted, group(["a", "b", "c", "d"], vectors))) == [[0, 1, 3], [2]]
        assert group(["my cat", "cat my", "dog"], None)[0] == [0, 1]


MARKER = "qzzmarkerqzz"


class TestErasure:
    def everything(self, folder: Path) -> list[str]:
        """Files of every store that hold the marker anywhere in their bytes, whatever page or log it is in."""
        return [str(path) for path in folder.rglob("*") if path.is_file() and MARKER.encode() in path.read_bytes()]

    def test_an_erased_person_is_in_no_store_and_no_file(
        self, login: Login, bot: Events, ingest: Ingest, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from django.db import connection

        from channels import staff
        from clinic.models import Request
        from clinic.review.models import Access, Message, Note, Talk
        from clinic.services import requests, retention
        from runtime.conversations import Conversations

        settings.PATCHES = tmp_path / "patches"
        monkeypatch.setattr(staff, "CONVERSATIONS", Conversations(str(bot.path)))
        for number in range(40):
            bot.add(f"web:o{number}", [*START, *turn(f"does it hurt number {number}", "ask_pain", "A little.")])
        bot.add(
            "web:gone", [*START, *turn(f"is {MARKER} normal on knees", "nlu_fallback", f"What is {MARKER}?", confidence=0.2), *turn("ok", "thank", "Welcome.")]
        )
        ingest()
        client = login("manager")
        talk = Talk.objects.get(lead__contains=MARKER)
        message = talk.messages.filter(who="person").first()
        client.post(reverse("review:note", args=[talk.pk]), {"text": f"about {MARKER}"})
        client.post(reverse("review:correct", args=[message.pk]), {"kind": "intent", "other": "ask_side_effects"})
        client.post(reverse("review:write_patch"))
        client.post(reverse("review:correct", args=[message.pk]), {"kind": "test"})
        assert MARKER in inbox(client, q=MARKER) and len(list((tmp_path / "patches").glob("*.patch"))) == 1
        bot.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert len(self.everything(tmp_path)) >= 3
        reference, _ = requests.open_request("web:gone", "erasure", {}, "e", timezone.now())
        receipt = retention.erase(retention.Erasure.of_record(Request.objects.get(reference=reference)), "manager", timezone.now(), reference)
        assert receipt.stores["review desk: sessions"] == 1 and receipt.stores["patch files"] == 1 and receipt.stores["review desk: corrections"] == 2
        assert receipt.stores["words in conversations"] > 5
        ingest()  # nothing comes back
        assert Talk.objects.count() == 40 and not Note.objects.exists() and not Message.objects.filter(text__contains=MARKER).exists()
        connection.close()
        copy = sqlite3.connect(tmp_path / "backup.sqlite3")  # a backup made from now on
        with sqlite3.connect(tmp_path / "clinic.sqlite3") as now:
            now.backup(copy)
        copy.close()
        now.close()
        bot.close()
        assert self.everything(tmp_path) == []
        assert Access.objects.filter(talk=talk.pk).exists()  # who looked stays; it says nothing of whom

    def test_what_is_old_goes_and_what_is_new_stays(self, bot: Events, ingest: Ingest) -> None:
        from clinic.review.models import Talk
        from clinic.services import retention

        bot.add("web:a", [*START, *turn("does it hurt", "ask_pain", "A little.")], 1_500_000_000)
        bot.add("web:a", [*START, *turn("and the price", "ask_price", "£190.")])
        ingest()
        from clinic.models import Conversation

        Conversation.objects.update(created=timezone.now() - dt.timedelta(days=900))
        assert retention.purge(timezone.now())["review desk"] == 1
        assert [t.lead for t in Talk.objects.all()] == ["and the price"]

    def test_keys_that_are_changed_take_the_desk_along(self, bot: Events, ingest: Ingest, login: Login) -> None:
        from clinic.review.models import Note, Talk
        from clinic.services import retention

        bot.add("web:a", [*START, *turn("does it hurt", "ask_pain", "A little.")])
        ingest()
        login("reviewer").post(reverse("review:note", args=[Talk.objects.get().pk]), {"text": "call back"})
        before = sqlite3.connect(bot.path.parent / "clinic.sqlite3").execute("SELECT text FROM review_note").fetchone()[0]
        retention.reseal()
        after = sqlite3.connect(bot.path.parent / "clinic.sqlite3").execute("SELECT text FROM review_note").fetchone()[0]
        assert before != after and Note.objects.get().text == "call back"
