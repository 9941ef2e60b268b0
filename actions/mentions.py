"""What a message says about the person's own health: each entity that counts, with its details and when it was.

Denied, imagined and other people's illnesses do not count; a keloid in the family does, as that. Pure, and used both while chatting and in the check.
"""

import datetime as dt
import itertools
import re
from dataclasses import dataclass, field, replace
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple

from actions.ago import Ago, read_ago
from actions.suitability import HEALTH, Fact
from knowledge.contraindications import Row, Table

_SOUTHERN = ("AU", "NZ", "ZA")
_MONTH_FIRST = ("US",)

_CLAUSE = re.compile(r"[.!?;\n,]| - |\b(?:and|but|then|plus|also|though|although|because|so)\b")
_SENTENCE = re.compile(r"[.!?;\n]")
_STOPPED = re.compile(
    r"\b(?:stop\w*|finish\w*|ended|came off|come off|coming off|off|quit|complet\w+|used to|no longer|was (?:on|taking|using|having)|were on|"
    r"had been|last (?:dose|capsule|tablet|pill|one)"
    r"|done with|not any ?more|anymore|previously|is over|all over|over now|behind me|in the past|years ago|as a (?:kid|child|teen\w*)|"
    r"when i was \w+|ages ago|long time ago)\b"
)
_STILL = re.compile(
    r"\b(?:still|currently|now|right now|at the moment|at present|today|every ?day|daily|ongoing|mid[ -]?course|halfway|start(?:ed|"
    r"ing) (?:on )?|i'?m on|i am on|im on|been on|am taking|'m taking|im taking"
    r"|taking|i take|i use|using|months? in|weeks? in|since)\b"
)
_HAD = re.compile(r"\b(?:had|have|having|got|did|done|do|been|went|used|use|using|just|after|since|my|with a|put on|applied)\b")
_ASKS = re.compile(r"\s*(?:and |but |so |also )?(?:what|which|is|are|can|could|do|does|should|would|how|will)\b")
_FIRST_PERSON = re.compile(
    r"\b(?:i am|i'?m|im|i have|i'?ve|ive|i had|i got|i get|i take|i use|i was|i do have|i suffer|i also have|i also take|i'?ve got|my|me with|"
    r"i)\b[^.!?;,]{0,60}$"
)
_IMAGINED = re.compile(r"\b(?:if|unless|suppose|what about|in case|say)\b")
# An indirect question is no condition: "check if i can have it".
_WHETHER = re.compile(r"\b(?:if|whether) (?:i|it|you|they|this|that)(?:'?s|'?m)? ?(?:can|could|should|would|will|is|are|am|do|ok|okay|allowed)\b")
_STRONG_CLAIM = re.compile(r"\b(?:i'?m on|i am on|i have|i'?ve got|ive got|i take|i'?m taking|i had|i get|i use|i'?m (?!able|allowed|going)\w+)\b")
_I_DO = re.compile(
    r"\b(?:cos|coz|cuz|because|since|as|and|which) (?:yes )?i (?:actually )?(?:do|am|have|did|was)\b(?! not|n't)|\bi (?:actually |really )?do have (?:it|that|one)\b"
)
_DENIED_AFTER = re.compile(r"\s*[?:,-]+\s*(?:(?:who me|me|lol|haha|god|omg)[\s?!,.]+)*(?:no|nope|nah|none|not me)\b(?! idea)")
_ALLERGY = re.compile(
    r"\b(?:allerg\w*|react\w*|(?:make|makes|made|leave|leaves|give|gives|gave) me (?:\w+ )?(?:itch\w*|red|rash\w*|a rash|hives|blister\w*|"
    r"bumps)|break out|intoleran\w*|sensitiv\w*|came out in|come out in|rash from|swell\w* from|hives from)\b"
)
_FAMILY = re.compile(
    r"\b(?:family|mum|mom|mam|mother|dad|father|sister|brother|parents?|grand\w+|gran|nan|nana|granny|aunt\w*|uncle|runs in|siblings?|son|daughter)\b"
)
_BORN_OF_IT = re.compile(
    r"\b(?:from|after|since|during|through|throughout|post|before|first|second|third|last|previous|both|two|three|old|past|each|every|my|"
    r"due to|because of|caused by)\s+(?:\w+\s+){0,2}$"
)
_MARKS_OF_IT = re.compile(r"^\s*(?:stretch ?marks?|marks?|ones?|tummy|belly|\w* ?years? ago)\b")
_WAS = re.compile(r"\b(?:was|were|when i was|used to be|got (?:them|these|it) (?:when|while))\s+(?:\w+\s+){0,2}$")

