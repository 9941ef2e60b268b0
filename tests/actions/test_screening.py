"""The state machine of the check, without Rasa and without a model: messages as parse data, the state through JSON after every turn."""

import datetime as dt
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import output_guard, screening
from actions.answers import Message, Turn
from actions.memory import Memory
from actions.screening import HEALTH_QUESTIONS, ORDER, State, Step
from knowledge.contraindications import read_table
from knowledge.library import Knowledge, Library
from tests.content.test_answers import CLAIMS, grade

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.timezone.utc)
KNOWLEDGE = Library().get()
CHECK = KNOWLEDGE.screening
TABLE = read_table()


class Person:
    """Answers the check; slots go through JSON as they do in the tracker."""

    def __init__(self, knowledge: Knowledge = KNOWLEDGE):
        self.knowledge = knowledge
        self.slot: Any = None
        self.memory = Memory()
        self.last = Step(None)
        self.effects: list[str] = []

    def says(self, text: str, intent: str = "inform", *entities: dict[str, Any], pieces: list[tuple[str, str]] | None = None, now: dt.datetime = NOW) -> str:
        questions = [{"text": t, "intent": i, "confidence": 0.9} for t, i in pieces or []]
        parse = {"text": text, "intent": {"name": intent, "confidence": 0.9}, "questions": questions, "entities": [dict(e) for e in entities]}
        self.last = screening.step(State.from_slot(self.slot), parse, self.memory, self.knowledge, now)
        self.slot = None if self.last.state is None else json.loads(json.dumps(self.last.state.to_slot()))
        self.memory = Memory.from_slot(json.loads(json.dumps(self.memory.to_slot())))
        self.effects += [effect.name for effect in self.last.effects]
        return "\n".join(m.text for m in self.last.messages)

    @property
    def asked(self) -> str:
        return str(self.slot["asked"]) if self.slot else ""

    def reaches(self, question: str) -> "Person":
        """Answers everything before `question` in the shortest way."""
        self.says("check me", "start_screening")
        for _ in range(20):
            if self.asked == question:
                return self
            self.says(
                *{"consent": ("yes", "affirm"), "adult": ("34", "inform"), "area": ("skip", "skip"), "marks": ("skip", "skip"), "skin": ("skip", "skip")}.get(
                    self.asked, ("no", "deny")
                )
            )
        raise AssertionError(f"{question} was never asked")


def entity(label: str, value: str, text: str, said: list[str] | None = None) -> dict[str, Any]:
    return {"entity": label, "value": value, "text": text, "start": 0, "end": 0, **({"said": said} if said else {})}


class TestEveryQuestion:
    @pytest.mark.parametrize("question", ORDER)
    def test_a_side_question_is_answered_and_the_question_asked_again(self, question: str) -> None:
        person = Person().reaches(question)
        said = person.says("how much does it cost?", "ask_price")
        assert "£" in said and person.asked == question and person.last.messages[-1].buttons
        assert person.last.messages[0].buttons == []

    @pytest.mark.parametrize("question", ORDER)
    def test_why_is_answered_and_the_question_asked_again(self, question: str) -> None:
        person = Person().reaches(question)
        said = person.says("why do you need that", "ask_why")
        assert str(CHECK["questions"][question]["why"])[:40] in said and person.asked == question

    @pytest.mark.parametrize("question", ORDER)
    def test_twice_not_understood_is_explained_with_a_way_out(self, question: str) -> None:
        person = Person().reaches(question)
        assert CHECK["texts"]["not_understood"] in person.says("blub", "nlu_fallback")
        assert "Let me explain" in person.says("blub blub", "nlu_fallback")
        titles = [title for title, _ in person.last.messages[-1].buttons]
        assert CHECK["buttons"]["person"] in titles and (CHECK["buttons"]["skip"] in titles) == (question not in screening.NEEDED)

    @pytest.mark.parametrize("question", ORDER)
    def test_stopping_keeps_nothing(self, question: str) -> None:
        person = Person().reaches(question)
        person.says("stop", "stop")
        assert person.slot is None and person.last.done
        assert ("withdraw_consent" in person.effects) == ("save_consent" in person.effects)

    @pytest.mark.parametrize("question", ORDER[2:])
    def test_going_back_asks_the_one_before(self, question: str) -> None:
        person = Person().reaches(question)
        person.says("go back", "go_back")
        before = ORDER[ORDER.index(question) - 1]
        assert person.asked == before and before not in person.slot["given"]

    @pytest.mark.parametrize("question", [q for q in ORDER if q not in screening.NEEDED])
    def test_a_left_out_health_question_goes_to_the_clinician(self, question: str) -> None:
        person = Person().reaches(question)
        person.says("skip", "skip")
        while person.asked != "summary":
            person.says("no" if person.asked not in screening.SINGLE else "skip", "deny" if person.asked not in screening.SINGLE else "skip")
        person.says("yes", "affirm")
        assert person.slot["outcome"] == ("clinician_first" if question in HEALTH_QUESTIONS else "can_come")

    @pytest.mark.parametrize("question", ORDER)
    @pytest.mark.parametrize("level", ["emergency", "urgent", "crisis"])
    def test_danger_comes_first_at_every_question(self, question: str, level: str) -> None:
        person = Person().reaches(question)
        before = dict(person.slot)
        parse = {"text": "it hurts so much", "intent": {"name": "inform"}, "safety": {"level": level}}
        step = screening.step(State.from_slot(person.slot), parse, person.memory, KNOWLEDGE, NOW)
        assert step.elsewhere and not step.messages and step.state is not None
        assert step.state.stage == "paused" and step.state.asked == before["asked"] and step.state.given == before["given"]

    @pytest.mark.parametrize("question", ORDER)
    def test_every_button_is_understood_when_typed(self, question: str) -> None:
        for button in CHECK["questions"][question]["buttons"]:
            person = Person().reaches(question)
            said = person.says(str(button["title"]).upper(), "nlu_fallback")
            assert CHECK["texts"]["not_understood"] not in said


