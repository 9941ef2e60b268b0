"""Cuts a message into the questions it may hold: "does it hurt and whats the price" is two.

Only places where a cut is *possible* are found here, from words and punctuation; whether a piece is a question of its own is
decided by the classifier (`nlu.intents`), which sees every contiguous run of pieces.
"""

import itertools
import re
from typing import List

MOST_PIECES = 6
SHORTEST_PIECE = 2  # words

_OPENER = (
    r"(?:what|whats|what's|wat|wats|when|whens|where|wheres|who|whos|why|how|hows|which|is|are|do|does|did|can|could|will|would|should|shall|may|am|any|"
    r"was|were|has|have|got|tell|also|if|i|i'm|im|i've|ive|i'd|my|and|not|need|want|wanna|please|pls|plz|book|cancel|the)"
)
_QUESTION = (
    r"(?:what(?:'?s| is| are| about| if| kind| time| do| does| can| should| number| date| gap| day)|wats?|when(?:'?s| is| can| do| will| should)?|where(?:'?s| is| are| do| can)?|who(?:'?s| is| does| will)?|why (?:do|is|are)|"
    r"how(?: much| long| many| often| soon| does| do| is| are| far| can| bad| about|'?s)|hows|which|is (?:it|there|that|this|the)|are (?:there|you|u|the|they)|do (?:you|u|i|they|ye|y'all)|does (?:it|this|that|the)|"
    r"can (?:i|you|u|we|it|they)|could (?:i|you|u|it)|will (?:it|i|they|there|my)|would (?:it|i|you)|should (?:i|we)|am i|any (?:chance|side|discount|risk))"
)
# Nouns that ask by themselves: "price, pain, how many", "and duration of one sitting".
_TOPIC = (
    r"(?:pric\w+|costs?|fees?|charges|payment|finance|deposit|discount|pain|sore(?:ness)?|numbing|duration|length|time|timing|downtime|recovery|healing|redness|results?|"
    r"side[- ]effects?|risks?|complications|scarring|sessions?|sittings?|number|location|address|parking|opening|hours|phone|email|procedure|process|aftercare|maintenance|top[- ]?ups?|"
    r"guarantee|qualifications|pics|photos|pictures|reviews|gym|exercise|sports?|running|yoga|swimming|sauna|pool|bath(?:s|ing)?|showers?|sun|sunbeds?|tan(?:ning)?|shaving|waxing|alcohol|smoking|sex|makeup|"
    r"retinol|clothes|preparation|consultation|availability|slots|laser|creams?|safety|hygiene|difference|gap|spacing)"
)
# A second deed of the same sentence is often a second question: "can i wear jeans home and go for a run".
_DEED = (
    r"(?:go|put|bring|be|wear|use|have|get|drive|shave|swim|fly|run|work|train|drink|smoke|shower|bathe|pay|see|come|start|sleep|wax|tan|sunbathe|moisturi[sz]e|"
    r"erase|delete|cancel|book|change|move|speak|talk|bath|cover|lie|lift|jog|ride|dance|cycle)"
)
# A connector may start a new question when something question-like follows it.
_CUTS = [
    re.compile(r"(?<=[!?;\n])\s*(?=[^\s.!?;])|(?<!e\.g\.)(?<!i\.e\.)(?<=\.)\s+(?=[^\s.!?;])"),
    re.compile(rf"\s*,?\s+(?=(?:and|also|plus|but|btw|oh and|n|&)\s+{_OPENER}\b)", re.I),
    re.compile(r"\s*,?\s+(?=(?:also|plus|btw|by the way|another thing|secondly|second|other thing|oh and|and also)\b)", re.I),
    re.compile(rf",\s*(?={_OPENER}\b)", re.I),
    re.compile(
        rf"\s*,?\s+(?=(?:and|also|plus|n|&)\s+(?:(?:the|any|your|its|about|on|for|total|a)\s+)?{_TOPIC}\b)|,\s*(?=(?:(?:the|any|your|total|about)\s+)?{_TOPIC}\b)",
        re.I,
    ),
    re.compile(r"\s*,?\s+(?=or\s+(?:would|could|can|is|are|do|does|should|will|shall|what|how|just)\b)", re.I),
    re.compile(r"\s*,?\s+(?=and\s+(?:then|take|delete|tell|give|whether|duration|price|cost|prices|costs|sun|gym|how|what)\b)", re.I),
    re.compile(rf"\s*,?\s+(?=(?:and|n|&)\s+(?:(?:still|then|just|also|e|na|dem|una)\s+)?{_DEED}\b)|,\s*(?={_DEED}\b)", re.I),
    re.compile(r"\s*,?\s+(?=(?:and|n|&)\s+(?:with|at|from|after|by)\s+(?:what|which|how)\b)", re.I),
    re.compile(r"\s+(?:-|/|\+)\s+"),
    re.compile(rf"\s+(?={_QUESTION}\b)", re.I),
]
_HELLO = (
    r"(?:hi+|hiya|hey+|heya|hello+|helo|howdy|hola|namaste|greetings|good (?:morning|afternoon|evening|day))"
    r"(?:\s+(?:there|all|guys|team|doc|doctor|dear|ji|sir|madam|ma'?am|stria|love|everyone))*"
)
_GREETING = re.compile(rf"\W*{_HELLO}[\s,.!;:-]*", re.I)
_ASKS = re.compile(rf"\W*{_QUESTION}\b", re.I)
_ALONE = re.compile(rf"\W*{_TOPIC}\W*", re.I)
_RUN_ON = _CUTS[-1]  # no word and no mark joins the two questions
# "how many times would I …": the verb belongs to the question word before it.
_INVERTED = re.compile(r"(?:is|are|do|does|can|could|will|would|should|am)\b", re.I)
_ASKED = re.compile(r"\b(?:what|when|where|who|why|how|which|wats?|hows|whats)\b(?:\s+[\w']+){0,5}\s*$", re.I)
_LEADING = re.compile(r"^(?:and|also|plus|but|btw|by the way|oh|so|n|&|,|;|-|then),?\s+", re.I)
_NO_CUT_AFTER = re.compile(
    r"\b(?:know|wonder(?:ing)?|ask(?:ing)?|tell me|see|sure|say|said|idea|about|remember|understand|explain|matter|depends?(?: on)?|just|and|or|me|not|of)\s*$",
    re.I,
)


