"""The messaging platforms against their strict stand-ins, through a real server with the trained model."""

import asyncio
import base64
import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio
from twilio.request_validator import RequestValidator

from runtime import post
from tests.channels.fakes.meta import APP_SECRET, signed
from tests.channels.fakes.telegram import SECRET
from tests.channels.fakes.twilio import PUBLIC, TOKEN
from tests.channels.platforms import CHANNELS, House, titles, words

pytestmark = pytest.mark.model
MARK = "Ludmila Quetzalcoatl"  # a name that no log may hold


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(parent: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    made = await House(parent, tmp_path_factory.mktemp("house")).open()
    yield made
    await made.close()
    assert made.broken_rules() == []


def body_of(house: House, channel: str, person: str, text: str, at: float = 0) -> bytes:
    if channel == "whatsapp":
        return json.dumps(house.whatsapp.body(house.whatsapp.made(person, "text", {"body": text}, at or None))).encode()
    if channel == "messenger":
        return json.dumps(house.messenger.body(house.messenger.made(person, at or None, message={"mid": house.messenger.mid(), "text": text}))).encode()
    if channel == "telegram":
        return json.dumps({"update_id": 7, "message": house.telegram.message(person, at or None, text=text)}).encode()
    return urlencode(house.sms.form(person, text)).encode()


def forgeries(house: House, channel: str, body: bytes) -> dict[str, dict[str, str]]:
    """Headers of requests that did not come from the platform."""
    if channel in ("whatsapp", "messenger"):
        sha1 = hmac.new(APP_SECRET.encode(), body, hashlib.sha1).hexdigest()
        sha256 = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        return {
            "none": {},
            "empty": {"X-Hub-Signature-256": ""},
            "wrong": {"X-Hub-Signature-256": "sha256=" + "0" * 64},
            "old-style": {"X-Hub-Signature": f"sha1={sha1}"},
            "old-style in the new place": {"X-Hub-Signature-256": f"sha1={sha1}"},
            "another hash": {"X-Hub-Signature-256": "md5=" + hashlib.md5(body).hexdigest()},
            "without its name": {"X-Hub-Signature-256": sha256},
            "cut": {"X-Hub-Signature-256": "sha256=" + sha256[:-1]},
            "not ASCII": {"X-Hub-Signature-256": "sha256=é"},
            "other app's secret": signed(body, "a secret of another app"),
            "of another body": signed(body + b" "),
        }
    if channel == "telegram":
        header = "X-Telegram-Bot-Api-Secret-Token"
        return {"none": {}, "empty": {header: ""}, "wrong": {header: "x"}, "cut": {header: SECRET[:-1]}, "the bot's token": {header: house.telegram.token}}
    url, form = f"{PUBLIC}/webhooks/twilio/webhook", dict(pair.split("=", 1) for pair in body.decode().split("&"))
    right = RequestValidator(TOKEN)
    return {
        "none": {},
        "wrong": {"X-Twilio-Signature": "x"},
        "other account's token": {"X-Twilio-Signature": RequestValidator("another token").compute_signature(url, form)},
        "another address": {"X-Twilio-Signature": right.compute_signature("https://evil.example/webhooks/twilio/webhook", form)},
        "no fields": {"X-Twilio-Signature": right.compute_signature(url, {})},
        "another hash": {"X-Twilio-Signature": base64.b64encode(hmac.new(TOKEN.encode(), url.encode(), hashlib.sha256).digest()).decode()},
    }


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_forged_request_is_refused_and_leaves_no_trace(house: House, channel: str) -> None:
    person, fake = house.somebody(channel), house.fakes[channel]
    body = body_of(house, channel, person, f"I am {MARK}")
    kind = {"Content-Type": "application/x-www-form-urlencoded" if channel == "sms" else "application/json"}
    for name, headers in forgeries(house, channel, body).items():
        assert await fake.post(body, {**kind, **headers}) == 403, name
    if channel == "sms":  # signed for this address, asked at another one with the same path
        form = house.sms.form(person, f"I am {MARK}")
        signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/webhooks/twilio/webhook", form)
        assert await fake.post(urlencode(form).encode(), {**kind, "X-Twilio-Signature": signature}, query="?x=1") == 403
        changed = {**form, "From": "+447400999999"}
        assert await fake.post(urlencode(changed).encode(), {**kind, "X-Twilio-Signature": signature}) == 403
    else:  # recorded long ago
        old = body_of(house, channel, person, f"I am {MARK}", at=time.time() - 9 * 86400)
        proof = signed(old) if channel != "telegram" else {"X-Telegram-Bot-Api-Secret-Token": SECRET}
        assert await fake.post(old, {**kind, **proof}) == 403
    await asyncio.sleep(0.1)
    conversation = house.conversation(channel, person)
    assert house.turns(conversation) == [] and house.waiting(conversation) == 0 and fake.to(person) == []
    log = house.parent.log.read_text()
    assert MARK not in log and person.lstrip("+") not in log


@pytest.mark.parametrize("channel", ["whatsapp", "messenger"])
async def test_the_handshake(house: House, channel: str) -> None:
    async with aiohttp.ClientSession() as http:

        async def ask(**query: str) -> tuple[int, str]:
            async with http.get(house.fakes[channel].webhook, params={name.replace("_", "."): value for name, value in query.items()}) as response:
                return response.status, await response.text()

        token = "verify-me"
        right = {"hub_mode": "subscribe", "hub_challenge": "1158201444"}
        assert await ask(**right, **{"hub_verify-token": ""}) == (403, "")
        async with http.get(
            house.fakes[channel].webhook, params={"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}
        ) as response:
            assert (response.status, await response.text()) == (200, "1158201444")
        for wrong in (
            {"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": "x"},
            {"hub.mode": "subscribe", "hub.challenge": "<script>", "hub.verify_token": token},
            {"hub.mode": "unsubscribe", "hub.challenge": "1", "hub.verify_token": token},
            {},
        ):
            async with http.get(house.fakes[channel].webhook, params=wrong) as response:
                assert response.status == 403


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_first_question_is_introduced_and_answered(house: House, channel: str) -> None:
    me = house.somebody(channel)
    heard = await house.say(channel, me, "does it hurt?")
    assert "computer program" in heard[0].text and "30 days" in heard[0].text
    assert "cream" in words(heard) and titles(heard)
    again = await house.say(channel, me, titles(heard)[0], pressed=True)
    assert again and "computer program" not in words(again) and house.turns(house.conversation(channel, me))[1].startswith("/")
    assert MARK not in words(again)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_what_comes_five_times_is_one_turn(house: House, channel: str) -> None:
    me, fake = house.somebody(channel), house.fakes[channel]
    body = body_of(house, channel, me, "what does it cost?")
    if channel == "telegram":
        body = body.replace(b'"update_id": 7', b'"update_id": 4242')
        headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    elif channel == "sms":
        form = house.sms.form(me, "what does it cost?")
        body = urlencode(form).encode()
        headers = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/webhooks/twilio/webhook", form)}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    else:
        headers = signed(body)
    assert set(await asyncio.gather(*(fake.post(body, headers) for _ in range(3)))) == {200}
    await house.settled(house.conversation(channel, me))
    count = len(fake.to(me))
    assert [await fake.post(body, headers) for _ in range(2)] == [200, 200]
    await asyncio.sleep(0.1)
    await house.settled(house.conversation(channel, me))
    assert len(house.turns(house.conversation(channel, me))) == 1 and len(fake.to(me)) == count > 0


async def test_batches_and_disorder(house: House) -> None:
    """Ten in one request, and ten in requests that overtake each other: each is one turn, in the order in which they were written."""
    texts = [f"does it hurt on day {n}?" for n in range(1, 11)]
    now = time.time() - 60
    shuffled = [3, 0, 9, 1, 7, 2, 8, 4, 6, 5]
    wa, fb, tg = house.somebody("whatsapp"), house.somebody("messenger"), house.somebody("telegram")
    other = house.somebody("whatsapp")
    batch = [house.whatsapp.made(wa, "text", {"body": texts[n]}, now + n) for n in shuffled]
    batch.insert(4, house.whatsapp.made(other, "text", {"body": texts[0]}))
    assert await house.whatsapp.send_raw(house.whatsapp.body(*batch)) == 200
    events = [house.messenger.made(fb, now + n, message={"mid": house.messenger.mid(), "text": texts[n]}) for n in shuffled]
    assert await house.messenger.send_raw(house.messenger.body(*events)) == 200
    assert set(await asyncio.gather(*(house.telegram.text(tg, texts[n], now, 90_000 + n) for n in shuffled))) == {200}
    await house.settled(within=60)
    for channel, person in (("whatsapp", wa), ("messenger", fb), ("telegram", tg)):
        assert house.turns(house.conversation(channel, person)) == texts, channel
    assert house.turns(f"whatsapp:{other}") == texts[:1]
    entries = house.whatsapp.body(house.whatsapp.made(wa, "text", {"body": "and later?"}))
    entries["entry"] += house.whatsapp.body(house.whatsapp.made(other, "text", {"body": "and later?"}))["entry"]
    assert await house.whatsapp.send_raw(entries) == 200
    await house.settled()
    assert house.turns(f"whatsapp:{wa}")[-1] == house.turns(f"whatsapp:{other}")[-1] == "and later?"


@pytest.mark.parametrize("channel", CHANNELS)
async def test_photos_are_refused_kindly_and_their_words_are_read(house: House, channel: str) -> None:
    me = house.somebody(channel)
    heard = await house.say(channel, me, "", photo=True)
    assert "only read typed words" in words(heard) and house.turns(house.conversation(channel, me)) == []
    heard = await house.say(channel, me, "does it hurt?", photo=True)
    assert "cream" in words(heard) and "not opened and not kept" in words(heard)
    alarm = await house.say(channel, me, "my face is swelling and i cannot breathe", photo=True)
    assert "999" in alarm[0].text


async def test_every_other_kind_is_handled_on_purpose(house: House) -> None:
    wa, tg, fb, sms = (house.somebody(channel) for channel in ("whatsapp", "telegram", "messenger", "sms"))
    w, t, m = house.whatsapp, house.telegram, house.messenger
    refused: list[Any] = [
        w.made(wa, kind, {"id": "1"}) for kind in ("audio", "video", "document", "sticker", "location", "contacts", "order", "unsupported", "hologram")
    ]
    for message in refused:
        assert await w.send_raw(w.body(message)) == 200
    for kind in ("reaction", "system"):
        assert await w.send_raw(w.body(w.made(wa, kind, {"emoji": "x"}))) == 200
    for status in ("sent", "delivered", "read"):
        assert await w.send_raw(w.body(statuses=[{"id": "wamid.x", "status": status, "timestamp": "1", "recipient_id": wa}])) == 200
    another = {**w.body(w.made(wa, "text", {"body": "hello"}))}
    another["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "999"
    assert await w.send_raw(another) == 200
    assert (
        await w.send_raw({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "account_update", "value": {"event": "x"}}]}]})
        == 200
    )
    for content in (
        {"voice": {"file_id": "x"}},
        {"sticker": {"file_id": "x"}},
        {"location": {"latitude": 1, "longitude": 1}},
        {"contact": {"phone_number": "1"}},
        {"dice": {"value": 1}},
    ):
        assert await t.update(message=t.message(tg, **content)) == 200
    silent: list[dict[str, Any]] = [
        {"poll": {"id": "1"}},
        {"channel_post": {"message_id": 1}},
        {"message": t.message(tg, pinned_message={})},
        {"inline_query": {"id": "1"}},
    ]
    for content in silent:
        assert await t.update(**content) == 200
    for kind in ("audio", "video", "file", "location"):
        assert await m.send_raw(m.body(m.made(fb, message={"mid": m.mid(), "attachments": [{"type": kind, "payload": {}}]}))) == 200
    quiet: list[dict[str, Any]] = [
        {"delivery": {"mids": ["x"], "watermark": 1}},
        {"read": {"watermark": 1}},
        {"reaction": {"reaction": "love", "mid": "x"}},
        {"optin": {}},
    ]
    for content in [
        *quiet,
        {"message": {"mid": "e", "is_echo": True, "text": "our own words"}},
        {"message": {"mid": "e2", "is_deleted": True}},
        {"referral": {"ref": "x"}},
    ]:
        assert await m.send_raw(m.body(m.made(fb, **content))) == 200
    assert await house.sms.send_form(house.sms.form(sms, "", Latitude="51.5", Longitude="0")) == 200
    await house.settled(within=60)
    for channel, person, count in (("whatsapp", wa, 9), ("telegram", tg, 5), ("messenger", fb, 4), ("sms", sms, 1)):
        heard = [h for h in house.fakes[channel].to(person) if "only read typed words" in h.text]
        assert len(heard) == count, channel
        assert house.turns(house.conversation(channel, person)) == []


