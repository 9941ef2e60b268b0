"""Which answers a message gets, in which order, and how they read."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from actions import answers
from actions.answers import Known
from knowledge.facts import fill
from knowledge.library import Addition, Answer, Knowledge


@pytest.fixture
def small(knowledge: Knowledge) -> Knowledge:
    """Five short answers beside the clinic's real facts."""
    made = [
        Answer("ask_sun", "Cover up.", sources=("R1",), more="Cover up for weeks.", more_sources=("R2",), next=("ask_price", "ask_pain", "ask_water")),
        Answer("ask_pain", "It can hurt.", sources=("R3", "R1"), next=("ask_sun", "ask_price")),
        Answer("ask_price", "From {price_from}.", next=("ask_sun",)),
        Answer("report_emergency", "Call {emergency_number} now."),
        Answer("greet", "Hello.", next=("ask_price",)),
    ]
    titles = {a.intent: a.intent.upper() for a in made}
    return replace(knowledge, answers={a.intent: a for a in made}, titles=titles)


def adapting(knowledge: Knowledge, *additions: Addition) -> Knowledge:
    return replace(knowledge, answers={**knowledge.answers, "ask_sun": Answer("ask_sun", "Cover up.", also=additions)})


def text(turn: Any) -> str:
    return "\n".join(message.text for message in turn.messages)


class TestWhatIsAnswered:
    def test_questions_in_the_order_they_were_asked(self, knowledge: Knowledge) -> None:
        assert answers.choose(["ask_pain", "ask_price"], knowledge) == ["ask_pain", "ask_price"]

    @pytest.mark.parametrize("symptom", ["report_urgent_symptom", "report_mild_symptom"])
    def test_a_symptom_before_any_question(self, symptom: str, knowledge: Knowledge) -> None:
        assert answers.choose(["ask_price", "ask_sun", symptom], knowledge) == [symptom, "ask_price", "ask_sun"]

    def test_the_graver_symptom_first(self, knowledge: Knowledge) -> None:
        assert answers.choose(["report_mild_symptom", "report_urgent_symptom"], knowledge) == ["report_urgent_symptom", "report_mild_symptom"]

    @pytest.mark.parametrize("emergency", ["report_emergency", "express_crisis"])
    def test_an_emergency_alone(self, emergency: str, knowledge: Knowledge) -> None:
        assert answers.choose(["ask_price", "report_urgent_symptom", emergency, "thank"], knowledge) == [emergency]

    def test_danger_to_the_body_before_danger_of_the_mind(self, knowledge: Knowledge) -> None:
        assert answers.choose(["express_crisis", "report_emergency"], knowledge) == ["report_emergency"]

    def test_three_at_most(self, knowledge: Knowledge) -> None:
        assert answers.choose(["ask_pain", "ask_price", "ask_sun", "ask_water"], knowledge) == ["ask_pain", "ask_price", "ask_sun"]

    def test_a_fourth_question_is_the_first_choice_below(self, knowledge: Knowledge) -> None:
        turn = answers.compose(["ask_pain", "ask_price", "ask_sun", "ask_water"], Known(), [], knowledge)
        assert turn.answered == ["ask_pain", "ask_price", "ask_sun"]
        assert turn.offered[0] == "ask_water" and len(turn.offered) == answers.MOST_BUTTONS
        assert turn.messages[-1].buttons[0] == (knowledge.titles["ask_water"], "/ask_water")
        assert turn.messages[-1].text.endswith(answers.LEFT)
        assert answers.LEFT not in text(answers.compose(["ask_pain", "ask_price", "ask_sun"], Known(), [], knowledge))

    def test_safety_is_never_the_one_left_out(self, knowledge: Knowledge) -> None:
        assert answers.choose(["ask_pain", "ask_price", "ask_sun", "report_urgent_symptom"], knowledge)[0] == "report_urgent_symptom"

    def test_none_twice(self, knowledge: Knowledge) -> None:
        assert answers.choose(["ask_pain", "ask_price", "ask_pain"], knowledge) == ["ask_pain", "ask_price"]

    def test_the_question_before_the_kind_word(self, knowledge: Knowledge) -> None:
        assert answers.choose(["express_distress", "ask_price"], knowledge) == ["ask_price", "express_distress"]

    def test_distress_alone_is_answered(self, knowledge: Knowledge) -> None:
        assert answers.choose(["express_distress"], knowledge) == ["express_distress"]

    def test_courtesy_only_when_nothing_was_asked(self, knowledge: Knowledge) -> None:
        assert answers.choose(["greet", "ask_price", "thank"], knowledge) == ["ask_price"]
        assert answers.choose(["greet", "thank"], knowledge) == ["greet"]

    def test_what_is_not_ours_is_left_out_beside_a_question_of_ours(self, knowledge: Knowledge) -> None:
        assert answers.choose(["out_of_scope", "ask_price"], knowledge) == ["ask_price"]
        assert answers.choose(["out_of_scope"], knowledge) == ["out_of_scope"]

    def test_an_intent_without_an_answer_is_passed_over(self, knowledge: Knowledge) -> None:
        assert answers.choose(["nlu_fallback", "ask_price"], knowledge) == ["ask_price"]
        assert answers.choose(["nlu_fallback"], knowledge) == []


