"""Which answers a message gets, in which order, and how they read: pure functions from what was asked to what is said."""

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from knowledge.facts import fill, price_list
from knowledge.library import Answer, Knowledge
from knowledge.parsed import MOST_ANSWERS

MOST_BUTTONS = 3

EMERGENCY = ("report_emergency", "express_crisis")  # answered alone: nothing may distract from the number to call
URGENT = ("report_urgent_symptom",)
SAFETY = (*EMERGENCY, *URGENT, "report_mild_symptom", "express_distress")

# Said in passing: they count only when nothing else was asked.
COURTESY = (
    "greet",
    "thank",
    "goodbye",
    "affirm",
    "deny",
    "inform",
    "react_positive",
    "react_negative",
    "ask_why",
    "skip",
    "go_back",
    "stop",
    "repeat",
    "restart",
)

# Shame beside a question: the question first, then a kind word.
AFTER_THE_QUESTION = ("express_distress",)

# Danger is the guard's to find; "did you mean: somebody is in danger?" only frightens somebody who mumbled.
NEVER_GUESSED = (*EMERGENCY, "express_distress")

SMALL_TALK = (*COURTESY, "ask_capabilities", "bot_challenge", "out_of_scope", "ask_more", "ask_sources")


@dataclass
class Known:
    """What the person has told us, in canonical values: {"skin_tone": ["V"], "condition": ["eczema", "keloid"], …}."""

    values: Dict[str, List[str]] = field(default_factory=dict)
    fresh: Dict[str, List[str]] = field(default_factory=dict)  # those of the message itself

    def add(self, key: str, value: str) -> None:
        """Single-valued facts are replaced by the newest mention, lists grow."""
        if key in ONE_VALUE:
            self.values[key] = [value]
        elif value not in self.values.setdefault(key, []):
            self.values[key].append(value)

    def meets(self, when: Mapping[str, Sequence[str]]) -> bool:
        return all(set(self.values.get(key, ())) & {str(v) for v in wanted} for key, wanted in when.items())


ONE_VALUE = ("skin_tone", "mark_colour", "mark_age", "body_area", "treated")
REMEMBERED = (*ONE_VALUE, "condition", "medicine", "allergen")  # other entities matter only for the message they stand in


@dataclass
class Message:
    """One bubble: text, buttons as (title, payload), and data for the widget."""

    text: str
    buttons: List[Tuple[str, str]] = field(default_factory=list)
    data: Dict[str, Any] = field(default_factory=dict)


def choose(asked: Iterable[str], knowledge: Knowledge) -> List[str]:
    """The intents to answer at once: the first three of `in_order`."""
    return in_order(asked, knowledge)[:MOST_ANSWERS]


def in_order(asked: Iterable[str], knowledge: Knowledge) -> List[str]:
    """The intents that want an answer, in the order to answer them: safety first, courtesy only alone, none twice."""
    wanted = [i for i in dict.fromkeys(asked) if i in knowledge.answers]
    for intent in EMERGENCY:
        if intent in wanted:
            return [intent]
    questions = [i for i in wanted if i not in COURTESY]
    if len(questions) > 1:
        questions = [i for i in questions if i != "out_of_scope"] or questions[:1]
    chosen = questions or wanted[:1]

    def rank(intent: str) -> int:
        if intent in AFTER_THE_QUESTION:
            return 3
        return SAFETY.index(intent) - len(SAFETY) if intent in SAFETY else 0

    return sorted(chosen, key=rank)


def additions(answer: Answer, known: Known) -> List[Any]:
    """The first fitting addition of each group of facts (same keys in `when` = same group), two at most."""
    used, fitting = set(), []
    for addition in answer.also:
        group = tuple(sorted(addition.when))
        if group not in used and known.meets(addition.when):
            used.add(group)
            fitting.append(addition)
    # Health before looks, so that with a cap the weightier sentence stays.
    weight = {"condition": 0, "medicine": 0, "allergen": 0, "skin_tone": 1}
    fitting.sort(key=lambda a: min(weight.get(key, 2) for key in a.when))
    return fitting[:2]


