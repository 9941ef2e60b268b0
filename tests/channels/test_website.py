"""The website's channel: a conversation that survives what browsers and networks do to it."""

import json
import signal
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Dict, List

import pytest
import requests

from channels.base import button_key
from runtime.conversations import Conversations, spoken
from tests.channels.website import PAGE, Visitor, Website, wait_for, words
from tests.runtime.site import Parent

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def website(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    made = Website(parent, tmp_path_factory.mktemp("website")).start()
    yield made
    made.stop()


@pytest.fixture
def own_website(parent: Parent, tmp_path: Path) -> Iterator[Website]:
    made = Website(parent, tmp_path)
    yield made
    made.stop()


def test_settings_come_from_clinic_yml_and_only_listed_pages_may_read_them(website: Website) -> None:
    shown = website.settings()
    assert shown["clinic"] == "Willow Road Skin Clinic" and shown["emergency"]["number"] == "999"
    assert "999" in " ".join(shown["consent"]["lines"]) and "30 days" in " ".join(shown["consent"]["lines"])
    address = f"{website.url}/webhooks/website/settings"
    assert requests.get(address, headers={"Origin": PAGE}, timeout=5).headers["Access-Control-Allow-Origin"] == PAGE
    assert "Access-Control-Allow-Origin" not in requests.get(address, headers={"Origin": "https://evil.example"}, timeout=5).headers


def test_a_question_is_answered_with_sources_and_buttons_without_payloads(website: Website) -> None:
    visitor = Visitor(website)
    answer = visitor.say("how many sessions will i need")
    assert answer["status"] == "answered" and "session" in words(answer["items"])
    assert any((item.get("data") or {}).get("sources") for item in answer["items"])
    buttons = [button for item in answer["items"] for button in item.get("buttons", ())]
    assert buttons and all(set(b) == {"title", "key"} and b["key"].startswith("k:") and "/" not in b["key"] for b in buttons)
    wait_for(lambda: ("typing", {"on": True}) in visitor.heard)
    visitor.leave()


def test_a_button_is_pressed_by_its_key_and_read_back_by_its_title(website: Website) -> None:
    visitor = Visitor(website)
    button = next(b for item in visitor.say("does it hurt")["items"] for b in item.get("buttons", ()))
    pressed = visitor.say(key=button["key"])
    assert pressed["status"] == "answered" and pressed["items"]
    said = [item["text"] for item in visitor.open()["items"] if item["from"] == "visitor"]
    assert said == ["does it hurt", button["title"]]
    unknown = visitor.say(key=button_key("/restart"))
    assert unknown["status"] == "refused"
    visitor.leave()


def test_the_same_message_again_gets_the_same_answer_once(website: Website) -> None:
    visitor = Visitor(website)
    first, again = visitor.say("does it hurt", "one-id"), visitor.say("does it hurt", "one-id")
    assert again["status"] == "repeated" and [i["key"] for i in again["items"]] == [i["key"] for i in first["items"]]
    assert words(first["items"]) == words(again["items"])
    assert len([i for i in visitor.open()["items"] if i["from"] == "visitor"]) == 1
    visitor.leave()


def test_history_is_replayed_as_it_was_shown(website: Website) -> None:
    visitor = Visitor(website)
    live: List[Dict[str, Any]] = []
    for text in ("hello", "does it hurt and what does it cost", "how many sessions will i need", "asdf qwer"):
        live += visitor.say(text)["items"]
    token = visitor.open()["token"]
    visitor.leave()
    back = Visitor(website, token)
    replayed = [item for item in back.open()["items"] if item["from"] == "clinic"]
    assert [{k: v for k, v in i.items() if k != "at"} for i in replayed] == [{k: v for k, v in i.items() if k != "at"} for i in live]
    back.leave()


def test_a_second_tab_hears_the_first(website: Website) -> None:
    first = Visitor(website)
    second = Visitor(website, first.open()["token"])
    answer = first.say("does it hurt")
    wait_for(lambda: any(name == "turn" for name, _ in second.heard))
    items = next(data["items"] for name, data in second.heard if name == "turn")
    assert items[0]["text"] == "does it hurt" and items[1:] == answer["items"]
    assert not any(name == "turn" for name, _ in first.heard)
    first.leave()
    second.leave()


def test_erased_is_erased(website: Website) -> None:
    first = Visitor(website)
    token = first.open()["token"]
    second = Visitor(website, token)
    first.say("i have eczema, does it hurt")
    before = website.conversations()
    assert first.call("erase")["status"] == "erased"
    wait_for(lambda: ("erased", {}) in second.heard and not second.client.connected)
    assert len(website.conversations()) == len(before) - 1
    again = Visitor(website, token)
    assert again.open()["items"] == []
    again.leave()
    first.leave()


def test_nothing_is_lost_when_the_server_dies(own_website: Website) -> None:
    own_website.start(slow=0.3)
    visitor = Visitor(own_website)
    token = visitor.open()["token"]
    visitor.client.emit("say", {"id": "m1", "text": "does it hurt"})
    time.sleep(0.3)
    own_website.stop()
    own_website.start()
    back = Visitor(own_website, token)
    answer = back.say("does it hurt", "m1")
    assert answer["status"] in ("answered", "repeated") and answer["items"]
    assert [i["text"] for i in back.open()["items"] if i["from"] == "visitor"] == ["does it hurt"]
    back.leave()


def test_a_stopping_server_finishes_the_turn_and_does_not_wait_for_sockets(own_website: Website) -> None:
    own_website.start(slow=0.5)
    idle, busy = Visitor(own_website), Visitor(own_website)
    token = busy.open()["token"]
    got: List[Dict[str, Any]] = []
    speaking = threading.Thread(target=lambda: got.append(busy.say("does it hurt", "m1")), daemon=True)
    speaking.start()
    time.sleep(0.3)
    started = time.monotonic()
    own_website.stop(signal.SIGTERM)
    assert time.monotonic() - started < 8
    own_website.start()
    back = Visitor(own_website, token)
    assert [i["text"] for i in back.open()["items"] if i["from"] == "visitor"] == ["does it hurt"]
    back.leave()
    idle.leave()


def test_a_database_that_is_down_is_said_and_nobody_is_told_of_a_deletion_that_was_none(own_website: Website) -> None:
    own_website.start()
    visitor = Visitor(own_website)
    visitor.say("does it hurt")
    with sqlite3.connect(own_website.database) as spoiler:
        spoiler.execute("ALTER TABLE events RENAME TO gone")
    failed = visitor.say("how many sessions will i need")
    assert failed["status"] == "failed" and "020 7946 0123" in words(failed["items"])
    assert visitor.open()["items"] is None
    assert visitor.call("erase") == {"status": "failed"}
    assert visitor.say(key="k:0000000000000000")["status"] == "failed"
    with sqlite3.connect(own_website.database) as spoiler:
        spoiler.execute("ALTER TABLE gone RENAME TO events")
    assert visitor.say("how many sessions will i need")["status"] == "answered"
    visitor.leave()


RUBBISH: List[Any] = [
    {"type": 7},
    {"no": "type"},
    {"room": "web:other", "type": "answer", "sources": "x"},
    {"type": "answer", "sources": [{"title": None}, 7, "x", {"address": "javascript:alert(1)"}]},
    {"type": "slots", "slots": {"a": 1}},
    {"type": "x" * 20_000},
    {"type": "deep", "x": [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]},
    {"data": {"type": "answer"}},
    {"type": "answer", "sources": [float("nan")]},
]


@pytest.mark.parametrize("payload", RUBBISH, ids=range(len(RUBBISH)))
def test_a_custom_payload_of_rubbish_costs_itself_and_not_the_turn(parent: Parent, tmp_path: Path, payload: Any) -> None:
    website = Website(parent, tmp_path).start(replies={"does it hurt": [{"text": "before"}, {"json_message": payload}, {"text": "after"}]})
    try:
        visitor, other = Visitor(website), Visitor(website)
        answer = visitor.say("does it hurt")
        assert answer["status"] == "answered" and words(answer["items"]).split() == ["before", "after"]
        assert all(isinstance(item["data"]["type"], str) for item in answer["items"] if "data" in item)
        assert [i["key"] for i in visitor.open()["items"][1:]] == [i["key"] for i in answer["items"]]
        assert not any(name == "turn" for name, _ in other.heard)
        visitor.leave()
        other.leave()
    finally:
        website.stop()


def test_the_secret_is_made_once_and_is_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from runtime import settings

    monkeypatch.delenv("STRIA_WEB_SECRET", raising=False)
    path = tmp_path / "var" / "website-secret"
    first = settings.web_secret(path)
    assert settings.web_secret(path) == first and len(first) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and list(path.parent.iterdir()) == [path]
    monkeypatch.setenv("STRIA_WEB_SECRET", "short")
    with pytest.raises(ValueError, match="32"):
        settings.web_secret(path)


def test_what_staff_say_arrives_live_and_stands_in_the_history(website: Website) -> None:
    visitor, other = Visitor(website), Visitor(website)
    visitor.say("can i talk to somebody", "m1")
    other.say("does it hurt", "m1")
    (mine,) = (c for c in website.conversations() if c.startswith("web:") and _said(website, c) == ["can i talk to somebody"])
    door = Conversations(website.database)
    door.add(mine, [{"event": "pause"}, spoken("Anna from our team is here now.", "", "p")], "p")
    door.add(mine, [spoken("Hello, how can I help?", "Anna", "s")], "s")
    wait_for(lambda: sum(name == "turn" for name, _ in visitor.heard) == 2)
    pushed = [item for name, data in visitor.heard if name == "turn" for item in data["items"]]
    assert [item["text"] for item in pushed] == ["Anna from our team is here now.", "Anna: Hello, how can I help?"]
    assert visitor.say("is it safe to book", "m2") == {"status": "answered", "items": []}
    door.add(
        mine,
        [spoken("Shall we go on?", "", "r", [{"title": "Go on", "payload": "go on"}]), {"event": "resume"}, {"event": "action", "name": "action_listen"}],
        "r",
    )
    wait_for(lambda: sum(name == "turn" for name, _ in visitor.heard) == 3)
    replayed = visitor.open()["items"]
    assert [item for item in replayed if item["key"].startswith("staff:")][:2] == pushed
    assert [item["text"] for item in replayed if item["from"] == "visitor"] == ["can i talk to somebody", "is it safe to book"]
    assert visitor.say("does it hurt", "m3")["items"]
    assert not [data for name, data in other.heard if name == "turn"]
    door.close()
    visitor.leave()
    other.leave()


def _said(website: Website, conversation: str) -> List[str]:
    with sqlite3.connect(website.database) as database:
        rows = database.execute("SELECT data FROM events WHERE sender_id = ? AND type_name = 'user'", [conversation]).fetchall()
    return [json.loads(data)["text"] for (data,) in rows]