async def test_begin_press_and_old_buttons(house: House) -> None:
    tg, fb, wa = house.somebody("telegram"), house.somebody("messenger"), house.somebody("whatsapp")
    heard = await house.say("telegram", tg, "/start")
    assert "computer program" in heard[0].text and len(heard) > 1
    await house.messenger.send_raw(house.messenger.body(house.messenger.made(fb, postback={"mid": "p1", "title": "Get started", "payload": "anything"})))
    await house.settled(f"messenger:{fb}")
    assert house.messenger.to(fb) and house.turns(f"messenger:{fb}") == ["hello"]
    heard = await house.say("telegram", tg, "does it hurt?")
    old = titles(heard)[0]
    await house.say("telegram", tg, "what does it cost?")
    heard = await house.say("telegram", tg, old, pressed=True)  # a button of an earlier answer counts as its words
    assert heard and house.turns(f"telegram:{tg}")[-1] == old
    assert sorted(house.telegram.answered) == sorted(house.telegram.pressed)
    strange = house.whatsapp.made(wa, "interactive", {"type": "button_reply", "button_reply": {"id": "/restart", "title": "/restart"}})
    await house.whatsapp.send_raw(house.whatsapp.body(strange))
    await house.settled(f"whatsapp:{wa}")
    assert "could not use that" in words(house.whatsapp.to(wa)) and house.turns(f"whatsapp:{wa}") == []
    assert "could not use that" in words(await house.say("whatsapp", wa, '/book_consultation{"name":"x"}'))


