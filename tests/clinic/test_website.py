"""The clinic's page: everything on it comes from clinic.yml and data/, follows them while it runs, and says nothing that the assistant may not say."""

import gzip
import html
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from actions import output_guard
from clinic.website import page, structured, views
from knowledge.library import Knowledge, Library
from runtime import settings

Save = Callable[[Path, str], None]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("widget") / "stria-chat.js"
    file.write_text("customElements.define('stria-chat', class extends HTMLElement {});\n")
    file.with_name("stria-chat.js.sri").write_text("sha384-abc+/=\n")
    return file


@pytest.fixture(autouse=True)
def delivered(monkeypatch: pytest.MonkeyPatch, project: Path, built: Path) -> Iterator[None]:
    """The page of a project folder that a test may change, with a chat on it."""
    for name in ("STRIA_PUBLIC_URL", "STRIA_CHAT_URL", "STRIA_WEB_ORIGINS", "STRIA_RASA_PORT", "STRIA_CLINIC_PORT", "STRIA_KEEP_CONVERSATIONS_DAYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(views, "LIBRARY", Library(project))
    monkeypatch.setattr(views, "CHAT", built)
    yield


def shown(path: str = "/") -> str:
    answer = Client().get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def words_of(markup: str) -> str:
    """What a person can read of a page."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", markup.partition("<body>")[2], flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def described(markup: str) -> Any:
    return json.loads(re.search(r'<script type="application/ld\+json">(.*?)</script>', markup, re.S)[1])  # type: ignore[index]


def test_it_says_what_clinic_yml_says(knowledge: Knowledge) -> None:
    seen, clinic = words_of(shown()), knowledge.clinic
    for text in (clinic["clinic"][name] for name in ("name", "address", "phone", "email", "parking")):
        assert text.casefold() in seen.casefold()
    for one in clinic["practitioners"]:
        assert one["name"] in seen and one["role"].casefold() in seen.casefold()
    for area, amount in clinic["prices"]["per_session"].items():
        assert f"{area[:1].upper()}{area[1:]} £{amount}" in seen
    assert "Wednesday to Thursday 09:00–20:00" in seen and "Sunday closed" in seen and clinic["prices"]["note"] in seen


def test_a_price_that_changes_is_shown_without_a_restart_and_a_broken_file_changes_nothing(project: Path, save: Save) -> None:
    file = project / "clinic.yml"
    assert "£190" in words_of(shown())
    save(file, file.read_text(encoding="utf-8").replace("both upper arms): 190", "both upper arms): 1215.5"))
    assert "£1,215.50" in words_of(shown()) and "£190" not in words_of(shown())
    save(file, "clinic: [")
    assert "£1,215.50" in words_of(shown())


def test_questions_are_the_answers_of_data_with_their_sources(knowledge: Knowledge, project: Path, save: Save) -> None:
    markup = shown()
    seen = words_of(markup)
    listed = [intent for group in views.words()["questions"]["groups"] for intent in group["answers"]]
    assert len(listed) >= 25 and len(set(listed)) == len(listed)
    for intent in listed:
        assert knowledge.titles[intent] in seen
        for key in knowledge.answers[intent].sources:
            assert html.escape(knowledge.sources[key]["title"]) in markup or knowledge.sources[key]["title"] in html.unescape(markup)
    file = project / "data" / "treatment.yml"
    save(file, file.read_text(encoding="utf-8").replace("It can hurt; for some people moderately.", "It can hurt; it differs a lot."))
    assert "it differs a lot" in words_of(shown())


def test_it_says_nothing_the_assistant_may_not_say() -> None:
    claims = output_guard.load()
    for path in ("/", "/privacy/"):
        said = re.sub(r'<details class="sources">.*?</details>', "", shown(path), flags=re.S)  # the title of a study is its authors' claim
        said = re.sub(r"</(?:p|li|dd|dt|h[1-6]|td|th)>", r"\g<0>\n", said).partition("<body>")[2]
        assert output_guard.findings("\n".join(words_of("<body>" + line) for line in said.splitlines()), claims) == []


def test_an_answer_on_the_page_does_not_speak_as_the_chat_does(knowledge: Knowledge) -> None:
    made = page.compose(knowledge, views.words(), 30)
    answers = [one for group in made["questions"]["groups"] for one in group["answers"]] + made["treatment"]["answers"] + made["limits"]["answers"]
    for one in answers:
        said = re.sub(r"[^.?]*\?", "", one.plain)  # questions to put to a clinic are in the reader's mouth
        assert not re.search(r"\bI\b|\bthis chat\b|tell me\b|\btype [\"“]", said), one.title


def test_every_section_of_the_menu_exists() -> None:
    markup = shown()
    anchors = re.findall(r'href="/#([\w-]+)"', markup)
    assert len(set(anchors)) == 6 and all(f'id="{anchor}"' in markup for anchor in anchors)
    identities = re.findall(r' id="([^"]+)"', markup)
    assert len(identities) == len(set(identities))


def test_what_it_cannot_do_and_whom_to_call_is_on_the_page() -> None:
    markup = shown()
    for text in ("no treatment makes them vanish completely", "We cannot predict your own result", "Do not wait for us or for the chat"):
        assert text in words_of(markup)
    assert 'href="tel:999"' in markup and 'href="tel:116123"' in markup and 'href="tel:85258"' not in markup


def test_machines_read_the_same(knowledge: Knowledge) -> None:
    place, asked = described(shown())["@graph"]
    assert place["@type"] == "MedicalClinic" and place["telephone"] == knowledge.clinic["clinic"]["phone"]
    assert {offer["price"] for offer in place["hasOfferCatalog"]["itemListElement"]} == {"140", "190", "260"}
    assert {offer["priceCurrency"] for offer in place["hasOfferCatalog"]["itemListElement"]} == {"GBP"}
    assert len(place["openingHoursSpecification"]) == 6
    seen = "".join(words_of(shown()).split())
    assert all(question["name"] and "".join(question["acceptedAnswer"]["text"].split()) in seen for question in asked["mainEntity"])


@pytest.mark.parametrize(("country", "sign", "code"), [("US", "$", "USD"), ("AU", "$", "AUD"), ("IE", "€", "EUR"), ("GB", "CHF", "CHF")])
def test_the_currency_is_named_for_machines(country: str, sign: str, code: str) -> None:
    assert structured.currency({"clinic": {"country": country}, "prices": {"currency": sign}}) == code


def test_nothing_that_a_clinic_writes_becomes_markup(project: Path, save: Save) -> None:
    file = project / "clinic.yml"
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    save(file, file.read_text(encoding="utf-8").replace("Willow Road Skin Clinic", hostile).replace('accent: "#0f655c"', 'accent: "red;}body{display:none"'))
    markup = shown()
    assert markup.count("<script") == 3 and "<img" not in markup
    assert described(markup)["@graph"][0]["name"] == hostile
    assert "display:none" not in shown("/theme.css")


def test_the_policy_is_strict_and_no_cookie_is_set() -> None:
    for path in ("/", "/privacy/"):
        answer = Client().get(path)
        policy = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'" and policy["trusted-types"] == "'none'" and policy["frame-ancestors"] == "'none'"
        assert not answer.cookies and "Cookie" not in answer.headers.get("Vary", "") and answer.headers["Cache-Control"] == "no-cache"
        assert not re.search(r'\s(?:style|on\w+)="', answer.content.decode())
        assert Client().post(path).status_code == 405


def test_the_chat_is_embedded_in_the_two_lines_of_the_documentation(built: Path) -> None:
    markup = shown()
    assert '<script src="/stria-chat.js" integrity="sha384-abc+/=" crossorigin="anonymous" defer></script>' in html.unescape(markup)
    assert '<stria-chat server="http://127.0.0.1:5005"></stria-chat>' in markup
    written = (settings.ROOT / "docs" / "widget.md").read_text(encoding="utf-8")
    assert '<script src="https://chat.clinic.example/stria-chat.js" integrity="sha384-…" crossorigin="anonymous" defer></script>' in written
    assert '<stria-chat server="https://chat.clinic.example"></stria-chat>' in written


def test_behind_a_proxy_page_and_chat_have_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.chat_url() == "http://127.0.0.1:5005"
    assert settings.web_origins() == ["http://127.0.0.1:8000", "http://localhost:8000"]
    monkeypatch.setenv("STRIA_PUBLIC_URL", "https://chat.willowroad.example/")
    assert settings.chat_url() == "" and settings.web_origins() == ["https://chat.willowroad.example"]
    assert "<stria-chat></stria-chat>" in shown()
    monkeypatch.setenv("STRIA_CHAT_URL", "https://bot.willowroad.example")
    monkeypatch.setenv("STRIA_WEB_ORIGINS", "https://www.willowroad.example/, https://willowroad.example")
    assert 'server="https://bot.willowroad.example"' in shown()
    assert "wss://bot.willowroad.example" in Client().get("/").headers["Content-Security-Policy"]
    assert settings.web_origins() == ["https://www.willowroad.example", "https://willowroad.example"]


def test_without_a_built_chat_the_page_stands_and_offers_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(views, "CHAT", tmp_path / "none.js")
    markup = shown()
    assert "stria-chat" not in markup and "data-chat" not in markup and "020 7946 0123" in markup
    assert Client().get("/stria-chat.js").status_code == 404


def test_the_chats_file_is_served_to_every_page_and_follows_a_new_build(built: Path) -> None:
    plain = Client().get("/stria-chat.js")
    assert plain.content == built.read_bytes() and plain.headers["Access-Control-Allow-Origin"] == "*"
    packed = Client().get("/stria-chat.js", headers={"accept-encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.content) == plain.content
    assert Client().get("/stria-chat.js", headers={"if-none-match": plain.headers["ETag"]}).status_code == 304
    built.write_text("// another\n")
    assert Client().get("/stria-chat.js").content == b"// another\n"


def test_the_clinics_colours_are_the_pages() -> None:
    sheet = shown("/theme.css")
    assert "--accent:#0f655c;--on-accent:#ffffff" in sheet and "--accent:#7ad0c2;--on-accent:#10201e" in sheet
    assert page.theme(None) == page.theme({"theme": {"accent": 7}}) == "\n"
    assert "--on-accent:#10201e" in page.theme({"theme": {"accent": "#ffd23f"}})


def test_numbers_to_call_become_links_and_other_numbers_do_not(knowledge: Knowledge) -> None:
    targets = page.link_targets(knowledge.clinic)
    linked = {text: [piece.text for piece in page.pieces(text, targets) if piece.href] for text in ("Call 999 now.", "999 people", "£111", "NHS 111.", "1,111")}
    assert linked == {"Call 999 now.": ["999"], "999 people": [], "£111": [], "NHS 111.": ["111"], "1,111": []}
    (block,) = page.blocks("- one\n- two", targets)
    assert block.listed and len(block.lines) == 2


def test_initials() -> None:
    assert [page.initials(name) for name in ("Dr Amara Osei", "Cher", "Prof. Ana María Ruiz", "Dr")] == ["AO", "C", "AR", ""]


def test_the_words_of_the_page_are_one_readable_file() -> None:
    words = yaml.safe_load(views.WORDS.read_text(encoding="utf-8"))
    assert set(words["questions"]["short"]) <= {intent for group in words["questions"]["groups"] for intent in group["answers"]}
