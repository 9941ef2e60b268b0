"""Facebook Messenger."""

from typing import Any, Dict, Mapping, Optional

import aiohttp

from channels.meta import Meta
from channels.platform import Reading, identity, key_of, mappings, parsed, pick, whole, words
from channels.rendering import CALENDAR, Part
from channels.updates import Delivery, Update

MEDIA = ("image", "audio", "video", "file", "location", "sticker", "reel", "ig_reel", "template", "like_heart")


class MessengerChannel(Meta):
    """`token`: of the page."""

    channel = "messenger"
    settings_needed = ("token", "app_secret")
    window_codes = frozenset({2018278, 2534022, 1545041})
    gone_codes = frozenset({551, 2018001, 2018108, 2018028})

    def read(self, body: bytes, query: str = "") -> Reading:
        data, reading = parsed(body), Reading()
        if data.get("object") != "page":
            reading.foreign += 1
            return reading
        for entry in mappings(data.get("entry")):
            events = mappings(entry.get("messaging"))  # `standby` is for another app that has the conversation
            reading.add(events, _update)
            reading.deliveries.extend(filter(None, map(_echo, events)))
        return reading

    async def send(self, http: aiohttp.ClientSession, conversation: str, part: Part, key: str, staff: bool = False, late: bool = False) -> Optional[str]:
        message: Dict[str, Any] = {"attachment": {"type": "file", "payload": {"is_reusable": False}}} if part.file else {"text": part.text}
        if part.buttons:
            message["quick_replies"] = [{"content_type": "text", "title": title, "payload": button} for title, button, _ in part.buttons]
        message["metadata"] = key  # comes back in the echo
        kind = {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"} if staff and late else {"messaging_type": "RESPONSE"}
        body = {"recipient": {"id": conversation.partition(":")[2]}, **kind, "message": message}
        data = await self.graph_post(http, "me/messages", self.settings["token"], body, upload=("filedata", part.file, CALENDAR) if part.file else None)
        return words(pick(data, "message_id"), 128) or None


def _echo(event: Mapping[str, Any]) -> Optional[Delivery]:
    """What the page itself has sent, if that was a message of ours."""
    message: Any = event.get("message")
    if not isinstance(message, Mapping) or message.get("is_echo") is not True or not key_of(message.get("metadata")):
        return None
    return Delivery(words(message.get("mid"), 128), key=key_of(message["metadata"]))


def _update(event: Mapping[str, Any]) -> Optional[Update]:
    """An event as an update, None when it asks for nothing. Raises gate.BadIdentity."""
    at = whole(event.get("timestamp"))
    common: Dict[str, Any] = {"conversation": identity("messenger", pick(event, "sender", "id")), "at": at / 1000, "place": at}
    message, postback = event.get("message"), event.get("postback")
    if isinstance(message, Mapping):
        if message.get("is_echo") or message.get("is_deleted") or not isinstance(message.get("mid"), str):
            return None
        common["event"] = message["mid"][:400]
        key = pick(message, "quick_reply", "payload")
        said = words(message.get("text"))
        if isinstance(key, str) and key.startswith("k:"):
            return Update("press", key=key[:1000], text=said, **common)
        kinds = [attachment.get("type") for attachment in mappings(message.get("attachments"))]
        if message.get("sticker_id") or any(kind != "fallback" for kind in kinds):  # a fallback is the preview of a link in the text
            return Update("media", text=said, **common)
        if said or not kinds:
            return Update("text", text=said, **common)
        return Update("media", **common)
    if isinstance(postback, Mapping):
        common["event"] = words(postback.get("mid"), 400) or f"postback {common['conversation']} {at}"
        payload = words(postback.get("payload"), 1000)
        if payload.startswith("k:"):
            return Update("press", key=payload, text=words(postback.get("title")), **common)
        return Update("begin", **common)
    edit = event.get("message_edit")
    if isinstance(edit, Mapping) and isinstance(edit.get("mid"), str):
        return Update("edit", text=words(edit.get("text")), **{**common, "event": f"edit {edit['mid'][:380]} {whole(edit.get('num_edit'))}"})
    return None  # read, delivery, reaction, optin, referral, account linking, hand-over between apps: nothing that asks for an answer
