"""What the connectors share, and what the website shows before anybody agreed: no model needed."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml
from rasa.core.channels.channel import CollectingOutputChannel
from rasa.shared.core.events import BotUttered

from channels import greeting
from channels.base import Background, Bubble, bubbles, button_key, pressed, replies_of
from channels.sessions import BadSession, Sessions
from runtime import settings
from runtime.action_client import _storable
from runtime.settings import ROOT

UTTERANCES: List[Dict[str, Any]] = [
    {"text": "one"},
    {"text": "one\n\ntwo\nlines"},
    {"text": "pick", "buttons": [{"title": "A", "payload": "/a"}]},
    {"text": "with\n\nparts", "buttons": [{"title": "A", "payload": "/a"}]},
    {"custom": {"type": "answer", "sources": []}},
    {"text": "both", "custom": {"type": "card", "title": "x"}},
]


@pytest.mark.parametrize("said", UTTERANCES, ids=range(len(UTTERANCES)))
async def test_what_was_stored_is_read_back_as_it_went_out(said: Dict[str, Any]) -> None:
    live = CollectingOutputChannel()
    await live.send_response("me", dict(said))  # it takes the message apart
    event = BotUttered(said.get("text"), {key: value for key, value in said.items() if key != "text"}).as_dict()
    assert bubbles(replies_of(event)) == bubbles(live.messages)


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"text": None},
        {"text": 7},
        {"text": "  "},
        {"buttons": [{"title": "A", "payload": "/a"}]},
        {"custom": "x"},
        {"custom": ["type"]},
        {"custom": {"type": 1}},
    ],
    ids=range(8),
)
def test_what_cannot_be_shown_is_left_out(reply: Dict[str, Any]) -> None:
    assert bubbles([reply, {"text": "after"}]) == [Bubble("after")]


def test_buttons_need_a_title_and_a_payload() -> None:
    rows: List[Any] = [{"title": "A", "payload": "/a"}, {"title": " ", "payload": "/b"}, {"title": "C"}, {"title": 1, "payload": "/d"}, "x", None]
    assert bubbles([{"text": "t", "buttons": rows}]) == [Bubble("t", (("A", "/a"),))]


def test_a_custom_payload_that_cannot_be_stored_does_not_fail_the_turn(caplog: pytest.LogCaptureFixture) -> None:
    loop: Dict[str, Any] = {"type": "card"}
    loop["self"] = loop
    for payload in ({"type": {1, 2}}, {"type": object()}, loop):
        assert _storable(payload) == {}
    assert _storable({"type": "card"}) == {"type": "card"} and _storable({}) == {} and _storable(None) is None
    assert "no JSON" in caplog.text


async def test_a_key_stands_for_a_button_of_this_conversation_only() -> None:
    class Store:
        async def spoken(self, conversation: str, most: int) -> List[Dict[str, Any]]:
            return [{"event": "bot", "data": {"buttons": [{"title": "Prices", "payload": "/ask_price"}]}}] if conversation == "web:a" else []

    found = await pressed(Store(), "web:a", button_key("/ask_price"))
    assert found is not None and (found.payload, found.title) == ("/ask_price", "Prices")
    for conversation, key in (
        ("web:b", button_key("/ask_price")),
        ("web:a", button_key("/restart")),
        ("web:a", "/ask_price"),
        ("web:a", None),
        ("web:a", ["k"]),
    ):
        assert await pressed(Store(), conversation, key) is None
    assert len(button_key("/x" * 500).encode()) <= 64  # Telegram's limit


async def test_background_work_ends_before_the_server_does(caplog: pytest.LogCaptureFixture) -> None:
    done: List[int] = []

    async def work(fails: bool) -> None:
        await asyncio.sleep(0.02)
        if fails:
            raise RuntimeError("Anna Lee")
        done.append(1)

    background = Background()
    background.start(work(False))
    background.start(work(True))
    await background.drain()
    assert done == [1] and "RuntimeError" in caplog.records[0].getMessage() and caplog.records[0].levelno == logging.ERROR


def test_a_session_goes_on_with_a_new_time_and_the_same_name() -> None:
    now = [1000.0]
    sessions = Sessions(b"x" * 32, 3600, clock=lambda: now[0])
    first = sessions.issue("c1")
    later = sessions.read(sessions.token(first))
    assert later == first and first.expires == 4600
    now[0] = 4000
    assert sessions.issue("c1", first.id).id == first.id and sessions.issue("c1").id != first.id
    now[0] = 4600
    with pytest.raises(BadSession):
        sessions.read(sessions.token(first))
    with pytest.raises(ValueError, match="32 bytes"):
        Sessions(b"short", 60)


def clinic() -> Dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "clinic.yml").read_text(encoding="utf-8")))


def test_the_consent_text_has_a_version_made_of_its_words() -> None:
    first, again, other = greeting.compose(clinic(), 30), greeting.compose(clinic(), 30), greeting.compose(clinic(), 14)
    assert first == again and first["consent"]["version"] != other["consent"]["version"]
    assert "14 days" in " ".join(other["consent"]["lines"]) and greeting.days(0.5) == "1 day"


def test_what_a_clinic_may_set_and_what_it_may_not() -> None:
    theme = {"accent": "#112233", "accent-dark": "red;}*{display:none", "x": "#12345"}
    changed = {**clinic(), "website": {"theme": theme, "topics": ["a"] * 9, "typing_delay_ms": 99999, "strings": {"title": "x" * 999}}}
    shown = greeting.compose({**changed, "website": {**changed["website"], "privacy_page": "javascript:alert(1)"}}, 30)
    assert shown["theme"] == {"accent": "#112233"} and len(shown["topics"]) == 6 and shown["typing_delay_ms"] == 3000
    assert len(shown["strings"]["title"]) == 400 and shown["consent"]["page"] == ""
    without = {key: value for key, value in clinic().items() if key != "website"}
    assert greeting.compose(without, 30)["topics"] == [] and greeting.compose(without, 30)["typing_delay_ms"] == 250


def test_the_word_on_privacy_is_found_from_any_page(monkeypatch: pytest.MonkeyPatch) -> None:
    look = {**clinic(), "website": {"privacy_page": "/privacy/"}}
    monkeypatch.delenv("STRIA_PUBLIC_URL", raising=False)
    assert greeting.compose(look, 30)["consent"]["page"] == "/privacy/"
    monkeypatch.setenv("STRIA_PUBLIC_URL", "https://chat.willowroad.example/")
    assert greeting.compose(look, 30)["consent"]["page"] == "https://chat.willowroad.example/privacy/"
    look["website"]["privacy_page"] = "https://www.willowroad.example/data"
    assert greeting.compose(look, 30)["consent"]["page"] == "https://www.willowroad.example/data"


def test_an_unreadable_clinic_file_shows_what_it_last_said(tmp_path: Path) -> None:
    path = tmp_path / "clinic.yml"
    with pytest.raises(OSError):
        greeting.shown(30, path)
    path.write_text((ROOT / "clinic.yml").read_text(encoding="utf-8"), encoding="utf-8")
    good = greeting.shown(30, path)
    path.write_text("clinic: [", encoding="utf-8")
    os.utime(path, (1, 1))
    assert greeting.shown(30, path) == good


def test_the_words_a_visitor_agrees_to_are_plain() -> None:
    words = " ".join([*greeting.CONSENT, greeting.AGREEMENT]).lower()
    for banned in ("safe for you", "suitable", "guarantee", "painless", "risk-free", "permanent", "cure"):
        assert banned not in words
    assert max(len(line.split()) for line in (*greeting.CONSENT, greeting.AGREEMENT)) <= 30


def test_settings_of_the_website(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIA_WEB_ORIGINS", "https://a.example/, https://b.example")
    assert settings.web_origins() == ["https://a.example", "https://b.example"]
    monkeypatch.setenv("STRIA_PROXIES", "2")
    assert settings.proxies() == 2
    for wrong in ("-1", "x", "10"):
        monkeypatch.setenv("STRIA_PROXIES", wrong)
        with pytest.raises(ValueError, match="STRIA_PROXIES"):
            settings.proxies()
    monkeypatch.setenv("STRIA_WEB_CONNECTIONS_PER_MINUTE", "0")
    with pytest.raises(ValueError, match="STRIA_WEB_CONNECTIONS_PER_MINUTE"):
        settings.web_connections()
