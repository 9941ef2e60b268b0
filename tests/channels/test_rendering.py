"""The renderer keeps every platform's limits, loses no word, and lets no intent's name out."""

import re
import time
from pathlib import Path
from typing import Any, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import staff
from channels.base import Bubble, button_key
from channels.rendering import (
    CHOOSE,
    HOW_TO_CHOOSE,
    LONGEST_GSM,
    LONGEST_UCS2,
    Capability,
    Part,
    capabilities,
    chosen,
    fits,
    folded,
    is_gsm,
    menu,
    render,
    septets,
    shortened,
    shows_numbers,
    source_line,
    split,
    units,
)
from runtime.conversations import STAFF

ALL = list(capabilities().values())
IDS = [able.name for able in ALL]
LONG = "How many sessions will I need before I see a change?"
WORDS = st.text(alphabet=st.sampled_from("abc é£’“…–•😀ű漢.!? \n") | st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=3000)
TITLES = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=90).map(str.strip).filter(bool)
BUTTONS = st.lists(
    st.tuples(TITLES, st.sampled_from(["/affirm", "/ask_price", "/express_crisis", "Thursday 2 April at 10:30"]) | st.text(min_size=1, max_size=30)),
    max_size=15,
)
ANSWERS = st.lists(st.builds(lambda text, buttons: Bubble(text, tuple(buttons)), WORDS, BUTTONS), min_size=1, max_size=4)


def said(parts: List[Part]) -> str:
    return " ".join(part.text for part in parts)


def plain(text: str) -> List[str]:
    return text.split()


@pytest.mark.parametrize("able", ALL, ids=IDS)
@given(answer=ANSWERS)
def test_no_limit_is_passed_and_no_word_is_lost(able: Capability, answer: List[Bubble]) -> None:
    parts = render(answer, able)
    for part in parts:
        assert part.text.strip()
        assert units(part.text) <= (able.with_buttons if part.buttons else able.text)
        if able.unit == "gsm":
            assert (septets(part.text) <= LONGEST_GSM) if is_gsm(part.text) else (units(part.text) <= LONGEST_UCS2)
        if part.buttons:
            style = next(row for row in able.styles if row["kind"] == part.style)
            assert 1 <= len(part.buttons) <= style["most"]
            assert len({title for title, _, _ in part.buttons}) == len(part.buttons)
            for title, key, description in part.buttons:
                assert 0 < units(title) <= style["title"] and units(description) <= style.get("description", 0)
                assert re.fullmatch(r"k:[0-9a-f]{16}", key) and len(key.encode()) <= able.key
        assert Part.from_json(part.to_json()) == part
    text = said(parts)
    for bubble in answer:
        wanted = folded(bubble.text) if able.fold else bubble.text
        assert "".join(plain(wanted)) in "".join(plain(text))
    # every title is shown, as a button, as its description or as a numbered line
    shown = " ".join([text, *(f"{title} {description}" for part in parts for title, _, description in part.buttons)])
    for bubble in answer:
        for title, _ in bubble.buttons:
            wanted = folded(title) if able.fold else title
            assert "".join(plain(wanted)) in "".join(plain(shown))


@given(text=WORDS, most=st.integers(20, 400), unit=st.sampled_from(["characters", "gsm"]))
def test_pieces_fit_and_join_to_the_whole(text: str, most: int, unit: str) -> None:
    pieces = split(text, most, unit)
    assert all(piece and fits(piece, most, unit) for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_texts_are_cut_at_sentence_ends() -> None:
    text = " ".join(f"This is sentence number {n}, and it ends here." for n in range(60))
    for piece in split(text, 300):
        assert piece.startswith("This is") and piece.endswith("ends here.")
    assert split('He said "no." ' * 30, 60)[0].endswith('"no."')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“Don’t” – wait…", '"Don\'t" - wait...'),
        ("£140 at Zoë’s café", "£140 at Zoe's café"),
        ("• first\u00a0one", "- first one"),
        ("naïve Łódź", "naive Lodz"),
        ("漢字", "漢字"),
        ("ok 👍", "ok 👍"),
    ],
)
def test_folding_keeps_the_meaning(text: str, expected: str) -> None:
    assert folded(text) == expected


