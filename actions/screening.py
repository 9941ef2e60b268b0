"""The suitability check: a pure state machine that asks, understands, corrects and sums up. No Rasa in it and nothing is stored by it.

`step(state, parse, memory, knowledge, now)` takes one message and gives the new state, what is said, and what has to be done about it. The state
is one plain dictionary (the slot `screening`); the sentences are in data/screening.yml, the rules in data/contraindications.yml.
"""

import datetime as dt
import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from actions import conversation, mentions, output_guard, suitability
from actions.answers import COURTESY, SAFETY, Message, Turn, buttons, source_rows
from actions.memory import Memory
from actions.suitability import Fact
from knowledge import parsed
from knowledge.contraindications import Row
from knowledge.facts import fill
from knowledge.library import Knowledge

SLOT = "screening"
PURPOSE = "screening"  # the name under which consent is recorded

ORDER = ("consent", "adult", "birth", "area", "marks", "skin", "conditions", "medicines", "allergies", "scars", "recent")
SINGLE = ("area", "marks", "skin")  # about the marks and the skin, not health: nothing follows from leaving them out
LISTS = ("conditions", "medicines", "allergies", "recent")
HEALTH_QUESTIONS = ("birth", "conditions", "medicines", "allergies", "scars", "recent")
NEEDED = ("consent", "adult")
OF_THE_ILLNESS = ("controlled", "own")  # details that do not depend on which word named it
FRESH = dt.timedelta(hours=1)  # a pause shorter than this needs no "shall we go on?"
MOST_REASONS = 4

# Intents whose statements answer a question of the check ("im on warfarin" is classified as a question about medicines).
ABOUT_ONESELF = {
    *("ask_suitability", "ask_contraindications", "ask_mark_age", "ask_skin_tone", "ask_pregnancy", "ask_breastfeeding", "ask_after_birth", "ask_keloid"),
    *("ask_isotretinoin", "ask_medication", "ask_skin_condition", "ask_medical_condition", "ask_allergy", "ask_age_limit", "ask_weight_change"),
    *("ask_recent_treatment", "ask_body_area", "ask_other_concern", "ask_skincare", "ask_sun", "ask_makeup_tan", "ask_hair_removal", "ask_painkillers"),
}
# Said in the middle of the check, these have their own actions: the form steps aside for them and is offered again.
DESK = ("request_human", "make_complaint", "delete_my_data", "book_consultation", "reschedule_booking", "cancel_booking", "check_booking")
_ABOUT_MARKS = ("ask_what_are_stretch_marks", "ask_mark_age", "ask_natural_fading", "ask_causes", "ask_body_area", "ask_skin_tone")
_NOT_FOR_MINORS = ("book_consultation", "start_screening", "ask_waiting_time")
ALARMS = ("report_emergency", "express_crisis", "report_urgent_symptom")
ALARM_LEVELS = ("emergency", "urgent", "crisis")

