"""What somebody wants gone, or what of them may not be kept, is in no table and no file any more: a marker is planted and looked for everywhere."""

import sqlite3
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from tests.databases import sqlite_template  # noqa: F401
from tests.runtime.site import Parent, Site

pytestmark = pytest.mark.model
MARKER = "Zorblaxian"


@pytest.fixture
def clinic(site: Site, sqlite_template: Path) -> Path:  # noqa: F811
    """The clinic's records beside the site's conversations."""
    file = site.folder / "clinic.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    site.environment["STRIA_CLINIC_DB"] = str(file)
    return file


def rows(clinic: Path, query: str) -> List[Tuple[Any, ...]]:
    with sqlite3.connect(clinic) as database:
        return database.execute(query).fetchall()


def planted(folder: Path) -> List[str]:
    """The files in which the marker still stands."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and MARKER.lower().encode() in path.read_bytes().lower())


def said(replies: List[Dict[str, Any]]) -> str:
    return "\n".join(str(r.get("text")) for r in replies)


async def test_a_chat_is_deleted_on_its_persons_word(site: Site, clinic: Path) -> None:
    port = await site.start()
    assert "all right with you" in said(await site.say(port, "a", "can i do the suitability check", "m1"))
    await site.say(port, "a", "yes", "m2")
    await site.say(port, "a", f"34, and my {MARKER} aunt had keloids", "m3")
    await site.say(port, "b", "does it hurt", "m1")
    assert rows(clinic, "SELECT count(*) FROM clinic_consent") == [(1,)] and "conversations.sqlite3" in str(planted(site.folder))
    await site.say(port, "a", "stop", "m4")
    asked = said(await site.say(port, "a", "please delete my data", "m5"))
    assert "cannot be undone" in asked and rows(clinic, "SELECT count(*) FROM clinic_request") == [(0,)]
    gone = said(await site.say(port, "a", "Yes, delete it", "m6"))
    assert "This chat is deleted" in gone and "reference" in gone
    assert said(await site.say(port, "a", "Yes, delete it", "m6")) == gone  # sent twice by a bad line
    assert planted(site.folder) == [] and site.stored("a") == [] and site.stored("b") == ["m1"]
    for table in ("consent", "screening", "conversation", "handoff"):
        assert rows(clinic, f"SELECT count(*) FROM clinic_{table}") == [(0,)]
    assert rows(clinic, "SELECT kind, status FROM clinic_request") == [("erasure", "done")] and rows(clinic, "SELECT count(*) FROM clinic_receipt") == [(1,)]
    assert len(await site.say(port, "a", "does it hurt", "m7")) >= 1 and site.stored("a") == ["m7"]


async def test_the_button_of_the_chat_deletes_the_records_too(site: Site, clinic: Path) -> None:
    port = await site.start()
    await site.say(port, "a", "can i do the suitability check", "m1")
    await site.say(port, "a", "yes", "m2")
    await site.say(port, "a", f"34, and my {MARKER} aunt had keloids", "m3")
    assert rows(clinic, "SELECT count(*) FROM clinic_consent") == [(1,)]
    assert (await site.post(port, "/erase/rest:a"))[0] == 200
    assert planted(site.folder) == [] and rows(clinic, "SELECT count(*) FROM clinic_consent") == [(0,)]
    assert rows(clinic, "SELECT count(*) FROM clinic_receipt") == [(1,)]


async def test_what_belongs_to_an_appointment_stays_with_a_due_day(site: Site, clinic: Path) -> None:
    port = await site.start()
    for number, text in enumerate(["book me in please", "any day", "the first one", "the first one", "the first one", "yes", f"{MARKER}", "07400 123456"]):
        last = said(await site.say(port, "a", text, f"b{number}"))
    for number, text in enumerate(["skip", "call", "skip", "yes"]):
        last = said(await site.say(port, "a", text, f"c{number}"))
    assert "Booked" in last, last
    await site.say(port, "a", "delete my data", "d1")
    assert "at the latest" in said(await site.say(port, "a", "yes", "d2"))
    assert rows(clinic, "SELECT status FROM clinic_booking") == [("confirmed",)] and rows(clinic, "SELECT kind, status FROM clinic_request") == [
        ("erasure", "open")
    ]
    assert planted(site.folder) == []  # the name is sealed where it stays


@pytest.mark.parametrize("words", [[f"hi im 15 and my name is {MARKER}, does it hurt"], ["can i book an appointment", f"im only 16, {MARKER}"]])
async def test_nothing_is_kept_of_somebody_under_age(words: List[str], site: Site, clinic: Path) -> None:
    port = await site.start()
    for number, text in enumerate(words):
        last = said(await site.say(port, "a", text, f"m{number}"))
    assert "18" in last or "hurt" in last or "numb" in last, last
    assert planted(site.folder) == [] and site.stored("a") == []
    assert rows(clinic, "SELECT count(*) FROM clinic_conversation") == [(0,)]
    refused = said(await site.say(port, "a", "book an appointment for tomorrow", "again"))
    assert "Booked" not in refused and "adults" in refused.lower()


async def test_starting_over_takes_back_what_was_agreed_to(site: Site, clinic: Path) -> None:
    port = await site.start()
    await site.say(port, "a", "can i do the suitability check", "m1")
    await site.say(port, "a", "yes", "m2")
    await site.say(port, "a", "34", "m3")
    assert rows(clinic, "SELECT count(*) FROM clinic_consent WHERE withdrawn_at IS NULL") == [(1,)]
    await site.say(port, "a", "start over", "m4")
    assert rows(clinic, "SELECT count(*) FROM clinic_consent WHERE withdrawn_at IS NULL") == [(0,)]
    assert len(await site.say(port, "a", "does it hurt", "m5")) >= 1


async def test_a_person_is_called_once_and_a_complaint_is_tracked(site: Site, clinic: Path) -> None:
    port = await site.start()
    await site.say(port, "a", "how much does it cost", "m1")
    first = said(await site.say(port, "a", "can i talk to a real person please", "m2"))
    assert "I have told our team" in first and ("We are open now" in first or "We are closed now" in first)
    assert "I have told our team" not in said(await site.say(port, "a", "i want to talk to a human", "m3"))
    assert rows(clinic, "SELECT urgency, status FROM clinic_handoff") == [("normal", "open")]
    for number, text in enumerate(["???", "blah de blah the thing with it"]):
        last = said(await site.say(port, "b", text, f"n{number}"))
    assert "I have told our team" in last, last
    opened = said(await site.say(port, "c", "i want to make a complaint", "m1"))
    assert "reference" in opened and "answers by" in opened
    assert rows(clinic, "SELECT kind, status FROM clinic_request") == [("complaint", "open")]
    reach = said(await site.say(port, "c", "the nurse was an hour late and rude to me and nobody said sorry", "m2"))
    assert "reach you" in reach, reach
    assert "Thank you" in said(await site.say(port, "c", "ada@example.com", "m3"))
    assert rows(clinic, "SELECT count(*) FROM clinic_request WHERE email_digest != ''") == [(1,)]


@pytest.fixture
def site(parent: Parent, tmp_path: Path) -> Any:
    made = Site(parent, tmp_path)
    yield made
    made.end()
