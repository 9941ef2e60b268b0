"""Words about the talk itself: which they are, what they point back at, and what is left to the usual answers."""

from typing import Any

import pytest

from actions import conversation, manners, output_guard
from actions.manners import LANGUAGES, TEXTS, language, redirect
from actions.memory import Memory
from knowledge.library import Knowledge

# What people write after an answer, by what it gets.
AFTER_AN_ANSWER = {
    "noted": ["ok", "OK.", "okay then", "right", "ah right ok", "i see", "fair enough", "cool", "got it", "👍", "hmm ok", "makes sense", "grand so"],
    "puzzled": ["?", "???", "huh?", "what do you mean", "sorry i dont understand", "what does that mean", "i dont get it", "in plain english please"],
    "missed": [
        "that didnt answer my question",
        "thats not what i asked",
        "not what i meant",
        "you didn't answer my question",
        "wrong answer",
        "that's not what I mean",
    ],
    "repeated": [
        "you already said that",
        "u just told me that",
        "same answer again",
        "you keep repeating yourself",
        "you're saying the same thing",
        "you said that",
    ],
    "sure": ["are you sure", "r u sure", "are you really sure?", "is that for sure", "really?"],
    "photo": [
        "can i send a photo",
        "can i show you a pic of my belly",
        "could you look at my photo",
        "how do i upload a picture",
        "if i send a selfie can you tell",
    ],
}
LEFT_ALONE = [
    *(
        "yes",
        "yes please",
        "no",
        "yes ok",
        "no thanks",
        "ok how much is it",
        "right, and does it hurt",
        "what do you mean by downtime and how long is it",
        "more",
    ),
    *(
        "can you send me before and after photos",
        "can i see photos",
        "do you have pictures of results",
        "ok book me in",
        "are you sure it is safe in pregnancy",
    ),
    *("you already said how much, but is there a discount", "that didnt answer my question about swimming in the sea", "fine lines"),
]


def after(*answered: str, offered: tuple[str, ...] = ("ask_sun", "ask_water"), guesses: tuple[str, ...] = ("ask_work", "ask_exercise")) -> Memory:
    return Memory(shown=list(answered), answered=list(answered), last=list(answered), offered=list(offered), guesses=list(guesses), recent=list(answered))


def said(text: str, memory: Memory, knowledge: Knowledge, intent: str = "nlu_fallback") -> str | None:
    turn = manners.reply(text, [intent], memory, knowledge)
    return None if turn is None else "\n".join(m.text for m in turn.messages)


def opening(name: str) -> str:
    return TEXTS[name].split("{")[0]


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in AFTER_AN_ANSWER.items() for text in texts])
def test_each_gets_its_own_reply(name: str, text: str, knowledge: Knowledge) -> None:
    reply = said(text.replace("r u", "are u"), after("ask_downtime"), knowledge)
    assert reply is not None and reply.startswith(opening(name)), reply


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_whoever_asks_something_gets_an_answer_instead(text: str, knowledge: Knowledge) -> None:
    assert said(text, after("ask_downtime"), knowledge, "ask_price" if "ok" in text else "ask_before_after") is None


@pytest.mark.parametrize("text", [t for name, texts in AFTER_AN_ANSWER.items() if name not in ("photo",) for t in texts])
def test_with_nothing_said_before_there_is_nothing_to_hang_on_to(text: str, knowledge: Knowledge) -> None:
    assert said(text, Memory(), knowledge, "affirm") is None


def test_ok_never_brings_an_answer_that_nobody_asked_for(knowledge: Knowledge) -> None:
    memory = after("ask_skincare")
    turn = conversation.reply({"text": "ok", "intent": {"name": "affirm"}}, memory, knowledge)
    assert turn.answered == [] and turn.offered == ["ask_sun", "ask_water"]
    again = conversation.reply({"text": "right", "intent": {"name": "affirm"}}, memory, knowledge)
    assert again.messages[0].text != turn.messages[0].text


def test_ok_takes_up_the_check_that_was_offered_in_words(knowledge: Knowledge) -> None:
    memory = after("ask_suitability", offered=("start_screening", "ask_price"))
    assert said("ok", memory, knowledge, "affirm") is None