_ELSEWHERE = re.compile(
    r"\b(?:elsewhere|other (?:place|side|part|leg|arm|area)|somewhere else|different (?:place|area|part)|not (?:there|on (?:it|that|them|"
    r"the (?:area|marks|skin)))|nowhere near|away from"
    r"|face|facial|lips?|cheeks?|forehead|scalp|hands?|fingers?|elbows?|feet|foot|toes?|ankle|wrist|neck|nose|chin|eyes?|ears?|brows?|only on my)\b"
)
_THERE = re.compile(
    r"\b(?:(?:on|in|over|near|round|around|under) (?:it|them|that|the|my) ?(?:\w+ )?(?:area|marks?|stretch ?marks?|skin|scar)|same (?:area|"
    r"place|spot)|right there|\bon (?:it|them|these|those)\b|all over|over (?:them|it)|where the marks|on top)\b"
)
_ACTIVE = re.compile(r"\b(?:active|flar\w+|right now|at the moment|bad now|weep\w*|open|currently|as we speak|today)\b")
_CALM = re.compile(
    r"\b(?:not active|inactive|no flare\w*|calm\w*|cleared|clear now|in remission|under control|none (?:now|at the moment|right now)|"
    r"not (?:now|right now|at the moment|currently)|gone|healed"
    r"|as a (?:kid|child|baby|teen\w*)|years ago|in the past|used to|no longer|haven'?t had|sometimes|now and then|occasionally|once|every (?:winter|few))\b"
)
_CONTROLLED = re.compile(
    r"\b(?:well|under|good|perfectly|diet|fully|nicely|is|are|it'?s)[ -]?(?:controlled|control|managed)\b|\bcontrolled\b|\bstable\b|"
    r"\bin (?:a )?good range\b|\bin range\b"
)
_UNCONTROLLED = re.compile(
    r"\b(?:un-?controlled|poorly|badly|not (?:very |really |so |that )?(?:well |fully |properly )?(?:controlled|under control|managed|good|"
    r"great|stable)|out of control|all over the place|struggl\w+|too high"
    r"|very high|not really|isn'?t (?:very |really )?(?:well |good|great|controlled)|up and down)\b"
)
_FADED = re.compile(
    r"\b(?:gone|healed|faded|cleared|calmed|settled|peeled (?:off|away)|back to (?:normal|my|its|the usual)|normal (?:again|now)|better now|fine now|all fine|washed off|worn off|not any ?more)\b"
)
_DEPTHS = (
    ("deep", re.compile(r"\b(?:deep|phenol|strong)\b(?! breath)")),
    ("medium", re.compile(r"\b(?:medium|tca|jessner\w*|moderate)\b")),
    ("light", re.compile(r"\b(?:light|superficial|mild|gentle|lunch ?time|glycolic|lactic|mandelic|salicylic|enzyme|fruit)\b")),
)
# A pregnancy or a birth told in passing, in words that no list of names can hold: "before the baby comes", "im due in june", "had my little one in november".
_CHILD = r"(?:baby|bab(?:e|y)|bub|bubba|bubs|little one|lo|newborn|twins|bairn|bump|pikin|son|daughter|boy|girl)"
_EXPECTING = re.compile(
    rf"\b(?:before|until|till|til|when|once|after|by the time|as soon as) (?:the |my |our |this |our new )?{_CHILD} (?:comes?|arrives?|"
    rf"gets here|drops|pops|(?:is|'s)? ?(?:born|here|due|out))\b"
    rf"|\b(?:the |my |our )?{_CHILD}(?:'?s| is| are)? (?:due|arriving)(?! (?:for|at|an?|back)\b)\b|\bdue (?:to give birth|my (?:first|second|"
    rf"third|\w+) (?:baby|child|in))\b"
    r"|\b(?:i'?m|i am|we'?re|we are) due (?:a baby|in|around|at the end of|early|late|mid|next|end of)?\W?(?:in |the )?(?:january|february|"
    r"march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|spring|summer|autumn|winter|a few weeks|\d+ weeks|next month)\b"
    r"|\b(?:i'?m |i am |at )?\d{1,2}\+?\d? ?(?:weeks|wks) (?:gone|along|preg\w*)\b|\b(?:my|this|growing|a|the) (?:growing |big |"
    r"baby )?bump (?:is|has|keeps|gets|grows)\b|\bbaby bump\b|[🤰🫃🫄]"
    rf"|\b(?:i'?m|i am|we'?re|we are) (?:having|expecting) (?:a|our|my|another|the|\w+) (?:\w+ )?{_CHILD}\b"
)
_GAVE_BIRTH = re.compile(
    rf"\b(?:had|have had|birthed|welcomed) (?:my|our|a|the) (?:\w+ )?(?:{_CHILD}|(?:first|second|third|last|youngest)(?: baby| child| kid|"
    rf" one))(?! session| treatment| appointment)\b"
    rf"|\bmy (?:youngest|{_CHILD})(?:'?s| is)(?: only| just| now| about)? (?P<old>(?:\d+|a|two|three|four|five|six|seven|eight|nine|ten|"
    rf"eleven) (?:days?|weeks?|wks?|months?|mths?|mo))\b"
    rf"|\bmy (?:\w+ )?{_CHILD} (?:was|were|got) (?:\w+ )?born\b|\b(?:delivered|birthed) (?:him|her|them|my {_CHILD})\b"
    rf"|\bmy (?P<age>\d+ (?:days?|weeks?|wks?|months?|mths?)) old\b"
)
_LATE = re.compile(
    r"\b(?:my )?(?:period|monthly|monthlies)(?:'?s| is| are| was)?(?: \w+){0,3} (?:late|overdue|missing)\b|\bmissed (?:my|a|one|two) periods?\b|\bmy period (?:has ?n'?t|did ?n'?t) come\b"
)
_LATE_BY = re.compile(r"\b(?:a|an|\d+|one|two|three|four|five|few) (?:few )?(?:days?|weeks?|wks?) (?:late|overdue)\b")
# Skin that was burnt or tanned, in words no list holds: "got quite burnt". Burnt by something else is no sunburn.
_BURNT = re.compile(
    r"(?<!never )(?<!not )(?<!didn't )(?<!didnt )\b(?:(?:got|was|been|am|i'?m|im|are|is|bit|quite|really|badly|so|well|very|proper|slightly|shoulders|skin|get|a little)\s+)(?:\w+\s+){0,2}?"
    r"(?:burnt|burned)\b(?! (?:out|my (?:hand|finger|arm|tongue)|by (?:the|a) (?:laser|wax|cream|oven|iron)|myself))|\bsun-?burn(?:t|ed)?\b"
)
_BROWNED = re.compile(
    r"\b(?:caught|got|had|was in|been in|lying in|lay in|lots of|a lot of|bit of|much) (?:(?:a|some|quite|too|lot|bit|of|much|lots|in|the) ){0,4}(?:sun|sunshine)\b(?! ?(?:cream|screen|lotion|block))|"
    r"\b(?:went|gone|got) (?:quite |very |really |pretty |nice and )?(?:brown|tanned|bronzed)\b|\bsunbath\w+"
)
_IN_THE_SUN = re.compile(r"\b(?:sun\w*|holiday\w*|vacation|beach|abroad|pool|garden|cruise|spain|greece|turkey|outdoors|hot day|weekend away)\b")
_HABIT = re.compile(r"\b(?:always|easily|usually|never|tend to|every (?:time|summer|year)|whenever)\b")
_OF_A_MOTHER = ("c_section", "breastfeeding", "pregnancy", "recent_birth")
_OWN_CHILD = re.compile(rf"\b(?:had|having|have|birth to|delivered|feeding|with|for) (?:a|my|the|our|another) (?:\w+ )?{_CHILD}\b")
_ANOTHER_MOTHER = re.compile(
    r"\b(?:my|her|his|a) (?:sister|friend|cousin|wife|partner|mum|mom|niece|colleague|mate|neighbour|boss|aunt\w*|girlfriend|gf|sis)\b|\bshe\b"
)
_A_PEEL = re.compile(r"(?<!skin )(?<!it )(?<!to )(?<!will )(?<!they )\bpeels?\b")
_SECTION = re.compile(r"\b(?:(?:emergency|planned|elective|crash|my|a|had|by) )?section\b")
_AFTER_BIRTH = re.compile(
    r"\b(?P<old>(?:\d+|a|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) (?:days?|weeks?|wks?|months?|mths?|years?)) (?:pp|post[- ]?partum|post[- ]?natal|after birth)\b"
)
_OPERATION = re.compile(r"\b\w{3,}(?:ectomy|ectomies|plasty|otomy|ostomy|rrhaphy)\b")
_TRYING = re.compile(
    r"\b(?:we'?re|we are|i'?m|i am|im|been|have been) (?:still |currently |actively |just )?trying\b(?! to (?!conceive|get preg|fall preg|be preg|have))"
)
_FOR_PCOS = re.compile(r"\b(?:pcos|polycystic|pco)\b")
_OTHER_HEAT = re.compile(
    r"\b(?:oven|iron|kettle|stove|hob|pan|straightener\w*|tongs|steam|boiling|hot water|tea|coffee|candle|fire|wax\w*|laser\w*|chemical|acid|peel|cream|wind|rope|friction|carpet)\b"
)
_THEIRS = re.compile(
    r"^\W*(?:all |also |just |only )?(?:runs?|running|is|are) (?:strong(?:ly)? )?in (?:my|the|our|his) family\b|"
    r"^\W*(?:(?:is|are|was|were|it'?s|that'?s|thats)\s+)?(?:(?:what|for|the thing|just|only|who|that|which)\s+){0,2}(?:my|his|her|their|our)\s+(?:\w+\s+)?"
    r"(?:mum|mom|mam|mother|dad|father|sister|brother|parents?|gran\w*|nan\w*|aunt\w*|uncle|son|daughter|husband|wife|partner|boyfriend|girlfriend|friend|cousin|niece|mate|flatmate|ex)\b"
)
_QUESTION = re.compile(
    r"^\W*(?:(?:wait|but|and|so|ok|okay|sorry|hang on|hold on|hmm|also|btw|actually|oh|just|quick question|one thing|no|yes)\W+)*"
    r"(?:does|do (?:you|u|they|these|people|ppl|stretch)|is|are|can|could|would|will|should|why|what|which|how|did (?:you|u)|who)\b"
)
_TAKES = re.compile(r"\b(?:take|taking|on|use|using|prescribed|daily|tablets? for|for my|finished|stopped)\b")
_ALLERGIC_TO = re.compile(r"\b(?:allerg\w+|intoleran\w+|anaphyla\w+)\b")
_NOT_FEEDING = re.compile(
    r"\b(?:not|never|no longer|stopped|finished|done with|isn'?t|am ?n'?t) (?:currently |actually |even )?(?:breast ?)?(?:feeding|nursing)\b|"
    r"\bbottle[ -]?fed\b|\bformula[ -]?fed\b"
)
_SOMEBODY_ELSE = re.compile(
    r"\b(?:my|her|his|their|our|a) (?:sister|friend|cousin|wife|partner|mum|mom|daughter|niece|colleague|mate|neighbour|boss|aunt\w*|"
    r"girlfriend|gf|sis)(?:'s)?\b|\b(?:she|he|they)(?:'s|'re| is| are)\b"
)
_OF_A_VISIT = re.compile(
    r"\b(?:session|appointment|visit|check ?up|follow[ -]?up|treatment) (?:is |was )?due\b|\bdue (?:in )?(?:\w+ )?for (?:my|a|the|another)\b"
)
_NOT_NOW = re.compile(r"\b(?:if|was|were|when i|not)\b[^,]{0,20}$")
YOUNG = dt.timedelta(days=400)  # a birth longer ago is no recent one

