"""What the platforms and our own processes can do to each other: kills, repeats, silence, floods, rubbish. Real servers, real HTTP."""

import asyncio
import json
import random
import resource
import signal
import statistics
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from runtime import post
from tests.channels.fakes.meta import signed
from tests.channels.fakes.telegram import SECRET
from tests.channels.fakes.twilio import ACCOUNT, PUBLIC, TOKEN
from tests.channels.platforms import CHANNELS, House, words

pytestmark = pytest.mark.model


def answers(house: House, channel: str, person: str) -> int:
    """How often the price was told: one answer may be several messages."""
    return words(house.fakes[channel].to(person)).count("£140")


async def test_killed_at_random_moments_nothing_is_lost(own: House) -> None:
    """kill -9 between "200" and the answer. The platform thinks it is delivered and never comes again: the next process takes it up."""
    await own.open(slow=0.05, lease=2.0)
    people = {channel: [own.somebody(channel) for _ in range(6)] for channel in CHANNELS}
    chance = random.Random(7)
    for number in range(6):
        port = own.port
        await asyncio.gather(*(own.fakes[channel].text(people[channel][number], "what does it cost?") for channel in CHANNELS))
        await asyncio.sleep(chance.uniform(0, 0.9))
        own.kill(port, signal.SIGTERM if number % 4 == 3 else signal.SIGKILL)
        await own.gone(port)
        await own.start(port, slow=0.05, lease=2.0)
    await own.settled(within=60)
    for channel in CHANNELS:
        for person in people[channel]:
            assert own.turns(own.conversation(channel, person)) == ["what does it cost?"], channel
            # The platforms know no idempotency key: a message sent in the very moment of the kill may be sent again.
            assert 1 <= answers(own, channel, person) <= 2, (channel, words(own.fakes[channel].to(person)))
    assert sum(answers(own, channel, person) for channel in CHANNELS for person in people[channel]) <= 30


async def test_killed_between_taken_and_noted(own: House) -> None:
    """kill -9 after the platform took a message and before that was written down. Where its report comes back with our mark nobody gets it twice;
    Telegram has none, and a report may be lost: there a message comes twice rather than not at all."""
    await own.open(lease=1.0)
    people = {channel: own.somebody(channel) for channel in CHANNELS}
    unlucky = own.somebody("whatsapp")
    for channel, fake in own.fakes.items():
        fake.fault = "taken"
        assert await fake.text(people[channel], "what does it cost?") == 200
    assert await own.whatsapp.text(unlucky, "what does it cost?") == 200
    while not all(own.fakes[channel].to(person) for channel, person in [*people.items(), ("whatsapp", unlucky)]):
        await asyncio.sleep(0.05)
    port = own.port
    own.kill(port)
    await own.gone(port)
    for fake in own.fakes.values():
        fake.fault = None
    await own.start(port, lease=1.0)
    for channel in ("whatsapp", "messenger", "sms"):
        for _ in range(2):  # a report is repeated like anything else
            assert await own.fakes[channel].reports(own.fakes[channel].to(people[channel])[0]) == 200
    await own.settled(within=60)
    firsts = {channel: own.fakes[channel].to(person) for channel, person in people.items()}
    sent = {channel: [h.text for h in heard].count(heard[0].text) for channel, heard in firsts.items()}
    assert sent == {"whatsapp": 1, "messenger": 1, "sms": 1, "telegram": 2}
    assert [h.text for h in own.whatsapp.to(unlucky)].count(own.whatsapp.to(unlucky)[0].text) == 2
    for channel, person in people.items():
        assert answers(own, channel, person) == 1, channel


