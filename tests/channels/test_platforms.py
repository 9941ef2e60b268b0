"""The messaging platforms against their strict stand-ins, through a real server with the trained model."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.channels.platforms import CHANNELS, House, titles, words

pytestmark = pytest.mark.model


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(parent: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    made = await House(parent, tmp_path_factory.mktemp("house")).open()
    yield made
    await made.close()
    assert made.broken_rules() == []


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_first_question_is_introduced_and_answered(house: House, channel: str) -> None:
    me = house.somebody(channel)
    heard = await house.say(channel, me, "does it hurt?")
    assert "computer program" in heard[0].text and "30 days" in heard[0].text
    said = words(heard)
    print(heard)
    assert "cream" in said and titles(heard)
    again = await house.say(channel, me, titles(heard)[0], pressed=True)
    assert again and "computer program" not in words(again)