class TestAgreement:
    def test_no_health_question_before_the_yes(self) -> None:
        person = Person()
        said = person.says("check me", "start_screening", entity("condition", "eczema", "eczema"))
        assert person.asked == "consent" and "365 days" in said and person.effects == []
        person.says("no thanks", "deny")
        assert person.slot is None and person.effects == []

    def test_it_is_recorded_once_an_adult_gave_it(self) -> None:
        person = Person()
        person.says("check me", "start_screening")
        person.says("yes", "affirm")
        assert person.effects == []
        person.says("34")
        assert person.effects == ["save_consent"]
        person.says("no", "deny")
        assert person.effects == ["save_consent"]

    @pytest.mark.parametrize("answer", ["16", "im 17", "no", "Under 18", "nearly 18 but not yet, 17"])
    def test_a_minor_is_turned_away_and_forgotten(self, answer: str) -> None:
        person = Person()
        person.memory.known = {"condition": ["eczema"]}
        person.says("check me", "start_screening")
        person.says("yes", "affirm")
        person.says(answer, "deny" if answer == "no" else "inform")
        assert person.effects == ["forget"] and person.slot["stage"] == "closed" and not person.slot["facts"]


class TestBreaks:
    def test_within_the_hour_it_simply_goes_on(self) -> None:
        person = Person().reaches("area")
        person.slot = screening.pause(State.from_slot(person.slot) or State()).to_slot()
        person.says("check me", "start_screening", now=NOW + dt.timedelta(minutes=20))
        assert person.asked == "area"

    def test_after_days_it_asks_first(self) -> None:
        person = Person().reaches("area")
        person.slot = screening.pause(State.from_slot(person.slot) or State()).to_slot()
        said = person.says("check me", "start_screening", now=NOW + dt.timedelta(days=5))
        assert person.asked == "resume" and "22 November 2026" in said
        person.says("go on", "affirm")
        assert person.asked == "area"

    def test_after_days_a_no_deletes_it(self) -> None:
        person = Person().reaches("area")
        person.slot = screening.pause(State.from_slot(person.slot) or State()).to_slot()
        person.says("check me", "start_screening", now=NOW + dt.timedelta(days=5))
        person.says("no", "deny")
        assert person.slot is None and "withdraw_consent" in person.effects


