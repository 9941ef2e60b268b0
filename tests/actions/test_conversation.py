"""A conversation turn by turn: what is remembered, what a short "yes" or "more" refers to, what happens when nothing is understood."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import conversation
from actions.answers import Message, Turn
from actions.memory import REMEMBERED, Memory, learn, treated
from knowledge import parsed
from knowledge.library import Knowledge


class Visitor:
    """Somebody who writes. The memory goes through JSON after every message, as it does in the tracker."""

    def __init__(self, knowledge: Knowledge):
        self.knowledge = knowledge
        self.memory = Memory()

    def says(self, text: str, *intents: str, **entities: str) -> Turn:
        turn = conversation.reply(self._parse(text, intents, entities), self.memory, self.knowledge)
        self._store()
        return turn

    def mumbles(self, text: str, *guesses: str) -> Message:
        parse = {"text": text, "intent": {"name": "nlu_fallback"}, "intent_ranking": [{"name": g, "confidence": 0.2} for g in guesses]}
        message = conversation.misunderstood(parse, self.memory, self.knowledge)
        self._store()
        return message

    def presses(self, intent: str) -> Turn:
        turn = conversation.reply({"text": f"/{intent}", "intent": {"name": intent, "confidence": 1.0}, "entities": []}, self.memory, self.knowledge)
        self._store()
        return turn

    def _store(self) -> None:
        self.memory = Memory.from_slot(json.loads(json.dumps(self.memory.to_slot())))

    @staticmethod
    def _parse(text: str, intents: tuple[str, ...], entities: dict[str, str]) -> dict[str, Any]:
        return {
            "text": text,
            "intent": {"name": intents[0], "confidence": 0.9},
            "entities": [{"entity": key, "value": value} for key, value in entities.items()],
            "questions": [{"text": text, "intent": intent, "confidence": 0.9} for intent in intents],
        }


@pytest.fixture
def visitor(knowledge: Knowledge) -> Visitor:
    return Visitor(knowledge)


def said(turn: Turn) -> str:
    return "\n".join(message.text for message in turn.messages)


class TestWhatWasAsked:
    def test_every_question_of_the_message(self) -> None:
        assert parsed.asked(Visitor._parse("does it hurt and whats the price", ("ask_pain", "ask_price"), {})) == ["ask_pain", "ask_price"]

    def test_with_one_question_the_intent_of_the_whole(self) -> None:
        assert parsed.asked({"intent": {"name": "ask_pain"}, "questions": [{"intent": "ask_price"}]}) == ["ask_pain"]

    def test_a_pressed_button_asks_only_its_own(self) -> None:
        assert parsed.asked({"text": "/ask_price", "intent": {"name": "ask_price"}}) == ["ask_price"]

    @pytest.mark.parametrize("parse", [{}, {"intent": None, "questions": None}, {"intent": {}, "questions": []}, {"intent": {"name": None}}])
    def test_nothing_at_all(self, parse: dict[str, Any]) -> None:
        assert parsed.asked(parse) == []


class TestSeveralQuestions:
    def test_all_are_answered_with_one_closing_offer(self, visitor: Visitor) -> None:
        turn = visitor.says("does it hurt and whats the price", "ask_pain", "ask_price")
        assert turn.answered == visitor.memory.answered == ["ask_pain", "ask_price"]
        assert [bool(message.buttons) for message in turn.messages] == [False, True]

    def test_an_emergency_among_them_is_answered_alone(self, visitor: Visitor) -> None:
        turn = visitor.says("whats the price, and my throat is closing", "ask_price", "report_emergency")
        assert turn.answered == ["report_emergency"]
        assert (turn.offered, turn.messages[0].buttons) == ([], [])


class TestGreeting:
    @pytest.mark.parametrize("text", ["hi does it hurt", "Hello, does it hurt?", "hey!! does it hurt", "Good morning, does it hurt"])
    def test_a_hello_is_returned_with_the_first_answer(self, text: str, visitor: Visitor) -> None:
        assert said(visitor.says(text, "ask_pain")).startswith("Hello. ")
        assert not said(visitor.says(text, "ask_price")).startswith("Hello. ")

    @pytest.mark.parametrize(
        "text", ["does it hurt", "Hips and thighs, does it hurt?", "high pain tolerance here, does it hurt", "history of fainting, will it hurt"]
    )
    def test_who_says_no_hello_gets_none(self, text: str, visitor: Visitor) -> None:
        assert not said(visitor.says(text, "ask_pain")).startswith("Hello. ")


class TestShortWords:
    def test_yes_takes_the_first_offer(self, visitor: Visitor) -> None:
        first = visitor.says("can i sunbathe", "ask_sun").offered[0]
        assert visitor.says("yes please", "affirm").answered == [first]

    def test_yes_to_nothing_asks_what(self, visitor: Visitor) -> None:
        assert visitor.says("yes", "affirm").answered == ["affirm"]

    def test_yes_after_not_being_understood_takes_nothing_old(self, visitor: Visitor) -> None:
        visitor.says("can i sunbathe", "ask_sun")
        visitor.mumbles("hm", "ask_price")
        assert visitor.says("yes", "affirm").answered == ["affirm"]

    def test_more_shows_the_longer_form(self, visitor: Visitor, knowledge: Knowledge) -> None:
        visitor.says("can i sunbathe", "ask_sun")
        assert knowledge.answers["ask_sun"].more[:60] in said(visitor.says("tell me more", "ask_more"))

    def test_more_does_not_say_the_same_twice(self, visitor: Visitor) -> None:
        visitor.says("can i sunbathe", "ask_sun")
        assert said(visitor.says("tell me more", "ask_more")) != said(visitor.says("more", "ask_more"))

    def test_more_about_a_mild_symptom_shows_its_longer_form(self, visitor: Visitor, knowledge: Knowledge) -> None:
        visitor.says("its itchy two days after", "report_mild_symptom")
        assert knowledge.answers["report_mild_symptom"].more[:40] in said(visitor.says("tell me more", "ask_more"))

    def test_more_when_there_is_no_more_names_the_clinician(self, visitor: Visitor) -> None:
        visitor.says("i want to move my visit", "reschedule_booking")
        assert visitor.says("tell me more", "ask_more").answered == ["ask_more"]

    def test_the_same_question_again_shows_the_longer_form(self, visitor: Visitor, knowledge: Knowledge) -> None:
        visitor.says("can i sunbathe", "ask_sun")
        assert knowledge.answers["ask_sun"].more[:60] in said(visitor.says("and the sun?", "ask_sun"))

    def test_say_that_again(self, visitor: Visitor) -> None:
        first = said(visitor.says("can i sunbathe", "ask_sun"))
        visitor.says("thanks", "thank")
        assert said(visitor.says("what was that", "repeat")) == f"Of course, once more:\n{first}"

    def test_nothing_to_say_again(self, visitor: Visitor) -> None:
        assert visitor.says("what was that", "repeat").answered == ["repeat"]

    def test_after_a_greeting_it_does_not_claim_to_have_been_silent(self, visitor: Visitor) -> None:
        visitor.says("hi", "greet")
        assert "not said anything" not in said(visitor.says("what did you say", "repeat"))

    def test_an_emergency_answer_said_again_still_begins_with_the_number(self, visitor: Visitor, knowledge: Knowledge) -> None:
        visitor.says("her lips are blue", "report_emergency")
        assert said(visitor.says("what??", "repeat")).startswith(f"Call {knowledge.facts()['emergency_number']}")

    def test_starting_again_forgets(self, visitor: Visitor) -> None:
        visitor.says("can i sunbathe, im black", "ask_sun", skin_tone="VI")
        visitor.says("start over", "restart")
        assert (visitor.memory.known, visitor.memory.last, visitor.memory.cited) == ({}, [], [])
        assert visitor.says("what was that", "repeat").answered == ["repeat"]


class TestSourcesOnRequest:
    def test_those_of_the_last_answer(self, visitor: Visitor, knowledge: Knowledge) -> None:
        visitor.says("can i sunbathe", "ask_sun")
        turn = visitor.says("where does this come from", "ask_sources")
        for key in knowledge.answers["ask_sun"].sources:
            assert knowledge.sources[key]["title"] in said(turn)
        assert turn.messages[0].buttons

    def test_those_of_an_adaptation_too(self, visitor: Visitor) -> None:
        visitor.says("can i sunbathe, im black", "ask_sun", skin_tone="VI")
        assert "R20" in visitor.memory.cited
        assert "Chu" in said(visitor.says("says who", "ask_sources"))

    def test_small_talk_between_does_not_lose_them(self, visitor: Visitor) -> None:
        visitor.says("can i sunbathe", "ask_sun")
        visitor.says("thanks", "thank")
        assert said(visitor.says("says who", "ask_sources")).startswith("This is where that answer comes from:")

    def test_never_those_of_an_older_answer(self, visitor: Visitor) -> None:
        visitor.says("can i sunbathe", "ask_sun")
        visitor.says("where are you", "ask_location")
        assert visitor.says("says who", "ask_sources").answered == ["ask_sources"]

    def test_before_anything_was_said(self, visitor: Visitor) -> None:
        assert visitor.says("what are your sources", "ask_sources").answered == ["ask_sources"]


class TestNotUnderstood:
    def test_guesses_first_then_a_person(self, visitor: Visitor, knowledge: Knowledge) -> None:
        assert "Did you mean" in visitor.mumbles("hmpf the thing", "ask_sun", "ask_price").text
        assert knowledge.facts()["phone"] in visitor.mumbles("the other thing", "ask_sun").text

    def test_something_else_goes_to_a_person_at_once(self, visitor: Visitor, knowledge: Knowledge) -> None:
        visitor.mumbles("hmpf", "ask_sun")
        assert knowledge.facts()["phone"] in visitor.mumbles("/nlu_fallback").text

    def test_an_answer_in_between_starts_the_count_anew(self, visitor: Visitor) -> None:
        visitor.mumbles("hmpf", "ask_sun")
        visitor.presses("ask_sun")
        assert "Did you mean" in visitor.mumbles("hmpf", "ask_price").text

    def test_it_counts_as_answering_nothing(self, visitor: Visitor) -> None:
        visitor.says("can i sunbathe", "ask_sun")
        visitor.mumbles("hmpf", "ask_price")
        assert (visitor.memory.answered, visitor.memory.offered) == ([], [])

    def test_without_any_ranking(self, knowledge: Knowledge) -> None:
        assert conversation.misunderstood({}, Memory(), knowledge).text


class TestWhatIsRemembered:
    def test_what_was_said_about_oneself_adapts_later_answers(self, visitor: Visitor) -> None:
        plain = said(Visitor(visitor.knowledge).says("aftercare?", "ask_aftercare"))
        visitor.says("im black, does it hurt", "ask_pain", skin_tone="VI")
        assert "dark patches" in said(visitor.says("aftercare?", "ask_aftercare"))
        assert "dark patches" not in plain

    def test_the_newest_word_counts(self, visitor: Visitor) -> None:
        visitor.says("on my hips", "inform", body_area="hips")
        visitor.says("no my breasts", "inform", body_area="breasts")
        assert visitor.memory.known["body_area"] == ["breasts"]

    def test_what_matters_for_one_message_is_not_kept(self, visitor: Visitor) -> None:
        visitor.says("can i use bio oil tomorrow", "ask_skincare", product="bio_oil", date="tomorrow")
        visitor.says("im anna, call me", "request_human", person_name="anna", phone="07700 900123", email="a@b.example")
        assert set(visitor.memory.known) <= set(REMEMBERED)
        assert "07700" not in json.dumps(visitor.memory.to_slot())

    def test_it_stays_small_however_long_the_talk(self, visitor: Visitor, knowledge: Knowledge) -> None:
        for intent in [*knowledge.answers, *knowledge.answers]:
            visitor.says("x", intent)
        assert len(visitor.memory.shown) <= conversation.MOST_SHOWN
        assert len(json.dumps(visitor.memory.to_slot())) < 5_000

    def test_a_pressed_button_tells_nothing_about_a_treatment(self, visitor: Visitor) -> None:
        visitor.presses("ask_aftercare")
        assert visitor.memory.known == {}


class TestTreatedOrNot:
    @pytest.mark.parametrize(
        "text", ["i had it done on monday", "day 3 and still red", "since my session its sore", "5 days after and its peeling", "ive had my first session"]
    )
    def test_who_speaks_of_a_treatment_they_had(self, text: str) -> None:
        assert treated(text, []) == "yes"

    @pytest.mark.parametrize("text", ["thinking of getting it, does it hurt", "before i book, does it hurt", "i havent had it yet", "if i get it, can i swim"])
    def test_who_says_it_is_still_ahead(self, text: str) -> None:
        assert treated(text, []) == "no"

    @pytest.mark.parametrize(
        "text",
        [
            "does it hurt",
            "how much",
            "my marks are red",
            "what is day 1 like",
            "how long after the treatment until i can go to the gym",
            "is 3 days in between enough",
        ],
    )
    def test_who_says_neither(self, text: str) -> None:
        assert treated(text, []) is None

    def test_a_symptom_reported_now_means_a_treatment(self) -> None:
        assert treated("its weeping", ["report_urgent_symptom"]) == "yes"

    @pytest.mark.parametrize("intent", ["express_crisis", "express_distress", "ask_pain"])
    def test_sorrow_does_not(self, intent: str) -> None:
        assert treated("i hate this", [intent]) is None

    def test_the_persons_own_word_counts_more_than_the_intent(self, visitor: Visitor) -> None:
        """The answer has a sentence for this: show it to a pharmacist or GP."""
        turn = visitor.says("i havent had it yet but my marks itch, is that normal", "report_mild_symptom")
        assert "pharmacist" in said(turn)


class TestTheSlot:
    def test_survives_json(self) -> None:
        memory = Memory(known={"skin_tone": ["V"]}, shown=["ask_sun"], answered=["ask_sun"], last=["ask_sun"], offered=["ask_price"], cited=["R1"], failures=1)
        assert Memory.from_slot(json.loads(json.dumps(memory.to_slot()))) == memory

    @pytest.mark.parametrize("value", [None, 5, "x", [], [1], True, {}, {"unknown": 1}])
    def test_anything_else_is_an_empty_memory(self, value: Any) -> None:
        assert Memory.from_slot(value) == Memory()

    @pytest.mark.parametrize(
        "value",
        [
            {"known": None},
            {"known": "dark"},
            {"known": {"skin_tone": None}},
            {"known": {"skin_tone": "V"}},
            {"shown": 5},
            {"last": None},
            {"last": ["an_intent_of_long_ago"]},
            {"offered": {"a": 1}},
            {"cited": [None]},
            {"failures": "two"},
            {"failures": None},
        ],
        ids=str,
    )
    def test_a_damaged_memory_silences_nobody(self, value: dict[str, Any], knowledge: Knowledge) -> None:
        for intent in ("ask_aftercare", "ask_more", "repeat", "affirm", "ask_sources"):
            turn = conversation.reply(Visitor._parse("x", (intent,), {"skin_tone": "V"}), Memory.from_slot(value), knowledge)
            assert said(turn)
        assert conversation.misunderstood({"text": "x"}, Memory.from_slot(value), knowledge).text

    @given(
        st.dictionaries(
            st.sampled_from(list(Memory.__dataclass_fields__)),
            st.none() | st.integers() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.lists(st.text())),
        )
    )
    def test_what_comes_out_has_the_right_shape(self, value: dict[str, Any]) -> None:
        memory = Memory.from_slot(value)
        assert isinstance(memory.known, dict) and isinstance(memory.failures, int)
        assert all(isinstance(getattr(memory, name), list) for name in ("shown", "answered", "last", "offered", "cited"))

    def test_learning_does_not_change_what_was_remembered_elsewhere(self) -> None:
        known = {"condition": ["eczema"]}
        learn(Memory(known=known), "and diabetes", ["inform"], [{"entity": "condition", "value": "diabetes"}])
        assert known == {"condition": ["eczema"]}

    @pytest.mark.parametrize("entity", [{}, {"entity": "skin_tone"}, {"entity": "skin_tone", "value": None}, {"entity": "skin_tone", "value": ""}], ids=str)
    def test_an_entity_without_a_value_is_no_news(self, entity: dict[str, Any]) -> None:
        assert learn(Memory(), "", [], [entity]).values == {}


def test_what_is_told_of_somebody_else_waits_where_not_all_can_be_answered() -> None:
    pieces = [
        ("im on roaccutane,", "ask_isotretinoin"),
        ("my sister is pregnant,", "ask_pregnancy"),
        ("and i had botox yesterday.", "ask_recent_treatment"),
        ("how much is it?", "ask_price"),
    ]
    parse = {"intent": {"name": "ask_isotretinoin"}, "questions": [{"text": text, "intent": intent} for text, intent in pieces]}
    assert parsed.asked(parse) == ["ask_isotretinoin", "ask_recent_treatment", "ask_price", "ask_pregnancy"]
    parse["questions"] = parse["questions"][:3]
    assert parsed.asked(parse)[1] == "ask_pregnancy"
    parse["questions"] = [
        {"text": "my sister is pregnant can she come", "intent": "ask_pregnancy"},
        *parse["questions"],
        {"text": "price", "intent": "ask_price"},
    ]
    assert parsed.asked(parse)[0] == "ask_pregnancy"
