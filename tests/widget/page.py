"""Serves the widget's plain page as a strict site would, and writes down every report of a broken policy."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict, List

from runtime.settings import ROOT, VAR

PAGE = ROOT / "widget" / "page"
BUILT = VAR / "widget"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".json": "application/json"}


class Page:
    """A site on a loopback port. `chat`: address of the Rasa server that the widget talks to."""

    def __init__(self) -> None:
        self.chat = ""
        self.reports: List[Any] = []
        self.requests: List[str] = []
        self.files: Dict[str, str] = {}  # texts served in place of files, by path
        page = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                page.requests.append(self.path)
                name = "index.html" if path == "/" else path.lstrip("/")
                found = next((folder / name for folder in (PAGE, BUILT) if (folder / name).is_file()), None)
                if path in page.files:
                    body = page.files[path].encode()
                elif found is not None and ".." not in name:
                    body = found.read_bytes()
                else:
                    body = b""
                if name == "index.html":
                    body = body.replace(b"<stria-chat", f'<stria-chat server="{page.chat}"'.encode())
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", TYPES.get(Path(name).suffix, "text/plain"))
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Content-Security-Policy", page.policy())
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                page.reports.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *line: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def policy(self) -> str:
        """What a careful site sends: nothing inline, nothing from elsewhere, no string becomes markup or code."""
        talks = f"'self' {self.chat} {self.chat.replace('http', 'ws', 1)}"
        rules = ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", f"connect-src {talks}"]
        rules += ["base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'", "report-uri /report"]
        return "; ".join(rules)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