class TestHowAnAnswerAdapts:
    DARK = Addition({"skin_tone": ("V", "VI")}, "Dark skin: sun care matters more.", ("R20",))
    FAIR = Addition({"skin_tone": ("I", "II")}, "Fair skin: it burns.", ())
    DIABETES = Addition({"condition": ("diabetes",)}, "Diabetes: get help sooner.", ("R64",))
    BREASTS = Addition({"body_area": ("breasts",)}, "Soft cotton.", ())
    RED_BREASTS = Addition({"body_area": ("breasts",), "mark_colour": ("red",)}, "Red marks there.", ())

    def known(self, **facts: str) -> Known:
        known = Known()
        for key, value in facts.items():
            known.add(key, value)
        return known

    def test_to_the_skin_tone(self, small: Knowledge) -> None:
        turn = answers.compose(["ask_sun"], self.known(skin_tone="V"), [], adapting(small, self.FAIR, self.DARK))
        assert text(turn) == "Cover up.\nDark skin: sun care matters more."
        assert turn.sources == ["R20"]

    def test_says_nothing_about_what_is_not_known(self, small: Knowledge) -> None:
        assert text(answers.compose(["ask_sun"], Known(), [], adapting(small, self.DARK, self.DIABETES))) == "Cover up."

    def test_health_before_looks_and_two_at_most(self, small: Knowledge) -> None:
        known = self.known(body_area="breasts", skin_tone="VI", condition="diabetes")
        turn = answers.compose(["ask_sun"], known, [], adapting(small, self.BREASTS, self.DARK, self.DIABETES))
        assert text(turn).splitlines() == ["Cover up.", self.DIABETES.text, self.DARK.text]

    def test_needs_all_that_it_names(self, small: Knowledge) -> None:
        answer = adapting(small, self.RED_BREASTS).answers["ask_sun"]
        assert answers.additions(answer, self.known(body_area="breasts")) == []
        assert answers.additions(answer, self.known(body_area="breasts", mark_colour="red")) == [self.RED_BREASTS]

    def test_only_the_first_that_fits_of_a_kind(self, small: Knowledge) -> None:
        general = Addition({"skin_tone": ("IV", "V", "VI")}, "Brown skin.", ())
        answer = adapting(small, self.DARK, general).answers["ask_sun"]
        assert answers.additions(answer, self.known(skin_tone="VI")) == [self.DARK]
        assert answers.additions(answer, self.known(skin_tone="IV")) == [general]

    def test_a_new_word_about_oneself_replaces_the_old_one(self) -> None:
        known = self.known(skin_tone="II")
        known.add("skin_tone", "V")
        assert known.values == {"skin_tone": ["V"]}

    def test_illnesses_add_up(self) -> None:
        known = self.known(condition="diabetes")
        known.add("condition", "eczema")
        known.add("condition", "diabetes")
        assert known.values == {"condition": ["diabetes", "eczema"]}

    @pytest.mark.parametrize("treated", ["yes", "no"])
    def test_real_answers_speak_differently_before_and_after_a_treatment(self, treated: str, knowledge: Knowledge) -> None:
        plain = text(answers.compose(["ask_exercise"], Known(), [], knowledge))
        adapted = text(answers.compose(["ask_exercise"], self.known(treated=treated), [], knowledge))
        assert adapted.startswith(plain) and len(adapted) > len(plain)

    @pytest.mark.parametrize("tone", ["IV", "V", "VI"])
    def test_real_answers_warn_brown_and_black_skin_of_dark_patches(self, tone: str, knowledge: Knowledge) -> None:
        assert "dark patches" in text(answers.compose(["ask_aftercare"], self.known(skin_tone=tone), [], knowledge))