_AGE = re.compile(
    r"(?:\b(?:i'?m|i am|im|aged?|am)(?: only| just| a| an| about| nearly| almost)? |^\W*)(?P<age>\d{1,2})\b(?!\s*(?:st|lbs?|kg|kilos?|stone|"
    r"cm|%|weeks?|wks?|months?|mths?|days?|hours?|minutes?|min|mm"
    r"|am|pm|th|nd|rd|[:/.]\d|sessions?|marks?|kids?|children|size|times?|years? (?:ago|back|since|after|in)))"
)


@dataclass(frozen=True)
class Reading:
    """What a message tells: `facts` that count, what is `denied` as (label, value), and the age in years if it is given."""

    facts: Tuple[Fact, ...] = ()
    denied: FrozenSet[Tuple[str, str]] = frozenset()
    age: Optional[int] = None


@dataclass
class Place:
    """What reading depends on besides the words: the clinic's date and country, what is asked now, the area to be treated."""

    today: dt.date
    country: str = "GB"
    question: str = ""
    area: Sequence[str] = field(default_factory=tuple)

    def ago(self, text: str, bare: bool = False) -> Optional[Ago]:
        return read_ago(text, self.today, bare, self.country in _SOUTHERN, self.country in _MONTH_FIRST)


def read(parse: Mapping[str, Any], table: Table, place: Place) -> Reading:
    """Facts of a parsed message. While a question is asked, naming a thing is telling it; in a chat it has to be said as one's own."""
    text = str(parse.get("text") or "")
    if text.startswith("/"):
        return Reading()
    lower = text.lower().replace("’", "'")
    entities = [_placed(e, lower) for e in parse.get("entities") or [] if e.get("value")]
    facts: List[Fact] = []
    denied: Set[Tuple[str, str]] = set()
    for entity in entities:
        pair = (str(entity["entity"]), str(entity["value"]))
        if pair == ("symptom", "flaking") and place.question == "recent" and _A_PEEL.search(lower):  # "peel in october"
            pair = ("treatment", "chemical_peel")
            entity = {**entity, "entity": pair[0], "value": pair[1]}
        row = table.row_of(*pair)
        if row is None and not (place.question and pair[0] in HEALTH):
            continue
        said = entity.get("said") or []
        if "negated" in said or _DENIED_AFTER.match(lower, entity["end"]):
            denied.add(pair)
            continue
        if "hypothetical" in said and not (_claimed(lower, entity["start"]) or _real_after_all(lower, entity, place)):
            continue
        if pair[1] in _OF_A_MOTHER and _OWN_CHILD.search(_sentence(lower, entity["start"])) and not _ANOTHER_MOTHER.search(lower):
            said = [one for one in said if one != "other"]  # the baby of "had a baby by c section" is nobody else
        family = "other" in said or (row is not None and row.family and bool(_FAMILY.search(_sentence(lower, entity["start"]))))
        if family and not (row is not None and row.family and _FAMILY.search(lower)) and "other" in said:
            continue
        if not _meant(pair[0], entity, lower, place):
            continue
        if not (row is not None and row.family) and _THEIRS.match(_rest(lower, entity["end"])) and not _claimed(lower, entity["start"]):
            continue
        if pair[0] == "medicine" and _is_an_allergy(lower, entity, place):
            pair, row = ("allergen", pair[1]), table.row_of("allergen", pair[1])
        if pair == ("medicine", "metformin") and _FOR_PCOS.search(lower):
            pair, row = ("medicine", "metformin_for_pcos"), None  # no diabetes; a medicine on no list, so the clinician decides first
        fact = Fact(pair[0], pair[1], str(entity.get("text") or entity["value"]))
        if row is not None:
            fact = detail(fact, row, _around(lower, entity, entities, table), place, said, lower, entity)
            # "a wax yesterday and some sun in august": the time beside a thing is its own
            beside = place.ago(own_clause(lower, entity["start"])) if fact.since is not None else None
            if beside is not None:
                fact = replace(fact, since=beside)
            if pair == ("condition", "recent_birth"):
                fact = _dated_birth(fact, lower, entity, _around(lower, entity, entities, table), place)
            if row.family and family:
                fact = with_detail(fact, "own", "no")
        facts.append(fact)
    facts += _of_a_child(lower, facts, denied, table, place)
    facts += _of_surgery(lower, facts, entities, table, place)
    facts += _of_the_sun(lower, facts, denied, table, place)
    return Reading(tuple(_once(facts)), frozenset(denied - {(f.label, f.value) for f in facts}), age_in(lower, bool(place.question == "adult")))


