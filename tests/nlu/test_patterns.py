"""Entities that have a form: marked where they stand, each place once."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.patterns import find
from nlu.text import clean

LABELS = {"email", "booking_reference", "phone", "date", "time", "duration", "part_of_day"}


def marked(text: str) -> list[tuple[str, str]]:
    """(entity, text as written) from left to right."""
    return [(e["entity"], e["text"]) for e in sorted(find(text), key=lambda e: e["start"])]


@given(
    st.text() | st.lists(st.sampled_from("10.30 on friday +44 07700 900123 3pm in may 2 weeks a@b.example WR-4F7K2 - / .".split()), max_size=20).map(" ".join)
)
def test_marks_are_true_to_the_text_and_never_overlap(message: str) -> None:
    text = clean(message)
    found = sorted(find(text), key=lambda e: e["start"])
    for entity in found:
        assert entity["entity"] in LABELS
        assert text[entity["start"] : entity["end"]] == entity["text"] != ""
        assert entity["value"] == " ".join(entity["text"].lower().split())
    assert all(a["end"] <= b["start"] for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("number", ["020 7946 0123", "07700 900123", "+44 7700 900123", "(020) 7946 0123", "+1 555-010-0123", "7700900123"])
def test_phone_numbers(number: str) -> None:
    assert marked(f"call me on {number} please") == [("phone", number)]


@pytest.mark.parametrize("text", ["i had 3 sessions", "100 pounds", "from 10 to 12"])
def test_other_numbers_are_no_phone(text: str) -> None:
    assert "phone" not in [label for label, _ in marked(text)]


@pytest.mark.parametrize("address", ["anna@mail.example", "anna.smith+skin@mail.co.example", "a_b%c@x-y.example"])
def test_mail_addresses(address: str) -> None:
    assert marked(f"write to {address}, thanks") == [("email", address)]


@pytest.mark.parametrize("text", ["WR-4F7K2", "my ref is WR-4F7K2", "ref: WR-4F7K2", "reference number WR-4F7K2"])
def test_booking_references(text: str) -> None:
    assert [label for label, _ in marked(text)] == ["booking_reference"]


@pytest.mark.parametrize("text", ["covid-1999", "post-2020", "x-ray1"])
def test_hyphenated_words_are_no_booking_reference(text: str) -> None:
    assert "booking_reference" not in [label for label, _ in marked(text)]


@pytest.mark.parametrize(
    "date",
    [
        "tuesday", "next weds", "on friday", "tomorrow", "next week", "last month", "since march", "in may", "2019", "3rd of march", "march 3", "3 march 2026",
        "12/01/2026", "12/1", "12-01-2026", "12.01.2026", "2026-01-12",
    ],
)  # fmt: skip
def test_dates(date: str) -> None:
    assert marked(f"can i come {date}") == [("date", date)]


@pytest.mark.parametrize("text", ["can i sit in the sun", "can i go on sun beds", "we sat down", "i wed in spring", "may i swim"])
def test_words_that_look_like_days_and_months(text: str) -> None:
    assert "date" not in [label for label, _ in marked(text)]


@pytest.mark.parametrize("clock", ["15:30", "3pm", "3 p.m.", "10.30am", "7.30", "half 3", "half past ten", "noon"])
def test_times(clock: str) -> None:
    assert ("time", clock) in [(label, text.strip()) for label, text in marked(f"is {clock} free")]


@pytest.mark.parametrize("text", ["£2.50 each", "a 0.25 mm needle", "spf 30", "half of it", "version 3.6.21"])
def test_other_numbers_are_no_time(text: str) -> None:
    assert "time" not in [label for label, _ in marked(text)]


@pytest.mark.parametrize("length", ["2 days", "two weeks", "1.5 hours", "a few months", "a couple of years", "an hour", "45 mins", "6 wks"])
def test_durations(length: str) -> None:
    assert marked(f"it lasted {length} or so") == [("duration", length)]


def test_several_in_one_message() -> None:
    assert marked("tuesday evening at 6pm, call 07700 900123") == [("date", "tuesday"), ("part_of_day", "evening"), ("time", "6pm"), ("phone", "07700 900123")]


def test_the_text_is_kept_and_the_value_is_even() -> None:
    assert find("Next   TUESDAY")[0] == {"entity": "date", "start": 0, "end": 14, "value": "next tuesday", "text": "Next   TUESDAY"}


@pytest.mark.parametrize("text", ["1 " * 500, "a@" * 500, "a." * 500, "1.1." * 250, "+(1" * 330, "A-" * 500, "a" * 1000], ids=lambda t: t[:6])
def test_a_long_message_takes_no_time(text: str) -> None:
    started = time.perf_counter()
    find(text)
    assert time.perf_counter() - started < 0.2
