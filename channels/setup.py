"""Connects a platform: checks the credentials with the platform itself, tells it where to send, and says what is left to click.

`python -m channels setup telegram|whatsapp|messenger|twilio` and `python -m channels show`. Nothing secret is printed but what the platform's page asks for.
"""

import argparse
import asyncio
import re
import sys
from importlib import import_module
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Tuple

import aiohttp

from channels.meta import Meta
from channels.platform import CONNECT_WITHIN, Platform, pick
from channels.telegram import WANTED, TelegramChannel
from channels.twilio import API, TwilioChannel
from channels.updates import Later, Never
from runtime import settings

PLATFORMS: Mapping[str, Tuple[str, Tuple[str, ...]]] = {
    "whatsapp": ("channels.whatsapp.WhatsAppChannel", ("STRIA_WHATSAPP_NUMBER_ID", "STRIA_WHATSAPP_TOKEN", "STRIA_WHATSAPP_APP_SECRET")),
    "twilio": ("channels.twilio.TwilioChannel", ("STRIA_TWILIO_ACCOUNT", "STRIA_TWILIO_TOKEN", "STRIA_TWILIO_SMS_FROM", "STRIA_CHANNELS_URL")),
    "telegram": ("channels.telegram.TelegramChannel", ("STRIA_TELEGRAM_TOKEN",)),
    "messenger": ("channels.messenger.MessengerChannel", ("STRIA_MESSENGER_TOKEN", "STRIA_MESSENGER_APP_SECRET")),
}
SUBSCRIBED = "messages,messaging_postbacks,message_edits,message_echoes"


class NotSetUp(Exception):
    """What is wrong, in a sentence that says what to do."""


def platform(name: str) -> Platform:
    """The connector as credentials.yml and the environment describe it. Raises NotSetUp when its variables are missing."""
    from rasa.shared.utils.io import read_config_file

    path, needed = PLATFORMS[name]
    module, _, kind = path.rpartition(".")
    try:
        found: Platform = getattr(import_module(module), kind).from_credentials(read_config_file(settings.ROOT / "credentials.yml").get(path))
    except ValueError as error:
        raise NotSetUp(str(error)) from error
    if not found.on:
        raise NotSetUp(f"{name} is off. Write {', '.join(needed)} into .env; docs/channels.md says where to find them.")
    return found


def public_url() -> str:
    """Where the platforms reach this server. Raises NotSetUp."""
    url = settings.channels_url()
    if not re.fullmatch(r"https://[^/\s]+(/[^\s]*)?", url):
        raise NotSetUp("Write the public https address of the Rasa server, such as https://chat.clinic.example, into .env as STRIA_CHANNELS_URL.")
    return url.rstrip("/")


async def telegram(it: Any, http: aiohttp.ClientSession, url: str) -> List[str]:
    me = await it._call(http, "getMe", json={})
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", it.secret()):
        raise NotSetUp("STRIA_TELEGRAM_SECRET may hold letters, digits, _ and - only, at most 256. Leave it empty and one is made.")
    wanted = {"url": f"{url}/webhooks/telegram/webhook", "secret_token": it.secret(), "allowed_updates": list(WANTED), "max_connections": 40}
    await it._call(http, "setWebhook", json=wanted)
    commands = [
        {"command": "start", "description": "Begin"},
        {"command": "stop", "description": "No more messages"},
        {"command": "help", "description": "What I can do"},
    ]
    await it._call(http, "setMyCommands", json={"commands": commands})
    info = await it._call(http, "getWebhookInfo", json={})
    if pick(info, "result", "url") != wanted["url"]:
        raise NotSetUp("Telegram did not keep the address. Please try again.")
    name = pick(me, "result", "username", default="?")
    return [
        f"Connected: @{name} sends to {wanted['url']}.",
        "In @BotFather: /setjoingroups → Disable, so that nobody adds the bot to a group.",
        f"Try it: https://t.me/{name}",
    ]


async def whatsapp(it: Any, http: aiohttp.ClientSession, url: str) -> List[str]:
    number = await _get(it, http, it.graph(it.settings["number_id"]), {"Authorization": f"Bearer {it.settings['token']}"})
    return [
        f"The token is good: {pick(number, 'verified_name', default='?')}, {pick(number, 'display_phone_number', default='?')}.",
        "In developers.facebook.com → your app → WhatsApp → Configuration → Webhook → Edit:",
        f"  Callback URL  {url}/webhooks/whatsapp/webhook",
        f"  Verify token  {it.verify_token()}",
        "  then Manage → messages → Subscribe.",
        *await _handshake(it, http, url),
    ]


async def messenger(it: Any, http: aiohttp.ClientSession, url: str) -> List[str]:
    bearer = {"Authorization": f"Bearer {it.settings['token']}"}
    page = await _get(it, http, it.graph("me"), bearer)
    await it.graph_post(http, "me/subscribed_apps", it.settings["token"], {"subscribed_fields": SUBSCRIBED.split(",")})
    await it.graph_post(http, "me/messenger_profile", it.settings["token"], {"get_started": {"payload": "begin"}})
    return [
        f"The token is good: the page {pick(page, 'name', default='?')} sends its messages to the app, and new people see “Get started”.",
        "In developers.facebook.com → your app → Messenger → Settings → Webhooks → Edit callback URL:",
        f"  Callback URL  {url}/webhooks/messenger/webhook",
        f"  Verify token  {it.verify_token()}",
        f"  and add the subscriptions {SUBSCRIBED.replace(',', ', ')}.",
        *await _handshake(it, http, url),
    ]