def _of_a_child(text: str, facts: Sequence[Fact], denied: Set[Tuple[str, str]], table: Table, place: Place) -> List[Fact]:
    """A pregnancy or a recent birth that is told in passing, and breastfeeding that is over (put among the `denied`)."""
    if _NOT_FEEDING.search(text):
        denied.add(("condition", "breastfeeding"))
    named = {fact.value for fact in facts} | {value for _, value in denied}
    found = []
    match = _EXPECTING.search(text)
    theirs = match is None or _SOMEBODY_ELSE.search(_sentence(text, match.start())) or _NOT_NOW.search(text[: match.start()])
    if match and not theirs and "pregnancy" not in named and not _OF_A_VISIT.search(text):
        found.append(Fact("condition", "pregnancy", match.group().strip(), (("now", "yes"),)))
    match = _LATE.search(text) or (_LATE_BY.search(text) if place.question == "birth" else None)
    theirs = match is None or _SOMEBODY_ELSE.search(_sentence(text, match.start())) or _NOT_NOW.search(text[: match.start()])
    if match and not theirs and "pregnancy" not in named and not found:
        found.append(Fact("condition", "pregnancy", match.group().strip(), (("now", "yes"),)))
    match = _SECTION.search(text) if place.question in ("birth", "recent") else None
    row = table.row_of("condition", "c_section")
    if (
        match
        and row is not None
        and "c_section" not in named
        and not _ANOTHER_MOTHER.search(text)
        and not re.search(r"\b(?:no|not|never)\b", own_clause(text, match.start()))
    ):
        found.append(detail(Fact("condition", "c_section", match.group().strip()), row, _sentence(text, match.start()), place))
    match = _TRYING.search(text) if place.question == "birth" else None
    if match and "trying_to_conceive" not in named and not _SOMEBODY_ELSE.search(_sentence(text, match.start())):
        found.append(Fact("condition", "trying_to_conceive", match.group().strip()))
    match = _GAVE_BIRTH.search(text)
    if match and "recent_birth" not in named and not _SOMEBODY_ELSE.search(_sentence(text, match.start())):
        old = match["old"] or match["age"]
        since = place.ago(f"{old} ago") if old else place.ago(_sentence(text, match.start()))
        if (since is not None and place.today - since.latest <= YOUNG) or (since is None and place.question == "birth"):
            found.append(Fact("condition", "recent_birth", match.group().strip(), since=since))
    return found