async def test_edits_groups_and_blocks(house: House) -> None:
    t, me = house.telegram, house.somebody("telegram")
    await house.say("telegram", me, "does it hurt?")
    await t.update(edited_message={**t.message(me, text="does it hurt a lot?"), "edit_date": int(time.time())})
    await house.settled(f"telegram:{me}")
    assert "changed an earlier message" in t.to(me)[-1].text and len(house.turns(f"telegram:{me}")) == 1
    await t.update(edited_message={**t.message(me, text="i cannot breathe and my throat is swelling"), "edit_date": int(time.time())})
    await house.settled(f"telegram:{me}")
    assert "999" in t.to(me)[-1].text  # danger is never passed over
    group = {"id": -100123456, "type": "supergroup", "title": "Friends"}
    t.wrote["-100123456"] = time.time()
    for _ in range(3):
        await t.update(message={**t.message(me, text=f"@bot does it hurt {MARK}"), "chat": group})
    await t.update(my_chat_member={"chat": group, "from": {"id": 1}, "date": int(time.time()), "new_chat_member": {"status": "member"}})
    await house.settled("telegram:-100123456")
    assert len(t.to("-100123456")) == 1 and "private chat" in t.to("-100123456")[0].text and house.turns("telegram:-100123456") == []
    await t.update(
        my_chat_member={
            "chat": {"id": int(me), "type": "private"},
            "from": {"id": int(me)},
            "date": 1 + int(time.time()),
            "new_chat_member": {"status": "kicked"},
        }
    )
    await house.settled(f"telegram:{me}")
    assert "999" in words(await house.say("telegram", me, "hello again, i cannot breathe"))
    await asyncio.sleep(3.2)
    assert t.left == ["-100123456"]


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "messenger"])
async def test_stop_means_stop(house: House, channel: str) -> None:
    me = house.somebody(channel)
    await house.say(channel, me, "does it hurt?")
    heard = await house.say(channel, me, "STOP")
    assert len(heard) == 1 and "START" in heard[0].text and "999" in heard[0].text
    if channel == "sms":
        assert await house.say(channel, me, "what does it cost?") == []
        assert "999" in words(await house.say(channel, me, "i cannot breathe, my throat is closing"))
    assert "Good to hear from you" in words(await house.say(channel, me, "start"))
    assert "£" in words(await house.say(channel, me, "what does it cost?"))


