"""The attack table of docs/widget.md: none of these reads, writes or stops another visitor's conversation."""

import asyncio
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any, Dict, List

import aiohttp
import pytest
import requests
from socketio.exceptions import SocketIOError

from channels.base import button_key
from channels.sessions import BadSession, Sessions
from tests.channels.website import PAGE, Visitor, Website, refusal, words
from tests.runtime.site import Parent

pytestmark = [pytest.mark.model, pytest.mark.slow]
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def website(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    many = {"STRIA_WEB_CONNECTIONS_PER_MINUTE": "100000", "STRIA_ADDRESS_MESSAGES_PER_MINUTE": "100000"}
    made = Website(parent, tmp_path_factory.mktemp("attacks"), **many).start()
    yield made
    made.stop()


@pytest.fixture
def victim(website: Website) -> Iterator[Visitor]:
    """Somebody in the middle of a conversation, who must not notice anything."""
    visitor = Visitor(website)
    visitor.say("i have eczema, does it hurt")
    before = visitor.open()["items"]
    visitor.heard.clear()
    yield visitor
    assert visitor.client.connected and visitor.open()["items"] == before
    assert not [name for name, _ in visitor.heard if name in ("turn", "erased")]
    assert visitor.say("how many sessions will i need")["status"] == "answered"
    visitor.leave()


def stored(visitor: Visitor) -> List[str]:
    return [item["text"] for item in visitor.open()["items"] if item["from"] == "visitor"]


def test_another_visitors_id(website: Website, victim: Visitor) -> None:
    theirs = victim.open()["token"].split(".")[1]
    attacker = Visitor(website, session_id=theirs, sid=theirs)
    for name in ("session_id", "sender", "sender_id", "conversation", "room", "token"):
        answer = attacker.say("what does it cost", **{name: f"web:{theirs}"})
        assert answer["status"] == "answered"
    for event in ("session_request", "join", "enter_room", "open"):
        attacker.client.emit(event, {"session_id": theirs, "room": f"web:{theirs}"})
    assert len(stored(attacker)) == 6 and "eczema" not in " ".join(stored(attacker))
    attacker.leave()


def test_forged_and_changed_signatures(website: Website, victim: Visitor) -> None:
    token = victim.open()["token"]
    version, identity, expires, consent, mac = token.split(".")
    other = Sessions(b"another secret that is long enough", 3600)
    forged = other.token(other.issue(consent, identity))
    later = ".".join((version, identity, str(int(expires) + 1), consent, mac))
    swapped = ".".join((version, "A" * 22, expires, consent, mac))
    cut, empty = token[:-1], ".".join((version, identity, expires, consent, ""))
    for bad in (forged, later, swapped, cut, empty, token + "A", token.upper(), "", "1.....", 7, {"a": 1}, [], SCRIPT, "x" * 5000, "\x00"):
        assert refusal(website, {"token": bad}) == "session", bad
    assert refusal(website, {"token": token}) == ""


def test_an_expired_signature_and_one_without_consent(website: Website) -> None:
    past = Sessions(b"a secret of the tests, long enough", 3600, clock=lambda: time.time() - 7200)
    assert refusal(website, {"token": past.token(past.issue("c1"))}) == "session"
    with pytest.raises(BadSession, match="expired"):
        Sessions(b"a secret of the tests, long enough", 3600).read(past.token(past.issue("c1")))
    for consent in (None, "", True, "c000000000", SCRIPT, ["c"], "x" * 5000):
        assert refusal(website, {"consent": consent}) == "consent"
    for auth in ({}, [], "x", 7, None, [{"token": 1}]):
        assert refusal(website, auth) == "consent"


async def test_a_foreign_origin(website: Website, victim: Visitor) -> None:
    for origin in ("https://evil.example", "null", PAGE + ".evil.example", "http://127.0.0.1:80001", "file://"):
        reply = requests.get(f"{website.url}/socket.io/?EIO=4&transport=polling", headers={"Origin": origin}, timeout=5)
        assert reply.status_code == 400 and "sid" not in reply.text
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(f"{website.url}/socket.io/?EIO=4&transport=websocket", headers={"Origin": origin})


def test_replay_of_a_message_and_of_an_erased_visitors_token(website: Website, victim: Visitor) -> None:
    visitor = Visitor(website)
    token = visitor.open()["token"]
    tabs = [Visitor(website, token) for _ in range(4)]
    got: List[Dict[str, Any]] = []
    threads = [threading.Thread(target=lambda tab=tab: got.append(tab.say("does it hurt", "same"))) for tab in [*tabs, *tabs]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(answer["status"] for answer in got) == {"answered": 1, "repeated": 7}
    assert len({words(answer["items"]) for answer in got}) == 1 and stored(visitor) == ["does it hurt"]
    assert visitor.call("erase")["status"] == "erased"
    again = Visitor(website, token)
    assert again.open()["items"] == []
    for one in (visitor, again, *tabs):
        one.leave()


async def test_a_packet_of_a_megabyte(website: Website, victim: Visitor) -> None:
    visitor = Visitor(website)
    visitor.client.emit("say", {"id": "big", "text": "x" * 1_000_000})
    await asyncio.sleep(0.5)
    reply = requests.get(f"{website.url}/socket.io/?EIO=4&transport=polling", headers={"Origin": PAGE}, timeout=5)
    sid = reply.text.split('"sid":"')[1].split('"')[0]
    large = requests.post(f"{website.url}/socket.io/?EIO=4&transport=polling&sid={sid}", data="4" + "x" * 1_000_000, timeout=5)
    assert large.status_code in (400, 413)
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"{website.url}/socket.io/?EIO=4&transport=websocket", headers={"Origin": PAGE})
        await socket.receive()
        await socket.send_str('40{"consent":"' + "x" * 1_000_000 + '"}')
        closed = await socket.receive(timeout=5)
        assert closed.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.ERROR)
    assert website.alive(website.port)


