"""Names, phone numbers and e-mail addresses as people give them: taken untouched, or not taken."""

from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.contact import find_name, read_email, read_name, read_phone, without_contact

HERE = Path(__file__).parent
NAMES = [n for part in (HERE, HERE / "examination") for n in (part / "names.txt").read_text(encoding="utf-8").splitlines() if n]
EXAMINED = [line.split("\t") for line in (HERE / "examination" / "phones.tsv").read_text(encoding="utf-8").splitlines() if line]
PHONES = HERE.joinpath("phones.txt").read_text(encoding="utf-8").splitlines()


def test_the_tables_are_long_enough() -> None:
    assert len(set(NAMES)) >= 200
    assert len(set(PHONES)) >= 100


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_taken_untouched(name: str) -> None:
    assert read_name(name) == name


FRAMES = "my name is {}|My name's {}|its {}|it's {}|I'm {}|call me {}|name: {}|you can call me {}!|hi, its {} here|{}, thanks".split("|")


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", ["Ada", "Siobhán O'Brien-Núñez", "李小龍", "No", "bell hooks", "Li"])
def test_an_introduction_is_peeled_off(frame: str, name: str) -> None:
    refusal = (name, frame) == ("No", "{}, thanks")
    assert read_name(frame.format(name)) == (None if refusal else name)


@pytest.mark.parametrize(
    "text", ["", " ", "?", "07400 123456", "ada@example.com", "yes", "No", "what do you need it for?", "🌸", "stop", "a" * 81, "https://x.example"]
)
def test_what_is_no_name(text: str) -> None:
    assert read_name(text) is None


def test_no_name_can_rewrite_the_line_it_stands_in() -> None:
    assert read_name("Ada\u202eevil\nName: Eve\x00") == "Adaevil Name: Eve"


def test_a_name_inside_a_message() -> None:
    assert find_name("book me in for thursday, my name is Ada King and my number is 07400 123456") == "Ada King"
    assert find_name("my full name's Jo-Ann Ó Briain.") == "Jo-Ann Ó Briain"
    assert find_name("book me in") is None


@pytest.mark.parametrize("phone", PHONES)
def test_a_phone_number_is_taken_untouched(phone: str) -> None:
    found = read_phone(phone, "GB")
    assert found is not None
    assert found.written in (phone, f"+{phone}", phone.replace("＋", "+"))


@pytest.mark.parametrize(
    ("spoken", "digits"),
    [
        ("oh seven four double oh one two three four five six", "07400123456"),
        ("zero seven four zero zero one two three four five six", "07400123456"),
        ("oh seven double four 0 0 12345", "07440012345"),
        ("plus four four seven four oh oh one two three four five six", "+447400123456"),
        ("o7400 123456", "07400 123456"),
        ("O74OO 123456", "07400 123456"),
        ("oh seven four hundred, one two three, four five six", "07400123456"),
        ("um oh seven four er double oh one two three four five six", "07400123456"),
        ("nought two oh, seven nine four six, oh one two three", "02079460123"),
        ("oh seven treble four one two three four five six", "07444123456"),
    ],
)
def test_spoken_digits(spoken: str, digits: str) -> None:
    found = read_phone(spoken, "GB")
    assert found is not None and found.written == digits


@pytest.mark.parametrize("text", ["12345", "03/04/2026", "2026-04-03", "07400123456789012345", "two people at half past three", "no phone", "£190", "10:30"])
def test_what_is_no_phone_number(text: str) -> None:
    assert read_phone(text, "GB") is None


@pytest.mark.parametrize(("typed", "number"), [row[:2] for row in EXAMINED])
def test_the_examined_phone_numbers(typed: str, number: str) -> None:
    found = read_phone(typed, "GB")
    assert found is not None
    assert phonenumbers.format_number(phonenumbers.parse(found.written, "GB"), phonenumbers.PhoneNumberFormat.E164) == number


def test_the_clinics_region_reads_national_numbers() -> None:
    assert read_phone("(415) 555-2671", "US") is not None
    assert read_phone("0803 123 4567", "NG").shown == "0803 123 4567"  # type: ignore[union-attr]
    assert read_phone("call 07400 123456 after 5pm", "GB").written == "07400 123456"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.Lovelace+x@Sub.Example.co.uk", "Ada.Lovelace+x@Sub.Example.co.uk"),
        ("my email is o'brien@example.ie.", "o'brien@example.ie"),
        ("ada at gmail dot com", "ada@gmail.com"),
        ("ada @ gmail . com", "ada@gmail.com"),
        ("ada[at]gmail[dot]com", "ada@gmail.com"),
        ("ada underscore l at hotmail dot co dot uk", "ada_l@hotmail.co.uk"),
        ("<ada@example.com>", "ada@example.com"),
        ("mailto:ada@x.org", "ada@x.org"),
        ("ünï@exämple.de", "ünï@exämple.de"),
        ("ada@gmail", None),
        ("ada@@gmail.com", None),
        ("a..b@gmail.com", None),
        ("i am at work at 5.30", None),
        ("no email", None),
    ],
)
def test_email(text: str, address: str) -> None:
    assert read_email(text) == address


def test_what_is_left_without_the_contact() -> None:
    assert without_contact("thursday after 5, 07400 123456, ada@example.com", "GB").split() == ["thursday", "after", "5,", ","]
    assert without_contact("03/04 at 10:30", "GB") == "03/04 at 10:30"


@given(st.text(max_size=60))
def test_any_text_is_survived(text: str) -> None:
    read_name(text)
    read_phone(text, "GB")
    read_email(text)
    without_contact(text, "GB")
