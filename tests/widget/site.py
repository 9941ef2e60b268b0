"""The clinic's page as `make run` serves it: the Django process, on records of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List

import requests

from runtime.settings import ROOT
from tests.servers import free_port


class Site:
    """`public_url`: where a reverse proxy shows it. `chat`: address of the server its chat talks to. `reports`: what broke the page's policy."""

    def __init__(self, folder: Path, public_url: str = ""):
        self.port, self.public_url = free_port(), public_url
        self.chat = ""
        self.records = str(folder / "clinic.sqlite3")
        self.log = folder / "site.log"
        self.reports: List[Any] = []
        self.process: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Site":
        settings = {"STRIA_CLINIC_PORT": str(self.port), "STRIA_CHAT_URL": self.chat, "STRIA_CLINIC_DB": self.records, "STRIA_PUBLIC_URL": self.public_url}
        with self.log.open("wb") as lines:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "clinic.server"], cwd=ROOT, env={**os.environ, **settings}, stdout=lines, stderr=lines, start_new_session=True
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                if requests.get(self.url, timeout=10).status_code == 200:
                    return self
            except requests.ConnectionError:
                assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text(errors="replace")[-2000:]
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