def _of_surgery(text: str, facts: Sequence[Fact], entities: Sequence[Mapping[str, Any]], table: Table, place: Place) -> List[Fact]:
    """An operation by a name that no list holds: "had a hysterectomy in january"."""
    match = _OPERATION.search(text)
    row = table.row_of("treatment", "plastic_surgery")
    if match is None or row is None or any(table.row_of(f.label, f.value) is row for f in facts):
        return []
    clause, sentence = own_clause(text, match.start()), _sentence(text, match.start())
    theirs = _SOMEBODY_ELSE.search(sentence) or _THEIRS.match(_rest(text, match.end()))
    if theirs or _QUESTION.match(sentence) or re.search(r"\b(?:no|not|never|if|without|having|need|before|want|getting|instead)\b", clause):
        return []
    if not place.question and not (_HAD.search(sentence) and place.ago(sentence) is not None):
        return []
    entity = {"entity": "treatment", "value": "plastic_surgery", "text": match.group(), "start": match.start(), "end": match.end()}
    around = _around(text, entity, [entity, *entities], table)
    fact = detail(Fact("treatment", "plastic_surgery", match.group()), row, around, place)
    beside = place.ago(clause) if fact.since is not None else None
    return [replace(fact, since=beside or fact.since)]


def _dated_birth(fact: Fact, text: str, entity: Mapping[str, Any], around: str, place: Place) -> Fact:
    """A birth with its day: "had my baby on feb 29 2024" is no birth in the last year."""
    counted = _AFTER_BIRTH.search(text)  # "4 months postpartum"
    since = (place.ago(f"{counted['old']} ago") if counted else None) or place.ago(own_clause(text, entity["start"])) or place.ago(around)
    details = tuple(pair for pair in fact.details if pair[0] != "now")
    old = since is not None and place.today - since.latest > YOUNG
    return replace(fact, since=since, details=(*details, ("now", "no")) if old else details)


