"""Every word of the contraindication table is found in free text, with a slip of the finger too, and means its row."""

from collections import defaultdict
from typing import Any

import pytest

from knowledge.contraindications import Table, read_table
from nlu import second_look, vocabulary
from nlu.entities import entities_of

ROWS = vocabulary.of_rows()
TABLE = read_table()
OPENING = "it is about "


def slips(phrase: str) -> list[str]:
    """A letter left out, doubled, swapped or mistaken in the middle of the longest word; none where no word has five letters."""
    words = phrase.split()
    place = max(range(len(words)), key=lambda i: len(words[i]) if words[i].isalpha() else 0)
    word, half = words[place], len(words[place]) // 2
    if len(word) < 5 or not word.isalpha():
        return []
    made = [word[:half] + word[half + 1 :], word[:half] + word[half] + word[half:], word[:half] + ("z" if word[half] == "x" else "x") + word[half + 1 :]]
    if half + 1 < len(word):
        made.append(word[:half] + word[half + 1] + word[half] + word[half + 2 :])
    return [" ".join([*words[:place], slip, *words[place + 1 :]]) for slip in made if slip != word]


def rows_in(nlp: Any, texts: list[str], table: Table = TABLE) -> list[set[str]]:
    found = []
    for doc in nlp.pipe(texts, batch_size=256):
        rows = (table.row_of(e["entity"], e["value"]) for e in entities_of(doc))
        found.append({row.key for row in rows if row is not None})
    return found


@pytest.fixture(scope="module")
def missed(nlp: Any) -> dict[str, dict[str, list[str]]]:
    """What is not found: {"exact" | "slip": {row: [text]}}, and how many were tried under "tried"."""
    result: dict[str, dict[str, list[str]]] = {"exact": defaultdict(list), "slip": defaultdict(list), "tried": defaultdict(list)}
    cases = []
    for key, row in TABLE.rows.items():
        for label, value in sorted(row.found_as):
            for word in ROWS[label][value]:
                cases.append(("exact", key, word))
                cases += [("slip", key, slip) for slip in slips(word)]
    for (kind, key, text), rows in zip(cases, rows_in(nlp, [OPENING + text for _, _, text in cases])):
        result["tried"][f"{kind} {key}"].append(text)
        if key not in rows:
            result[kind][key].append(text)
    return result


def test_every_synonym_means_its_row(missed: Any) -> None:
    assert dict(missed["exact"]) == {}


@pytest.mark.parametrize("key", sorted(TABLE.rows))
def test_every_row_is_reached_with_slips(missed: Any, key: str) -> None:
    """Slips that make another real word ("nexus" for nevus, "meal" for metal) are the few that no dictionary can catch."""
    tried, lost = missed["tried"][f"slip {key}"], missed["slip"][key]
    assert len(tried) >= 8 and len(lost) <= max(2, 0.06 * len(tried)), lost


def test_slips_are_found_nearly_always(missed: Any) -> None:
    tried = sum(len(texts) for name, texts in missed["tried"].items() if name.startswith("slip"))
    lost = sum(len(texts) for texts in missed["slip"].values())
    assert lost <= 0.02 * tried, f"{lost} of {tried}"


@pytest.mark.parametrize(
    "text",
    [
        "hello how are you",
        "i am still feeling sore",
        "the nice lady at the desk",
        "my boyfriend thinks it is a scam",
        "is there a train from hampstead",
        "can i bring my sister along",
        "how many sessions would i need for my hips",
        "what does it cost and where do i park",
        "kindly tell the charges for full thigh",
    ],
)
def test_ordinary_messages_name_nothing(nlp: Any, text: str) -> None:
    assert rows_in(nlp, [text]) == [set()]


def test_one_slip_or_two_in_long_words() -> None:
    assert second_look._close("nicel", "nickel") and second_look._close("warfrain", "warfarin")
    assert second_look._close("isotretinon", "isotretinoin") and second_look._close("exsema", "exzema")
    assert not second_look._close("meal", "mental") and not second_look._close("apple", "nickel")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("i have eczema", []),
        ("i dont have eczema", ["negated"]),
        ("what if i had eczema", ["hypothetical"]),
        ("my sister has eczema", ["other"]),
        ("i had eczema as a child", ["past"]),
    ],
)
def test_entities_say_how_they_are_said(nlp: Any, text: str, said: list[str]) -> None:
    entity = next(e for e in entities_of(nlp(text)) if e["value"] == "eczema")
    assert [how for how in entity.get("said", []) if how in said or how != "past"] == said
