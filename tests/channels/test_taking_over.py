"""Staff take a conversation over on a messaging platform: the person, the platform, the bot's server and the clinic's process, each for itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.channels.deskside import Deskside
from tests.channels.platforms import House, words

pytestmark = pytest.mark.model


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(parent: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    made = await House(parent, tmp_path_factory.mktemp("taking")).open(settle=0.05)
    yield made
    await made.close()
    assert made.broken_rules() == []


@pytest.fixture(scope="module")
def desk(house: House) -> Any:
    made = Deskside(house.environment)
    yield made
    made.close()


async def heard_after(house: House, channel: str, person: str, count: int, most: int) -> list[Any]:
    """What a person gets beyond `count` messages, when at least `most` are there."""
    deadline = time.monotonic() + 15
    while len(house.fakes[channel].to(person)) < count + most:
        assert time.monotonic() < deadline, house.fakes[channel].to(person)[count:]
        await asyncio.sleep(0.05)
    await house.settled(house.conversation(channel, person))
    return house.fakes[channel].to(person)[count:]


@pytest.mark.parametrize("channel", ["telegram", "whatsapp", "messenger", "sms"])
async def test_staff_take_over_talk_and_give_back(house: House, desk: Deskside, channel: str) -> None:
    me, fake = house.somebody(channel), house.fakes[channel]
    talk = house.conversation(channel, me)
    await house.say(channel, me, "does it hurt?")
    await house.say(channel, me, "let me talk to a human")
    assert desk("look", talk)["state"] == "open"

    count = len(fake.to(me))
    assert desk("take", talk) == {"state": "taken"}
    assert "Anna Lee from our team is here now" in words(await heard_after(house, channel, me, count, 1))
    for _ in range(2):  # the form is sent twice
        assert desk("write", talk, text="Hello, how can I help you?", key="form 1") == {"state": "taken"}
    said = await heard_after(house, channel, me, count, 2)
    assert [h.text for h in said[1:]] == ["Anna Lee: Hello, how can I help you?"] and "al7" not in words(said)  # nobody's business: her login

    assert await house.say(channel, me, "what does it cost?") == []  # the bot is quiet
    assert await house.say(channel, me, "", photo=True) != []  # but a photo is refused as ever
    assert house.turns(talk)[-1] == "what does it cost?"  # and staff read it
    assert "999" in words(await house.say(channel, me, "my throat is closing up, i cant breathe"))

    count = len(fake.to(me))
    assert desk("give_back", talk) == {"state": None}
    assert "I am the computer program again" in words(await heard_after(house, channel, me, count, 1))
    assert "£140" in words(await house.say(channel, me, "what does it cost?"))
    assert desk("write", talk, text="Too late", key="form 2")["refused"].startswith("NotYours")


async def test_too_late_or_unwanted_is_refused_and_said_so(house: House, desk: Deskside) -> None:
    """What the platform would not deliver is refused before anybody believes it was said; on Telegram, without a window, it goes out."""
    late = time.time() - 25 * 3600
    wa, tg, fb, sms = (house.somebody(channel) for channel in ("whatsapp", "telegram", "messenger", "sms"))
    for channel, person in (("whatsapp", wa), ("telegram", tg), ("messenger", fb), ("sms", sms)):
        await house.say(channel, person, "let me talk to a human")
        assert desk("take", house.conversation(channel, person))["state"] == "taken"
    await asyncio.sleep(0.5)
    await house.settled()
    from runtime import post
    from runtime.database import make_engine

    engine = make_engine(house.database)
    with engine.begin() as c:  # a day goes by
        c.execute(post.people.update().where(post.people.c.conversation.in_([f"whatsapp:{wa}", f"telegram:{tg}", f"messenger:{fb}"])).values(heard=late))
    engine.dispose()
    for fake, person in ((house.whatsapp, wa), (house.messenger, fb)):
        fake.wrote[person] = late
    await house.say("sms", sms, "STOP")
    counts = {"telegram": len(house.telegram.to(tg)), "messenger": len(house.messenger.to(fb))}
    before = {channel: len(fake.heard) for channel, fake in house.fakes.items()}
    for channel, person, why in (("whatsapp", wa, "WindowClosed"), ("sms", sms, "Gone")):
        talk = house.conversation(channel, person)
        assert desk("write", talk, text="Are you still there?", key="k") == {"refused": f"NotReached {why}", "state": "taken"}
        assert "Are you still there?" not in str(house.spoken(talk))
        assert desk("give_back", talk) == {"state": None}  # what the house would say is left out, and is nobody's failure
    for channel, person in (("telegram", tg), ("messenger", fb)):  # staff may write for seven days on Messenger, for ever on Telegram
        assert desk("write", house.conversation(channel, person), text="Are you still there?", key="k") == {"state": "taken"}
        assert "Anna Lee: Are you still there?" in words(await heard_after(house, channel, person, counts[channel], 1))
    for channel in house.fakes:
        assert words(house.fakes[channel].heard[before[channel] :]).count("still there") == (channel in ("telegram", "messenger")), channel
        assert house.failures(house.conversation(channel, {"whatsapp": wa, "telegram": tg, "messenger": fb, "sms": sms}[channel])) == []
