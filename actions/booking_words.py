"""Short answers and corrections as people type them inside the booking, told apart without the classifier."""

import re
from typing import Optional

_POLITE = r"(?:[\s,.!]|please|pls|plz|thanks|thank you|thx|ta|cheers|then|so|sorry|love|mate|sir|madam|ma'?am|dear|lol|ok|okay|oh|well|um|hmm|:\)|👍|🙏)*"
_YES = (
    r"(?:y|ya|yh|ye|yes|yea|yeah|yep|yup|yas+|yess+|yeh|aye|sure(?: thing)?|of course|ok(?:ay|ey|ie)?|k+|alright|alrighty|aight|fine|correct|right|exactly|absolutely|definitely|deffo|indeed|"
    r"perfect|great|good|lovely|sounds good|that'?s (?:fine|right|correct|good|great|perfect|it|ok|all right|me)|all (?:good|right|correct|fine)|looks? (?:good|right|fine)|"
    r"go (?:ahead|on|for it)|do it|book (?:it|me in|that)|confirm(?:ed)?|i confirm|please do|i do|i agree|agreed?|yes i am|i am|that works|works for me|happy with that|no problem|oya|na so|haan|ji)"
)
YES = re.compile(
    rf"^\W*{_POLITE}{_YES}(?:{_POLITE}\b{_YES})*(?: (?:book it|it is|that is fine|that'?s fine|book me in|pass it on|move it|call me|cancel it|go ahead|i am|it'?s ok))?{_POLITE}\W*$",
    re.I,
)
_NO = r"(?:no+|n|nah|nope|no thanks?|no thank you|not (?:really|yet|now|that|this|right|correct|quite)|don'?t|do not|none(?: of (?:these|those|them))?|neither|never|nay|wrong|incorrect|i do ?n'?t|i disagree)"
NO = re.compile(rf"^\W*{_POLITE}{_NO}{_POLITE}(?:{_NO})?(?: keep it| leave it| it'?s wrong| thats wrong)?{_POLITE}\W*$", re.I)
STOP = re.compile(
    rf"^\W*{_POLITE}(?:stop(?: it| this| that| here)?|cancel(?: it| this| that)?|never ?mind|nvm|forget (?:it|this|about it)|quit|exit|leave it|abort|"
    rf"i(?:'ve| have)? changed my mind|i do ?n'?t want (?:to(?: book)?|it|this|an appointment)(?: any ?more)?|not (?:any ?more|interested)|drop it){_POLITE}\W*$",
    re.I,
)
SKIP = re.compile(
    rf"^\W*{_POLITE}(?:skip(?: it| this| that| (?:this|that) (?:one|question))?|pass|next(?: question)?|leave (?:it|that|this) (?:out|blank)|(?:i )?(?:'d |would )?(?:rather|prefer) not(?: to)?(?: say)?|"
    rf"(?:i )?(?:do ?n'?t|do not|have ?n'?t) (?:have|got|use) (?:one|any|it|an? (?:e-?mail|phone|mobile|number)(?: address| number)?)|no (?:e-?mail|phone|number|mobile)|none|n/?a|not applicable){_POLITE}\W*$",
    re.I,
)
BACK = re.compile(
    rf"^\W*{_POLITE}(?:(?:can (?:i|we) )?go back(?: one| a step)?|back|previous(?: question)?|undo|wait,? (?:go )?back|i made a (?:mistake|typo)|(?:that|it)(?:'s| was| is) (?:wrong|a (?:mistake|typo)))"
    rf"{_POLITE}\W*$",
    re.I,
)
WHY = re.compile(r"^\W*(?:but |and )?(?:why|wot for|what for|whats? (?:that|this|it) for|how come|what do you (?:need|want) (?:it|that|this) for)\b", re.I)
# Somebody thinks aloud: no answer, no failure.
_SIGH = r"(?:a{2,}h*|ah+|o+h+|h+m+|m{2,}|u+m+|u+h+m*|e+r+m*|well|so|sorry|ok|okay|honestly|god|gosh|ugh|right|now|just|wait|tbh|lol|please|pls|really|yet|though|actually)"
_UNSURE = (
    r"(?:(?:i )?(?:really |honestly |just )?(?:do ?n'?t|do not|dunno|donno) ?(?:really |quite |actually )?(?:know|kno)|idk|i dunno|dunno"
    r"|(?:i'?m |i am |im )?(?:really |just |still )?(?:not (?:too |so |quite |really |entirely |that |100% )?(?:sure|certain)|unsure|undecided|uncertain|thinking|torn)"
    r"|no idea|no clue|(?:that'?s a )?(?:good|hard|tough|tricky) (?:question|one)"
    r"|(?:let me|lemme|i need to|i have to|i'?ll have to|i must|need to|gotta|give me time to) (?:just )?(?:think|see|check|look|have a (?:think|look))"
    r"|(?:give me|gimme|hold on|hang on|one|just|wait|just give me) (?:a |one |two |2 |1 )?(?:sec(?:ond)?s?|min(?:ute)?s?|mo|moment|tick|bit)|hold on|hang on|wait"
    r"|(?:i )?(?:can'?t|cannot|cant) (?:decide|choose|think|remember))"
)
_UNSURE_OF = (
    r"(?: (?:about (?:it|that|this)|it over|first|when|which(?: one| day| time)?|what to (?:say|pick|put|choose|do)|on (?:my|the) (?:diary|calendar|rota)|(?:my|the) (?:diary|calendar|rota|phone|work)"
    r"|(?:for )?a (?:sec(?:ond)?|min(?:ute)?|moment|bit)))*"
)
_ALOUD = re.compile(rf"(?:(?P<unsure>{_UNSURE}{_UNSURE_OF})|(?P<alone>a{{2,}}h+|h+m+|u+m+|u+h+m*|e+r+m+)|{_SIGH})(?![\w'])[\s,.!?…-]*", re.I)
LONGEST_HESITATION = 80  # characters; who writes more says something


