"""`python -m channels setup …` against the strict stand-ins."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from channels import setup
from runtime import settings
from tests.channels.fakes.base import Fake
from tests.channels.fakes.meta import Messenger, WhatsApp
from tests.channels.fakes.telegram import SECRET, Telegram
from tests.channels.fakes.twilio import PUBLIC, Twilio

KINDS: dict[str, Any] = {"whatsapp": WhatsApp, "telegram": Telegram, "messenger": Messenger, "twilio": Twilio}


@pytest_asyncio.fixture(loop_scope="session")
async def fake(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fake]:
    made: Fake = KINDS[request.param]()
    await made.start()
    for name in settings.PLATFORMS:
        monkeypatch.setenv(name, "")
    for name, value in {**made.environment(), "STRIA_CHANNELS_URL": PUBLIC}.items():  # type: ignore[attr-defined]
        monkeypatch.setenv(name, value)
    yield made
    await made.close()
    assert made.violations == []


@pytest.mark.parametrize("fake", ["telegram"], indirect=True)
async def test_telegram_is_told_where_to_send_and_with_which_secret(fake: Telegram) -> None:
    lines = await setup.set_up("telegram")
    assert "@willow_road_bot" in lines[0] and fake.set["url"] == f"{PUBLIC}/webhooks/telegram/webhook" and fake.set["secret_token"] == SECRET
    assert "callback_query" in fake.set["allowed_updates"] and SECRET not in "\n".join(lines)
    fake.fault = "401"
    with pytest.raises(setup.NotSetUp, match="does not know the token"):
        await setup.set_up("telegram")


@pytest.mark.parametrize("fake", ["twilio"], indirect=True)
async def test_twilios_number_is_pointed_at_us(fake: Twilio, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = await setup.set_up("twilio")
    assert fake.callbacks == [f"{PUBLIC}/webhooks/twilio/webhook"] and any("WhatsApp senders" in line for line in lines)
    monkeypatch.setenv("STRIA_TWILIO_SMS_FROM", "+442079460999")
    with pytest.raises(setup.NotSetUp, match="no number"):
        await setup.set_up("twilio")
    monkeypatch.setenv("STRIA_TWILIO_SMS_FROM", "")
    monkeypatch.setenv("STRIA_TWILIO_WHATSAPP_FROM", "")
    with pytest.raises(setup.NotSetUp, match="needs a number"):
        await setup.set_up("twilio")


@pytest.mark.parametrize("fake", ["whatsapp", "messenger"], indirect=True)
async def test_meta_is_checked_and_the_clicks_are_named(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "\n".join(await setup.set_up(fake.name))
    assert "Willow Road" in lines and "verify-me" in lines and f"{PUBLIC}/webhooks/{fake.name}/webhook" in lines and "does not answer" in lines
    monkeypatch.setenv(f"STRIA_{fake.name.upper()}_VERIFY", "")
    chosen = setup.platform(fake.name).verify_token()  # type: ignore[attr-defined]
    assert len(chosen) == 48 and chosen == setup.platform(fake.name).verify_token()  # type: ignore[attr-defined]
    fake.fault = "401"
    with pytest.raises(setup.NotSetUp, match="does not accept"):
        await setup.set_up(fake.name)


@pytest.mark.parametrize("fake", ["telegram"], indirect=True)
async def test_what_is_missing_is_said(fake: Telegram, monkeypatch: pytest.MonkeyPatch) -> None:
    off = setup.show()[0]
    assert off.startswith("whatsapp: whatsapp is off. Write STRIA_WHATSAPP_NUMBER_ID") and "docs/channels.md" in off
    assert "telegram: on" in setup.show()
    monkeypatch.setenv("STRIA_WHATSAPP_TOKEN", "x")
    with pytest.raises(setup.NotSetUp, match="lacks number_id, app_secret"):
        setup.platform("whatsapp")
    monkeypatch.setenv("STRIA_CHANNELS_URL", "http://chat.clinic.example")
    with pytest.raises(setup.NotSetUp, match="STRIA_CHANNELS_URL"):
        await setup.set_up("telegram")


def test_a_platform_without_settings_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from rasa.core.run import create_http_input_channels

    for name in settings.PLATFORMS:
        monkeypatch.setenv(name, "")
    found = create_http_input_channels(None, str(settings.ROOT / "credentials.yml"))
    assert [channel.name() for channel in found if getattr(channel, "on", True)] == ["website"]
