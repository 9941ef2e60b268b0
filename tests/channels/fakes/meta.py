"""WhatsApp's Cloud API and Messenger, by Meta's documents of Graph API v25."""

import hashlib
import hmac
import json
import time
from typing import Any, Dict, List, Optional, Tuple

from aiohttp import web

from tests.channels.fakes.base import Fake, units

APP_SECRET = "a secret of the app"
WINDOW = 24 * 3600
# What the Cloud API takes as a document ("Supported document types"); anything else is code 100 at the upload.
DOCUMENTS = ("text/plain", "application/pdf", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint")
LARGEST_FILE = 25_000_000  # bytes that Messenger takes


def signed(body: bytes, secret: str = APP_SECRET) -> Dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(), "Content-Type": "application/json"}


class Meta(Fake):
    token = ""

    def allowed(self, request: web.Request) -> Optional[web.Response]:
        if not self.need(request.headers.get("Authorization") == f"Bearer {self.token}", "the token is missing or is in the address"):
            return self.unauthorised()
        return None

    def error(self, code: int, status: int = 400, **more: Any) -> web.Response:
        return web.json_response({"error": {"message": "…", "type": "OAuthException", "code": code, "fbtrace_id": "A", **more}}, status=status)

    def unauthorised(self) -> web.Response:
        return self.error(190, 401)

    async def send_raw(self, data: Any, secret: str = APP_SECRET, headers: Optional[Dict[str, str]] = None) -> int:
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        return await self.post(body, signed(body, secret) if headers is None else headers)


