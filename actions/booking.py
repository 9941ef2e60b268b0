"""The booking desk: arranging, moving, cancelling and looking up an appointment, and being called back, as a state machine.

Nothing here touches a database. `step` takes a message, `resume` the result of an effect; both change the state, say things and may
ask for one effect, which `actions.booking_form` carries out. Nothing is booked, moved or cancelled without a yes to the read-back.
"""

import datetime as dt
import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple
from zoneinfo import ZoneInfo

from actions import answers, booking_words, contact, conversation, offers
from actions.answers import Message
from actions.booking_texts import BUTTONS, CARD, CONTACT_BY, LABELS, PAYLOADS, QUESTIONS, SAY
from actions.memory import Memory
from actions.when import HOURS, read
from actions.wish import Option, Unclear, Wish, day_text, describe
from clinic.references import read_reference
from knowledge import parsed
from knowledge.facts import DAYS, fill, open_hours
from knowledge.library import Knowledge

SLOT = "booking"
RETURN_AFTER = dt.timedelta(hours=4)
FORGET_AFTER = dt.timedelta(days=14)
CONSENT_PURPOSE, CONSENT_VERSION = "contact", "booking-1"
MONTH_FIRST = ("US",)  # countries that write 04/03 for the third of April
TASKS = {
    **{"book_consultation": "book", "reschedule_booking": "move", "cancel_booking": "cancel", "check_booking": "check", "request_human": "callback"},
    **{"make_complaint": "complaint", "delete_my_data": "erasure"},
}
FOR_EVERYBODY = ("complaint", "erasure")  # of any age
LONGEST_AREA = 60
MOST_FAILS = 2
ABOUT_TIMES = ("ask_waiting_time", "ask_opening_hours")
BARE = {"inform", "nlu_fallback", "out_of_scope"}
AROUND_A_NUMBER = 8  # words: "my number is 07700 900123, anytime after 4"
DOUBTFUL = 0.5  # a question that is less sure than this gives way to a plain wish to be called
BY_BUTTON = ("consent", "contact_by", "confirm", "change", "sure", "erase", "retry", "back")
STOPS_ALONE = (*answers.EMERGENCY, *answers.URGENT)
PERSON = ("name", "phone", "email", "contact_by", "area")
SKIPPABLE = ("phone", "email", "contact_by", "area", "call_time", "what", "reach")
ENOUGH_SAID = 8  # words in which a complaint may say what it is about
LONGEST_STORY = 2000  # characters of a complaint
NO_QUESTION = {*TASKS, *answers.COURTESY, "nlu_fallback", "out_of_scope", "ask_capabilities"}

State = Dict[str, Any]
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Effect:
    """Something to be done in the clinic's records; `kind` of its result is named beside each.

    slots → slots · hold → held, taken · consent → saved · book → booked, taken, requested, elsewhere · find → found, too_many ·
    move → booked, same, taken, requested, gone, fixed · cancel → cancelled, gone, fixed · request → requested · add → added ·
    handoff → raised · erase → erased · forget → forgotten. Any: down.
    """

    name: str
    data: Dict[str, Any] = field(default_factory=dict)


@dataclass
class Step:
    """What one step came to. `state` is None when nothing is left to remember."""

    state: Optional[State]
    messages: List[Message]
    effect: Optional[Effect] = None
    done: bool = False


def read_state(value: Any) -> Optional[State]:
    """The state from its slot; anything unexpected counts as none."""
    if not isinstance(value, Mapping) or not isinstance(value.get("person"), Mapping):
        return None
    return {**_fresh(""), **{k: v for k, v in value.items() if k in _fresh("")}}


def _fresh(task: str) -> State:
    return {
        "task": task,  # book, move, cancel, check, callback, complaint, erasure, or "" between two of them
        "asked": "",
        "fails": 0,
        "wish": None,
        "words": [],  # the wishes as they were written
        "page": 0,
        "menu": [],
        "shown": [],  # the times behind the menu
        "slot": None,
        "certain": True,
        "person": {},
        "skipped": [],
        "consent": False,
        "reference": "",
        "booking": None,
        "bookings": [],
        "misses": 0,
        "prefer": {},
        "trail": [],
        "before": "",  # the question that waits while another one is put in between
        "pending": None,  # an effect that could not be carried out
        "call_time": "",
        "unread": False,  # a time was perhaps named in the first message, and not read
        "half": "",  # a wish that was asked back: read again with the answer in it
        "screening": "",
        "seen": "",
    }


def begin(state: Optional[State], parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge, now: dt.datetime, answered: bool = False) -> Step:
    """Open the desk for the task that the message asks for. `answered`: its other questions have been answered already."""
    return _Desk(state, parse, memory, knowledge, now).begin(answered)


def step(state: State, parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge, now: dt.datetime) -> Step:
    """Hear a message while the desk is open. `parse`: Rasa's parse data; `now`: aware."""
    return _Desk(state, parse, memory, knowledge, now).hear()


def resume(state: State, effect: Effect, result: Result, memory: Memory, knowledge: Knowledge, now: dt.datetime) -> Step:
    """Go on with the result of an effect."""
    return _Desk(state, {}, memory, knowledge, now).resume(effect, result)


def opens(parse: Mapping[str, Any], knowledge: Knowledge, now: dt.datetime) -> bool:
    """Whether a message that was taken for a bare answer, for a doubtful question, or not understood, asks for a time or for a call all the
    same: "book thursday 2 april at 10:30", "any chance of a saturday morning?", "ring me sunday at 11"."""
    text = str(parse.get("text") or "")
    safe = str((parse.get("safety") or {}).get("level") or "none") in ("none", "")
    intents = set(parsed.asked(parse))
    doubtful = float((parse.get("intent") or {}).get("confidence") or 0) < DOUBTFUL
    if text.startswith("/") or not safe or intents & {*TASKS, *STOPS_ALONE}:
        return False
    if leaves_number(text, str(knowledge.clinic["clinic"]["country"])) and intents <= BARE:
        return True
    calls = bool(booking_words.CALL_BACK.search(text)) and (doubtful or intents <= BARE)
    books = bool(booking_words.BOOK.search(text))
    if not calls and not (books and intents <= {*BARE, *ABOUT_TIMES, *answers.COURTESY}):
        return False
    desk = _Desk(None, parse, Memory(), knowledge, now)
    found = desk._wish()
    if not calls and not intents <= BARE:  # "how soon could I come on a Saturday?" asks; only a day that is named is a booking
        return isinstance(found, Wish) and any(o.dates for o in found.options)
    return isinstance(found, (Wish, Unclear)) and not (isinstance(found, Wish) and found.free)


def leaves_number(text: str, region: str) -> bool:
    """Whether a message is hardly more than a phone number: whoever leaves one wants to be called."""
    phone = contact.read_phone(text, region)
    return phone is not None and len(text.replace(phone.whole, " ").split()) <= AROUND_A_NUMBER


def told_team(reference: str, knowledge: Knowledge) -> str:
    """What is said when staff have been told of the conversation."""
    return fill(SAY["told_team"].replace("{reference}", reference), knowledge.facts())


def waiting(state: Optional[State]) -> bool:
    """Whether something begun has not been finished."""
    return bool(state and state["task"] and state["asked"])