async def twilio(it: Any, http: aiohttp.ClientSession, url: str) -> List[str]:
    base = f"{it.settings.get('api') or API}/2010-04-01/Accounts/{it.settings['account']}"
    auth = aiohttp.BasicAuth(it.settings["account"], it.settings["token"]).encode()
    account = await _get(it, http, f"{base}.json", {"Authorization": auth})
    lines = [f"The token is good: account {pick(account, 'friendly_name', default='?')}, {pick(account, 'status', default='?')}."]
    where, sms = f"{url}/webhooks/twilio/webhook", it.settings.get("sms", "")
    if sms.startswith("+"):
        listed = await _get(it, http, f"{base}/IncomingPhoneNumbers.json", {"Authorization": auth}, {"PhoneNumber": sms})
        sid = pick(listed, "incoming_phone_numbers", 0, "sid")
        if not isinstance(sid, str):
            raise NotSetUp(f"The account has no number {sms}: look under Phone Numbers → Manage → Active numbers.")
        data = {"SmsUrl": where, "SmsMethod": "POST"}
        status, _, _ = await it.call(http, "POST", f"{base}/IncomingPhoneNumbers/{sid}.json", data=data, headers={"Authorization": auth})
        if status != 200:
            raise NotSetUp(f"Twilio would not change the number (status {status}).")
        lines.append(f"Connected: SMS to {sms} go to {where}.")
    elif sms:
        lines.append(f"In console.twilio.com → Messaging → Services → {sms} → Integration: “Send a webhook”, Request URL {where}, HTTP Post.")
    if it.settings.get("whatsapp"):
        lines.append(f"In console.twilio.com → Messaging → Senders → WhatsApp senders → {it.settings['whatsapp']}: webhook URL {where}, HTTP Post.")
    return [*lines, "Twilio answers STOP, START and HELP for SMS itself: leave that on. docs/channels.md says how people can leave a form with CANCEL."]


STEPS: Mapping[str, Callable[[Any, aiohttp.ClientSession, str], Awaitable[List[str]]]] = {
    "telegram": telegram,
    "whatsapp": whatsapp,
    "messenger": messenger,
    "twilio": twilio,
}


async def _get(it: Platform, http: aiohttp.ClientSession, url: str, headers: Dict[str, str], query: Any = None) -> Any:
    status, data, _ = await it.call(http, "GET", url, headers=headers, params=query)
    if status in (401, 403) or (status == 400 and isinstance(it, Meta)):
        raise NotSetUp(f"The platform does not accept the credentials (status {status}, code {pick(data, 'error', 'code') or pick(data, 'code') or 'none'}).")
    if status != 200:
        raise NotSetUp(f"The platform answered with status {status}; please try again, and check the variables in .env.")
    return data


async def _handshake(it: Meta, http: aiohttp.ClientSession, url: str) -> List[str]:
    """Whether Meta's hand-shake would work, tried from here."""
    query = {"hub.mode": "subscribe", "hub.verify_token": it.verify_token(), "hub.challenge": "1158201444"}
    try:
        async with http.get(f"{url}/webhooks/{it.channel}/webhook", params=query) as response:
            if response.status == 200 and (await response.text()).strip() == "1158201444":
                return ["The address answers as it should."]
            return [f"The address answers with status {response.status}: start Stria with these variables, and look at the reverse proxy."]
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError):
        return ["The address does not answer from here: start Stria first, and look at the name and the certificate."]


async def set_up(name: str) -> List[str]:
    """Connect one platform; lines for the person who does it. Raises NotSetUp."""
    it, url = platform(name), public_url()
    limit = aiohttp.ClientTimeout(total=20, connect=CONNECT_WITHIN)
    async with aiohttp.ClientSession(timeout=limit, trust_env=True) as http:
        try:
            return await STEPS[name](it, http, url)
        except Later as trouble:
            wrong = isinstance(it, (TelegramChannel, TwilioChannel)) and trouble.why in ("401", "404")
            raise NotSetUp("The platform does not know the token." if wrong else f"The platform cannot be reached ({trouble.why}).") from trouble
        except Never as trouble:
            raise NotSetUp(f"The platform refused ({trouble.why}).") from trouble


def show() -> List[str]:
    """Which platforms are on."""
    lines = []
    for name in PLATFORMS:
        try:
            platform(name)
            lines.append(f"{name}: on")
        except NotSetUp as why:
            lines.append(f"{name}: {why}")
    return lines


def main(arguments: List[str]) -> None:
    """Exits with a sentence when something is missing."""
    options = argparse.ArgumentParser(prog="python -m channels", description="Connects the messaging platforms.")
    commands = options.add_subparsers(dest="command", required=True)
    connect = commands.add_parser("setup", help="check the credentials, tell the platform where to send, say what is left to click")
    connect.add_argument("platform", choices=sorted(PLATFORMS))
    commands.add_parser("show", help="say which platforms are on")
    chosen = options.parse_args(arguments)
    settings.prepare_environment()
    try:
        print("\n".join(show() if chosen.command == "show" else asyncio.run(set_up(chosen.platform))))
    except NotSetUp as why:
        sys.exit(str(why))
