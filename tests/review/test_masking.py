"""What says who somebody is goes; what they ask stays."""

import re
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from clinic.review.masking import Known, mask, mask_answer

HIDDEN = [
    ("Hi, I'm Anna and my number is 07400 123456, email anna.lee@mail.example", ["anna", "07400", "123456", "lee", "mail.example"]),
    ("my name is siobhan o'brien can i book", ["siobhan", "brien"]),
    ("it's Tom Baker here", ["tom", "baker"]),
    ("born 3 April 1991", ["1991", "april"]),
    ("dob 03/04/91", ["03/04", "91"]),
    ("D.O.B: 3rd of march 1988", ["1988", "march"]),
    ("12.11.1979 is when i was born", ["1979"]),
    ("I live at 12 Baker Street, NW1 6XE", ["baker", "nw1", "6xe"]),
    ("call me back on 020 7946 0123 please", ["7946"]),
    ("ring +49 170 1234567", ["170", "1234567"]),
    ("07 4 0 0 1 2 3 4 5 6 thats my number", ["1 2 3"]),
    ("zero seven four double zero one two three four five six", ["seven", "four five"]),
    ("im sarah", ["sarah"]),
    ("my daughter Kerstin wants it", ["kerstin"]),
    ("my nhs number is 943 476 5919", ["943", "5919"]),
    ("NI QQ 12 34 56 C ok AB123456C", ["ab123456c"]),
    ("reference K7QX-2MPA", ["k7qx", "2mpa"]),
    ("card 4111 1111 1111 1111", ["4111"]),
    ("Thanks, Priya", ["priya"]),
    ("Dr Patel said so", ["patel"]),
    ("this is Maria speaking", ["maria"]),
    ("follow me @annie_k", ["annie"]),
    ("my insta is anna.k", ["anna"]),
    ("see www.mypage.example/me or https://a.example/?x=1", ["mypage", "a.example"]),
    ("anna (at) mail (dot) example", ["anna", "dot"]),
    ("My name's 李娜", ["李娜"]),
    ("ＡＮＮＡ ０７４００ １２３４５６", ["anna", "07400"]),
    ("MY NAME IS JANE DOE AND I WANT A PRICE", ["jane", "doe"]),
    ("Hello, Kerstin speaking", ["kerstin"]),
    ("flat 3, 7 Mill Lane", ["mill", "flat 3"]),
]
SHOWN = [
    "can I come on 31 March 2026 at 10:30?",
    "does microneedling hurt on Tuesday",
    "what about Botox and Fraxel?",
    "I AM ON WARFARIN CAN I BOOK",
    "£1200 for 3 sessions?",
    "Do you take Visa? I'm Fitzpatrick IV",
    "I'm Pregnant",
    "Is It Safe For Me Please",
    "0.25 mm or 1.5 mm needles",
    "will it hurt, or may i drive home",
    "I'm 34 and had 2 kids in 2019",
    "Is Monday ok? Or Wednesday the 3rd of June",
    "6 weeks post partum, c-section, 3 cm scar",
]

SPELLINGS: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "spellings.yml").read_text(encoding="utf-8"))
SAYS_NOTHING = set("the of at dot underscore on or and number ext flat mr mrs ms mx dr professor oh".split())


def words(text: str) -> "Counter[str]":
    return Counter(re.findall(r"\w+", re.sub(r"\[[a-z -]+\]", " ", text.casefold())))


@pytest.mark.parametrize("marked", [row for kind, rows in SPELLINGS.items() if kind != "kept" for row in rows])
def test_no_word_between_the_marks_is_left(marked: str) -> None:
    secret, rest = " ".join(re.findall("«(.*?)»", marked, re.S)), words(re.sub("«.*?»", " ", marked, flags=re.S))
    masked = words(mask(re.sub("[«»]", "", marked)))
    assert [word for word in words(secret) if word not in SAYS_NOTHING and masked[word] > rest[word]] == []


@pytest.mark.parametrize("text", SPELLINGS["kept"])
def test_what_says_nothing_of_anybody_is_left_whole(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(("text", "gone"), HIDDEN)
def test_who_somebody_is_is_hidden(text: str, gone: list[str]) -> None:
    masked = mask(text).casefold()
    assert [word for word in gone if word in masked] == []


@pytest.mark.parametrize("text", SHOWN)
def test_what_they_ask_is_shown(text: str) -> None:
    assert mask(text) == text


def test_a_name_that_is_also_a_word_is_hidden_where_it_is_a_name() -> None:
    known = Known(("Will May",), ("07400 123456",))
    assert mask("will it hurt, may i come? Will May", known) == "will it hurt, may i come? [name]"
    assert mask_answer("Thank you, Will. We call 07400 123456.", known) == "Thank you, [name]. We call [phone]."


def test_the_clinic_itself_is_no_secret() -> None:
    assert mask("is Willow Road near the Tube?", places=frozenset({"willow", "road", "tube"})) == "is Willow Road near the Tube?"


def test_masking_again_changes_nothing() -> None:
    for text in [*(text for text, _ in HIDDEN), *(re.sub("[«»]", "", row) for rows in SPELLINGS.values() for row in rows)]:
        assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize("piece", ["im ", "1 a", "a at ", "[", "name ", "9 9-", "A", "dot at ", "my sister ", "a.", "one "])
def test_a_long_odd_message_is_masked_in_no_time(piece: str) -> None:
    began = time.process_time()
    mask(piece * (8000 // len(piece)))
    assert time.process_time() - began < 2