class WhatsApp(Meta):
    name, token, number_id = "whatsapp", "EAAG-whatsapp", "106540352242922"
    template = "please_reply"

    def __init__(self) -> None:
        super().__init__()
        self.templates: List[str] = []
        self.media: Dict[str, str] = {}  # uploaded: content by id

    def environment(self) -> Dict[str, str]:
        return {
            "STRIA_WHATSAPP_NUMBER_ID": self.number_id,
            "STRIA_WHATSAPP_TOKEN": self.token,
            "STRIA_WHATSAPP_APP_SECRET": APP_SECRET,
            "STRIA_WHATSAPP_VERIFY": "verify-me",
            "STRIA_WHATSAPP_API": f"http://127.0.0.1:{self.port}/v25.0",
        }

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v25.0/{number}/messages", self.message)
        router.add_post("/v25.0/{number}/media", self.upload)
        router.add_get("/v25.0/{number}", self.number)
        router.add_post("/v25.0/{number}/subscribed_apps", self.subscribed)

    async def number(self, request: web.Request) -> web.Response:
        return self.allowed(request) or web.json_response({"id": self.number_id, "display_phone_number": "+44 20 7946 0123", "verified_name": "Willow Road"})

    async def subscribed(self, request: web.Request) -> web.Response:
        return self.allowed(request) or web.json_response({"success": True})

    async def upload(self, request: web.Request) -> web.Response:
        refused = self.allowed(request)
        if refused:
            return refused
        form = await request.post()
        fine = self.only(dict(form), "messaging_product type file", "an upload")
        file = form.get("file")
        fine &= self.need(form.get("messaging_product") == "whatsapp" and isinstance(file, web.FileField), "an upload without product or file")
        assert isinstance(file, web.FileField)
        if not fine or form.get("type") not in DOCUMENTS or file.content_type not in DOCUMENTS:
            self.broken(f"a file of type {form.get('type')}, {file.content_type}")
            return self.error(100)
        number = f"media{next(self.numbers)}"
        self.media[number] = file.file.read().decode()
        return web.json_response({"id": number})

    async def message(self, request: web.Request) -> web.Response:
        refused = self.allowed(request)
        if refused:
            return refused
        data = await request.json()
        person = str(data.get("to"))
        fine = self.only(data, "messaging_product recipient_type to type text interactive template document biz_opaque_callback_data", "a message")
        fine &= self.need(data.get("messaging_product") == "whatsapp" and request.match_info["number"] == self.number_id, "wrong product or number")
        fine &= self.need(person.isdigit(), "`to` is no number")
        if data.get("type") == "template":
            fine &= self.only(data["template"], "name language components", "a template")
            self.templates.append(person)
            if not fine or data["template"]["name"] != self.template:
                return self.error(132001)
            return self.took(person, "template")
        if time.time() - self.wrote.get(person, 0) > WINDOW:
            return self.error(131047)
        text, buttons = "", []
        if data.get("type") == "text":
            text = data["text"]["body"]
            fine &= self.only(data["text"], "body preview_url", "text") and self.need(0 < units(text) <= 4096, f"text of {units(text)}")
        elif data.get("type") == "interactive":
            text, buttons, right = self.interactive(data["interactive"])
            fine &= right
        elif data.get("type") == "document":
            document = data["document"]
            fine &= self.only(document, "id filename caption", "a document") & self.need(document.get("id") in self.media, "an unknown file")
            if fine:
                self.calendar(document["filename"], self.media[document["id"]])
        else:
            fine = self.need(False, f"unknown type {data.get('type')}")
        if not fine:
            return self.error(100)
        number = self.tell(person, text, buttons)
        self.marked(number, data.get("biz_opaque_callback_data"))
        return self.took(person, number)

    async def reports(self, heard: Any) -> int:
        common = {"id": f"wamid.{heard.id}", "timestamp": str(int(time.time())), "recipient_id": heard.person}
        status = [{**common, "status": word, "biz_opaque_callback_data": self.marks[heard.id]} for word in ("sent", "delivered")]
        return await self.send_raw(self.body(statuses=status))

    def took(self, person: str, number: str) -> web.Response:
        return web.json_response({"messaging_product": "whatsapp", "contacts": [{"input": person, "wa_id": person}], "messages": [{"id": f"wamid.{number}"}]})

    def interactive(self, data: Any) -> Tuple[str, List[Tuple[str, str]], bool]:
        fine = self.only(data, "type body action header footer", "interactive")
        text, action = data["body"]["text"], data["action"]
        fine &= self.need(0 < units(text) <= 1024, f"interactive text of {units(text)}")
        if data["type"] == "button":
            rows = [b["reply"] for b in action["buttons"]]
            fine &= self.need(1 <= len(rows) <= 3, f"{len(rows)} buttons") and self.need(
                all(b["type"] == "reply" for b in action["buttons"]), "no reply button"
            )
            most, key = 20, 256
        else:
            fine &= self.need(data["type"] == "list" and 0 < units(action["button"]) <= 20, "a list without its button")
            rows = [row for section in action["sections"] for row in section["rows"]]
            fine &= self.need(len(action["sections"]) == 1 or all(s.get("title") for s in action["sections"]), "sections without titles")
            fine &= self.need(1 <= len(rows) <= 10, f"{len(rows)} rows")
            fine &= self.need(all(units(row.get("description", "")) <= 72 for row in rows), "a description too long")
            most, key = 24, 200
        fine &= self.need(all(0 < units(row["title"]) <= most for row in rows), "a title too long or empty")
        fine &= self.need(all(0 < len(row["id"].encode()) <= key for row in rows), "an id too long or empty")
        fine &= self.need(len({row["title"] for row in rows}) == len(rows) == len({row["id"] for row in rows}), "two buttons are the same")
        return text, [(row.get("description") or row["title"], row["id"]) for row in rows], fine

    def body(self, *messages: Dict[str, Any], **value: Any) -> Dict[str, Any]:
        """What Meta posts for messages, all in one batch."""
        whole = {"messaging_product": "whatsapp", "metadata": {"display_phone_number": "442079460123", "phone_number_id": self.number_id}, **value}
        if messages:
            whole["contacts"] = [{"profile": {"name": "Anna"}, "wa_id": messages[0]["from"]}]
            whole["messages"] = list(messages)
        return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [{"value": whole, "field": "messages"}]}]}

    def made(self, person: str, kind: str, content: Any, at: Optional[float] = None, number: Optional[str] = None) -> Dict[str, Any]:
        now = at or time.time()
        self.wrote[person] = max(self.wrote.get(person, 0), now)
        return {"from": person, "id": number or f"wamid.HBgLN/DQ{next(self.numbers)}+A==", "timestamp": str(int(now)), "type": kind, kind: content}

    async def text(self, person: str, text: str, **more: Any) -> int:
        return await self.send_raw(self.body(self.made(person, "text", {"body": text}, **more)))

    async def press(self, person: str, title: str) -> int:
        for message in reversed(self.to(person)):
            for shown, key in message.buttons:
                if shown == title:
                    kind = "button_reply" if len(message.buttons) <= 3 and len(shown) <= 20 else "list_reply"
                    return await self.send_raw(self.body(self.made(person, "interactive", {"type": kind, kind: {"id": key, "title": title[:20]}})))
        raise AssertionError(f"{person} sees no button {title!r}: {self.to(person)[-3:]}")

    async def photo(self, person: str, caption: str = "") -> int:
        content = {"mime_type": "image/jpeg", "sha256": "x", "id": "1003383421387256", **({"caption": caption} if caption else {})}
        return await self.send_raw(self.body(self.made(person, "image", content)))