def test_yes_still_takes_the_first_offer(knowledge: Knowledge) -> None:
    turn = conversation.reply({"text": "yes please", "intent": {"name": "affirm"}}, after("ask_skincare"), knowledge)
    assert turn.answered == ["ask_sun"]


@pytest.mark.parametrize("text", ["ok", "right", "are you sure", "i see"])
def test_after_an_alarm_nothing_is_called_good(text: str, knowledge: Knowledge) -> None:
    reply = said(text, after("report_urgent_symptom"), knowledge, "affirm") or ""
    assert knowledge.facts()["emergency_number"] in reply and "Good" not in reply


@pytest.mark.parametrize(
    "text", ["is that normal tho", "should i be worried", "is it serious?", "how long will it last", "do i need a doctor", "will it go away"]
)
def test_worries_after_a_symptom_get_the_advice_for_it_again(text: str) -> None:
    assert redirect(text, ["ask_results_permanence"], after("report_urgent_symptom")) == ["report_urgent_symptom"]


def test_how_long_a_mild_symptom_lasts_is_about_healing() -> None:
    assert redirect("how long will it last", ["ask_results_permanence"], after("report_mild_symptom")) == ["ask_downtime"]
    assert redirect("how long will it last", ["ask_results_permanence"], after("ask_effectiveness")) == ["ask_results_permanence"]


@pytest.mark.parametrize("text", ["and after 2 weeks", "how about after 2 weeks", "what about day 5", "after a few days?", "and on day 3", "2 weeks later"])
def test_a_bare_time_asks_on_about_the_same(text: str) -> None:
    assert redirect(text, ["ask_session_interval"], after("ask_downtime")) == ["ask_downtime"]
    assert redirect(text, ["ask_session_interval"], after("ask_session_count")) == ["ask_session_interval"]


def test_why_after_an_answer_asks_for_its_reasons() -> None:
    assert redirect("why", ["ask_why"], after("ask_session_count")) == ["ask_more"]
    assert redirect("why", ["ask_why"], Memory()) == ["ask_why"]
    assert redirect("why do you need my age", ["ask_why"], after("ask_session_count")) == ["ask_why"]


def test_so_no_then_is_about_having_the_treatment_or_nothing(knowledge: Knowledge) -> None:
    assert (said("so no then", after("ask_medication"), knowledge, "deny") or "").startswith("In short: ")
    assert said("so no", after("ask_payment"), knowledge, "deny") is None


@pytest.mark.parametrize("text", ["which one is better", "so which would you pick", "what's best for me", "which do you recommend?", "ok convince me"])
def test_a_choice_is_answered_with_the_choices(text: str) -> None:
    assert redirect(text, ["nlu_fallback"], after("ask_laser")) == ["ask_alternatives"]


FOREIGN = [
    ("Hola, ¿cuánto cuesta el tratamiento?", "es"),
    ("duele?", "es"),
    ("no puedo respirar", "es"),
    ("ile kosztuje zabieg", "pl"),
    ("czy to boli", "pl"),
    ("bonjour combien ca coute", "fr"),
    ("quanto custa o tratamento", "pt"),
    ("wie viel kostet das", "de"),
    ("quanto costa il trattamento", "it"),
    ("cat costa o sedinta", "ro"),
    ("مرحبا كم السعر؟", "ar"),
    ("कितना पैसा लगेगा", "hi"),
    ("сколько стоит", ""),
    ("多少钱一次", ""),
]


@pytest.mark.parametrize(("text", "code"), FOREIGN)
def test_other_languages_are_answered_in_their_own_words(text: str, code: str, knowledge: Knowledge) -> None:
    assert language(text) == code
    reply = said(text, Memory(), knowledge, "out_of_scope") or ""
    assert reply.startswith(LANGUAGES[code][:20]) and knowledge.facts()["emergency_number"] in reply


