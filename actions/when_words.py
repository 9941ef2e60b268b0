"""The words of `actions.when`: spellings, phrases and parts of the day as tables, and the lexer that brings them to one form.

A message becomes symbols with a space between: W3 Thursday, P3 Thursdays, M4 April, O10 the 10th, N5 five, T1050 half past five in
the afternoon for certain, A330 half five (morning or evening not said), D2026-04-03, S3/4 (order of the clinic), X9.10 (a time or
a date), words as they are, and `,` where a sentence or a clause ends.
"""

import re
import unicodedata
from typing import Callable, Dict, List, Tuple, Union

WEEKDAYS: Dict[str, int] = {
    **dict.fromkeys("monday mon mond".split(), 0),
    **dict.fromkeys("tuesday tue tues tuseday teusday tuesdy".split(), 1),
    **dict.fromkeys("wednesday wed weds wednes wensday wendsday wedensday weddnesday wednsday".split(), 2),
    **dict.fromkeys("thursday thu thur thurs thrus thursady thirsday".split(), 3),
    **dict.fromkeys("friday fri frid firday".split(), 4),
    **dict.fromkeys("saturday sat satur satday saterday".split(), 5),
    **dict.fromkeys("sunday sun".split(), 6),
}
MONTHS: Dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb febuary feburary", "march mar", "april apr aprl", "may", "june jun", "july jul", "august aug",
            "september sep sept", "october oct", "november nov", "december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
NUMBERS: Dict[str, int] = {
    **{word: n for n, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), start=1)},
    "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50,
}  # fmt: skip
_TENTHS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
ORDINALS: Dict[str, int] = {word: n for n, word in enumerate(_TENTHS.split(), start=1)}
ORDINALS.update({f"twenty {word}": 20 + n for n, word in enumerate(_TENTHS.split()[:9], start=1)})
ORDINALS.update({"thirtieth": 30, "thirty first": 31})

# Minutes after midnight in which an appointment may begin, both ends included.
PARTS: Dict[str, Tuple[int, int]] = {
    "morning": (0, 719),
    "earlymorning": (0, 599),
    "midmorning": (570, 689),
    "latemorning": (630, 719),
    "lunchtime": (720, 839),
    "afternoon": (720, 1019),
    "earlyafternoon": (720, 869),
    "midafternoon": (840, 959),
    "lateafternoon": (930, 1049),
    "evening": (1020, 1439),
    "earlyevening": (1020, 1139),
    "lateevening": (1110, 1439),
    "endofday": (960, 1439),
    "afterwork": (1020, 1439),
    "afterschool": (930, 1439),
    "schoolhours": (555, 869),
    "afterdropoff": (555, 1439),
    "workinghours": (540, 1019),
    "noonish": (690, 750),
    "pm": (720, 1439),
    "afterlunch": (840, 1019),
    "beforelunch": (0, 719),
}
SOFT = ("schoolhours", "afterdropoff", "workinghours", "endofday", "noonish")  # they do not say morning or evening for an hour beside them