def pieces(text: str) -> List[str]:
    """Split `text` (cleaned) into at most six pieces, in order; joined by a space they give the message back."""
    marks = {0, len(text)}
    for cut in _CUTS:
        for match in cut.finditer(text):
            before = text[: match.start()]
            if cut is _RUN_ON and _NO_CUT_AFTER.search(before):
                continue
            if cut is _RUN_ON and _INVERTED.match(text, match.end()) and _ASKED.search(before):
                continue
            marks.add(match.end())
    greeting = _GREETING.match(text)
    if greeting and greeting.end() < len(text) and not text[greeting.end() - 1].isalnum():
        marks.add(greeting.end())
    places = sorted(marks)
    parts = [" ".join(text[a:b].split()) for a, b in itertools.pairwise(places)]
    joined: List[str] = []
    opening = ""
    for part in (p for p in parts if p):
        if not bare(f"{part} x").removesuffix("x").strip():  # "and also": belongs to what follows
            opening = f"{opening} {part}".strip()
            continue
        part, opening = f"{opening} {part}".strip(), ""
        if joined and (_too_short(part) or _too_short(joined[-1])):
            joined[-1] = f"{joined[-1]} {part}"
        else:
            joined.append(part)
    if opening:
        joined[-1:] = [" ".join([*joined[-1:], opening])]
    while len(joined) > MOST_PIECES:
        shortest = min(range(len(joined) - 1), key=lambda i: len(joined[i]) + len(joined[i + 1]))
        joined[shortest : shortest + 2] = [f"{joined[shortest]} {joined[shortest + 1]}"]
    return joined


def _too_short(piece: str) -> bool:
    """A single word joins its neighbour, unless it is a question, a greeting or asks by itself."""
    return len(piece.split()) < SHORTEST_PIECE and not piece.endswith("?") and not _GREETING.fullmatch(piece) and not _ALONE.fullmatch(piece)


def is_asked(piece: str) -> bool:
    """Whether a piece opens like a question."""
    return bool(_ASKS.match(bare(piece)))


def bare(piece: str) -> str:
    """A piece without the connector it began with."""
    previous = None
    while piece != previous:
        previous, piece = piece, _LEADING.sub("", piece)
    return piece