@pytest.mark.parametrize(
    "text",
    [
        *(
            "hi",
            "got stretchmarks",
            "on my bum",
            "dor",
            "no me",
            "la la la",
            "a total con",
            "how much per session",
            "die hard fan",
            "",
            "7",
            "??",
            "naan bread recipe",
        ),
        *("e go pain", "how much una dey charge", "kitna paisa lagega", "cat scratched me", "is el paso far", "my name is Maria Del Mar"),
    ],
)
def test_english_is_never_taken_for_another_language(text: str) -> None:
    assert language(text) is None


def test_a_missed_question_offers_what_else_it_may_have_meant(knowledge: Knowledge) -> None:
    memory = Memory()
    ranking = [{"name": n, "confidence": 0.3} for n in ("ask_water", "ask_exercise", "report_emergency", "ask_work")]
    conversation.reply({"text": "can i swim after", "intent": {"name": "ask_water"}, "intent_ranking": ranking}, memory, knowledge)
    turn = conversation.reply({"text": "thats not what i asked", "intent": {"name": "react_negative"}}, memory, knowledge)
    assert turn.offered == ["ask_exercise", "ask_work", "request_human"]


def test_danger_is_never_taken_for_manners(knowledge: Knowledge) -> None:
    parse: dict[str, Any] = {"text": "?", "intent": {"name": "report_emergency"}, "safety": {"level": "emergency"}}
    assert conversation.aside(parse, after("ask_downtime"), knowledge) is None


def test_a_bare_time_after_isotretinoin_dates_the_wait(knowledge: Knowledge) -> None:
    memory = Memory()
    on_it = {
        "text": "im on accutane",
        "intent": {"name": "ask_isotretinoin"},
        "entities": [{"entity": "medicine", "value": "isotretinoin", "text": "accutane", "start": 6, "end": 14}],
    }
    conversation.reply(on_it, memory, knowledge)
    parse = {"text": "stopped last month", "intent": {"name": "ask_pregnancy"}}
    assert conversation.points_back(parse, memory, knowledge)
    turn = conversation.reply(parse, memory, knowledge)
    assert turn.answered == ["ask_isotretinoin"] and "earliest date is" in turn.messages[0].text
    assert "pregnan" not in turn.messages[0].text


def test_a_wait_that_is_over_is_said_to_be(knowledge: Knowledge) -> None:
    memory = Memory()
    parse = {
        "text": "roaccutane",
        "intent": {"name": "ask_isotretinoin"},
        "entities": [{"entity": "medicine", "value": "isotretinoin", "text": "roaccutane", "start": 0, "end": 10}],
    }
    conversation.reply(parse, memory, knowledge)
    turn = conversation.reply({"text": "2 years ago", "intent": {"name": "inform"}}, memory, knowledge)
    assert "the wait for that is over" in turn.messages[0].text and "decides after seeing you" in turn.messages[0].text


def test_no_reply_promises_judges_or_names_an_unknown_fact(knowledge: Knowledge) -> None:
    facts = {**knowledge.facts(), "gist": "g", "title": "t"}
    for text in (*TEXTS.values(), *LANGUAGES.values(), manners.WORRY):
        assert not output_guard.findings(text.format(**facts), output_guard.load()) and len(text.split()) <= 60


PLAINER = [
    "Could you explain that more simply please, dear?",
    "can you put that in easier words for me",
    "explain like im 5",
    "please say it again in simple english",
    "eli5",
    "I'm sorry, would you mind explaining it to me in plain words",
    "tell me in short",
    "simplify that please",
]


@pytest.mark.parametrize("text", PLAINER)
def test_plainer_words_are_not_the_same_words(text: str, knowledge: Knowledge) -> None:
    memory = after("ask_preparation")
    turn = conversation.reply({"text": text, "intent": {"name": "repeat"}}, memory, knowledge)
    assert turn.messages[0].text.startswith("In short: ") and "\nOn the day" not in turn.messages[0].text


@pytest.mark.parametrize("text", ["can you explain how it works simply", "tell me in short what it costs", "say that again", "is there an easier way to book"])
def test_a_question_for_something_else_is_no_plea_for_plainer_words(text: str, knowledge: Knowledge) -> None:
    assert said(text, after("ask_preparation"), knowledge, "repeat") is None


