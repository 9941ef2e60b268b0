"""The files in `deploy/` are right: a real nginx routes each conversation to one process, and the compose file hangs together."""

import asyncio
import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import yaml

from runtime.bootstrap import how_to_install, program
from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))


class Upstream:
    """A server that says who it is and what reached it."""

    def __init__(self, name: str):
        class Answer(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.dumps({"who": name, "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Proxy:
    """nginx with our configuration before three processes and a site, or before servers at the addresses given."""

    def __init__(self, rasa: Sequence[str] = (), web: str = "", port: int = 0) -> None:
        self.rasa, self.web = [Upstream(f"rasa-{number}") for number in range(0 if rasa else 3)], None if web else Upstream("web")
        self.folder = Path(tempfile.mkdtemp(prefix="stria-nginx-"))
        self.folder.chmod(0o755)  # nginx gives up root for a user of its own
        (self.folder / "run").mkdir(mode=0o777)
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        shutil.copy(DEPLOY / "nginx.conf", self.folder)
        (self.folder / "listen.conf").write_text(f"listen 127.0.0.1:{port};\n")
        places = [*rasa, *(each.address for each in self.rasa)]
        servers = "".join(f"server {place} max_fails=1 fail_timeout=30s;\n" for place in places)
        site = self.web.address if self.web else web
        (self.folder / "upstreams.conf").write_text(
            f"upstream rasa {{ zone rasa 256k; hash $person consistent; {servers} keepalive 16; }}\nupstream web {{ server {site}; }}\n"
        )
        with (self.folder / "log").open("wb") as log:
            command = [str(program("nginx")), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-g", "daemon off;"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while "nginx.pid" not in [path.name for path in (self.folder / "run").iterdir()]:
            assert self.process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        for each in filter(None, (*self.rasa, self.web)):
            each.stop()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    if program("nginx") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(how_to_install(["nginx-light"]))
    running = Proxy()
    try:
        yield running
    finally:
        running.stop()


async def who(proxy: Proxy, path: str, body: Any = None, **more: Any) -> str:
    form = {"Content-Type": "application/x-www-form-urlencoded"} if isinstance(body, str) else {"Content-Type": "application/json"}
    data = body if isinstance(body, str) else json.dumps(body)
    async with aiohttp.ClientSession() as session, session.post(proxy.url + path, data=data, headers=form, **more) as answer:
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["who"])


def twilio(number: int, text: str) -> Any:
    return f"ToCountry=GB&MessageSid=SM{hash(text):x}&From={quote(f'whatsapp:+15550{number:04d}')}&Body={quote(text)}"


def telegram(number: int, text: str) -> Any:
    return {
        "update_id": hash(text),
        "message": {"message_id": 7, "from": {"id": number, "is_bot": False}, "chat": {"id": number, "type": "private"}, "text": text},
    }


def whatsapp(number: int, text: str) -> Any:
    message = {"from": f"4477009{number:05d}", "id": f"wamid.{hash(text)}", "text": {"body": text}, "type": "text"}
    return {"object": "whatsapp_business_account", "entry": [{"changes": [{"value": {"messages": [message]}, "field": "messages"}]}]}


def messenger(number: int, text: str) -> Any:
    return {
        "object": "page",
        "entry": [{"id": "1", "messaging": [{"sender": {"id": str(10**15 + number)}, "recipient": {"id": "1"}, "message": {"text": text}}]}],
    }


@pytest.mark.parametrize("platform", [twilio, telegram, whatsapp, messenger])
async def test_a_person_always_reaches_the_same_process_and_people_are_spread(proxy: Proxy, platform: Any) -> None:
    texts = ("does it hurt", 'my "sender": "9" says From=7', "x" * 5000)
    found = []
    for number in range(40):
        places = {await who(proxy, f"/webhooks/{platform.__name__}/webhook", platform(number, text)) for text in texts}
        assert len(places) == 1
        found += places
    assert set(found) == {"rasa-0", "rasa-1", "rasa-2"}


async def test_a_visit_of_the_website_stays_where_it_is(proxy: Proxy) -> None:
    found = []
    for number in range(40):
        address = f"/socket.io/?EIO=4&transport=polling&route=visit-{number:06d}"
        places = {await who(proxy, address, {"n": n}) for n in range(2)}
        assert len(places) == 1
        found += places
    assert set(found) == {"rasa-0", "rasa-1", "rasa-2"}
    assert len({await who(proxy, "/socket.io/?EIO=4&transport=polling", {"n": n}) for n in range(5)}) == 1  # without a token: by address


async def test_when_a_process_is_gone_another_takes_over(proxy: Proxy) -> None:
    stopped = Upstream("short")
    place = await who(proxy, "/webhooks/telegram/webhook", telegram(77, "hello"))
    victim = next(each for each, name in zip(proxy.rasa, ("rasa-0", "rasa-1", "rasa-2")) if name == place)
    stopped.stop()
    port = victim.server.server_address[1]
    victim.stop()
    try:
        assert await who(proxy, "/webhooks/telegram/webhook", telegram(77, "hello again")) != place
    finally:
        again = Upstream(place)
        again.stop()
        revived = http.server.ThreadingHTTPServer(("127.0.0.1", port), again.server.RequestHandlerClass)
        threading.Thread(target=revived.serve_forever, daemon=True).start()
        victim.server = revived


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/webhooks/rest/webhook", "/webhooks/rest", "//metrics", "/webhooks/../metrics", "/%6detrics"]
)
async def test_what_is_inside_stays_inside(proxy: Proxy, path: str) -> None:
    from yarl import URL

    async with aiohttp.ClientSession() as session, session.get(URL(proxy.url + path, encoded=True)) as answer:
        assert answer.status == 404


async def test_a_message_larger_than_any_platform_sends_is_refused_at_the_door(proxy: Proxy) -> None:
    async with aiohttp.ClientSession() as session, session.post(proxy.url + "/webhooks/telegram/webhook", data=b"x" * 3_500_000) as answer:
        assert answer.status == 413


async def test_what_a_visitor_claims_in_headers_is_not_believed(proxy: Proxy) -> None:
    claims = {"X-Stria-Secret": "guess", "X-Request-Id": "mine", "X-Forwarded-For": "1.2.3.4"}
    async with aiohttp.ClientSession() as session, session.get(proxy.url + "/", headers=claims) as answer:
        body = await answer.json()
    assert body["who"] == "web" and "x-stria-secret" not in body["headers"]
    assert body["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert re.fullmatch(r"[0-9a-f]{32}", body["headers"]["x-request-id"]) and answer.headers["X-Request-Id"] == body["headers"]["x-request-id"]


async def test_a_web_socket_is_let_through(proxy: Proxy) -> None:
    wanted = {"Connection": "Upgrade", "Upgrade": "websocket"}
    async with aiohttp.ClientSession() as session, session.get(proxy.url + "/socket.io/?route=visit-1", headers=wanted) as answer:
        headers = (await answer.json())["headers"]
    assert (headers["connection"], headers["upgrade"]) == ("upgrade", "websocket")


async def test_one_address_cannot_flood_the_site(proxy: Proxy) -> None:
    async def ask(session: aiohttp.ClientSession) -> int:
        async with session.get(proxy.url + "/socket.io/?route=visit-2") as answer:
            return answer.status

    async with aiohttp.ClientSession() as session:
        assert 429 in await asyncio.gather(*(ask(session) for _ in range(200)))


async def test_the_proxy_logs_nobody(proxy: Proxy) -> None:
    # By now processes were gone and limits reached: the error log must not quote those requests either.
    await who(proxy, "/webhooks/twilio/webhook?secret=hunter2", twilio(4242, "I am pregnant"))
    assert '"status":200' in proxy.log() and '"status":429' in proxy.log()
    assert not re.search(r"whatsapp|pregnant|hunter2|route=|client:|webhooks", proxy.log())


def test_every_command_of_the_compose_file_can_run() -> None:
    for name, service in COMPOSE["services"].items():
        command = service["command"]
        if command[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(command[2]) is not None, name


def test_every_setting_of_the_compose_file_is_one_we_know() -> None:
    known = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.M))
    assert set(COMPOSE["x-stria"]["environment"]) <= known | {"OMP_NUM_THREADS"}


def test_only_the_proxy_has_a_door_and_the_databases_no_way_out() -> None:
    services = COMPOSE["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert services["postgres"]["networks"] == services["redis"]["networks"] == ["data"] and COMPOSE["networks"]["data"]["internal"]


def test_no_secret_has_a_default() -> None:
    text = (DEPLOY / "compose.yml").read_text(encoding="utf-8")
    assert not re.search(r"\$\{STRIA_\w*(?:PASSWORD|SECRET|KEYS?):-", text)
    assert set(re.findall(r"\$\{(STRIA_\w*(?:PASSWORD|SECRET|KEYS?)):\?", text)) == {
        "STRIA_DATABASE_PASSWORD",
        "STRIA_REDIS_PASSWORD",
        "STRIA_ACTIONS_SECRET",
        "STRIA_SIGNING_KEY",
        "STRIA_RECORD_KEYS",
        "STRIA_WEB_SECRET",
    }


def test_waiting_for_each_other_ends() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_completed_successfully" or "healthcheck" in services[other], f"{name} waits for {other}"


def test_every_file_that_is_mounted_exists() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or source == "./tls" or (DEPLOY / source).exists(), volume


def test_the_image_brings_the_chat_of_the_website() -> None:
    built, kept = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[-2:]
    assert "widget/prepare.py" in built and "COPY --from=built --chown=stria /app/var/widget var/widget" in kept


def test_the_image_carries_no_state_and_no_secret() -> None:
    left_out = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".env", "var", "deploy/tls"} <= set(left_out)
    assert "USER stria" in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_the_unit_file_is_valid() -> None:
    done = subprocess.run(["systemd-analyze", "verify", str(DEPLOY / "stria.service")], capture_output=True, text=True, timeout=60, check=False)
    assert "stria.service" not in done.stderr, done.stderr
