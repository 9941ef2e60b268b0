"""The clinic's page and its chat at one address, as deploy/ serves them: nginx before the site and two Rasa processes, a visit always at one of them."""

import os
import re
from collections.abc import Callable, Iterator
from typing import List
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, expect

from runtime.bootstrap import how_to_install, program
from tests.channels.website import Website
from tests.runtime.site import Parent
from tests.runtime.test_deploy import DEPLOY, Proxy
from tests.servers import free_port
from tests.widget.conftest import Watch
from tests.widget.site import Site
from tests.widget.visitor import QUESTION, ask, begin, said

pytestmark = [pytest.mark.browser, pytest.mark.model]
Context = Callable[..., BrowserContext]


class House:
    """Everything behind one door. Each Rasa process has a database of its own here, so that it shows who was where."""

    def __init__(self, parent: Parent, tmp_path_factory: pytest.TempPathFactory):
        folder, port = tmp_path_factory.mktemp("house"), free_port()
        self.url = self.chat = f"http://127.0.0.1:{port}"
        self.reports: List[str] = []
        self.site = Site(folder, public_url=self.url)
        shared = {"STRIA_PROXIES": "1", "STRIA_CLINIC_DB": self.site.records, "STRIA_PUBLIC_URL": self.url}
        self.rasa = [Website(parent, tmp_path_factory.mktemp("rasa"), origins="", **shared) for _ in range(2)]
        self.proxy = Proxy([f"127.0.0.1:{each.port}" for each in self.rasa], f"127.0.0.1:{self.site.port}", port)

    def start(self) -> "House":
        self.site.start()
        for each in self.rasa:
            each.start()
        return self

    def stop(self) -> None:
        self.proxy.stop()
        self.site.stop()
        for each in self.rasa:
            each.stop()


@pytest.fixture(scope="module")
def house(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if program("nginx") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(how_to_install(["nginx-light"]))
    made = House(parent, tmp_path_factory)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def page(house: House) -> House:
    house.reports.clear()
    return house


def test_page_and_chat_share_one_address(new_context: Context, page: House, watches: List[Watch]) -> None:
    tab = new_context().new_page()
    tab.goto(page.url)
    assert tab.locator("stria-chat").get_attribute("server") is None
    begin(tab)
    assert "session" in ask(tab)
    assert watches[0].sockets and all(url.startswith(page.url.replace("http", "ws")) for url in watches[0].sockets)


@pytest.mark.parametrize("transport", ["", "delete window.WebSocket"], ids=["websocket", "polling"])
def test_a_visit_stays_at_one_process_and_visits_are_spread(new_context: Context, page: House, transport: str) -> None:
    """Long polling breaks at once where a request of a visit reaches another process than the one before."""
    wanted = re.compile(re.search(r'"~(\S+)"\s+\$arg_route', (DEPLOY / "nginx.conf").read_text(encoding="utf-8"))[1])  # type: ignore[index]
    routes = set()
    for _ in range(16):
        context = new_context()
        if transport:
            context.add_init_script(transport)
        tab, asked = context.new_page(), []
        tab.on("request", lambda request, asked=asked: asked.append(request.url))
        tab.on("websocket", lambda socket, asked=asked: asked.append(socket.url))
        tab.goto(page.url)
        begin(tab)
        ask(tab)
        tab.reload()
        tab.locator(".launcher").click()
        expect(tab.locator(".turn.visitor")).to_have_count(1)
        assert said(tab) == [QUESTION]
        found = {parse_qs(urlsplit(url).query)["route"][0] for url in asked if "/socket.io/" in url}
        assert len(found) == 1 and all(wanted.fullmatch(route) for route in found)
        routes |= found
        context.close()
        if all(each.conversations() for each in page.rasa) and len(routes) > 2:
            break
    assert all(each.conversations() for each in page.rasa)