def test_who_still_does_not_follow_is_offered_a_person_and_no_third_reading(knowledge: Knowledge) -> None:
    memory = after("ask_how_it_works")
    first, second = (conversation.reply({"text": text, "intent": {"name": "repeat"}}, memory, knowledge) for text in ("in plain english", "i dont get it"))
    assert first.messages[0].text.startswith("In short: ") and second.messages[0].text.startswith(opening("still_puzzled"))
    assert second.offered[0] == "request_human" and knowledge.facts()["phone"] in second.messages[0].text
    conversation.reply({"text": "does it hurt", "intent": {"name": "ask_pain"}}, memory, knowledge)
    anew = conversation.reply({"text": "i dont get it", "intent": {"name": "repeat"}}, memory, knowledge)
    assert anew.messages[0].text.startswith("In short: ")


def test_a_nod_between_does_not_lose_what_is_unclear(knowledge: Knowledge) -> None:
    memory = after("ask_downtime")
    conversation.reply({"text": "ok", "intent": {"name": "affirm"}}, memory, knowledge)
    turn = conversation.reply({"text": "?", "intent": {"name": "nlu_fallback"}}, memory, knowledge)
    assert turn.messages[0].text.startswith("In short: ")


@pytest.mark.parametrize("text", ["says who", "how do you know", "who says so?", "based on what", "where did you get that from", "how would you know that"])
def test_who_says_so_is_answered_with_the_sources(text: str, knowledge: Knowledge) -> None:
    memory = after("ask_sun")
    memory.cited = list(knowledge.answers["ask_sun"].sources)
    assert redirect(text, ["ask_capabilities"], memory) == ["ask_sources"]
    turn = conversation.reply({"text": text, "intent": {"name": "ask_capabilities"}}, memory, knowledge)
    assert turn.messages[0].data["type"] == "sources"
    assert redirect(text, ["ask_capabilities"], Memory()) == ["ask_capabilities"]


@pytest.mark.parametrize("text", ["so can i still have it", "could I still get it done?", "is it still possible for me", "does that rule me out"])
def test_whether_it_is_still_possible_is_about_the_answer_before(text: str, knowledge: Knowledge) -> None:
    assert (said(text, after("ask_allergy"), knowledge) or "").startswith("In short: ")
    assert said(text, after("ask_price"), knowledge) is None


def test_irony_before_any_answer_is_not_thanked(knowledge: Knowledge) -> None:
    parse = {"text": "oh great another miracle cure", "intent": {"name": "react_positive"}}
    assert conversation.reply(parse, Memory(), knowledge).messages[0].text == TEXTS["early"]
    assert conversation.reply(parse, after("ask_pain"), knowledge).messages[0].text != TEXTS["early"]


def test_not_knowing_where_to_begin_is_no_question_for_a_list(knowledge: Knowledge) -> None:
    assert said("i dont know what to do", after("ask_effectiveness"), knowledge, "ask_capabilities") == TEXTS["unsure"]
    assert said("i really don't know where to start", Memory(), knowledge, "ask_capabilities") == TEXTS["unsure"]


def test_a_bare_place_or_colour_changes_the_answer_before_it(knowledge: Knowledge) -> None:
    def told(entity: str, value: str, *last: str) -> list[str]:
        parse = {"text": value, "intent": {"name": "inform"}, "entities": [{"entity": entity, "value": value}]}
        turn = conversation.reply(parse, after(*last), knowledge)
        return [*turn.answered, turn.messages[0].text]

    intent, text = told("body_area", "thighs", "ask_price")
    assert intent == "ask_price" and "260" in text and "140" not in text
    intent, text = told("skin_tone", "VI", "ask_skin_tone")
    assert intent == "ask_skin_tone" and "deepest skin tones" in text
    assert told("body_area", "thighs", "ask_pain")[0] == "inform"


def test_asking_whether_it_points_back_changes_nothing(knowledge: Knowledge) -> None:
    memory = after("ask_pain")
    before = memory.to_slot()
    assert conversation.points_back({"text": "?", "intent": {"name": "nlu_fallback"}}, memory, knowledge)
    assert memory.to_slot() == before