_TAKES_BACK = re.compile(
    r"^\W*(?:(?:oh|no|hmm+|um+|wait|but|and|sorry|ok)\W+)*(?:actually|wait|sorry|i mean|i meant|hang on|hold on|scratch that|correction|no|never ?mind|nvm|forget that|ignore that|thinking about it)\b"
)
_NO_AND_ASKS = re.compile(r"^\W*(?:no|none|nope|nah|nothing|neither)(?: of (?:that|those|these|them))?\s*[,.;!]+\s*(?!wait|sorry|actually)\w")
_BARE_NO = re.compile(
    r"(?:^|[.,;!]\s*)\W*(?:no|nope|nah|none|nothing(?: like that)?|neither|not)\W*(?:$|[,.;!]|(?:and|but|i|im|none|nothing|never|not|really)\b)"
)
_OF_THE_PLACE = re.compile(r"\b(?:marks?|area|where|place|treat\w*|also|and|not|actually|instead|meant|mean|add|only|just|should)\b")
_STRIKES = re.compile(
    r"^\W*(?:(?:please|can you|could you|actually|and|no|oh|sorry|ok|wait)\W+)*(?:remove|delete|take (?:out|off|away|back)|scrap|forget|ignore|cross out|strike|drop|leave out)\b(?!.*\b(?:removal|instead)\b)"
)
_RETRACTS = re.compile(
    r"^\W*(?:(?:oh|no|hmm+|um+|wait|but|and|sorry|ok|actually|hang on|hold on|omg|lol|oops|my bad)\W+)+(?:no\W+)?(?:i'?m not|i am not|i don'?t|i do not|i haven'?t|that was|i was (?:only )?(?:joking|kidding)|"
    r"only joking|just (?:joking|kidding)|(?:i )?(?:pressed|hit|clicked|tapped|picked) the wrong|scratch that|ignore that|wrong (?:button|one|answer)|that'?s wrong|it'?s not)\b"
)
_INTERROGATIVE = re.compile(
    r"\?\s*$|^\W*(?:(?:and|but|so|also|btw|ok|okay|hang on|wait|sorry|just|yes|no|quick question|forget (?:that|it)|never ?mind(?: that)?|nvm|"
    r"actually|hey|oh|before that|first|one thing)\W+)*"
    r"(?:how|what|when|where|why|who|which|can|could|do (?:you|u|they|i|we|ppl|people)|does|did you|is (?:it|this|that|there|the)|are (?:you|"
    r"there|they)|will|would|should|may i|whats|wats|hows)\b"
)
_YES = re.compile(
    r"^\W*(?:oh |well |um+ |hmm+ |erm )*(?:y|yes|yeah|yea|yep|yup|ya|aye|sure|ok|okay|k|of course|absolutely|definitely|correct|right|"
    r"that'?s (?:right|correct|fine|ok|okay|all right)|that is right"
    r"|i am|i do|i have|i did|it is|true|indeed|go ahead|go on|fine|all good|looks? (?:good|right|fine)|sounds good|i agree|agreed|i consent|"
    r"happy to|i think so|think so|i guess(?: so)?|i suppose(?: so)?|probably"
    r"|abeg yes|please do|lets go|let'?s (?:go|do it|start)|perfect|all correct|👍|👌)(?:\b|$|\W)"
)
_NO = re.compile(
    r"^\W*(?:oh |well |um+ |hmm+ |erm )*(?:n|no|nope|nah|na|none|never|nothing|negative|nil|zero|neither|n/?a|👎|not (?:really|at all|me|any|"
    r"that i (?:know|am aware|can think)|to my knowledge|as far as|applicable)"
    r"|i'?m not\b(?! sure)|i am not\b(?! sure)|im not\b(?! sure)|i don'?t(?! know| remember)|i do not(?! know| remember)|dont (?:have|think|"
    r"take|use)|do not have|i haven'?t|i have not|haven'?t|have not|don'?t think so"
    r"|i have none|i have nothing|i have no|doesn'?t apply|does not apply|not applicable|all clear|all good|nothing like that|without any)(?:\b|$|\W)"
)
_UNSURE = re.compile(
    r"\b(?:not (?:really |too |quite |100% )?sure|unsure|no idea|no clue|idk|(?:i )?don'?t (?:really )?know|i do not know|dunno|might be|"
    r"may be|maybe|possibly|could be|can'?t remember|cannot remember"
    r"|don'?t remember|forgot(?:ten)?|hard to say|not certain|who knows)\b"
)
# "no. well actually i might be": what comes after a second thought counts.
_SECOND_THOUGHT = re.compile(
    r"(?<=\S)[\s,.;!-]+(?:no |oh |but )?\b(?:actually|wait|hang on|hold on|scratch that|i mean|i meant|or rather|well|sorry|though|come to think of it|"
    r"thinking about it)\b"
)
_MEN = re.compile(r"\b(?:i'?m|i am|im|as) (?:a |an )?(?:\w+ )?(?:man|guy|bloke|male|dude|lad)\b|^\W*(?:male|man)\W*$")
_SKIP = re.compile(r"^\W*(?:skip|pass|next(?: question)?|rather not|prefer not|i'?d rather not|leave (?:it|that|this) out)\b")
_BACK = re.compile(r"^\W*(?:go back|back|previous|undo|one back|step back|i made a mistake)\W*$")
_STOP = re.compile(
    r"^\W*(?:stop|cancel|quit|exit|end|forget (?:it|this)|never ?mind|enough|i want to stop|stop (?:it|this|asking|please|the \w+))\W*(?:please)?\W*$"
)
# Somebody who finds the check long: no wish to end it yet.
_HOW_MANY = re.compile(
    r"\b(?:too|so|how) many (?:more )?questions\b|\bhow many (?:more|left|are left|are there|to go)\W*$|\b(?:a(?:n awful)? lot|lots|loads|a million|hundreds) of questions\b|\bhow much longer\b"
    r"|\b(?:is|will) (?:this|it|the check) (?:going to |gonna )?(?:take|be) (?:much |very |too )?long(?:er)?\b|\b(?:this|it)(?:'?s| is) (?:taking|going on) (?:so long|too long|for ?ever|(?:for )?ages)\b"
    r"|\bthis is (?:way )?too long\b|\b(?:are|r) we (?:nearly |almost )?(?:done|there|finished)\b"
)
_WHY = re.compile(r"^\W*(?:but |and |ok but )?why\b(?!.{60})")
# Why in other words: somebody who does not like to be asked.
_MUST_I = re.compile(
    r"^\W*(?:but |and |um+ |erm |sorry |wait |hang on |ok but )*(?:do i (?:really |actually )?(?:have|need) to(?: (?:say|answer|tell|do)\b.{0,25})?|must i(?: .{0,20})?|is (?:this|that|it) (?:really |actually )?"
    r"(?:necessary|needed|relevant|important)|what'?s (?:that|this|it) (?:got )?to do with\b.{0,25}|what (?:has|does) (?:that|this|it) (?:got |have )?to do with\b.{0,25}|are (?:you|u) (?:even )?allowed to ask\b.{0,20}"
    r"|what (?:do|would) (?:you|u) need (?:that|this|it|to know(?: that| this)?) for|how is (?:that|this|it) relevant|(?:that'?s|thats|that is|this is|its|it'?s)(?: a (?:bit|little)| quite| very| rather| pretty| so| too)? "
    r"(?:personal|private|nosy|intrusive|rude)\b.{0,20}|(?:that'?s |thats )?none of (?:your|ur) business|mind (?:your|ur) own(?: business)?)\W*$"
)
_REPEAT = re.compile(r"^\W*(?:repeat|again|say (?:it|that) again|what was the question|pardon|come again|what)\W*\??$")
_PUZZLED = re.compile(
    r"^\W*(?:what do (?:you|u) mean(?: by .{1,40})?|what does (?:that|this|it) (?:even )?mean|what'?s (?:that|this) mean|i (?:don'?t|do not|"
    r"didn'?t) (?:get|understand|follow)\b.{0,30}|huh|eh|meaning|explain(?: .{1,30})?"
    r"|can you explain\b.{0,30}|such as|like what|for example|e\.?g\.?|\?+)\W*$"
)
_ALREADY = re.compile(
    r"\b(?:already|just|literally) (?:asked|told|said|answered|wrote|gave|mentioned)\b|\b(?:asked|told|answered)\b.{0,12}\b(?:already|before|"
    r"twice|that)\b|^\W*i(?:'?ve)? (?:told|said|answered)\b|\bi told (?:you|u)\b"
)
_BYE = re.compile(
    r"^\W*(?:(?:ok|okay|well|thanks?|thank you|thx|cheers|ta|so|right|sorry|gotta go|got to go|have to go)\W+)*(?:bye+|goodbye|good ?bye|"
    r"bye bye|see (?:you|ya)|c ?ya|later|talk later|ttyl|i'?ll (?:come back|do (?:it|this) later|finish (?:it |this )?later)"
    r"|(?:i )?(?:have|got|need) to go|gotta go|brb|good ?night|night)\b.{0,25}$"
)
_LATER = re.compile(
    r"\b(?:do|finish|continue|carry on with|come back to|complete|resume) (?:(?:this|it|that|the (?:check|rest|questions)) )?(?:some ?)?(?:later|another (?:time|day)|tomorrow|tonight|after work)\b"
)
_THANKS = re.compile(r"^\W*(?:ok(?:ay)? |great |lovely |oh )?(?:thanks?|thank you|thx|ty|cheers|ta|tysm)(?: (?:you|so much|a lot|very much|love|x+))*\W*$")
_GREETS = re.compile(
    r"^\W*(?:hi+|hiya|hello+|hey+|good (?:morning|afternoon|evening)|anyone (?:there|here)|are you (?:still )?there)(?: (?:again|there|hi|hello))*\W*$"
)
_NODS = re.compile(r"^\W*(?:(?:ok|okay|k|right|alright|fine|sure|cool|good|great|hmm+|i see|go on|continue|carry on|next|ready|👍)\W*){1,3}$")
# "no medicines either": said of a question that is not the open one, it answers that one too.
_NONE_OF = {
    "medicines": re.compile(
        r"\b(?:no|not (?:on|taking|using) any|(?:don'?t|do not) (?:take|use) any|without|nor any|zero)(?: other| regular|"
        r" current)? (?:medicines?|medications?|meds|tablets|pills|drugs)\b|\b(?:not on|don'?t take|not taking) anything\b"
    ),
    "allergies": re.compile(r"\bno(?: known| other)? allerg(?:y|ies)\b|\bnot allergic(?: to anything)?\b(?! to \w)|\bno allergic\b"),
    "conditions": re.compile(
        r"\bno(?: other| known)? (?:health|medical|skin)(?: or (?:health|medical|skin))? (?:conditions?|problems?|issues?)\b|\b(?:otherwise|"
        r"perfectly|completely|totally) healthy\b|\bno (?:conditions|illness(?:es)?|health issues)\b"
    ),
    "scars": re.compile(r"\bno keloids?\b|\b(?:don'?t|do not|never) (?:get|scar|have) (?:keloids?|badly|thick scars|raised scars)\b"),
    "birth": re.compile(
        r"\bnot pregnant (?:or|nor|and not|and no) (?:breast ?)?feeding\b|\bnot (?:breast ?)?feeding (?:or|nor|and not) pregnant\b|"
        r"\bnever (?:been pregnant|had (?:a baby|kids|children))\b"
    ),
}
_RESTART = re.compile(r"^\W*(?:start (?:over|again|from the beginning)|restart|begin again)\W*$")
_CARRY_ON = re.compile(
    r"\b(?:let'?s |can we |we can |i want to |i'?d like to |please |ready to |happy to )(?:please )?(?:go on|continue|carry on|resume|keep going|pick up where)\b"
    r"|(?<!don't )(?<!dont )(?<!not )(?<!cant )(?<!can't )(?<!not to )\b(?:carry on|continue|go on|keep going)(?: (?:please|then|now|with (?:it|the check)))*\W*$"
)
_GO_ON = re.compile(r"^\W*(?:(?:yes|ok|okay|sure|please)\W*)?(?:go on|continue|carry on|resume|let'?s (?:go on|continue)|keep going)\b")
# "none of these" answers the question that waits; it is no "no" to going on.
_TO_THE_QUESTION = re.compile(r"^\W*(?:none|nothing|neither|never)\b")
_CHANGE = re.compile(
    r"^\W*(?:change|edit|correct|wrong|not right|something(?:'s| is) wrong|that'?s (?:wrong|not right)|that is (?:wrong|not right)|"
    r"i want to change|let me change|fix)\b"
)
# To "tell me if anything is wrong or missing": nothing is.
_ALL_THERE = re.compile(
    r"^\W*(?:(?:no|nope|nah|yes|yep|yeah|ok|okay)\W+)*(?:nothing(?: else| more| (?:is )?(?:wrong|missing|to (?:add|change)))*|(?:that'?s|thats|that is|it'?s|its|it is|all|everything(?:'s| is)?) "
    r"(?:all|it|everything|right|correct|fine|good|ok|okay|there)(?: now)?|done|send it|submit|all (?:good|right|correct|fine)|nothing (?:wrong|missing))\W*(?:thanks?|thank you|ta)?\W*$"
)
_OBSESSED = re.compile(
    r"\b(?:obsess\w*|rul(?:e|es|ing|ed) my life|ruin(?:s|ed|ing)? my life|tak(?:e|es|en|ing) over my life|all i (?:can )?think (?:of|about)|"
    r"think (?:of|about) (?:it|them) (?:all day|constantly|every minute|24/7)"
    r"|can'?t stop (?:looking|checking|thinking)|check(?:ing)? (?:them )?(?:in the mirror )?(?:all day|constantly|every)|"
    r"can'?t leave the house|don'?t leave the house|won'?t leave the house"
    r"|never let anyone see|disgusting|hideous|deformed|monster|can'?t live with (?:them|it))\b"
)
_OTHERS_SAID = re.compile(
    r"\b(?:he|she|they|people|someone|somebody|everyone|boyfriend|girlfriend|husband|wife|partner|ex|mum|mom|friends?|kids?|bf|"
    r"gf)\b.{0,25}\b(?:said|says|say|called|calls|told|thinks?|laughed)\b"
)
# Names of drugs and illnesses nobody listed still sound like it.
_SOUNDS_MEDICAL = {
    "medicines": re.compile(
        r"\b\w{3,}(?:virals?|mab|nib|statins?|pril|olol|sartan|azole|cillin|mycin|triptan|gliptin|oxetine|alopram|dipine|azepam|profen|caine|biotics?|steroids?|depressants?|histamines?|vaccines?)\b"
    ),
    "conditions": re.compile(r"\b\w{2,}(?:itis|osis|a?emia|oma|pathy|algia|plasia|trophy)\b|\b\w+(?:'s)? (?:syndrome|disease|disorder|deficiency)\b"),
}
_ABOUT_OTHERS = re.compile(
    r"^\W*(?:(?:no|well|but|only|just|and|so|erm|um+)\W+)*(?:(?:she|he|they)\b|(?:my|his|her|our)\s+(?:\w+\s+)?"
    r"(?:mum|mom|mam|mother|dad|father|sister|brother|parents?|gran\w*|nan\w*|aunt\w*|uncle|son|daughter|husband|wife|partner|boyfriend|girlfriend|friend|cousin|niece|mate|flatmate|ex)(?:'?s)?\b)"
)
# "warfarin is what my mum takes, i take nothing"
_NOTHING_OF_MINE = re.compile(
    r"\b(?:i (?:take|use|have|had|get|got)|i'?m on|i am on|i'?ve (?:had|got)) (?:absolutely |just )?(?:nothing|none|no such thing)\b|\b(?:nothing|none) (?:for|with|from) me\b|\bnot me\b|"
    r"\bi (?:don'?t|do not|haven'?t|never)(?: (?:have|take|get|use|had|got))?(?: (?:it|any|anything|that|them|one|those|any of (?:it|them|those|these)))?\W*$"
)
_ABOUT_ME = re.compile(r"\b(?:i|i'm|im|i've|ive|me|mine|myself)\b|\bmy (?:own|skin|marks?|tummy|legs?|body)\b")
# Said at the question about skin, these single words mean a tone; anywhere else they would mean the marks or a room.
_TONES = (
    ("VI", re.compile(r"\b(?:dark brown|very dark|deep(?:est)?|black)\b")),
    ("V", re.compile(r"\b(?:brown|dark|south asian|indian)\b")),
    ("IV", re.compile(r"\b(?:light brown|olive|tan(?:ned)?|caramel|mixed|asian|latin\w*|arab\w*)\b")),
    ("III", re.compile(r"\b(?:medium|beige|average|normal)\b")),
    ("II", re.compile(r"\b(?:fair|light|white|pale|pink(?:ish)?|caucasian)\b")),
)
_MEANT_AGE = re.compile(
    r"\b(?:meant|mean|typo|mistyped|wrong|should be|should say|actually)\W+(?:it'?s |i'?m |to say |to type |to put |is )?(\d{2})\b(?!\s*(?:weeks?|"
    r"months?|days?|%))"
)
_NEVER_BURNS = re.compile(r"\b(?:never (?:really |ever )?(?:burn|get (?:sun)?burnt)|(?:don'?t|dont|do not) burn)\b")
_TANS = re.compile(r"(?<!never )(?<!not )(?<!don't )(?<!dont )\b(?:tan|tans|go brown|goes brown|turn brown|brown easily)\b")
_LIGHT_BROWN = re.compile(r"\blight(?:er)? brown\b")
_TYPE = re.compile(r"\b(?:type|fitz\w*|number)?\s*(?P<type>iii|iv|vi|ii|i|v|[1-6])\b")
_ROMAN = {"i": "I", "ii": "II", "iii": "III", "iv": "IV", "v": "V", "vi": "VI"}
_PARTS = (
    ("adult", r"\bage\b|how old"),
    ("birth", r"pregnan|birth|breast ?feed|nursing"),
    ("area", r"\barea\b|\bwhere\b|\bplace\b|body part"),
    ("marks", r"colou?r|\bmarks?\b|how long"),
    ("skin", r"skin tone|\btone\b|complexion|my skin\b"),
    ("medicines", r"medicin|medication|\bmeds\b|tablet|drug|cream"),
    ("allergies", r"allerg"),
    ("scars", r"scar|keloid"),
    ("conditions", r"condition|health|illness|disease"),
    ("recent", r"recent|treatment|\bsun\b|surgery"),
)


