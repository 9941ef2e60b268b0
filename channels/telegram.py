"""Telegram."""

from typing import Any, Dict, Mapping, Optional

import aiohttp
from sanic.request import Request

from channels.platform import Platform, Reading, derived, digits, identity, mappings, parsed, pick, retry_after, same, whole, words
from channels.rendering import Part
from channels.updates import Gone, Later, Never, Update
from runtime import gate

API = "https://api.telegram.org"
WANTED = ("message", "edited_message", "callback_query", "my_chat_member")  # what setWebhook asks for; anything else is passed over
SERVICE = frozenset(  # messages of which nobody expects an answer
    """new_chat_members left_chat_member new_chat_title new_chat_photo delete_chat_photo group_chat_created supergroup_chat_created channel_chat_created
    message_auto_delete_timer_changed migrate_to_chat_id migrate_from_chat_id pinned_message chat_background_set users_shared chat_shared
    write_access_allowed connected_website passport_data successful_payment refunded_payment boost_added forum_topic_created forum_topic_edited
    forum_topic_closed forum_topic_reopened video_chat_scheduled video_chat_started video_chat_ended""".split()
)


class TelegramChannel(Platform):
    """`token`: of the bot; `secret`: what Telegram sends with every update, made from the token when none is chosen."""

    channel = "telegram"
    settings_needed = ("token",)

    def secret(self) -> str:
        return self.settings.get("secret") or derived(self.settings["token"], "telegram secret")

    def genuine(self, request: Request, body: bytes) -> bool:
        return same(request.headers.get("x-telegram-bot-api-secret-token"), self.secret())

    def read(self, body: bytes, query: str = "") -> Reading:
        reading = Reading()
        reading.add([parsed(body)], _update)
        return reading

    def method(self, name: str) -> str:
        return f"{self.settings.get('api') or API}/bot{self.settings['token']}/{name}"

    async def send(self, http: aiohttp.ClientSession, conversation: str, part: Part, key: str, staff: bool = False, late: bool = False) -> Optional[str]:
        chat = int(conversation.partition(":")[2])
        if part.file:
            form = aiohttp.FormData()
            form.add_field("chat_id", str(chat))
            form.add_field("document", part.file["content"].encode(), filename=part.file["name"], content_type="text/calendar")
            data = await self._call(http, "sendDocument", data=form)
        else:
            message: Dict[str, Any] = {"chat_id": chat, "text": part.text, "link_preview_options": {"is_disabled": True}}
            if part.buttons:
                message["reply_markup"] = {"inline_keyboard": [[{"text": title, "callback_data": key}] for title, key, _ in part.buttons]}
            data = await self._call(http, "sendMessage", json=message)
        return str(whole(pick(data, "result", "message_id"))) or None

    async def seen(self, http: aiohttp.ClientSession, update: Update) -> None:
        if update.callback:
            await self._call(http, "answerCallbackQuery", json={"callback_query_id": update.callback})

    async def leave_group(self, http: aiohttp.ClientSession, conversation: str) -> None:
        await self._call(http, "leaveChat", json={"chat_id": int(conversation.partition(":")[2])})

    async def _call(self, http: aiohttp.ClientSession, name: str, **request: Any) -> Any:
        """The answer to a method. Raises Later, Never or Gone."""
        status, data, headers = await self.call(http, "POST", self.method(name), **request)
        if status == 200 and pick(data, "ok") is True:
            return data
        code = whole(pick(data, "error_code")) or status
        asked = whole(pick(data, "parameters", "retry_after"))
        if code == 429:
            raise Later("429", float(asked) if asked else retry_after(headers))
        if code == 403:
            raise Gone("403")
        if code >= 500 or code in (401, 404, 408, 409) or code < 400:  # 401 and 404: the token is wrong, which the clinic can mend
            raise Later(str(code), retry_after(headers))
        if code == 400 and "chat not found" in words(pick(data, "description")).lower():
            raise Gone("400")
        raise Never(str(code))


def _update(data: Mapping[str, Any]) -> Optional[Update]:
    """An update of Telegram's as ours, None when it asks for nothing. Raises gate.BadIdentity."""
    number = digits(data.get("update_id"))
    if number is None or number < 0:
        return None
    common: Dict[str, Any] = {"event": str(number), "place": number}
    press: Any = data.get("callback_query")
    if isinstance(press, Mapping):
        conversation, group = _chat(pick(press, "message", "chat"), pick(press, "from"))
        title = ""
        for row in pick(press, "message", "reply_markup", "inline_keyboard", default=[]):
            for button in mappings(row):
                if button.get("callback_data") == press.get("data"):
                    title = words(button.get("text"), 200)
        common.update(conversation=conversation, callback=words(press.get("id"), 100))
        return Update("group", **common) if group else Update("press", key=words(press.get("data"), 64), text=title, **common)
    member = data.get("my_chat_member")
    if isinstance(member, Mapping):
        conversation, group = _chat(member.get("chat"), None)
        there = pick(member, "new_chat_member", "status") in ("member", "administrator", "creator")
        common.update(conversation=conversation, at=float(whole(member.get("date"))))
        if group:
            return Update("group", **common) if there and pick(member, "chat", "type") != "channel" else None
        return Update("unblocked" if there else "blocked", **common)
    edited: Any = data.get("edited_message")
    message: Any = edited if isinstance(edited, Mapping) else data.get("message")
    if not isinstance(message, Mapping) or pick(message, "from", "is_bot") is True:
        return None
    conversation, group = _chat(message.get("chat"), message.get("from"))
    common.update(conversation=conversation, at=float(whole(message.get("edit_date") or message.get("date"))))
    if group:
        return None if SERVICE & set(message) else Update("group", **common)
    said = words(message.get("text"))
    if edited is message:
        return Update("edit", text=said or words(message.get("caption")), **common)
    if said:
        command = (said.split(maxsplit=1) or [""])[0].partition("@")[0].lower()
        if command == "/start":
            return Update("begin", **common)
        return Update("text", text={"/stop": "/stop", "/help": "help"}.get(command, said), **common)
    if SERVICE & set(message):
        return None
    return Update("media", text=words(message.get("caption")), **common)


def _chat(chat: Any, sender: Any) -> Any:
    """(conversation, whether it is a group) of a chat; a press on a message too old to be told comes from its sender."""
    number, kind = digits(pick(chat, "id")), pick(chat, "type")
    if chat is None and sender is not None:
        number, kind = digits(pick(sender, "id")), "private"
    if number is None:
        raise gate.BadIdentity("no chat")
    return identity("telegram", number), kind != "private" or number < 0
