"""Takes out of a text what says who somebody is: names, numbers, addresses, dates of birth. Masks too much rather than too little.

Pure: text and what is known of the person in, masked text out. What a masked text stands for is not kept; the original stays with the bot.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Iterable, List, Tuple

import phonenumbers

NAME, PHONE, EMAIL, BIRTH, ADDRESS, NUMBER, LINK, REFERENCE = (
    "[name]",
    "[phone]",
    "[e-mail]",
    "[date of birth]",
    "[address]",
    "[number]",
    "[link]",
    "[reference]",
)

_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
_DATE = (
    rf"(?:\d{{1,2}}\s?[./-]\s?\d{{1,2}}\s?[./-]\s?(?:\d{{4}}|\d{{2}})|\d{{4}}-\d\d?-\d\d?"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?[\s.-]+{_MONTH}[\s,.-]+(?:\d{{4}}|'?\d{{2}})|{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}})"
)
_YEAR_OF_BIRTH = r"(?:19\d\d|20[01]\d)"
_WORD = r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?"

# Order matters: what is longer and surer goes first.
_FORMS: List[Tuple[str, "re.Pattern[str]"]] = [
    (EMAIL, re.compile(r"[\w.+%'-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\s?(?:\.|\(dot\)|\[dot\])\s?[\w-]+)+", re.I)),
    (LINK, re.compile(r"(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|co\.uk|org|net|io|me)(?:/\S*)?\b", re.I)),
    (LINK, re.compile(r"(?<![\w@])@[A-Za-z0-9_][\w.]{2,}|\b(?:insta(?:gram)?|facebook|fb|snap(?:chat)?|tiktok|twitter|whatsapp|ig)\s*(?:is|name|handle|:)\s*\S+", re.I)),
    (BIRTH, re.compile(rf"(?<=born\s){_YEAR_OF_BIRTH}|(?:d\.?o\.?b\.?|date of birth|birth ?date|birthday(?: is)?|born(?: on| in)?)\W{{0,4}}(?:is\s+|the\s+)?(?:{_DATE}|{_MONTH}\s+{_YEAR_OF_BIRTH}|\d{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}|{_YEAR_OF_BIRTH})", re.I)),
    (ADDRESS, re.compile(r"\b\d{1,4}[a-z]?,?\s+(?:[A-Za-z'’.-]+\s+){1,3}(?:street|st|road|rd|avenue|ave|lane|ln|drive|close|court|crescent|terrace|way|place|gardens|grove|square|hill|row|mews)\b\.?", re.I)),
    (ADDRESS, re.compile(r"\b(?:flat|apartment|apt|unit)\s+\d{1,4}[a-z]?\b", re.I)),
    (ADDRESS, re.compile(r"\b(?:GIR\s?0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d{1,2}|\d[A-HJKS-UW]|[A-HK-Y]\d[ABEHMNPRV-Y])\s?\d[ABD-HJLNP-UW-Z]{2})\b", re.I)),
    (REFERENCE, re.compile(r"\b(?=[0-9A-Z-]*\d)[2-9A-HJKM-NP-TV-Z]{4}-[2-9A-HJKM-NP-TV-Z]{4}\b")),
    (NUMBER, re.compile(r"\b[A-CEGHJ-PR-TW-Z]{2}\s?\d{2}\s?\d{2}\s?\d{2}\s?[A-D]\b|\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}\b|(?<!\d)(?:\d{4}[\s-]?){3}\d{1,4}(?!\d)")),
]  # fmt: skip
_DATES = re.compile(rf"(?<!\d){_DATE}(?!\d)", re.I)
_YEAR = re.compile(r"(?<!\d)(?:(\d{4})|'?(\d{2}))(?!\d)\W*$|^\W*(\d{4})")
_DIGITS = re.compile(r"(?<![\w£$€])\+?\(?\d(?:[\s().-]{0,2}\d){6,}(?!\w)|(?<![\w£$€.])\d{5,}(?!\w)")
_SPOKEN_DIGIT = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple|plus)"
_SPOKEN = re.compile(rf"\b{_SPOKEN_DIGIT}(?:[\s,.-]+{_SPOKEN_DIGIT}){{5,}}\b", re.I)
_INTRODUCED = re.compile(
    rf"""(?P<lead>\b(?:(?:my|her|his|their|the|full|first|last|sur|maiden|partner'?s|husband'?s|wife'?s|daughter'?s|friend'?s|sister'?s)\s?)*name(?:'s|’s|\ is|\ was|\s*[:=])\s*
    |\bcall(?:s|ed)?\s+me\s+|\bi(?:'|’)?m\ called\s+|\bi\ am\ called\s+|\bi\ go\ by\s+|\bthis\ is\s+(?=\w+\s+(?:speaking|here|from|again)\b)|\bspeaking\ (?:to|with)\s+(?=[A-Z])
    |\b(?:kind\ )?regards,?\s+|\b(?:yours\ (?:sincerely|truly|faithfully)|sincerely|cheers|thanks|thank\ you|love),\s*(?=[A-Z])|\b(?:mr|mrs|ms|miss|dr|doctor|nurse|prof|sister)\.?\s+(?=[A-Z])
    |\bsigned,?\s+|\battn:?\s+)(?P<name>{_WORD}(?:\s+{_WORD}){{0,3}})""",
    re.I | re.X,
)
_IM = re.compile(
    r"(?P<lead>\b(?:i(?:'|’)?m|i\ am|its|it(?:'|’)s|this\ is|here\ is)\s+)(?P<name>[A-Z][^\W\d_]+(?:['’-][^\W\d_]+)*(?:\s+[A-Z][^\W\d_]+(?:['’-][^\W\d_]+)*){0,3})"
)
_ENDS_A_NAME = set(
    """and but my i im i'm phone number email mobile on from in at to for with is are was the a an book please pls thanks speaking here again you we it this that so
    can could would what how when why where who or if because about have has had do does did want need looking calling asking by back later tomorrow today tonight asap said says told
    after before if""".split()
)
_CAPITAL = re.compile(r"\b[^\W\d_]+(?:['’-][^\W\d_]+)*\b")
# Capitalised in the middle of a sentence and yet no person: what people write to a clinic.
_NO_PERSON = set(
    """i i'm i've i'd i'll im monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november
    december mon tue tues wed thu thur thurs fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec nhs gp ok okay hi hello hey dear thanks thank please yes no
    botox laser skinpen dermapen dermaroller retinol retin tretinoin roaccutane accutane isotretinoin morpheus morpheus8 fraxel co2 prp rf ipl bio-oil bio oil ozempic
    wegovy mounjaro warfarin aspirin ibuprofen paracetamol emla lidocaine vitamin vaseline sudocrem google youtube instagram tiktok facebook whatsapp telegram messenger
    sms english british london uk us usa eu england scotland wales ireland europe european african asian caribbean indian pakistani chinese christmas easter new year bank
    holiday fitzpatrick bmi pcos ivf hiv covid dna faq vat cqc visa mastercard klarna paypal apple android iphone pm am asap btw lol omg idk tbh fyi ps dob tel mob
    pregnant breastfeeding diabetic allergic asthmatic worried nervous scared interested sure sorry black white asian brown dark pale fair mixed male female vegan
    hoping thinking considering wondering looking trying planning going getting having using taking not so very really still just also only
    a b c d e f g the is it my do does can could will would what how when why where who which are am and or but if so""".split()
)


@lru_cache(maxsize=1)
def first_names() -> frozenset[str]:
    lines = (Path(__file__).parent / "first_names.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@dataclass(frozen=True)
class Known:
    """What the booking form heard about this person: spellings to be masked wherever they stand. `country`: for phone numbers, such as GB."""

    names: Tuple[str, ...] = ()
    others: Tuple[str, ...] = ()
    country: str = "GB"

    def heard(self, name: str, others: Iterable[str]) -> "Known":
        """With what was heard now; equal to the former when that was known already."""
        names = (*self.names, name.strip()) if name.strip() and name.strip() not in self.names else self.names
        more = tuple(one.strip() for one in others if len(one.strip()) > 4 and one.strip() not in self.others)
        return Known(names, (*self.others, *more), self.country)


def mask(text: str, known: Known = Known(), places: frozenset[str] = frozenset()) -> str:
    """The text without what says who somebody is. `places`: words of the clinic's own name, people and address, which stay."""
    text = unicodedata.normalize("NFKC", text)
    for heard in sorted(known.others, key=len, reverse=True):
        text = re.sub(re.escape(heard), _of_contact(heard), text, flags=re.I)
    for label, form in _FORMS:
        text = form.sub(label, text)
    text = _DATES.sub(_maybe_birth, text)
    text = _phones(text, known.country)
    text = _SPOKEN.sub(NUMBER, text)
    text = _known_names(text, known.names)
    text = _INTRODUCED.sub(_introduced, text)
    text = _IM.sub(lambda m: _introduced(m) if not set(m["name"].casefold().split()) & (_NO_PERSON | places) else m[0], text)
    text = _listed(text, places)
    return re.sub(r"(\[name\])(?:[\s,.-]+\[name\])+", r"\1", text)


def mask_answer(text: str, known: Known = Known()) -> str:
    """What the assistant said, in its own words: only what it repeated of the person is taken out."""
    for heard in sorted(known.others, key=len, reverse=True):
        text = re.sub(re.escape(heard), _of_contact(heard), text, flags=re.I)
    text = next(form for label, form in _FORMS if label == REFERENCE).sub(REFERENCE, text)
    return _known_names(text, known.names)


def _of_contact(heard: str) -> str:
    return EMAIL if "@" in heard else PHONE if sum(c.isdigit() for c in heard) > 5 else NAME


def _maybe_birth(match: "re.Match[str]") -> str:
    """A full date of a year in which somebody who writes may have been born; appointments are of this year or the next."""
    found = _YEAR.search(match[0])
    if not found:
        return match[0]
    year = found[1] or found[3]
    if year:
        return BIRTH if int(year) < 2020 else match[0]
    return BIRTH if not 20 <= int(found[2]) <= 49 else match[0]


def _phones(text: str, country: str) -> str:
    if sum(c.isdigit() for c in text) < 5:
        return text
    for found in reversed(list(phonenumbers.PhoneNumberMatcher(text, country, leniency=phonenumbers.Leniency.POSSIBLE))):
        if sum(c.isdigit() for c in found.raw_string) >= 7 and not _DATES.fullmatch(found.raw_string.strip()):
            text = text[: found.start] + PHONE + text[found.end :]
    return _DIGITS.sub(lambda m: m[0] if _DATES.search(m[0]) else PHONE if sum(c.isdigit() for c in m[0]) > 8 else NUMBER, text)


def _known_names(text: str, names: Iterable[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", NAME, text, flags=re.I)
        for part in re.split(r"[\s-]+", name):
            if len(part) > 2 and part.casefold() not in _ENDS_A_NAME:
                # A name that is a word too ("May", "Will") only where it is written as a name.
                plain = part.casefold() in _NO_PERSON or len(part) < 4
                text = re.sub(rf"(?<!\w){re.escape(part.capitalize() if plain else part)}(?:['’]s)?(?!\w)", NAME, text, flags=0 if plain else re.I)
    return text


def _introduced(match: "re.Match[str]") -> str:
    words, taken = match["name"].split(), 0
    named = "name" in match["lead"].casefold() or "call" in match["lead"].casefold()
    for word in words:
        if word.casefold().strip(".") in _ENDS_A_NAME or word.startswith("[") or (taken and word.islower() and not named):
            break
        taken += 1
    if not taken:
        return match[0]
    rest = match["name"]
    for word in words[:taken]:
        rest = rest[rest.index(word) + len(word) :]
    return f"{match['lead']}{NAME}{rest}"


def _listed(text: str, places: frozenset[str]) -> str:
    """Frequent given names, in any case, and capitalised words in the middle of a sentence that are no known thing."""
    names, shouted = first_names(), text.isupper() and len(text) > 3
    every = _CAPITAL.findall(text)
    titled = len(every) > 3 and sum(word[0].isupper() for word in every) > 0.6 * len(every)
    parts, last, before_name = [], 0, False
    for found in _CAPITAL.finditer(text):
        word, key = found[0], re.sub(r"['’]s$", "", found[0].casefold())
        inside = text[found.start() - 1 : found.start()] == "[" or text[found.end() : found.end() + 1] == "]"
        start = not re.search(r"[^\s\"'“”‘’(]", text[: found.start()].rsplit("\n", 1)[-1]) or bool(re.search(r"[.!?:•–-]\s*[\"'“‘(]?$", text[: found.start()]))
        capital = word[0].isupper() and not word.isupper() and not start and not shouted and not titled
        is_name = (
            not inside and key not in places and key not in _NO_PERSON and (key in names or capital or (before_name and word[0].isupper() and not shouted))
        )
        if is_name:
            parts += [text[last : found.start()], NAME]
            last = found.end()
        before_name = is_name and text[found.end() : found.end() + 2].startswith(" ")
    return "".join([*parts, text[last:]])