class TestHowItReads:
    def test_the_clinics_facts_are_put_in(self, small: Knowledge) -> None:
        assert text(answers.compose(["ask_price"], Known(), [], small)) == "From £140."

    def test_a_variable_nobody_gives_is_an_error_with_its_name(self) -> None:
        with pytest.raises(KeyError, match="price_form"):
            fill("From {price_form}.", {"price_from": "£140"})

    @pytest.mark.parametrize("text", ["From {}.", "From {0}."])
    def test_a_nameless_variable_is_an_error(self, text: str) -> None:
        with pytest.raises((KeyError, IndexError)):
            fill(text, {"price_from": "£140"})

    def test_a_fact_that_ends_in_a_full_stop_does_not_double_it(self) -> None:
        assert fill("Note: {note}. More.", {"note": "Three are 10 % less."}) == "Note: Three are 10 % less. More."

    def test_a_sentence_that_starts_with_a_fact_starts_with_a_capital(self) -> None:
        assert fill("{choice}. Thank you.", {"choice": "you can ask for a woman"}) == "You can ask for a woman. Thank you."

    def test_one_bubble_an_answer_with_its_sources_as_data(self, small: Knowledge) -> None:
        turn = answers.compose(["ask_pain", "ask_price"], Known(), [], small)
        assert [m.data["intent"] for m in turn.messages] == ["ask_pain", "ask_price"]
        assert [s["key"] for s in turn.messages[0].data["sources"]] == ["R3", "R1"]
        assert "sources" not in turn.messages[1].data
        assert turn.sources == ["R3", "R1"]

    def test_greets_once_in_front_of_the_first_answer(self, small: Knowledge) -> None:
        turn = answers.compose(["ask_pain", "ask_price"], Known(), [], small, greeted=True)
        assert [m.text for m in turn.messages] == ["Hello. It can hurt.", "From £140."]

    @pytest.mark.parametrize("intent", ["report_emergency", "greet"])
    def test_no_hello_before_an_emergency_or_a_greeting(self, intent: str, small: Knowledge) -> None:
        turn = answers.compose([intent], Known(), [], small, greeted=True)
        assert turn.messages[0].text == answers.compose([intent], Known(), [], small).messages[0].text

    def test_asked_again_the_longer_form(self, small: Knowledge) -> None:
        again = answers.compose(["ask_sun"], Known(), ["ask_sun"], small)
        assert text(again) == "Cover up.\nCover up for weeks."
        assert again.sources == ["R1", "R2"]

    def test_asked_again_without_a_longer_form_in_short_and_a_person(self, small: Knowledge) -> None:
        again = answers.compose(["ask_pain"], Known(), ["ask_pain"], small)
        assert text(again).startswith("In short: It can hurt.") and again.offered[0] == "request_human"

    def test_however_often_it_is_asked_never_the_same_words_twice_running(self, knowledge: Knowledge) -> None:
        for intent in (i for i in knowledge.answers if i not in answers.SMALL_TALK and i not in answers.SAFETY):
            said = [text(answers.compose([intent], Known(), [], knowledge, recent=[intent] * times)) for times in range(6)]
            assert all(one != next_one for one, next_one in itertools.pairwise(said)), intent

    def test_asked_for_another_area_it_says_what_is_new_about_it(self, knowledge: Knowledge) -> None:
        known = Known({"body_area": ["breasts"]}, fresh={"body_area": ["breasts"]})
        again = text(answers.compose(["ask_body_area"], known, [], knowledge, recent=["ask_body_area"]))
        assert again.startswith(knowledge.answers["ask_body_area"].text.split("\n")[0]) and "marks on the breasts" in again

    @pytest.mark.parametrize("intent", ["report_mild_symptom", "report_urgent_symptom", "report_emergency"])
    def test_a_symptom_told_again_gets_the_whom_to_call_again(self, intent: str, knowledge: Knowledge) -> None:
        assert text(answers.compose([intent], Known(), [intent], knowledge)) == text(answers.compose([intent], Known(), [], knowledge))

    def test_nothing_to_answer_is_nothing_said(self, small: Knowledge) -> None:
        turn = answers.compose(["nlu_fallback"], Known(), [], small)
        assert (turn.messages, turn.answered, turn.offered) == ([], [], [])


