"""How a thing is said: denied, only imagined, long over, about somebody else. "not pregnant" names pregnancy and denies it.

Works on the spelling-corrected words of a spaCy doc, so "dont hav excema" counts as a denial. Wherever words leave it open, a thing counts
as said, present and the person's own: the safety guard and the screening would rather ask once too often than overlook.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Tuple

from spacy.tokens import Doc, Span

NEAR = 60  # characters between a thing and the time it happened

_RELATIVE = (
    r"(?:sister|sis|brother|bro|mum|mom|mam|ma|mother|dad|da|father|daughter|son|wife|husband|hubby|partner|boyfriend|girlfriend|friend|mate|bestie|cousin|aunt|auntie|aunty"
    r"|uncle|gran|nan|nana|granny|grandma|grandad|grandmother|grandfather|niece|nephew|colleague|neighbour|neighbor|flatmate|housemate|roommate|boss|ex|fiancee?|girl|lad"
    r"|woman|man|lady|guy|client|patient|baby|kid|child|teenager|nurse)"
)
_OTHER = re.compile(
    rf"\b(?:(?:my|a|the|our|his|her|this|that|one of my|some|friend's|sister's)\s+(?:\w+(?: ?'s)?\s+){{0,2}}?{_RELATIVE}s?\b(?! (?:said|says|told|reckons|thinks|asked))"
    r"|(?:she|he|her|him|his|they|someone|somebody|some people|people|others|everyone|anyone|anybody|women|girls|lads|men|friends|clients|patients)\b)"
)
_SELF = re.compile(r"\b(?:i|me|my|mine|myself|we|our|us)\b")

# Opens a denial that reaches forward within its clause.
_DENIAL = re.compile(
    r"\b(?:(?:not|nt)(?! (?:only|just|sure|certain|stop\w*|able|get\w*|go\w*|heal\w*|improv\w*|settl\w*|normal|good|right|well|long|know|remember|to mention|exactly))"
    r"|n't(?! (?:stop\w*|know|sure|heal\w*|settl\w*|think it is just|believe|wait))"
    r"|no(?! (?:idea|one|matter|doubt|longer able|clue|end|but|i|it|its|she|he|my|there|thanks|wonder|way))|nor|neither|never(?! (?:had it (?:this|so)|this|so|felt|seen))"
    r"|none|nothing(?: is| was| has been)?(?! (?:works|worked|helps|helped|but|stops|stopped|else|for|left|to|happened|happens|i|we)\b)|nowt(?! (?:works|helps))|zero|without(?: any)?|free (?:of|from)|deny|denies|no (?:sign|signs|hint|trace) of|no history of|negative for|no longer|hardly any|ruled out)\b"
)
# Ends the reach of a denial: what follows is said outright.
_DENIAL_ENDS = re.compile(
    r"[.!?;\n:]|\b(?:but|however|although|though|except|apart from|aside from|other than|besides|just|only|because|since|so|yet|still|now|then|instead|until|unless|when|while|who|which|what|how|if|whether"
    r"|and(?! (?:no|not|never|without|nor|neither)\b)|plus|also|is|are|has|have got|got|i have|i am|i had|it is|my)\b| - "
)
# "no allergies, diabetes or keloids": after a comma a denial goes on only where the list says so.
_LIST_GOES_ON = re.compile(r",\s*(?:(?:and )?(?:or|nor|no|not|any)\b|(?:\w+ ){1,3}(?:, (?:\w+ ){1,3})*,? ?(?:or|nor)\b)")
# "pregnant? no", "keloids: none", "fever - no".
_DENIED_AFTER = re.compile(
    r"\s*(?:\?|:|,|-)?\s*(?:no|none|nope|nah|never|negative|not (?:for me|me|that i know(?: of)?)|has been ruled out|was ruled out|ruled out)(?=\s*(?:[.,;!\n]|$|and\b))"
)
_OVER_AFTER = re.compile(
    r"\W*(?:(?:has|have|had|is|are|was|were|its?|that|which|now|but|did|do|does|\w+ly)\s+){0,4}(?:gone(?! (?:\w|red|hot|up|black|worse|purple|blue))|gone (?:now|away|down|completely)|went (?:away|down)"
    r"|cleared(?: up)?|resolved|healed(?: up)?|settled(?: down)?|(?:long )?over now|over with|better now|(?:now|all) (?:fine|ok|okay|well|normal|good)|(?:fine|ok|okay) now|a thing of the past)\b"
)

# Only imagined. A condition ("if", "in case") is never cancelled by a "now"; a question whether something can happen is.
_CONDITION = re.compile(
    r"\b(?:what if|what happens if|even if|only if|suppose|supposing|say i|imagine"
    r"|(?<!know )(?<!sure )(?<!see )(?<!ask )(?<!as )(?<!wonder )(?<!wondering )(?<!tell )(?<!say )(?<!matter )if(?! (?:i|you|u|we|she|he|it is|anyone|someone|anything)?\s?"
    r"(?:press\w*|touch\w*|squeez\w*|mov\w+|walk\w*|stand\w*|sit\w*|get up|lie|lay|bend\w*|breathe in|talk\w*|swallow\w*)\b)(?! (?:that|this|it) (?:help|matter)s)(?! (?:it|they|its|that|this|she|he|i) (?:has|have|is|are|am)?\s?(?:gone|turned|started|come|got|getting|going|leaking|bleeding|still|more|already)\b)(?<!infection if)(?<!infected if)(?<!emergency if)(?<!allergy if)(?<!allergic if)(?<!serious if)(?<!normal if)(?<!ok if)(?<!okay if)(?<!bad if)(?<!sepsis if)"
    r"|in case(?: of)?|in the event|would happen|to (?:avoid|prevent|stop(?: it)?(?: from)? (?:getting|becoming)|reduce)|how (?:do|can|would|will|should) (?:i|you|we|one) (?:know|tell|spot|recogni[sz]e|avoid|prevent)"
    r"|(?:scared|afraid|frightened|worried|nervous|terrified|anxious|paranoid) (?:of|about) (?:getting|having|it|an?|any|the|becoming|ending|it getting|my \w+ (?:getting|becoming))"
    r"|(?:scared|afraid|frightened|worried|nervous|terrified|anxious) (?:that )?(?:it|i|this|they) (?:will|would|might|could|may|'ll)"
    r"|do not want (?:to|an?|any|it|my)|would not want|hope(?:fully)? (?:i|it|there|not)|watch (?:out )?for|look out for|look(?:ing)? out for|signs? of|symptoms? of|risk|risks of|chance|chances|protocol for|trained (?:in|for)|policy on|read about|heard about|article about|odds of|possibility of|likelihood|how (?:common|likely|often|rare)|do with somebody|do with someone|do you do (?:with|when|if))\b"
)
_MINE = re.compile(r"\b(?:mine (?:is|are|has|have|does|did)|that is me|like (?:mine|me)|which (?:it|mine) (?:is|has))\b")
_POSSIBILITY = re.compile(
    r"(?:^|[.!?;\n,]\s*|\b(?:and|also|but|so|or|plus|hi|hello|hey|btw|just|wondering|wonder|know|ask|asking|whether|if)\s+)"
    r"(?:(?:can|could|will|would|may|might|does|do|did|should|is|are|has|have)\s+(?:there\b|this|that(?! be\b)|these|the (?:needl\w+|treatment|pen|roller|device|numbing|cream|procedure|skin)|it(?! be\b)(?! (?:an? |already |really |maybe |the |my )?(?:infect\w*|allerg\w*|serious|emergency|sepsis|septic|bad|urgent|reaction|dangerous))(?! (?:meant|supposed) to)(?! (?:normal|ok|okay|fine|common|usual) (?:that|for my|if my|my))"
    r"|(?:micro ?)?needling|microneedle\w*|(?:your |a )?numbing(?: cream| gel)?|lidocaine|emla|(?:derma)?rollers?|needles|lasers?|creams|(?:i|we) (?:get|catch|end up|bleed|swell|blister|be|have|faint|pass out|react|develop|die|scar|need|expect)|they|people|anyone|anybody|you|u|your|clients|patients|most|some|any|everyone|everybody)\b"
    r"|(?:what|how) (?:are|is|about) (?:the )?(?:risk|chance|odds|side effect)|any (?:risk|chance|danger|possibility)|are (?:side effects|infections?|blisters?)|what (?:are|is) the (?:signs?|symptoms?)|when (?:should|do|would) (?:i|you))"
)
# "it might get infected"; but "i might have a fever" is a suspicion of one's own and counts.
_MAY = re.compile(r"(?:(?<!\bi )\b(?:might|may|could|can|would) (?!not\b)|\b(?:or|whether|that) i will )(?:\w+ ){0,3}$")
_IN_GENERAL = re.compile(
    r"\bmeans? what|what \w+ means?\b|\bwhat (?:is|are) (?:an? )?(?!that|this|it|these|those|going|happening|wrong)\w+ *(?:\?|$)|\bis \w+ (?:always|ever|common|possible|usual|likely|contagious)\b|(?<!is )\b(?:rate|rates|percentage|statistics|chances|protocol)\b"
    r"|\bcomes or not\b|\bthose are the\b|\bare the (?:signs|things)\b|\bthis (?:treatment )?also\b|\bthe risks?\b|\b(?:even|actually) (?:a thing|true|happen)\b|\b(?:get|getting|got) \w+ (?:off|from) (?:it|one|this)\b|\bpanicking i\b|\bcan that (?:really|even)\b|\bi read (?:about|of|that|the)\b|\bsays? (?:needles|you|that)\b"
)
_HERE_AND_NOW = re.compile(
    r"\b(?:now|right now|still|already|today|tonight|this (?:morning|afternoon|evening|much|bad|hot|red|sore)|since|currently|at the moment|yesterday|last night|days? (?:later|after|on|in)|day \d+"
    r"|hours? (?:later|after)|an hour ago|minutes? ago|just (?:came|started|noticed|had|woke|got)|keeps?|(?:has|have) (?:gone|turned|come|started|got|been)|'s gone|(?:my|her|his) (?:\w+ ){1,3}(?:is|are|has|have|feels?|looks?|came|keeps)|it is getting|getting (?:worse|bigger|hotter)|help)\b"
)

# Long over: a time that has passed, or a former state.
_SEASON = (
    r"(?:spring|summer|autumn|winter|monsoon|diwali|christmas|eid|january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
# Later in the sentence: "I had blisters off new boots, dried up".
_OVER_LATER = re.compile(
    r"\b(?:(?:long |all |fully |completely )?healed(?: up)?|dried up|clear(?:ed)?(?: up| in)|went away|gone by|(?:all|now|am) (?:ok|okay|fine|good|well|grand|better)|(?:is|are) (?:ok|okay|fine|good|well|grand|better) now"
    r"|right as rain|fine in the end|closed (?:over|up)|closed since|long since)\b"
)
_BUT_NOT = re.compile(r"\b(?:but|again|back|until|then|never|not|except|apart|otherwise|return\w*|reopen\w*|still)\b")
_COUNT = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|a|couple(?: of)?|a couple of|few|a few|many|some|several|twenty|thirty)"
_LONG_AGO = re.compile(
    rf"\b(?:{_COUNT}\s+(?:years?|yrs?|decades?)\s+(?:ago|back|before)|(?:years|ages|long time|decades) (?:ago|back)|last (?:year|{_SEASON})|years before"
    r"|as an? (?:kid|child|teen\w*|baby|lad|girl|boy|student|infant|young \w+|toddler)|(?:at (?:school|uni|university|sixteen|seventeen|eighteen|fifteen|fourteen|thirteen|twelve|age)|aged \d+)"
    r"|when i was (?:a |an |\w+ )?(?:kid|child|teen\w*|young\w*|little|pregnant|\d+|small|baby|at \w+)|in my (?:teens|twenties|childhood)|(?:back )?in (?:19|20)\d\d|in the past"
    r"|used to (?:have|get|be|take|suffer)|previously|history of|past history|once had|had once|in childhood|(?:never|nothing|none|not) since|(?:\d+|few|several|six|eight|ten) months (?:ago|back))\b"
)
# "in March" is over only where something is told: "I had … in March"; "I am due in June" is not.
_IN_MARCH = re.compile(rf"\b(?:had|got|was|were|did|came|went|gave|caught|ended|swelled|fainted|collapsed|passed)\b[^.!?;\n]*\bin (?:the )?{_SEASON}\b")
_GOES_ON = re.compile(r"\b(?:diagnos\w*|found out|told (?:me )?i (?:have|had|am)|due)\b")
_SINCE_THEN = re.compile(
    r"\b(?:now(?! (?:ok|fine|okay|normal|well|all|better|healed|gone))(?! *(?:[.,;!?\n]|$))|still|again|since (?:then|yesterday|last|this|my|the|i)|today|tonight|this (?:morning|week|afternoon)|yesterday|last night|keeps?|is (?:getting|going|turning)|are (?:getting|going))\b"
)
# What the tokenizer leaves of "can't", "I've", "it's", and so on.
_SPELT_OUT = {"n't": "not", "ca": "can", "wo": "will", "'m": "am", "'ve": "have", "'re": "are", "'ll": "will", "'s": "is"}
_SENTENCE_END = re.compile(r"[.!?;\n]")
_CONDITION_ENDS = re.compile(r"[.!?;\n]|\b(?:but|because|now)\b|,\s*(?:i am|i have|i had|my \w+ (?:is|are|has|have)|it is|its|there is|she is|he is)\b")


@dataclass(frozen=True)
class Context:
    """How a span is said. `other`: somebody else's; whether that somebody is in danger now is for the reader of `past` and the tense."""

    negated: bool = False
    hypothetical: bool = False
    past: bool = False
    other: bool = False

    @property
    def present(self) -> bool:
        """Neither denied, nor imagined, nor long over."""
        return not (self.negated or self.hypothetical or self.past)