async def test_a_thousand_connections(parent: Parent, tmp_path: Any) -> None:
    """From one address: most are turned away, and whoever is in goes on. From another address people still come in."""
    website = Website(parent, tmp_path, STRIA_PROXIES="1").start()
    try:
        inside = Visitor(website, headers={"X-Forwarded-For": "198.51.100.7"})
        inside.say("does it hurt")

        async def knock(session: aiohttp.ClientSession) -> int:
            url = f"{website.url}/socket.io/?EIO=4&transport=websocket"
            try:
                socket = await session.ws_connect(url, headers={"Origin": PAGE, "X-Forwarded-For": "203.0.113.9"})
                open_sockets.append(socket)
                return 101
            except aiohttp.WSServerHandshakeError as error:
                return error.status
            except aiohttp.ClientError:
                return 0

        open_sockets: List[Any] = []
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            statuses = Counter(await asyncio.gather(*(knock(session) for _ in range(1000))))
            assert statuses[101] <= 160 and statuses[429] >= 800, statuses
            started = time.monotonic()
            answer = await asyncio.to_thread(inside.say, "how many sessions will i need")
            assert answer["status"] == "answered" and time.monotonic() - started < 2
            newcomer = await asyncio.to_thread(Visitor, website, None, {"X-Forwarded-For": "198.51.100.8"})
            assert (await asyncio.to_thread(newcomer.say, "does it hurt"))["status"] == "answered"
            for socket in open_sockets:
                await socket.close()
        assert website.alive(website.port)
        inside.leave()
        newcomer.leave()
    finally:
        website.stop()


COMMANDS = ["/restart", "/session_start", "/back", "／restart", " /restart", '/ask_price{"body_area": "tummy"}', "/book_consultation@0.1", "/"]


@pytest.mark.parametrize("text", COMMANDS)
def test_slash_commands(website: Website, victim: Visitor, text: str) -> None:
    visitor = Visitor(website)
    visitor.say("does it hurt")
    answer = visitor.say(text)
    assert answer["status"] == "refused" and "own words" in words(answer["items"])
    assert visitor.say(key=button_key(text))["status"] == "refused"
    assert visitor.say(key=text)["status"] == "refused"
    assert stored(visitor) == ["does it hurt"]
    visitor.leave()


RUBBISH: List[Any] = [None, True, 7, -1, 1e300, "", "x" * 7000, SCRIPT, [], ["a"], {}, {"a": {"b": []}}, "\x00\ud800"]
RUBBISH += ["💥" * 300, "a\u0300" * 600, "\u202e" * 50]


@pytest.mark.parametrize("rubbish", RUBBISH, ids=range(len(RUBBISH)))
def test_rubbish_and_scripts_in_every_field(website: Website, victim: Visitor, rubbish: Any) -> None:
    visitor = Visitor(website)
    token = visitor.open()["token"]
    fields = [{"id": rubbish, "text": "hi"}, {"id": uuid.uuid4().hex, "text": rubbish}, {"id": uuid.uuid4().hex, "key": rubbish}]
    for packet in (rubbish, *fields, [rubbish, rubbish]):
        try:
            answer = visitor.call("say", packet, within=5)
        except (UnicodeEncodeError, SocketIOError):
            visitor = visitor.again(token)  # what no client can send ends this socket, not the server
            continue
        assert answer["status"] in ("answered", "repeated", "refused"), answer
        assert all(item["text"] for item in answer["items"] if "text" in item)
    for event in ("open", "nonsense", "connect_error", "message"):
        try:
            visitor.client.emit(event, rubbish)
        except (UnicodeEncodeError, SocketIOError):
            visitor = visitor.again(token)
    visitor = visitor.again(token)  # too much at once has closed the socket; its owner comes back to the same conversation
    assert website.alive(website.port) and visitor.say("does it hurt")["status"] == "answered"
    assert stored(visitor)[-1] == "does it hurt"
    visitor.leave()


def test_binary_wrong_arity_and_other_namespaces(website: Website, victim: Visitor) -> None:
    visitor = Visitor(website)
    for packet in ((), (1, 2, 3), ({"id": "a", "text": b"\x00\xff"},), tuple(range(40))):
        visitor.client.emit("say", packet)
        visitor.client.emit("erased", packet)
        visitor.client.emit("disconnect_all", packet)
    assert visitor.say("does it hurt")["status"] == "answered"
    visitor.leave()
    for namespace in ("/admin", "/website", "/" + "x" * 500):
        assert "unable to connect" in refusal(website, {}, namespace).lower()


def test_a_flood_of_one_visitor(website: Website, victim: Visitor) -> None:
    visitor = Visitor(website)
    outcomes = Counter(visitor.say("does it hurt")["status"] for _ in range(60))
    assert outcomes["refused"] >= 20 and outcomes["answered"] >= 10
    assert "999" in words(visitor.say("does it hurt")["items"])  # even then the number for an emergency is said
    visitor.leave()
