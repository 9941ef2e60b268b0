"""Addresses of calendar files: signed, short-lived, and nothing to be read out of them."""

import base64
from typing import Any

import pytest

from channels import lending
from channels.base import Bubble
from channels.rendering import capabilities, render

ICS = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
NOW = 1_800_000_000.0
DATA = {
    "type": "calendar",
    "filename": "appointment-7Q2M.ics",
    "ics": ICS,
    "title": "Your appointment",
    "rows": [{"label": "When", "value": "Tue 3 March, 10:00"}],
}
SAID = [Bubble("Booked: Tue 3 March, 10:00."), Bubble("Here it is for your calendar.\nWhat next?", (("Parking", "/ask_parking"),)), Bubble(data=DATA)]


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STRIA_WEB_SECRET", "a secret of the tests, long enough")
    monkeypatch.setenv("STRIA_CHANNELS_URL", "https://chat.clinic.example/")
    return "https://chat.clinic.example"


def test_what_we_signed_is_read_and_nothing_else(public: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lending.token("00112233aabbccdd", NOW)
    assert len(made) == 32 and lending.read(made) == ("00112233aabbccdd", NOW)
    for number in range(32):
        changed = made[:number] + ("A" if made[number] != "A" else "B") + made[number + 1 :]
        assert lending.read(changed) is None, number
    for rubbish in ("", "x", made[:-1], made + "A", made + "=", made.upper(), "é" * 32, "%2e" * 10, base64.urlsafe_b64encode(b"\0" * 24).decode()):
        assert lending.read(rubbish) is None, rubbish
    monkeypatch.setenv("STRIA_WEB_SECRET", "another secret of the tests, long enough")
    assert lending.read(made) is None


def test_a_calendar_file_gets_an_address_that_says_nothing(public: str) -> None:
    said, lent = lending.linked(SAID, "an event", "twilio", NOW)
    (file,) = lent
    assert file.content == ICS and file.until == NOW + lending.LENT_FOR
    link = (said[2].data or {})["link"]
    assert link.startswith(f"{public}/webhooks/twilio/f/") and lending.read(link.rpartition("/")[2]) == (file.name, file.until)
    assert lending.linked(SAID, "an event", "twilio", NOW + 5)[1][0].name == file.name  # a turn that is run again lends nothing twice
    assert lending.linked(SAID, "another event", "twilio", NOW)[1][0].name != file.name
    able = capabilities()
    (sms,) = render(said, able["sms"])
    assert f"For your calendar: {link}\nWhat next?" in sms.text and "Here it is" not in sms.text and sms.file == {}
    for name in ("whatsapp", "telegram", "messenger"):
        last = render(said, able[name])[-1]
        assert last.file == {"name": "appointment-7Q2M.ics", "content": ICS}
        assert "Tue 3 March, 10:00" in last.text and link in last.text  # said instead, should the file be refused


@pytest.mark.parametrize("address", ["", "http://chat.clinic.example", "chat.clinic.example"])
def test_without_a_public_address_nothing_is_lent(public: str, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("STRIA_CHANNELS_URL", address)
    said, lent = lending.linked(SAID, "an event", "twilio", NOW)
    assert said == SAID and lent == []
    (sms,) = render(said, capabilities()["sms"])
    assert "calendar" not in sms.text and "Tue 3 March" in sms.text


@pytest.mark.parametrize("data", [None, {}, {"type": "card", "ics": ICS}, {"type": "calendar"}, {"type": "calendar", "ics": 7}])
def test_what_is_no_calendar_file_gets_no_address(public: str, data: Any) -> None:
    assert lending.linked([Bubble("x", data=data)], "an event", "twilio", NOW)[1] == []