async def test_what_the_platform_itself_stopped(house: House) -> None:
    me = house.somebody("sms")
    await house.say("sms", me, "does it hurt?")
    house.sms.stopped.add(me)
    assert await house.say("sms", me, "STOP", OptOutType="STOP") == []
    assert await house.say("sms", me, "HELP", OptOutType="HELP") == []
    house.sms.stopped.discard(me)
    assert "Good to hear from you" in words(await house.say("sms", me, "START", OptOutType="START"))
    house.sms.stopped.add(me)  # they stopped elsewhere: the platform refuses, nothing is tried again
    assert await house.say("sms", me, "what does it cost?") == []
    assert house.failures(f"sms:{me}") == []


async def test_numbers_choose_on_a_phone_without_buttons(house: House) -> None:
    me = house.somebody("sms")
    for answer in ("1", "one", "the first", "First one.", "1."):
        heard = await house.say("sms", me, "does it hurt?")
        first = titles(heard)[0]
        again = await house.say("sms", me, answer)
        assert house.turns(f"sms:{me}")[-1].startswith("/"), answer
        assert again and "/" not in words(again).replace("1/2", "") and first
    heard = await house.say("sms", me, "does it hurt?")
    await house.say("sms", me, titles(heard)[1].lower())
    assert house.turns(f"sms:{me}")[-1].startswith("/")