def hesitates(text: str) -> bool:
    """Whether somebody only thinks aloud: "hmm, not sure", "aaah i dont know", "let me check my diary"."""
    rest, unsure = text.strip(), False
    if len(rest) > LONGEST_HESITATION:
        return False
    sighs = True
    while rest:
        match = _ALOUD.match(rest)
        if not match:
            return False
        unsure, sighs = unsure or bool(match["unsure"]), sighs and bool(match["alone"])
        rest = rest[match.end() :]
    return unsure or (sighs and bool(text.strip()))


EITHER = re.compile(
    rf"^\W*(?:either|any|whichever|whatever)(?: (?:one|of (?:them|these|those)|is|works|suits|fine|ok|okay|good|would|do|for me|time|is fine))*{_POLITE}\W*$",
    re.I,
)
# Where a message falls into parts that can be read alone, and what makes the first part a condition of the second.
PARTS_ENDS = re.compile(r"[.!?;\n]+\s*|,?\s+(?:and|so|but|also)\s+(?=(?:can|could|may|is|are|i|i'?d|id|would|do|book|please|any)\b)", re.I)
CONDITION = re.compile(r"\b(?:if|unless|until|till|depend\w*|provided|otherwise|except|only|not before|whether|as long as|in case)\b", re.I)
# "make it 3", "can we do 4 instead": an hour and no day.
HOUR_ONLY = re.compile(
    r"\b(?:make (?:it|that)|do|at|to|for|be|have|say|was|meant?)\s+(?P<hour>(?:half (?:past )?|quarter (?:past|to) )?(?:\d{1,2}(?:[:.]\d\d)?(?: ?[ap]m)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon)(?: o'?clock| thirty)?)"
    r"(?: instead| please| pls| then| if possible)*\W*$",
    re.I,
)
# Whom it is for, put right: "actually it's for my sister", "it's for me, not her".
FOR_WHOM = re.compile(
    r"\b(?:it'?s|its|it is|that'?s|this is|make it|actually|book it|change it|not|i meant?|meant)\b.{0,25}\bfor (?:me|myself|her|him|them|someone else|somebody else|a friend|"
    r"(?:my|our) (?:mum|mom|mother|dad|father|sister|brother|wife|husband|partner|girlfriend|boyfriend|friend|mate|aunt|cousin|niece|daughter|son|boss|colleague)|both)\b(?! (?:to|at|on)\b)",
    re.I,
)
GOES_BACK = re.compile(
    r"\b(?:call|ring|phone|bell|buzz|text|get|come|be|go|hear|write|mail|e-?mail|message|am|i'?m|im)\w*(?: (?:me|us|you|right|in touch))* back\b|\bback (?:to|in|at|on|from|home|again|later|soon)\b",
    re.I,
)
GOES_AHEAD = re.compile(
    r"^\W*(?:yes|yeah|yep|ok|okay|please|sure)[\s,]+(?:please |pls |just |go ahead and )*(?:book|go ahead|do it|confirm)(?: it| me| that| this)?(?: in)?(?: please| pls| now)*\W*$",
    re.I,
)
AGAIN = re.compile(r"^\W*(?:try|do it|go)? ?(?:it )?again\W*$|^\W*retry\W*$", re.I)
GO_ON = re.compile(
    r"^\W*(?:yes,? )?(?:please )?(?:let'?s )?(?:go on|go ahead|continue|carry on|resume|proceed|keep going)(?: with (?:the|my) (?:booking|appointment))?\W*(?:please)?\W*$",
    re.I,
)
ANEW = re.compile(r"^\W*(?:no,? )?(?:please )?(?:start (?:again|over|anew|afresh|from scratch)|restart|new one|from the beginning)\W*$", re.I)
OTHERS = re.compile(
    r"\b(?:other|different|more|another|next|later|further|else)\b.{0,12}\b(?:times?|slots?|days?|dates?|options?|appointments?|ones?|week)\b|^\W*(?:more|others?|later|show more|see more|next|"
    r"(?:something|anything) (?:else|later)|none of (?:these|those|them)(?: work(?:s)?)?(?: for me)?|(?:they|these|those|none) (?:do ?n'?t|do not|don't) (?:suit|work)(?: me)?)\W*$",
    re.I,
)
CORRECTS = re.compile(
    r"^\W*(?:no+|wait|sorry|oops|actually|hang on|hold on|correction|i mean|i meant|scrap that|on second thoughts?|instead)\b|\b(?:actually|i meant|i mean|instead|rather|make (?:it|that)|change (?:it|that|the|my)|"
    r"(?:can|could) (?:we|i|you|it) (?:change|make|do|move|be)|should (?:be|have been)|(?:is|was|are) (?:wrong|not right|incorrect)|wrong (?:name|number|phone|e-?mail|day|date|time)|typo|misspel(?:t|led)|not \w+ but)\b",
    re.I,
)
BOOK = re.compile(
    r"\b(?:any chance of|(?:can|could|may) (?:i|we) (?:come|pop|call|drop)|come in|pop in|(?:do|have) (?:you|ye|u) (?:have |got )?(?:any(?:thing)?|a slot|space)|(?:is|are) there any\w*|"
    r"any(?:thing)? (?:free|slots?|availability|openings?|spaces?|left)|got any(?:thing)?|book(?:ing)?|reserve|schedule|appointment|appt|apt|consult(?:ation)?|(?:pencil|squeeze|slot|fit|put|pop|stick) (?:me|us) (?:in|down)|see (?:someone|somebody|you))\b",
    re.I,
)
# Where in a wish the answer to a question about it belongs.
UNCLEAR_PLACES = (
    re.compile(r"\b(?:(?:on|this|next|coming)\s+)*(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\b", re.I),
    re.compile(r"\b(?:this|next) week(?:end)?\b", re.I),
    re.compile(r"\b(?:at )?\d{1,2}(?:[:.]\d\d)?\b(?!\s*(?:[ap]m|st|nd|rd|th))", re.I),
)
# What opens a correction and is no part of the time in it: "no, make it friday".
LEADS_IN = re.compile(
    r"^\W*(?:(?:no+|nope|nah|yes|yeah|ok|okay|wait|sorry|oops|actually|hang on|hold on|correction|but|scrap that|on second thoughts?)\b[\s,.!:;-]*)+(?=\w)",
    re.I,
)
# A field named in a correction: "change my number", "the name is wrong".
FIELDS = [
    ("email", re.compile(r"\be-?mails?\b|\bmail address\b", re.I)),
    ("phone", re.compile(r"\b(?:phone|mobile|cell|tele?phone|number|digits)\b", re.I)),
    ("name", re.compile(r"\b(?:name|spell(?:ing|ed|t)?|surname)\b", re.I)),
    ("contact_by", re.compile(r"\b(?:contact(?:ed)? (?:me|by|method)|how (?:you|to) contact)\b", re.I)),
    ("area", re.compile(r"\b(?:area|body part|part of (?:the|my) body)\b", re.I)),
    ("slot", re.compile(r"\b(?:time|day|date|slot|appointment|when)\b", re.I)),
]
CALL_BACK = re.compile(
    r"\b(?:(?:call|ring|phone|bell|buzz|tinkle)(?: me)? ?back|call ?-?backs?|(?:call|ring|phone|bell) me\b(?! (?!back|at|on|in|after|before|tomorrow|today|later|please|pls|when|asap|this|between|mon|tue|wed|thu|fri|sat|sun|any|next|tonight|monday|around|about|from|between|\d)\w)|"
    r"give (?:me|us) a (?:call|ring|bell|buzz|tinkle)|(?:someone|somebody|a person|a human|you|ye|nurse|team) (?:to |could |can |please )*(?:call|ring|phone)(?: me| us)|speak on the phone|by telephone)\b",
    re.I,
)
BY = [
    ("email", re.compile(r"\be-?mails?\b|\bmail\b", re.I)),
    ("text", re.compile(r"\b(?:texts?|sms|message|messages|msg|whats ?app|txt)\b", re.I)),
    ("call", re.compile(r"\b(?:calls?|ring|phone|phone call|telephone|bell|voice|mobile)\b", re.I)),
]
_NOT_BY = re.compile(r"\b(?:not|no|don'?t|do not|never|can'?t|cannot|rather not) (?:\w+ ){0,2}(calls?|ring|phone|e-?mails?|mail|texts?|sms)\b", re.I)
ANY = re.compile(r"\b(?:any|either|both|whichever|no preference|don'?t mind|do not mind|doesn'?t matter|not fussed)\b", re.I)

