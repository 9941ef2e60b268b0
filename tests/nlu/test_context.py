"""Denials, conditions, former times and other people, in the words visitors use for them."""

from typing import Any

import pytest

from nlu.context import Context, Reading, context


def said(nlp: Any, text: str) -> dict[str, Context]:
    """Canonical entity → how it is said."""
    doc = nlp(text)
    reading = Reading(doc)
    return {e.ent_id_: reading.of(e.start, e.end) for e in doc.ents}


@pytest.mark.parametrize(
    ("text", "denied", "stated"),
    [
        ("i'm not pregnant and I dont have eczema", {"pregnancy", "eczema"}, set()),
        ("not pregnant but breastfeeding", {"pregnancy"}, {"breastfeeding"}),
        ("No allergies, diabetes or keloids. i've had fever", {"diabetes", "keloid"}, {"fever"}),
        ("im not pregnant, i have psoriasis", {"pregnancy"}, {"psoriasis"}),
        ("never had keloids", {"keloid"}, set()),
        ("pregnant? no", {"pregnancy"}, set()),
        ("no fever no pus just redness", {"fever", "pus"}, {"redness"}),
        ("no fever, pus or swelling", {"fever", "pus", "swelling"}, set()),
        ("fever? no. blisters? yes", {"fever"}, {"blister"}),
        ("no i have diabetes", set(), {"diabetes"}),
        ("no meds apart from metformin", set(), {"metformin"}),
        ("dont know if its infected but theres pus", set(), {"pus"}),
        ("neither pregnant nor breastfeeding", {"pregnancy", "breastfeeding"}, set()),
        ("bleeding wont stop", set(), {"bleeding_wont_stop"}),
        ("the redness isnt going", set(), {"redness"}),
        ("without any blisters", {"blister"}, set()),
        ("im nt pregnant", {"pregnancy"}, set()),
    ],
)
def test_what_is_denied(nlp: Any, text: str, denied: set[str], stated: set[str]) -> None:
    found = said(nlp, text)
    assert {name for name, how in found.items() if how.negated} >= denied
    assert not {name for name, how in found.items() if how.negated} & stated
    assert set(found) >= denied | stated


@pytest.mark.parametrize(
    ("text", "imagined"),
    [
        ("what if i get an infection", True),
        ("can it cause infection", True),
        ("does it blister", True),
        ("is it normal to bleed", True),
        ("scared of getting an infection", True),
        ("how do i know if its infected", True),
        ("it might get infected", True),
        ("i might have a fever", False),
        ("if i press it pus comes out", False),
        ("i think its infected", False),
        ("can you help theres pus since yesterday", False),
        ("is it normal that my face is swollen", False),
    ],
)
def test_what_is_only_imagined(nlp: Any, text: str, imagined: bool) -> None:
    (how,) = said(nlp, text).values()
    assert how.hypothetical is imagined


@pytest.mark.parametrize(
    ("text", "past"),
    [
        ("i had a staph infection 3 years ago", True),
        ("had eczema as a kid", True),
        ("used to be on accutane", True),
        ("i had the swelling but its gone now", True),
        ("the fever went away", True),
        ("my fever has gone up to 39", False),
        ("had it done 2 months ago and now there are blisters", False),
        ("i have eczema", False),
    ],
)
def test_what_is_over(nlp: Any, text: str, past: bool) -> None:
    (how,) = said(nlp, text).values()
    assert how.past is past
    assert how.present is not past


def test_whose_it_is(nlp: Any) -> None:
    found = said(nlp, "my sister has eczema but i have psoriasis")
    assert found["eczema"].other and not found["psoriasis"].other
    assert said(nlp, "shes got keloids")["keloid"].other
    assert not said(nlp, "my eczema")["eczema"].other


def test_a_span_knows_its_doc(nlp: Any) -> None:
    doc = nlp("hello there. not pregnant")
    assert context(doc.ents[0]).negated
    piece = doc[3:]
    assert Reading(piece).of(piece.ents[0].start, piece.ents[0].end).negated


@pytest.mark.parametrize("text", ["", " ", "???", "no", "a\nb", "\n\n", "não " * 200])
def test_anything_can_be_read(nlp: Any, text: str) -> None:
    doc = nlp(text)
    reading = Reading(doc)
    for token in doc:
        start, end = reading.characters(token.i, token.i + 1)
        assert reading.tokens(start, end) == (token.i, token.i + 1)
        assert reading.of(token.i, token.i + 1) is not None