async def test_twilios_whatsapp_is_a_person_of_its_own(house: House) -> None:
    heard = await house.say("sms", "whatsapp:+447400777777", "does it hurt?")
    assert "cream" in words(heard) and "Source" in words(heard)
    assert house.turns("twilio_whatsapp:+447400777777") == ["does it hurt?"]


def handed_off(house: House) -> int:
    """Hand-offs in the clinic's records."""
    try:
        with sqlite3.connect(f"file:{house.environment['STRIA_CLINIC_DB']}?mode=ro", uri=True) as records:
            return int(records.execute("SELECT count(*) FROM clinic_handoff").fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0


async def test_delivery_reports_and_refusals_reach_staff(own: House) -> None:
    await own.open()
    me, other, late = own.somebody("whatsapp"), own.somebody("sms"), own.somebody("whatsapp")
    heard = await own.say("whatsapp", me, "does it hurt?")
    failed = {"id": f"wamid.{heard[-1].id}", "status": "failed", "timestamp": "1", "recipient_id": me, "errors": [{"code": 131026, "title": MARK}]}
    for _ in range(2):
        assert await own.whatsapp.send_raw(own.whatsapp.body(statuses=[failed])) == 200
    await own.say("sms", other, "does it hurt?")
    sid = "SM" + own.sms.to(other)[-1].id.rjust(32, "0")
    report = {"MessageSid": sid, "MessageStatus": "undelivered", "ErrorCode": "30003", "AccountSid": "x", "To": other, "From": own.sms.number}
    assert await own.sms.send_form(report, path="/webhooks/twilio/status") == 200
    # an answer that comes when the window has closed, without a template: a task for staff
    assert await own.whatsapp.text(late, "does it hurt?", at=time.time() - 25 * 3600) == 200
    await own.settled(f"whatsapp:{late}")
    assert own.whatsapp.to(late) == [] and own.failures(f"whatsapp:{late}")[0] == ("failed", "window")
    for _ in range(100):
        if handed_off(own) == 3:
            break
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.5)  # and not again
    assert handed_off(own) == 3
    assert MARK not in own.parent.log.read_text()