class Reading:
    """A doc as corrected, lower-case words with single spaces; `of` and `at` say how any part of it is said. Made once a message.

    `instead`: token → the word to read there.
    """

    def __init__(self, doc: Any, instead: Optional[Mapping[int, str]] = None):
        words: List[str] = []
        self._starts: List[int] = []
        length = 0
        for token in doc:
            word = "\n" if "\n" in token.text else _SPELT_OUT.get(token.norm_) or token.norm_.strip() or token.text.strip()
            if instead and token.i in instead:
                word = instead[token.i]
            self._starts.append(length)
            words.append(word)
            length += len(word) + 1
        self.text = " ".join(words)
        self.offset = getattr(doc, "start", 0)
        self._denials = [m.span() for m in _DENIAL.finditer(self.text)]
        self._conditions = [m.span() for m in _CONDITION.finditer(self.text)]
        self._persons = sorted(
            [(m.start(), m.end(), True) for m in _OTHER.finditer(self.text)] + [(m.start(), m.end(), False) for m in _SELF.finditer(self.text)],
            key=lambda p: (p[1], p[0]),
        )

    def characters(self, start: int, end: int) -> Tuple[int, int]:
        """Tokens `start` (first) to `end` (after the last) of the doc as places in `text`."""
        first, last = self._starts[start - self.offset], end - self.offset
        return first, (self._starts[last] - 1 if last < len(self._starts) else len(self.text))

    def tokens(self, start: int, end: int) -> Tuple[int, int]:
        """The reverse: places in `text` as tokens of the doc."""
        return bisect_right(self._starts, start) - 1 + self.offset, bisect_right(self._starts, max(start, end - 1)) + self.offset

    def of(self, start: int, end: int) -> Context:
        """How the tokens `start` to `end` (after the last) of the doc are said."""
        return self.at(*self.characters(start, end)) if start < end else Context()

    def at(self, start: int, end: int) -> Context:
        """How the words between two places in `text` are said."""
        return Context(self._negated(start, end), self._hypothetical(start, end), self._past(start, end), self._other(start))

    def _negated(self, start: int, end: int) -> bool:
        for _, reach in self._denials:
            if reach <= start and not _DENIAL_ENDS.search(self.text, reach, start) and self._one_list(reach, start):
                return True
        return bool(_DENIED_AFTER.match(self.text, end))

    def _one_list(self, start: int, end: int) -> bool:
        """Whether every comma between two places goes on with the same denied list."""
        comma = self.text.find(",", start, end)
        while comma >= 0:
            if not _LIST_GOES_ON.match(self.text, comma):
                return False
            comma = self.text.find(",", comma + 1, end)
        return True

    def _sentence(self, start: int, end: int) -> Tuple[int, int]:
        first = max((m.end() for m in _SENTENCE_END.finditer(self.text, 0, start)), default=0)
        last = _SENTENCE_END.search(self.text, end)
        return first, last.start() if last else len(self.text)

    def _hypothetical(self, start: int, end: int) -> bool:
        for _, reach in self._conditions:
            if reach <= start and not _CONDITION_ENDS.search(self.text, reach, start):
                return not _MINE.search(self.text, end)
        first, last = self._sentence(start, end)
        asked = _POSSIBILITY.search(self.text, max(0, first - 2), start) or _MAY.search(self.text, first, start)
        asked = asked or _IN_GENERAL.search(self.text, first, last)
        return bool(asked) and not _HERE_AND_NOW.search(self.text, first, last)

    def _past(self, start: int, end: int) -> bool:
        if _OVER_AFTER.match(self.text, end):
            return True
        first, last = self._sentence(start, end)
        later = _OVER_LATER.search(self.text, end, last)
        if (
            later
            and not _BUT_NOT.search(self.text, end, later.start())
            and not _SINCE_THEN.search(self.text, later.end(), last)
            and not _BUT_NOT.search(self.text, later.end(), last)
        ):
            return True
        near, far = max(first, start - NEAR), min(last, end + NEAR)
        ago = _LONG_AGO.search(self.text, near, far) or _IN_MARCH.search(self.text, near, far)
        if ago is None or _GOES_ON.search(self.text, first, last):
            return False
        return not _SINCE_THEN.search(self.text, ago.end(), last)

    def _other(self, start: int) -> bool:
        nearest: Optional[bool] = None
        covered = -1
        for begin, end, other in self._persons:
            if end > start + 1:
                break
            if not other and begin <= covered:  # the "my" of "my sister"
                continue
            nearest, covered = other, end
        return bool(nearest) if nearest is not None else False


def read(doc: Doc) -> Reading:
    return Reading(doc)


def context(span: Span) -> Context:
    """How one span (an entity, say) is said, seen in its whole doc. For several spans of one doc make one `Reading`."""
    return Reading(span.doc).of(span.start, span.end)