def test_the_best_form_of_each_platform() -> None:
    few, long, many = [("Yes", "/affirm"), ("No", "/deny")], [("Yes", "/affirm"), (LONG, "/x")], [(f"Day {n}", f"day {n}") for n in range(9)]

    def form(name: str, rows: Any) -> Any:
        (part,) = render([Bubble("Pick", tuple(rows))], capabilities()[name])
        return part.style, [title for title, _, _ in part.buttons], part.text

    assert form("whatsapp", few) == ("buttons", ["Yes", "No"], "Pick")
    assert form("whatsapp", many)[0] == "list"
    assert form("whatsapp", long)[1] == ["Yes", "How many sessions will…"]
    assert form("whatsapp", [(f"Day {n}", f"day {n}") for n in range(11)])[2].startswith("Pick\n1. Day 0")
    assert form("telegram", long) == ("rows", ["Yes", LONG], "Pick")
    assert form("messenger", few) == ("quick_replies", ["Yes", "No"], "Pick")
    assert form("messenger", long) == ("quick_replies", ["1", "2"], f"Pick\n1. Yes\n2. {LONG}\n{HOW_TO_CHOOSE}")
    assert form("sms", few) == ("none", [], f"Pick\n1. Yes\n2. No\n{HOW_TO_CHOOSE}")
    assert render([Bubble("", (("Yes", "/affirm"),))], capabilities()["telegram"])[0].text == CHOOSE


def test_an_sms_answer_is_one_message() -> None:
    answer = [Bubble("One."), Bubble("Two.", (("Yes", "/affirm"),)), Bubble(data={"type": "answer", "sources": [{"publisher": "NHS"}]})]
    (part,) = render(answer, capabilities()["sms"])
    assert part.text == f"One.\n\nTwo.\n1. Yes\n{HOW_TO_CHOOSE}"


def test_custom_payloads_become_words() -> None:
    calendar = Bubble(data={"type": "calendar", "filename": "a b/../x.ics", "content": "BEGIN:VCALENDAR"})
    announced = [Bubble("Booked."), Bubble("Here it is for your calendar.\nWhat next?", (("Parking", "/ask_parking"),)), calendar]
    telegram = render(announced, capabilities()["telegram"])
    assert telegram[-1].file == {"name": "ab..x.ics", "content": "BEGIN:VCALENDAR"} and "calendar" in telegram[1].text
    sms = render(announced, capabilities()["sms"])
    assert "calendar" not in said(sms) and "What next?" in said(sms) and "1. Parking" in said(sms)
    card = Bubble(data={"type": "card", "title": "Visit", "rows": [{"label": "Day", "value": "Monday"}], "link": {"href": "https://a.example"}})
    assert said(render([card], capabilities()["sms"])) == "Visit\nDay: Monday\nhttps://a.example"
    slots = Bubble(data={"type": "slots", "slots": [{"label": "10:30", "day": "Mon", "value": "Monday at 10:30"}, 7]})
    (part,) = render([slots], capabilities()["messenger"])
    assert part.buttons == (("Mon 10:30", button_key("Monday at 10:30"), ""),)
    assert render([Bubble(data={"type": "unheard of"})], capabilities()["sms"]) == []
    assert (
        source_line([{"publisher": "NHS", "year": 2023, "grade": "B"}, {"publisher": "NHS", "year": 2023}, {"publisher": "A clinic", "grade": "D"}, 7])
        == "Source: NHS 2023."
    )
    assert source_line("rubbish") == ""


