"""One message in, one turn out: the pure function behind `action_answer`, including the small change of talk."""

import re
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence

from actions import answers, manners, mentions, suitability
from actions.answers import Known, Message, Turn
from actions.memory import Memory, learn
from actions.suitability import Fact, Reason
from knowledge import parsed
from knowledge.facts import fill
from knowledge.library import Knowledge

_HELLO = re.compile(r"\W*(?:hi+|hiya|hey+|hello+|good (?:morning|afternoon|evening)|greetings|hola|namaste)\b", re.I)
_WHEN = re.compile(
    r"\W*(?:(?:i|it|that|we|yes|no|ok|so|but|well|actually|about|around|just|only|like|was|have|had|ended|over)\W+)*(?:stopped|finished|quit|"
    r"came off|ended|off it|last (?:dose|tablet|pill|one|capsule)|(?:in|since|about|around|over|last|\d|a|an|one|two"
    r"|three|four|five|six|seven|eight|nine|ten|early|late|mid|back)\b).*"
)
MOST_WORDS_OF_A_TIME = 8
MOST_FACTS = 40
MOST_ADDRESSED = 2  # things spoken of beside the answer, lest it be buried
MOST_RECENT = 12  # answers of the last turns: what was said longer ago may be said in full again
MOST_GUESSES = 3
MOST_SHOWN = 60  # remembered answered intents; bounds what travels with every turn


def reply(parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge) -> Turn:
    """Decide what is said to a parsed message and update `memory` in place.

    `parse`: Rasa's parse data with `text`, `intent`, `entities` and `questions`.
    """
    turn = aside(parse, memory, knowledge)
    if turn is not None:
        return turn
    memory.aside = ""
    turn = _when_it_was(parse, memory, knowledge)
    if turn is not None:
        return turn
    turn = address(_reply(parse, memory, knowledge), parse, memory, knowledge)
    memory.answered, memory.guesses = turn.answered, _guesses(parse, turn)
    return turn


def aside(parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge) -> Optional[Turn]:
    """The reply to a message about the talk itself ("ok", "that is not what I asked"), or None: see actions/manners.py."""
    if parsed.level(parse) not in ("none", "distress"):
        return None
    text = str(parse.get("text") or "")
    intents = parsed.asked(parse)
    pointed = manners.redirect(text, intents, memory)
    if pointed != intents:
        return None  # an answer, after all
    turn = manners.reply(text, intents, memory, knowledge)
    if turn is not None:
        memory.failures, memory.answered, memory.offered = 0, [], turn.offered
        memory.aside = str(turn.messages[0].data.get("aside", ""))
    return turn


def _when_it_was(parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge) -> Optional[Turn]:
    """ "stopped in august" after a word about isotretinoin: the wait is counted from there. None for any other message."""
    text = str(parse.get("text") or "").lower()
    if not _WHEN.fullmatch(text) or len(text.split()) > MOST_WORDS_OF_A_TIME or parsed.level(parse) not in ("none",):
        return None
    place = mentions.Place(suitability.today(knowledge.clinic), str(knowledge.clinic["clinic"]["country"]))
    known = [fact for fact in map(Fact.from_json, memory.facts) if fact is not None]
    for fact in reversed(known):
        row = knowledge.table.row_of(fact.label, fact.value)
        if row is None or fact.since is not None or row.intent not in memory.last:
            continue
        told = mentions.detail(fact, row, text, place, bare=True)
        if told.since is None:
            continue
        told = mentions.with_detail(told, "now", "no") if re.search(r"stop|finish|came off|off|quit|end|last", text) else told
        memory.facts = [f.to_json() for f in mentions.merge(known, [told])][-MOST_FACTS:]
        reasons = suitability.assess([told], knowledge.table, place.today).reasons
        if not reasons:
            if row.rule.wait is None and not any(case.rule.wait for case in row.cases):
                return None
            memory.offered = ["start_screening", "ask_consultation", "request_human"]
            memory.answered, memory.failures, memory.last = [row.intent], 0, []  # the answer about being on it holds no longer
            over = Message(knowledge.screening["texts"]["mention_over"], answers.buttons(memory.offered, knowledge))
            return Turn([over], [row.intent], memory.offered, [])
        reason = reasons[0]
        dated = knowledge.screening["texts"]["mention_date"].format(date=suitability.spoken_date(reason.earliest)) if reason.earliest else ""
        data: Dict[str, Any] = {
            "type": "contraindication",
            "rows": [reason.row],
            "table_version": knowledge.table.version,
            "reviewed_by": knowledge.table.reviewed_by,
        }
        if reason.sources:
            data["sources"] = answers.source_rows(reason.sources, knowledge)
        memory.offered = ["start_screening", "ask_consultation", "request_human"]
        memory.answered, memory.failures, memory.cited = [row.intent], 0, list(reason.sources)
        text = f"{fill(reason.advice, knowledge.facts())} {dated}".strip()
        return Turn([Message(text, answers.buttons(memory.offered, knowledge), data)], [row.intent], memory.offered, list(reason.sources))
    return None


