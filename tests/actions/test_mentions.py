"""What a message tells about the person's own health. Entities come from the clinic's real pipeline; told on Sunday 22 November 2026."""

import datetime as dt
from typing import Any

import pytest

from actions import mentions, suitability
from actions.ago import Ago
from actions.mentions import Place, read
from knowledge.contraindications import read_table
from nlu.entities import entities_of
from nlu.text import clean

TABLE = read_table()
TODAY = dt.date(2026, 11, 22)


def parse(nlp: Any, text: str) -> dict[str, Any]:
    return {"text": text, "entities": entities_of(nlp(clean(text)))}


def rows(reading: mentions.Reading) -> set[str]:
    return {row.key for row in (TABLE.row_of(f.label, f.value) for f in reading.facts) if row is not None}


CHAT = [
    ("im on accutane btw how much is it", {"isotretinoin"}),
    ("can i still come, i have eczema", {"eczema"}),
    ("asking for my mum, 61, warfarin", set()),
    ("my sister has psoriasis and im on acutane", {"isotretinoin"}),
    ("my mum gets keloids, does that matter", {"keloid"}),
    ("i dont have diabetes or anything", set()),
    ("not pregnant but breastfeeding", {"breastfeeding"}),
    ("pregnant? no", set()),
    ("what if i get an infection", set()),
    ("do you use numbing cream", set()),
    ("im allergic to numbing cream", {"numbing_allergy"}),
    ("is laser better", set()),
    ("do you do peels", set()),
    ("i had laser on it last month", {"laser_waxing"}),
    ("hi", set()),
    ("/ask_price", set()),
]


@pytest.mark.parametrize(("text", "found"), CHAT)
def test_only_what_is_the_persons_own_counts(nlp: Any, text: str, found: set[str]) -> None:
    assert rows(read(parse(nlp, text), TABLE, Place(TODAY))) == found


DETAILS = [
    # said at the question → value, details, latest day it can have been
    ("medicines", "stopped roaccutane in march", "isotretinoin", {"now": "no"}, "2026-03-31"),
    ("medicines", "4 months off accutane", "isotretinoin", {"now": "no"}, "2026-07-22"),
    ("medicines", "still on roaccutane", "isotretinoin", {"now": "yes"}, None),
    ("medicines", "roaccutane, finished it last summer", "isotretinoin", {"now": "no"}, "2026-08-31"),
    ("medicines", "i take warfarin and stopped accutane 2 months ago", "isotretinoin", {"now": "no"}, "2026-09-22"),
    ("medicines", "accutane", "isotretinoin", {}, None),
    ("medicines", "retinol on my face", "retinol", {"here": "no", "now": "yes"}, None),
    ("medicines", "i put tretinoin on the marks", "tretinoin_cream", {"here": "yes", "now": "yes"}, None),
    ("conditions", "eczema on my elbows", "eczema", {"here": "no"}, None),
    ("conditions", "my eczema is flaring right now", "eczema", {"here": "yes"}, None),
    ("conditions", "had eczema as a child", "eczema", {"here": "no"}, None),
    ("conditions", "psoriasis on my tummy", "psoriasis", {"here": "yes"}, None),
    ("conditions", "type 2 diabetes, well controlled", "diabetes", {"controlled": "yes"}, None),
    ("conditions", "diabetes but its all over the place", "diabetes", {"controlled": "no"}, None),
    ("recent", "a light peel 3 weeks ago", "chemical_peel", {"depth": "light"}, "2026-11-01"),
    ("recent", "had a tca peel in june and waxed yesterday", "chemical_peel", {"depth": "medium"}, "2026-06-30"),
    ("recent", "lip filler in june", "filler", {"here": "no"}, "2026-06-30"),
    ("recent", "c section in may", "c_section", {}, "2026-05-31"),
    ("recent", "tattoo right over the marks", "tattoo", {"here": "yes"}, None),
    ("scars", "my dad gets keloids", "keloid", {"own": "no"}, None),
    ("birth", "im pregnant", "pregnancy", {"now": "yes"}, None),
    ("birth", "i got them from my pregnancy years ago", "pregnancy", {"now": "no"}, None),
    ("birth", "stopped breastfeeding in may", "breastfeeding", {"now": "no"}, None),
]