@dataclass
class State:
    """Where the check stands. `stage`: asking, paused, done or closed (a minor). `asked`: the question that is open.

    `given`: question → "told", "none", "unsure", "skipped" or "known"; `facts`: health facts as dictionaries; `about`: what describes the marks.
    """

    stage: str = "asking"
    asked: str = ""
    follow: str = ""  # "label|value|detail" of the fact that is asked about
    given: Dict[str, str] = field(default_factory=dict)
    facts: List[Dict[str, Any]] = field(default_factory=list)
    about: Dict[str, List[str]] = field(default_factory=dict)
    path: List[str] = field(default_factory=list)
    followed: List[str] = field(default_factory=list)
    denied: List[str] = field(default_factory=list)  # what was said not to be so of a question that asks for several things
    failures: int = 0
    distress: int = 0
    consent: str = ""  # version of the text agreed to
    recorded: bool = False  # whether the agreement has been handed to the records
    began: str = ""
    touched: str = ""
    offered: bool = False  # going on was offered after a pause
    summed_up: bool = False
    outcome: str = ""
    earliest: str = ""
    reference: str = ""
    result: Dict[str, Any] = field(default_factory=dict)  # kept only until it is stored

    @classmethod
    def from_slot(cls, value: Any) -> Optional["State"]:
        """Read the slot; anything unexpected counts as no check begun."""
        if not isinstance(value, Mapping) or value.get("stage") not in ("asking", "paused", "done", "closed"):
            return None
        state = cls()
        for name, default in asdict(cls()).items():
            if isinstance(value.get(name), type(default)):
                setattr(state, name, value[name])
        if state.asked == "follow" and state.follow.count("|") != 2:
            state.asked = ""
        state.given = {str(k): str(v) for k, v in state.given.items()}
        state.facts = [f.to_json() for f in map(Fact.from_json, state.facts) if f is not None]
        state.about = {str(k): [str(v) for v in values] for k, values in state.about.items() if isinstance(values, list)}
        return state

    def to_slot(self) -> Dict[str, Any]:
        return asdict(self)

    @property
    def known(self) -> List[Fact]:
        return [fact for fact in map(Fact.from_json, self.facts) if fact is not None]

    def tell(self, facts: Sequence[Fact]) -> None:
        """Add facts; of one thing told twice the newer details win."""
        self.facts = [fact.to_json() for fact in mentions.merge(self.known, facts)]

    def forget(self, keep: Callable[[Fact], bool]) -> None:
        self.facts = [fact.to_json() for fact in self.known if keep(fact)]


@dataclass
class Effect:
    """Something to do outside: "save_consent", "save_screening", "withdraw_consent" or "forget" (wipe what the conversation knows)."""

    name: str
    data: Dict[str, Any] = field(default_factory=dict)


@dataclass
class Step:
    """What a message leads to. `state` None: nothing is kept. `done`: the form ends. `elsewhere`: not ours, the form steps aside."""

    state: Optional[State]
    messages: List[Message] = field(default_factory=list)
    done: bool = False
    effects: List[Effect] = field(default_factory=list)
    elsewhere: bool = False


def step(state: Optional[State], parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge, now: dt.datetime) -> Step:
    """One message of the person. `now` is aware; `memory` is what the conversation knows and is updated by side questions."""
    turn = _Turn(state, parse, memory, knowledge, now)
    result = turn.run()
    if result.state is not None:
        result.state.touched = now.isoformat(timespec="seconds")
    return result


def screening_needed(slot: Any) -> bool:
    """Whether a booking should be preceded by the check: not when one has been finished in this conversation, nor for a minor."""
    state = State.from_slot(slot)
    return state is None or state.stage not in ("done", "closed")


def booking_allowed(slot: Any) -> bool:
    """False only for somebody who said they are under age."""
    state = State.from_slot(slot)
    return state is None or state.stage != "closed"


def reference(slot: Any) -> str:
    """The reference of the stored result, or the empty string."""
    state = State.from_slot(slot)
    return state.reference if state is not None else ""


def pause(state: State) -> State:
    """The check after something more urgent came in between."""
    state.stage, state.offered = "paused", False
    return state


def offer(slot: Any, knowledge: Knowledge) -> Optional[Tuple[State, Message]]:
    """After a pause: the offer to go on, once, and the state that remembers it; None when there is nothing to go on with."""
    state = State.from_slot(slot)
    if state is None or state.stage != "paused" or state.offered:
        return None
    state.offered = True
    texts = knowledge.screening
    rows = [(texts["buttons"]["resume"], "/start_screening"), (texts["buttons"]["stop"], texts["buttons"]["stop"])]
    return state, Message(texts["texts"]["paused"], rows, {"type": "screening"})


def agrees(slot: Any, parse: Mapping[str, Any], knowledge: Knowledge, offered: bool = True) -> bool:
    """Whether the message after the offer says: go on, or answers the question that waits. Not `offered` this very time: only in so many words."""
    state = State.from_slot(slot)
    text = " ".join(str(parse.get("text") or "").split()).lower()
    if state is None or state.stage != "paused":
        return False
    if (_GO_ON.match(text) or _CARRY_ON.search(text)) and not re.search(r"\b(?:not|no|don'?t|can'?t|won'?t|rather)\b", text):
        return True
    if not state.offered or not offered:
        return False
    if text == knowledge.screening["buttons"]["resume"].lower() or _TO_THE_QUESTION.match(text) or parsed.asked(parse) == ["affirm"]:
        return True
    now = dt.datetime.now(tz=dt.timezone.utc)
    return state.asked in ORDER and "?" not in text and _Turn(state, parse, Memory(), knowledge, now)._answers_the_open()


def declines(slot: Any, parse: Mapping[str, Any], knowledge: Knowledge) -> bool:
    """Whether the message after the offer says no."""
    state = State.from_slot(slot)
    text = " ".join(str(parse.get("text") or "").split()).lower()
    if state is None or state.stage != "paused" or not state.offered:
        return False
    if _TO_THE_QUESTION.match(text):
        return False
    return text == knowledge.screening["buttons"]["stop"].lower() or parsed.asked(parse) in (["deny"], ["stop"])


def forget(slot: Any, knowledge: Knowledge) -> Step:
    """The end of a check that the person does not want to go on with: nothing is kept, and the agreement is taken back."""
    state = State.from_slot(slot)
    effects = [Effect("withdraw_consent", {"purpose": PURPOSE})] if state is not None and state.recorded else []
    return Step(None, [Message(knowledge.screening["texts"]["forgotten"], [], {"type": "screening"})], True, effects)


def of_age_after_all(slot: Any, parse: Mapping[str, Any], knowledge: Knowledge) -> bool:
    """Whether somebody who seemed under age corrects the number."""
    text = str(parse.get("text") or "")
    meant = _MEANT_AGE.search(text.lower())
    age = mentions.age_in(text) if meant is None else int(meant[1])
    return not booking_allowed(slot) and age is not None and age >= int(knowledge.facts()["minimum_age"])


def tells_under_age(parse: Mapping[str, Any], knowledge: Knowledge) -> bool:
    """Whether the person says of themselves that they are under age."""
    place = mentions.Place(suitability.today(knowledge.clinic), str(knowledge.clinic["clinic"]["country"]))
    reading = mentions.read(parse, knowledge.table, place)
    if reading.age is not None:
        return reading.age < int(knowledge.facts()["minimum_age"])
    return any(fact.value == "under_18" for fact in reading.facts)


def as_for_a_minor(turn: Turn, slot: Any, knowledge: Knowledge) -> Turn:
    """What somebody under age is answered: questions, yes; nothing that books or checks."""
    if booking_allowed(slot):
        return turn
    kind = Message(fill(knowledge.screening["texts"]["minor"], knowledge.facts()), [], {"type": "screening"})
    refused = any(i in turn.answered for i in _NOT_FOR_MINORS)
    messages = [kind, *(m for m in turn.messages if m.data.get("intent") not in _NOT_FOR_MINORS)] if refused else list(turn.messages)
    barred = {f"/{intent}" for intent in (*_NOT_FOR_MINORS, "ask_suitability")}  # asked outright it is answered, but nobody is tempted
    messages = [replace(m, buttons=[b for b in m.buttons if b[1] not in barred]) for m in messages]
    answered = [i for i in turn.answered if i not in _NOT_FOR_MINORS] if refused else turn.answered
    return Turn(messages, answered, [i for i in turn.offered if f"/{i}" not in barred], turn.sources)


def carried_over(slot: Any, knowledge: Knowledge, now: dt.datetime) -> Optional[State]:
    """What of the slot outlives a break of hours or days: an unfinished check that was agreed to, for as long as conversations are kept."""
    state = State.from_slot(slot)
    if state is None or state.stage not in ("asking", "paused") or not state.consent:
        return None
    touched = _time(state.touched)
    if touched is None or now - touched > dt.timedelta(days=float(knowledge.clinic["privacy"]["retention_days"])):
        return None
    return pause(state)


def _time(text: str) -> Optional[dt.datetime]:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def is_alarm(parse: Mapping[str, Any]) -> bool:
    """Whether the safety guard, or without one the classifier, sees danger in the message."""
    safety = parse.get("safety")
    if isinstance(safety, Mapping):
        return safety.get("level") in ALARM_LEVELS
    return any(intent in ALARMS for intent in parsed.asked(parse))