def points_back(parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge) -> bool:
    """Whether a message that was not understood by itself is about what was said before it."""
    text, intents = str(parse.get("text") or ""), parsed.asked(parse)
    if _when_it_was(parse, Memory.from_slot(memory.to_slot()), knowledge) is not None:
        return True
    return manners.redirect(text, intents, memory) != intents or manners.reply(text, intents, memory, knowledge) is not None


def _guesses(parse: Mapping[str, Any], turn: Turn) -> List[str]:
    """What else the message may have meant, likeliest first."""
    never = ("nlu_fallback", *answers.SMALL_TALK, *answers.NEVER_GUESSED, *turn.answered)
    return [str(r["name"]) for r in parse.get("intent_ranking") or [] if r["name"] not in never][:MOST_GUESSES]


def _reply(parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge) -> Turn:
    text = str(parse.get("text") or "")
    intents = manners.redirect(text, parsed.asked(parse), memory)
    memory.last = [i for i in memory.last if i in knowledge.answers]
    memory.offered = [i for i in memory.offered if i in knowledge.answers]
    known = learn(memory, "" if text.startswith("/") else text, intents, parse.get("entities") or [])
    alone = intents[0] if len(intents) == 1 else None
    memory.failures = 0

    if alone == "affirm" and memory.offered:
        # our question "I can go through some questions with you" is answered before what the buttons offer
        intents = ["start_screening"] if "ask_suitability" in memory.last and "start_screening" in knowledge.answers else memory.offered[:1]
    elif alone == "inform" and (about := _told(memory, known, knowledge)):
        intents = about  # "thighs" after the prices: what that changes in the answer
    elif alone == "ask_more" and memory.last:
        return _more(memory, known, knowledge)
    elif intents == ["ask_sources"] and memory.cited:
        message = answers.list_sources(memory.cited, knowledge)
        if message is not None:
            message.buttons = answers.buttons(memory.offered, knowledge)
            return Turn([message], [], memory.offered, memory.cited)
    elif alone == "repeat" and _repeatable(memory):
        turn = answers.compose(_repeatable(memory), known, [], knowledge)
        if turn.answered[0] not in answers.SAFETY:
            turn.messages[0].text = "Of course, once more:\n" + turn.messages[0].text
        return turn
    elif alone == "restart":
        memory.known, memory.shown, memory.last, memory.cited, memory.deepened = {}, [], [], [], []
        memory.facts, memory.addressed, memory.recent, memory.guesses = [], [], [], []

    pointed = intents != parsed.asked(parse) and alone is not None
    first = not memory.shown and _HELLO.match(text) is not None and alone not in answers.SMALL_TALK
    turn = answers.compose(intents, known, memory.shown, knowledge, greeted=first, recent=memory.recent, deepened=memory.deepened)
    if pointed and turn.answered[:1] in (["report_urgent_symptom"], ["report_mild_symptom"], ["report_emergency"]):
        turn.messages[0].text = f"{manners.WORRY}\n{turn.messages[0].text}" if turn.answered != ["report_emergency"] else turn.messages[0].text
    memory.recent = [*memory.recent, *turn.answered][-MOST_RECENT:]
    if any(i not in answers.SMALL_TALK for i in turn.answered):
        memory.last, memory.cited = turn.answered, turn.sources
    memory.shown = list(dict.fromkeys([*memory.shown, *turn.answered]))[-MOST_SHOWN:]
    memory.offered = turn.offered
    return turn


