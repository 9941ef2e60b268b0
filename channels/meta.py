"""What WhatsApp and Messenger have in common: Meta's signature, its hand-shake and its Graph API."""

import hashlib
import hmac
import json
from typing import Any, Dict, FrozenSet, Mapping, Optional, Tuple

import aiohttp
from sanic.request import Request
from sanic.response import HTTPResponse, text

from channels.platform import Platform, derived, pick, retry_after, same, whole
from channels.updates import Gone, Later, Never, WindowClosed

GRAPH = "https://graph.facebook.com/v25.0"
THROTTLED = frozenset({4, 17, 32, 613, 80007, 130429, 131048, 131057})  # the app or the number sends too much
PAIR_THROTTLED = frozenset({131056})  # too much to this one person
# Mended by the clinic (a wrong token, a number that is not registered) or by Meta, not by another message.
REFUSED = frozenset({0, 1, 2, 3, 10, 190, 200, 368, 1200, 2022, 131000, 131005, 131016, 131031, 131042, 131045, 133004, 133010})


class Meta(Platform):
    """`app_secret`: of the Meta app; more than one, with commas, while it is being changed."""

    window_codes: FrozenSet[int] = frozenset()
    gone_codes: FrozenSet[int] = frozenset()

    def verify_token(self) -> str:
        """What Meta's page is to be given; chosen by the clinic or made from the app's secret."""
        return self.settings.get("verify") or derived(self.settings["app_secret"], f"{self.channel} verify")

    def genuine(self, request: Request, body: bytes) -> bool:
        given = request.headers.get("x-hub-signature-256")
        found = [same(given, "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()) for secret in self.proved_with]
        return any(found)

    def handshake(self, request: Request) -> Optional[HTTPResponse]:
        query = request.get_args(keep_blank_values=True)
        challenge = query.get("hub.challenge") or ""
        known = query.get("hub.mode") == "subscribe" and same(query.get("hub.verify_token"), self.verify_token())
        if not known or not challenge.isalnum() or len(challenge) > 200:
            return text("", status=403)
        return text(challenge)

    def graph(self, path: str) -> str:
        return f"{self.settings.get('api') or GRAPH}/{path}"

    async def graph_post(
        self, http: aiohttp.ClientSession, path: str, token: str, body: Mapping[str, Any], upload: Optional[Tuple[str, Mapping[str, str], str]] = None
    ) -> Any:
        """The answer to a POST. `upload`: a file that goes with it, as (field, {"name", "content"}, its type).

        Raises Later, Never, Gone or WindowClosed by Meta's error code, which says more than the status.
        """
        request: Dict[str, Any] = {"json": dict(body)}
        if upload:
            field, file, kind = upload
            form = aiohttp.FormData()
            for name, value in body.items():
                form.add_field(name, value if isinstance(value, str) else json.dumps(value))
            form.add_field(field, file["content"].encode(), filename=file["name"], content_type=kind)
            request = {"data": form}
        status, data, headers = await self.call(http, "POST", self.graph(path), headers={"Authorization": f"Bearer {token}"}, **request)
        if status == 200 and isinstance(data, dict) and "error" not in data:
            return data
        code, subcode = pick(data, "error", "code", default=0), pick(data, "error", "error_subcode", default=0)
        code, subcode = whole(code), whole(subcode)
        why = f"{code}/{subcode}" if subcode else str(code or f"status {status}")
        if code in self.window_codes or subcode in self.window_codes:
            raise WindowClosed(why)
        if code in self.gone_codes or subcode in self.gone_codes:
            raise Gone(why)
        if code in PAIR_THROTTLED:
            raise Later(why, retry_after(headers) or 6.0, everyone=False)
        if status == 429 or code in THROTTLED:
            raise Later(why, retry_after(headers))
        passing = code in REFUSED and isinstance(data, dict) and "error" in data
        if status >= 500 or status in (401, 403, 408) or status < 400 or passing or pick(data, "error", "is_transient") is True:
            raise Later(why, retry_after(headers))
        raise Never(why)