_AGE = re.compile(
    r"\b(?:i'?m|i am|im|me is|she'?s|she is|he'?s|he is|shes|hes|aged?|(?:daughter|son|girl|boy|sister|brother|niece|nephew|teen(?:ager)?|kid|child)(?:'s| is| who is| who'?s|,| aged?|\()?)\s*"
    r"(?:(?:is|only|just|nearly|almost|still|turning|about|a|now|actually)\s+)*(?P<age>\d{1,2}|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen)\b"
    r"(?!\s*(?:%|:|\.\d|/|-\s*\d|st\b|th\b|stone|kg|lbs?|cm|mm|km|miles?|weeks?|wks?|months?|mths?|days?|min|hours?|hrs?|am\b|pm\b|o'?clock|minutes?|percent|people|kids|pounds|quid|sessions?|marks?))",
    re.I,
)
_WORDS = {w: n for n, w in enumerate("eleven twelve thirteen fourteen fifteen sixteen seventeen".split(), start=11)}
_UNDER = re.compile(
    r"\b(?:i'?m|i am|im|she'?s|he'?s|daughter is|son is)\s+(?:still )?(?:under ?-?(?:age|18|eighteen)|a minor|not (?:yet )?(?:18|eighteen)|in (?:year|yr) (?:[7-9]|1[01])\b)|\bunder ?-?age\b|\bi am under \d\d\b",
    re.I,
)
YOUNGEST = 8  # a smaller child is spoken of, not booked for


def minor(text: str, minimum_age: int) -> bool:
    """Whether the person to be treated is said to be under `minimum_age`."""
    if _UNDER.search(text):
        return True
    for match in _AGE.finditer(text):
        age = int(match["age"]) if match["age"].isdigit() else _WORDS[match["age"].lower()]
        if YOUNGEST <= age < minimum_age:
            return True
    return False


def contact_by(text: str) -> Optional[str]:
    """ "call", "text" or "email", or None when none or several are named."""
    refused = {name for match in _NOT_BY.finditer(text) for name, pattern in BY if pattern.search(match[1])}
    named = [name for name, pattern in BY if pattern.search(text) and name not in refused]
    if not named and refused and len(refused) == 2:
        named = [name for name, _ in BY if name not in refused]
    return named[0] if len(named) == 1 else "text" if named == ["text", "call"] and re.search(r"\btext|\bsms|whats", text, re.I) else None


def field(text: str) -> Optional[str]:
    """The field a correction names."""
    return next((name for name, pattern in FIELDS if pattern.search(text)), None)
