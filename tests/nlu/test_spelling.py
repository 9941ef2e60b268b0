"""Slips of the finger are read as what was meant; words, names and medicines stay what they are."""

import os
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.spelling import MAX_CORRECTIONS, SHORTHAND, Speller, SpellingPipe


def read(nlp: Any, text: str) -> str:
    """`text` as the classifier reads it."""
    return " ".join(token.norm_ for token in nlp(text))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("strech marcks", "stretch marks"),
        ("stretch maks", "stretch marks"),
        ("microneedeling cost", "microneedling cost"),
        ("how mutch", "how much"),
        ("how meny sesions", "how many sessions"),
        ("does it hert", "does it hurt"),
        ("appointmnt", "appointment"),
        ("consultaion", "consultation"),
        ("moisturizr", "moisturizer"),
        ("swiming", "swimming"),
        ("sunscren", "sunscreen"),
        ("my stomch", "my stomach"),
        ("my thigs", "my thighs"),
        ("my buttoks", "my buttocks"),
        ("i have a fevar", "i have a fever"),
        ("lattex", "latex"),
        ("opning hours", "opening hours"),
        ("doesithurt", "does it hurt"),
        ("howmuchisit", "how much is it"),
        ("canigotothegym", "can i go to the gym"),
        ("stretchmarksonmythighs", "stretchmarks on my thighs"),
        ("doyoutreatblackskin", "do you treat black skin"),
        ("whatsthe price", "what is the price"),
        ("goingonholiday nextweek", "going on holiday next week"),
        ("sooo how muchhh is ittt", "so how much is it"),
        ("PLEAAASE HELPPP", "please help"),
        ("loooong", "long"),
        ("hellooo", "hello"),
        ("kitna paisa lagega", "how much money cost"),
        ("abeg wetin be the price", "please what be the price"),
    ],
)
def test_typos(typed: str, meant: str, nlp: Any) -> None:
    assert read(nlp, typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "does it hurt", "my thighs and tummy", "is it safe for brown skin", "striae", "keloid", "needling", "isotretinoin", "roacutane", "humira", "metformin",
        "pus and oozing", "scars", "apixaban", "bodybuilding", "instagram", "numbing cream", "bum", "boobs",
        "i said no", "he saw the wound", "sore", "hips", "data", "preop", "aftercare",
    ],
)  # fmt: skip
def test_right_words_stay(text: str, nlp: Any) -> None:
    assert read(nlp, text) == text


@pytest.mark.parametrize("name", "Priya Siobhan Nguyen Oluwaseun Aoife Szymon Kowalska Fatou Omar Zoe Chukwuemeka Croydon Hounslow Hampstead".split())
def test_names_stay(name: str, nlp: Any) -> None:
    assert read(nlp, f"my name is {name}").endswith(name.lower())


def test_every_shorthand_is_read_out(nlp: Any) -> None:
    """Also after the tokenizer has had its say: it splits some of them ("whats" → "what", "s")."""
    read_as = {shorthand: read(nlp, shorthand) for shorthand in SHORTHAND}
    assert {s: heard for s, heard in read_as.items() if heard != SHORTHAND[s]} == {}


def test_sms_is_a_way_to_write_not_a_mark(nlp: Any) -> None:
    assert "stretch" not in read(nlp, "can you send me an sms")


def test_what_was_written_is_kept(nlp: Any) -> None:
    doc = nlp("Strech MARCKS?")
    assert doc.text == "Strech MARCKS?"
    assert [token.text for token in doc] == ["Strech", "MARCKS", "?"]
    assert [token.norm_ for token in doc] == ["stretch", "marks", "?"]