async def test_with_a_template_a_person_is_asked_to_write_again(own: House) -> None:
    own.environment["STRIA_WHATSAPP_TEMPLATE"] = "please_reply:en_GB"
    await own.open()
    me = own.somebody("whatsapp")
    await own.whatsapp.text(me, "does it hurt?", at=time.time() - 25 * 3600)
    await own.settled()
    assert own.whatsapp.to(me) == [] and own.whatsapp.templates == [me]
    heard = await own.say("whatsapp", me, "yes please")
    assert "computer program" in heard[0].text and "cream" in words(heard)
    assert own.whatsapp.templates == [me]


async def test_staff_write_to_a_person(own: House) -> None:
    from channels import staff
    from runtime.database import make_engine

    await own.open()
    me, gone = own.somebody("telegram"), own.somebody("sms")
    await own.say("telegram", me, "does it hurt?")
    await own.say("sms", gone, "does it hurt?")
    await own.say("sms", gone, "STOP")
    engine = make_engine(own.database)
    with engine.begin() as c:
        assert staff.write(c, f"telegram:{me}", "This is Anna from the clinic. " * 200, "1")
        assert not staff.write(c, f"telegram:{me}", "This is Anna from the clinic. " * 200, "1")
        assert staff.write(c, f"sms:{gone}", "This is Anna.", "1")
        assert staff.what_became(c, f"sms:{gone}", "This is Anna.", "1")[0] == "waiting"
    before = len(own.telegram.to(me))
    await own.settled()
    assert words(own.telegram.to(me)[before:]).count("Anna") == 200 and len(own.telegram.to(me)) == before + 2
    with engine.begin() as c:
        assert staff.what_became(c, f"telegram:{me}", "This is Anna from the clinic. " * 200, "1") == ("sent", "")
        assert staff.what_became(c, f"sms:{gone}", "This is Anna.", "1") == ("failed", "stopped")
    engine.dispose()
    assert "This is Anna" not in words(own.sms.to(gone))


async def test_erased_means_erased(house: House) -> None:
    me = house.somebody("whatsapp")
    await house.say("whatsapp", me, f"does it hurt, asks {MARK}")
    async with aiohttp.ClientSession() as http, http.post(f"http://127.0.0.1:{house.port}/erase/whatsapp:{me}") as response:
        assert response.status == 200
    for table in (post.arrived, post.outgoing, post.people, post.leases):
        rows = [str(row) for row in house.query(post.sa.select(table))]
        assert not any(me in row or MARK in row for row in rows), table.name


async def test_no_content_of_a_platform_is_logged(house: House) -> None:
    log = house.parent.log.read_text()
    assert MARK not in log and "does it hurt" not in log and not any(f"44740{n:07d}" in log for n in range(1, house.people + 1))


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_large_text_is_taken_and_nobody_is_cut_off(house: House, channel: str) -> None:
    """Telegram writes each letter of other alphabets as six bytes: a full message is larger than what other requests may be."""
    me = house.somebody(channel)
    heard = await house.say(channel, me, "боль " * (300 if channel == "sms" else 800))
    assert "999" in words(heard)


ICS = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:Willow Road\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
CALENDAR = {
    "type": "calendar",
    "filename": "appointment-7Q2M.ics",
    "ics": ICS,
    "title": "Your appointment",
    "rows": [{"label": "When", "value": "3 March, 10:00"}],
}