@pytest.mark.parametrize(("question", "text", "value", "details", "latest"), DETAILS)
def test_details_and_times(nlp: Any, question: str, text: str, value: str, details: dict[str, str], latest: str | None) -> None:
    found = {f.value: f for f in read(parse(nlp, text), TABLE, Place(TODAY, question=question, area=["abdomen"])).facts}
    fact = found[value]
    assert dict(fact.details) == details
    assert (fact.since.latest.isoformat() if fact.since else None) == latest


@pytest.mark.parametrize(
    ("text", "asked", "age"),
    [
        ("im 34", False, 34), ("i'm only 16", False, 16), ("34", True, 34), ("34", False, None), ("thirty four", True, 34), ("nearly 18", True, 17),
        ("in my early thirties", True, 30), ("im 20 weeks pregnant", False, None), ("i am 12 stone", False, None), ("im 5 months post partum", False, None),
        ("i am 47 years old", False, 47), ("yes", True, None),
    ],
)  # fmt: skip
def test_ages(text: str, asked: bool, age: int | None) -> None:
    assert mentions.age_in(text, asked) == age


IN_PASSING = [
    ("how much is it for hips, i'd want it done before the baby comes in march", "pregnancy"),
    ("im due in june, what can i do about these", "pregnancy"),
    ("once baby is here can i start", "pregnancy"),
    ("i'm 24 weeks gone", "pregnancy"),
    ("my bump is huge now", "pregnancy"),
    ("we're having our second baby in spring", "pregnancy"),
    ("had my little one three months ago", "recent_birth"),
    ("had my son 5 weeks ago", "recent_birth"),
    ("my 5 month old never sleeps", "recent_birth"),
    ("my baby is 3 months, when can i come", "recent_birth"),
    ("my sister is due in june", ""),
    ("my second session is due in march", ""),
    ("i'm due in june for my follow up", ""),
    ("had my first session last week", ""),
    ("had my daughter in 2015", ""),
    ("my son is coming with me", ""),
    ("if the baby comes early can i move it", ""),
    ("when is my payment due", ""),
    ("they came when i was 8 months gone", ""),
]


@pytest.mark.parametrize(("text", "value"), IN_PASSING)
def test_a_pregnancy_or_birth_told_in_passing(text: str, value: str) -> None:
    assert {f.value for f in read({"text": text, "entities": []}, TABLE, Place(TODAY)).facts} == ({value} if value else set())


def test_breastfeeding_that_is_over_is_denied() -> None:
    assert ("condition", "breastfeeding") in read({"text": "no im not feeding anymore", "entities": []}, TABLE, Place(TODAY)).denied


def test_the_same_thing_twice_counts_once_with_all_it_told() -> None:
    first = mentions.Fact("condition", "eczema", "eczema", (("here", "no"),))
    later = mentions.Fact("condition", "eczema", "excema", (), Ago(TODAY, TODAY))
    assert mentions.merge([first], [later]) == [mentions.Fact("condition", "eczema", "eczema", (("here", "no"),), Ago(TODAY, TODAY))]


def test_an_illness_in_a_manner_of_speaking_is_nobodys(nlp: Any) -> None:
    joke = "nearly had a heart attack when i saw the price, do you do instalments"
    assert entities_of(nlp(clean(joke))) == []
    assert [e["value"] for e in entities_of(nlp(clean("i had a heart attack and whats the price")))] == ["heart_disease"]


ASIDE = [
    # question, what is typed → rows that are told; what only asks, is somebody else's or was burnt by something else tells nothing
    ("allergies", "wait does isotretinoin matter if it was years ago?", set()),
    ("medicines", "is warfarin a problem?", set()),
    ("medicines", "did a course of accutane last year", {"isotretinoin"}),
    ("conditions", "does my eczema count", {"eczema"}),
    ("medicines", "warfarin is what my mum takes", set()),
    ("medicines", "i take warfarin like my mum", {"blood_thinner"}),
    ("birth", "my period is late", {"pregnancy"}),
    ("birth", "im about a week late", {"pregnancy"}),
    ("recent", "got quite burnt two weeks ago on holiday", {"sunburn_tan"}),
    ("recent", "caught a lot of sun in greece last week", {"sunburn_tan"}),
    ("recent", "never burnt there", set()),
    ("recent", "i got burned by the oven last week", set()),
    ("", "got quite burnt on the beach last week, can i still come", {"sunburn_tan"}),
    ("", "i always get burnt in the sun", set()),
    ("scars", "nickel", {"metal_allergy"}),
    ("birth", "had a baby 5 weeks ago by c section", {"recent_birth", "surgery"}),
    ("birth", "my sister had a baby by c section", set()),
    ("birth", "section 3 months ago", {"surgery"}),
    ("birth", "pregnant? me? no way", set()),
    ("conditions", "diabetes runs in my family", set()),
    ("recent", "peel in october, salicylic", {"peel"}),
    ("recent", "my skin started to peel", set()),
    ("recent", "had a hysterectomy in january", {"surgery"}),
    ("", "my sister had a hysterectomy in january", set()),
    ("", "is it better than a panniculoplasty", set()),
    ("birth", "not yet, we are trying though", {"planning_pregnancy"}),
    ("medicines", "metformin for pcos", set()),
    ("medicines", "metformin", {"diabetes"}),
    ("", "is it ok if i had a c section last november?", {"surgery"}),
    ("", "can you still treat me if i have diabetes? cos i do", {"diabetes"}),
    ("", "would it matter if i had diabetes", set()),
    ("", "can u check if i can have it done im on blood thinners", {"blood_thinner"}),
    ("", "can you tell me if i can have it if i have eczema", set()),
    ("birth", "my son was born in february this year", {"recent_birth"}),
]