@pytest.mark.parametrize(
    ("text", "label", "value"),
    [
        ("on my tumy", "body_area", "abdomen"),
        ("on my thigs", "body_area", "thighs"),
        ("im on roacutane", "medicine", "isotretinoin"),
        ("im on ibuprofin", "medicine", "ibuprofen"),
        ("i have exema", "condition", "eczema"),
        ("im pregnent", "condition", "pregnancy"),
        ("i have dark skin", "skin_tone", "V"),
        ("after swiming", "water", "pool"),
        ("i have a fevar", "symptom", "fever"),
    ],
)
def test_a_typo_does_not_hide_what_was_said_about_oneself(text: str, label: str, value: str, nlp: Any) -> None:
    assert (label, value) in [(entity.label_, entity.ent_id_) for entity in nlp(text).ents]


def test_lemmas_follow_the_corrected_word(nlp: Any) -> None:
    assert [token.lemma_ for token in nlp("strech marcks sesions")] == ["stretch", "mark", "session"]


def test_corrections_are_bounded(nlp: Any) -> None:
    typos = "mutch " * (MAX_CORRECTIONS + 5)
    assert read(nlp, typos).split().count("much") == MAX_CORRECTIONS


@pytest.mark.parametrize("text", ["x" * 1000, "abcdefgh " * 110, "qzjxkv " * 140, "🙂" * 1000, "a.b@c-" * 160], ids=lambda t: t[:9])
def test_gibberish_takes_no_time(text: str, nlp: Any) -> None:
    started = time.perf_counter()
    nlp(text)
    assert time.perf_counter() - started < 0.5


@settings(max_examples=50)
@given(st.text(max_size=200))
def test_any_text_is_read(nlp: Any, text: str) -> None:
    doc = nlp(text)
    assert doc.text == text
    assert all(token.norm_ for token in doc)


class TestSpeller:
    """The rule itself, on a dictionary of six words."""

    @pytest.fixture
    def speller(self) -> Speller:
        common = {"much": -6.0, "such": -6.5, "mulch": -14.0, "this": -4.0, "that": -4.0, "stretch": -9.0}
        return Speller(common, trade=["thighs", "microneedling"], real=["thins", "mush"], core=["thighs"])

    def test_a_near_common_word_is_meant(self, speller: Speller) -> None:
        assert speller.correct("mutch") == "much"

    def test_a_word_of_the_dictionary_is_never_changed(self, speller: Speller) -> None:
        assert speller.correct("mush") == "mush"

    def test_a_word_of_the_trade_is_never_changed(self, speller: Speller) -> None:
        assert speller.correct("thighs") == "thighs"

    def test_a_core_word_of_the_trade_is_the_preferred_target(self, speller: Speller) -> None:
        assert speller.correct("thigs") == "thighs"

    def test_two_slips_are_forgiven_in_a_long_word_of_the_trade(self, speller: Speller) -> None:
        assert speller.correct("micronedeling") == "microneedling"

    @pytest.mark.parametrize("word", ["abc", "x1yz", "zzzzzz", "a" * 30])
    def test_what_resembles_nothing_stays(self, word: str, speller: Speller) -> None:
        assert speller.correct(word) == word

    def test_another_first_letter_is_another_word(self, speller: Speller) -> None:
        assert speller.correct("zuch") == "zuch"

    def test_a_pipe_without_words_says_so(self) -> None:
        with pytest.raises(RuntimeError, match=r"nlu\.pipeline"):
            SpellingPipe()(None)


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_every_process_corrects_alike(seed: str) -> None:
    # The words of the trade come as a set, whose order differs from process to process: a training was never the same twice.
    program = (
        "from nlu.spelling import Speller\n"
        "trade = {'keloid', 'keloids', 'epilated', 'epilator', 'epilates', 'moisturiser', 'moisturised', 'moisturises', 'isotretinoin', 'isotretinoins'}\n"
        "speller = Speller({'the': -3.0}, trade, ())\n"
        "print(*(speller.correct(w) for w in 'keloidss epilatef epilatod moisteriseo isotretenoim moisturisen'.split()))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "keloids epilated epilator moisturised isotretinoin moisturised\n"