async def test_a_repetition_during_the_turn(own: House) -> None:
    await own.open(slow=0.4, effects=str(own.folder / "effects.sqlite3"))
    import sqlite3

    with sqlite3.connect(own.folder / "effects.sqlite3") as book:
        book.execute("CREATE TABLE effects (key TEXT, sender TEXT, PRIMARY KEY (sender, key))")
    me = own.somebody("whatsapp")
    body = own.whatsapp.body(own.whatsapp.made(me, "text", {"body": "what does it cost?"}))
    for _ in range(5):
        assert await own.whatsapp.send_raw(body) == 200
        await asyncio.sleep(0.2)
    await own.settled()
    with sqlite3.connect(own.folder / "effects.sqlite3") as book:
        assert book.execute("SELECT count(*) FROM effects").fetchone() == (1,)
    assert own.turns(f"whatsapp:{me}") == ["what does it cost?"] and answers(own, "whatsapp", me) == 1


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
async def test_two_processes_share_the_work_and_keep_the_order(own: House, kind: str, request: pytest.FixtureRequest) -> None:
    if kind == "postgres":
        own.database = own.environment["STRIA_CONVERSATIONS_DB"] = request.getfixturevalue("database")
    await own.open(lease=2.0)
    await own.start(lease=2.0)
    people = [own.somebody("whatsapp") for _ in range(6)]
    texts = [f"does it hurt on day {n}?" for n in range(1, 9)]
    now = time.time() - 30
    one, two = own.pids

    async def write(person: str) -> None:
        for number, text in enumerate(texts):
            body = json.dumps(own.whatsapp.body(own.whatsapp.made(person, "text", {"body": text}, now + number))).encode()
            for port in random.Random(number).sample((one, two), 1 + number % 2):  # every second one twice, at both
                path = f"http://127.0.0.1:{port}/webhooks/whatsapp/webhook"
                assert await own.whatsapp.post(body, signed(body), path=path) == 200
            await asyncio.sleep(0.02)

    await asyncio.gather(*map(write, people))
    await asyncio.sleep(0.5)
    own.kill(two)  # what it had begun the other one ends
    await own.settled(within=60)
    for person in people:
        assert own.turns(f"whatsapp:{person}") == texts


async def test_two_hundred_people_at_once(own: House) -> None:
    await own.open()
    people = [(channel, own.somebody(channel)) for _ in range(50) for channel in CHANNELS]
    began = time.monotonic()
    status = await asyncio.gather(*(own.fakes[channel].text(person, "what does it cost?") for channel, person in people))
    assert set(status) == {200}
    accepted = time.monotonic() - began
    await own.settled(within=120)
    print(f"200 people: accepted in {accepted:.1f} s, all answered in {time.monotonic() - began:.1f} s")
    turns = own.all_turns()
    for channel, person in people:
        assert turns[own.conversation(channel, person)] == 1 and answers(own, channel, person) == 1
        heard = own.fakes[channel].to(person)
        assert "computer program" in heard[0].text and "£140" in heard[-1].text  # in their order


@pytest.mark.parametrize("fault", ["429", *(pytest.param(fault, marks=pytest.mark.long) for fault in ("500", "hang", "drop", "401"))])
async def test_one_platform_down_delays_nobody_else(own: House, fault: str) -> None:
    await own.open()
    victims = [own.somebody("whatsapp") for _ in range(12)]
    others = [(channel, own.somebody(channel)) for channel in ("telegram", "messenger", "sms") for _ in range(2)]

    async def asks(channel: str, person: str, took: list[float]) -> None:
        began = time.monotonic()
        assert await own.say(channel, person, "what does it cost?")
        took.append(time.monotonic() - began)

    async def median(seconds: float) -> float:
        took: list[float] = []
        until = time.monotonic() + seconds
        while not took or time.monotonic() < until:
            await asyncio.gather(*(asks(channel, person, took) for channel, person in others))
            await asyncio.sleep(1.5)  # or a fast machine asks more often than one person may
        return statistics.median(took)

    await median(0)  # a process that was just forked is slow at first
    before = await median(1)
    own.whatsapp.fault, own.whatsapp.retry_after = fault, 2
    for person in victims:
        assert await own.whatsapp.text(person, "what does it cost?") == 200
        assert await own.whatsapp.text(person, "and does it hurt?") == 200
    while own.query(post.sa.select(post.arrived.c.id).where(post.arrived.c.state == "waiting")):
        await asyncio.sleep(0.05)  # their turns cost what turns cost; now only the platform is in the way
    during = await median(14 if fault == "hang" else 3)
    calls = len(own.whatsapp.calls)
    own.whatsapp.fault = None
    await own.settled(within=60)
    print(f"{fault}: median of the others {before * 1000:.0f} ms before, {during * 1000:.0f} ms during; {calls} calls to the platform that was down")
    assert during < before + 2  # on a busy machine; whoever waited for the platform would wait for 12 s
    assert calls < 12 * 6  # left alone while it is down
    for person in victims:
        said = words(own.whatsapp.to(person))
        assert said.count("£140") == 1 or fault in ("hang", "drop"), said
        assert said.index("£140") < said.index("cream")  # in order