def address(turn: Turn, parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge) -> Turn:
    """Remember what the message says about the person's own health, and speak once of what the answers did not cover.

    "im on accutane btw how much is it" gets its price and then a word about isotretinoin.
    """
    place = mentions.Place(suitability.today(knowledge.clinic), str(knowledge.clinic["clinic"]["country"]))
    reading = mentions.read(parse, knowledge.table, place)
    known = [fact for fact in map(Fact.from_json, memory.facts) if fact is not None and (fact.label, fact.value) not in reading.denied]
    memory.facts = [fact.to_json() for fact in mentions.merge(known, reading.facts)][-MOST_FACTS:]
    open_reasons: List[Reason] = []
    for fact in reading.facts:
        row = knowledge.table.row_of(fact.label, fact.value)
        if row is None or row.key in memory.addressed:
            continue
        memory.addressed.append(row.key)
        if row.intent not in turn.answered and not _covered(turn.answered, fact, knowledge):
            open_reasons += suitability.assess([fact], knowledge.table, place.today).reasons
    if not open_reasons or not turn.messages or any(i in answers.SAFETY for i in turn.answered):
        return turn
    facts = knowledge.facts()
    lines = []
    for reason in open_reasons[:MOST_ADDRESSED]:
        dated = knowledge.screening["texts"]["mention_date"].format(date=suitability.spoken_date(reason.earliest)) if reason.earliest else ""
        lines.append(f"{fill(reason.advice, facts)} {dated}".strip())
    sources = [key for reason in open_reasons[:MOST_ADDRESSED] for key in reason.sources]
    data: Dict[str, Any] = {
        "type": "contraindication",
        "rows": [r.row for r in open_reasons],
        "table_version": knowledge.table.version,
        "reviewed_by": knowledge.table.reviewed_by,
    }
    if sources:
        data["sources"] = answers.source_rows(sources, knowledge)
    offered = list(dict.fromkeys(["start_screening", *turn.offered]))[: answers.MOST_BUTTONS]
    spoken = [replace(message, buttons=[]) for message in turn.messages]
    memory.offered = offered
    return Turn([*spoken, Message("\n".join(lines), answers.buttons(offered, knowledge), data)], turn.answered, offered, [*turn.sources, *sources])


def _covered(answered: Sequence[str], fact: Fact, knowledge: Knowledge) -> bool:
    """Whether an answer of this turn brought its own sentence about the fact."""
    only = Known({fact.label: [fact.value]})
    return any(answers.additions(knowledge.answers[intent], only) for intent in answered)


def _repeatable(memory: Memory) -> List[str]:
    """What was said last, as intents."""
    said = [i for i in memory.answered if i not in ("restart", "repeat")]
    return said if not memory.last or any(i not in answers.COURTESY for i in said) else memory.last


def _told(memory: Memory, known: answers.Known, knowledge: Knowledge) -> List[str]:
    """The last answers in which the facts of this message change something: an addition to them, or the price of an area."""
    fresh = Known(known.fresh)
    priced = bool(answers.narrowed(known, knowledge))
    return [i for i in memory.last if answers.additions(knowledge.answers[i], fresh) or (priced and "{price_list}" in knowledge.answers[i].text)]


def _more(memory: Memory, known: answers.Known, knowledge: Knowledge) -> Turn:
    """The longer form of the last answers, for those that have one and did not show it yet."""
    deeper = [i for i in memory.last if knowledge.answers[i].more and i not in memory.deepened and memory.recent.count(i) < 2]
    if not deeper:
        return answers.compose(["ask_more"], known, [], knowledge)
    turn = answers.compose(deeper, known, [], knowledge, deeper=True)
    memory.deepened = list(dict.fromkeys([*memory.deepened, *deeper]))[-MOST_SHOWN:]
    memory.cited = list(dict.fromkeys([*memory.cited, *turn.sources]))
    memory.offered = turn.offered
    return turn


def misunderstood(parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge) -> Message:
    """The message was not understood: guesses first, a person the second time in a row."""
    ranking: Sequence[Mapping[str, Any]] = parse.get("intent_ranking") or []
    memory.failures += 1
    memory.answered, memory.aside = [], ""
    if str(parse.get("text") or "").startswith("/"):  # "something else" was pressed
        memory.failures = max(memory.failures, 2)
    message = answers.clarify(ranking, memory.failures, knowledge)
    memory.offered = []
    return message