class TestWhatIsOfferedNext:
    def test_buttons_on_the_last_bubble_only(self, small: Knowledge) -> None:
        turn = answers.compose(["ask_pain", "ask_price"], Known(), [], small)
        assert turn.messages[0].buttons == []
        assert turn.messages[1].buttons == [("ASK_SUN", "/ask_sun")]

    def test_never_what_was_just_answered(self, small: Knowledge) -> None:
        assert "ask_price" not in answers.offers(["ask_sun", "ask_price"], [], small)

    def test_what_was_never_shown_first(self, small: Knowledge) -> None:
        assert answers.offers(["ask_sun"], ["ask_price"], small) == ["ask_pain", "ask_water", "ask_price"]

    def test_each_answer_has_a_say(self, small: Knowledge) -> None:
        both = answers.offers(["ask_pain", "ask_sun"], [], small)
        assert both[:2] == ["ask_price", "ask_water"]

    def test_three_at_most(self, knowledge: Knowledge) -> None:
        assert len(answers.offers(["ask_pain", "ask_price", "ask_sun"], [], knowledge)) == 3

    def test_nothing_beside_an_emergency(self, small: Knowledge) -> None:
        turn = answers.compose(["report_emergency", "ask_price"], Known(), [], small)
        assert (turn.offered, turn.messages[0].buttons) == ([], [])

    def test_nothing_is_sold_beside_a_symptom(self, knowledge: Knowledge) -> None:
        assert answers.offers(["report_urgent_symptom", "ask_price"], [], knowledge) == []

    def test_a_button_without_a_title_is_not_shown(self, small: Knowledge) -> None:
        assert answers.buttons(["ask_price", "ask_water"], small) == [("ASK_PRICE", "/ask_price")]


class TestSources:
    def test_one_a_line_with_what_it_is_worth(self, knowledge: Knowledge) -> None:
        message = answers.list_sources(["R13", "R32"], knowledge)
        assert message is not None
        lines = message.text.splitlines()
        assert lines[0] == "This is where that answer comes from:"
        assert lines[1] == "- Microneedling devices, US Food and Drug Administration (study or regulator)"
        assert lines[2].strip().startswith("https://www.fda.gov/")
        assert "proves nothing" in message.text
        assert [s["key"] for s in message.data["sources"]] == ["R13", "R32"]

    def test_each_once(self, knowledge: Knowledge) -> None:
        assert [row["key"] for row in answers.source_rows(["R13", "R9", "R13"], knowledge)] == ["R13", "R9"]

    @pytest.mark.parametrize("keys", [[], ["R0"]])
    def test_none_to_list(self, keys: list[str], knowledge: Knowledge) -> None:
        assert answers.list_sources(keys, knowledge) is None

    def test_every_grade_can_be_said(self, knowledge: Knowledge) -> None:
        assert answers.list_sources(list(knowledge.sources), knowledge) is not None


class TestNotUnderstood:
    RANKING = [{"name": n, "confidence": 0.2} for n in ("nlu_fallback", "greet", "ask_sun", "ask_pain", "out_of_scope", "ask_price", "ask_water")]

    def test_the_best_three_by_their_titles_and_something_else(self, knowledge: Knowledge) -> None:
        message = answers.clarify(self.RANKING, 1, knowledge)
        assert message.text.startswith("I am not sure I understood.")
        named = [(knowledge.titles[i], f"/{i}") for i in ("ask_sun", "ask_pain", "ask_price")]
        assert message.buttons == [*named, ("Something else", "/nlu_fallback")]

    def test_without_a_guess_it_asks_for_other_words(self, knowledge: Knowledge) -> None:
        message = answers.clarify([{"name": "greet", "confidence": 0.1}], 1, knowledge)
        assert "other words" in message.text
        assert [payload for _, payload in message.buttons] == ["/ask_capabilities", "/request_human"]

    @pytest.mark.parametrize("failures", [2, 3])
    def test_the_second_time_a_person(self, failures: int, knowledge: Knowledge) -> None:
        message = answers.clarify(self.RANKING, failures, knowledge)
        facts = knowledge.facts()
        assert all(facts[key] in message.text for key in ("phone", "email", "emergency_number"))
        assert ("/request_human") in [payload for _, payload in message.buttons]