class Messenger(Meta):
    name, token, page = "messenger", "EAAG-page", "2042"

    def environment(self) -> Dict[str, str]:
        return {
            "STRIA_MESSENGER_TOKEN": self.token,
            "STRIA_MESSENGER_APP_SECRET": APP_SECRET,
            "STRIA_MESSENGER_VERIFY": "verify-me",
            "STRIA_MESSENGER_API": f"http://127.0.0.1:{self.port}/v25.0",
        }

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v25.0/me/messages", self.message)
        router.add_get("/v25.0/me", self.me)
        router.add_post("/v25.0/me/messenger_profile", self.profile)
        router.add_post("/v25.0/me/subscribed_apps", self.profile)

    async def me(self, request: web.Request) -> web.Response:
        return self.allowed(request) or web.json_response({"id": self.page, "name": "Willow Road"})

    async def profile(self, request: web.Request) -> web.Response:
        return self.allowed(request) or web.json_response({"result": "success", "success": True})

    async def message(self, request: web.Request) -> web.Response:
        refused = self.allowed(request)
        if refused:
            return refused
        if request.content_type == "multipart/form-data":  # a file comes with it; the other fields are JSON
            form = await request.post()
            file = form["filedata"]
            assert isinstance(file, web.FileField)
            data: Any = {name: json.loads(str(value)) if str(value).startswith("{") else str(value) for name, value in form.items() if name != "filedata"}
        else:
            data, file = await request.json(), None
        person, message = str(data["recipient"].get("id")), data.get("message") or {}
        fine = self.only(data, "recipient messaging_type message tag", "a message")
        fine &= self.only(message, "metadata attachment" if file else "text quick_replies metadata", "message")
        fine &= self.need(data.get("messaging_type") in ("RESPONSE", "MESSAGE_TAG"), "no messaging_type")
        age = time.time() - self.wrote.get(person, 0)
        if age > WINDOW and not (data.get("tag") == "HUMAN_AGENT" and age < 7 * WINDOW):
            return self.error(10, 400, error_subcode=2018278)
        text, rows = message.get("text", ""), message.get("quick_replies") or []
        fine &= self.need(bool(file) or 0 < units(text) <= 2000, f"text of {units(text)}") & self.need(len(rows) <= 13, f"{len(rows)} quick replies")
        for row in rows:
            fine &= self.only(row, "content_type title payload", "a quick reply") & self.need(row["content_type"] == "text", "no text reply")
            fine &= self.need(0 < units(row["title"]) <= 20, f"title {row['title']!r}") & self.need(0 < units(row["payload"]) <= 1000, "payload too long")
        if not fine:
            return self.error(100, 400)
        if file:
            right = self.need(message.get("attachment") == {"type": "file", "payload": {"is_reusable": False}}, "no file")
            content = file.file.read()
            if not right or not self.need(file.content_type == "text/calendar" and 0 < len(content) < LARGEST_FILE, "a file of another type"):
                return self.error(100)
            self.calendar(file.filename, content.decode())
        number = self.tell(person, text, [(row["title"], row["payload"]) for row in rows])
        self.marked(number, message.get("metadata"))
        return web.json_response({"recipient_id": person, "message_id": f"m_{number}"})

    async def reports(self, heard: Any) -> int:
        message = {"is_echo": True, "app_id": 1517776481860111, "metadata": self.marks[heard.id], "mid": f"m_{heard.id}", "text": heard.text}
        event = {"sender": {"id": self.page}, "recipient": {"id": heard.person}, "timestamp": int(time.time() * 1000), "message": message}
        return await self.send_raw(self.body(event))

    def made(self, person: str, at: Optional[float] = None, **content: Any) -> Dict[str, Any]:
        now = at or time.time()
        self.wrote[person] = max(self.wrote.get(person, 0), now)
        return {"sender": {"id": person}, "recipient": {"id": self.page}, "timestamp": int(now * 1000), **content}

    def body(self, *events: Dict[str, Any]) -> Dict[str, Any]:
        return {"object": "page", "entry": [{"id": self.page, "time": int(time.time() * 1000), "messaging": list(events)}]}

    def mid(self) -> str:
        return f"m_AbC-{next(self.numbers)}_x"

    async def text(self, person: str, text: str, at: Optional[float] = None, number: Optional[str] = None) -> int:
        return await self.send_raw(self.body(self.made(person, at, message={"mid": number or self.mid(), "text": text})))

    async def press(self, person: str, title: str) -> int:
        for message in reversed(self.to(person)):
            for shown, key in message.buttons:
                lines = [line for line in message.text.splitlines() if line == f"{shown}. {title}"]
                if shown == title or lines:
                    content = {"mid": self.mid(), "text": shown, "quick_reply": {"payload": key}}
                    return await self.send_raw(self.body(self.made(person, message=content)))
        raise AssertionError(f"{person} sees no button {title!r}: {self.to(person)[-3:]}")

    async def photo(self, person: str, caption: str = "") -> int:
        content = {
            "mid": self.mid(),
            "attachments": [{"type": "image", "payload": {"url": "https://cdn.example/x.jpg"}}],
            **({"text": caption} if caption else {}),
        }
        return await self.send_raw(self.body(self.made(person, message=content)))
