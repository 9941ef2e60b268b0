"""Where a message may be cut into questions, and which of the pieces are questions of their own."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from nlu import segmentation
from nlu.questions import MOST_PIECES, bare, pieces
from nlu.text import clean

WORDS = "does it hurt and whats the price , ? . ; ! - / also plus but how much can i swim & 10.30 \n o'clock my tummy is 0.5".split(" ")
MESSAGES = st.text() | st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join) | st.lists(st.sampled_from(WORDS), max_size=60).map("".join)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


@given(MESSAGES)
def test_joined_they_give_the_words_of_the_message(message: str) -> None:
    text = clean(message)
    assert words(" ".join(pieces(text))) == words(text)


@given(MESSAGES)
def test_no_sign_is_lost_either(message: str) -> None:
    text = clean(message)
    assert "".join("".join(pieces(text)).split()) == "".join(text.split())


@given(MESSAGES)
def test_a_handful_of_pieces_none_empty(message: str) -> None:
    found = pieces(clean(message))
    assert len(found) <= MOST_PIECES
    assert all(piece.strip() for piece in found)


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("does it hurt and whats the price", ["does it hurt", "and whats the price"]),
        ("does it hurt? how much is it", ["does it hurt?", "how much is it"]),
        ("does it hurt?how much is it", ["does it hurt?", "how much is it"]),
        ("does it hurt\nhow much is it", ["does it hurt", "how much is it"]),
        ("How much does it cost, and can I pay monthly, and where are you?", ["How much does it cost,", "and can I pay monthly,", "and where are you?"]),
        ("im on the pill and have eczema", ["im on the pill", "and have eczema"]),
        ("my tummy is still red 2 days later is that normal", ["my tummy is still red 2 days later", "is that normal"]),
        ("tell me how it works, price, pain, how many", ["tell me how it works,", "price,", "pain,", "how many"]),
        ("kindly tell procedure in detail and duration of one sitting", ["kindly tell procedure in detail", "and duration of one sitting"]),
        ("what is the price and the downtime", ["what is the price", "and the downtime"]),
    ],
)
def test_several_questions_may_be_cut(message: str, parts: list[str]) -> None:
    assert pieces(message) == parts


@pytest.mark.parametrize(
    "message",
    [
        "does it hurt",
        "is it ok if im brown skinned",
        "i have fair and sensitive skin",
        "is it safe and clean",
        "do you know what it costs",
        "can you tell me how much it is",
        "i want to know if it hurts or not",
        "how often can i have it",
        "hips, thighs and bum please",
        "when can i go back to the gym",
        "",
    ],
)
def test_one_question_stays_whole(message: str) -> None:
    assert pieces(message) == ([message] if message else [])


@pytest.mark.parametrize(
    "message",
    [
        "can i come at 10.30 on friday",
        "is a 0.5 mm needle ok for me",
        "write to me at anna.smith@mail.example please",
        "i saw it on www.willowroad.example yesterday",
        "do you do it e.g. on the knees",
    ],
)
def test_a_point_inside_a_number_or_a_name_ends_no_sentence(message: str) -> None:
    assert pieces(message) == [message]


@pytest.mark.parametrize(
    ("message", "parts"),
    [("does it hurt... how much is it", ["does it hurt...", "how much is it"]), ("does it hurt?!? how much is it", ["does it hurt?!?", "how much is it"])],
)
def test_a_row_of_marks_is_one_end(message: str, parts: list[str]) -> None:
    assert pieces(message) == parts


@pytest.mark.parametrize("connector", ["also", "plus", "btw", "and also"])
def test_a_connector_goes_with_the_question_it_opens(connector: str) -> None:
    assert pieces(f"does it work {connector} what about the sun") == ["does it work", f"{connector} what about the sun"]


@pytest.mark.parametrize(
    ("piece", "core"),
    [
        ("and whats the price", "whats the price"),
        ("oh and also can i swim", "can i swim"),
        ("by the way, does it hurt", "does it hurt"),
        ("android phones", "android phones"),
        ("and", "and"),
        ("", ""),
    ],
)
def test_bare_is_the_piece_without_its_connector(piece: str, core: str) -> None:
    assert bare(piece) == core


@pytest.mark.parametrize(
    "message",
    ["is it " * 170, "what " * 200, "how a " * 170, ", and " * 170, ". " * 500, "a, " * 330, "?!" * 500, "aa " * 330 + "what is"],
    ids=lambda m: m[:8],
)
def test_a_long_message_is_cut_in_no_time(message: str) -> None:
    started = time.perf_counter()
    pieces(clean(message))
    assert time.perf_counter() - started < 0.2


class TestSegments:
    """Four intents; every piece is given its probabilities by hand, the same where it stands, by itself and by its words."""

    CLASSES = ("ask_pain", "ask_price", "ask_sun", "thank")
    GROUPS = {"ask_pain": "treatment", "ask_price": "visiting", "ask_sun": "aftercare", "thank": "conversation"}
    NLP = staticmethod(lambda text: spacy.blank("en")(text))

    def found(
        self, chances: dict[str, Sequence[float]], whole: Sequence[float], standing: Optional[dict[str, Sequence[float]]] = None
    ) -> list[tuple[str, str]]:
        """(text, intent) of what is asked likelier than not. `standing`: what pieces mean where they stand, if not the same."""
        rows = np.log(np.array(list(chances.values())))
        context = np.log(np.array([(standing or {}).get(piece, row) for piece, row in chances.items()]))
        evidence = segmentation.Evidence(context, rows, rows, np.log(np.array(whole)), np.log(np.array(whole)))
        questions = segmentation.segment(evidence, list(chances), self.CLASSES, self.GROUPS)
        return [(q.text, self.CLASSES[q.intent]) for q in questions if q.confidence >= 0.5]

    def test_spans_cover_the_message(self) -> None:
        doc = self.NLP("does it hurt and whats the price")
        assert [s.text for s in segmentation.spans(doc, ["does it hurt", "and whats the price"])] == ["does it hurt", "and whats the price"]

    def test_two_sure_questions_are_two(self) -> None:
        chances = {"does it hurt": (0.96, 0.02, 0.01, 0.01), "and whats the price": (0.02, 0.96, 0.01, 0.01)}
        assert self.found(chances, (0.5, 0.48, 0.01, 0.01)) == [("does it hurt", "ask_pain"), ("and whats the price", "ask_price")]

    def test_three_are_three(self) -> None:
        chances = {"price": (0.02, 0.96, 0.01, 0.01), "pain": (0.96, 0.02, 0.01, 0.01), "and the sun": (0.01, 0.02, 0.96, 0.01)}
        assert [intent for _, intent in self.found(chances, (0.3, 0.4, 0.29, 0.01))] == ["ask_price", "ask_pain", "ask_sun"]

    def test_a_piece_that_says_nothing_by_itself_belongs_to_the_other(self) -> None:
        chances = {"it was sore": (0.9, 0.05, 0.03, 0.02), "is that normal": (0.3, 0.25, 0.25, 0.2)}
        found = self.found(chances, (0.9, 0.05, 0.03, 0.02), {"is that normal": (0.85, 0.05, 0.05, 0.05)})
        assert [intent for _, intent in found] == ["ask_pain"]
        assert found[0][0] == "it was sore is that normal"

    def test_the_same_question_twice_is_one(self) -> None:
        chances = {"does it hurt": (0.96, 0.02, 0.01, 0.01), "is it sore": (0.96, 0.02, 0.01, 0.01)}
        assert [intent for _, intent in self.found(chances, (0.97, 0.01, 0.01, 0.01))] == ["ask_pain"]

    def test_thanks_is_no_second_question(self) -> None:
        chances = {"does it hurt": (0.96, 0.02, 0.01, 0.01), "thanks a lot": (0.01, 0.005, 0.005, 0.98)}
        assert [intent for _, intent in self.found(chances, (0.8, 0.03, 0.02, 0.15))] == ["ask_pain"]

    def test_courtesies_alone_ask_nothing(self) -> None:
        chances = {"thanks": (0.01, 0.005, 0.005, 0.98), "cheers": (0.01, 0.005, 0.005, 0.98)}
        assert self.found(chances, (0.01, 0.005, 0.005, 0.98)) == []

    def test_the_weights_are_of_the_present_features(self) -> None:
        judge = segmentation.read_judge()
        assert judge.single.shape == judge.middle.shape == judge.pairs.shape[:1] == (len(segmentation.FEATURES),)

    def test_weights_of_other_features_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "weights.yml").write_text("intercept: 0\nweights: {other: 1.0}\n")
        with pytest.raises(ValueError, match="learn them again"):
            segmentation.read_judge(tmp_path / "weights.yml")

    @pytest.mark.parametrize(
        ("before", "tokens", "best"),
        [("ask_sun", 3, "ask_exercise"), (None, 3, "ask_age_limit"), ("ask_sun", 12, "ask_age_limit"), ("thank", 3, "ask_age_limit")],
    )
    def test_a_fragment_leans_to_the_topic_before_it(self, before: Any, tokens: int, best: str) -> None:
        classes = ("ask_age_limit", "ask_exercise")
        groups = {"ask_sun": "aftercare", "ask_exercise": "aftercare", "ask_age_limit": "suitability", "thank": "conversation"}
        leaning = segmentation.with_context(np.array([0.55, 0.45]), classes, before, groups, tokens)
        assert classes[int(leaning.argmax())] == best
        assert leaning.sum() == pytest.approx(1.0)

    def test_a_clear_message_does_not_lean(self) -> None:
        groups = {"a": "aftercare", "b": "visiting"}
        assert segmentation.with_context(np.array([0.1, 0.9]), ("a", "b"), "a", groups, 2).tolist() == [0.1, 0.9]

    def test_the_ranking_is_surest_first(self) -> None:
        assert segmentation.ranking(np.array([0.2, 0.7, 0.05, 0.05]), self.CLASSES, most=2) == [
            {"name": "ask_price", "confidence": 0.7},
            {"name": "ask_pain", "confidence": 0.2},
        ]
