"""One message in, one turn out: the pure function behind `action_answer`, including the small change of talk."""

import re
from typing import Any, List, Mapping, Sequence

from actions import answers, safety
from actions.answers import Message, Turn
from actions.knowledge import Knowledge
from actions.memory import Memory, learn

_HELLO = re.compile(r"\W*(?:hi+|hiya|hey+|hello+|good (?:morning|afternoon|evening)|greetings|hola|namaste)\b", re.I)
MOST_SHOWN = 60  # remembered answered intents; bounds what travels with every turn


def asked(parse: Mapping[str, Any]) -> List[str]:
    """Intents of a parsed message in the order they were asked; a button press has only its own."""
    intent = (parse.get("intent") or {}).get("name")
    questions = [q["intent"] for q in parse.get("questions") or [] if q.get("intent")]
    several = list(dict.fromkeys(questions)) if len(questions) > 1 else [intent] if intent else questions
    return safety.first(parse, several)


def reply(parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge) -> Turn:
    """Decide what is said to a parsed message and update `memory` in place.

    `parse`: Rasa's parse data with `text`, `intent`, `entities` and `questions`.
    """
    turn = _reply(parse, memory, knowledge)
    memory.answered = turn.answered
    return turn


def _reply(parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge) -> Turn:
    intents = asked(parse)
    text = str(parse.get("text") or "")
    memory.last = [i for i in memory.last if i in knowledge.answers]
    memory.offered = [i for i in memory.offered if i in knowledge.answers]
    known = learn(memory, "" if text.startswith("/") else text, intents, parse.get("entities") or [])
    alone = intents[0] if len(intents) == 1 else None
    memory.failures = 0

    if alone == "affirm" and memory.offered:
        intents = memory.offered[:1]
    elif alone == "ask_more" and memory.last:
        return _more(memory, known, knowledge)
    elif alone == "ask_sources" and memory.cited:
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

    first = not memory.shown and _HELLO.match(text) is not None and alone not in answers.SMALL_TALK
    turn = answers.compose(intents, known, memory.shown, knowledge, greeted=first)
    if any(i not in answers.SMALL_TALK for i in turn.answered):
        memory.last, memory.cited = turn.answered, turn.sources
    memory.shown = list(dict.fromkeys([*memory.shown, *turn.answered]))[-MOST_SHOWN:]
    memory.offered = turn.offered
    return turn


def _repeatable(memory: Memory) -> List[str]:
    """What was said last, as intents."""
    said = [i for i in memory.answered if i not in ("restart", "repeat")]
    return said if not memory.last or any(i not in answers.COURTESY for i in said) else memory.last


def _more(memory: Memory, known: answers.Known, knowledge: Knowledge) -> Turn:
    """The longer form of the last answers, for those that have one and did not show it yet."""
    deeper = [i for i in memory.last if knowledge.answers[i].more and i not in memory.deepened]
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
    memory.answered = []
    if str(parse.get("text") or "").startswith("/"):  # "something else" was pressed
        memory.failures = max(memory.failures, 2)
    message = answers.clarify(ranking, memory.failures, knowledge)
    memory.offered = []
    return message