def source_rows(keys: Iterable[str], knowledge: Knowledge) -> List[Dict[str, Any]]:
    """The sources behind `keys`, each once, in the order they are cited."""
    return [knowledge.sources[key] for key in dict.fromkeys(keys) if key in knowledge.sources]


def buttons(intents: Iterable[str], knowledge: Knowledge, most: int = MOST_BUTTONS) -> List[Tuple[str, str]]:
    return [(knowledge.titles[i], f"/{i}") for i in list(dict.fromkeys(intents))[:most] if i in knowledge.titles]


def offers(chosen: Sequence[str], shown: Sequence[str], knowledge: Knowledge) -> List[str]:
    """Sensible next questions after `chosen`: nothing just answered, what was never shown first, at most three."""
    if any(i in SAFETY for i in chosen):
        chosen = [i for i in chosen if i in SAFETY]
    rounds = [knowledge.answers[i].next for i in reversed(chosen)]
    mixed: List[str] = []
    for place in range(MOST_BUTTONS):
        mixed.extend(r[place] for r in rounds if place < len(r))
    fresh = [i for i in dict.fromkeys(mixed) if i not in chosen]
    return sorted(fresh, key=lambda i: i in shown)[:MOST_BUTTONS]


@dataclass
class Turn:
    """What one message gets: bubbles, the intents answered, the next questions offered, the source keys behind it."""

    messages: List[Message]
    answered: List[str]
    offered: List[str]
    sources: List[str]


def compose(
    asked: Iterable[str],
    known: Known,
    shown: Sequence[str],
    knowledge: Knowledge,
    greeted: bool = False,
    deeper: bool = False,
    recent: Optional[Sequence[str]] = None,
    deepened: Sequence[str] = (),
) -> Turn:
    """Answer every question of a message once.

    `shown`: intents answered earlier in this conversation; `recent`: those of the last turns, one entry each time (None: what was shown was
    shown once); `deepened`: whose longer form was given. `deeper` asks for that form outright.
    """
    facts = {**knowledge.facts(), **narrowed(known, knowledge)}
    wanted = in_order(asked, knowledge)
    chosen, left = wanted[:MOST_ANSWERS], [i for i in wanted[MOST_ANSWERS:] if i in knowledge.titles]
    messages, cited = [], []
    person = False
    for intent in chosen:
        answer = knowledge.answers[intent]
        parts, keys, wants_person = _parts(answer, known, shown, recent, deeper, intent in deepened, knowledge)
        person = person or wants_person
        text = fill("\n".join(parts), facts)
        data: Dict[str, Any] = {"type": "answer", "intent": intent}
        if keys:
            data["sources"] = source_rows(keys, knowledge)
        messages.append(Message(text, data=data))
        cited.extend(keys)
    if greeted and messages and chosen and not any(i in SAFETY for i in chosen) and chosen[0] not in SMALL_TALK:
        messages[0].text = "Hello. " + messages[0].text
    offered = offers(chosen, shown, knowledge) if chosen else []
    if left:
        messages[-1].text += "\n" + LEFT
        offered = list(dict.fromkeys([*left, *offered]))[:MOST_BUTTONS]
    if person:
        offered = ["request_human", *(i for i in offered if i != "request_human")][:MOST_BUTTONS]
    if messages:
        messages[-1].buttons = buttons(offered, knowledge)
    return Turn(messages, chosen, offered, list(dict.fromkeys(cited)))


LEFT = "You asked one more thing. It is the first choice below: pick it and I will answer that too."
IN_SHORT = "In short: {gist}"
ASK_A_PERSON = "If that leaves something open, tell me what, or ask a person: {phone}."
STAYS = "My answer stays the same. {gist}"
ASK_THE_TEAM = "For anything beyond it, please ask our team: {phone} or {email}. {open_now}"


