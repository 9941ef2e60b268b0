"""Takes out of a text what says who somebody is: names, numbers, addresses, dates of birth. Masks too much rather than too little.

Pure: text and what is known of the person in, masked text out. What a masked text stands for is not kept; the original stays with the bot.
"""

import difflib
import importlib.util
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Iterable, List, Set, Tuple

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
_TENS = r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
_ONES = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen)"
_SPOKEN_YEAR = rf"(?:nineteen[\s-]+(?:(?:oh|hundred)[\s-]+)?(?:and\s+)?(?:{_TENS}(?:[\s-]+{_ONES})?|{_ONES})|two\s+thousand(?:\s+(?:and\s+)?{_ONES})?)"
_SPOKEN_DAY = r"(?:(?:twenty|thirty)[\s-]+)?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth)"
_SPOKEN_DATE = (
    rf"(?:{_SPOKEN_DAY}|\d{{1,2}}(?:st|nd|rd|th)?)(?:\s+of)?(?:\s+the)?\s+(?:{_MONTH}|{_SPOKEN_DAY})(?:,?\s+(?:in\s+)?(?:{_SPOKEN_YEAR}|{_YEAR_OF_BIRTH}))?"
)
_WORD = r"[^\W\d_]+(?:['’-][^\W\d_]+)*(?!\d)\.?"

_MAILERS = r"(?:gmail|googlemail|hotmail|outlook|yahoo|icloud|aol|btinternet|protonmail|proton|ymail|virginmedia|talktalk|msn)"
_STREETS = frozenset(
    "street st road rd avenue ave lane ln drive close court crescent terrace way place gardens grove square hill row mews walk parade the".split()
)
# "10 minutes walk", "in 2018 a different place"
_NO_STREET = r"(?!(?:a|an|in|of|to|is|are|was|my|your|some|this|that|more|per|and|or|for|i|we|min|mins|minutes?|hours?|hrs?|days?|weeks?|months?|years?|miles?|km|sessions?|people|times?)\b)"
_STREET = r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|close|court|crescent|terrace|way|place|gardens|grove|square|hill|row|mews|walk|parade|sq|cres)"