class _Desk:
    def __init__(self, state: Optional[State], parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge, now: dt.datetime):
        self.state: State = state or _fresh("")
        self.parse, self.memory, self.knowledge = parse, memory, knowledge
        self.clinic = knowledge.clinic
        self.facts = {**knowledge.facts(), "bring": str((self.clinic.get("booking") or {}).get("bring") or "")}
        zone = ZoneInfo(self.clinic["clinic"]["time_zone"])
        self.now = now.astimezone(zone)
        self.region = str(self.clinic["clinic"]["country"])
        self.text = "" if str(parse.get("text") or "").startswith("/") else " ".join(str(parse.get("text") or "").split())
        self.intents = parsed.asked(parse)
        self.messages: List[Message] = []
        self.effect: Optional[Effect] = None
        self.done = False

    # ---- saying

    def _fill(self, text: str, **values: Any) -> str:
        """The clinic's facts are fitted into the sentence; what the person gave stands in it untouched."""
        marks = {name: f"\ue000{n}\ue001" for n, name in enumerate(values)}
        filled = fill(text, {**self.facts, **marks})
        for name, mark in marks.items():
            filled = filled.replace(mark, str(values[name]))
        return filled.strip()

    def say(self, name: str, buttons: Sequence[Tuple[str, str]] = (), **values: Any) -> None:
        self.messages.append(Message(self._fill(SAY[name], **values), list(buttons), {"type": "booking"}))

    def button(self, name: str) -> Tuple[str, str]:
        title = fill(BUTTONS[name], self.facts)
        return title, PAYLOADS.get(name, title)

    def ask(self, question: str, buttons: Sequence[Tuple[str, str]] = (), lead: str = "", **values: Any) -> None:
        """Put a question. `lead` is said in the same bubble."""
        if self.state["asked"] != question:
            self.state["fails"] = 0
        if question in PERSON and question not in self.state["trail"]:
            self.state["trail"].append(question)
        self.state["asked"] = question
        self.state["menu"] = [list(b) for b in buttons]
        text = self._fill(QUESTIONS[question][0], **values)
        self.messages.append(Message(f"{lead}\n{text}" if lead else text, list(buttons), {"type": "booking", "asked": question}))

    def finish(self, keep: bool = True) -> None:
        """Close the desk; what a second appointment can use is kept."""
        old = self.state
        self.state = _fresh("")
        self.memory.offered = []  # a yes that comes later is no answer to something offered before
        if keep:
            self.state.update(person=old["person"], consent=old["consent"], skipped=[s for s in old["skipped"] if s in PERSON])
        self.done = True

    def out(self) -> Step:
        self.state["seen"] = self.now.isoformat()
        kept = self.state if self.state["task"] or self.state["person"] or self.state["consent"] or self.effect else None
        return Step(kept, self.messages, self.effect, self.done)

    def do(self, name: str, **data: Any) -> None:
        self.effect = Effect(name, data)

    # ---- opening

    def begin(self, answered: bool) -> Step:
        numbered = leaves_number(self.text, self.region) and not booking_words.BOOK.search(self.text)
        task = next((TASKS[i] for i in self.intents if i in TASKS), "callback" if numbered or booking_words.CALL_BACK.search(self.text) else "book")
        if task == "callback" and not (numbered or booking_words.CALL_BACK.search(self.text)):
            self._reply([i for i in self.intents if i in self.knowledge.answers and (i == "request_human" or not answered)])
            if self.messages:
                self.messages[-1].buttons = [self.button("call_me"), *self.messages[-1].buttons][: answers.MOST_BUTTONS]
            self.state["task"], self.done = "", True
            self.do("handoff", reason="request_human", contact=dict(self.state["person"]))
            return self.out()
        old = self.state
        if waiting(old) and old["task"] == task and task == "book":
            self._collect()
            return self._come_back() if self._long_ago() else self._go_on()
        self.state = _fresh(task)
        if not self._long_ago(old, FORGET_AFTER):
            self.state.update(person=dict(old["person"]), consent=old["consent"], skipped=[s for s in old["skipped"] if s in PERSON])
        if booking_words.minor(self.text, self._minimum_age()) and task not in FOR_EVERYBODY:
            return self._refuse_minor()
        if task == "complaint":
            return self._complain()
        if task == "erasure":
            self.ask("erase", [self.button("erase"), self.button("ask_team"), self.button("no")])
            return self.out()
        if not answered and not (task == "callback" and "request_human" not in self.intents):
            dated = opens(self.parse, self.knowledge, self.now)  # then what was taken for a question about times is the wish itself
            others = [i for i in self.intents if i in self.knowledge.answers and i not in NO_QUESTION]
            self._reply([i for i in others if not (dated and i in ABOUT_TIMES)])
        self._collect()
        if task == "book":
            self._prefer()
            found = self._wish()
            if isinstance(found, Wish):
                self._take(found)
            elif isinstance(found, Unclear):
                if found.choices:
                    self._choices(found)
                    return self.out()
                self.state["unread"] = True  # said with the days that are offered, so that no time named is lost in silence
            if re.search(r"\b(?:me and|both of us|my (?:friend|sister|mum|partner|mate|husband|wife) and|two of us|for (?:2|two))\b", self.text, re.I):
                self.say("several")
            self._look()
        elif task == "callback":
            self._take_call_time(self._wish())
            self._next()
        else:
            reference = read_reference(self.text)
            if reference:
                self.state["reference"] = reference
            if task == "move":
                self.state["words"] = [self.text]
            self.do("find", reference=reference, proof="")
        return self.out()

    def _minimum_age(self) -> int:
        return int(self.clinic["policies"]["minimum_age"])

    def _refuse_minor(self) -> Step:
        """Kind, no booking, and nothing kept: what was recorded is erased, and with the turn what was said."""
        self.finish(keep=False)
        self.state["consent"] = False
        self.do("forget")
        return self.out()

    # ---- complaints, and what somebody wants gone

    def _complain(self) -> Step:
        """Written down at once, so that nothing is lost if they leave; then what happened, and how to reach them."""
        words = self.text[:LONGEST_STORY]
        self.do("request", kind="complaint", details={"words": words, "contact": dict(self.state["person"])} if words else {})
        return self.out()

    def _hear_what(self) -> bool:
        if self._control():
            return False
        given = self._given()
        self.state["person"].update(given)
        details: Dict[str, Any] = {"words": self.text[:LONGEST_STORY], **({"contact": dict(self.state["person"])} if given else {})}
        self.do("add", reference=self.state["reference"], details=details)
        return True

    def _given(self) -> Dict[str, str]:
        """The ways to reach somebody that stand in this message."""
        email, phone = contact.read_email(self.text), contact.read_phone(self.text, self.region)
        return {**({"email": email} if email else {}), **({"phone": phone.written} if phone else {})}

    def _hear_reach(self) -> bool:
        given = self._given()
        if not given:
            return False
        name = contact.find_name(contact.without_contact(self.text, self.region))
        self.state["person"].update(given, **({"name": name} if name else {}))
        self.do("add", reference=self.state["reference"], details={"contact": dict(self.state["person"])})
        return True

    def _control(self) -> bool:
        """Whether the message steers the talk instead of telling something."""
        steers = (booking_words.SKIP, booking_words.BACK, booking_words.WHY, booking_words.NO, booking_words.YES, booking_words.GO_ON)
        return any(p.match(self.text) for p in steers)

    def _noted(self) -> None:
        """The next thing to ask about a complaint, or the end."""
        state = self.state
        reach = not (state["person"].get("phone") or state["person"].get("email")) and "reach" not in state["skipped"]
        if reach:
            self._put("reach")
            return
        self.say("complaint_noted", reference=state["half"])
        self.finish()

    def _hear_erase(self) -> bool:
        team = fill(BUTTONS["ask_team"], self.facts).lower()
        if self.text.lower().strip(" .!") == team or re.search(r"\b(?:team|person|someone|somebody|staff|everything|all of it|copy)\b", self.text, re.I):
            self.do("request", kind="erasure", details={"words": self.text[:200], "contact": dict(self.state["person"])})
            return True
        deletes = re.match(
            r"^\W*(?:yes,? )?(?:please )?(?:delete|erase|remove|wipe)(?: it| this| that| the chat| this chat| my (?:chat|data))?\W*(?:please)?\W*$",
            self.text,
            re.I,
        )
        if booking_words.YES.match(self.text) or deletes or self.intents in (["affirm"], ["delete_my_data"]):
            self.do("erase")
            return True
        if booking_words.NO.match(self.text) or self.intents == ["deny"]:
            self.say("not_erased")
            self.finish()
            return True
        return False

    def _long_ago(self, state: Optional[State] = None, after: dt.timedelta = RETURN_AFTER) -> bool:
        try:
            return self.now - dt.datetime.fromisoformat(str((state or self.state)["seen"])) > after
        except ValueError:
            return False

    def _come_back(self) -> Step:
        """Somebody is here again after hours or days."""
        lead = "welcome_back" if self._long_ago() else ""
        if self.state["asked"] != "back":
            self.state["before"] = self.state["asked"]
        slot = self.state["slot"]
        where = SAY[f"where_{self.state['task']}"]
        where = where.format(slot=f" for {offers.spoken(slot)}" if slot else "") if "{slot}" in where else where
        where = f"{SAY[lead]} {where}" if lead else where
        self.ask("back", [self.button("go_on"), self.button("anew"), self.button("stop")], where=where)
        return self.out()

    # ---- hearing

    def hear(self) -> Step:
        asked = self.state["asked"]
        self.state["menu"] = self.state["menu"] or []
        unsafe = str((self.parse.get("safety") or {}).get("level") or "none") not in ("none", "")
        if any(i in STOPS_ALONE for i in self.intents) and not self._plain_name(asked) and (unsafe or not booking_words.hesitates(self.text)):
            # Nothing may distract from the number to call; with the next message the booking is offered again.
            self._reply(self.intents)
            if asked != "back":
                self.state.update(before=asked, asked="back", menu=[])
            return self.out()
        everybody = self.state["task"] in FOR_EVERYBODY
        if booking_words.minor(self.text, self._minimum_age()) and not everybody:
            return self._refuse_minor()
        if self._long_ago() and asked not in ("back", "retry") and not (booking_words.GO_ON.match(self.text) or booking_words.STOP.match(self.text)):
            self._reply([i for i in self.intents if i in self.knowledge.answers and i not in NO_QUESTION])
            return self._come_back()
        if booking_words.hesitates(self.text):
            return self._hesitates()
        self._press()
        # "cancel it" is an answer when that is what was asked
        if booking_words.STOP.match(self.text) and not (asked == "sure" and self.text.lower().startswith("cancel")):
            return self._stop()
        if booking_words.GO_ON.match(self.text) and asked != "back" and asked not in ("confirm", "sure", "consent"):
            return self._go_on()
        if booking_words.CALL_BACK.search(self.text) and self.state["task"] != "callback" and asked != "contact_by" and not everybody:
            return self._call_instead()
        hear: Callable[[], bool] = getattr(self, f"_hear_{asked}", lambda: False)
        if hear():
            return self.out()
        return self._not_an_answer()

    def _plain_name(self, asked: str) -> bool:
        """A short name the classifier took for something else ("Paine"); never when the guard itself has spoken."""
        level = str((self.parse.get("safety") or {}).get("level") or "none")
        confidence = float((self.parse.get("intent") or {}).get("confidence") or 0)
        return asked == "name" and level in ("none", "") and len(self.text.split()) <= 3 and confidence < 0.6 and contact.read_name(self.text) is not None

    def _not_an_answer(self) -> Step:
        """Corrections, skipping, going back, asking why, a side question; else it was not understood."""
        asked = self.state["asked"]
        if asked in SKIPPABLE and (booking_words.SKIP.match(self.text) or booking_words.NO.match(self.text)):  # "no email" corrects nothing
            return self._skip()
        if self._correct():
            return self.out()
        if booking_words.BACK.match(self.text) or self.intents == ["go_back"]:
            return self._back()
        if booking_words.SKIP.match(self.text) or self.intents == ["skip"]:
            return self._skip()
        if booking_words.WHY.match(self.text) or self.intents == ["ask_why"]:
            self.again(self._fill(QUESTIONS[asked][1]))
            return self.out()
        if self.intents in (["repeat"], ["greet"], ["thank"]):
            self.again()
            return self.out()
        if self.intents == ["stop"] and not self._wish():
            return self._stop()
        if "cancel_booking" in self.intents and self.state["task"] == "book" and not self._wish():
            return self._stop()
        other = next((TASKS[i] for i in self.intents if i in TASKS and TASKS[i] not in (self.state["task"], "callback")), None)
        if other in FOR_EVERYBODY:
            return self.begin(True)
        if other in ("move", "cancel", "check") and self.state["task"] in ("move", "cancel", "check"):
            return self.begin(True)
        if other == "check":
            self.say("nothing_yet")
            self.again()
            return self.out()
        if self._digress():
            self.again()
            if "request_human" in self.intents and self.effect is None:
                self.do("handoff", reason="request_human", contact=dict(self.state["person"]))
            return self.out()
        if self.state["task"] == "callback" and asked != "call_time" and self._take_call_time(self._wish()):
            self.again(self._fill(SAY["noted"], value=self.state["call_time"]))
            return self.out()
        before = dict(self.state["person"])
        self._collect()
        if self.state["person"] != before:
            new = [n for n in PERSON if self.state["person"].get(n) != before.get(n)]
            self.again(self._fill(SAY["noted"], value=", ".join(self._shown(n) for n in new)))
            return self.out()
        return self._misunderstood()

    def _digress(self) -> bool:
        questions = [i for i in self.intents if i in self.knowledge.answers and i not in (NO_QUESTION - {"request_human", "ask_capabilities"})]
        if not questions:
            return False
        self._reply(questions)
        return bool(self.messages)

    def _reply(self, intents: Sequence[str]) -> None:
        """Answer the questions beside the booking; their own offers would lead away from it."""
        if not intents:
            return
        parse = {**self.parse, "intent": {"name": intents[0]}, "questions": [{"intent": i} for i in intents]}
        turn = conversation.reply(parse, self.memory, self.knowledge)
        for message in turn.messages:
            if self.state["asked"] or self.state["task"]:
                message.buttons = []
            self.messages.append(message)

    def _misunderstood(self) -> Step:
        asked = self.state["asked"]
        self.state["fails"] += 1
        help_text = self._fill(QUESTIONS[asked][2])
        if self.state["fails"] < MOST_FAILS:
            self.again(self._fill(SAY["not_understood"], help=help_text))
            return self.out()
        names = [*(["skip"] if asked in SKIPPABLE else []), *(["call"] if self.state["task"] != "callback" else []), "stop"]
        choices = _listed([SAY[f"choice_{name}"] for name in names])
        buttons = [self.button({"call": "call_me"}.get(name, name)) for name in names]
        self.messages.append(
            Message(self._fill(SAY["explain_fails"], help=help_text, choices=choices), list(dict.fromkeys([*self._menu(), *buttons]))[:8], {"type": "booking"})
        )
        return self.out()

    def _hesitates(self) -> Step:
        """ "hmm, not sure": no failure. What helps with the question is said, and what else can be done."""
        asked = self.state["asked"]
        names = [*(["skip"] if asked in SKIPPABLE else []), *(["call"] if self.state["task"] == "book" else []), "stop"]
        choices = _listed([SAY[f"choice_{name}"] for name in names])
        buttons = [self.button({"call": "call_me"}.get(name, name)) for name in names]
        text = self._fill(SAY["hesitates"], help=self._fill(QUESTIONS[asked][2]) if asked in QUESTIONS else "", choices=choices)
        self.messages.append(Message(text, list(dict.fromkeys([*self._menu(), *buttons]))[:8], {"type": "booking", "asked": asked}))
        return self.out()

    def _press(self) -> None:
        """ "the second one" or "2" presses that button, where the question is answered by buttons alone."""
        if self.state["asked"] in BY_BUTTON and self.text:
            chosen = offers.pick(self.text, self.state["menu"])
            if chosen is not None:
                title, said = (str(part) for part in self.state["menu"][chosen])
                agrees = chosen == 0 and self.state["asked"] not in ("contact_by", "change")
                self.text, self.intents = said, ["affirm"] if agrees else ["deny"] if title in (BUTTONS["no"], BUTTONS["keep"]) else []

    def _menu(self) -> List[Tuple[str, str]]:
        return [(str(title), str(said)) for title, said in self.state["menu"]]

    def again(self, lead: str = "") -> None:
        """The open question once more, with its buttons."""
        asked, fails = self.state["asked"], self.state["fails"]
        if asked in ("day", "part", "slot") and not self.state["menu"]:
            self._look()
            return
        self._put(asked, lead)
        self.state["fails"] = fails

    def _put(self, question: str, lead: str = "") -> None:
        """Ask any question with the values and buttons that belong to it."""
        state = self.state
        if question in ("day", "part", "slot"):
            text = self._fill(SAY["found_slots"], on="") if question == "slot" else None
            menu = self._menu()
            if text is not None:
                self.messages.append(Message(f"{lead}\n{text}" if lead else text, menu, {"type": "booking", "asked": question}))
            else:
                first = state["shown"][0] if state["shown"] else None
                self.ask(question, menu, lead, day=day_text(offers.start_of(first).date()) if first else "")
            return
        if question == "confirm":
            self._confirm(lead)
        elif question == "sure":
            self._sure(lead)
        elif question == "which":
            self.ask("which", self._menu(), lead, bookings=_lines(state["bookings"]))
        elif question == "consent":
            self.ask("consent", [self.button("agree"), self.button("no"), self.button("minor")], lead)
        elif question == "contact_by":
            names = [n for n in ("call", "text") if state["person"].get("phone")] + [n for n in ("email",) if state["person"].get("email")]
            self.ask("contact_by", [self.button(n) for n in names], lead)
        elif question == "erase":
            self.ask("erase", [self.button("erase"), self.button("ask_team"), self.button("no")], lead)
        elif question in ("phone", "email", "area", "call_time", "what", "reach"):
            self.ask(question, [self.button("skip")], lead)
        elif question == "retry":
            self.ask("retry", [self.button("again"), self.button("stop")], lead)
        elif question == "change":
            present = [n for n in ("name", "phone", "email", "area") if state["person"].get(n) or n in state["skipped"]]
            time = ["the_time"] if state["task"] in ("book", "move", "callback") else []
            self.ask("change", [self.button(n) for n in [*time, *(f"the_{n}" for n in present), "stop"]], lead)
        elif question == "back":
            self._come_back()
        else:
            self.ask(question, self._menu() if question == state["asked"] else [], lead)

    # ---- turning points

    def _stop(self) -> Step:
        task = self.state["task"]
        if task == "complaint":
            self.say("complaint_noted", reference=self.state["half"])
            self.finish()
            return self.out()
        said = {"move": "stopped_change", "cancel": "stopped_change", "check": "stopped_change", "callback": "stopped_call", "erasure": "not_erased"}
        self.say(said.get(task, "stopped"))
        self.finish(keep=False)
        return self.out()

    def _go_on(self) -> Step:
        """Take up the work where it stands."""
        if self.state["task"] in FOR_EVERYBODY and self.state["asked"] != "retry":
            self.again()
        elif self.state["asked"] == "retry" and self.state["pending"]:
            self._retry()
        elif self.state["task"] in ("book", "move") and not self.state["slot"] and (self.state["task"] == "book" or self.state["booking"]):
            self._look()
        else:
            self._next()
        return self.out()

    def _call_instead(self) -> Step:
        """From anything to being called back; what is known already is kept."""
        person, consent, skipped = self.state["person"], self.state["consent"], [s for s in self.state["skipped"] if s not in ("phone",)]
        self.state = {**_fresh("callback"), "person": person, "consent": consent, "skipped": skipped}
        self._collect()
        self._take_call_time(self._wish())
        self._next()
        return self.out()

    def _take_call_time(self, found: Any) -> bool:
        """A good time to call, if one was named. When the clinic is closed then, that is said, and the nearest time it is open is put down."""
        if not isinstance(found, Wish) or (found.free and not found.asap):
            return False
        old = Wish.from_json(self.state["wish"]) if self.state["wish"] else None
        found = offers.refine(old, found)
        near = offers.nearest_open(found, open_hours(self.clinic, self.now))
        self.state["wish"] = found.to_json() if near is None else Wish((Option(dates=((near[0], near[0]),)),)).to_json()
        if near is None:
            self.state["call_time"] = describe(found)
        else:
            self.state["call_time"] = f"{day_text(near[0])}, from {near[1]:%H:%M}"
            self.say("closed_call", wish=describe(found), nearest=self.state["call_time"])
        return True

    def _skip(self) -> Step:
        asked, person = self.state["asked"], self.state["person"]
        if asked not in SKIPPABLE or (asked == "phone" and self.state["task"] == "callback"):
            why = self._fill(QUESTIONS[asked][1]) if asked in QUESTIONS else ""
            lost = asked in ("reference", "proof")
            self.again(self._fill(SAY["cannot_skip"], why=f"{why} {self._fill(SAY['team_finds'])}" if lost else why))
            if lost:
                self.messages[-1].buttons = [self.button("call_me"), self.button("stop")]
            return self.out()
        if asked == "email" and not person.get("phone"):
            self.state["skipped"] = [s for s in self.state["skipped"] if s != "phone"]
            self.say("nothing_then")
            self._put("phone")
            return self.out()
        self.state["skipped"].append(asked)
        if self.state["task"] == "complaint":
            self._noted()
            return self.out()
        if asked == "call_time":
            self.state["call_time"] = SAY["call_any_time"]
        self._next()
        return self.out()

    def _back(self) -> Step:
        """One question back: its answer is taken away and asked for again."""
        asked, trail = self.state["asked"], self.state["trail"]
        if asked == "confirm" or (asked in trail and not self._previous(asked)):
            if asked == "confirm":
                self._put("change")
            else:
                self._open_slot()
            return self.out()
        previous = self._previous(asked)
        if previous is None:
            if self.state["slot"]:
                self._open_slot()
            else:
                self.again()
            return self.out()
        self._clear(previous)
        self._put(previous)
        return self.out()

    def _previous(self, asked: str) -> Optional[str]:
        trail: List[str] = self.state["trail"]
        place = trail.index(asked) if asked in trail else len(trail)
        return trail[place - 1] if place else None

    def _clear(self, name: str) -> None:
        self.state["person"].pop(name, None)
        self.state["skipped"] = [s for s in self.state["skipped"] if s != name]

    def _open_slot(self) -> None:
        """Choose the time anew."""
        if self.state["task"] == "callback":
            self.state["call_time"] = ""
            self._put("call_time")
            return
        self.state.update(slot=None, page=0)
        self._look()

    def _correct(self) -> bool:
        """ "no, make it Thursday", "change my number", "my e-mail is ada@x.org": what was said before is put right."""
        asked, person = self.state["asked"], self.state["person"]
        corrects = bool(booking_words.CORRECTS.search(self.text)) or self.intents == ["go_back"] or asked in ("confirm", "change")
        if asked in ("consent", "contact_by", "phone", "email") and isinstance(self._wish(), Wish):
            corrects = True
        if self.state["task"] in ("book", "callback") and booking_words.FOR_WHOM.search(self.text) and not self._wish():
            return self._for_another()
        named = booking_words.field(self.text) if corrects else None
        if asked in ("day", "part", "slot") and named in PERSON and not person.get(named):
            return False  # nothing of the kind has been said yet, so nothing can be put right
        email, phone = contact.read_email(self.text), contact.read_phone(self.text, self.region)
        if email and asked != "email" and asked in ("confirm", "change", *PERSON):
            return self._set("email", email)
        if phone and asked != "phone" and asked in ("confirm", "change", *PERSON):
            return self._set("phone", phone.written)
        if not corrects or asked in ("reference", "proof", "which", "back", "retry"):
            return False
        name = contact.find_name(self.text) or _renamed(self.text)
        if name and (named in ("name", None)) and asked != "name":
            return self._set("name", name)
        if asked != "consent" and named in ("name", "phone", "email", "contact_by", "area") and self.state["task"] in ("book", "callback"):
            if named == "area" and self._area():
                return self._set("area", str(self._area()))
            if named == asked:
                return False
            self._clear(named)
            self._put(named)
            return True
        found = self._same_week(self._same_day(self._wish()))
        if (
            self.state["task"] in ("book", "move", "callback")
            and (self.state["slot"] or self.state["task"] == "callback")
            and asked not in ("day", "part", "slot")
        ):
            if isinstance(found, Wish) and (found.options or found.without):
                if self.state["task"] == "callback":
                    self._take_call_time(found)
                    self._next()
                    return True
                self.state["slot"] = None
                self._take(found)
                self._look()
                return True
            if isinstance(found, Unclear) and not found.choices and self.state["slot"]:
                self.again(found.question)  # the time that is held stays until another one is clear
                return True
            if isinstance(found, Unclear) and corrects:
                self.state["slot"] = None
                self._choices(found)
                return True
            if named == "slot":
                self._open_slot()
                return True
        if asked in ("confirm", "change") and self._area() and self._area() != person.get("area"):
            return self._set("area", str(self._area()))
        return False

    def _for_another(self) -> bool:
        """Whom it is for has changed: the name is asked again, the rest stays."""
        asked = self.state["asked"]
        self._clear("name")
        if asked in ("confirm", "change", "name", *PERSON):
            self._put("name", SAY["for_whom"])
        else:
            self.again(SAY["for_whom_later"])
        return True

    def _same_day(self, found: Any) -> Any:
        """ "no wait, make it 3" changes the hour of the day that was chosen."""
        hour = booking_words.HOUR_ONLY.search(self.text)
        day = offers.start_of(self.state["slot"]).date() if self.state["slot"] else None
        if self.state["task"] == "callback" and self.state["wish"]:
            dates = [span for o in Wish.from_json(self.state["wish"]).options for span in o.dates]
            day = dates[0][0] if len(dates) == 1 and dates[0][0] == dates[0][1] else None
        if day is None or not hour or isinstance(found, Wish):
            return found
        again = self._read(f"{day_text(day)} at {hour['hour']}")
        return again if isinstance(again, Wish) else found

    def _same_week(self, found: Any) -> Any:
        """ "make it friday" beside a time in another week may mean the Friday of that week, so it is asked."""
        dates = [span for o in found.options for span in o.dates] if isinstance(found, Wish) else []
        if (
            not self.state["slot"]
            or len(dates) != 1
            or dates[0][0] != dates[0][1]
            or re.search(r"\d|\b(?:this|next|coming|today|tomorrow|week)\b", self.text, re.I)
        ):
            return found
        chosen, day = offers.start_of(self.state["slot"]).date(), dates[0][0]
        there = chosen + dt.timedelta(days=day.weekday() - chosen.weekday())
        if there == day or there <= self.now.date():
            return found
        return Unclear(f"Do you mean {day_text(day)} or {day_text(there)}?", (day_text(day), day_text(there)))

    def _set(self, name: str, value: str) -> bool:
        self.state["person"][name] = value
        self.state["skipped"] = [s for s in self.state["skipped"] if s != name]
        asked = self.state["asked"]
        text = self._fill(SAY["corrected"], value=f"{LABELS[name].lower()}: {self._shown(name)}")
        if asked in ("confirm", "change") or asked == name:
            self._next(text)
        else:
            self.again(text)
        return True

    # ---- answers to each question

    def _hear_consent(self) -> bool:
        if booking_words.YES.match(self.text) or self.intents == ["affirm"]:
            self.state["consent"] = True
            self.do("consent", purpose=CONSENT_PURPOSE, version=CONSENT_VERSION)
            return True
        if booking_words.NO.match(self.text) or self.intents == ["deny"]:
            self.say("no_consent")
            self.finish(keep=False)
            return True
        return False

    def _hear_name(self) -> bool:
        words = len(self.text.split())
        if booking_words.BACK.match(self.text) or booking_words.WHY.match(self.text) or booking_words.SKIP.match(self.text):
            return False
        inside = contact.find_name(contact.without_contact(self.text, self.region))
        name = inside if inside and words > 4 else contact.read_name(contact.without_contact(self.text, self.region).strip(" ,;"))
        if name is None or (not inside and self._is_question()):
            return False
        if not contact.introduces(self.text) and words > 1 and (booking_words.YES.match(self.text) or booking_words.GOES_AHEAD.match(self.text)):
            return False  # "yes please book" is nobody
        self.state["person"]["name"] = name
        self._collect()
        self._next()
        return True

    def _is_question(self) -> bool:
        """Whether a text given where words are free (a name, a part of the body) asks something instead."""
        if contact.introduces(self.text) and "?" not in self.text:
            return False
        if "?" in self.text:
            return True
        opens = re.match(
            r"\W*(?:what|when|where|who|why|how|which|is|are|do|does|did|can|could|would|should|will (?:it|i|you|there|this|the)|may i|am i|i (?:want|need|have|would|don'?t|am))\b",
            self.text,
            re.I,
        )
        known = [i for i in self.intents if i in self.knowledge.answers and i not in NO_QUESTION]
        confidence = float((self.parse.get("intent") or {}).get("confidence") or 0)
        words = len(self.text.split())
        if words > 2 and confidence >= 0.5 and any(i in TASKS for i in self.intents):
            return True
        return bool((opens and words > 2 and (known or words > 4)) or (known and words > 3 and confidence >= 0.6) or words > 8)

    def _hear_phone(self) -> bool:
        phone = contact.read_phone(self.text, self.region)
        if phone is None:
            email = contact.read_email(self.text)
            if email:  # the other of the two was given
                self.state["person"]["email"] = email
                self.again(self._fill(SAY["noted"], value=email))
                return True
            return False
        self.state["person"]["phone"] = phone.written
        self._collect()
        self._next()
        return True

    def _hear_email(self) -> bool:
        email = contact.read_email(self.text)
        if email is None:
            return False
        self.state["person"]["email"] = email
        self._next()
        return True

    def _hear_contact_by(self) -> bool:
        person = self.state["person"]
        by = booking_words.contact_by(self.text)
        if by is None and (booking_words.ANY.search(self.text) or booking_words.SKIP.match(self.text)):
            by = "call" if person.get("phone") else "email"
        if by is None or (by == "email" and not person.get("email")) or (by in ("call", "text") and not person.get("phone")):
            return False
        person["contact_by"] = by
        self._next()
        return True

    def _area(self) -> Optional[str]:
        found = [str(e.get("text") or e["value"]) for e in self.parse.get("entities") or [] if e.get("entity") == "body_area" and e.get("value")]
        if booking_words.GOES_BACK.search(self.text):
            found = [area for area in found if area.lower() != "back"]  # "call me back"
        return " and ".join(dict.fromkeys(found)) or None

    def _hear_area(self) -> bool:
        if booking_words.SKIP.match(self.text) or booking_words.BACK.match(self.text) or booking_words.WHY.match(self.text):
            return False
        area = self._area()
        if area and not self._is_question():
            self.state["person"]["area"] = area
        elif any(c.isalpha() for c in self.text) and len(self.text) <= LONGEST_AREA and not self._is_question() and not self._only_control():
            self.state["person"]["area"] = self.text.strip(" .!")
        else:
            return False
        self._next()
        return True

    def _only_control(self) -> bool:
        return any(p.match(self.text) for p in (booking_words.YES, booking_words.NO, booking_words.GO_ON)) or bool(booking_words.CORRECTS.search(self.text))

    def _hear_confirm(self) -> bool:
        if (booking_words.YES.match(self.text) and not booking_words.CORRECTS.search(self.text)) or (self.intents == ["affirm"] and not self._tells_more()):
            self._commit()
            return True
        change = fill(BUTTONS["change"], self.facts).lower()
        if booking_words.NO.match(self.text) or self.text.lower().strip(" .!") == change or (self.intents == ["deny"] and not self._tells_more()):
            self._put("change")
            return True
        return False

    def _tells_more(self) -> bool:
        """A yes or no that brings something beside it, which must be read first."""
        return bool(
            re.search(r"\d|\bbut\b|\?", self.text) or booking_words.CORRECTS.search(self.text) or self._wish() or contact.read_email(self.text) or self._area()
        )

    def _commit(self) -> None:
        state = self.state
        if state["task"] == "book":
            self.do("book", slot=state["slot"], person=dict(state["person"]), screening=state["screening"])
        elif state["task"] == "move":
            self.do("move", reference=state["booking"]["reference"], slot=state["slot"])
        else:
            details = {"contact": dict(state["person"]), "when": state["call_time"], "words": state["words"][-3:]}
            self.do("request", kind="callback", details=details)

    def _hear_change(self) -> bool:
        name = booking_words.field(self.text)
        if name is None:
            return False
        if self._correct():
            return True
        if name == "slot":
            self._open_slot()
        else:
            self._clear(name)
            self._put(name)
        return True

    def _hear_call_time(self) -> bool:
        found = self._wish()
        if isinstance(found, Unclear):
            # A person reads it: the words go along as they are.
            self.state["call_time"] = self.text[:200]
        elif isinstance(found, Wish):
            if not self._take_call_time(found):
                self.state["call_time"] = SAY["call_any_time"]
        else:
            return False
        self.state["words"].append(self.text[:200])
        self._next()
        return True

    def _hear_back(self) -> bool:
        if booking_words.ANEW.match(self.text):
            task = self.state["task"]
            self.state = {**_fresh(task), "person": {}, "consent": self.state["consent"]}
            if task in ("book",):
                self._look()
            elif task == "callback":
                self._next()
            else:
                self.do("find", reference="", proof="")
            return True
        if booking_words.NO.match(self.text) or self.intents == ["deny"]:
            self._stop()
            return True
        found = self._wish() if self.state["task"] in ("book", "move") else None
        if isinstance(found, Unclear) and self.state["task"] == "book":
            self.state.update(asked=self.state["before"], before="", slot=None)
            self._collect()
            self._choices(found)
            return True
        if booking_words.YES.match(self.text) or booking_words.GO_ON.match(self.text) or self.intents == ["affirm"] or isinstance(found, Wish):
            before = self.state["before"]
            self.state.update(asked=before, before="")
            self._collect()
            if isinstance(found, Wish) and not found.free:
                self.state["slot"] = None
                self._take(found)
            if self.state["slot"] and self.state["certain"]:
                self.do("hold", slot=self.state["slot"])  # it may be gone by now
            elif before == "retry" and self.state["pending"]:
                self._retry()
            elif before in ("which", "reference", "proof", "what", "reach", "erase"):
                self._put(before)
            else:
                self._go_on()
            return True
        return False

    def _hear_retry(self) -> bool:
        if booking_words.YES.match(self.text) or booking_words.AGAIN.match(self.text) or self.intents == ["affirm"]:
            self._retry()
            return True
        if booking_words.NO.match(self.text) or self.intents == ["deny"]:
            self._stop()
            return True
        return False

    def _retry(self) -> None:
        pending = self.state["pending"]
        self.state["pending"] = None
        self.effect = Effect(str(pending["name"]), dict(pending["data"]))

    # ---- finding a time

    def _order(self) -> str:
        return "mdy" if self.region in MONTH_FIRST else "dmy"

    def _hours(self) -> Tuple[int, int]:
        spans = [part.strip() for day in DAYS for span in self.clinic["opening_hours"].get(day) or [] for part in span.split("-")]
        minutes = [int(part[:2]) * 60 + int(part[3:5]) for part in spans]
        return (min(minutes), max(minutes)) if minutes else HOURS

    def _wish(self) -> Any:
        """A Wish, Unclear or None in this message."""
        text = contact.without_contact(self.text, self.region)
        name = contact.find_name(self.text) if self.state["asked"] != "name" else None
        text = booking_words.LEADS_IN.sub("", re.sub(rf"\b{re.escape(name)}(?!\w)", " ", text) if name else text)
        if not text.strip():
            return None
        found = self._read(text)
        if isinstance(found, Unclear) and not found.choices:
            # "ok that was nothing. can i book thurs after 5": what comes before names no time and sets no condition
            for place in booking_words.PARTS_ENDS.finditer(text):
                before, after = text[: place.end()], text[place.end() :]
                if not booking_words.CONDITION.search(before) and self._read(before) is None and isinstance(self._read(after), Wish):
                    return self._read(after)
        return found

    def _read(self, text: str) -> Any:
        return read(text, self.now, self._order(), self._hours())

    def _take(self, found: Wish) -> None:
        old = Wish.from_json(self.state["wish"]) if self.state["wish"] else None
        self.state["wish"] = offers.refine(old, found).to_json()
        self.state["words"] = [*self.state["words"], self.text[:200]][-5:]
        self.state["page"] = 0

    def _prefer(self) -> bool:
        """A wish for a practitioner or for a woman or a man."""
        before = dict(self.state["prefer"])
        words = set(re.findall(r"[\w']+", self.text.casefold()))
        for one in self.clinic["practitioners"]:
            names = [n for n in re.findall(r"[\w']+", one["name"].casefold()) if n not in ("dr", "mr", "mrs", "ms", "miss", "prof")]
            if any(n in words for n in names):
                self.state["prefer"] = {"practitioner": one["name"]}
        wants = re.search(r"\b(?:with|by|see|prefer|want|only|have|be|please|rather|need)\b", self.text, re.I) or len(words) <= 4
        if wants and words & {"woman", "female", "lady", "women"}:
            self.state["prefer"] = {"sex": "woman"}
        elif wants and words & {"man", "male", "gentleman", "men", "bloke"}:
            self.state["prefer"] = {"sex": "man"}
        return bool(self.state["prefer"] != before)

    def _look(self) -> None:
        """Ask the diary for free times."""
        self.do("slots", **self.state["prefer"])

    def _choices(self, unclear: Unclear) -> None:
        """Ask back what can be read in two ways."""
        self.state["asked"] = "day" if self.state["asked"] not in ("day", "part", "slot") else self.state["asked"]
        self.state.update(menu=[[choice, choice] for choice in unclear.choices], half=self.text[:200] if unclear.choices else "")
        self.messages.append(Message(unclear.question, [(c, c) for c in unclear.choices], {"type": "booking", "asked": "day"}))

    def _hear_day(self) -> bool:
        return self._hear_time()

    def _hear_part(self) -> bool:
        return self._hear_time()

    def _hear_slot(self) -> bool:
        return self._hear_time()

    def _hear_time(self) -> bool:
        menu, shown = self.state["menu"], self.state["shown"]
        chosen = self._pick(menu)
        if chosen is not None:
            title, said = menu[chosen]
            if title == BUTTONS["call_me"]:
                self._call_instead()
                return True
            if title in (BUTTONS["other_times"], BUTTONS["other_day"]):
                return self._others(title)
            slot = next((s for s in shown if said == f"{day_text(offers.start_of(s).date())} at {offers.start_of(s):%H:%M}"), None)
            if slot and self.state["asked"] == "slot":
                self._choose(slot)
                return True
            self.text = self._whole(said)
        if self.state["asked"] == "slot" and len(shown) == 1 and (booking_words.YES.match(self.text) or self.intents == ["affirm"]):
            self._choose(shown[0])
            return True
        preferred = self._prefer()
        found = self._wish()
        if isinstance(found, Wish):
            found = self._among_shown(found)
        if isinstance(found, Unclear):
            hour = self._hour_of_shown()
            if hour is not None:
                self._choose(hour)
                return True
        if booking_words.NO.match(self.text) or (
            booking_words.OTHERS.search(self.text) and not isinstance(found, Wish) and not (isinstance(found, Unclear) and found.choices)
        ):
            return self._others(self.text)
        if isinstance(found, Unclear):
            if "?" in self.text and self._digressing():
                return False
            if not found.choices or self.state["half"]:  # what can be read in two ways was understood, the first time running
                self.state["fails"] += 1
                if self.state["fails"] >= MOST_FAILS:
                    self.state["fails"] -= 1
                    return False
            self._choices(found)
            return True
        if isinstance(found, Wish):
            self._collect()
            self._take(found)
            self._look()
            return True
        if preferred:
            self._look()
            return True
        return False

    def _among_shown(self, found: Wish) -> Wish:
        """ "wed" while days of the week after next are on show means the Wednesday on show, not the coming one."""
        menu = [self._read(said) for _, said in self.state["menu"]] if self.state["asked"] == "day" else []
        days = [wish.options[0].dates[0][0] for wish in menu if isinstance(wish, Wish) and wish.options and wish.options[0].dates]
        dates = found.options[0].dates if len(found.options) == 1 else ()
        if (
            len(dates) != 1
            or dates[0][0] != dates[0][1]
            or dates[0][0] in days
            or re.search(r"\d|\b(?:this|next|coming|today|tomorrow|week)\b", self.text, re.I)
        ):
            return found
        same = [day for day in days if day.weekday() == dates[0][0].weekday()]
        return replace(found, options=(replace(found.options[0], dates=((same[0], same[0]),)),)) if len(same) == 1 else found

    def _whole(self, said: str) -> str:
        """The wish that was asked back, with the answer in place of what was unclear: "next friday after 5" and "Friday 3 April 2026"."""
        half, self.state["half"] = self.state["half"], ""
        for place in booking_words.UNCLEAR_PLACES if half else ():
            whole = place.sub(said, half, count=1)
            if whole != half and isinstance(self._read(whole), Wish):
                return whole
        return said

    def _digressing(self) -> bool:
        return any(i in self.knowledge.answers and i not in NO_QUESTION and i != "ask_waiting_time" for i in self.intents)

    def _pick(self, menu: List[List[str]]) -> Optional[int]:
        """An entry of the menu. A bare number that is also the hour of a time on show is asked back, not guessed."""
        if self.state["asked"] == "day" and re.fullmatch(r"\W*(?:on )?(?:the )?\d{1,2}(?:st|nd|rd|th)\W*(?:please|pls)?\W*", self.text, re.I):
            return None  # "the 2nd" is a date
        extra = [entry for entry in menu if entry[0] in (BUTTONS["other_times"], BUTTONS["other_day"], BUTTONS["call_me"])]
        if menu[: len(menu) - len(extra)] and booking_words.EITHER.match(self.text):
            return 0
        chosen = offers.pick(self.text, menu[: len(menu) - len(extra)])
        chosen = offers.pick(self.text, menu) if chosen is None else chosen
        bare = re.fullmatch(r"\W*(\d{1,2})\W*", self.text)
        if chosen is None or not bare or self.state["asked"] != "slot":
            return chosen
        hours = {offers.start_of(s).hour % 12 for s in self.state["shown"]}
        return None if int(bare[1]) % 12 in hours else chosen

    def _hour_of_shown(self) -> Optional[offers.Slot]:
        """The one time on show that a bare hour names: "5", "half four"."""
        bare = re.fullmatch(r"\W*(?:at |the |around )?(\d{1,2})(?:\s*(?:o'?clock|ish))?(?:\s*please)?\W*", self.text.lower())
        if not bare or self.state["asked"] != "slot":
            return None
        hits = [s for s in self.state["shown"] if offers.start_of(s).minute == 0 and offers.start_of(s).hour % 12 == int(bare[1]) % 12]
        place = int(bare[1]) - 1
        if len(hits) != 1 or (0 <= place < len(self.state["shown"]) and self.state["shown"][place] != hits[0]):
            return None
        return dict(hits[0])

    def _others(self, said: str) -> bool:
        """More of the same kind; another day drops the day that was looked at."""
        if said == BUTTONS["other_day"] or re.search(r"\bday|\bdate", said, re.I):
            self.state.update(wish=None, page=0)
        else:
            self.state["page"] += 1
        self._look()
        return True

    def _choose(self, slot: Mapping[str, Any]) -> None:
        self.state["slot"] = dict(slot)
        if self.state["certain"] and self.state["task"] == "book":
            self.do("hold", slot=dict(slot))
        elif self.state["task"] == "move":
            self._next()
        else:
            self._next(self._fill(SAY["picked"], slot=offers.spoken(slot)))

    def _offer(self, result: Result) -> None:
        """Show the free times that fit the wish."""
        if result["mode"] == "link":
            wish = Wish.from_json(self.state["wish"]) if self.state["wish"] else None
            first = min((a for o in wish.options for a, _ in o.dates), default=None) if wish else None
            self.do("link", date=(first or self.now.date() + dt.timedelta(days=1)).isoformat(), person=dict(self.state["person"]))
            return
        slots = list(result["slots"])
        was_certain = self.state["certain"]
        self.state["certain"] = not result["diary_down"] and result["mode"] != "request"
        lead = ""
        if not self.state["certain"] and was_certain:
            lead = self._fill(SAY["diary_down" if result["diary_down"] else "request_mode"])
        if not slots:
            days = int((self.clinic.get("booking") or {}).get("ahead_days") or 60)
            self.messages.append(Message(self._fill(SAY["nothing_at_all"], days=days), [self.button("call_me"), self.button("stop")], {"type": "booking"}))
            self.state.update(asked="day", menu=[], shown=[])
            return
        wish = Wish.from_json(self.state["wish"]) if self.state["wish"] else Wish()
        found = offers.offer(slots, wish, self.state["page"], first=self.state["wish"] is None)
        if found.kind == "none":
            self.state.update(page=0, asked="day", menu=[], shown=[])
            self.messages.append(Message(self._fill(SAY["no_more"]), [self.button("call_me"), self.button("stop")], {"type": "booking"}))
            return
        if self._exact(wish, found):
            if lead:
                self.messages.append(Message(lead, [], {"type": "booking"}))
            self._choose(found.slots[0])
            return
        self._show(found, wish, lead)

    @staticmethod
    def _exact(wish: Wish, found: offers.Offer) -> bool:
        """One day and one minute were named and that time is free."""
        named = len(wish.options) == 1 and len(wish.options[0].times) == 1 and wish.options[0].times[0][0] == wish.options[0].times[0][1]
        return found.kind == "slots" and not found.nearest and len(found.slots) == 1 and named and len(wish.options[0].dates) == 1

    def _show(self, found: offers.Offer, wish: Wish, lead: str) -> None:
        state = self.state
        buttons = list(found.buttons)
        if found.more:
            buttons.append(self.button("other_times"))
        if found.kind in ("slots", "part"):
            buttons.append(self.button("other_day"))
        state.update(shown=[dict(s) for s in found.slots][: offers.FEW * 4] if found.kind == "slots" else [dict(s) for s in found.slots[:1]])
        words = describe(wish)
        leads = [lead] if lead else []
        if state["unread"]:
            leads.append(SAY["time_unread"])
            state["unread"] = False
        if found.nearest:
            if self._closed(wish):
                leads.append(self._fill(SAY["closed"]))
            near = f" on {day_text(found.day)}" if found.day and found.kind == "slots" else ""
            leads.append(self._fill(SAY["nothing_free"], wish=words, on=near))
        elif state["wish"] and not wish.free and found.kind == "days":
            leads.append(self._fill(SAY["understood"], wish=words))
        on = f" on {day_text(found.day)}" if found.day and found.kind == "slots" else ""
        if found.kind == "days":
            question = self._fill(SAY["found_days"] if state["wish"] and not wish.free else QUESTIONS["day"][0])
        elif found.kind == "part":
            question = self._fill(QUESTIONS["part"][0], day=day_text(found.day) if found.day else "")
        else:
            question = "" if found.nearest else self._fill(SAY["found_slots"], on=on)
        kind = {"days": "day", "part": "part", "slots": "slot"}[found.kind]
        if state["asked"] != kind:
            state["fails"] = 0
        state.update(asked=kind, menu=[list(b) for b in buttons])
        text = "\n".join(part for part in (*leads, question) if part)
        data = {"type": "booking", "asked": kind} if kind != "day" else {"type": "date", "label": SAY["any_day"], **self._bounds()}
        self.messages.append(Message(text, buttons, data))

    def _bounds(self) -> Dict[str, str]:
        """First and last day that may be asked for, for a date field."""
        booking = self.clinic.get("booking") or {}
        first = self.now + dt.timedelta(hours=booking.get("lead_hours", 24))
        last = self.now + dt.timedelta(days=booking.get("ahead_days", 60))
        return {"min": first.date().isoformat(), "max": last.date().isoformat()}

    def _closed(self, wish: Wish) -> bool:
        """Whether the clinic is closed at every time wished for."""
        return offers.nearest_open(wish, open_hours(self.clinic, self.now)) is not None

    # ---- what is missing still

    def _collect(self) -> None:
        """Keep a phone number, an e-mail address, a name or a part of the body that a message brings unasked."""
        person = self.state["person"]
        email, phone, name = contact.read_email(self.text), contact.read_phone(self.text, self.region), contact.find_name(self.text)
        if email and not person.get("email"):
            person["email"] = email
        if phone and not person.get("phone"):
            person["phone"] = phone.written
        if name and not person.get("name"):
            person["name"] = name
        by = re.search(r"\b(text|sms|whats ?app|message|e-?mail)(?= me\b(?! (?:it|the|a|your)\b))", self.text, re.I)
        if by and self.state["task"] == "book" and not person.get("contact_by"):
            way = "email" if "mail" in by[1].lower() else "text"
            if person.get("email" if way == "email" else "phone"):
                person["contact_by"] = way
        area = self._area() or next((a for a in self.memory.known.get("body_area", []) if a != "back" or not booking_words.GOES_BACK.search(self.text)), None)
        if area and not person.get("area") and self.state["task"] != "callback":
            person["area"] = area

    def _wanted(self) -> List[str]:
        """The questions of the task in their order."""
        if self.state["task"] == "book":
            return ["slot", "consent", "name", "phone", "email", "contact_by", "area", "confirm"]
        if self.state["task"] == "callback":
            return ["consent", "name", "phone", "call_time", "confirm"]
        return ["slot", "confirm"]

    def _missing(self, name: str) -> bool:
        state, person = self.state, self.state["person"]
        if name == "slot":
            return not state["slot"]
        if name == "consent":
            return not state["consent"]
        if name == "call_time":
            return not state["call_time"]
        if name == "contact_by":
            if person.get("phone") and not person.get("email"):
                return not person.get("contact_by") and name not in state["skipped"]
            if person.get("email") and not person.get("phone"):
                person["contact_by"] = "email"
            return not person.get("contact_by") and name not in state["skipped"]
        if name in PERSON:
            return not person.get(name) and name not in state["skipped"]
        return True

    def _next(self, lead: str = "") -> None:
        """Put the next question that has no answer yet."""
        for name in self._wanted():
            if self._missing(name):
                if name == "slot":
                    self._look()
                else:
                    self._put(name, lead)
                return

    def _shown(self, name: str) -> str:
        value = str(self.state["person"].get(name) or "")
        if name == "phone":
            phone = contact.read_phone(value, self.region)
            return phone.shown if phone else value
        return CONTACT_BY.get(value, value) if name == "contact_by" else value

    def _confirm(self, lead: str = "") -> None:
        state = self.state
        rows = [f"{LABELS[name]}: {self._shown(name)}" for name in PERSON if state["person"].get(name)]
        slot = state["slot"]
        values: Dict[str, str] = {"person": "\n".join(rows), "when": state["call_time"]}
        if slot:
            values.update(slot=offers.spoken(slot), zone=offers.zone_name(slot), practitioner=slot["practitioner"])
        if state["task"] == "move":
            values["old"] = state["booking"]["spoken"]
        kind = "request" if state["task"] == "book" and not state["certain"] else state["task"]
        summary = self._fill(SAY[f"summary_{state['task']}"], **values)
        buttons = [self.button(kind), self.button("change"), self.button("stop")]
        self.ask("confirm", buttons, lead, summary=summary, ask=SAY[f"ask_{kind}"])

    # ---- looking up, moving, cancelling

    def _sure(self, lead: str = "") -> None:
        booking = self.state["booking"]
        late = self._fill(SAY["late"]) + "\n" if booking.get("late") else ""
        self.ask("sure", [self.button("cancel"), self.button("keep")], lead, booking=_line(booking), late=late)

    def _hear_sure(self) -> bool:
        booking = self.state["booking"]
        cancels = re.match(r"^\W*(?:yes,? )?(?:please )?cancel(?: it| this| that| the appointment)?\W*(?:please)?\W*$", self.text, re.I)
        if booking_words.YES.match(self.text) or cancels or (self.intents == ["affirm"] and not self._tells_more()):
            self.do("cancel", reference=booking["reference"])
            return True
        if booking_words.NO.match(self.text) or re.search(r"\bkeep\b", self.text, re.I) or self.intents == ["deny"]:
            self.say("kept", slot=booking["spoken"])
            self.finish()
            return True
        return False

    def _hear_which(self) -> bool:
        bookings = self.state["bookings"]
        chosen = offers.pick(self.text, self.state["menu"])
        if chosen is None:
            reference = read_reference(self.text)
            hits = [n for n, b in enumerate(bookings) if b["reference"] == reference]
            if not hits:
                found = self._wish()
                if isinstance(found, Wish) and not found.free:
                    starts = [offers.start_of(b).replace(tzinfo=None) for b in bookings]
                    hits = [n for n, start in enumerate(starts) if found.matches(start)]
                    if not hits and not re.search(r"\d", self.text):  # "the friday one" is any Friday among them
                        days = {a.weekday() for o in found.options for a, b in o.dates if a == b}
                        hits = [n for n, start in enumerate(starts) if start.weekday() in days]
            chosen = hits[0] if len(hits) == 1 else None
        if chosen is None or chosen >= len(bookings):
            return False
        self._with(bookings[chosen])
        return True

    def _hear_reference(self) -> bool:
        reference = read_reference(self.text)
        if not reference:
            return False
        self.state["reference"] = reference
        proof = self._proof()
        if proof:
            self.do("find", reference=reference, proof=proof)
        else:
            self._put("proof")
        return True

    def _proof(self) -> str:
        email = contact.read_email(self.text)
        phone = contact.read_phone(self.text, self.region)
        return email or (phone.written if phone else "")

    def _hear_proof(self) -> bool:
        proof = self._proof()
        if not proof:
            return False
        self.do("find", reference=self.state["reference"], proof=proof)
        return True

    def _found(self, effect: Effect, result: Result) -> None:
        state = self.state
        if result["kind"] == "too_many":
            until = dt.datetime.fromisoformat(result["until"]).astimezone(self.now.tzinfo)
            self.say("too_many", [self.button("call_me")], until=f"{until:%H:%M}")
            self.finish()
            return
        bookings = [dict(b) for b in result["bookings"]]
        current = [b for b in bookings if b["status"] == "confirmed" and offers.start_of(b) > self.now]
        if effect.data.get("proof") and not bookings:
            state["misses"] += 1
            if state["misses"] >= MOST_FAILS:
                self.say("not_found_again", [self.button("call_me"), self.button("stop")])
                state.update(asked="reference", reference="")
                return
            state["reference"] = ""
            self.ask("reference", [], self._fill(SAY["not_found"]))
            return
        if not current:
            cancelled = [b for b in bookings if b["status"] == "cancelled"]
            if cancelled and state["task"] in ("cancel", "check", "move"):
                self.say("already_cancelled", slot=cancelled[0]["spoken"])
                self.finish()
            elif bookings:
                self.say("over")
                self.finish()
            elif effect.data.get("reference"):
                self._put("proof")
            else:
                self.ask("reference", [], self._fill(SAY["no_booking_here"]))
            return
        if state["task"] == "check":
            self._tell(current)
        elif len(current) == 1:
            self._with(current[0])
        else:
            state["bookings"] = current
            wish = self._wish() if self.text else None
            self.ask("which", [(_short(b), b["spoken"]) for b in current[: offers.MOST]], bookings=_lines(current), lead="")
            if isinstance(wish, Wish):
                state["wish"] = None

    def _tell(self, bookings: List[Dict[str, Any]]) -> None:
        buttons = [self.button("move_it"), self.button("cancel_it")]
        name = "found_one" if len(bookings) == 1 else "found_many"
        self.say(name, booking=_line(bookings[0]), bookings=_lines(bookings))
        self.messages[-1].text += "\n" + SAY["change_hint"]
        self.messages[-1].buttons = buttons
        self.finish()

    def _with(self, booking: Dict[str, Any]) -> None:
        """An appointment is chosen: move or cancel it."""
        self.state.update(booking=booking, reference=booking["reference"])
        if self.state["task"] == "cancel":
            self._put("sure")
            return
        if self.state["task"] == "check":
            self._tell([booking])
            return
        self.text = self.text or next(iter(self.state["words"]), "")
        found = self._wish() if self.state["words"] else None
        if isinstance(found, Wish) and not self.state["wish"] and not _names(found, booking):
            self.state["wish"] = found.to_json()
        self._look()

    # ---- results of effects

    def resume(self, effect: Effect, result: Result) -> Step:
        kind = str(result["kind"])
        if kind == "down":
            self._down(effect)
        elif effect.name == "slots":
            self._offer(result)
        elif effect.name == "find":
            self._found(effect, result)
        elif effect.name == "consent":
            self._next()
        elif kind == "held":
            self._next(self._fill(SAY["held"], slot=offers.spoken(effect.data["slot"]), practitioner=effect.data["slot"]["practitioner"]))
        elif kind == "taken":
            self._taken(effect, result)
        elif kind == "elsewhere":
            self.messages.append(Message(self._fill(SAY["elsewhere"], url=result["url"]), [], {"type": "booking", "link": result["url"]}))
            self.finish()
        elif kind == "gone":
            self.state["booking"] = None
            self.ask("reference", [], self._fill(SAY["gone"]))
        elif kind == "fixed":
            if result["status"] == "cancelled" and self.state["booking"]:
                self.say("already_cancelled", slot=self.state["booking"]["spoken"])
            else:
                self.say("over")
            self.finish()
        elif kind == "raised":
            if not result["known"]:
                self.say("told_team", reference=result["shown"])
        elif kind == "added":
            self._noted()
        elif kind == "forgotten":
            self.say("minor")
            self.messages[-1].data["forget"] = ["screening"]
        elif kind == "erased":
            self.say("erased_more" if result["left"] else "erased", reference=result["shown"], due=day_text(dt.date.fromisoformat(result["due"])))
            self.messages[-1].data["forget"] = []
            self.finish(keep=False)
        elif kind == "requested" and self.state["task"] in FOR_EVERYBODY:
            self._taken_up(effect, result)
        elif kind == "requested":
            self._requested(result)
        elif kind == "cancelled":
            mail = SAY["mail_sent"] if result["booking"]["mail"] else ""
            self.say("cancelled" if result["booking"]["changed"] else "already_cancelled", slot=result["booking"]["spoken"], mail=mail)
            self._calendar(result["booking"])
            self.finish()
        else:
            self._booked(result["booking"])
        return self.out()

    def _down(self, effect: Effect) -> None:
        """The records cannot be reached: nothing is lost, and the same key is used when it is tried again."""
        if effect.name == "handoff":
            return  # the phone number has been given, and the question that is open stays
        if effect.name == "forget":
            self.say("minor")
            self.messages[-1].data["forget"] = ["screening"]
            return
        self.state["pending"] = {"name": effect.name, "data": effect.data}
        unsure = effect.name in ("book", "move", "cancel", "request", "add", "erase")
        self.ask("retry", [self.button("again"), self.button("stop")], self._fill(SAY["no_records_unsure" if unsure else "no_records"]))

    def _taken_up(self, effect: Effect, result: Result) -> None:
        """A complaint or an erasure has a reference and a due day."""
        due = day_text(dt.date.fromisoformat(result["due"]))
        self.say(f"{self.state['task']}_done", reference=result["shown"], due=due)
        if self.state["task"] == "erasure":
            self.finish()
            return
        self.state.update(reference=result["reference"], half=result["shown"])
        if len(str(effect.data["details"].get("words") or "").split()) < ENOUGH_SAID and "what" not in self.state["skipped"]:
            self._put("what")
        else:
            self._noted()

    def _taken(self, effect: Effect, result: Result) -> None:
        gone = offers.spoken(effect.data["slot"])
        self.state.update(slot=None, page=0)
        others = list(result["alternatives"])
        if not others:
            self.say("slot_gone_none", [self.button("other_day"), self.button("call_me")], slot=gone)
            self.state.update(asked="day", menu=[list(self.button("other_day"))], shown=[])
            return
        found = offers.offer(others, Wish(asap=True))
        buttons = [*found.buttons, self.button("other_day")]
        self.state.update(asked="slot", fails=0, shown=[dict(s) for s in found.slots], menu=[list(b) for b in buttons])
        self.say("slot_gone", buttons, slot=gone)

    def _requested(self, result: Result) -> None:
        due = day_text(dt.date.fromisoformat(result["due"]))
        task, slot = self.state["task"], self.state["slot"]
        if task == "callback":
            self.say("callback_done", due=due, reference=result["shown"])
        else:
            name = "move_requested" if task == "move" else "requested_down" if result.get("why") == "diary_down" else "requested"
            self.say(name, slot=offers.spoken(slot), due=due, reference=result["shown"])
        self.finish()

    def _booked(self, booking: Mapping[str, Any]) -> None:
        mail = SAY["mail_sent"] if booking["mail"] else ""
        if self.state["task"] == "move":
            self.say(
                "moved" if booking["changed"] else "same_time",
                slot=booking["spoken"],
                practitioner=booking["practitioner"],
                reference=booking["shown"],
                mail=mail,
            )
        else:
            bring = self._fill(SAY["bring"]) if self.facts["bring"] else ""
            self.say(
                "booked", slot=booking["spoken"], practitioner=booking["practitioner"], reference=booking["shown"], mail=mail or SAY["no_mail"], bring=bring
            )
        self._calendar(booking)
        if self.state["task"] == "book":
            last = self.messages[-1]
            offered = ["ask_preparation", "ask_location"]
            if not self.state["screening"]:
                last.text = f"{last.text}\n{SAY['screening_offer']}"
                offered = ["start_screening", *offered]
            last.buttons = answers.buttons(offered, self.knowledge)
            self.memory.offered = offered[:1]
        self.finish()

    def _calendar(self, booking: Mapping[str, Any]) -> None:
        if booking.get("calendar"):
            name = f"appointment-{booking['shown']}.ics"
            facts = (("when", "spoken"), ("with", "practitioner"), ("reference", "shown"))
            rows = [{"label": CARD[label], "value": booking[key]} for label, key in facts if booking.get(key)]
            self.messages.append(
                Message(SAY["calendar"], [], {"type": "calendar", "filename": name, "ics": booking["calendar"], "title": SAY["card"], "rows": rows})
            )


