"""Twilio's Messages API, for SMS and for WhatsApp."""

import base64
import re
from typing import Any, Dict, List, Optional, Set
from urllib.parse import urlencode

from aiohttp import web
from twilio.request_validator import RequestValidator

from tests.channels.fakes.base import Fake, units

ACCOUNT, TOKEN, PUBLIC = "AC" + "0" * 32, "a token of the account", "https://chat.clinic.example"


class Twilio(Fake):
    """A person is a number, with "whatsapp:" before it for WhatsApp."""

    name = "sms"
    number = "+442079460123"

    def __init__(self) -> None:
        super().__init__()
        self.stopped: Set[str] = set()
        self.callbacks: List[str] = []

    def environment(self) -> Dict[str, str]:
        return {
            "STRIA_TWILIO_ACCOUNT": ACCOUNT,
            "STRIA_TWILIO_TOKEN": TOKEN,
            "STRIA_TWILIO_SMS_FROM": self.number,
            "STRIA_TWILIO_WHATSAPP_FROM": self.number,
            "STRIA_CHANNELS_URL": PUBLIC,
            "STRIA_TWILIO_API": f"http://127.0.0.1:{self.port}",
        }

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", self.message)
        router.add_get(f"/2010-04-01/Accounts/{ACCOUNT}.json", self.account)

        router.add_get(f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json", self.listed)
        router.add_post(f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/PN1.json", self.change)

    async def listed(self, request: web.Request) -> web.Response:
        known = request.query.get("PhoneNumber") == self.number
        return web.json_response({"incoming_phone_numbers": [{"sid": "PN1", "phone_number": self.number}] if known else []})

    async def change(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.only(form, "SmsUrl SmsMethod", "a number")
        self.callbacks.append(form["SmsUrl"])
        return web.json_response({"sid": "PN1"})

    def error(self, code: int, status: int = 400) -> web.Response:
        return web.json_response({"code": code, "message": "…", "more_info": "", "status": status}, status=status)

    def throttled(self) -> web.Response:
        return web.json_response({"code": 20429, "status": 429}, status=429, headers={"Retry-After": str(self.retry_after)})

    def unauthorised(self) -> web.Response:
        return self.error(20003, 401)

    async def account(self, request: web.Request) -> web.Response:
        return web.json_response({"sid": ACCOUNT, "status": "active", "friendly_name": "Willow Road"})

    async def message(self, request: web.Request) -> web.Response:
        expected = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if not self.need(request.headers.get("Authorization") == expected, "no or wrong authorisation"):
            return self.unauthorised()
        form = {key: str(value) for key, value in (await request.post()).items()}
        fine = self.only(form, "To From MessagingServiceSid Body StatusCallback", "Messages.json")
        fine &= self.need(bool(form.get("From")) != bool(form.get("MessagingServiceSid")), "no sender, or two")
        to, body = form.get("To", ""), form.get("Body", "")
        if not re.fullmatch(r"(whatsapp:)?\+\d{7,15}", to):
            return self.error(21211)
        if to in self.stopped:
            return self.error(21610)
        if units(body) > 1600:
            self.broken(f"body of {units(body)}")
            return self.error(21617)
        if not body:
            self.broken("no body")
            return self.error(21602)
        status, _, mark = form.get("StatusCallback", "").partition("?letter=")
        self.need(status == f"{PUBLIC}/webhooks/twilio/status", "no address for delivery reports")
        self.need(not re.search(r"(?:^|[\s(])/[a-z_]", body), "a payload is shown")
        self.need(form.get("From", "").startswith("whatsapp:") == to.startswith("whatsapp:"), "from one channel to the other")
        if not fine:
            return self.error(21601)
        number = self.tell(to, body)
        self.marked(number, mark)
        sid = "SM" + number.rjust(32, "0")
        return web.json_response({"sid": sid, "status": "queued", "to": to}, status=201)

    async def reports(self, heard: Any) -> int:
        form = {"MessageSid": "SM" + heard.id.rjust(32, "0"), "MessageStatus": "sent", "AccountSid": ACCOUNT, "To": heard.person, "From": self.number}
        return await self.send_form(form, path="/webhooks/twilio/status", query=f"?letter={self.marks[heard.id]}")

    async def tap(self, heard: Any) -> List[int]:
        """A person opens the addresses in a message: the statuses they get. A calendar file goes into their calendar."""
        found = []
        for address in re.findall(rf"{re.escape(PUBLIC)}(/\S+)", heard.text):
            assert self.http is not None
            self.need(not re.search(r"[^\w/.-]", address) and len(address) < 80, "an address that phones cut")
            async with self.http.head(self.server + address) as head, self.http.get(self.server + address) as response:
                found.append(response.status)
                if response.status == 200:
                    same = head.headers["Content-Type"] == response.headers["Content-Type"] and head.status == 200
                    self.need(same and response.content_type == "text/calendar", "HEAD and GET differ, or no calendar")
                    assert response.content_disposition is not None
                    self.calendar(str(response.content_disposition.filename), await response.text())
        return found

    async def send_form(self, form: Dict[str, Any], token: str = TOKEN, path: str = "/webhooks/twilio/webhook", query: str = "") -> int:
        signature = RequestValidator(token).compute_signature(PUBLIC + path + query, form)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
        return await self.post(urlencode(form).encode(), headers, query=query, path=self.server + path)

    @property
    def server(self) -> str:
        """Where our public address really leads to."""
        return self.webhook.replace("/webhooks/twilio/webhook", "")

    def form(self, person: str, text: str, number: Optional[str] = None, **more: str) -> Dict[str, Any]:
        sid = number or "SM" + f"in{next(self.numbers)}".rjust(32, "0")
        return {
            **{"ToCountry": "GB", "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": ACCOUNT, "ApiVersion": "2010-04-01"},
            **{
                "From": person,
                "To": ("whatsapp:" if person.startswith("whatsapp:") else "") + self.number,
                "Body": text,
                "NumMedia": "0",
                "NumSegments": "1",
                "SmsStatus": "received",
                **more,
            },
        }

    async def text(self, person: str, text: str, **more: Any) -> int:
        return await self.send_form(self.form(person, text, **more))

    async def press(self, person: str, title: str) -> int:
        """A phone without buttons: the number before the title is written."""
        for message in reversed(self.to(person)):
            for line in message.text.splitlines():
                number, _, shown = line.partition(". ")
                if number.isdigit() and shown == title:
                    return await self.text(person, number)
        raise AssertionError(f"{person} sees no line {title!r}: {self.to(person)[-2:]}")

    async def photo(self, person: str, caption: str = "") -> int:
        return await self.text(person, caption, NumMedia="1", MediaUrl0="https://api.twilio.example/x", MediaContentType0="image/jpeg")