async def test_a_calendar_file_reaches_every_phone(own: House) -> None:
    """As a file where the platform carries it, else by a signed address; where a platform refuses the file, its words and its address go instead."""
    replies = [{"text": "Booked: 3 March, 10:00."}, {"text": "Here it is for your calendar.\nWhat next?"}, {"json_message": CALENDAR}]
    await own.open(replies={"does it hurt?": replies})
    for channel in ("whatsapp", "telegram", "messenger"):
        me, fake = own.somebody(channel), own.fakes[channel]
        await own.say(channel, me, "does it hurt?")
        assert fake.files == [("appointment-7Q2M.ics", ICS)], channel
        fake.once = {"whatsapp": ["", "", "400"], "telegram": ["", "", "400"], "messenger": ["", "", "400"]}[channel]
        heard = await own.say(channel, me, "does it hurt?")
        assert len(fake.files) == 1 and "When: 3 March, 10:00" in heard[-1].text and own.failures(own.conversation(channel, me)) == [], channel
        assert f"{PUBLIC}/webhooks/{channel}/f/" in heard[-1].text
        own.sms.files.clear()
        assert await own.sms.tap(heard[-1]) == [200] and own.sms.files == [("appointment.ics", ICS)]
    for person in (own.somebody("sms"), "whatsapp:+447400777777"):
        heard = await own.say("sms", person, "does it hurt?")
        said = words(heard)
        assert "3 March, 10:00" in said and "For your calendar: https://" in said and "What next?" in said and "Here it is" not in said
        own.sms.files.clear()
        assert await own.sms.tap(heard[-1]) == [200] and own.sms.files == [("appointment.ics", ICS)]
    address = heard[-1].text.partition("/f/")[2].split()[0]
    assert "7400777777" not in address and len(address) == 32
    heard[-1].text = heard[-1].text.replace(address, ("A" if address[0] != "A" else "B") + address[1:])
    assert await own.sms.tap(heard[-1]) == [404]
    heard[-1].text = heard[-1].text.replace(heard[-1].text.partition("/f/")[2].split()[0], address)
    async with aiohttp.ClientSession() as http, http.post(f"http://127.0.0.1:{own.port}/erase/twilio_{person}") as response:
        assert response.status == 200
    assert await own.sms.tap(heard[-1]) == [410]  # erased means erased


async def test_the_words_of_the_carriers(house: House) -> None:
    """CANCEL, END and QUIT leave an open form, unless the platform has acted on them; STOP ends our messages always; HELP names the clinic."""
    for word in ("cancel", "End", "QUIT."):
        me = house.somebody("sms")
        await house.say("sms", me, "i want to book a consultation")
        heard = words(await house.say("sms", me, word))
        assert heard and "START" not in heard and house.active_form(f"sms:{me}") == "", (word, heard)
        assert "£140" in words(await house.say("sms", me, "what does it cost?"))
        assert "START" in words(await house.say("sms", me, word))  # outside a form it is the carriers' word
    for word, more in (("STOP", {}), ("stop", {}), ("unsubscribe", {}), ("Opt out", {}), ("cancel", {"OptOutType": "STOP"})):
        me = house.somebody("sms")
        await house.say("sms", me, "i want to book a consultation")
        heard = words(await house.say("sms", me, word, **more))
        assert ("START" in heard) == (not more), word  # where the platform has acted it has answered too
        assert words(await house.say("sms", me, "what does it cost?")) == ""
        helped = words(await house.say("sms", me, "HELP"))
        assert "Willow Road" in helped and "020 7946 0123" in helped
        assert "Good to hear from you" in words(await house.say("sms", me, "unstop"))
        assert words(await house.say("sms", me, "what does it cost?")) != ""
    me = house.somebody("sms")
    await house.say("sms", me, "i want to book a consultation")
    assert "020 7946 0123" in words(await house.say("sms", me, "help")) and house.active_form(f"sms:{me}")  # and the form goes on
    assert await house.say("sms", me, "help", OptOutType="HELP") == []
    house.sms.stopped.add(me)  # by default Twilio acts on CANCEL without saying so: our answer is refused, and nothing is tried again
    assert await house.say("sms", me, "cancel") == [] and house.failures(f"sms:{me}") == []
    house.sms.stopped.discard(me)
    assert "£140" in words(await house.say("sms", me, "what does it cost?"))
