"""Reads a name, a phone number and an e-mail address out of what somebody types, and changes none of them.

Names are whatever people say they are called. Only an introduction in front ("my name is", "its") is peeled off.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import phonenumbers
from email_validator import EmailNotValidError, validate_email

LONGEST_NAME = 80
MOST_DIGITS_IN_NAME = 4

_INTRODUCTIONS = re.compile(
    r"""^\s*(?:(?:hi|hey|hello|hiya|ok|okay|sure|yes|yeah|yep|so|well|um|uh|er)\b[\s,.!-]*)*
    (?:(?:so\ |and\ )?(?:the\ |my\ |her\ |his\ |their\ |full\ |first\ )*name(?:'s|\ is|\ na|\ would\ be|\ it\ is|\ be|\s*[:=-])\s*(?:called\ )?
    |(?:you\ can\ |just\ |please\ |they\ |people\ |everyone\ |everybody\ )*call(?:s)?\ me\s+
    |i(?:'m|\ am|m)\ (?:called|named|known\ as)\s+
    |i\ go\ by\s+|i\ answer\ to\s+
    |(?:it|this|that|name)\s?(?:'s|\ is)\s+|its\s+
    |i'm\s+|i\ am\s+)""",
    re.I | re.X,
)
_LOWER_IM = re.compile(r"^\s*(?:im\s+(?=\S)|Im\s+(?=[a-z]))")  # "Im Yoon-ah" keeps her surname
_OPENING = re.compile(r"^(?:(?:hi|hey|hello|hiya)[\s,.!-]+|(?:sure|okay|ok)\s*[,.!-]\s*)(?=\S)", re.I)
_FAREWELL = re.compile(r"(?:[\s,]+\bhere\b)?[\s,]*(?:\b(?:please|pls|thanks|thank you|thx|cheers)\b|[!,;:\s])*$", re.I)
_SHORTENED = set("jr jnr sr snr esq phd md st dr mr mrs ms prof rev hon bros".split())
_NAMED = re.compile(
    r"\b(?:my|full) name(?:'s| is| na)\s+(?P<name>[^\d,.;:!?\n@]{1,60}?)"
    r"(?=\s+(?:and|my|i|i'm|im|phone|number|email|mobile|on|from|but|book|please|pls|thanks)\b|[,.;:!?\n\d]|$)",
    re.I,
)
# "hi im Ann, …", "hello, this is Siobhán O'Brien here": only beside a greeting, and only a word with a capital is surely a name.
_GREETED = re.compile(
    r"^\W*(?:(?i:hi|hiya|hello|hey|good (?:morning|afternoon|evening)|dear \w+)[\s,.!]+)+(?:(?i:there|all|team)[\s,.!]+)?"
    r"(?i:i'?m|i am|im|this is|it'?s|its|my name'?s)\s+"
    r"(?P<name>[^\W\d_a-z][\w'.-]*(?:\s[^\W\d_a-z][\w'.-]*){0,3})(?=\s*[,;!?\n]|\.\s|\.?$|\s+(?:and|here|on|from|my|can|could|is|are|looking|i)\b)"
)
_BEFORE_NUMBER = re.compile(
    r"\b(?i:i'?m|i am|im|this is)\s+(?P<name>[^\W\d_a-z][\w'-]*(?:\s[^\W\d_a-z][\w'-]*){0,2})[\s,]+"
    r"(?:(?i:on|my|number|is|phone|mobile|tel)\s+)*(?=[+(]?\d{5}|\+\d|\S+@)"
)
_OVERRIDES = {chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}  # would let a name rewrite the line it stands in
_NOT_A_NAME = set(
    """yes yeah yep yup no nope nah ok okay sure stop cancel skip back help why what who when how where hello hi hey thanks thank repeat again
    later please quit exit restart menu pass next none nothing nevermind idk huh pardon sorry maybe done start""".split()
)


# "hi, Mary Okafor here"
_HERE = re.compile(r"^\W*(?:(?i:hi|hiya|hello|hey)[\s,.!]+)+(?P<name>[^\W\d_a-z][\w'.-]*(?:\s[^\W\d_a-z][\w'.-]*){0,3})\s+here\b")


def _printable(text: str) -> str:
    kept = (" " if c in "\r\n\t" else c for c in text if c in "\r\n\t" or (unicodedata.category(c) != "Cc" and c not in _OVERRIDES))
    return "".join(kept).strip()


def peel(text: str) -> str:
    """What is left when an introduction in front and thanks behind are taken off."""
    text = _printable(text.replace("’", "'") if re.match(r"(?i)\s*(?:i|it|that|name|my name)’", text) else text)
    for introduction in (_INTRODUCTIONS, _LOWER_IM):
        rest = introduction.sub("", text, count=1)
        if rest != text and rest.strip():
            text = rest.strip()
            break
    greeted = _OPENING.sub("", text, count=1)
    if greeted.strip() and any(c.isalpha() for c in greeted):
        text = greeted.strip()
    trimmed = _FAREWELL.sub("", text)
    text = trimmed if any(c.isalpha() for c in trimmed) else text
    last = text.split()[-1] if text.split() else ""
    if re.fullmatch(r"[^\W\d_.]{2,}\.", last) and last[:-1].lower() not in _SHORTENED:  # a sentence ended; "Jr." and "J." keep their stop
        text = text[:-1]
    return text.strip()


def introduces(text: str) -> bool:
    """Whether the text opens with an introduction, so that what follows is surely a name."""
    return bool(_INTRODUCTIONS.match(text.replace("’", "'")))


def read_name(text: str) -> Optional[str]:
    """The name somebody gives when asked for it, or None when this cannot be one. Never corrected, never re-cased."""
    name = peel(text)
    letters = [c for c in name if unicodedata.category(c)[0] == "L"]
    if not letters or len(name) > LONGEST_NAME or "@" in name or "?" in name or re.search(r"https?:|www\.", name, re.I):
        return None
    if sum(c.isdigit() for c in name) > MOST_DIGITS_IN_NAME:
        return None
    if not introduces(text) and re.sub(r"[^\w']", "", name.casefold()) in _NOT_A_NAME:
        return None
    return name


def find_name(text: str) -> Optional[str]:
    """A name introduced inside a longer message ("book me in, my name is Ada and …"), or None."""
    text = text.replace("’", "'")
    match = _NAMED.search(text) or _GREETED.match(text) or _BEFORE_NUMBER.search(text) or _HERE.match(text)
    return read_name(match["name"]) if match else None


@dataclass(frozen=True)
class Phone:
    """`written`: as typed (spoken digits as digits); `shown`: how it is read back; `whole`: the part of the text it stood in."""

    written: str
    shown: str
    whole: str = ""


_DIGITS: Dict[str, str] = {
    **dict.fromkeys("oh o zero nought naught nil".split(), "0"),
    **{word: str(n) for n, word in enumerate("one two three four five six seven eight nine".split(), start=1)},
}
_TIMES = {"double": 2, "dubble": 2, "triple": 3, "treble": 3}
_NUMBER = re.compile(
    r"(?<![\w@.])(?P<number>(?:\+|＋|00)?\s?\(?\d(?:[\d\s().\-–/·]|\(0\))*\d)(?:\s*(?:,|;)?\s*(?P<ext>(?:x|ext\.?|extn\.?|extension|#)\s*:?\s*\d{1,7}))?(?![\w@])",
    re.I,
)
_SPOKEN_EXTENSION = re.compile(r"\bextension\b", re.I)


def _spoken(text: str) -> str:
    """ "oh seven double four" → "07 44": runs of spoken digits become digits; other words stay."""
    text = re.sub(r"(?<![^\s+(])[\doO]*\d[\doO]*(?![^\s,.)-])", lambda m: m[0].replace("O", "0").replace("o", "0"), text)  # "O74OO"
    text = re.sub(r"\b(?:um+|uh+|er+|erm)\b[\s,]*", "", text, flags=re.I)
    words = re.findall(r"[^\W\d_]+|\d+|[^\w]+|_", text)
    out: List[str] = []
    times, run = 1, 0
    for n, word in enumerate(words):
        low = word.lower()
        following = [w.lower() for w in words[n + 1 :] if not re.fullmatch(r"[\s,-]+", w)][:1]
        if low in _TIMES and following and (following[0] in _DIGITS or (following[0].isdigit() and len(following[0]) == 1)):
            times = _TIMES[low]
        elif run and low == "hundred":
            out.append("00")
        elif run and word.isdigit():
            out.append(word)
        elif low == "plus" and following and (following[0] in _DIGITS or following[0].isdigit()):
            out.append("+")
            run += 1
        elif low in _DIGITS or (times > 1 and low.isdigit() and len(low) == 1):
            out.append(_DIGITS.get(low, low) * times)
            times, run = 1, run + 1
        elif (
            run and re.fullmatch(r"[\s,-]+", word) and following and (following[0] in _DIGITS or following[0] in (*_TIMES, "hundred") or following[0].isdigit())
        ):
            continue
        else:
            out.append(word)
    return "".join(out)


def read_phone(text: str, region: str) -> Optional[Phone]:
    """The first phone number in `text`, national numbers read as in `region` (ISO code), or None when there is none of possible length."""
    for candidate in dict.fromkeys((text, _spoken(text))):
        for match in _NUMBER.finditer(unicodedata.normalize("NFKC", candidate)):
            phone = _phone(match["number"], match["ext"] or "", region)
            if phone:
                return Phone(phone.written, phone.shown, match[0] if candidate == text else text)
    return None


def _phone(number: str, extension: str, region: str) -> Optional[Phone]:
    digits = re.sub(r"\D", "", number)
    if not 7 <= len(digits) <= 17 or re.fullmatch(r"\s*\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\s*|\s*\d{4}-\d\d-\d\d\s*", number):
        return None
    tries: List[Tuple[str, Optional[str]]] = [(number, region)]
    if not number.lstrip(" (").startswith(("+", "0")):
        tries.append((f"+{digits}", None))
    for text, where in tries:
        try:
            parsed = phonenumbers.parse(f"{text} {extension}".strip(), where)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(parsed):
            home = parsed.country_code == phonenumbers.country_code_for_region(region)
            form = phonenumbers.PhoneNumberFormat.NATIONAL if home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
            written = f"{number.strip()} {extension.strip()}".strip()
            return Phone(written if where else f"+{written}", str(phonenumbers.format_number(parsed, form)))
    return None


_ADDRESS = re.compile(r"[^\s@,;<>()\[\]\"]+@[^\s@,;<>()\[\]\"]+\.[^\s@,;<>()\[\]\"]*[^\s@,;<>()\[\]\".!?:]", re.U)
_SPOKEN_MARKS = [
    (re.compile(r"\s*[\[(]\s*(?:at)\s*[\])]\s*", re.I), "@"),
    (re.compile(r"\s*[\[(]\s*(?:dot)\s*[\])]\s*", re.I), "."),
    (re.compile(r"\s+(?:dot|point|full stop)\s+", re.I), "."),
    (re.compile(r"\s+(?:underscore|under score)\s+", re.I), "_"),
    (re.compile(r"\s+(?:dash|hyphen|minus)\s+", re.I), "-"),
    (re.compile(r"\s+plus\s+", re.I), "+"),
    (re.compile(r"\s*@\s*"), "@"),
    (re.compile(r"(?<=\w)\s+\.\s*(?=\w)"), "."),
]
_AT = re.compile(r"\s+at\s+(?=[\w-]+(?:\.[\w-]+)+)", re.I)


def read_email(text: str) -> Optional[str]:
    """The first e-mail address in `text`, as typed; "ada at gmail dot com" is understood. None when there is no valid one."""
    spoken = text
    for pattern, mark in _SPOKEN_MARKS:
        spoken = pattern.sub(mark, spoken)
    for candidate in (text, spoken, _AT.sub("@", spoken)):
        for match in _ADDRESS.finditer(candidate):
            address = re.sub(r"^(?:mailto:|e-?mail:|is:)", "", match[0], flags=re.I)
            try:
                validate_email(address, check_deliverability=False, test_environment=True)
            except EmailNotValidError:
                continue
            return address
    return None


def without_contact(text: str, region: str) -> str:
    """`text` without the phone number and the e-mail address in it, so that their digits are not taken for a time."""
    address = read_email(text)
    if address and address in text:
        text = text.replace(address, " ")
    phone = read_phone(text, region)
    if phone and phone.whole == text and text.lower() != phone.written and sum(c.isdigit() for c in text) < 9:  # its digits were spoken
        text = _spoken(text)
        phone = read_phone(text, region)
    if phone and phone.whole and sum(c.isdigit() for c in phone.whole) >= 9:
        text = text.replace(phone.whole, " ")
    return text
