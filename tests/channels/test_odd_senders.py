"""What a tester finds: texts that show nothing, numbers as strings, machines that write, menus that are long gone, edits that overtake their answer."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from channels.messenger import MessengerChannel
from channels.rendering import beside
from channels.telegram import TelegramChannel
from channels.twilio import TwilioChannel
from channels.whatsapp import WhatsAppChannel
from tests.channels.fakes.telegram import SECRET
from tests.channels.platforms import CHANNELS, House, titles, words

UNSEEN = ["\u200b\u200c\u200d", "\u202e\u202d", "\u2066\u2069", "\ufeff", "\u0301\u0301", "\ufe0f", "\u00a0\u2003", "\U000e0061\U000e007f"]
LARGE = 1000  # messages in one request: as many as Meta sends


@pytest.mark.parametrize(
    "number, there", [("3", True), ("99", True), ("0", True), ("number 7", True), ("2", False), ("two", False), ("0.5", False), ("hi 9", False)]
)
def test_a_number_that_the_menu_does_not_have(number: str, there: bool) -> None:
    assert beside(number, ["Prices", "Healing"]) is there
    assert not beside(number, [])


def test_a_large_batch_is_read_whole_whatever_some_of_it_is() -> None:
    whatsapp = WhatsAppChannel(number_id="1", token="t", app_secret="s")
    odd: list[Any] = [
        {},
        {"from": True},
        {"from": -5, "id": "x"},
        {"from": 1e9, "id": "x"},
        {"from": "４４", "id": "x"},
        7,
        None,
        {"id": "x", "from": "9" * 40},
    ]
    messages = [{"from": f"4474{n:08d}", "id": f"w{n}", "timestamp": "1", "type": "text", "text": {"body": "hi"}, "new": {"a": [n]}} for n in range(LARGE)]
    for number, one in enumerate(odd):
        messages.insert(100 * number, one)
    messages.append({"id": "x", "from": "9" * 40})
    value = {"metadata": {"phone_number_id": "1"}, "messages": messages, "statuses": [{"id": f"s{n}", "status": "read"} for n in range(LARGE)]}
    reading = whatsapp.read(json.dumps({"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode())
    assert [update.event for update in reading.updates] == [f"w{n}" for n in range(LARGE)] and reading.deliveries == []
    messenger = MessengerChannel(token="t", app_secret="s")
    events: list[Any] = [{"sender": {"id": str(900 + n)}, "timestamp": n + 1, "message": {"mid": f"m{n}", "text": "hi"}} for n in range(LARGE)]
    events[5:5] = [{"sender": {"id": None}}, {"sender": {"id": "a b"}, "message": {"mid": "x", "text": "hi"}}, {"message": {"mid": "x"}}, 3]
    assert len(messenger.read(json.dumps({"object": "page", "entry": [{"messaging": events}]}).encode()).updates) == LARGE


def test_numbers_may_come_as_strings_and_strings_as_numbers() -> None:
    telegram = TelegramChannel(token="1:a")
    for chat in (900, "900"):
        message = {"chat": {"id": chat, "type": "private"}, "date": "1795376193", "text": "hi"}
        (update,) = telegram.read(json.dumps({"update_id": str(chat), "message": message}).encode()).updates
        assert (update.conversation, update.at, update.place) == ("telegram:900", 1795376193.0, 900)
    for wrong in ("９００", "9e2", "0x10", "", " 900", "9" * 30, True, 1.5, None, [900]):
        message = {"chat": {"id": wrong, "type": "private"}, "date": 1, "text": "hi"}
        assert telegram.read(json.dumps({"update_id": 1, "message": message}).encode()).updates == [], wrong
    whatsapp = WhatsAppChannel(number_id="1", token="t", app_secret="s")
    message = {"from": 447400123456, "id": "w", "timestamp": 1795376193, "type": "text", "text": {"body": "hi"}}
    value = {"metadata": {"phone_number_id": 1}, "messages": [message]}
    body = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
    assert whatsapp.read(json.dumps(body).encode()).updates[0].conversation == "whatsapp:447400123456"


def test_an_event_of_no_shape_we_know_costs_itself_alone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Refused with an error the platform would send it again and again, and what came with it too."""
    from channels.platform import Reading
    from channels.updates import Update

    def read(event: Any) -> Update:
        return Update("text", f"sms:{event['who']}", "1")

    reading = Reading()
    reading.add([{"who": "Ludmila"}, {}, None, {"who": "b"}], read)
    assert [update.conversation for update in reading.updates] == ["sms:Ludmila", "sms:b"] and reading.foreign == 2
    assert "KeyError" in caplog.text and "Ludmila" not in caplog.text