async def test_an_unreadable_row_silences_nobody(own: House) -> None:
    from runtime.database import make_engine

    await own.open()
    me = own.somebody("telegram")
    await own.say("telegram", me, "does it hurt?")
    engine = make_engine(own.database)
    with engine.begin() as c:
        for number, rubbish in enumerate(("{", "[]", '{"kind": 1}', '{"rubbish": 1}')):
            post.receive(c, [post.Arrival(f"rubbish {number}", f"telegram:{me}", number, time.time(), rubbish)], time.time())
    engine.dispose()
    assert "£140" in words(await own.say("telegram", me, "what does it cost?"))
    assert words(own.telegram.to(me)).count("something went wrong on our side") == 4


async def test_a_refused_message_holds_up_nothing(own: House) -> None:
    await own.open()
    me = own.somebody("messenger")
    own.messenger.once = ["400"]
    heard = await own.say("messenger", me, "what does it cost?")
    assert "£140" in words(heard) and len(own.failures(f"messenger:{me}")) == 1


async def test_a_database_that_is_away_is_said_to_the_platform(own: House) -> None:
    """Nothing may be lost: while a message cannot be stored the platform is told to come again."""
    import sqlite3

    await own.open()
    me = own.somebody("whatsapp")
    await own.say("whatsapp", me, "does it hurt?")
    body = own.whatsapp.body(own.whatsapp.made(me, "text", {"body": "what does it cost?"}))
    lock = sqlite3.connect(own.database, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        assert await own.whatsapp.send_raw(body) == 503
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    assert await own.whatsapp.send_raw(body) == 200
    await own.settled()
    assert own.turns(f"whatsapp:{me}") == ["does it hurt?", "what does it cost?"]


async def test_a_flood_of_one_person(own: House) -> None:
    await own.open()
    me, other = own.somebody("telegram"), own.somebody("telegram")
    await asyncio.gather(*(own.telegram.text(me, "what does it cost?") for _ in range(60)))
    assert "£140" in words(await own.say("telegram", other, "what does it cost?"))
    await own.settled(within=60)
    assert words(own.telegram.to(me)).count("wait a moment") == 1


# ---------------------------------------------------------------------- rubbish

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12)


def spoilt(example: Any) -> Any:
    """Bodies of a platform's shape in which anything may be anything."""
    if isinstance(example, dict):
        fields = {key: spoilt(value) for key, value in example.items()}
        return st.one_of(st.fixed_dictionaries({}, optional=fields), st.fixed_dictionaries(fields), JSON) if fields else JSON
    if isinstance(example, list):
        return st.lists(spoilt(example[0]), max_size=3) | JSON
    return st.just(example) | SCALARS | JSON


WHATSAPP_MESSAGE = {
    **{"from": "447400999001", "id": "wamid.x", "timestamp": "1795376193", "type": "text", "text": {"body": "hi"}, "group_id": "1"},
    **{
        "interactive": {"type": "button_reply", "button_reply": {"id": "k:1", "title": "x"}, "list_reply": {"id": "k:1"}},
        "image": {"caption": "x"},
        "button": {"text": "x"},
    },
    "edit": {"message": {"text": {"body": "x"}}},
}
SHAPES: dict[str, Any] = {
    "whatsapp": {
        "object": "whatsapp_business_account",
        "entry": [
            {
                "changes": [
                    {
                        "field": "messages",
                        "value": {
                            "metadata": {"phone_number_id": "106540352242922"},
                            "messages": [WHATSAPP_MESSAGE],
                            "statuses": [{"id": "wamid.y", "status": "failed", "errors": [{"code": 1}]}],
                        },
                    }
                ]
            }
        ],
    },
    "messenger": {
        "object": "page",
        "entry": [
            {
                "messaging": [
                    {
                        **{"sender": {"id": "900"}, "timestamp": 1795376193000, "postback": {"mid": "m", "payload": "k:1", "title": "x"}},
                        "message": {
                            "mid": "m1",
                            "text": "hi",
                            "quick_reply": {"payload": "k:1"},
                            "attachments": [{"type": "image"}],
                            "sticker_id": 1,
                            "is_echo": False,
                        },
                        "message_edit": {"mid": "m1", "text": "x", "num_edit": 1},
                    }
                ]
            }
        ],
    },
    "telegram": {
        "update_id": 1,
        "message": {
            "message_id": 1,
            "from": {"id": 900, "is_bot": False},
            "chat": {"id": 900, "type": "private"},
            "date": 1795376193,
            "text": "hi",
            "caption": "x",
        },
        "edited_message": {"chat": {"id": 900, "type": "private"}, "edit_date": 1795376193, "text": "x"},
        "callback_query": {
            "id": "1",
            "from": {"id": 900},
            "data": "k:1",
            "message": {"chat": {"id": 900, "type": "private"}, "reply_markup": {"inline_keyboard": [[{"text": "x"}]]}},
        },
        "my_chat_member": {"chat": {"id": 900, "type": "private"}, "date": 1795376193, "new_chat_member": {"status": "kicked"}},
    },
}
FORM = {
    "MessageSid": "SM1",
    "AccountSid": ACCOUNT,
    "From": "+447400999002",
    "Body": "hi",
    "NumMedia": "0",
    "OptOutType": "",
    "MessageStatus": "",
    "ErrorCode": "1",
    "Latitude": "",
}
ANYTHING = (
    st.binary(max_size=200)
    | JSON.map(lambda data: json.dumps(data).encode("utf-8", "ignore"))
    | st.just(b"[" * 50_000)
    | st.just(b'{"update_id": ' + b"9" * 6000 + b"}")
)


