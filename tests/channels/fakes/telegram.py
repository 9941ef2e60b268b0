"""Telegram's Bot API."""

import json
import time
from typing import Any, Dict, List, Optional, Set

from aiohttp import web

from tests.channels.fakes.base import Fake, units

SECRET = "telegram-secret_1"


class Telegram(Fake):
    name, token = "telegram", "123456:ABC-DEF"

    def __init__(self) -> None:
        super().__init__()
        self.blocked: Set[str] = set()
        self.pressed: List[str] = []
        self.answered: List[str] = []
        self.left: List[str] = []
        self.set: Dict[str, Any] = {}

    def environment(self) -> Dict[str, str]:
        return {"STRIA_TELEGRAM_TOKEN": self.token, "STRIA_TELEGRAM_SECRET": SECRET, "STRIA_TELEGRAM_API": f"http://127.0.0.1:{self.port}"}

    def routes(self, router: web.UrlDispatcher) -> None:
        for name in ("sendMessage", "sendDocument", "answerCallbackQuery", "leaveChat", "getMe", "setWebhook", "getWebhookInfo", "setMyCommands"):
            router.add_post(f"/bot{self.token}/{name}", getattr(self, name))

    def ok(self, result: Any = True) -> web.Response:
        return web.json_response({"ok": True, "result": result})

    def error(self, code: int, description: str, **parameters: Any) -> web.Response:
        body = {"ok": False, "error_code": code, "description": description, **({"parameters": parameters} if parameters else {})}
        return web.json_response(body, status=code)

    def throttled(self) -> web.Response:
        return self.error(429, f"Too Many Requests: retry after {self.retry_after}", retry_after=self.retry_after)

    def unauthorised(self) -> web.Response:
        return self.error(401, "Unauthorized")

    def _chat(self, number: Any) -> Optional[web.Response]:
        if str(number) in self.blocked:
            return self.error(403, "Forbidden: bot was blocked by the user")
        if str(number) not in self.wrote:
            return self.error(400, "Bad Request: chat not found")
        return None

    async def sendMessage(self, request: web.Request) -> web.Response:
        data = await request.json()
        refused = self._chat(data.get("chat_id"))
        if refused:
            return refused
        fine = self.only(data, "chat_id text link_preview_options reply_markup", "sendMessage") & self.need(isinstance(data["chat_id"], int), "chat_id")
        fine &= self.need(0 < units(data["text"]) <= 4096, f"text of {units(data['text'])}")
        rows = (data.get("reply_markup") or {}).get("inline_keyboard") or []
        fine &= self.need(sum(map(len, rows)) <= 100, "too many buttons") & self.need(all(len(row) == 1 for row in rows), "more than one button in a row")
        buttons = [b for row in rows for b in row]
        fine &= self.need(all(1 <= len(b["callback_data"].encode()) <= 64 for b in buttons), "BUTTON_DATA_INVALID")
        if not fine:
            return self.error(400, "Bad Request")
        number = self.tell(str(data["chat_id"]), data["text"], [(b["text"], b["callback_data"]) for b in buttons])
        return self.ok({"message_id": int(number[3:]), "date": int(time.time()), "chat": {"id": data["chat_id"], "type": "private"}, "text": data["text"]})

    async def sendDocument(self, request: web.Request) -> web.Response:
        form = await request.post()
        refused = self._chat(form.get("chat_id"))
        if refused:
            return refused
        document = form["document"]
        assert isinstance(document, web.FileField)
        self.need(document.content_type == "text/calendar", f"a calendar file of type {document.content_type}")
        self.calendar(document.filename, document.file.read().decode())
        return self.ok({"message_id": next(self.numbers)})

    async def answerCallbackQuery(self, request: web.Request) -> web.Response:
        data = await request.json()
        self.need(data.get("callback_query_id") in self.pressed, "an unknown callback query")
        self.answered.append(data["callback_query_id"])
        return self.ok()

    async def leaveChat(self, request: web.Request) -> web.Response:
        self.left.append(str((await request.json())["chat_id"]))
        return self.ok()

    async def getMe(self, request: web.Request) -> web.Response:
        return self.ok({"id": 123456, "is_bot": True, "first_name": "Willow", "username": "willow_road_bot"})

    async def setWebhook(self, request: web.Request) -> web.Response:
        data = await request.json()
        fine = self.only(data, "url secret_token allowed_updates max_connections drop_pending_updates", "setWebhook")
        if not fine or not data["url"].startswith("https://"):
            return self.error(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        self.set = data
        return self.ok()

    async def getWebhookInfo(self, request: web.Request) -> web.Response:
        return self.ok({"url": self.set.get("url", ""), "has_custom_certificate": False, "pending_update_count": 0})

    async def setMyCommands(self, request: web.Request) -> web.Response:
        return self.ok()

    # ------------------------------------------------------------------ people

    async def update(self, number: Optional[int] = None, secret: Optional[str] = SECRET, **content: Any) -> int:
        body = json.dumps({"update_id": number or 10_000 + next(self.numbers), **content}).encode()
        headers = {"Content-Type": "application/json", **({"X-Telegram-Bot-Api-Secret-Token": secret} if secret is not None else {})}
        return await self.post(body, headers)

    def message(self, person: str, at: Optional[float] = None, **content: Any) -> Dict[str, Any]:
        self.wrote[person] = at or time.time()
        who = {"id": int(person), "is_bot": False, "first_name": "Anna"}
        return {"message_id": next(self.numbers), "from": who, "chat": {"id": int(person), "type": "private"}, "date": int(at or time.time()), **content}

    async def text(self, person: str, text: str, at: Optional[float] = None, number: Optional[int] = None) -> int:
        return await self.update(number, message=self.message(person, at, text=text))

    async def press(self, person: str, title: str) -> int:
        for message in reversed(self.to(person)):
            for shown, key in message.buttons:
                if shown == title:
                    self.pressed.append(f"cb{next(self.numbers)}")
                    rows = [[{"text": t, "callback_data": k}] for t, k in message.buttons]
                    query = {
                        "id": self.pressed[-1],
                        "from": {"id": int(person), "is_bot": False, "first_name": "Anna"},
                        "message": {"message_id": 5, "date": 1, "chat": {"id": int(person), "type": "private"}, "reply_markup": {"inline_keyboard": rows}},
                        "chat_instance": "1",
                        "data": key,
                    }
                    return await self.update(callback_query=query)
        raise AssertionError(f"{person} sees no button {title!r}: {self.to(person)[-3:]}")

    async def photo(self, person: str, caption: str = "") -> int:
        sizes = [{"file_id": "x", "file_unique_id": "y", "width": 90, "height": 90}]
        return await self.update(message=self.message(person, photo=sizes, **({"caption": caption} if caption else {})))