def _of_the_sun(text: str, facts: Sequence[Fact], denied: Set[Tuple[str, str]], table: Table, place: Place) -> List[Fact]:
    """Burnt or tanned skin told in passing: at its question, or where the sun or a holiday is spoken of."""
    named = {fact.value for fact in facts} | {value for _, value in denied}
    if named & {"sunburn", "tan", "sunbed", "fake_tan"}:
        return []
    for value, words in (("sunburn", _BURNT), ("tan", _BROWNED)):
        match = words.search(text)
        if match is None:
            continue
        sentence = _sentence(text, match.start())
        if _SOMEBODY_ELSE.search(sentence) or _OTHER_HEAT.search(sentence) or _IMAGINED.search(_clause(text, match.start())) or _QUESTION.match(sentence):
            continue
        if re.search(r"\b(?:not|never|no|haven'?t|havent|didn'?t|didnt|don'?t|dont|easily|always|usually|if)\b", own_clause(text, match.start())):
            continue
        if place.question != "recent" and not (_IN_THE_SUN.search(sentence) and place.ago(sentence) is not None):
            continue
        row = table.row_of("condition", value)
        fact = Fact("condition", value, match.group().strip())
        return [detail(fact, row, sentence, place) if row is not None else fact]
    return []


def _is_an_allergy(text: str, entity: Mapping[str, Any], place: Place) -> bool:
    """Whether a medicine is named as what the person cannot bear: "penicillin" where allergies are asked for, "allergic to aspirin" anywhere."""
    clause = own_clause(text, entity["start"])
    if _ALLERGIC_TO.search(clause):
        return not re.search(r"\b(?:take|taking|on|use|using)\b[^,]*$", clause[: max(0, clause.find(str(entity.get("text") or "").lower()))])
    return place.question == "allergies" and not _TAKES.search(clause)


def _rest(text: str, at: int) -> str:
    """What follows in the same sentence."""
    stop = _SENTENCE.search(text, at)
    return text[at : stop.start() if stop else len(text)]


def own_clause(text: str, at: int) -> str:
    """The words between two commas or "and"s that hold the place `at`."""
    start = max((m.end() for m in _CLAUSE.finditer(text, 0, at)), default=0)
    stop = _CLAUSE.search(text, at)
    return text[start : stop.start() if stop else len(text)]


def with_detail(fact: Fact, name: str, value: str) -> Fact:
    return replace(fact, details=tuple(sorted({**dict(fact.details), name: value}.items())))


def detail(
    fact: Fact, row: Row, text: str, place: Place, said: Sequence[str] = (), whole: str = "", entity: Optional[Mapping[str, Any]] = None, bare: bool = False
) -> Fact:
    """`fact` with every detail that `text` gives for its row: still so, on that skin, controlled, how deep, when.

    `bare`: the text answers a question about this one fact, so "6 weeks" means six weeks ago.
    """
    asked = {name for name, _ in row.asks}
    matters = asked | {name for case in row.cases for name, _ in case.when}
    timed = row.rule.wait is not None or any(case.rule.wait for case in row.cases)
    since = place.ago(text, bare) if timed else None
    if since is not None:
        fact = replace(fact, since=since)
    if "now" in matters:
        now = _now(fact, text, said, whole, entity)
        # A day that has passed ends a course of tablets, but not the colour that the sun left.
        lasting = "now" in asked and row.rule.category == "wait"
        if now is None and since is not None and since.latest < place.today and "now" in asked and not lasting:
            now = "no"
        if now == "no" and lasting and not _FADED.search(text):
            now = None
        if now is not None:
            fact = with_detail(fact, "now", now)
    elif fact.label == "product" and since is None and not _STOPPED.search(text):
        fact = with_detail(fact, "now", "yes")  # creams are named because they are used
    if "here" in matters:
        here = _here(text, said, place, row)
        if here is not None:
            fact = with_detail(fact, "here", here)
    if "controlled" in matters:
        if _UNCONTROLLED.search(text):
            fact = with_detail(fact, "controlled", "no")
        elif _CONTROLLED.search(text):
            fact = with_detail(fact, "controlled", "yes")
    if "depth" in matters:
        for name, words in _DEPTHS:
            if words.search(text):
                return with_detail(fact, "depth", name)
    return fact