def bodies(channel: str) -> Any:
    if channel == "sms":
        fields = {name: st.just(value) | st.text(max_size=40) for name, value in FORM.items()}
        encoded = st.fixed_dictionaries({}, optional=fields).map(lambda form: urlencode(form, errors="ignore").encode())
        return encoded | st.binary(max_size=200)
    return spoilt(SHAPES[channel]).map(lambda data: json.dumps(data).encode("utf-8", "ignore")) | ANYTHING


def proof(channel: str, body: bytes) -> dict[str, str]:
    """Headers that make even rubbish genuine, as if the platform itself had lost its mind."""
    if channel in ("whatsapp", "messenger"):
        return signed(body)
    if channel == "telegram":
        return {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    from channels.twilio import form

    try:
        signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/webhooks/twilio/webhook", form(body))
    except ValueError:
        signature = "x"
    return {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}


def collected(channel: str, count: int) -> list[bytes]:
    found: list[bytes] = []

    @settings(max_examples=count, suppress_health_check=list(HealthCheck), database=None)
    @given(body=bodies(channel))
    def collect(body: bytes) -> None:
        found.append(body)

    collect()
    return found


async def fuzz(house: House, each: int) -> None:
    for channel in CHANNELS:
        found = collected(channel, each)
        seen: dict[int, int] = {}
        for begin in range(0, len(found), 50):
            some = found[begin : begin + 50]
            for status in await asyncio.gather(*(house.fakes[channel].post(body, proof(channel, body)) for body in some)):
                seen[status] = seen.get(status, 0) + 1
        print(channel, len(found), seen)
        assert set(seen) <= {200, 400, 403}, (channel, seen)
    assert house.alive(house.port)


def memory(pid: int) -> int:
    """Resident kilobytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() // 1024


async def after_rubbish(house: House) -> None:
    for fake in house.fakes.values():
        fake.fault = None
    me = house.somebody("telegram")
    heard = await house.say("telegram", me, "what does it cost?")
    assert "£140" in words(heard)
    telegram = house.fakes["telegram"]  # a signed press of a button that Telegram never showed is answered like any other
    telegram.violations[:] = [rule for rule in telegram.violations if "an unknown callback query" not in rule]
    failed = [line for line in house.parent.log.read_text().splitlines() if '"error"' in line and "tending" in line]
    assert failed == []


async def test_rubbish_that_is_signed(own: House) -> None:
    await own.open()
    await fuzz(own, 60)
    await after_rubbish(own)


@pytest.mark.long
async def test_ten_thousand_bodies_of_rubbish(own: House) -> None:
    await own.open()
    await fuzz(own, 400)  # warm
    before = memory(own.pids[own.port])
    await fuzz(own, 2500)
    after = memory(own.pids[own.port])
    print(f"memory {before} kB before, {after} kB after 10,000 bodies")
    assert after < before + 60_000
    own.query(post.sa.select(post.arrived.c.id))
    await after_rubbish(own)