class _Turn:
    """One call of `step`."""

    def __init__(self, state: Optional[State], parse: Mapping[str, Any], memory: Memory, knowledge: Knowledge, now: dt.datetime):
        self.parse, self.memory, self.knowledge, self.now = parse, memory, knowledge, now
        self.texts = knowledge.screening["texts"]
        self.questions = knowledge.screening["questions"]
        self.facts = knowledge.facts()
        self.table = knowledge.table
        self.state = state or State()
        self.fresh = state is None or state.stage in ("done", "closed")
        self.text = " ".join(str(parse.get("text") or "").replace("’", "'").split())
        self.lower = self.text.lower()
        self.intents = parsed.asked(parse)
        self.messages: List[Message] = []
        self.effects: List[Effect] = []
        self.today = suitability.today(knowledge.clinic, now)

    def run(self) -> Step:
        pressed = None if self.fresh else self._pressed()
        if pressed is None and is_alarm(self.parse):
            return Step(pause(self.state) if not self.fresh else None, elsewhere=True, done=True)
        if self.fresh:
            return self._begin()
        if self.state.stage == "paused":
            return self._wake()
        if self.state.asked.removeprefix("which:") not in (*ORDER, "resume", "follow", "summary", "change"):
            return self._go_on()
        if pressed is None and self.intents and self.intents[0] in DESK and not (self.state.asked and self._reading().facts):
            return Step(pause(self.state), elsewhere=True, done=True)
        if self.state.asked == "resume":
            return self._resume_or_anew(pressed)
        if pressed is None:
            command = self._command()
            if command is not None:
                return command
        return self._answer(pressed)

    def _begin(self) -> Step:
        if self.state.stage == "done" and self.state.result:  # finished, but not stored yet
            self.effects.append(Effect("save_screening", self.state.result))
            return Step(self.state, self.messages, True, self.effects)
        reading = self._reading()
        if self.state.stage == "closed" and (reading.age is None or reading.age < int(self.facts["minimum_age"])):
            return self._minor()
        consent = self.state.consent
        self.state = State(began=self.now.isoformat(timespec="seconds"), consent=consent, recorded=bool(consent))
        if consent:
            self.state.given["consent"] = "known"
        self._take_known()
        self._take(reading)
        if self._is_minor(reading):
            return self._minor()
        self._side_questions([p for p in self._pieces() if p["intent"] != "start_screening"])
        return self._go_on()

    def _wake(self) -> Step:
        """A message while the check is paused: the form was started again, by button, by request or by agreeing to the offer."""
        touched = _time(self.state.touched)
        recent = touched is not None and self.now - touched < FRESH
        self.state.stage = "asking"
        if recent or self.state.offered:
            offered, self.state.offered = self.state.offered, False
            if offered and self.state.asked in ORDER and self._answers_the_open():
                return self._answer(self._pressed())
            return self._go_on(self.texts["resumed"])
        self.state.asked = "resume"
        return self._ask_to_resume()

    def _answers_the_open(self) -> bool:
        """Whether the message after "shall we go on?" answers the question that waits, instead of saying yes."""
        if self._pressed() is not None:
            return True
        if _GO_ON.match(self.lower) or _CARRY_ON.search(self.lower):
            return False
        if _TO_THE_QUESTION.match(self.lower):
            return self.state.asked in HEALTH_QUESTIONS
        question = self.state.asked
        if question in SINGLE:
            return bool(self._about_in(question))
        reading = self._reading()
        return (question == "adult" and reading.age is not None) or any(self._belongs(f, question) for f in reading.facts)

    def _ask_to_resume(self) -> Step:
        began = _time(self.state.touched) or self.now
        names = self.knowledge.screening["buttons"]
        text = self.texts["resume"].format(date=suitability.spoken_date(suitability.today(self.knowledge.clinic, began)))
        self._say(text, [names["resume"], names["anew"], names["stop"]])
        return Step(self.state, self.messages, False, self.effects)

    def _resume_or_anew(self, pressed: Optional[Any]) -> Step:
        names = self.knowledge.screening["buttons"]
        if (
            self.lower == names["anew"].lower()
            or "restart" in self.intents
            or re.search(r"\b(?:start|begin) (?:again|over|new|afresh)|\bnew\b|from the (?:start|beginning)", self.lower)
        ):
            return self._restart()
        if self.lower == names["stop"].lower() or self._yes_no() == "no" or "stop" in self.intents or "deny" in self.intents:
            return self._stop(self.texts["forgotten"])
        self.state.asked = ""
        if (
            self._yes_no() == "yes"
            or "affirm" in self.intents
            or self.lower == names["resume"].lower()
            or re.search(r"\bgo on|continue|carry on|resume\b", self.lower)
        ):
            return self._go_on(self.texts["resumed"])
        self.state.asked = "resume"
        if self._side_questions(self._pieces()):
            return self._ask_to_resume()
        return self._ask_to_resume()

    def _command(self) -> Optional[Step]:
        """Words about the check itself: stop, back, skip, why, again, from the start."""
        if self.state.asked in ("summary", "change") and (self._names_a_part() or _ALL_THERE.match(self.lower)):
            return None
        if re.fullmatch(r"\W*(?:y|n|yh|ye|k)\W*", self.lower):  # a word that short says yes or no, whatever it was taken for
            return None
        short = len(self.lower.split()) <= 9
        intent = self.intents[0] if len(self.intents) == 1 else ""
        names = {key: title.lower() for key, title in self.knowledge.screening["buttons"].items()}
        if (_BYE.match(self.lower) or (short and _LATER.search(self.lower))) and not self._tells():
            return self._leave()
        of_a_course = re.search(r"\b(?:stopped|finished|came off|quit|ended)\b", self.lower)  # "never mind, i finished it in the summer"
        if (
            _HOW_MANY.search(self.lower)
            and len(self.lower.split()) <= 14
            and not re.search(r"\b(?:stop|quit|forget it|enough|bye)\b", self.lower)
            and not self._tells()
        ):
            return self._ask(self._how_many())
        if self.lower == names["stop"] or _STOP.match(self.lower) or (intent == "stop" and short and not of_a_course and not self._reading().facts):
            return self._stop(self.texts["stopped"])
        if _RESTART.match(self.lower) or (intent == "restart" and short):
            return self._restart()
        if self.lower == names["skip"] or _SKIP.match(self.lower) or (intent == "skip" and short and not self._reading().facts):
            return self._skip()
        if _ALREADY.search(self.lower) and len(self.lower.split()) <= 12 and not self._tells() and self.state.asked not in ("summary", "change"):
            self._take_denied()
            return self._go_on(self.texts["asked_already"]) if self.state.asked in self.state.given else self._ask(self.texts["asked_already"])
        if self.lower.strip(" .!") == "back" and self.state.asked == "area" and self._about_in("area").get("area"):
            return None  # the body's
        dated = mentions.read_ago(self.lower, self.today) is not None  # "wait no it was april"
        if _BACK.match(self.lower) or (intent == "go_back" and short and not dated and not self._tells() and self.state.asked not in ("summary", "change")):
            return self._back()
        if _THANKS.match(self.lower) or _GREETS.match(self.lower):
            return self._ask(self.texts["welcome" if _THANKS.match(self.lower) else "hello_again"])
        if _PUZZLED.match(self.lower) and not re.search(r"\bagain\b|repeat", self.lower):
            return self._explain()
        if _NODS.match(self.lower) and not self._nod_answers():
            return self._ask()
        if _MUST_I.match(self.lower) or intent in ("ask_why", "ask_more") or (_WHY.match(self.lower) and short and intent not in ABOUT_ONESELF):
            self._say(fill(self._question("why") or self.texts["cannot_skip"].format(reason=self.texts["cannot_skip_adult"]), self.facts))
            return self._ask()
        if _REPEAT.match(self.lower) or (intent == "repeat" and short):
            return self._ask(self.texts["again"])
        return None

    def _how_many(self) -> str:
        """How much of the check is left, and that nobody has to answer everything at once."""
        left = sum(q not in self.state.given and q != self.state.asked and not (q != "consent" and self._is_known(q)) for q in ORDER)
        if self.state.asked in ("summary", "change") or not left:
            return str(self.texts["none_left"])
        count = self.texts["one_left" if left == 1 else "many_left"].format(count=left)
        return str(count + " " + self.texts["may_wait"]) if self.state.consent else str(count)

    def _nod_answers(self) -> bool:
        """Whether "ok" or "fine" is an answer here: agreement is asked for, or a yes or no."""
        return self.state.asked in ("consent", "summary", "change", "resume", "adult", "scars", "birth") or (
            self.state.asked in HEALTH_QUESTIONS and bool(re.match(r"^\W*(?:sure|fine|good|ready|all good)", self.lower))
        )

    def _explain(self) -> Step:
        """The open question in other words, with examples."""
        text = self.texts["explain"].format(help=fill(self._question("help"), self.facts))
        names = self.knowledge.screening["buttons"]
        shown = [str(b["title"]) for b in self._buttons()] or ([names["right"], names["change"]] if self.state.asked in ("summary", "change") else [])
        self._say(text, [*shown, names["skip"]] if self.state.asked not in (*NEEDED, "summary", "change") else shown)
        return Step(self.state, self.messages, False, self.effects)

    def _leave(self) -> Step:
        """Somebody says goodbye: what was agreed to be kept waits for them, the rest is let go."""
        if not self.state.consent:
            return self._stop(self.texts["goodbye"])
        self._say(self.texts["goodbye_kept"])
        return Step(pause(self.state), self.messages, True, self.effects)

    def _names_a_part(self) -> bool:
        """Whether the message is one of the buttons below the summary."""
        names = self.knowledge.screening["buttons"]
        return self.lower in {names["right"].lower(), names["change"].lower(), *(str(self.questions[q]["name"]).lower() for q in ORDER[1:])}

    def _answer(self, pressed: Optional[Any]) -> Step:
        question = self.state.asked
        if pressed is not None:
            understood = self._take_button(question, pressed)
            asides = False
        else:
            reading = self._reading()
            if self._is_minor(reading, question == "adult"):
                return self._minor()
            before = self._snapshot()
            taken_back = self._taken_back(reading)
            if taken_back:
                self._reopen(taken_back)
                self.state.failures = 0
                return self._ask(self.texts["going_back"])
            named = {f.value for f in reading.facts}
            if _STRIKES.match(self.lower) and named & {f.value for f in self.state.known}:
                self.state.forget(lambda fact: fact.value not in named)
                return self._ask(self.texts["corrected"])
            if question in ORDER and not reading.facts and re.search(r"\b(?:it|them|that|those)\b", self.lower) and self._puts_detail_right():
                return self._ask(self.texts["corrected"])  # "never mind, i finished it in the summer"
            self._note_distress()
            self._take(reading)
            pieces = [] if question in ("summary", "change") and self._names_a_part() else self._pieces()
            side, rest = self._sides(pieces)
            asides = self._side_questions(side)
            understood = self._understand(question, reading, rest, bool(side) and not rest, before)
            if understood == "minor":
                return self._minor()
            if understood == "no_consent":
                return self._decline()
            if not understood and set(before[0]) - set(self._snapshot()[0]):  # something told earlier was put right
                return self._ask(self.texts["corrected"])
            now = self._snapshot()
            heard = (
                reading.facts
                or now[0] != before[0]
                or now[2:] != before[2:]
                or (now[1] != before[1] and not {"nlu_fallback", "out_of_scope"} & set(self.intents))
            )
            if not understood and not heard and self._puts_detail_right():
                return self._ask(self.texts["corrected"])
            if not understood and heard:  # told at another question than its own
                self.state.failures = 0
                if asides:
                    return self._ask(self.texts["back_to"])
                return self._ask(self.texts["noted_already"] if _ALREADY.search(self.lower) else self.texts["noted"])
            if asides and not understood:
                return self._ask(self.texts["back_to"])
        if question == "consent" and pressed == "no":
            return self._decline()
        if question == "adult" and any(f.value == "under_18" for f in self.state.known):
            return self._minor()
        if not understood and _ALREADY.search(self.lower):
            return self._ask(self.texts["noted_already" if self._tells() else "asked_already"])
        if not understood:
            return self._failed()
        if understood == "ask_again":
            return Step(self.state, self.messages, False, self.effects)
        self.state.failures = 0
        if question == "summary" and understood == "right":
            return self._finish()
        return self._go_on(self.texts["back_to"] if asides else "")

    def _taken_back(self, reading: mentions.Reading) -> str:
        """ "oh wait no im not": the question whose answer is taken back, to be asked anew; or the empty string."""
        if reading.facts or not _RETRACTS.match(self.lower):
            return ""
        rows = [(fact, self.table.row_of(fact.label, fact.value)) for fact in self.state.known]
        if self.state.asked in ("summary", "change"):  # only where one answer had ended the check
            return next((row.question for fact, row in rows if row is not None and self._ends(fact)), "")
        if self.state.asked not in SINGLE or not rows:
            return ""
        row = rows[-1][1]
        before = ORDER[ORDER.index(self.state.asked) - 1]
        return row.question if row is not None and row.question == before else ""

    def _puts_detail_right(self) -> bool:
        """ "actually it isn't, my sugars are all over the place": says anew what was asked last about one thing."""
        if not self.state.known or not _TAKES_BACK.match(self.lower):
            return False
        last = self.state.known[-1]
        label, value, name = self.state.followed[-1].split("|") if self.state.followed else (last.label, last.value, "")
        fact = next((f for f in self.state.known if (f.label, f.value) == (label, value)), None)
        row = self.table.row_of(label, value)
        if fact is None or row is None or not row.asks:
            return False
        told = mentions.detail(fact, row, self.lower, self._place(), bare=name == "when")
        if told == fact:
            return False
        if dict(told.details).get("now") == "yes" and told.since is not None and fact.since is None:
            told = mentions.with_detail(told, "now", "no")  # the day it ended was said just now
        self.state.tell([told])
        if name in OF_THE_ILLNESS:  # the same illness under its other names
            kin = [f for f in self.state.known for r in [self.table.row_of(f.label, f.value)] if r is not None and r.key == row.key]
            self.state.tell([mentions.with_detail(f, name, dict(told.details)[name]) for f in kin if name in dict(told.details)])
        return True

    def _place(self) -> mentions.Place:
        question = self.state.asked.removeprefix("which:") if self.state.asked != "resume" else ""
        country = str(self.knowledge.clinic["clinic"]["country"])
        return mentions.Place(self.today, country, question, self.state.about.get("area", ()))

    def _reading(self) -> mentions.Reading:
        reading = mentions.read(self.parse, self.table, self._place())
        meant = _MEANT_AGE.search(self.lower)
        if reading.age is None and meant and self.state.stage == "closed":
            return replace(reading, age=int(meant[1]))
        if reading.age is None and self.state.asked in ("summary", "change") and re.search(r"\bage\b|years? old", self.lower):
            return replace(reading, age=mentions.age_in(self.lower, True))
        return reading

    def _tells(self) -> bool:
        """Whether the message itself says what is right ("no, i am 43")."""
        reading = self._reading()
        return bool(reading.facts or reading.denied or reading.age or self._about_in("") or any(words.search(self.lower) for words in _NONE_OF.values()))

    def _snapshot(self) -> Tuple[Any, ...]:
        return (tuple(map(repr, self.state.facts)), repr(sorted(self.state.about.items())), repr(sorted(self.state.given.items())), repr(self.state.denied))

    def _pressed(self) -> Optional[Any]:
        """What the button whose title the message repeats means, or None."""
        for button in self._buttons():
            if self.lower == str(button["title"]).lower():
                return button["means"]
        return None

    def _buttons(self) -> List[Dict[str, Any]]:
        if self.state.asked == "follow":
            return list(self.knowledge.screening["details"].get(self.state.follow.split("|")[-1], ()))
        question = self.questions.get(self.state.asked.removeprefix("which:"))
        return list(question.get("buttons", ())) if question and not self.state.asked.startswith("which:") else []

    def _take_button(self, question: str, means: Any) -> str:
        if question == "follow":
            return self._take_follow_up("", means)
        if isinstance(means, Mapping):
            label, value = next(iter(means.items()))
            if label == "family":
                self.state.tell([Fact("condition", value, value, (("own", "no"),))])
            elif label in ("body_area", "mark_colour", "skin_tone"):
                self.state.about[{"body_area": "area", "mark_colour": "colour", "skin_tone": "skin_tone"}[label]] = [value]
            else:
                details = (("now", "yes"),) if value in ("pregnancy", "breastfeeding") else ()
                self.state.tell([Fact(label, value, self.text.lower() if value != "young_adult" else "18 to 21", details)])
            self.state.given[question] = "told"
            return "told"
        return self._plain(question, str(means))

    def _plain(self, question: str, answer: str) -> str:
        """A bare yes, no or "not sure" to a question."""
        given = self.state.given
        if question == "consent":
            if answer != "yes":
                return "no_consent" if answer == "no" else ""
            self.state.consent = str(self.knowledge.clinic["privacy"]["consent_version"])
            given[question] = "told"
        elif question == "adult":
            if answer != "yes":
                return "minor" if answer == "no" else ""
            given[question] = "told"
        elif answer == "no":
            given[question] = "none"
        elif answer == "unsure":
            if question == "birth":  # possibly pregnant counts as pregnant
                self.state.tell([Fact("condition", "pregnancy", self.lower, (("now", "yes"),))])
            elif question == "scars":
                self.state.tell([Fact("condition", "keloid", self.lower, (("own", "unsure"),))])
            given[question] = "unsure"
        elif question == "scars":
            self.state.tell([Fact("condition", "keloid", "thick or raised scars", (("own", "yes"),))])
            given[question] = "told"
        elif question in HEALTH_QUESTIONS or question in SINGLE:
            self.state.asked = f"which:{question}"
            self._say(self.texts["which"])
            return "ask_again"
        else:
            return ""
        return "told"

    def _take(self, reading: mentions.Reading) -> None:
        """Whatever the message tells about anything, asked for or not."""
        if reading.facts:
            self.state.tell(reading.facts)
        if reading.denied:
            self.state.forget(lambda fact: (fact.label, fact.value) not in reading.denied)
        if reading.age is not None and reading.age >= int(self.facts["minimum_age"]):
            self.state.given["adult"] = "told"
            self.state.about["years"] = [str(reading.age)]
            self.state.forget(lambda fact: fact.value not in ("young_adult", "under_18"))
            if reading.age < 22:
                self.state.tell([Fact("condition", "young_adult", str(reading.age))])
        for key, values in self._about_in(self.state.asked).items():
            self.state.about[key] = values
        self._take_denied(reading)

    def _take_denied(self, reading: Optional[mentions.Reading] = None) -> None:
        """ "no medicines, not pregnant": questions that are answered before they are asked."""
        reading = reading or self._reading()
        told = {row.question for fact in self.state.known for row in [self.table.row_of(fact.label, fact.value)] if row is not None}
        denied = {value for label, value in reading.denied if label == "condition"}
        if self.state.asked != "birth":
            self.state.denied = list(dict.fromkeys([*self.state.denied, *sorted(denied & {"pregnancy", "breastfeeding"})]))
        for question, words in _NONE_OF.items():
            if question in self.state.given or question in told or question == self.state.asked or self.fresh:
                continue
            if words.search(self.lower) or (question == "scars" and "keloid" in denied):
                self.state.given[question] = "none"
        if _MEN.search(self.lower) and "birth" not in self.state.given and self.state.asked != "birth":
            self.state.given["birth"] = "none"

    def _about_in(self, question: str) -> Dict[str, List[str]]:
        """Area, colour and age of the marks, skin tone, as far as the message names them."""
        entities = [e for e in self.parse.get("entities") or [] if not {"negated", "hypothetical"} & set(e.get("said") or ())]
        found: Dict[str, List[str]] = {}

        def values(label: str) -> List[str]:
            # "they were purple" speaks of the marks, not of other people
            own = [e for e in entities if label.startswith("mark_") or "other" not in (e.get("said") or ())]
            return list(dict.fromkeys(str(e["value"]) for e in own if e.get("entity") == label))

        areas = values("body_area")
        row_facts = bool(mentions.read(self.parse, self.table, self._place()).facts)
        if areas and (
            question == "area"
            or not (question or self.state.given.get("area"))
            or (question in ("consent", "adult") and not row_facts)
            or (question in ("summary", "change") and not row_facts and (len(self.lower.split()) <= 3 or _OF_THE_PLACE.search(self.lower)))
            or (question in ("birth", "marks", "skin") and not row_facts and not self.state.about.get("area"))
        ):
            found["area"] = areas
        elif areas and not (self.state.given.get("area") or self.state.about.get("area")):
            # "no allergies, the marks are on my thighs": beside other things, a place counts that is named with the marks
            own = [e for e in entities if e.get("entity") == "body_area" and "other" not in (e.get("said") or ())]
            clauses = [(str(e["value"]), mentions.own_clause(self.lower, max(0, self.lower.find(str(e.get("text") or "").lower())))) for e in own]
            named = [value for value, clause in clauses if re.search(r"\b(?:stretch ?)?marks?\b", clause)]
            if named:
                found["area"] = list(dict.fromkeys(named))
        if values("mark_colour") and question != "skin" and (question in ("marks", "summary", "change") or not self.state.about.get("colour")):
            found["colour"] = values("mark_colour")
        if question == "marks":
            durations = [str(e.get("text") or e["value"]) for e in entities if e.get("entity") in ("mark_age", "duration", "date")]
            if durations:
                found["age"] = durations
        elif values("mark_age"):
            found["age"] = values("mark_age")
        of_skin = question in ("summary", "change") and re.search(r"\b(?:skin|tone|complexion)\b", self.lower) and "mark" not in self.lower
        if of_skin:
            found.pop("colour", None)
        if question == "skin" or of_skin:
            tone = self._tone()
            if tone:
                found["skin_tone"] = [tone]
        elif values("skin_tone") and question not in ("marks",):
            found["skin_tone"] = values("skin_tone")[-1:]
        return found

    def _tone(self) -> str:
        tones = [str(e["value"]) for e in self.parse.get("entities") or [] if e.get("entity") == "skin_tone"]
        if tones:
            if "VI" in tones and _NEVER_BURNS.search(self.lower) and not any(w in self.lower for w in ("black", "dark", "african", "ebony", "deep")):
                # who tans well and never burns describes type IV; only "never burn" by itself is kept on the darker, more careful side
                tones = [t for t in tones if t != "VI"] + (["IV"] if _TANS.search(self.lower) else []) or tones
            return max(tones, key=list(_ROMAN.values()).index)  # the darker one is the more careful one
        if _LIGHT_BROWN.search(self.lower):
            return "IV"
        for tone, words in _TONES:
            if words.search(self.lower):
                return tone
        match = _TYPE.search(self.lower)
        if match and (len(self.lower) < 8 or "type" in self.lower):
            return _ROMAN.get(match["type"]) or list(_ROMAN.values())[int(match["type"]) - 1]
        return ""

    def _yes_no(self, text: Optional[str] = None) -> str:
        """ "yes", "no", "unsure" or "". "no idea" is unsure, "i think so" is yes, "don't think so" is no."""
        words = self.lower if text is None else text.lower()
        for thought in reversed(list(_SECOND_THOUGHT.finditer(words))):
            tail = words[thought.end() :].strip(" ,.;!-")
            later = self._yes_no(tail) if tail else ""
            if later:
                return later
        if re.search(r"\b(?:don'?t|do not) think so\b", words):
            return "no"
        if _UNSURE.search(words) and not re.match(r"^\W*(?:yes|yeah|no\b(?! idea| clue))", words):
            return "unsure"
        if _NO.match(words):
            return "no"
        if _YES.match(words):
            return "yes"
        last = re.search(r"\b(yes|yeah|yep|yh|no|nope|nah)\W*$", words)
        if last and len(words.split()) <= 5:  # "some are yes"
            return "yes" if last[1].startswith("y") else "no"
        if text is None and len(self.intents) == 1:
            return {"affirm": "yes", "deny": "no"}.get(self.intents[0], "")
        return ""

    def _understand(self, question: str, reading: mentions.Reading, rest: Sequence[Mapping[str, Any]], only_aside: bool, before: Tuple[Any, ...]) -> str:
        """Settle the open question with what the message says: "told", "right", "ask_again", or "" when it does not answer it."""
        state = self.state
        words = " ".join(str(p["text"]) for p in rest) or ("" if only_aside else self.text)
        plain = self._yes_no(words) if only_aside or len(rest) < len(self._pieces()) else self._yes_no()
        told = list(reading.facts)
        if question == "follow":
            if only_aside and not re.match(r"^\W*(?:yes|yeah|no|nope|not)\b", self.lower):
                return ""  # "when do i need to stop?" says nothing of having stopped
            return self._take_follow_up(words, None)
        if question in ("summary", "change"):
            return self._take_correction(plain, reading, before, only_aside)
        if question.startswith("which:"):
            question = question.removeprefix("which:")
            if plain == "yes" and not told:
                plain = ""
        if question == "consent":
            return self._plain(question, plain) if plain != "unsure" else ""
        if question == "adult":
            if state.given.get("adult") == "told":
                return "told"
            age = reading.age
            if age is not None:
                return "told"
            return self._plain(question, plain) if plain in ("yes", "no") else ""
        if question in SINGLE:
            return self._single(question, plain, words)
        of_it = any(self._belongs(f, question) for f in told)
        if told and not of_it and plain != "no":
            return ""  # told at another question than its own: noted, and this one is still open
        if not told and question in HEALTH_QUESTIONS and _NOTHING_OF_MINE.search(self.lower):
            plain = "no"
        if plain == "no" and self._denies_another(question, reading):
            plain, told = "", []
        elif told or (reading.denied and plain != "yes"):
            state.given[question] = "told" if of_it else "none"
            return "told"
        if question == "birth" and _MEN.search(self.lower):
            return self._plain(question, "no")
        if question == "scars" and re.search(r"\b(?:family|mum|mom|mother|dad|father|sister|brother|gran\w*|aunt\w*|uncle)\b", self.lower) and plain != "no":
            state.tell([Fact("condition", "keloid", self.lower[:60], (("own", "no"),))])
            state.given[question] = "told"
            return "told"
        lead = _NO_AND_ASKS.match(self.lower) if only_aside and question in HEALTH_QUESTIONS else None
        if lead:
            return self._plain(question, "no")
        if plain:
            return self._plain(question, plain)
        if only_aside or not words:
            return ""
        if question in HEALTH_QUESTIONS and _ABOUT_OTHERS.match(self.lower) and not _ABOUT_ME.search(self.lower):
            self._ask(self.texts["only_yours"])
            return "ask_again"
        return self._own_words(question, words)

    def _denies_another(self, question: str, reading: mentions.Reading) -> bool:
        """Whether a "no ..." is about other questions only: "no allergies or keloids" where medicines are asked for."""
        if question not in HEALTH_QUESTIONS or _BARE_NO.search(self.lower):
            return False
        rows = [self.table.row_of(label, value) for label, value in reading.denied]
        denied = {row.question for row in rows if row is not None} | {q for q, words in _NONE_OF.items() if words.search(self.lower)}
        return bool(denied) and question not in denied

    def _single(self, question: str, plain: str, words: str) -> str:
        about = self.state.about
        known = {"area": about.get("area"), "marks": about.get("colour") or about.get("age"), "skin": about.get("skin_tone")}[question]
        if known:
            self.state.given[question] = "told"
            return "told"
        if plain == "unsure":
            self.state.given[question] = "unsure"
            return "told"
        of_looks = any(str(e.get("entity")) in ("mark_colour", "mark_age", "skin_tone") for e in self.parse.get("entities") or [])
        if (
            question == "area"
            and words
            and not of_looks
            and "inform" in self.intents
            and len(words.split()) <= 5
            and not plain
            and re.search(r"[a-z]{3}", words.lower())
        ):
            about["area"] = [words.lower()[:40]]
            self.state.given[question] = "told"
            return "told"
        return ""

    def _belongs(self, fact: Fact, question: str) -> bool:
        row = self.table.row_of(fact.label, fact.value)
        if row is None:
            return self._line_of(fact) == question or question not in ("birth", "scars", "allergies")
        return row.question == question or (row.question in ("conditions", "medicines", "birth") and question in ("conditions", "medicines"))

    def _own_words(self, question: str, words: str) -> str:
        """Something nobody has a word for ("POTS"): noted as it was written; the clinician decides."""
        described = {"body_area", "mark_colour", "mark_age", "skin_tone", "duration", "date"}
        labels = {str(e.get("entity")) for e in self.parse.get("entities") or []}
        if question not in LISTS or (labels and labels <= described and len(words.split()) <= 4) or len(re.findall(r"[a-z]", words.lower())) < 3:
            return ""
        speaks = set(self.intents) & (ABOUT_ONESELF | {"inform"}) or re.search(
            r"\b(?:i have|i'?ve|i take|i use|i got|i get|i had|i'?m on|i suffer|diagnosed)\b", self.lower
        )
        sounds = _SOUNDS_MEDICAL.get(question)
        named = sounds is not None and sounds.search(words.lower()) is not None and "?" not in words
        if not named and (not speaks or "nlu_fallback" in self.intents):
            return ""
        self.state.tell([Fact("answer", "unlisted", words[:80], (("question", question),))])
        self.state.given[question] = "told"
        self._say(self.texts["noted_as_written"])
        return "told"

    def _take_follow_up(self, words: str, means: Optional[Any]) -> str:
        """The answer to a question about one fact."""
        label, value, name = self.state.follow.split("|")
        fact = next((f for f in self.state.known if (f.label, f.value) == (label, value)), None)
        row = self.table.row_of(label, value)
        if fact is None or row is None:  # taken back in the same message
            return "told"
        plain = str(means) if means is not None else self._yes_no(words or None)
        told = fact
        if means is None:
            told = mentions.detail(fact, row, words.lower() or self.lower, self._place(), bare=True)
        known = dict(told.details)
        if name == "when":
            if told.since is None and plain != "unsure" and known.get("now") != "yes" and known.get("here") == dict(fact.details).get("here"):
                if self.state.failures == 0:
                    self.state.failures = 1
                    self._say(self.texts["when_retry"])
                    return "ask_again"
                plain = "unsure"
        elif name not in known or (known[name] == dict(fact.details).get(name) and plain):
            if plain in (("light", "medium", "deep") if name == "depth" else ("yes", "no")):
                told = mentions.with_detail(told, name, plain)
            elif plain != "unsure":
                return ""
        self.state.tell([told])
        self.state.followed.append(self.state.follow)
        return "told"

    def _take_correction(self, plain: str, reading: mentions.Reading, before: Tuple[Any, ...], only_aside: bool) -> str:
        names = self.knowledge.screening["buttons"]
        if self._snapshot() != before:
            self._say(self.texts["corrected"])
            self.state.asked = "change"
            return "told"
        if self.lower == names["right"].lower() or (plain == "yes" and self.state.asked == "summary") or _ALL_THERE.match(self.lower):
            return "right"
        for question, title in ((q, self.questions[q]["name"]) for q in ORDER[1:]):
            if self.lower == title.lower():
                return self._reopen(question)
        if plain == "yes" and self.state.asked == "change" and not only_aside:
            self._ask()
            return "ask_again"
        if only_aside:
            return ""
        for question, words in _PARTS:
            if re.search(words, self.lower):
                return self._reopen(question)
        if self.lower == names["change"].lower() or plain == "no" or _CHANGE.match(self.lower) or "go_back" in self.intents:
            self.state.asked = "change"
            titles = [self.questions[q]["name"] for q in ORDER[1:]]
            self._say(self.texts["what_to_change"], titles)
            return "ask_again"
        return ""

    def _reopen(self, question: str) -> str:
        """Ask a question anew and forget what had answered it."""
        self.state.given.pop(question, None)
        self.state.path = [q for q in self.state.path if q != question]
        for key in {"area": ("area",), "marks": ("colour", "age"), "skin": ("skin_tone",), "adult": ("years",)}.get(question, ()):
            self.state.about.pop(key, None)

        def stays(fact: Fact) -> bool:
            return self._line_of(fact) != question

        gone = {f"{f.label}|{f.value}|" for f in self.state.known if not stays(f)}
        self.state.followed = [key for key in self.state.followed if not any(key.startswith(start) for start in gone)]
        self.state.forget(stays)
        self.state.asked = question
        return "reopened"

    def _pieces(self) -> List[Dict[str, Any]]:
        pieces = [dict(p) for p in self.parse.get("questions") or [] if p.get("intent")]
        if len(pieces) < 2:
            intent = self.parse.get("intent") or {}
            return [{"text": self.text, "intent": intent.get("name") or "nlu_fallback", "confidence": intent.get("confidence") or 0.0}]
        return pieces

    def _sides(self, pieces: Sequence[Dict[str, Any]]) -> Tuple[List[Dict[str, Any]], List[Dict[str, Any]]]:
        """Which pieces ask something of their own, and the rest."""
        side = [p for p in pieces if self._is_side(p)]
        return side, [p for p in pieces if p not in side]

    def _is_side(self, piece: Mapping[str, Any]) -> bool:
        intent = str(piece["intent"])
        if (
            intent in ("express_distress", "report_mild_symptom")
            and self.state.asked == "adult"
            and len(self.text.split()) <= 4
            and self._reading().age is not None
        ):
            return False  # "im thirty one" tells an age, however it was read
        if intent not in self.knowledge.answers or intent in COURTESY or intent in ("start_screening", "ask_more", "ask_sources"):
            return False
        text = str(piece["text"]).lower().strip()
        if intent in _ABOUT_MARKS and self.state.asked in SINGLE and "?" not in self.text and self._about_in(self.state.asked):
            return False  # "they were purple when i was pregnant, now pinkish" tells the colour and asks nothing
        if _INTERROGATIVE.search(text):
            return not (intent in ABOUT_ONESELF and self._said_in(text))
        if intent in SAFETY:
            return True
        if self.state.asked == "follow":
            return False  # "light one" says how deep the peel was
        if intent in ABOUT_ONESELF or intent == "out_of_scope":
            return False
        return float(piece.get("confidence") or 0.0) >= 0.5 and not self._said_in(text) and not self._yes_no(text)

    def _said_in(self, text: str) -> bool:
        """Whether a piece tells a fact as one's own: "yes eczema, is that a problem?" does."""
        return any(fact.said.lower() in text for fact in self._reading().facts) and not text.startswith(("what", "how", "can", "is ", "does", "do "))

    def _side_questions(self, pieces: Sequence[Mapping[str, Any]]) -> bool:
        """Answer them with the usual answers, without their buttons: the open question follows."""
        asked = [p for p in pieces if self._is_side(p)]
        if not asked:
            return False
        first = asked[0]
        parse = {
            "text": " ".join(str(p["text"]) for p in asked),
            "intent": {"name": first["intent"], "confidence": first.get("confidence", 1.0)},
            "questions": [dict(p) for p in asked],
            "entities": [e for e in self.parse.get("entities") or [] if e.get("entity") in ("body_area", "treatment")],  # "how much for thighs"
        }
        turn = conversation.reply(parse, self.memory, self.knowledge)
        for message in turn.messages:
            self.messages.append(replace(message, buttons=[]))
        return bool(turn.messages)

    def _note_distress(self) -> None:
        if _OBSESSED.search(self.lower) and not _OTHERS_SAID.search(self.lower):
            self.state.distress += 2
        elif "express_distress" in self.intents:
            self.state.distress += 1
        if self.state.distress >= 2:
            self.state.tell([Fact("condition", "body_dysmorphia", "how the marks weigh on you")])

    def _take_known(self) -> None:
        """Start from what the conversation knows already, so that nothing is asked twice."""
        known = self.memory.known
        for key, label in (("area", "body_area"), ("colour", "mark_colour"), ("age", "mark_age"), ("skin_tone", "skin_tone")):
            if known.get(label):
                self.state.about[key] = list(known[label])
        self.state.tell([f for f in map(Fact.from_json, self.memory.facts) if f is not None])
        if "express_distress" in self.memory.shown:
            self.state.distress = 1

    def _is_known(self, question: str) -> bool:
        about = self.state.about
        if question in SINGLE:
            return bool({"area": about.get("area"), "marks": about.get("colour"), "skin": about.get("skin_tone")}[question])
        rows = [(f, self.table.row_of(f.label, f.value)) for f in self.state.known]
        if question == "adult":
            return bool(about.get("years")) or any(f.value == "young_adult" for f, _ in rows)
        if question == "birth":
            return any(r is not None and r.key in ("pregnancy", "breastfeeding", "recent_birth") and dict(f.details).get("now") != "no" for f, r in rows)
        return question == "scars" and any(r is not None and r.key == "keloid" for _, r in rows)

    def _follow_up(self) -> str:
        """The next missing detail of a fact as "label|value|detail", or the empty string."""
        self._share_details()
        self._share_dates()
        for fact in self.state.known:
            row = self.table.row_of(fact.label, fact.value)
            if row is None:
                continue
            details = dict(fact.details)
            if row.rule_for(fact.value, details).category == "none" or self._settled(fact, row):
                continue
            for name, _ in row.asks:
                key = f"{fact.label}|{fact.value}|{name}"
                if key in self.state.followed or name in details:
                    continue
                if name == "now" and row.rule.category == "wait" and not self._days_over(fact, row):
                    continue
                if name == "when" and (fact.since is not None or details.get("now") == "yes" or not self._timed(fact, row)):
                    continue
                return key
        return ""

    def _share_dates(self) -> None:
        """ "gave birth 5 weeks ago, c section": the operation was on the day of the birth."""
        birth = next((f for f in self.state.known if f.value == "recent_birth" and f.since is not None), None)
        for fact in self.state.known:
            if birth is not None and fact.value == "c_section" and fact.since is None:
                self.state.tell([replace(fact, since=birth.since)])

    def _share_details(self) -> None:
        """Diabetes named twice ("diabetes", then "metformin") is one illness: what is known of it holds for both."""
        rows = [(fact, self.table.row_of(fact.label, fact.value)) for fact in self.state.known]
        known = {(row.key, name): value for fact, row in rows if row is not None for name, value in fact.details if name in OF_THE_ILLNESS}
        for fact, row in rows:
            for (key, name), value in known.items():
                if row is not None and row.key == key and name not in dict(fact.details):
                    self.state.tell([mentions.with_detail(fact, name, value)])

    def _settled(self, fact: Fact, row: Row) -> bool:
        """Whether no missing detail could change anything: the wait is over whatever the answer."""
        if fact.since is None or row.rule.category != "wait" or row.rule.wait is None:
            return False
        over = suitability.ends(row.rule.wait, fact.since.latest)
        if fact.label == "condition" and any(
            name == "now" for name, _ in row.asks
        ):  # what may still show after the days are counted is asked for some time longer
            over = suitability.ends(row.rule.wait, over)
        return over <= self.today

    def _days_over(self, fact: Fact, row: Row) -> bool:
        """Whether the counted days of a wait have just passed, so that only what is still to be seen matters."""
        return fact.since is not None and row.rule.wait is not None and suitability.ends(row.rule.wait, fact.since.latest) <= self.today

    @staticmethod
    def _timed(fact: Fact, row: Row) -> bool:
        return row.rule_for(fact.value, dict(fact.details)).wait is not None

    def _next(self) -> str:
        if "consent" in self.state.given and "adult" in self.state.given:
            follow = self._follow_up()
            if follow:
                self.state.follow = follow
                return "follow"
            if any(self._ends(fact) for fact in self.state.known):
                return "summary"
        for question in ORDER:
            if question in self.state.given:
                continue
            if question != "consent" and self._is_known(question):
                self.state.given[question] = "known"
                continue
            return question
        return "summary"

    def _ends(self, fact: Fact) -> bool:
        row = self.table.row_of(fact.label, fact.value)
        return row is not None and row.ends_check and row.rule_for(fact.value, dict(fact.details)).category != "none"

    def _go_on(self, lead: str = "") -> Step:
        """Ask what comes next, or sum up."""
        if self.state.asked == "consent" or (self.state.consent and not self.state.recorded):
            self._record_consent()
        reopened = self.state.asked if self.state.asked in ORDER and self.state.asked not in self.state.given else ""
        self.state.asked = reopened or self._next()
        if self.state.asked in ORDER and self.state.asked not in self.state.path:
            self.state.path.append(self.state.asked)
        return self._ask(lead)

    def _record_consent(self) -> None:
        """Agreement is recorded when the person is known to be an adult: of a minor nothing is kept, not even that."""
        if self.state.consent and not self.state.recorded and "adult" in self.state.given:
            self.state.recorded = True
            self.effects.append(Effect("save_consent", {"purpose": PURPOSE, "text_version": self.state.consent}))

    def _ask(self, lead: str = "") -> Step:
        """Say the open question with its buttons."""
        asked = self.state.asked
        names = self.knowledge.screening["buttons"]
        if asked == "resume":
            return self._ask_to_resume()
        if asked in ("summary", "change"):
            self.state.asked, self.state.summed_up = "summary", True
            self._say(self._lead(lead) + self._summary(), [names["right"], names["change"]])
            return Step(self.state, self.messages, False, self.effects)
        text = self._question("ask")
        if asked == "birth" and self.state.denied:
            text = str(self.texts["birth_rest" if len(self.state.denied) == 1 else "birth_only"])
            text = text.format(rest=self.texts["birth_feeding" if "pregnancy" in self.state.denied else "birth_pregnant"])
        if asked in LISTS:
            noted = [f.said for f in self.state.known if self._belongs_to(f, asked)]
            if noted:
                text = self.texts["besides"].format(noted=", ".join(dict.fromkeys(noted))) + "\n" + text
        self._say(self._lead(lead) + fill(text, self.facts), [str(b["title"]) for b in self._buttons()])
        return Step(self.state, self.messages, False, self.effects)

    def _belongs_to(self, fact: Fact, question: str) -> bool:
        return self._line_of(fact) == question

    @staticmethod
    def _lead(lead: str) -> str:
        return f"{lead}\n" if lead else ""

    def _question(self, part: str) -> str:
        """The `ask`, `why` or `help` of the open question."""
        asked = self.state.asked
        if asked == "follow":
            label, value, name = self.state.follow.split("|")
            row = self.table.row_of(label, value)
            fact = next((f for f in self.state.known if (f.label, f.value) == (label, value)), None)
            if row is None or fact is None:
                return ""
            if part == "ask":
                return dict(row.asks)[name].replace("{said}", fact.said.replace("{", "").replace("}", "") or row.condition)
            if part == "why":
                return row.rule.advice
            choices = ", ".join(str(b["title"]).lower() for b in self._buttons())
            return str(self.texts["when_retry"]) if name == "when" else str(self.texts["follow_help"]).format(choices=choices)
        if asked in ("summary", "change"):
            return self.texts["summary_why" if part == "why" else "what_to_change"]
        if asked.startswith("which:") and part == "ask":
            return str(self.texts["which"])
        return str(self.questions[asked.removeprefix("which:")][part])

    def _failed(self) -> Step:
        self.state.failures += 1
        names = self.knowledge.screening["buttons"]
        if self.state.failures < 2:
            return self._ask(self.texts["not_understood"])
        rows = [(names["person"], "/request_human"), (names["stop"], names["stop"])]
        if self.state.asked not in NEEDED:
            rows.insert(0, (names["skip"], names["skip"]))
        text = self.texts["explain"].format(help=fill(self._question("help"), self.facts))
        self.messages.append(Message(text, rows, {"type": "screening"}))
        return Step(self.state, self.messages, False, self.effects)

    def _skip(self) -> Step:
        asked = self.state.asked
        if asked in NEEDED:
            self._say(self.texts["cannot_skip"].format(reason=self.texts[f"cannot_skip_{asked}"]))
            return self._ask()
        if asked == "follow":
            self.state.followed.append(self.state.follow)
        elif asked in ("summary", "change"):
            return self._ask()
        else:
            question = asked.removeprefix("which:")
            self.state.given[question] = "unsure" if asked.startswith("which:") else "skipped"
        self.state.failures = 0
        self.state.asked = ""
        return self._go_on(self.texts["skipped"])

    def _back(self) -> Step:
        """The question before the open one, asked anew."""
        asked = self.state.asked.removeprefix("which:")
        if asked == "follow":
            row = self.table.row_of(*self.state.follow.split("|")[:2])
            before: Optional[str] = row.question if row else None
        elif asked in ("summary", "change"):
            before = self.state.path[-1] if self.state.path else None
        else:
            earlier = [q for q in ORDER[: ORDER.index(asked)] if q in self.state.path] if asked in ORDER else self.state.path
            before = earlier[-1] if earlier else None
        if before is None or (before == "consent" and self.state.consent):
            return self._ask(self.texts["first_question"])
        for later in (
            [q for q in self.state.path if q in self.state.given and self.state.path.index(q) > self.state.path.index(before)]
            if before in self.state.path
            else []
        ):
            if later == asked:
                self.state.given.pop(later, None)
        self._reopen(before)
        self.state.failures = 0
        self.state.path.append(before)
        return self._ask(self.texts["going_back"])

    def _restart(self) -> Step:
        consent, recorded = self.state.consent, self.state.recorded
        self.state = State(began=self.now.isoformat(timespec="seconds"), consent=consent, recorded=recorded)
        if consent:
            self.state.given["consent"] = "known"
        return self._go_on(self.texts["restarted"])

    def _stop(self, text: str) -> Step:
        if self.state.recorded:
            self.effects.append(Effect("withdraw_consent", {"purpose": PURPOSE}))
        self._say(text)
        return Step(None, self.messages, True, self.effects)

    def _decline(self) -> Step:
        self.messages.append(Message(fill(self.texts["declined"], self.facts), buttons(["ask_contraindications", "book_consultation"], self.knowledge)))
        return Step(None, self.messages, True, self.effects)

    def _is_minor(self, reading: mentions.Reading, asked: bool = False) -> bool:
        if reading.age is not None:
            return reading.age < int(self.facts["minimum_age"])
        return any(f.value == "under_18" for f in reading.facts) or (self.fresh and any(f.value == "under_18" for f in self.state.known))

    def _minor(self) -> Step:
        """Kind, no booking, and nothing kept but that the check is closed."""
        text = fill(self.texts["minor"], self.facts)
        message = Message(text, buttons(["ask_natural_fading", "ask_prevention"], self.knowledge), {"type": "screening", "forget": [SLOT]})
        return Step(State(stage="closed"), [message], True, [Effect("forget")])

    def _summary(self) -> str:
        return str(self.texts["summary"]).format(lines="\n".join(f"- {name}: {said}" for name, said in self._lines()))

    def _lines(self) -> List[Tuple[str, str]]:
        words = self.knowledge.screening["result"]
        lines = []
        for question in ORDER[1:]:
            if question not in self.state.given and not any(self._line_of(f) == question for f in self.state.known):
                continue
            lines.append((words["names"][question], self._line(question)))
        return lines

    def _line(self, question: str) -> str:
        about, words = self.state.about, self.knowledge.screening["result"]
        if question == "adult":
            own = [f.said for f in self.state.known if f.value == "young_adult"]
            return ", ".join(about.get("years") or own) or words["an_adult"]
        if question in SINGLE:
            said = {"area": about.get("area"), "marks": [*about.get("colour", ()), *about.get("age", ())], "skin": about.get("skin_tone")}[question]
            if said:
                plain = {**words["areas"], **words["tones"]}
                return ", ".join(plain.get(one, one) for one in said)
        told = [self._told(f) for f in self.state.known if self._line_of(f) == question]
        if told:
            return ", ".join(dict.fromkeys(told))
        return str({"skipped": words["left_out"], "unsure": words["not_sure"]}.get(self.state.given.get(question, ""), words["nothing"]))

    def _line_of(self, fact: Fact) -> str:
        row = self.table.row_of(fact.label, fact.value)
        if row is not None and row.question in ("conditions", "medicines") and fact.label in ("condition", "medicine"):
            return f"{fact.label}s"  # an illness is read among the illnesses, whatever its row asks for
        if row is not None:
            return row.question
        if "question" in dict(fact.details):
            return dict(fact.details)["question"]
        return {"condition": "conditions", "medicine": "medicines", "allergen": "allergies"}.get(fact.label, "conditions")

    def _told(self, fact: Fact) -> str:
        details = dict(fact.details)
        words = [fact.said]
        if details.get("own") == "no":
            words.append(self.knowledge.screening["result"]["family"])
        if details.get("now") == "no" and fact.since is None:
            words.append(self.knowledge.screening["result"]["past"])
        if fact.since is not None:
            span = fact.since
            words.append(
                suitability.spoken_date(span.latest)
                if span.earliest == span.latest
                else f"{span.latest:%B %Y}"
                if (span.latest - span.earliest).days < 32
                else f"up to {span.latest:%B %Y}"
            )
        return " ".join(words[:1]) + (f" ({', '.join(words[1:])})" if len(words) > 1 else "")

    def _finish(self) -> Step:
        state = self.state
        doubts: List[Fact] = []
        for question in HEALTH_QUESTIONS:
            given = state.given.get(question)
            if given in ("unsure", "skipped") and not (given == "unsure" and question in ("birth", "scars")):
                doubts.append(Fact("answer", given, str(self.questions[question]["name"])))
        outcome = suitability.assess([*state.known, *doubts], self.table, self.today)
        result = {
            "purpose": PURPOSE,
            "completed": self.now.isoformat(timespec="seconds"),
            "date": self.today.isoformat(),
            "table": {"version": self.table.version, "date": self.table.date, "reviewed_by": self.table.reviewed_by, "reviewed_on": self.table.reviewed_on},
            **outcome.to_json(),
            "answers": dict(state.given),
            "about": dict(state.about),
            "facts": state.facts,
            "summary": [f"{name}: {said}" for name, said in self._lines()],
            "consent_version": state.consent,
        }
        self.messages.append(self._result(outcome))
        self.effects.append(Effect("save_screening", result))
        done = State(
            stage="done",
            consent=state.consent,
            recorded=state.recorded,
            began=state.began,
            outcome=outcome.outcome,
            earliest=result["earliest"] or "",
            result=result,
        )
        return Step(done, self.messages, True, self.effects)

    def _result(self, outcome: suitability.Outcome) -> Message:
        words = self.knowledge.screening["result"]
        key = outcome.outcome
        if key == suitability.WAIT and outcome.earliest is None:
            parts = [words["wait_open"].format(until=", and ".join(outcome.until))]
        else:
            date = suitability.spoken_date(outcome.earliest) if outcome.earliest else ""
            parts = [words[key].format(date=date)]
            if date and key != suitability.WAIT:
                parts[0] += " " + words["earliest"].format(date=date)
        advice = list(dict.fromkeys(self._reason(r) for r in outcome.reasons))
        parts += [f"- {fill(line, self.facts)}" for line in advice[:MOST_REASONS]]
        if len(advice) > MOST_REASONS:
            parts.append("- " + words["more"].format(count=len(advice) - MOST_REASONS))
        if outcome.bring and key != suitability.NOT_TREATED:
            parts.append(words["bring"].format(things="; ".join(outcome.bring[:3])))
        parts.append(words["close"])
        following = words["next"]["no_selling" if not outcome.selling else key]
        data: Dict[str, Any] = {
            **self._quoted(),
            "type": "screening_result",
            "outcome": key,
            "table_version": outcome.table_version,
            "reviewed_by": outcome.reviewed_by,
        }
        if outcome.sources:
            data["sources"] = source_rows(outcome.sources, self.knowledge)
        return Message("\n".join(parts), buttons(following, self.knowledge), data)

    @staticmethod
    def _reason(reason: suitability.Reason) -> str:
        if reason.row in ("unlisted", "unsure", "skipped"):
            return f"{reason.condition}: {reason.advice[0].lower()}{reason.advice[1:]}".replace("{", "").replace("}", "")
        return reason.advice

    def _say(self, text: str, titles: Sequence[str] = ()) -> None:
        self.messages.append(Message(text, [(title, title) for title in titles], {"type": "screening", **self._quoted()}))

    def _quoted(self) -> Dict[str, List[str]]:
        """The person's own words, as far as the last look at what leaves would take them for a claim of ours."""
        said = [f.said for f in self.state.known] + [word for words in self.state.about.values() for word in words]
        claims = output_guard.load()
        quoted = list(dict.fromkeys(words for words in said if words and output_guard.findings(words, claims)))
        return {"quoted": quoted} if quoted else {}