def age_in(text: str, asked: bool = False) -> Optional[int]:
    """The person's age in years if the text says it; when it is asked for, a bare number is one."""
    lower = text.lower().replace("’", "'").strip()
    not_yet = re.search(
        r"\b(?:nearly|almost|not yet|not quite|turning|soon|under|below|younger than) (\d{1,2})\b(?!\s*(?:weeks?|months?|days?|stone|kg|%))", lower
    )
    if not_yet and (asked or re.search(r"\b(?:i'?m|i am|im)\b", lower)):
        return int(not_yet[1]) - 1
    match = _AGE.search(lower)
    if match and (asked or not match.group().strip("., ").isdigit()):
        return int(match["age"])
    if asked:
        match = re.search(r"\b(\d{1,2})\b(?!\s*(?:weeks?|months?|days?|%))", lower)
        if match:
            return int(match[1])
        decade = re.search(r"\bin my (?:early |mid |late )?(twenties|20'?s|thirties|30'?s|forties|40'?s|fifties|50'?s|sixties|60'?s)", lower)
        if decade:
            tens = {"tw": 20, "th": 30, "fo": 40, "fi": 50, "si": 60}.get(decade[1][:2]) or int(decade[1][:2])
            return tens + (0 if "early" in decade.group() else 5)
        from actions.ago import number

        words = re.sub(r"\b(?:i'?m|i am|im|years? old|yrs?|just|nearly|about|turned|turning|age|aged|only)\b|[^a-z -]", "", lower).strip()
        spelt = number(words)
        return int(spelt) if spelt and spelt >= 10 else None
    return None


def _placed(entity: Mapping[str, Any], text: str) -> Dict[str, Any]:
    """The entity with offsets that fit `text`: the NLU counts in a cleaned copy."""
    words = str(entity.get("text") or "").lower().replace("’", "'")
    start, end = int(entity.get("start") or 0), int(entity.get("end") or 0)
    if words and text[start:end] != words:
        found = text.find(words, max(0, start - 10))
        start = found if found >= 0 else max(0, text.find(words))
        end = start + len(words)
    return {**entity, "start": start, "end": end}


def _sentence(text: str, at: int) -> str:
    start = max((m.end() for m in _SENTENCE.finditer(text, 0, at)), default=0)
    stop = _SENTENCE.search(text, at)
    return text[start : stop.start() if stop else len(text)]


def _clause(text: str, at: int) -> str:
    start = max((m.end() for m in _CLAUSE.finditer(text, 0, at)), default=0)
    return text[start : max(at, start)]


def _claimed(text: str, at: int) -> bool:
    """ "can i still come, i have eczema": a plain claim inside a question."""
    start = max((m.end() for m in _CLAUSE.finditer(text, 0, at)), default=0)
    before = text[start:at]
    asked = list(_WHETHER.finditer(before))
    if asked and _STRONG_CLAIM.search(before, asked[-1].end()) and not _IMAGINED.search(before, asked[-1].end()):
        return True  # "can you check if i can have it im on blood thinners"
    return (
        bool(_FIRST_PERSON.search(before)) and not _IMAGINED.search(before) and not re.match(r"\s*(?:can|could|should|would|do|does|is|are|will|may)\b", before)
    )


def _real_after_all(text: str, entity: Mapping[str, Any], place: Place) -> bool:
    """Put as a condition, and still so: "is it ok if i had a c section last november", "if i have diabetes? cos i do"."""
    sentence = _sentence(text, entity["start"])
    dated = re.search(r"\b(?:i|ive|i've|my)\b", sentence[: max(0, sentence.find(str(entity.get("text") or "").lower()))]) and place.ago(sentence) is not None
    return bool(dated) or bool(_I_DO.search(text, entity["end"]))


def _claimed_at_all(text: str, at: int) -> bool:
    """Whether the sentence before a thing makes it the person's own, question or not: "does my eczema matter", "is it a problem that i take warfarin"."""
    start = max((m.end() for m in _SENTENCE.finditer(text, 0, at)), default=0)
    before = text[start:at]
    return bool(re.search(r"\b(?:my|mine|me|i'?m|i am|im|i have|i'?ve|ive|i had|i take|i use|i get|i was|i got|i)\b", before)) and not _IMAGINED.search(before)


def _meant(label: str, entity: Mapping[str, Any], text: str, place: Place) -> bool:
    """Whether naming the thing tells something about the person."""
    if str(entity["value"]) in ("sunburn", "tan") and _HABIT.search(own_clause(text, entity["start"])):
        return False  # how the skin takes the sun is no sunburn
    if label == "product" and re.search(r"\bpeel\b", _sentence(text, entity["start"])):
        return False  # "a glycolic peel" is a peel
    if label == "allergen" and place.question != "allergies":
        return bool(_ALLERGY.search(text)) or bool(place.question and len(text.split()) <= 2)  # "nickel", remembered one question late
    if label == "allergen" and re.search(r"\b(?:metal|nickel|lidocaine)\b[^.]{0,20}\bfine\b", text):
        return False
    if label in ("treatment", "product") and (_ASKS.match(_sentence(text, entity["start"])) or _ASKS.match(_clause(text, entity["start"]))):
        return False
    if place.question and _QUESTION.match(_sentence(text, entity["start"])) and not _claimed_at_all(text, entity["start"]):
        return False  # "does isotretinoin matter if it was years ago?" asks, and tells nothing
    if place.question:
        return label != "symptom" or place.question in ("conditions", "recent", "follow", "summary", "change")
    if label == "symptom":
        return False  # the safety guard's business
    if label in ("treatment", "product"):
        return bool(_HAD.search(_sentence(text, entity["start"])))
    return True