class TestAnswers:
    def test_the_result_is_for_both_readers(self) -> None:
        person = Person().reaches("medicines")
        person.says("stopped roaccutane in august", "ask_isotretinoin", entity("medicine", "isotretinoin", "roaccutane"))
        for _ in range(3):
            person.says("no", "deny")
        said = person.says("That is right")
        assert "28 February 2027" in said and "no diagnosis" in said and "suitable" not in said
        result = person.last.effects[-1].data
        assert result["outcome"] == "wait_until" and result["earliest"] == "2027-02-28"
        assert result["table"]["version"] == TABLE.version and "reviewed_by" in result["table"]
        assert any(line.startswith("Medicines: roaccutane") for line in result["summary"])
        assert person.last.messages[-1].data["table_version"] == TABLE.version

    def test_several_facts_in_one_answer_and_details_asked_for(self) -> None:
        person = Person().reaches("conditions")
        text = "eczema and diabetes"
        person.says(text, "ask_medical_condition", entity("condition", "eczema", "eczema"), entity("condition", "diabetes", "diabetes"))
        assert person.asked == "follow" and "eczema" in person.last.messages[-1].text
        person.says("no", "deny")
        assert person.asked == "follow" and "diabetes" in person.last.messages[-1].text
        person.says("not really", "deny")
        assert person.asked == "medicines"
        details = {f["value"]: f["details"] for f in person.slot["facts"]}
        assert details == {"eczema": {"here": "no"}, "diabetes": {"controlled": "no"}}

    def test_not_sure_if_pregnant_counts_as_pregnant(self) -> None:
        person = Person().reaches("birth")
        person.says("not sure, could be", "deny")
        assert person.slot["facts"][0]["value"] == "pregnancy"

    def test_mentions_before_the_check_are_not_asked_for(self) -> None:
        person = Person()
        person.memory.known = {"skin_tone": ["VI"], "mark_colour": ["white"], "body_area": ["hips"]}
        person.memory.facts = [{"label": "condition", "value": "keloid", "said": "keloids", "details": {}, "since": None}]
        asked = []
        person.says("check me", "start_screening")
        while person.asked != "summary":
            asked.append(person.asked)
            person.says(*{"consent": ("yes", "affirm"), "adult": ("40", "inform")}.get(person.asked, ("no", "deny")))
        assert asked == ["consent", "adult", "birth", "conditions", "medicines", "allergies", "recent"]

    def test_distress_twice_is_not_sold_to(self) -> None:
        person = Person().reaches("area")
        person.says("i hate how i look", "express_distress")
        person.says("i am so ashamed", "express_distress")
        while person.asked != "summary":
            person.says("skip", "skip")
        person.says("yes", "affirm")
        assert [payload for _, payload in person.last.messages[-1].buttons] == ["/request_human"]
        assert "mental health" in person.last.messages[-1].text and "£" not in person.last.messages[-1].text


TYPED = ["yes", "no", "not sure", "skip", "go back", "34", "eczema", "tummy", "in march", "why", "change something", "That is right", "{x}", "", "how much?"]
INTENTS = """
affirm deny inform skip go_back ask_why ask_price repeat nlu_fallback out_of_scope ask_skin_condition express_distress start_screening restart stop
""".split()
NAMED = [
    *(("condition", "eczema"), ("condition", "pregnancy"), ("condition", "asthma"), ("medicine", "isotretinoin"), ("treatment", "filler")),
    *(("allergen", "nickel"), ("body_area", "hips"), ("skin_tone", "V"), ("mark_colour", "red"), ("date", "in march")),
]
messages = st.tuples(st.sampled_from(TYPED) | st.text(max_size=30), st.sampled_from(INTENTS), st.lists(st.sampled_from(NAMED), max_size=2))


@given(st.lists(messages, max_size=14))
def test_whatever_is_said_it_answers_and_never_promises(said: list[tuple[str, str, list[tuple[str, str]]]]) -> None:
    person = Person()
    person.says("check me", "start_screening")
    for text, intent, named in said:
        reply = person.says(text, intent, *(entity(label, value, value) for label, value in named))
        assert reply and not re.search(r"\bsuitable for you\b|\bsafe for you\b|\{\w*\}", reply.replace("{x}", ""))
        assert person.last.done == (person.slot is None or person.slot["stage"] in ("done", "closed"))
        if person.last.done:
            break


@pytest.mark.parametrize(
    "damaged",
    [None, 3, "x", [], {}, {"stage": "dancing"}, {"stage": "asking", "facts": [1, {"label": 2}], "given": {"adult": 3}, "about": {"area": 5}, "path": "x"}],
)
def test_a_damaged_slot_does_no_harm(damaged: Any) -> None:
    state = State.from_slot(damaged)
    assert state is None or (state.facts == [] and state.about == {})
    assert screening.step(state, {"text": "hello", "intent": {"name": "greet"}}, Memory(), KNOWLEDGE, NOW).messages