# Order matters: what is longer and surer goes first.
_FORMS: List[Tuple[str, "re.Pattern[str]"]] = [
    (EMAIL, re.compile(rf"(?<![\w.+%'-])[\w.+%'-]+(?:\s(?:dot|underscore|dash|hyphen|\.|_)\s[\w-]+)*\s+at\s+(?!(?:the|a|an|my|your)\b)[\w-]+(?:\s+dot\s+[\w-]+)+|(?!(?:you|me|us|it|account|mail|email|is)\b)(?<![\w.+%'-])[\w.+%'-]+(?:\s(?:dot|underscore|dash|hyphen)\s[\w-]+)*\s+(?:at|@)\s+{_MAILERS}\b(?:\s?(?:\.|,|dot)\s?(?:com|co|uk|net|org|ie|de|fr)\b)*|(?<![\w.+%'-])[\w.+%'-]+\s+at\s+[\w-]+\.(?:com|co\.uk|org|net|ie)\b", re.I)),
    (EMAIL, re.compile(r"(?<![\w.+%'-])[\w.+%'-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\s?(?:\.|\(dot\)|\[dot\])\s?[\w-]+)+|(?<![\w.+%'-])[\w.+%'-]+@[\w-]+(?:[.,][\w-]+)*", re.I)),
    (LINK, re.compile(r"(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|co\.uk|org|net|io|me)(?:/\S*)?\b", re.I)),
    (LINK, re.compile(r"(?<![\w@])@[A-Za-z0-9_][\w.]{2,}|(?<=\bhandle\sis\s)\S+|(?<=\busername\sis\s)\S+", re.I)),
    (BIRTH, re.compile(rf"(?<=born\s){_YEAR_OF_BIRTH}|(?:d\.?o\.?b\.?|date of birth|birth ?date|birthday(?: is)?|born(?: on| in)?)\W{{0,4}}(?:is\s+|was\s+|the\s+|on\s+){{0,2}}(?:{_DATE}|\d{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?(?:\s+the)?\s+\d{{1,2}}(?:st|nd|rd|th)?\s+{_YEAR_OF_BIRTH}|{_SPOKEN_DATE}|{_MONTH}\s+(?:{_YEAR_OF_BIRTH}|'?\d{{2}}\b|{_SPOKEN_YEAR})|\d{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}|{_YEAR_OF_BIRTH}|{_SPOKEN_YEAR}|\d{{6}}\b|\d{{8}}\b)|\b{_SPOKEN_DAY}(?:\s+of)?\s+{_MONTH},?\s+(?:in\s+)?{_SPOKEN_YEAR}", re.I)),
    (ADDRESS, re.compile(rf"\b\d{{1,4}}[a-z]?,?\s+(?:{_NO_STREET}[^\W\d_][\w'’.-]*\s+){{1,3}}{_STREET}\b\.?", re.I)),
    (ADDRESS, re.compile(r"\b\d{1,4}[a-z]?,?\s+(?:bis\s+)?(?:rue|via|viale|calle|avenida|boulevard|piazza|rua|ulica|ul\.)\s+(?:(?:de|du|des|della|del|di|la|le|les|l['’])\s*){0,2}[^\W\d_][\w'’-]*|\b[^\W\d_]{3,}(?:straße|strasse|str\.)\s*\d{1,4}\b|\bp\.?\s?o\.?\s?box\s*\d+", re.I)),
    (ADDRESS, re.compile(rf"(?<=\blive\son\s)(?:[^\W\d_][\w'’.-]*\s+){{1,3}}{_STREET}\b|(?<=\blive\sat\s)(?:[^\W\d_][\w'’.-]*\s+){{1,3}}{_STREET}\b|(?<=\baddress\sis\s)(?:[^\W\d_][\w'’.-]*\s+){{1,3}}{_STREET}\b|(?<=\blive\sin\s)(?:[^\W\d_][\w'’.-]*\s+){{1,3}}{_STREET}\b", re.I)),
    (ADDRESS, re.compile(r"\b(?:[A-Z][\w'’-]+\s+){1,2}(?:Street|Road|Avenue|Lane|Drive|Crescent|Terrace|Gardens|Grove|Square|Mews)\b")),
    (ADDRESS, re.compile(r"\b(?:The\s+)?(?:[A-Z][\w'’-]+\s+){1,2}(?:Cottage|Rectory|Vicarage|Farmhouse|Farm|Barn|Lodge|Manor|Villa)\b")),
    (ADDRESS, re.compile(r"\b(?:flat|apartment|apt|unit)\s+\d{1,4}[a-z]?\b", re.I)),
    (ADDRESS, re.compile(r"\b(?:GIR\s?0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d{1,2}|\d[A-HJKS-UW]|[A-HK-Y]\d[ABEHMNPRV-Y])\s?\d[ABD-HJLNP-UW-Z]{2})\b", re.I)),
    (REFERENCE, re.compile(r"\b(?=[0-9A-Z-]*\d)[2-9A-HJKM-NP-TV-Z]{4}-[2-9A-HJKM-NP-TV-Z]{4}\b")),
    (NUMBER, re.compile(r"\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}(?:\s?[A-Z0-9]{1,3})?\b|\b[A-Z]{2,5}9{0,3}\d{6}[A-Z0-9]{5}\b|(?<!\d)(?:\d{4}[\s-]?){3}\d{1,4}(?!\d)")),
    (NUMBER, re.compile(r"\b[A-Z]{2}\s?\d{2}\s?\d{2}\s?\d{2}\s?[A-D]\b", re.I)),
    (NUMBER, re.compile(r"(?<=\bends\sin\s)\d{2,6}\b|(?<=\bending\sin\s)\d{2,6}\b|(?<=\bending\s)\d{3,6}\b")),
]  # fmt: skip
# A card, policy, patient … number after the word for it: pieces that hold digits, four of them at least, perhaps with letters before.
_NUMBERED = re.compile(
    r"(?P<lead>\b(?:nhs|national\s+insurance|n\.?i|nino|insurance|policy|member(?:ship)?|patient|hospital|account|acc|passport|licen[cs]e|ref(?:erence)?|claim|customer|card|iban|sort\s+code|id|mrn|chi|bupa|axa)"
    r"(?:\s+(?:number|num|no\.?|nr\.?|code|id|ref(?:erence)?))?\s*(?:is\b|was\b|[:=#-])?\s*)"
    r"(?P<code>(?:[A-Z]{1,4}[ -]?)?(?:[A-Z0-9]*\d[A-Z0-9]*)(?:[ -][A-Z0-9]*\d[A-Z0-9]*)*(?:[ -][A-Z](?![\w'’]))?)(?![\w£/:])",
    re.I,
)
_CODE = re.compile(r"\b(?=[A-Z0-9]*[A-Z])(?=(?:[A-Z]*\d){4})[A-Z0-9]{7,20}\b", re.I)
_DOSE = re.compile(r"\d+(?:mg|mcg|ug|iu|ml|kg|cm|mm|hrs?|mins?|am|pm|x)", re.I)
_PLATFORM = r"(?:insta(?:gram)?|ig|facebook|fb|messenger|snap(?:chat)?|tiktok|tik\s?tok|twitter|telegram|whatsapp|threads|linkedin)"
_HANDLE = re.compile(
    rf"(?P<lead>\b{_PLATFORM}\b(?:\s+|\s*[:=-]\s*)(?:(?:is|name|handle|user(?:\s?name)?|account|as|it'?s|me)\b\s*[:=]?\s*)*)(?P<handle>[\w.]{{3,}})", re.I
)
_DATES = re.compile(rf"(?<!\d){_DATE}(?!\d)", re.I)
_YEAR = re.compile(r"(?<!\d)(?:(\d{4})|'?(\d{2}))(?!\d)\W*$|^\W*(\d{4})")
_DIGITS = re.compile(r"(?<![\w£$€])\+?\(?\d(?:[\s().-]{0,2}\d){6,}(?!\w)|(?<![\w£$€.])\d{5,}(?!\w)")
_SPOKEN_DIGIT = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple|plus)"
_SPOKEN = re.compile(rf"(?<![^\W\d_])(?:{_SPOKEN_DIGIT}|\d)(?:[\s,.:-]*(?:{_SPOKEN_DIGIT}|\d)){{5,}}(?![^\W\d_])", re.I)
_PARTICLE = r"(?:von|van|der|den|de|del|della|la|le|di|da|dos|du|al|el|bin|ibn|ní|ni|nic|mac|ter|zu)"
_KIN = r"(?:sister|brother|mum|mom|mother|dad|father|husband|wife|partner|boyfriend|girlfriend|fianc[ée]e?|daughter|son|friend|mate|cousin|aunt|auntie|uncle|gran|nan|niece|nephew|neighbour|boss)"
# What comes before a name, and how sure it makes us. `sure`: whatever follows is one, unless it is a little word. `some`: if it is written as a name or is
# no English word. A capital is asked for by `(?-i:[A-Z])`, because the rest is read in any case.
_INTRODUCED = re.compile(
    rf"""(?P<lead>(?P<sure>\b(?:(?:my|her|his|their|the|full|first|last|sur|maiden|partner'?s|husband'?s|wife'?s|daughter'?s|friend'?s|sister'?s)\s?)*na?me?(?:'s|’|’s|\ is|\ was|\s*[:=–-])\s*
    |\bmy\ names\ |\bsurname\s+(?=\w+\s*$)
    |\b(?:can\ )?(?:call(?:s|ed)?|named)\s+me\s+|\bi(?:'|’)?m\ called\s+|\bi\ am\ called\s+|\bi\ go\ by\s+|\bthis\ is\s+(?=\w+\s+(?:speaking|here|from|again)\b)|\bspeaking\ (?:to|with)\s+(?=(?-i:[A-Z]))
    |\b(?:mr|mrs|ms)\.?\s+|\bsigned,?\s+|\battn:?\s+|\bm['’]appelle\s+|\bme\ llamo\s+|\bmi\ chiamo\s+|\bich\ hei(?:ß|ss)e\s+)
    |(?P<some>\bname\s+|\b(?:miss|dr|doctor|nurse|prof(?:essor)?|sister|matron)\.?\s+|\bmy\ (?:[a-z]+\ )?{_KIN},?\s+
    |\b(?:under|booked\ (?:for|with|in)|booking\ for|seen\ by|speak\ (?:to|with)|talk\ (?:to|with)|ask\ for|appointment\ (?:with|for)|see|is|with)\s+(?=(?-i:[A-Z])|\w+\s+(?:please|pls)\b)
    |\b(?:regards|wishes|sincerely|faithfully|truly|cheers|thanks|thank\ you|love)[,.!\s]+))(?P<name>{_WORD}(?:\s+(?:{_PARTICLE}\s+){{0,2}}{_WORD}){{0,3}})""",
    re.I | re.X,
)
_IM = re.compile(
    rf"(?P<lead>\b(?i:i(?:'|’)?m|i\ am|its|it(?:'|’)s|this\ is|here\ is)\s+(?i:me,?\s+)?)(?P<name>[^\W\d_a-z][^\W\d_]+(?:['’-][^\W\d_]+)*(?:\s+(?:{_PARTICLE}\s+){{0,2}}[A-Z][^\W\d_]*(?:['’-][^\W\d_]+)*\.?){{0,3}})"
)
# In small letters only what is no word of English, nor one misspelt, can be a name.
_IM_SMALL = re.compile(r"(?P<lead>\b(?:i(?:'|’)?m|i\ am|it(?:'|’)?s\ me,?|this\ is)\s+)(?P<name>[^\W\d_]{3,}(?:['’-][^\W\d_]+)*)(?!['’])", re.I)
# Names that are words too, in small letters: only where nothing else can be meant.
_IM_WORD = re.compile(
    r"(?P<lead>\bi(?:'|’)?m\s+)(?P<name>rose|grace|faith|dawn|ruby|holly|ivy|olive|violet|daisy|lily|poppy|amber|robin|frank|mark|jack|harry|april|june|summer|hope)"
    r"(?=\s*(?:$|[,.!]|(?:and|by|btw|here|from|i)\b))",
    re.I,
)
_HERE = re.compile(
    r"^(?P<lead>\s*(?:(?:hi|hello|hey|hiya|morning|evening)[,!]?\s+)?(?:it(?:'|’)?s\s+|this\s+is\s+)?)(?P<name>[^\W\d_]{2,}(?:['’-][^\W\d_]+)*)(?=\s+(?:here|speaking)\b)",
    re.I,
)
# A message that is nothing but a name: two words or more, all with capitals, one of them no word of English.
_ALONE = re.compile(rf"^(?P<lead>\s*)(?P<name>[^\W\d_a-z][\w'’-]+(?:\s+(?:{_PARTICLE}\s+)?[^\W\d_a-z][\w'’.-]*){{1,3}})(?=[\s.!]*$)")
# The last line of a message, where it is nothing but words written as names.
_SIGNED = re.compile(
    rf"(?P<lead>\n\s*)(?P<name>(?:[^\W\d_a-z]\.\s?)*[^\W\d_a-z][^\W\d_]+(?:['’-][^\W\d_]+)*(?:\s+(?:{_PARTICLE}\s+)?[^\W\d_a-z][\w'’.-]*){{0,3}})(?=[\s.,!x]*$)"
)
_ENDS_A_NAME = set(
    """and but my i im i'm phone number email mobile on from in at to for with is are was the a an book please pls thanks speaking here again you we it this that so
    can could would what how when why where who or if because about have has had do does did want need looking calling asking by back later tomorrow today tonight asap said says told
    after before if not no really very just going having being getting happy sad fine good great ok okay back next ready still also too more your their our his her its of to
    then than there never always only all any some one two three four five six seven eight nine ten up out off over now yet well much many soon ever please monday tuesday
    wednesday thursday friday saturday sunday tomorrow""".split()
)
# What people most often say of themselves and ask for, so that its misspellings are not taken for names.
_USUAL = (
    *"pregnant breastfeeding diabetic allergic asthmatic worried nervous scared interested anxious confused desperate considering wondering thinking looking hoping".split(),
    *"trying planning struggling suffering bleeding swollen itchy bruised burning peeling healing sensitive prone taking using having getting starting finished".split(),
    *"medication antibiotics steroids someone somebody anyone person human manager receptionist practitioner therapist clinician doctor dermatologist nurse".split(),
    *"embarrassed unsure uncertain available unavailable currently actually definitely probably really experiencing recovering beautiful disgusting amazing awesome".split(),
    *"microneedling stretchmarks treatment appointment consultation question questions urgent emergency disabled overweight menopausal postpartum".split(),
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
    great fine ready back yet next bye goodbye right left good bad better best happy sad tired late early here there done free busy new old well open closed same
    muslim christian jewish hindu sikh buddhist catholic british irish scottish welsh polish african american ramadan eid diwali lent summer winter spring autumn
    doctor nurse sister clinic clinician receptionist surgeon consultant dermatologist midwife therapist practitioner team madam sir miss mum mom dad
    ehlers danlos crohn crohns raynaud raynauds hashimoto hashimotos hodgkin cushing cushings marfan marfans sjogren addison graves lupus metformin
    xarelto eliquis pradaxa apixaban rivaroxaban clopidogrel methotrexate humira adalimumab prednisolone prednisone sertraline fluoxetine citalopram propranolol
    levothyroxine thyroxine tamoxifen letrozole depo mirena implanon nexplanon lamotrigine gabapentin pregabalin omeprazole amoxicillin doxycycline saxenda zepbound
    semaglutide tirzepatide oratane curacne differin adapalene epiduo niacinamide cerave cetaphil eucerin palmers mederma bepanthen savlon germolene aquaphor nivea aveeno
    bupa axa aviva vitality boots superdrug tesco amazon ebay uber god lord allah jesus
    ghanaian nigerian jamaican kenyan somali ethiopian eritrean sudanese egyptian moroccan algerian tunisian turkish greek italian spanish portuguese french german dutch
    swedish norwegian danish finnish ukrainian russian romanian bulgarian hungarian czech slovak lithuanian latvian albanian iranian persian iraqi syrian lebanese arab arabic
    afghan bangladeshi bengali punjabi gujarati tamil nepali filipino filipina thai vietnamese korean japanese malay indonesian australian canadian mexican brazilian
    colombian latina latino hispanic mediterranean eastern western southern northern coloured
    mondays tuesdays wednesdays thursdays fridays saturdays sundays
    nothing everything something anything morning afternoon evening night hospital university street road
    a b c d e f g the is it my do does can could will would what how when why where who which are am and or but if so""".split()
)


@lru_cache(maxsize=1)
def first_names() -> frozenset[str]:
    lines = (Path(__file__).parent / "first_names.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@lru_cache(maxsize=1)
def english() -> frozenset[str]:
    """82,000 words of English by symspellpy's list, which the bot's spelling uses too. Rare names are not among them."""
    found = importlib.util.find_spec("symspellpy")
    assert found is not None and found.submodule_search_locations
    lines = (Path(found.submodule_search_locations[0]) / "frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig").splitlines()
    return frozenset(line.partition(" ")[0] for line in lines)


@lru_cache(maxsize=1)
def things() -> frozenset[str]:
    """What people write to a clinic about: the words of data/vocabulary, without those that are names too."""
    words: Set[str] = set()
    for path in (Path(__file__).parents[2] / "data" / "vocabulary").glob("*.yml"):
        words.update(word for word in re.findall(r"[^\W\d_]{4,}", path.read_text(encoding="utf-8").casefold()))
    return frozenset(words - first_names()) | _NO_PERSON


@lru_cache(maxsize=4096)
def foreign(word: str) -> bool:
    """Whether a word in small letters is none we know, and not one of the usual ones misspelt: then it may be a name."""
    key = re.sub(r"['’]s?$", "", word.casefold())
    if key in first_names():
        return True
    if len(key) < 3 or key in english() or key in things() or key.replace("'", "").replace("’", "") in english():
        return False
    return not difflib.get_close_matches(key, _USUAL, 1, 0.79)


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
    text = unicodedata.normalize("NFC", text)
    for label, form in _FORMS:
        text = form.sub(label if label != ADDRESS else lambda m: m[0] if set(re.findall(r"\w+", m[0].casefold())) <= places | _STREETS else ADDRESS, text)
    text = _HANDLE.sub(_handle, text)
    text = _NUMBERED.sub(_numbered, text)
    text = _DATES.sub(_maybe_birth, text)
    text = _phones(text, known.country)
    text = _SPOKEN.sub(_spoken, text)
    text = _CODE.sub(lambda m: m[0] if _DOSE.fullmatch(m[0]) else NUMBER, text)
    text = _known_names(text, known.names)
    text = _INTRODUCED.sub(lambda m: _introduced(m, places), text)
    text = _IM.sub(lambda m: m[0] if set(m["name"].casefold().split()) & (things() | places) else _introduced(m, places), text)
    for form in (_IM_SMALL, _HERE):
        text = form.sub(lambda m: f"{m['lead']}{NAME}" if m["name"].casefold() not in places and foreign(m["name"]) else m[0], text)
    text = _IM_WORD.sub(lambda m: f"{m['lead']}{NAME}", text)
    text = _SIGNED.sub(lambda m: m[0] if set(m["name"].casefold().split()) & (things() | places) else f"{m['lead']}{NAME}", text)
    text = _ALONE.sub(
        lambda m: m[0] if set(m["name"].casefold().split()) & (things() | places) or not any(map(foreign, re.findall(r"[^\W\d_]+", m["name"]))) else NAME, text
    )
    text = _listed(text, places)
    return re.sub(r"(\[name\])(?:[\s,.-]+\[name\])+", r"\1", text)


def _numbered(match: "re.Match[str]") -> str:
    """Four digits make a number of somebody's, and two in something like KX9P2L; a date and a dose do not."""
    code = match["code"]
    digits, letters = sum(c.isdigit() for c in code), sum(c.isupper() for c in code)
    mine = (digits > 3 or (digits > 1 and letters > 1 and len(code) > 4)) and not _DATES.search(code) and not _DOSE.fullmatch(code)
    return f"{match['lead']}{NUMBER}" if mine else match[0]


def _handle(match: "re.Match[str]") -> str:
    """A name on a platform: with a sign that words do not have, or no word."""
    odd = re.search(r"\w[._\d]+\w|\d|_", match["handle"]) or (match["handle"].strip(".").islower() and foreign(match["handle"].strip(".")))
    return f"{match['lead']}{LINK}" if odd else match[0]


def _spoken(match: "re.Match[str]") -> str:
    """Digits said as words, or words and digits mixed; digits alone have been looked at before."""
    return NUMBER if re.search(r"[^\W\d_]", match[0]) else match[0]


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


def _introduced(match: "re.Match[str]", places: frozenset[str]) -> str:
    words, taken = match["name"].split(), 0
    groups = match.groupdict()
    named, doubtful = bool(groups.get("sure")), bool(groups.get("some"))
    for number, word in enumerate(words):
        key = re.sub(r"['’]s$", "", word.casefold().strip(".,"))
        particle = re.fullmatch(_PARTICLE, key) and number + 1 < len(words)
        if word.startswith("[") or ((key in _ENDS_A_NAME or key in places) and not particle):
            break
        if (
            doubtful
            and not particle
            and not (taken and word[0].isupper())
            and (key in things() or not (foreign(key) or (word[0].isupper() and match["lead"][-1:] != "\n")))
        ):
            break
        if taken and word.islower() and not named and not particle and not foreign(key):
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
        is_name = not inside and key not in places and key not in things() and (key in names or capital or (before_name and word[0].isupper() and not shouted))
        if is_name:
            parts += [text[last : found.start()], NAME]
            last = found.end()
        before_name = is_name and text[found.end() : found.end() + 2].startswith(" ")
    return "".join([*parts, text[last:]])