@pytest.mark.parametrize(("question", "text", "found"), ASIDE)
def test_what_is_told_in_passing(nlp: Any, question: str, text: str, found: set[str]) -> None:
    assert rows(read(parse(nlp, text), TABLE, Place(TODAY, question=question))) == found


@pytest.mark.parametrize(
    ("question", "text", "label"),
    [
        ("allergies", "penicillin", "allergen"),
        ("allergies", "aspirin", "allergen"),
        ("", "im allergic to aspirin", "allergen"),
        ("allergies", "none, but i take aspirin every day", "medicine"),
        ("medicines", "aspirin", "medicine"),
        ("medicines", "i take aspirin because im allergic to ibuprofen", "medicine"),
    ],
)
def test_a_medicine_one_cannot_bear_is_no_medicine_one_takes(nlp: Any, question: str, text: str, label: str) -> None:
    facts = read(parse(nlp, text), TABLE, Place(TODAY, question=question)).facts
    assert label in {f.label for f in facts if f.value in ("aspirin", "antibiotic")}, facts


def test_the_time_beside_a_thing_is_its_own(nlp: Any) -> None:
    [wax] = [
        f for f in read(parse(nlp, "had a wax yesterday and a bit of rain in august"), TABLE, Place(TODAY, question="recent")).facts if f.value == "waxing"
    ]
    assert wax.since == Ago(dt.date(2026, 11, 21), dt.date(2026, 11, 21))


@pytest.mark.parametrize(
    ("text", "recent"), [("had my baby on feb 29 2024", False), ("had a baby 5 weeks ago", True), ("just had a baby", True), ("gave birth 6 years ago", False)]
)
def test_a_birth_long_ago_is_no_recent_one(nlp: Any, text: str, recent: bool) -> None:
    facts = read(parse(nlp, text), TABLE, Place(TODAY, question="birth")).facts
    assert bool(suitability.assess(facts, TABLE, TODAY).reasons) == recent, facts


def test_still_on_it_after_all_forgets_the_day_it_ended() -> None:
    known = suitability.Fact("medicine", "isotretinoin", "accutane", (("now", "no"),), Ago(dt.date(2025, 1, 1), dt.date(2025, 1, 31)))
    [fact] = mentions.merge([known], [suitability.Fact("medicine", "isotretinoin", "accutane", (("now", "yes"),))])
    assert fact.since is None and dict(fact.details) == {"now": "yes"}


@pytest.mark.parametrize(
    ("text", "value", "here"),
    [
        ("had a wax yesterday", "waxing", None),
        ("i had laser on them in september, didnt work", "laser", "yes"),
        ("botox in my forehead last week", "botox", "no"),
        ("c section 5 weeks ago", "c_section", None),
        ("had filler 2 months ago", "filler", None),
    ],
)
def test_a_treatment_that_is_over_may_well_have_been_there(nlp: Any, text: str, value: str, here: str | None) -> None:
    [fact] = [f for f in read(parse(nlp, text), TABLE, Place(TODAY, question="recent", area=("abdomen",))).facts if f.value == value]
    assert dict(fact.details).get("here") == here


def test_months_after_a_birth_are_its_date(nlp: Any) -> None:
    facts = read(parse(nlp, "im 4 months postpartum"), TABLE, Place(TODAY)).facts
    assert [(f.value, f.since) for f in facts] == [("recent_birth", Ago(dt.date(2026, 7, 22), dt.date(2026, 7, 22)))]