@pytest.mark.parametrize("sender", ["88888", "CLINIC", "+1", "+" + "4" * 20, "", "+0740012345", "whatsapp:CLINIC", "+4474001234x6", "+44 7400123456"])
def test_a_machine_that_writes_gets_no_answer_to_answer(sender: str) -> None:
    twilio = TwilioChannel(account="AC1", token="t", url="https://c.example", sms="+442079460123")
    from urllib.parse import urlencode

    reading = twilio.read(urlencode({"MessageSid": "SM1", "AccountSid": "AC1", "From": sender, "Body": "Hi, I am out of office"}).encode())
    assert reading.updates == [] and reading.foreign == 1


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(parent: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    made = await House(parent, tmp_path_factory.mktemp("odd")).open(settle=0.05)
    yield made
    await made.close()
    assert made.broken_rules() == []


@pytest.mark.model
@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_text_that_shows_nothing_is_no_question(house: House, channel: str) -> None:
    """Nobody is called because of it, and it is no turn; what else they hold is read as if it were not there."""
    me = house.somebody(channel)
    for text in UNSEEN[:3] if channel != "telegram" else UNSEEN:
        assert "did not get any words" in words(await house.say(channel, me, text)), ascii(text)
    assert house.turns(house.conversation(channel, me)) == []
    for text, answer in (("\u202ewhat does it cost?\u202c", "£140"), ("does it\u200b hurt?", "cream"), ("how many sessions will i need? 🤔", "sessions")):
        assert answer in words(await house.say(channel, me, text)), ascii(text)
    assert await house.say(channel, me, "😭😭😭") and await house.say(channel, me, "كم السعر؟")


@pytest.mark.model
async def test_menus_that_are_gone_and_numbers_they_never_had(house: House) -> None:
    me, wa = house.somebody("sms"), house.somebody("whatsapp")
    await house.say("sms", me, "does it hurt?")
    for number in ("99", "0", "number 7"):
        assert "no such number" in words(await house.say("sms", me, number)), number
    assert house.turns(f"sms:{me}") == ["does it hurt?"]
    await house.say("sms", me, "1")  # the list still stands
    assert house.turns(f"sms:{me}")[-1].startswith("/")
    await house.say("sms", me, "i want to book a consultation")
    assert "no such number" not in words(await house.say("sms", me, "99"))  # a form judges its numbers itself
    first = titles(await house.say("whatsapp", wa, "does it hurt?"))[0]
    for text in ("what does it cost?", "where are you?", "how many sessions will i need"):
        await house.say("whatsapp", wa, text)
    assert await house.say("whatsapp", wa, first, pressed=True)  # a button of an answer that is four turns old counts as its words
    assert house.turns(f"whatsapp:{wa}")[-1] == first


@pytest.mark.model
async def test_what_overtakes_and_what_is_new(house: House) -> None:
    t, w, me, wa = house.telegram, house.whatsapp, house.somebody("telegram"), house.somebody("whatsapp")
    voice = t.message(me, voice={"file_id": "x"})
    await t.update(message=voice)
    await t.text(me, "what does it cost?")
    await house.settled()
    said = words(t.to(me))
    assert said.index("only read typed words") < said.index("£140") and house.turns(f"telegram:{me}") == ["what does it cost?"]
    message = t.message(me, text="does it hurt?")  # changed while it is being answered: answered as it was, and the person is told
    await t.update(message=message)
    await t.update(edited_message={**message, "text": "does it bleed?", "edit_date": int(time.time())})
    await house.settled()
    assert "changed an earlier message" in t.to(me)[-1].text and house.turns(f"telegram:{me}")[1:] == ["does it hurt?"]
    updates = [{"business_message": message}, {"message_reaction": {"chat": message["chat"]}}, {"chat_join_request": {}}, {"poll_answer": {}}, {"brand_new": 1}]
    count = len(t.to(me))
    for update in updates:
        assert await t.update(**update) == 200
    body = json.dumps({"update_id": "777001", "message": {**t.message(me, text="how many sessions will i need?"), "brand_new": {"a": [1]}}}).encode()
    assert await t.post(body, {"X-Telegram-Bot-Api-Secret-Token": SECRET}) == 200
    await house.settled()
    assert "sessions" in words(t.to(me)[count:]) and house.turns(f"telegram:{me}")[2:] == ["how many sessions will i need?"]
    reply = {**w.made(wa, "text", {"body": "what does it cost?"}), "context": {"from": "1", "id": "wamid.gone"}, "brand_new": [None]}
    assert await w.send_raw({**w.body(reply), "brand_new": 1}) == 200
    await house.settled()
    assert "£140" in words(w.to(wa))
    number = wa.replace("44740", "44741")  # one person on two platforms is two conversations; what the one holds the other does not know
    await house.say("whatsapp", number, "i want to book a consultation")
    await house.say("sms", f"+{number}", "what does it cost?")
    assert house.active_form(f"whatsapp:{number}") and not house.active_form(f"sms:+{number}")


@pytest.mark.model
@pytest.mark.parametrize("length", [1000, 1001, 4095, 4096])
async def test_texts_at_the_limits(house: House, length: int) -> None:
    me = house.somebody("telegram")
    heard = await house.say("telegram", me, ("😀 does it hurt? " * 400)[:length])
    assert ("more than I can read" in words(heard)) == (length > 1000)