def _around(text: str, entity: Mapping[str, Any], entities: Sequence[Mapping[str, Any]], table: Table) -> str:
    """The clause of an entity and those after it that speak of nothing else; the clause after, if only that has the time."""
    cuts = [0, *sorted(m.end() for m in _CLAUSE.finditer(text)), len(text)]
    clauses = [(a, b) for a, b in itertools.pairwise(cuts) if b > a]
    home = next((i for i, (a, b) in enumerate(clauses) if a <= entity["start"] < b), 0)
    others = [e["start"] for e in entities if e is not entity and table.row_of(str(e["entity"]), str(e["value"])) and e["start"] != entity["start"]]
    end = home + 1
    while end < len(clauses) and not any(clauses[end][0] <= at < clauses[end][1] for at in others):
        end += 1
    # "a peel and waxing 3 weeks ago": one time for both, when nothing new is said of the second.
    if end == home + 1 and end < len(clauses) and not re.search(r"\b(?:i|had|did|got|stopped|finished|have|am|on|take|use)\b", text[slice(*clauses[end])]):
        end += 1
    begin = home
    while begin and not any(clauses[begin - 1][0] <= at < clauses[begin - 1][1] for at in others):
        begin -= 1
    return text[clauses[begin][0] : clauses[min(end, len(clauses)) - 1][1]] if clauses else text


def _now(fact: Fact, text: str, said: Sequence[str], whole: str, entity: Optional[Mapping[str, Any]]) -> Optional[str]:
    if entity is not None and fact.label == "condition" and fact.value in ("pregnancy", "breastfeeding"):
        before, after = whole[: entity["start"]], whole[entity["end"] :]
        noun = "pregnant" not in fact.said and "pregnan" in fact.said
        if "past" in said or _WAS.search(before) or (noun and (_BORN_OF_IT.search(before) or _MARKS_OF_IT.match(after))):
            return "no"
        if fact.value == "breastfeeding" and re.search(r"\b(?:stopped|finished|done|weaned|gave up|after|no longer)\s+(?:\w+\s+)?$", before):
            return "no"
        return "yes"
    if _STILL.search(text) and not re.search(r"\b(?:stopp?\w*|finish\w*|ended|came off|come off|off|quit|no longer)\b", text):
        return "yes"
    if "past" in said or _STOPPED.search(text):
        return "no"
    return None


def _here(text: str, said: Sequence[str], place: Place, row: Row) -> Optional[str]:
    if _THERE.search(text) and not re.search(r"\bnot (?:on|in|over|near)\b", text):
        return "yes"
    # An illness that is over is not on that skin; a wax that is over may well have been.
    if _ELSEWHERE.search(text) or (row.question == "conditions" and ("past" in said or _CALM.search(text))):
        return "no"
    named = [area for area, words in _AREAS if words.search(text)]
    if named and place.area:
        return "yes" if set(named) & set(place.area) else "no"
    if _ACTIVE.search(text):
        return "yes"
    return None


# Only to compare a place that is named beside a thing with the area to be treated; reading areas is the vocabulary's business.
_AREAS = tuple(
    (area, re.compile(words))
    for area, words in (
        ("abdomen", r"\b(?:tummy|belly|stomach|abdomen|waist)\b"),
        ("breasts", r"\b(?:breasts?|boobs?|chest)\b"),
        ("hips", r"\bhips?\b"),
        ("thighs", r"\b(?:thighs?|legs?)\b"),
        ("buttocks", r"\b(?:bum|buttocks?|bottom|backside)\b"),
        ("arms", r"\b(?:arms?|biceps?|shoulders?|underarms?|armpits?)\b"),
        ("calves", r"\b(?:calf|calves|shins?|lower legs?)\b"),
        ("back", r"\b(?:lower back|upper back|my back)\b"),
        ("knees", r"\bknees?\b"),
    )
)


def _once(facts: Sequence[Fact]) -> List[Fact]:
    """The same thing named twice counts once, with the details of both."""
    merged: Dict[Tuple[str, str], Fact] = {}
    for fact in facts:
        key = (fact.label, fact.value)
        if key in merged:
            known = merged[key]
            details = {**dict(known.details), **dict(fact.details)}
            # "actually i am still on it": the day it was said to have ended holds no longer
            again = dict(fact.details).get("now") == "yes" and dict(known.details).get("now") != "yes"
            merged[key] = replace(known, details=tuple(sorted(details.items())), since=fact.since or (None if again else known.since))
        else:
            merged[key] = fact
    return list(merged.values())


def merge(known: Sequence[Fact], new: Sequence[Fact]) -> List[Fact]:
    """Facts told earlier with what is told now; newer details win."""
    return _once([*known, *new])