def _renamed(text: str) -> Optional[str]:
    """ "change the name to Ada", "it should be Siobhán"."""
    match = re.search(r"\bname\b.{0,20}?\b(?:to|is|be|should be)\s+([^\d,.;:!?\n@]{1,60})$|\bspelled?t?\s+([^\d,.;:!?\n@]{1,60})$", text.strip(" .!"), re.I)
    found = (match[1] or match[2]) if match else None
    if not found and (again := re.search(r"\bname\b[\s,.;-]+(?:it'?s|it is|i'?m|im|i am)\s+([^\d,.;:!?\n@]{1,60})$", text.strip(" .!"), re.I)):
        found = again[1]
    return contact.read_name(found) if found and not re.fullmatch(r"(?:wrong|not right|incorrect|a typo|changed?|mistake)", found.strip(), re.I) else None


def _names(wish: Wish, booking: Mapping[str, Any]) -> bool:
    """Whether the time in "move my Thursday appointment" is the one it has, not the one it shall have."""
    return wish.matches(offers.start_of(booking).replace(tzinfo=None))


def _line(booking: Mapping[str, Any]) -> str:
    return f"{booking['spoken']} with {booking['practitioner']}, reference {booking['shown']}"


def _lines(bookings: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(f"- {_line(b)}" for b in bookings)


def _short(booking: Mapping[str, Any]) -> str:
    start = offers.start_of(booking)
    return f"{offers.short(start.date())}, {start:%H:%M}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


def booking_json(booking: Any) -> Dict[str, Any]:
    """A `Booking` of the records as a plain dictionary that survives JSON."""
    return {k: v.isoformat() if isinstance(v, dt.datetime) else v for k, v in asdict(booking).items()}
