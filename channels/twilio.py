"""Twilio: SMS, and WhatsApp where a clinic has it there. One webhook for both."""

import re
from typing import Any, Dict, List, Optional, Sequence
from urllib.parse import parse_qsl

import aiohttp
from sanic.request import Request
from sanic.response import HTTPResponse
from twilio.request_validator import RequestValidator

from channels.platform import Platform, Reading, identity, key_of, pick, retry_after, same, whole, words
from channels.rendering import Part
from channels.updates import Delivery, Gone, Later, Never, Update, WindowClosed
from runtime import gate

API = "https://api.twilio.com"
GONE = {21610}  # they sent STOP; Twilio itself keeps the list
THROTTLED = {20429, 14107, 30001, 63018}
WINDOW = {63016, 63032}
UNDELIVERED = ("failed", "undelivered")
MEDIA = ("image", "audio", "video", "document", "sticker", "location", "contacts")
MOST_FIELDS = 200
PERSON = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164


class Form(Dict[str, List[str]]):
    """Fields of a form, each with all its values, as Twilio's validator wants to read them."""

    def getlist(self, name: str) -> List[str]:
        return self[name]

    def first(self, name: str) -> str:
        return (self.get(name) or [""])[0]


def form(body: bytes) -> Form:
    """The fields of a urlencoded body. Raises ValueError for too many or no text."""
    found = Form()
    for name, value in parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"):
        found.setdefault(name, []).append(value)
    return found


class TwilioChannel(Platform):
    """`account` and `token`: of Twilio; `sms`: our number or Messaging Service (MG…); `whatsapp`: our WhatsApp number; `url`: our public address."""

    channel = "twilio"
    reports = True
    settings_needed = ("account", "token", "url")

    def __init__(self, **settings: Any):
        super().__init__(**{**settings, "url": settings.get("url") if settings.get("account") or settings.get("token") else ""})
        if self.on and not (self.settings.get("sms") or self.settings.get("whatsapp")):
            raise ValueError("TwilioChannel needs a number to send from: set STRIA_TWILIO_SMS_FROM, STRIA_TWILIO_WHATSAPP_FROM or both.")
        self.validator = RequestValidator(self.settings.get("token", ""))

    def channels(self) -> Sequence[str]:
        return ("sms", "twilio_whatsapp")

    def address(self, path: str, query: str = "") -> str:
        return self.settings["url"].rstrip("/") + path + (f"?{query}" if query else "")

    def genuine(self, request: Request, body: bytes) -> bool:
        """Twilio signs its own idea of our address, which is the public one, and all fields of the form."""
        given = request.headers.get("x-twilio-signature")
        if not given or "bodysha256" in request.query_string.lower():
            return False
        try:
            fields = form(body)
        except ValueError:
            return False
        return same(given, self.validator.compute_signature(self.address(request.path, request.query_string), fields))

    def read(self, body: bytes, query: str = "") -> Reading:
        fields, reading = form(body), Reading()
        status = (fields.first("MessageStatus") or fields.first("SmsStatus")).lower()
        sid = fields.first("MessageSid") or fields.first("SmsMessageSid") or fields.first("SmsSid")
        if status and status != "received":
            failed, key = status in UNDELIVERED, key_of(dict(parse_qsl(query)).get("letter"))
            if sid and (failed or key):
                reading.deliveries.append(Delivery(sid[:128], str(whole(fields.first("ErrorCode")) or status) if failed else None, key))
            return reading
        if fields.first("AccountSid") != self.settings["account"] or not sid:
            reading.foreign += 1
            return reading
        reading.add([fields], lambda fields: _update(fields, sid))
        return reading

    def accepted(self) -> HTTPResponse:
        return HTTPResponse("<Response/>", content_type="text/xml")  # an answer without words: ours go through the API

    async def send(self, http: aiohttp.ClientSession, conversation: str, part: Part, key: str, staff: bool = False, late: bool = False) -> Optional[str]:
        channel, _, number = conversation.partition(":")
        mark = "whatsapp:" if channel == "twilio_whatsapp" else ""
        sender = self.settings.get("whatsapp" if mark else "sms", "")
        if not sender:
            raise Never("no sender")
        origin = {"MessagingServiceSid": sender} if sender.startswith("MG") else {"From": mark + sender.removeprefix("whatsapp:")}
        data = {**origin, "To": mark + number, "Body": part.text, "StatusCallback": self.address("/webhooks/twilio/status", f"letter={key}")}
        url = f"{self.settings.get('api') or API}/2010-04-01/Accounts/{self.settings['account']}/Messages.json"
        auth = aiohttp.BasicAuth(self.settings["account"], self.settings["token"])
        status, answer, headers = await self.call(http, "POST", url, data=data, auth=auth)
        if status == 201:
            return words(pick(answer, "sid"), 128) or None
        code = whole(pick(answer, "code"))
        why = str(code or f"status {status}")
        if code in WINDOW:
            raise WindowClosed(why)
        if code in GONE:
            raise Gone(why)
        if status == 429 or code in THROTTLED or status >= 500 or status in (401, 403, 404, 408) or status < 400:
            raise Later(why, retry_after(headers))
        raise Never(why)


def _update(fields: Form, sid: str) -> Update:
    """A message as an update. Raises gate.BadIdentity."""
    sender = fields.first("From")
    whatsapp = sender.startswith("whatsapp:")
    number = sender.removeprefix("whatsapp:")
    if not PERSON.fullmatch(number):  # a short code or a name: a machine, which our answer would not reach, or would make answer in its turn
        raise gate.BadIdentity("nobody's number")
    common: Dict[str, Any] = {"conversation": identity("twilio_whatsapp" if whatsapp else "sms", number), "event": sid[:400]}
    said = words(fields.first("ButtonText") or fields.first("Body"))
    stop = fields.first("OptOutType").lower()
    if whole(fields.first("NumMedia")) or fields.first("Latitude") or fields.first("MessageType").lower() in MEDIA:
        return Update("media", text=said, **common)
    return Update("text", text=said, stop=stop if stop in ("stop", "start", "help") else "", **common)
