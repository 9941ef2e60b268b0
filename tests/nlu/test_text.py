"""Whatever arrives is made harmless before anything reads it."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.text import MAX_CHARACTERS, clean

ANYTHING = st.text(st.characters()) | st.text(st.characters(categories=("Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs", "Mn", "So"))) | st.text(max_size=5_000)


@given(ANYTHING)
def test_no_text_is_too_strange(text: str) -> None:
    cleaned = clean(text)
    assert {unicodedata.category(c) for c in cleaned.replace("\n", "")} & {"Cc", "Cf", "Cs", "Co", "Cn"} == set()
    assert len(cleaned) <= MAX_CHARACTERS
    cleaned.encode("utf-8")


@given(ANYTHING, st.integers(min_value=1, max_value=50))
def test_the_limit_holds_even_where_letters_expand(text: str, limit: int) -> None:
    assert len(clean("\ufdfa" + text, limit)) <= limit


@given(st.none() | st.integers() | st.floats() | st.binary() | st.lists(st.text()) | st.dictionaries(st.text(), st.text()))
def test_what_is_no_text_is_empty(value: Any) -> None:
    assert clean(value) == ""


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("does it hurt", "does it hurt"),
        ("  does   it\thurt  ", "does it hurt"),
        ("does it hurt\r\n\r\n\n how much  \n", "does it hurt\nhow much"),
        ("it’s “sore” — really…", 'it\'s "sore" - really...'),
        ("doe\u0301s it hurt", "doés it hurt"),
        ("ｄｏｅｓ ｉｔ ｈｕｒｔ", "does it hurt"),
        ("does\u00a0it\u2003hurt", "does it hurt"),
        ("do\u200bes i\u00adt hu\u202ert", "does it hurt"),
        ("does it\x00 hu\x1b[31mrt", "does it hu[31mrt"),
        ("hurt \ud83d?", "hurt ?"),
        ("thanks 👍🏾", "thanks 👍🏾"),
        ("", ""),
        (" \n\t ", ""),
    ],
    ids=repr,
)
def test_examples(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_a_very_long_message_is_cut() -> None:
    assert clean("a" * 10_000_000) == "a" * MAX_CHARACTERS
    assert clean("word " * 300, 500) == ("word " * 100).strip()


@pytest.mark.parametrize("separator", ["\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c"], ids=repr)
def test_words_on_two_lines_of_any_kind_stay_two_words(separator: str) -> None:
    assert clean(f"does it hurt{separator}how much").split() == ["does", "it", "hurt", "how", "much"]
