"""WhatsApp through Meta's Cloud API."""

import logging
from typing import Any, Dict, List, Mapping, Optional

import aiohttp

from channels.meta import Meta
from channels.platform import Reading, digits, identity, key_of, mappings, parsed, pick, whole, words
from channels.rendering import OPEN_LIST, Part
from channels.updates import Delivery, Update

logger = logging.getLogger(__name__)

MEDIA = ("image", "audio", "voice", "video", "document", "sticker", "location", "contacts", "order")
SILENT = ("reaction", "system", "ephemeral", "revoke")  # nothing that asks for an answer
FAILED_WINDOW = 131047
DOCUMENT = "text/plain"  # the Cloud API takes no text/calendar; a phone goes by the file's name


class WhatsAppChannel(Meta):
    """`number_id`: of the business number; `token`: of a system user; `template`: `name:language` of an approved template without variables."""

    channel = "whatsapp"
    settings_needed = ("number_id", "token", "app_secret")
    window_codes = frozenset({FAILED_WINDOW, 470})
    gone_codes = frozenset({131050})  # asked Meta for no messages from us

    def read(self, body: bytes, query: str = "") -> Reading:
        data, reading = parsed(body), Reading()
        if data.get("object") != "whatsapp_business_account":
            reading.foreign += 1
            return reading
        for entry in mappings(data.get("entry")):
            for change in mappings(entry.get("changes")):
                value: Any = change.get("value")
                ours = isinstance(value, dict) and str(pick(value, "metadata", "phone_number_id")) == self.settings["number_id"]
                if change.get("field") != "messages" or not ours:
                    reading.foreign += 1
                    continue
                reading.add(mappings(value.get("messages")), _update)
                reading.deliveries.extend(_deliveries(value))
        return reading

    async def send(self, http: aiohttp.ClientSession, conversation: str, part: Part, key: str, staff: bool = False, late: bool = False) -> Optional[str]:
        message = content(part)
        if part.file:  # a document's type may only be one of a short list, its name says what it is
            kept = {"messaging_product": "whatsapp", "type": DOCUMENT}
            uploaded = await self.graph_post(http, f"{self.settings['number_id']}/media", self.settings["token"], kept, ("file", part.file, DOCUMENT))
            message = {"type": "document", "document": {"id": str(pick(uploaded, "id"))[:200], "filename": part.file["name"]}}
        data = await self._post(http, conversation, {**message, "biz_opaque_callback_data": key})
        return words(pick(data, "messages", 0, "id"), 128) or None

    async def nudge(self, http: aiohttp.ClientSession, conversation: str) -> bool:
        name, _, language = self.settings.get("template", "").partition(":")
        if not name:
            return False
        await self._post(http, conversation, {"type": "template", "template": {"name": name, "language": {"code": language or "en"}}})
        return True

    async def _post(self, http: aiohttp.ClientSession, conversation: str, message: Mapping[str, Any]) -> Any:
        body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": conversation.partition(":")[2], **message}
        return await self.graph_post(http, f"{self.settings['number_id']}/messages", self.settings["token"], body)


def content(part: Part) -> Dict[str, Any]:
    """A part without a file as the Cloud API wants it."""
    if part.style == "buttons":
        rows: List[Dict[str, Any]] = [{"type": "reply", "reply": {"id": key, "title": title}} for title, key, _ in part.buttons]
        return {"type": "interactive", "interactive": {"type": "button", "body": {"text": part.text}, "action": {"buttons": rows}}}
    if part.style == "list":
        rows = [{"id": key, "title": title, **({"description": more} if more else {})} for title, key, more in part.buttons]
        action = {"button": OPEN_LIST, "sections": [{"rows": rows}]}
        return {"type": "interactive", "interactive": {"type": "list", "body": {"text": part.text}, "action": action}}
    return {"type": "text", "text": {"preview_url": False, "body": part.text}}


def _update(message: Mapping[str, Any]) -> Optional[Update]:
    """A message as an update, None when it asks for nothing. Raises gate.BadIdentity."""
    kind, event, at = message.get("type"), words(message.get("id"), 400), whole(message.get("timestamp"))
    sender = digits(message.get("from"))
    if not event or sender is None or sender <= 0:
        return None
    conversation = identity("whatsapp", sender)
    common: Dict[str, Any] = {"conversation": conversation, "event": event, "at": float(at), "place": at}
    if message.get("group_id"):
        return Update("group", **common)
    if kind == "text":
        return Update("text", text=words(pick(message, "text", "body")), **common)
    if kind == "interactive":
        reply = pick(message, "interactive", "button_reply") or pick(message, "interactive", "list_reply")
        if reply is None:  # the answer to a form that we do not send
            return Update("media", **common)
        title = words(pick(reply, "description")) or words(pick(reply, "title"))
        return Update("press", key=words(pick(reply, "id"), 256), text=title, **common)
    if kind == "button":  # of a template: its words are what the person says
        return Update("text", text=words(pick(message, "button", "text")), **common)
    if kind == "request_welcome":
        return Update("begin", **common)
    if kind in ("edit", "message_edit"):
        return Update("edit", text=words(pick(message, "edit", "message", "text", "body") or pick(message, "edit", "body")), **common)
    if kind in SILENT:
        return None
    if kind in MEDIA:
        return Update("media", text=words(pick(message, str(kind), "caption")), **common)
    return Update("media", **common)  # unsupported, unknown, and what will be invented yet: the person is told that only words are read


def _deliveries(value: Mapping[str, Any]) -> List[Delivery]:
    found = []
    for status in mappings(value.get("statuses")):
        failed, key = status.get("status") == "failed", key_of(status.get("biz_opaque_callback_data"))
        if isinstance(status.get("id"), str) and (failed or key):
            why = str(whole(pick(status, "errors", 0, "code")) or "failed") if failed else None
            found.append(Delivery(status["id"][:128], why, key))
    return found
