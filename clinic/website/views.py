"""The clinic's page, its word on privacy, its colours, and the one file of the chat. Everything is read anew when a file changes, as answers are."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

import yaml
from django.conf import settings as site
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from clinic.website import page, structured
from knowledge.library import LIBRARY
from runtime.settings import VAR, chat_url, keep_conversations_days

WORDS = Path(__file__).with_name("page.yml")
CHAT = VAR / "widget" / "stria-chat.js"


@dataclass(frozen=True)
class Chat:
    """The built chat. `integrity`: its hash, as a page that embeds it names it."""

    code: bytes
    packed: bytes
    integrity: str
    tag: str


_words: Tuple[int, Mapping[str, Any]] = (0, {})
_chat: Tuple[Optional[Tuple[int, int]], Optional[Chat]] = (None, None)


def words() -> Mapping[str, Any]:
    """page.yml; while it is unreadable, as it last was. Raises OSError or yaml.YAMLError when it never was readable."""
    global _words
    try:
        stamp = WORDS.stat().st_mtime_ns
        if stamp != _words[0]:
            _words = (stamp, yaml.safe_load(WORDS.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError):
        if not _words[1]:
            raise
    return _words[1]


def built_chat() -> Optional[Chat]:
    """The chat as `make run` built it; None when it could not be built here: then the page stands without it."""
    global _chat
    try:
        state = CHAT.stat()
    except OSError:
        return None
    stamp = (state.st_mtime_ns, state.st_size)
    if _chat[0] != stamp:
        code, integrity = CHAT.read_bytes(), CHAT.with_name(CHAT.name + ".sri").read_text(encoding="utf-8").strip()
        _chat = (stamp, Chat(code, gzip.compress(code, 9, mtime=0), integrity, f'"{hashlib.sha256(code).hexdigest()[:20]}"'))
    return _chat[1]


def policy(server: str) -> str:
    """Nothing inline, nothing from elsewhere, no string becomes markup or code; the chat's server may be talked to."""
    here = site.PUBLIC_URL
    talks = " ".join(dict.fromkeys(address for url in (here, server) if url for address in (url, url.replace("http", "ws", 1))))
    rules = ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'", f"connect-src 'self' {talks}"]
    rules += ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"]
    return "; ".join(rules)


def _page(template: str, more: Dict[str, Any]) -> HttpResponse:
    """The filled template. Without the request: nothing of a visitor, nor of a session of the staff's site, is looked at."""
    server, chat = chat_url(), built_chat()
    values = {"chat_server": server, "chat_integrity": chat.integrity if chat else "", "home": f"{site.PUBLIC_URL}/", **more}
    response = HttpResponse(render_to_string(template, values))
    response.headers["Content-Security-Policy"] = policy(server)
    response.headers["Cache-Control"] = "no-cache"  # a price that changed is shown at once
    return response


@require_safe
@gzip_page
def home(request: HttpRequest) -> HttpResponse:
    """The page that visitors come to."""
    knowledge = LIBRARY.get()
    values = page.compose(knowledge, words(), keep_conversations_days())
    asked = [answer for group in values["questions"]["groups"] for answer in group["answers"]]
    return _page("website/home.html", {**values, "structured": structured.describe(knowledge.clinic, asked, f"{site.PUBLIC_URL}/")})


@require_safe
@gzip_page
def privacy(request: HttpRequest) -> HttpResponse:
    """What happens to a visitor's data."""
    return _page("website/privacy.html", page.compose(LIBRARY.get(), words(), keep_conversations_days()))


@require_safe
def theme(request: HttpRequest) -> HttpResponse:
    """The clinic's colours."""
    sheet = page.theme(LIBRARY.get().clinic.get("website"))
    return HttpResponse(sheet, content_type="text/css; charset=utf-8", headers={"Cache-Control": "no-cache"})


@require_safe
def chat_file(request: HttpRequest) -> HttpResponse:
    """The one file that any page embeds. The integrity hash in the page says which one it must be."""
    chat = built_chat()
    if chat is None:
        raise Http404
    headers = {
        "Access-Control-Allow-Origin": "*",  # `crossorigin`, without which no browser checks the hash
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": "no-cache",
        "ETag": chat.tag,
    }
    if chat.tag in request.headers.get("If-None-Match", ""):
        return HttpResponseNotModified(headers=headers)
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(chat.packed if packed else chat.code, content_type="text/javascript; charset=utf-8", headers=headers)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response