def _parts(
    answer: Answer, known: Known, shown: Sequence[str], recent: Optional[Sequence[str]], deeper: bool, deepened: bool, knowledge: Knowledge
) -> Tuple[List[str], List[str], bool]:
    """The paragraphs of one answer, their sources, and whether a person is offered.

    First in full. Asked again: the sentence that answers it with what is new in the message, or with the longer form; then in short with a person to
    ask; then the person once more; never the same words twice running. What concerns safety is always said in full.
    """
    intent, gist = answer.intent, answer.text.split("\n")[0]
    times = int(intent in shown) if recent is None else list(recent).count(intent)
    if intent in SAFETY and not deeper:
        times = 0
    parts, keys = [answer.text], list(answer.sources)
    added = additions(answer, known)
    if deeper:
        parts, keys = [answer.more], list(answer.more_sources)
    elif times and intent in SMALL_TALK:
        if answer.more and times % 2:
            parts, keys = [answer.more], list(answer.more_sources)
    elif times:
        step = times if answer.more and not deepened else times + 1
        new = additions(answer, Known(known.fresh))
        priced = "{price_list}" in answer.text and bool(narrowed(known, knowledge))
        if new or priced:
            parts, added = [gist], [] if priced else new
        elif step == 1:
            parts, keys, added = [gist, answer.more], [*answer.sources, *answer.more_sources], []
        elif step % 2 == 0:
            parts, added = [IN_SHORT.replace("{gist}", gist), ASK_A_PERSON], []
        elif "{" not in gist:  # what the clinic itself states is simply said in full again
            parts, added = [STAYS.replace("{gist}", gist), ASK_THE_TEAM], []
    for addition in added:
        parts.append(addition.text)
        keys.extend(addition.sources)
    return parts, keys, bool(times) and parts[-1 - len(added)].startswith((ASK_A_PERSON, ASK_THE_TEAM))


def narrowed(known: Known, knowledge: Knowledge) -> Dict[str, str]:
    """The clinic's prices for the areas that the message names, when each has a price of its own; else nothing."""
    areas = known.fresh.get("body_area", ())
    rows = price_list(knowledge.clinic, areas) if areas else ""
    return {"price_list": rows} if rows else {}


def list_sources(keys: Sequence[str], knowledge: Knowledge) -> Optional[Message]:
    """The sources of the last answers, one a line, or None when there are none to list."""
    rows = source_rows(keys, knowledge)
    if not rows:
        return None
    grades = {
        "A": "study or regulator",
        "B": "health service or professional body",
        "C": "manufacturer",
        "D": "a clinic's page: shows practice, proves nothing",
    }
    lines = ["This is where that answer comes from:"]
    for row in rows:
        year = f", {row['year']}" if row.get("year") else ""
        address = f"\n  {row['address']}" if row.get("address") else ""
        lines.append(f"- {row['title']}, {row['publisher']}{year} ({grades[row['grade']]}){address}")
    return Message("\n".join(lines), data={"type": "sources", "sources": rows})


def clarify(ranking: Sequence[Mapping[str, Any]], failures: int, knowledge: Knowledge) -> Message:
    """What to say when the message was not understood: the best three guesses by name, and the second time a person."""
    facts = knowledge.facts()
    if failures > 2 and failures % 2:
        text = fill(
            "Sorry, that one is beyond me too. Please ask our team, on {phone} or at {email}, or begin with one of these. In an emergency "
            "call {emergency_number}.",
            facts,
        )
        return Message(text, buttons(("request_human", "ask_suitability", "ask_price"), knowledge))
    if failures >= 2:
        text = fill(
            "I am sorry, I still do not understand. A person can help: {phone} or {email}. {open_now}\n"
            "You can also pick one of these, or ask in other words. In an emergency call {emergency_number}.",
            facts,
        )
        return Message(text, buttons(("request_human", "ask_capabilities"), knowledge))
    guesses = [str(r["name"]) for r in ranking if r["name"] in knowledge.titles and r["name"] not in ("nlu_fallback", *SMALL_TALK, *NEVER_GUESSED)][:3]
    rows = buttons(guesses, knowledge)
    if not rows:
        return Message("I did not catch that. Could you say it in other words?", buttons(("ask_capabilities", "request_human"), knowledge))
    return Message("I am not sure I understood. Did you mean one of these?", [*rows, ("Something else", "/nlu_fallback")])