# Spellings that no distance finds, and what they mean.
_TEENS = "thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TWENTY_FOUR = {**{word: n for n, word in enumerate(_TEENS, start=13)}, "twenty": 20, "twenty one": 21, "twenty two": 22, "twenty three": 23}
_SPOKEN_24 = "|".join(sorted((w.replace(" ", "[ -]") for w in _TWENTY_FOUR), key=len, reverse=True))
_SPOKEN_TENS = {"hundred": 0, "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "forty five": 45, "forty-five": 45, "fifty": 50}


def _army(match: "re.Match[str]") -> str:
    return f"{_TWENTY_FOUR[match[1].replace('-', ' ')]}:{_SPOKEN_TENS[match[2]]:02d}"


_PHRASES: List[Tuple[str, Union[str, Callable[["re.Match[str]"], str]]]] = [
    # greetings, and times that are somebody's call and not an appointment
    (r"^\W*(?:(?:hi|hiya|hello|hey|dear|sir|madam)\W+)*(?:a very )?good (?:morning|afternoon|evening|day)\b(?= ?(?:$|[,.!;:-]|\w))", " "),
    (r"\b(?:i'?ll|i will|ill|i can|i could|let me|i'?m going to|gonna) (?:just )?(?:ring|call|phone|text|message|e-?mail|whats ?app|bell) (?:you|ye|u|yous|back|the clinic)\b", " conditional "),
    # courtesy, and what a sentence ends with to be agreed to
    (r"\bif (?:at all )?(?:poss\w*|you (?:can|could|please|like|wish|do ?n'?t mind|(?:have|'?ve got|got) (?:it|any\w*|one|space|something|that|a slot))|(?:that|it)(?:'?s| is| would be) (?:all right|alright|ok|okay|fine|possible|good|no (?:bother|trouble|problem))"
     r"|(?:it|that) suits(?: you)?|free|available|i (?:may|might)|there'?s (?:any\w*|one|space|something)|ye can|u can)\b", " "),
    (r"\b(?:was|am|is|i'?m|were) (?:just )?wondering(?: if| whether)?\b|\bwonder(?:ing)? (?:if|whether)\b", " "),
    (r"\bmost (?:grateful|kind|welcome|convenient|suitable)\b|\bhappy new year(?: in advance)?\b|\bbest wishes\b", " "),
    (r"[, ]+(?:no|yeah|yes|right|ok|okay|eh|innit|is it|isn'?t it|please)\s*\?+\s*$", " "),
    # put right: what was said before no longer holds
    (r"\b(?:oh |no |ah |ok |oops |sorry )*(?:wait|hang on|hold on|oops|whoops|(?:scratch|scrap|forget|cancel) that|i meant?(?! (?:any|it|that|to|like))|make that|or rather|correction|no sorry|sorry no)\b"
     r"(?:[, ]+(?:no|wait|sorry|actually|make (?:it|that)|i meant?)\b)*", " correct "),
    (r"\b(?:need not|needn'?t|(?:does ?n'?t|does not|do ?n'?t|do not|didn'?t) (?:have|need) to)\b", " conditional "),
    (r"\b(?:it |they |that )?(?:has|have|needs?|must|ought|got|gotta|should)(?: got)?(?: to)? be\b", " mustbe "),
    # what holds only if something else does, or every so often
    (r"\bif (?:it'?s|it is|i come|we (?:go|come)|that'?s|on|you (?:mean|choose|pick))\b(?= (?:on )?(?:the |a |this |next )?(?:\d|mon|tue|wed|thu|fri|sat|sun|other|tomorrow|today|morning|afternoon|evening|week))", " conditional "),
    (r"\b(?:not|except|but|bar) (?:for )?(?:this|that|the (?:next|first|coming|last|very next)) one\b", " conditional "),
    (r"\bevery (?:other|second|2nd|third|3rd|fourth|few|couple of|two|three|four|2|3|4)\b(?! day of)|\b(?:fortnightly|weekly|monthly|bi-?weekly|twice a (?:week|month)|once a (?:week|month|fortnight))\b", " conditional "),
    (rf"\b({_SPOKEN_24})[ -](hundred|ten|fifteen|twenty|thirty|forty[ -]five|forty|fifty)(?: hours| hrs)?\b", _army),
    (r"\b(day|week|fortnight|month|year)'s\b", r"\1"),
    (r"\b(\d{1,2}(?:[:.]\d\d)?)([ap])(?![\w.'])", r"\1\2m"),
    (r"\b(twenty|thirty)[ -](first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)\b", lambda m: _ordinal(m[1], m[2])),
    (r"\b(\d{1,2}[:.]\d\d) ?(?:hrs|hours|h|o'? ?clock)\b", r"\1"),
    (r"\b(?:on|at) (?:the )?(?:stroke|dot) of\b|\bon the dot\b", "at"),
    (r"\b(?:upwards?|and up)\b", "onwards"), (r"\befter\b", "after"), (r"\b(?:a )?(morning|afternoon|evening|night) person\b", r"\1"),
    (r"\bn\b(?= (?:mon|tue|wed|thu|fri|sat|sun))|\bthen maybe\b", "and"),
    (r"\b(?:a)?bout\b", "about"), (r"\btomorrow (?:or|and) (?:the )?day after\b(?! tomorrow)", "tomorrow or dayaftertomorrow"),
    (r"\b(?:the )?(?:first|1st) (?:half|fortnight|(?:two|2) weeks) (?:of|in)\b", "firsthalf of"),
    (r"\b(?:the )?(?:second|2nd|latter|last|other) half (?:of|in)\b", "secondhalf of"),
    # feasts with a date of their own
    (r"\bhallowe'?en\b", "31 october"), (r"\b(?:christmas|xmas) eve\b", "24 december"), (r"\b(?:christmas|xmas) day\b", "25 december"), (r"\bboxing day\b", "26 december"),
    (r"\bnew year'?s eve\b", "31 december"), (r"\bbefore (?:christmas|xmas)\b(?= ?(?:$|[,.!?;]|please|pls|if|or|but))", "before 25 december"),
    (r"\b(?:or |and )?(?:failing (?:that|which)|if (?:that'?s|it'?s) (?:gone|taken|full))\b", "or"), (r"\b(?:or )?at a (?:pinch|push|stretch)\b", "or"),
    (r"\b(?:instead of|rather than)\b", "not"),
    (r"\b(?:another|a second|one more|a new|the same|this|that) (?:appointment|appt|consultation|consult|booking|visit)\b|\b(?:text|e-?mail|message|msg|whats ?app) me\b|\bstill (?=possible|free|available|ok|good|fine|on)", " "),
    (r"\b(?:(?:can|could|would) (?:you|someone|somebody|they) )?(?:please )?(?:call|ring|phone|bell|buzz) (?:me|us)(?: back)?\b|\bcall ?-?back\b", " "),
    (r"\b(?:not|no) less than\b(?= \d)", "notbefore"), (r"\bnot next week,? ?(?:but )?(?:the (?:week after|one after|following(?: week)?|week following))\b", "weekafternext"),
    (r"\b(?:when|as|since|cause|while)\b(?= (?:i|i'?m|i'?ve|we|we'?re|my|our|he|he'?s|she|she'?s|the kids|the baby) )", "because"),
    (r"\bfor (?:me and )?(?:my|our|a) (?:mum|mom|mother|dad|father|sister|brother|wife|husband|partner|girlfriend|boyfriend|friend|mate|aunt|cousin|niece)\b(?!'s)|\bfor (?:myself|her|him)\b", " "),
    (r"\bfor my (?:lower |upper )?back\b", " "),
    (r"\b12 ?noon\b|\bnoon ?12\b|\btwelve noon\b", "noon"),
    (r"(?<=\d)( ?(?:[ap]m|oclock)?) (?:at (?:the )?)?(?:very )?(?:latest|max(?:imum)?|tops)\b", r"\1 orearlier"),
    (r"(?<=\d)( ?(?:[ap]m|oclock)?) (?:at (?:the )?)?(?:very )?earliest\b", r"\1 onwards"),
    (r"\b(?:(?:i )?(?:need|have|want|got|must|gotta)(?: to)? )?(?:be |get )?(?:away|out(?: of (?:there|here))?|gone|finished|done|off again|back (?:home|at work|in work|at my desk)|home|on the road) by\b(?= )", "by"),
    (r"\b(?:once|after|as soon as) (?:(?:the|my|our) )?(?:kids|children|wee ones|little ones?|boys|girls) (?:are|r|is) (?:at|in|off to) school\b", "afterdropoff"),
    (r"\bweekend (?=(?:mornings|afternoons|evenings)\b)", "anyweekend "),
    # "one" that is no hour
    (r"\b(?:another|this|that|the|which|whichever|either|any|new|first|last|earlier|later|next|each|every|second|other|mon(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?|morning|afternoon|evening) one\b"
     r"(?! (?:thirty|fifteen|forty|o'? ?clock|[ap]\.?m))", lambda m: m[0][: -len(" one")] if m[0].split()[0] not in ("another", "this", "that", "the", "which", "whichever", "either", "new", "other") else " "),
    (r"\bone (?:of|appointment|more|consultation|person|visit|slot|for|next|this)\b", " "),
    # quantities and clocks
    (r"\b1/2 past\b", "half past"),
    (r"\b(1[0-2]|[1-9]) ([0-5]\d) ?([ap])\.?m\b", r"\1:\2\3m"),
    (r"\b(\d{1,2}(?:[:.]\d\d)?)\s*([ap])\.?\s?m\b\.?(?:'?ish)?", r" \1\2m "),
    (r"\b(\d{1,2})\s*(?:-|to|–)\s*(\d{1,2})([ap]m)\b", r"\1 to \2\3"),
    (r"\bo'? ?clock\b|\bo clk\b", "oclock"),
    (r"\b(\d{1,2}(?:[:.]\d\d)?)\s*-?ish\b", r"\1 ish"),
    (r"\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)-?ish\b", r"\1 ish"),
    (r"\b(twenty|thirty|forty|fourty|fifty)[ -](one|two|three|four|five|six|seven|eight|nine)\b(?! past| to )", r"\1 \2"),
    (r"\b(\d{4}) ?(?:hrs|hours|h)\b", r"\1hrs"),
    # tomorrow and its kin
    (r"\b(?:tomm?orr?ow|tomm?orr?ows|tomoro+w?|tommoro+w?|tomorro|tomoz|tomozz|tmrw?|tmw|tmr|tmo?rr?ow|2moro+w?|2mrw|2morrow|2mro|tomo|tomorrer|tomorow|tommorrow|tomarrow|tomorrw|to[ -]morrow|(?:the )?morra|the morrow)\b",
     "tomorrow"),
    (r"\bthe morn\b(?!ing)", "tomorrow"),
    (r"\b(?:the )?day after (?:tomorrow|tmrw)\b|\bnext tomorrow\b|\bovermorrow\b", "dayaftertomorrow"),
    (r"\b(?:2nite|2night|tonite|tonight)\b", "today evening"),
    (r"\btoday itself\b", "today"),
    (r"\b(tomorrow|evening|morning) itself\b", r"\1"),
    (r"\b2day\b|\btday\b", "today"),
    # as soon as possible, any time
    (r"\b(?:a\.?s\.?a\.?p|as soon as (?:possible|poss|u can|you can|ye can|may be)|(?:the )?(?:soonest|earliest)(?: (?:possible|available|you (?:have|can|got)|slot|appointment|time|date|one|availability))*"
     r"|(?:the )?(?:first|next) (?:available|free|possible|opening)(?: (?:slot|appointment|time|day|one))?|right away|straight away|immediately|at once|whenever (?:is|you(?:'re| are)) next free|any earliest)\b", "asap"),
    (r"\b(?:any ?time(?: at all)?|anytime|any (?:old |oul )?(?:day|date|slot|time|hour)(?: at all)?|every ?day|each day|day no matter|whenever(?: (?:suits|works|you (?:can|like|want)|is (?:good|fine|ok)))*|wheneva|no preferences?|not fussed|not bothered|not picky|"
     r"(?:i )?(?:do not|don'?t|dont|dnt) (?:really )?(?:mind|care)(?: (?:when|what day|which day|what time))?|(?:it )?(?:does not|doesn'?t|doesnt) matter(?: (?:when|what day|which day|what time))?|(?:i'?m |i am )?(?:very |totally |completely |quite )?flexible|"
     r"(?:i'?m |i am )?easy(?: either way)?|you (?:choose|pick|decide)|up to you|all days? (?:are |is )?(?:ok|fine|good)|(?:i'?m |i am )?free all (?:day|week))\b", "anytime"),
    # parts of the day
    (r"\b(?:night|day|late|early|evening|morning)s? shifts?\b|\bon (?:nights|lates|earlies)\b|\bmy shift\b", " shiftwork "),
    (r"\b(?:once|when|as soon as|after) i(?:'?ve| have|'?m)? (?:finish(?:ed)?|done with|done at|left|leave|(?:got|get) (?:off|out of)|knock(?:ed)? off|out of)(?: (?:from )?(?:work|the office))\b", "afterwork"),
    (r"\b(?:post|after)[- ]lunch(?: ?time)?\b", "afterlunch"), (r"\b(?:pre|before)[- ]lunch(?: ?time)?\b", "beforelunch"),
    (r"\b(?:this|same|that) time\b(?= (?:next|tomorrow|on|a|in|as|again|\w+day))", " thistime "),
    (r"\b(?:only (?:on )?(?:the )?weekends?|weekends?,? only|weekends? (?:is|are) (?:best|better|good|easiest))\b", "anyweekend"),
    (r"\bschool run\b", " schoolrun "), (r"\b(?:way|going|drive|walk|train) to work\b", " commute "),
    (r"\b(?:first|1st) thing(?: in (?:the )?(?:a\.?m|morning))?\b", "earlymorning"),
    (r"\b(?:last thing|end of (?:the )?(?:day|working day)|close of (?:play|business)|cob|eod)\b", "endofday"),
    (r"\b(?:first|last) (?:appointment|slot|appt)(?: of the day)?\b", "edgeslot"),
    (r"\bearly (?:in the )?(?:a\.?m|morn(?:ing)?s?)\b", "earlymorning"),
    (r"\bmid ?-?(?:morn(?:ing)?s?)\b|\bmiddle of the morning\b", "midmorning"),
    (r"\b(?:late|later) (?:in the )?mornings?\b", "latemorning"),
    (r"\bearly (?:in the )?(?:after ?noons?|arvo|pm)\b", "earlyafternoon"),
    (r"\bmid ?-?after ?noons?\b|\bmiddle of the afternoon\b", "midafternoon"),
    (r"\b(?:late|later) (?:in the )?(?:after ?noons?|arvo)\b", "lateafternoon"),
    (r"\bearly (?:in the )?(?:evenings?|eves?)\b", "earlyevening"),
    (r"\b(?:late|later) (?:in the )?(?:evenings?|eves?|nights?)\b", "lateevening"),
    (r"\b(?:noon|mid ?day|12)[ -]?ish\b|\b(?:around|about|roughly) (?:noon|mid ?day)\b", "noonish"),
    (r"\b(?:(?:around|about|over|at) )?lunch ?(?:time|hour|break)?s?\b|\bdinner ?time\b(?= at school)", "lunchtime"),
    (r"\b(?:during |in |within )?(?:the )?school ?(?:hours?|time|day)\b|\bwhile (?:(?:the|my|our) )?(?:kids|children|wee ones|little ones?) (?:are|r|is) (?:at|in) school\b|\b(?:when )?(?:(?:the|my|our) )?(?:kids|children) (?:are|r) (?:at|in) school\b",
     "schoolhours"),
    (r"\b(?:during |in |within )?(?:normal )?(?:office|working|work|business) hours\b|\b(?:during|in) the day(?:time)?\b|\bday ?time\b", "workinghours"),
    (r"\b(?:after|outside|once i'?m out of) (?:of )?(?:office|working|work) hours\b", "afterwork"),
    (r"\bafter (?:i (?:finish|get off|leave) )?(?:work|office|the office|my shift is over)\b|\bwhen i (?:finish|get off) work\b|\bpost[- ]work\b", "afterwork"),
    (r"\bafter (?:school|uni|college|lectures|pick ?-?up|school pick ?-?up)\b", "afterschool"),
    (r"\b(?:after|between) (?:the )?(?:school )?drop ?-?offs?(?: and pick ?-?up)?\b|\b(?:before|ahead of) (?:the )?(?:school )?pick ?-?up\b", "schoolhours"),
    (r"\b(?:forenoons?|fore noon)\b", "morning"),
    (r"\b(?:arvos|after ?noons|afts)\b", "afternoons"), (r"\b(?:evenings|eves|nites|nights)\b", "evenings"), (r"\b(?:mornings|morings)\b", "mornings"),
    (r"\baft\b(?! of)", "afternoon"),
    (r"\b(?:arvo|avo|after ?noon|afternn?ons?|aft(?:er)?noo?n|arvie)\b", "afternoon"),
    (r"\b(?:evenin'?|eve|evnings?|evening|evening time|nite|night|night ?time)\b", "evening"),
    (r"\b(?:morn|mornin'?|morning|mornng|moring|mornigs?|morning time)\b", "morning"),
    (r"\bmid ?-?day\b|\bnoon\b", "noon"),
    (r"\bth(?:is|e) (?=(?:early|mid|late)?(?:morning|afternoon|evening)\b)(?<=this )", "today "),
    (r"\b(?:and |or |any ?time )?(after|before) (?:that|then)\b(?! (?:week|month|date|day))|\b(?:there)?(after)wards?\b|\bthere(after)\b", lambda m: f" {m[1] or 'after'}that "),
    (r"\b(?:\d+|two|three|four|both|a couple) (?:people|persons?|of us|kids?|children|adults?|ladies|girls|friends|marks|areas?)\b|\b(?:i'?m|i am|aged?|she'?s|he'?s) \d\d\b(?! ?(?:-|to|or|th|st|nd|rd|[ap]m|:))|\b\d+ ?(?:yrs?|years?)[ -]?olds?\b|\b\d+ ?yo\b",
     " "),
    # bounds
    (r"\b(?:not|nothing|never) (?:till?|until|before) after\b", "after"),
    (r"\b(?:not|nothing|never|no|isn'?t|none|but not|anything but) (?:(?:any )?(?:earlier|sooner) than|(?:un)?till?|before)\b|\bearliest(?: i can (?:do|make))? (?:is|would be)\b|\bcan'?t (?:do|make|be)(?: it| anything| there)? (?:before|until|till|earlier than)\b", "notbefore"),
    (r"\b(?:not|nothing|never|no|none) (?:(?:any )?(?:later than|after|past|beyond))\b|\blatest(?: i can (?:do|make))? (?:is|would be)\b|\bcan'?t (?:do|make|be)(?: it| anything| there)? (?:after|past|later than)\b", "notafter"),
    (r"\b(?:at|by) the (?:very )?latest\b|\bat latest\b|\b(?:or|and) (?:earlier|sooner|before)(?: than that)?(?=$|[\s,.!]*$| (?:please|pls|plz))", "orearlier"),
    (r"\b(?:on ?-?wards?|or (?:any ?time )?(?:later|after)(?: (?:that|than that|is (?:fine|ok|good)))?(?=$|[\s,.!?;]*$|[,.!?;]| (?:please|pls|plz|on|any|if|and|next|this|would|works?))|and (?:later|after|beyond)(?=$|[\s,.!]*$| (?:please|pls|plz))|at the (?:very )?earliest|at earliest)\b", "onwards"),
    (r"\b(?:any ?time )?(?:later than|past|aftr|afta|aftr|aftre)\b(?= )(?! (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\d))", "after"),
    (r"\b(?:later than|aftr|afta|aftre)\b", "after"),
    (r"\b(?:earlier than|b4|befor|bfore|sooner than|prior to|ahead of)\b", "before"),
    (r"\b(?:starting(?: from| on)?|commencing|as of|as from|beginning(?! of))\b", "from"),
    (r"\b(?:untill?|till?|til|upto|up to|thru|through|'til|until)\b", "until"),
    (r"\b(?:in ?-?between|btwn|btw|betwn|b/w)\b(?= (?:the )?(?:\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|quarter|mon|tue|wed|thu|fri|sat|sun))", "between"),
    (r"\b(?:i(?:'m| am)? )?(?:finish(?:es|ing)?|get off|clock off|knock off|home)(?: (?:work|uni|school|college|my shift|nursery))?(?: at)?(?= (?:\d|half|quarter|one|two|three|four|five|six|seven|eight))", "after"),
    (r"\bi(?:'m| am)? (?:work(?:ing)?|at work|busy|in (?:work|class|lectures|uni)|not free)(?: until| till| til| up to| to)(?= )", "after"),
    (r"\b(?:around|about|roughly|approx(?:imately)?|circa|close to|near(?:er)?(?: to)?|some ?time (?:around|about)|abt|arnd|say about)\b", "around"),
    (r"\b(?:i(?:'m| am)? )?(?:start|starting) (?:work|my shift|uni|college)(?: at)?(?= (?:\d|half|quarter|one|two|three|four|five|six|seven|eight))", "before"),
    # weeks
    (r"\b(?:nxt|nex|neext|nexr|nxet)\b", "next"),
    (r"\bwk(s?)\b", r"week\1"), (r"\bwkend(s?)\b|\bw/e\b|\bweek end(s?)\b|\bweekned\b", "weekend"), (r"\bwkday(s?)\b|\bweek day(s?)\b|\bworking days?\b", "weekday"),
    (r"\bweekends\b", "anyweekend"), (r"\b(?:every|any|each|most|at) (?:the )?weekends?\b|\ba weekend\b", "anyweekend"),
    (r"\b(?:(?:any|every|each|a|most|on) )?weekdays?\b|\bduring the week\b|\b(?:in|through) the week\b(?! (?:of|beginning|commencing|after|before))|\bmid ?-?week\b(?= days?)|\bmonday to friday\b|\bmon ?(?:-|to|until) ?fri\b", "weekdays"),
    (r"\bmid ?-?week\b|\bmiddle of the week\b", "midweek"),
    (r"\bthis (?:week )?(?:or|and) (?:the )?next(?: week)?\b(?! (?:mon|tue|wed|thu|fri|sat|sun))", "thisandnextweek"),
    (r"\bnext week (?:or|and) (?:the )?(?:week after(?: that)?|one after(?: that)?|following(?: week)?|week after next)\b", "nextandafterweek"),
    (r"@", " at "),
    (r"\bfort ?-?nights?\b|\bfortnite\b", "fortnight"),
    (r"(?<!\ba )\bweek (?:beginning|commencing|starting|of|from)(?: the)?\b(?! now)|\bw/c\b|\bw/b\b|\bwc\b(?= )", "weekof"),
    (r"\b(?:the )?week after next\b|\bnext next week\b|\b(?:in )?2 weeks(?:'|s)? time\b(?=\bnever)", "weekafternext"),
    (r"\bnot (?:this|the coming) week (?:but )?the (?:next|one after|week after)\b", "weekafternext"),
    (r"\b(?:the )?week after that\b|\b(?:the )?following week\b|\bupper week\b|\bthe week after\b(?! (?:the|next))", "weeklater"),
    (r"\b(?:the )?month after next\b", "monthafternext"),
    (r"\b(?:the )?(?:end|last (?:few days|part|bit)|back end|tail end|close)(?: of)?\b(?= (?:of )?(?:the |this |next |week|month|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))", "lateof"),
    (r"\b(?:the )?(?:start|beginning|first (?:few days|part)|front end)(?: of)?\b(?= (?:of )?(?:the |this |next |week|month|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))", "earlyof"),
    (r"\b(?:the )?(?:middle|mid)(?: of|-)?\b(?= ?(?:of )?(?:the |this |next |week|month|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))", "midof"),
    (r"\bearly(?: in)?\b(?= (?:the |this |next |week|month|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))", "earlyof"),
    (r"\blate(?:r)?(?: in)?\b(?= (?:the |this |next |week|month|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))", "lateof"),
    (r"\b(?:the )?rest of\b", "restof"),
    (r"\b(?:this )?(?:up)?comin[g']?\b(?= (?:mon|tue|wed|thu|fri|sat|sun|week|month|year|day))|\bdis\b|\bths\b", "this"),
    # what must not match
    (r"\bno (?:problem|probs?|worries|rush|hurry|idea|thanks?|thank you|doubt|need|trouble|bother|car|fuss|pressure|stress|panic|luck)\b|\bnot sure\b|\bwhy not\b|\bdont know\b|\bdon'?t know\b|\bif not\b|\bnot (?:too|so) bad\b|\bcan'?t wait\b", " "),
    (r"\bi (?:do not|don'?t|dont) work (?:on )?(?=\w)|\bi'?m (?:not working|off work)(?: on)?|\bmy days? off (?:is|are)\b|\bnot at work(?: on)?\b", " free "),
    (r"\b(?:but not|except(?:ing)?(?: for)?|save(?: for)?(?= (?:on )?(?:the )?(?:mon|tue|wed|thu|fri|sat|sun|morn|after|even))|excluding|excl|apart from|aside from|other than|besides|bar(?:ring)?|save for|anything but|any but|avoid(?:ing)?|without|just not|only not)\b", "not"),
    (r"\b(?:i )?(?:can ?'?not|can'?t|cant|cannae|couldn'?t|could not|wo ?n'?t|will not|dont|don'?t|do not|doesn'?t|does not|unable to|not able to|not free|not available|never|nae|neither|unavailable)"
     r"(?: (?:really |be able to )?(?:do|make(?: it)?|manage|come(?: in)?|be there|want|work|attend|like|free|available))?(?: on| at| in| for)?\b", "not"),
    (r"\b(?:i(?:'m| am|ve| have)? )?(?:busy|away|on holiday|on leave|abroad|working|at work|travelling|out of town|tied up|booked up|i work)\b(?: on| in| from| for)?|\bi work(?: on)?\b", "away"),
    (r"\b(?:is|are|'s|was|would be|will be|r) (?:not|no|a no|out|bad|impossible|difficult|tricky|hard|off|awful|terrible|rubbish|a nightmare)"
     r"(?: (?:good|great|possible|use|go|ok|fine|ideal|for me|an option|really))*\b|\b(?:no good|no use|out of the question)\b", "bad"),
    (r"\bnah\b|\bnope\b", " "),
    (r"\bi'?m off(?= ?(?:$|[,.!?;]))|\bi am\b|\bi'?m\b(?! \d)", " im "),
    (r"\b(?:cos|coz|cus|cuz|'cause|'cos|bcos|bcoz|bc|due to|owing to)\b", "because"),
]  # fmt: skip
PHRASES = [(re.compile(pattern, re.I), replacement) for pattern, replacement in _PHRASES]

# "may", "sun", "sat", "wed", "mar", "mon" are other words too: they count only beside words of the calendar.
DOUBTFUL = {"may": "M5", "march": "M3", "mar": "M3", "sun": "W6", "sat": "W5", "wed": "W2", "mon": "W0", "second": "O2", "first": "O1", "august": "M8"}
BESIDE = re.compile(
    r"[WPMODSTAX]\d|N(?:[1-9]|[12]\d|3[01])$|(?:on|in|of|this|next|last|every|any|each|or|and|the|until|from|by|before|after|between|not|"
    r"notbefore|notafter|earlyof|lateof|midof|early|mid|late|either|weekof|mornings?|afternoons?|evenings?|noon|[,;]|today|tomorrow|weekdays?|week|month)$"
)
STRONG = re.compile(r"[WPMODSTAX]\d|N(?:[1-9]|[12]\d|3[01])$")

_LONG = {w: f"W{n}" for w, n in WEEKDAYS.items() if len(w) >= 6} | {w: f"M{n}" for w, n in MONTHS.items() if len(w) >= 6}
_LONG |= {w: w for w in ("tomorrow", "morning", "afternoon", "evening", "weekend", "weekday")}
_TOKEN = re.compile(
    r"(?P<iso>\d{4}-\d\d?-\d\d?)(?!\d)"
    r"|(?P<full>\d{1,2}([/.-])\d{1,2}\3\d{2,4})(?!\d)"
    r"|(?P<slash>\d{1,2}/\d{1,2})(?![\d/])"
    r"|(?P<clock>\d{1,2}[:.]\d\d(?:[ap]m)?|\d{1,2}[ap]m|\d{1,2}h(?:\d\d)?)(?![\w])"
    r"|(?P<army>\d{4}(?:hrs)?)(?!\w)"
    r"|(?P<ord>\d{1,2}(?:st|nd|rd|th))(?!\w)"
    r"|(?P<num>\d+)(?![\w])"
    r"|(?P<word>[^\W\d_][\w']*)"
    r"|(?P<stop>[,.;:!?\n]+)"
    r"|(?P<dash>[-–—/&+])"
    r"|(?P<odd>\S)",
    re.I,
)


def _slips(typed: str, meant: str, most: int) -> bool:
    """Whether `typed` becomes `meant` with at most `most` letters dropped, added, changed or swapped with their neighbour."""
    if abs(len(typed) - len(meant)) > most:
        return False
    rows: List[List[int]] = [list(range(len(meant) + 1))]
    for i, a in enumerate(typed, start=1):
        row = [i]
        for j, b in enumerate(meant, start=1):
            cost = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == meant[j - 2] and typed[i - 2] == b:
                cost = min(cost, rows[i - 2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1] <= most


def _ordinal(tens: str, ones: str) -> str:
    number = {"twenty": 20, "thirty": 30}[tens] + ORDINALS[ones]
    return f"{number}th" if number <= 31 else " odd "


def clean(text: str) -> str:
    """Lower case, one kind of apostrophe, no accents on Latin letters, phrases of one meaning in one form."""
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = re.sub(r"[’‘`´]", "'", text).lower()
    for pattern, replacement in PHRASES:
        if isinstance(replacement, str) and replacement.isalpha():
            text = pattern.sub(lambda m, word=replacement: f" {word}" + ("" if m.string[m.end() : m.end() + 1] in ("", "'") else " "), text)  # type: ignore[misc]
        else:
            text = pattern.sub(replacement, text)
        text = re.sub(r" {2,}", " ", text)  # a word of ours never runs into its neighbour ("today's no good")
    return text


def _clock_symbol(text: str) -> str:
    pm, am = text.endswith("pm"), text.endswith("am")
    digits = text.rstrip("apm").rstrip("h") if text.endswith("h") or pm or am else text
    hour_text, _, minute_text = digits.replace("h", ":").replace(".", ":").partition(":")
    hour, minute = int(hour_text), int(minute_text or 0)
    if hour > 23 or minute > 59:
        return "odd"
    if pm or am:
        if hour > 12 or (hour == 0 and pm):
            return f"T{hour * 60 + minute}" if pm and hour > 12 else "odd"
        return f"T{(hour % 12 + (12 if pm else 0)) * 60 + minute}"
    if "." in text and 1 <= minute <= 12 and 1 <= hour <= 31:
        return f"X{hour}.{minute}"
    exact = hour > 12 or hour == 0 or (hour_text.startswith("0") and not pm and not am)  # "01:30" is written on a 24-hour clock
    return f"T{hour * 60 + minute}" if exact else f"A{hour * 60 + minute}"


def _word_symbol(word: str) -> str:
    bare = word.rstrip("'").removesuffix("'s")
    if bare in DOUBTFUL:
        return f"?{bare}"
    if bare in PARTS or (bare.endswith("s") and bare[:-1] in PARTS):
        return bare
    if bare in WEEKDAYS:
        return f"W{WEEKDAYS[bare]}"
    if bare.endswith("s") and bare[:-1] in WEEKDAYS and len(bare) > 4:
        return f"P{WEEKDAYS[bare[:-1]]}"
    if bare in MONTHS:
        return f"M{MONTHS[bare]}"
    if bare in NUMBERS:
        return f"N{NUMBERS[bare]}"
    if bare in ORDINALS:
        return f"O{ORDINALS[bare]}"
    if len(bare) >= 5 and bare not in PARTS:
        for name, symbol in _LONG.items():
            plural = bare.endswith("s") and symbol[0] == "W"
            for form in (bare, bare[:-1]) if plural else (bare,):
                if len(form) < 6 and symbol[0] != "W":
                    continue
                if form[0] == name[0] and _slips(form, name, 1 if len(name) < 9 else 2):
                    return f"P{symbol[1:]}" if form != bare else symbol
    return word


def symbols(text: str) -> List[str]:
    """The message in symbols (see the head of this file)."""
    found: List[str] = []
    for match in _TOKEN.finditer(clean(text)):
        kind, value = str(match.lastgroup), match.group()
        if kind == "full" or match.group("full"):
            day, month, year = (int(part) for part in re.split(r"[/.-]", value))
            found.append(f"S{day}/{month}/{year if year > 99 else 2000 + year}")
        elif kind == "iso":
            year, month, day = (int(part) for part in value.split("-"))
            found.append(f"D{year:04d}-{month:02d}-{day:02d}")
        elif kind == "slash":
            found.append(f"S{value}")
        elif kind == "clock":
            found.append(_clock_symbol(value))
        elif kind == "army":
            hour, minute = int(value[:2]), int(value[2:4])
            real = hour < 24 and minute < 60 and (value.endswith("hrs") or not 1900 <= int(value[:4]) <= 2099)
            found.append(f"T{hour * 60 + minute}" if real else f"N{int(value[:4])}")
        elif kind == "ord":
            found.append(f"O{int(value[:-2])}")
        elif kind == "num":
            found.append(f"N{int(value)}" if len(value) < 7 else "odd")
        elif kind == "word":
            found.append(_word_symbol(value))
        elif kind == "stop":
            found.append("," if set(value) <= set(",:") else ";")
        elif kind == "dash":
            found.append({"&": "and", "+": "and", "/": "or"}.get(value, "-"))
    return _compose(_settle(found))


_DAY_NUMBER = re.compile(r"O\d|N(?:[1-9]|[12]\d|3[01])$")
_BEFORE_MAY = set("in of early mid late next this until from by before after earlyof lateof midof during weekof".split())
_BEFORE_SUN = set("on this next or and any every each not until from - between".split())
_BEFORE_AM = set("tomorrow today any the every week weekdays weekday dayaftertomorrow weekend".split())
_ACTS_BEFORE = set("will to i we gonna they ill i'll".split())
_ACTS_AFTER = set("up over down in into straight out off around back there here through beside crying still".split())
_WE_WOULD = set("love like prefer be rather need want appreciate both really all".split())
_PEOPLE = set("i we was been have had he she getting got just be to".split())
_POLITE = set(", ; please pls in on the of".split())


def _settle(found: List[str]) -> List[str]:
    """Decide the doubtful words by their neighbours."""
    settled = list(found)
    for i, symbol in enumerate(found):
        before = found[i - 1] if i else ""
        after = found[i + 1] if i + 1 < len(found) else ""
        if symbol == "am" and (STRONG.match(before) or before in _BEFORE_AM):
            settled[i] = "morning"
        elif symbol.startswith("?"):
            alone = [s for s in found if s not in _POLITE] == [symbol]
            word = symbol[1:]
            settled[i] = DOUBTFUL[word] if (alone and word not in ("first", "second")) or _counts(word, before, after, found) else word
    return settled


def _counts(word: str, before: str, after: str, found: List[str]) -> bool:
    """Whether a doubtful word is meant as a word of the calendar."""
    if word in ("second", "first"):
        listed = before in ("the", "on") and (after in ("of", "", "or", "and", ",") or STRONG.match(after))
        return bool(listed or STRONG.match(before) or re.match(r"[MW]\d", after))
    if word == "may":
        beside_month = (before in ("or", "and") or after in ("or", "and")) and any(re.match(r"M\d", s) for s in found)
        after_day = re.match(r"[ONM]\d", before) and after not in ("i", "we", "you", "be")
        return bool(before in _BEFORE_MAY or beside_month or after_day or _DAY_NUMBER.match(after))
    if word in ("march", "mar"):
        acts = before in _ACTS_BEFORE or after in _ACTS_AFTER
        return bool(before in _BEFORE_MAY or _DAY_NUMBER.match(before) or _DAY_NUMBER.match(after) or not acts)
    if word == "sat" and after in _ACTS_AFTER and before not in ("any", "every", "each", "next", "a", "on"):
        return False
    if word == "wed" and after in _WE_WOULD:
        return False
    if word == "sun":
        beside = before in _BEFORE_SUN or STRONG.match(before) or re.match(r"[WOT]\d", after) or after.rstrip("s") in ("morning", "afternoon", "evening")
        return bool(beside)
    if word in ("sat", "wed", "mon"):
        listed = word == "sat" and BESIDE.match(after) and before not in ("i", "we", "was", "been")
        return before not in _PEOPLE or bool(listed)
    return True


_HOUR = r"N(?P<hour>[1-9]|1[0-2])"
_CLOCKS: List[Tuple[str, str]] = [
    (rf"half (?:past |after )?{_HOUR}(?= |$)", "30"),
    (rf"(?:a )?quarter (?:past|after) {_HOUR}(?= |$)", "15"),
    (rf"(?:a )?quarter (?:to|of|before|until) {_HOUR}(?= |$)", "-15"),
    (rf"N(?P<minute>5|10|20|25) (?:minutes |mins )?(?:past|after) {_HOUR}(?= |$)", "+"),
    (rf"N20 N5 (?:minutes |mins )?past {_HOUR}(?= |$)", "25"),
    (rf"N20 N5 (?:minutes |mins )?to {_HOUR}(?= |$)", "-25"),
    (rf"N(?P<minute>20|25) (?:minutes |mins )?to {_HOUR}(?= |$)", "-"),
    (rf"{_HOUR} N(?P<minute>15|30|45|10|20|40|50|35|25|55)(?= |$)(?! (?:M\d|to|past|O\d))", "+"),
    (rf"{_HOUR} N(?P<minute>40|20|30|50) N5(?= |$)", "+5"),
]
CLOCKS = [(re.compile(r"(?<![^ ])" + pattern), rule) for pattern, rule in _CLOCKS]


def _compose(found: List[str]) -> List[str]:
    """Clocks in words ("half past N6", "N3 N30") and two-word ordinals ("N20 O1") become one symbol."""
    line = " ".join(found)
    line = re.sub(r"(?<![^ ])N(20|30) O([1-9])(?= |$)", lambda m: f"O{int(m[1]) + int(m[2])}", line)
    line = re.sub(r"(?<![^ ])noon(?= |$)", "T720", line)
    line = re.sub(r"(?<![^ ])([WP]\d)(?= [WP]\d(?: |$))", r"\1 ,", line)  # "mon wed fri" is a list
    # "any tuesday or thursday" is every one of both
    line = re.sub(r"(?:any|every|each) W\d(?: (?:,|or|and|, or|, and) W\d)+(?= |$)", lambda m: re.sub(r"W(?=\d)", "P", m[0]), line)
    for pattern, rule in CLOCKS:

        def clock(match: "re.Match[str]", rule: str = rule) -> str:
            minutes = int(match["hour"]) * 60
            extra = int(match["minute"]) if "minute" in match.re.groupindex else 0
            minutes += {"+": extra, "-": -extra, "+5": extra + 5}.get(rule) if rule in ("+", "-", "+5") else int(rule)  # type: ignore[operator]
            return f"A{minutes if minutes >= 60 else minutes + 720}"

        line = pattern.sub(clock, line)
    return line.split()


# Left unread they change what a time means, whatever stands beside them: a wish with one of these over is asked back.
_CARRIERS = set(
    """
    not no nor never neither none nothing nobody nowhere hardly barely scarcely rarely seldom sometimes without save except excepting bar unless until till
    than less more fewer most least later latest earlier earliest sooner soonest longer early late lately over under within beyond past prior previous previously preceding
    following subsequent last next this same other another every each alternate alternating fortnightly weekly monthly daily once twice thrice
    if depends depending provided providing assuming suppose supposing whether otherwise else while whilst during meanwhile case
    after afterwards thereafter before beforehand ago since from by between onwards onward hence forward yesterday ish recently already yet still
    off out away busy booked holiday holidays leave shift shifts shiftwork abroad commute schoolrun conditional thistime travelling traveling flying fly home gone back
    start starts started starting finish finishes finished finishing end ends ended ending begin begins close closes closed closing shut open opens lunch dinner tea supper
    brunch breakfast teatime bedtime elevenses term exam exams half quarter third hour hours hr hrs min mins minute minutes second seconds dusk dawn dark light sunrise sunset
    am pm oclock bad midof mid around approximately few several couple pair dozen hundred thousand zero nought single double
    week weeks fortnight month months year years weeklater latterly spring summer autumn winter fall bank public born had was were missed cancelled
    birthday wedding payday christmas xmas easter eid diwali ramadan holi halfterm thanksgiving advent lent passover hanukkah halloween samhain carnival pregnant due sat married
    pin code postcode number tomorrowed age aged""".split()
)
_CARRYING = re.compile(
    r".*\d|(?:is|are|was|were|do|does|did|has|have|had|ca|wo|could|would|should|must|need|ai|might|shall|sha|can)n'?t$|.*(?:teen|teenth|tieth)$"
    r"|.+(?:days?|nights?|noons?|times?|tide|hours?|weeks?|months?|years?|mornings?|evenings?|clock|terms?)(?:'s)?$|(?:day|night|hour|week|month|year|morning|evening|noon|mid).+"
)


def carries(word: str) -> bool:
    """Whether a word nobody read could bear on when: a number, a negation, a comparison, a condition, an absence, a word of clock or calendar."""
    return word in _CARRIERS or (word not in FILLER and bool(_CARRYING.match(word)))


# Words that say nothing about when, wherever they stand; in a clause that names a time any other word is asked about.
FILLER = set(
    """a all also am an and any appointment appointments appt are around as at available availability be been best better biko booking book bring but can chance
    change clinic come comfortable coming consult consultation convenience convenient cool could date dates day days dear did do doctor does doing done each
    easiest either fine fit fix for free generally get give go going good got great guys have hello hen here hey hi hiya hopefully how hun i i'd i'll i'm i've id ideal ideally if
    ill im in instead is it it'd it's its itself ivejust just kind kindly lad lads let lets like little looking lot love ma'am made make makes mate may maybe me mean meant
    mine mostly move much my need nice now nurse of ok okay on one only open openings or our pencil perfect perhaps pet please pls plz pop possible possibly prefer
    preferable preferably preferred probably put quick really reserve say schedule see sir slot slots so some somewhere something sort sorry spot squeeze start stick suit suits
    super sure team thank thanks that that's thats the them then there these thing think time times to u ur us usually very visit wan want wanna we well what what's
    whats when which who will with wo work works would ya yeah yep yes you your yous youse feasible alright er um erm hmm o oh wee both bit place
    a actually anything ask asking awesome aye abeg abi biko cheers come customer dey em em' excellent fabulous fab fantastic grand grateful great greetings haha happily hun huni lol lovely lush love madam ma
    na nah naturally obviously och oh oo oops positively pretty prompt promptly reckon regards really sha shall sharp should simply smashing sound splendid sure sweet thanx thx ta
    though through truly uh um uhm whatever whichever wonderful ye y'all yall yous yea yay you've youve u've i've ive i'd id yours sincerely faithfully mr mrs miss ms dr nurse therapist
    treatment treatments session sessions microneedling needling dermaroller skin stretch mark marks scar scars consult check assessment review followup area areas
    thigh thighs tummy stomach belly hip hips bum bottom breasts breast chest arm arms leg legs knee knees calf calves shoulder shoulders flanks buttocks handles
    been wondering hoping hope help able ask down earliestplease best suited nicely handy handiest happy ideally preference choice prepone postpone rebook
    reschedule rather arrange pop swing cheers haha x xx xxx gracias salaam namaste doctor's thatd that'd that'll thatll itd it'd it'll would'a guess suppose'd maybe's altogether always
    mustbe mind deffo definitely defo def defs person ah poss literally mibbe mebbe put twould down""".split()
)