MENU = ["Yes", "No", LONG, "Not sure"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            (text, 0)
            for text in (
                "1",
                " 1 ",
                "1.",
                "1)",
                "(1)",
                "#1",
                "one",
                "One",
                "ONE!",
                "the first",
                "The first one",
                "first one",
                "first",
                "1st",
                "the 1st one please",
            )
        ),
        *((text, 0) for text in ("number 1", "option one", "no. 1", "1 please", "yes", "Yes.", "YES", "1. Yes", "1 yes", "I'll take the first one", "“1”")),
        *((text, 1) for text in ("2", "two", "second", "the second option", "no", "2 - No", "I choose 2")),
        *((text, 2) for text in ("3", "how many sessions will i need before i see a change", "third one")),
        *((text, 3) for text in ("4", "last", "the last one", "not sure")),
        *(
            (text, None)
            for text in (
                "",
                "5",
                "0",
                "12",
                "1 and 2",
                "one or two",
                "fifth",
                "2 weeks ago",
                "the first time i had it",
                "1. No",
                "10",
                "no thanks, tell me about 2",
                "yes yes",
            )
        ),
    ],
)
def test_what_chooses_from_a_numbered_menu(text: str, expected: Any) -> None:
    assert chosen(text, MENU, numbers=True) == expected


def test_numbers_choose_only_where_numbers_were_shown() -> None:
    assert chosen("2", MENU, numbers=False) is None and chosen("one", MENU, numbers=False) is None
    assert chosen("no", MENU, numbers=False) == 1 and chosen("the second one", MENU, numbers=False) == 1
    assert shows_numbers(MENU, capabilities()["sms"]) and shows_numbers(MENU, capabilities()["messenger"])
    assert (
        not shows_numbers(MENU, capabilities()["telegram"])
        and not shows_numbers(MENU, capabilities()["whatsapp"])
        and not shows_numbers([], capabilities()["sms"])
    )


def test_the_menu_is_that_of_the_newest_answer_in_the_order_shown() -> None:
    def bot(*rows: str) -> Any:
        return {"event": "bot", "data": {"buttons": [{"title": row, "payload": f"/{row}"} for row in rows]}}

    spoken = [bot("a"), {"event": "user", "text": "x"}, bot("b", "c"), bot(), bot("c", "d"), {"event": "bot", "data": None}]
    assert [title for title, _ in menu(spoken)] == ["b", "c", "d"]
    assert menu([*spoken, {"event": "user", "text": "y"}]) == []
    assert menu([*spoken, {"event": "bot", "text": "Anna here. How many weeks?", "metadata": {STAFF: "Anna"}}]) == []


@given(text=st.text(max_size=60), titles=st.lists(TITLES, max_size=6), numbers=st.booleans())
def test_choosing_never_fails(text: str, titles: List[str], numbers: bool) -> None:
    index = chosen(text, titles, numbers)
    assert index is None or 0 <= index < len(titles)


def test_shortened_titles_fit() -> None:
    assert shortened("short", 20) == "short" and shortened("x" * 30, 20) == "x" * 19 + "…"
    assert shortened("What happens at the appointment", 24) == "What happens at the…"


def test_words_of_staff_need_a_platform_and_a_text() -> None:
    assert staff.reachable("sms:+447400123456") and not staff.reachable("web:abc") and not staff.reachable("rest:me")
    with pytest.raises(ValueError, match="nothing to send"):
        staff.write(None, "web:abc", "hello", "k")
    with pytest.raises(ValueError, match="nothing to send"):
        staff.write(None, "sms:+447400123456", "  ", "k")


def test_what_staff_say_goes_to_the_transcript_and_into_the_post_at_once(tmp_path: Path) -> None:
    import sqlalchemy as sa

    from channels.staff import Reached
    from runtime import post
    from runtime.conversations import spoken

    door = Reached(str(tmp_path / "c.sqlite3"))
    with door.engine.begin() as c:
        post.receive(c, [post.Arrival("1", "whatsapp:447400123456", 0, time.time(), "{}")], time.time())
    for conversation in ("whatsapp:447400123456", "web:abc"):
        for _ in range(2):
            door.add(conversation, [spoken("Hello, how can I help?", "Anna Lee", "k", [{"title": "Go on", "payload": "go on"}])], "k")
    with door.engine.connect() as connection:
        letters = connection.execute(sa.select(post.outgoing)).all()
    assert [(one.conversation, one.origin) for one in letters] == [("whatsapp:447400123456", "staff")]
    assert "Anna Lee: Hello" in letters[0].content and button_key("go on") in letters[0].content
    assert door.erase("whatsapp:447400123456") == 1  # events
    with door.engine.connect() as connection:
        assert not connection.execute(sa.select(post.outgoing)).all()
    door.close()