def sentences() -> list[str]:
    def leaves(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [leaf for part in value.values() for leaf in leaves(part)]
        if isinstance(value, list):
            return [leaf for part in value for leaf in leaves(part)]
        return [value] if isinstance(value, str) else []

    return sorted({text for part in ("questions", "texts", "result") for text in leaves(CHECK[part]) if len(text.split()) > 3})


@pytest.mark.parametrize("text", sentences())
def test_its_words_are_plain_and_promise_nothing(text: str) -> None:
    assert output_guard.findings(text, CLAIMS, template=True) == [] and "suitable" not in text
    assert len(text.split()) <= 90 and (len(text.split()) < 12 or grade(text) <= 10)


def test_buttons_fit_every_channel() -> None:
    titles = [str(b["title"]) for part in (*CHECK["questions"].values(),) for b in part["buttons"]]
    titles += [str(b["title"]) for rows in CHECK["details"].values() for b in rows] + list(CHECK["buttons"].values())
    assert all(0 < len(title) <= 20 for title in titles), [t for t in titles if len(t) > 20]
    assert set(CHECK["questions"]) == set(ORDER)
    assert all({"name", "ask", "why", "help", "buttons"} == set(question) for question in CHECK["questions"].values())
    assert {name for row in TABLE.rows.values() for name, _ in row.asks} <= set(CHECK["details"])
    following = {intent for intents in CHECK["result"]["next"].values() for intent in intents}
    assert following <= set(KNOWLEDGE.answers)


class TestTalkInTheMiddle:
    """What people write between the answers: none of it is an answer, all of it is heard."""

    @pytest.mark.parametrize("question", [q for q in ORDER if q != "consent"])
    @pytest.mark.parametrize(
        ("text", "intent", "lead"), [("thanks", "thank", "welcome"), ("hi", "greet", "hello_again"), ("thank you so much", "thank", "welcome")]
    )
    def test_courtesy_is_returned_and_the_question_asked_again(self, question: str, text: str, intent: str, lead: str) -> None:
        person = Person().reaches(question)
        assert person.says(text, intent).startswith(CHECK["texts"][lead]) and person.asked == question and person.slot["failures"] == 0

    @pytest.mark.parametrize("question", ORDER)
    @pytest.mark.parametrize("text", ["what do you mean", "i dont understand the question", "what does that mean", "huh?", "?", "such as?"])
    def test_who_does_not_understand_the_question_gets_it_explained(self, question: str, text: str) -> None:
        person = Person().reaches(question)
        said = person.says(text, "repeat")
        assert str(CHECK["questions"][question]["help"])[:20] in said and person.asked == question and person.last.messages[-1].buttons

    @pytest.mark.parametrize("question", [q for q in ORDER if q not in ("consent", "adult")])
    @pytest.mark.parametrize("text", ["thanks bye", "gotta go, bye", "i have to go", "goodnight", "i'll finish this later"])
    def test_goodbye_keeps_what_was_agreed_to_for_later(self, question: str, text: str) -> None:
        person = Person().reaches(question)
        said = person.says(text, "goodbye")
        assert said == CHECK["texts"]["goodbye_kept"] and person.last.done and person.slot["stage"] == "paused"
        assert screening.offer(person.slot, KNOWLEDGE) is not None

    def test_goodbye_before_agreeing_keeps_nothing(self) -> None:
        person = Person().reaches("consent")
        assert "nothing of the check" in person.says("bye", "goodbye") and person.slot is None

    @pytest.mark.parametrize("text", ["you already asked me that", "i told you already", "u asked that before", "i already answered this"])
    def test_who_has_been_asked_before_gets_an_apology_and_no_step_back(self, text: str) -> None:
        person = Person().reaches("skin")
        assert CHECK["texts"]["asked_already"] in person.says(text, "go_back") and person.asked == "skin"

    @pytest.mark.parametrize("text", ["ok", "right", "i see", "ok continue", "cool"])
    def test_a_nod_is_no_answer_and_no_failure(self, text: str) -> None:
        person = Person().reaches("skin")
        assert CHECK["texts"]["not_understood"] not in person.says(text, "affirm")
        assert person.asked == "skin" and person.slot["failures"] == 0

    @pytest.mark.parametrize("text", ["forget that, do you do botox", "hang on, do you do botox", "oh and can you do botox"])
    def test_a_change_of_subject_is_answered(self, text: str) -> None:
        person = Person().reaches("skin")
        said = person.says(text, "ask_other_concern", entity("treatment", "botox", "botox"))
        assert "other treatments" in said.lower() and CHECK["texts"]["back_to"] in said and person.asked == "skin"


class TestAnsweredBeforeItIsAsked:
    @pytest.mark.parametrize(
        ("text", "question"),
        [
            ("no and no medicines either", "medicines"),
            ("none, i don't take any tablets", "medicines"),
            ("nothing, and no allergies", "allergies"),
            ("no, im not on any meds, not allergic to anything", "allergies"),
            ("none and no keloids", "scars"),
        ],
    )
    def test_a_no_to_a_later_question_counts_there(self, text: str, question: str) -> None:
        person = Person().reaches("conditions")
        person.says(text, "deny")
        assert person.slot["given"]["conditions"] == "none" and person.slot["given"][question] == "none"

    def test_the_first_story_is_not_asked_for_again(self) -> None:
        person = Person().reaches("adult")
        said = person.says("I'm 28, not pregnant, no medicines", "deny", entity("condition", "pregnancy", "pregnant", ["negated"]))
        assert said == "Are you breastfeeding, or did you give birth in the last year?"
        person.says("no", "deny")
        assert person.asked == "area" and person.slot["given"]["medicines"] == "none"

    def test_a_medicine_that_was_told_is_not_wiped_by_no_medicines(self) -> None:
        person = Person().reaches("conditions")
        person.says("i take warfarin", "ask_medication", entity("medicine", "warfarin", "warfarin"))
        person.says("no conditions and no other medicines", "deny")
        assert [f["value"] for f in person.slot["facts"]] == ["warfarin"]

    @pytest.mark.parametrize("question", ["birth", "marks", "skin"])
    def test_the_area_is_noted_wherever_it_is_told(self, question: str) -> None:
        person = Person().reaches(question)
        person.slot["about"].pop("area", None)
        said = person.says("its my belly mostly", "inform", entity("body_area", "abdomen", "belly"))
        assert person.slot["about"]["area"] == ["abdomen"] and CHECK["texts"]["noted"] in said and person.asked == question

    def test_the_colour_told_in_a_story_is_the_answer_not_a_question(self) -> None:
        person = Person().reaches("marks")
        said = person.says("they were purple now theyve gone pinkish", "ask_what_are_stretch_marks", entity("mark_colour", "pink", "pinkish", ["other"]))
        assert "scars in the deeper layer" not in said and person.asked == "skin"

    def test_a_birth_in_a_story(self) -> None:
        person = Person().reaches("birth")
        person.says("had my little one 3 months ago, what a nightmare, but im not feeding anymore", "ask_breastfeeding")
        assert person.asked == "area" and [f["value"] for f in person.slot["facts"]] == ["recent_birth"]


class TestCorrectingTheAge:
    @pytest.mark.parametrize("text", ["change my age its 32", "my age is wrong, 32", "no im 32 years old", "age should be 32"])
    def test_at_the_summary(self, text: str) -> None:
        person = Person().reaches("summary")
        said = person.says(text, "go_back")
        assert person.slot["about"]["years"] == ["32"] and CHECK["texts"]["corrected"] in said and person.asked == "summary"


class TestTheOfferToGoOn:
    def paused(self) -> Person:
        person = Person().reaches("conditions")
        person.says("gotta go, bye", "goodbye")
        offered = screening.offer(person.slot, KNOWLEDGE)
        assert offered is not None
        person.slot = offered[0].to_slot()
        return person

    @pytest.mark.parametrize("text", ["none of these", "nothing like that", "neither"])
    def test_an_answer_to_the_waiting_question_deletes_nothing(self, text: str) -> None:
        parse = {"text": text, "intent": {"name": "deny"}}
        assert screening.agrees(self.paused().slot, parse, KNOWLEDGE) and not screening.declines(self.paused().slot, parse, KNOWLEDGE)

    @pytest.mark.parametrize("text", ["no", "no thanks", "stop"])
    def test_a_no_ends_it(self, text: str) -> None:
        parse = {"text": text, "intent": {"name": "stop" if text == "stop" else "deny"}}
        assert screening.declines(self.paused().slot, parse, KNOWLEDGE) and not screening.agrees(self.paused().slot, parse, KNOWLEDGE)

    @pytest.mark.parametrize("text", ["sorry i meant 27", "typo, 27", "im 27", "actually it's 27"])
    def test_a_mistyped_age_opens_it_again(self, text: str) -> None:
        closed = State(stage="closed").to_slot()
        assert screening.of_age_after_all(closed, {"text": text}, KNOWLEDGE)

    def test_and_the_check_begins_anew(self) -> None:
        person = Person().reaches("adult")
        person.says("17", "inform")
        assert person.slot["stage"] == "closed"
        assert "Is that all right with you" in person.says("sorry i meant 27", "go_back")

    @pytest.mark.parametrize("text", ["sorry", "27 weeks", "i meant 17", "my sister is 27 weeks"])
    def test_nothing_else_does(self, text: str) -> None:
        assert not screening.of_age_after_all(State(stage="closed").to_slot(), {"text": text}, KNOWLEDGE)

    def test_a_remark_of_somebody_else_is_no_obsession(self) -> None:
        person = Person().reaches("marks")
        person.says("my boyfriend said theyre disgusting", "express_distress")
        assert person.slot["distress"] == 1 and person.slot["facts"] == []


class TestMessyPeople:
    """What real people do to a form: second thoughts, other people, questions back, their own words."""

    def test_a_second_thought_counts(self) -> None:
        person = Person().reaches("birth")
        person.says("no. well actually i might be", "deny")
        assert [f["value"] for f in person.slot["facts"]] == ["pregnancy"] and person.slot["given"]["birth"] == "unsure"

    @pytest.mark.parametrize(
        ("text", "means"),
        [("yes. no sorry i mean no", "none"), ("no wait, yes i do", "which"), ("no sorry", "none"), ("no, well not really", "none"), ("sorry, no", "none")],
    )
    def test_the_last_of_several_answers_counts(self, text: str, means: str) -> None:
        person = Person().reaches("conditions")
        person.says(text, "deny")
        assert person.asked == "which:conditions" if means == "which" else person.slot["given"]["conditions"] == means

    @pytest.mark.parametrize(
        "text", ["do i have to?", "thats a bit personal", "are you allowed to ask me that", "what has that got to do with it", "none of your business"]
    )
    def test_somebody_who_does_not_like_the_question_hears_why(self, text: str) -> None:
        person = Person().reaches("birth")
        said = person.says(text, "nlu_fallback")
        assert str(CHECK["questions"]["birth"]["why"])[:40] in said and person.asked == "birth"

    def test_back_at_the_question_where_is_the_body_s(self) -> None:
        person = Person().reaches("area")
        person.says("back", "go_back", entity("body_area", "back", "back"))
        assert person.slot["about"]["area"] == ["back"] and person.asked == "marks"

    def test_going_back_twice_goes_back_two_questions(self) -> None:
        person = Person().reaches("marks")
        person.says("go back", "go_back")
        assert person.asked == "area"
        person.says("go back", "go_back")
        assert person.asked == "birth"

    def test_a_thing_told_at_another_question_leaves_that_one_open(self) -> None:
        person = Person().reaches("allergies")
        said = person.says("oh and i take warfarin", "ask_medication", entity("medicine", "warfarin", "warfarin"))
        assert person.asked == "allergies" and "noted" in said and [f["value"] for f in person.slot["facts"]] == ["warfarin"]

    def test_somebody_else_s_illness_is_not_noted(self) -> None:
        person = Person().reaches("medicines")
        said = person.says("my mum takes warfarin", "ask_medication", entity("medicine", "warfarin", "warfarin", ["other"]))
        assert person.asked == "medicines" and not person.slot["facts"] and "so for you" in said
        person.says("warfarin is what my mum takes, i take nothing", "ask_medication", entity("medicine", "warfarin", "warfarin"))
        assert person.asked == "allergies" and not person.slot["facts"]

    def test_an_answer_about_one_thing_can_be_put_right_a_question_later(self) -> None:
        person = Person().reaches("conditions")
        person.says("diabetes", "ask_medical_condition", entity("condition", "diabetes", "diabetes"))
        person.says("yes its controlled", "affirm")
        assert person.asked == "medicines"
        said = person.says("actually it isnt, my sugars are all over the place", "nlu_fallback")
        assert "corrected" in said and person.slot["facts"][0]["details"] == {"controlled": "no"} and person.asked == "medicines"

    def test_the_own_words_of_a_person_are_no_claim_of_ours(self) -> None:
        person = Person().reaches("recent")
        person.says("laser hair removal on my legs on 31 october", "ask_hair_removal", entity("treatment", "laser_hair_removal", "laser hair removal"))
        if person.asked != "summary":
            person.says("yes", "affirm")
        [shown] = [m for m in person.last.messages if "laser hair removal" in m.text]
        out = output_guard.let_out(shown, KNOWLEDGE.facts)
        assert out.text == shown.text and "quoted" not in out.data
        shown.text += "\nWe guarantee it."
        assert "guarantee" not in output_guard.let_out(shown, KNOWLEDGE.facts).text

    @pytest.mark.parametrize("text", ["nothing", "no, nothing missing", "thats all", "no thats right", "all good"])
    def test_nothing_to_change_is_agreement(self, text: str) -> None:
        person = Person().reaches("summary")
        person.says(text, "deny")
        assert person.slot["stage"] == "done"

    def test_a_past_pregnancy_stands_as_past(self) -> None:
        person = Person().reaches("birth")
        person.says("no, the marks came with my pregnancy 4 years ago", "deny", entity("condition", "pregnancy", "pregnancy", ["past"]))
        person.slot["asked"] = "summary"
        assert "Pregnancy and birth: pregnancy (in the past)" in person.says("again", "repeat")

    def test_the_c_section_was_on_the_day_of_the_birth(self) -> None:
        person = Person().reaches("birth")
        person.says(
            "gave birth 5 weeks ago, c section",
            "ask_after_birth",
            entity("condition", "recent_birth", "gave birth"),
            entity("condition", "c_section", "c section"),
        )
        assert {f["value"]: f["since"] for f in person.slot["facts"]}["c_section"] == ["2026-10-18", "2026-10-18"] and person.asked == "follow"

    def test_sunburn_two_weeks_ago_is_asked_whether_it_shows(self) -> None:
        person = Person().reaches("recent")
        said = person.says("got quite burnt 2 weeks ago", "ask_sun")
        assert "still red" in said
        person.says("yes still", "affirm")
        person.says("yes", "affirm")
        assert person.slot["outcome"] == "not_treated_here"

    @pytest.mark.parametrize(("text", "tone"), [("i tan well, never burn", "IV"), ("never burn", "VI"), ("black, never burn, i tan too", "VI")])
    def test_who_tans_well_and_never_burns_is_type_four(self, text: str, tone: str) -> None:
        person = Person().reaches("skin")
        person.says(text, "ask_skin_tone", entity("skin_tone", "VI", "never burn"))
        assert person.slot["about"]["skin_tone"] == [tone]

    def test_the_place_named_with_the_marks_counts_beside_other_things(self) -> None:
        person = Person().reaches("birth")
        person.says(
            "no, the marks are on my thighs, and i have eczema on my hands",
            "inform",
            entity("body_area", "thighs", "thighs"),
            entity("condition", "eczema", "eczema"),
            entity("body_area", "hands", "hands"),
        )
        assert person.slot["about"]["area"] == ["thighs"]

    def test_the_question_that_waits_can_be_answered_instead_of_saying_yes(self) -> None:
        person = Person().reaches("marks")
        person.slot = {**person.slot, "stage": "paused", "offered": True}
        parse = {"text": "purple", "intent": {"name": "inform"}, "entities": [entity("mark_colour", "purple", "purple")]}
        assert screening.agrees(person.slot, parse, KNOWLEDGE)
        person.says("purple", "inform", entity("mark_colour", "purple", "purple"))
        assert person.slot["about"]["colour"] == ["purple"] and person.asked == "skin"

    @pytest.mark.parametrize(
        ("text", "goes_on"),
        [
            ("ok im back, lets continue", True),
            ("im ok now, false alarm, carry on", True),
            ("i dont want to go on", False),
            ("continue", True),
            ("yes", False),
            ("how much is it?", False),
        ],
    )
    def test_going_on_in_so_many_words_needs_no_offer(self, text: str, goes_on: bool) -> None:
        slot = {**Person().reaches("marks").slot, "stage": "paused"}
        assert screening.agrees(slot, {"text": text, "intent": {"name": "affirm"}, "entities": []}, KNOWLEDGE, offered=False) == goes_on

    def test_a_course_that_is_over_after_all_is_put_right_and_does_not_stop_the_check(self) -> None:
        person = Person().reaches("medicines")
        person.says("im on roaccutane, 3 months in", "ask_isotretinoin", entity("medicine", "isotretinoin", "roaccutane"))
        assert person.asked == "allergies"
        said = person.says("never mind, i finished it in the summer", "stop")
        assert "corrected" in said and person.asked == "allergies"
        assert person.slot["facts"][0]["details"]["now"] == "no" and person.slot["facts"][0]["since"][1] == "2026-08-31"

    @pytest.mark.parametrize("text", ["y", "Y", "yh"])
    def test_a_letter_says_yes_whatever_it_was_taken_for(self, text: str) -> None:
        person = Person().reaches("consent")
        person.says(text, "ask_why" if text != "yh" else "affirm")
        assert person.asked == "adult"

    def test_later_keeps_the_answers(self) -> None:
        person = Person().reaches("area")
        person.says("can i do this later", "skip")
        assert person.slot["stage"] == "paused" and "deleted" not in person.effects

    def test_a_pregnancy_told_by_mistake_is_asked_anew(self) -> None:
        person = Person().reaches("birth")
        person.says("IM PREGNANT!!!", "inform", entity("condition", "pregnancy", "PREGNANT"))
        assert person.asked == "summary"
        person.says("oh wait no im not, took a test this morning, negative", "deny")
        assert person.asked == "birth" and not person.slot["facts"]
        person.says("no", "deny")
        assert person.asked == "area"

    def test_no_to_something_else_leaves_the_question_open(self) -> None:
        person = Person().reaches("medicines")
        person.says("no allergies or keloids", "deny", entity("condition", "keloid", "keloids", ["negated"]))
        assert person.asked == "medicines" and person.slot["given"]["allergies"] == person.slot["given"]["scars"] == "none"
        person.says("no", "deny")
        assert person.asked == "recent"

    @pytest.mark.parametrize(
        ("question", "text", "noted"),
        [("medicines", "antiretrovirals", True), ("conditions", "ehlers danlos syndrome", True), ("conditions", "asdf ghjk", False)],
    )
    def test_an_unlisted_name_that_sounds_medical_is_noted(self, question: str, text: str, noted: bool) -> None:
        person = Person().reaches(question)
        person.says(text, "nlu_fallback")
        assert (person.asked != question) == noted

    def test_none_and_a_question_is_an_answer_and_a_question(self) -> None:
        person = Person().reaches("conditions")
        said = person.says("none, how much is it?", "ask_price")
        assert "£" in said and person.asked == "medicines" and person.slot["given"]["conditions"] == "none"

    def test_medicines_are_read_among_the_medicines_and_illnesses_among_the_illnesses(self) -> None:
        person = Person().reaches("conditions")
        person.says(
            "breast cancer, all clear, and methotrexate",
            "inform",
            entity("condition", "cancer", "breast cancer"),
            entity("medicine", "methotrexate", "methotrexate"),
        )
        person.slot["asked"] = "summary"
        said = person.says("again", "repeat")
        assert "- Health: breast cancer" in said and "- Medicines: methotrexate" in said

    def test_a_place_said_in_passing_at_the_summary_is_no_new_place(self) -> None:
        person = Person().reaches("area")
        person.says("arms", "inform", entity("body_area", "arms", "arms"))
        person.slot["asked"] = "summary"
        person.says("yes as on the breast", "affirm", entity("body_area", "breasts", "breast"))
        assert person.effects[-1:] == ["save_screening"] and "- Where: arms" in "- " + "\n- ".join(person.last.effects[-1].data["summary"])

    def test_a_time_put_right_is_no_way_back(self) -> None:
        person = Person().reaches("medicines")
        person.says("accutane, came off it in march", "ask_isotretinoin", entity("medicine", "isotretinoin", "accutane"))
        person.says("wait no it was april", "go_back")
        assert person.slot["facts"][0]["since"][1] == "2026-04-30" and person.asked == "allergies"

    def test_an_age_is_no_distress(self) -> None:
        person = Person().reaches("adult")
        said = person.says("im thirty one", "express_distress")
        assert person.asked == "birth" and "Samaritans" not in said

    def test_a_question_at_a_detail_tells_nothing_of_it(self) -> None:
        person = Person().reaches("medicines")
        person.says("roaccutane", "inform", entity("medicine", "isotretinoin", "roaccutane"))
        person.says("when do i need to stop?", "ask_preparation")
        assert person.slot["follow"].endswith("|now") and not person.slot["facts"][0]["details"]

    def test_a_thing_can_be_struck_out(self) -> None:
        person = Person().reaches("medicines")
        thinner = entity("medicine", "warfarin", "warfarin")
        person.says("warfarin", "inform", thinner)
        said = person.says("remove the warfarin i misread", "inform", thinner)
        assert "corrected" in said and not person.slot["facts"] and person.asked == "allergies"

    def test_somebody_who_checks_for_another_hears_whose_answers_count(self) -> None:
        person = Person().reaches("birth")
        said = person.says("she is pregnant", "ask_pregnancy", entity("condition", "pregnancy", "pregnant", ["other"]))
        assert "so for you" in said and person.asked == "birth" and not person.slot["facts"]

    def test_a_colour_is_no_place(self) -> None:
        person = Person().reaches("area")
        person.says("white", "inform", entity("mark_colour", "white", "white"))
        assert "area" not in person.slot["about"] and person.asked == "area"


def test_a_minor_is_not_tempted() -> None:
    turn = Turn([Message("Our minimum age is 18.", [("a", "/ask_suitability"), ("b", "/ask_pain")])], ["ask_age_limit"], ["ask_suitability", "ask_pain"], [])
    kind = screening.as_for_a_minor(turn, State(stage="closed").to_slot(), KNOWLEDGE)
    assert kind.messages[-1].buttons == [("b", "/ask_pain")]
    assert kind.offered == ["ask_pain"]
