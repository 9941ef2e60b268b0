"""What people write about the talk itself: "ok", "?", "you already said that", "which would you pick", a photo, another language.

Pure, from the words and what was said before to a reply. A pattern fits the whole message from the first word to the last (but for photos and
languages), so that a question which only begins so is never swallowed. Without anything to hang on to, the usual answer is given.
"""

import re
import unicodedata
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from actions.answers import SAFETY, Message, Turn, buttons, fill
from actions.memory import Memory
from knowledge.library import Knowledge

TEXTS = {
    "noted": "Good. Ask whatever else you would like to know.",
    "noted_again": "All right. I am here if something else comes to mind.",
    "noted_danger": (
        "Please do have it looked at today: {urgent_line}, or your GP. If it gets worse, or you have trouble breathing or feel very ill, "
        "call {emergency_number}."
    ),
    "noted_worry": "If it changes, hurts more or worries you, call us on {phone}, or {urgent_line} at any hour. In an emergency call {emergency_number}.",
    "puzzled": "In short: {gist}\nTell me which part is unclear, or talk to a person on {phone}.",
    "still_puzzled": "I am sorry, I have no plainer words for “{title}”. A person can explain it to you: {phone} or {email}. {open_now}",
    "early": "I say openly what microneedling for stretch marks can do and what it cannot. What would you like to know?",
    "gist": "In short: {gist}\nOur clinician has the last word, after seeing you.",
    "missed": "I am sorry. I answered about “{title}”. Did you mean one of these? You can also say it in other words, or talk to a person on {phone}.",
    "repeated": "You are right, I was repeating myself. I know no more about “{title}” than I have said. A person can help you further: {phone} or {email}.",
    "sure": "It is the careful reading of sources that I can show you, and every person is different. Our clinician has the last word, after seeing you.",
    "sure_danger": (
        "I am a program and cannot judge it from here, so please follow the advice above and let somebody look at it. In an emergency call {emergency_number}."
    ),
    "photo": (
        "I cannot look at photos, so please send none here. Our clinician looks at your skin at the consultation: {consultation_how}.\n"
        "For anything you want somebody to see sooner, ask our team on {phone}."
    ),
    "unsure": "That is fine, you do not need to know yet. Many people begin with one of these, and a person is there for you too.",
    "tears": "I am sorry if something is hard just now. If you like, tell me in words what is wrong, or talk to a person on {phone}.",
    "here": "Yes, I am here. What would you like to know?",
}

WORRY = "I cannot tell that from here."  # before the advice for a symptom is given once more

# "I understand English only. Please write in English or call us; in an emergency call …", in the words of those who wrote.
LANGUAGES = {
    "es": "Lo siento, solo entiendo inglés. Escriba en inglés, por favor, o llámenos: {phone}. En una emergencia llame al {emergency_number}.",
    "pt": "Desculpe, só entendo inglês. Por favor, escreva em inglês ou ligue para {phone}. Em caso de emergência, ligue para {emergency_number}.",
    "fr": "Désolé, je ne comprends que l'anglais. Écrivez en anglais, s'il vous plaît, ou appelez le {phone}. En cas d'urgence, appelez le {emergency_number}.",
    "de": "Leider verstehe ich nur Englisch. Bitte schreiben Sie auf Englisch oder rufen Sie an: {phone}. Im Notfall: {emergency_number}.",
    "it": "Mi dispiace, capisco solo l'inglese. Scriva in inglese, per favore, o chiami il {phone}. In caso di emergenza chiami il {emergency_number}.",
    "pl": "Przepraszam, rozumiem tylko po angielsku. Proszę pisać po angielsku lub zadzwonić: {phone}. W nagłym wypadku proszę dzwonić pod {emergency_number}.",
    "ro": "Îmi pare rău, înțeleg doar engleza. Vă rog să scrieți în engleză sau să sunați la {phone}. În caz de urgență sunați la {emergency_number}.",
    "ar": "عذرًا، أفهم الإنجليزية فقط. يرجى الكتابة بالإنجليزية أو الاتصال على {phone}. في حالة الطوارئ اتصل على {emergency_number}.",
    "hi": "माफ़ कीजिए, मैं केवल अंग्रेज़ी समझती हूँ। कृपया अंग्रेज़ी में लिखें या {phone} पर फ़ोन करें। आपात स्थिति में {emergency_number} पर फ़ोन करें।",
    "": "I am sorry, I understand English only. Please write in English, or call {phone}. In an emergency call {emergency_number}.",
}

# Words that English lacks and that turn up in the first few words of a question; marks of spelling left out, as phones do.
_FOREIGN = {
    "es": (
        "hola buenos buenas cuanto cuesta cuestan duele doler tengo estoy embarazada quiero puedo puede pueden para estrias gracias donde cuando "
        "como esta el la los las del una con mi por favor precio tratamiento necesito ayuda respirar fiebre despues"
    ),
    "pt": (
        "ola bom boa quanto custa doi tenho estou gravida quero posso pode para estrias obrigada obrigado onde quando como esta uma com minha "
        "preco tratamento preciso ajuda voce nao depois"
    ),
    "fr": (
        "bonjour bonsoir combien coute cela ca mal suis enceinte je veux peux pouvez pour vergetures merci ou quand comment est une avec mon "
        "prix traitement besoin aide vous les des apres"
    ),
    "de": (
        "hallo guten wieviel kostet kosten tut weh ich bin schwanger will kann koennen konnen fur dehnungsstreifen danke wo wann wie ist eine "
        "mit mein preis behandlung brauche hilfe sie nicht und nach das die der"
    ),
    "it": (
        "ciao buongiorno quanto costa fa male sono incinta voglio posso puo per smagliature grazie dove quando come una con mia prezzo "
        "trattamento bisogno aiuto dopo il non"
    ),
    "pl": (
        "dzien dobry czesc ile kosztuje boli czy jestem ciazy chce moge mozna na rozstepy dziekuje gdzie kiedy jak jest cena zabieg potrzebuje "
        "pomoc nie sie po mam prosze"
    ),
    "ro": "buna ziua cat costa doare sunt insarcinata vreau pot pentru vergeturi multumesc unde cand cum este pret tratament ajutor dupa nu",
}
_ENGLISH = frozenset(
    "a i the and is it of in on to for you my do does can how what when where who me am are be have has with this that not no as at we will "
    "want need much per mal con die".split()
)
_SHARED = frozenset("est el la no me a in die per con mal come una fur is pot cat des apres bun po na do ca ou un".split())  # not enough alone
_SCRIPTS = (("ARABIC", "ar"), ("DEVANAGARI", "hi"))
_LETTERS = re.compile(r"[^\W\d_]+")
MOST_WORDS = 12  # of a Latin message are looked at

_TALK = (
    r"(?:ok|okay|okey|k|oh|ah|aah|aaah|hmm+|um+|erm?|well|so|and|but|right|fine|yeah|yes|no|like|sorry|wait|lol|haha|pls|please|then|tho|though|"
    r"now|that'?s|thats|i mean)"
)


def _whole(words: str) -> "re.Pattern[str]":
    """`words` as a whole message, small words around it allowed."""
    return re.compile(rf"\W*(?:{_TALK}\W+)*(?:{words})(?:\W+(?:{_TALK}|at all|again|a bit|really|mate|love|dear|u|you))*\W*", re.I)


_NOTED = _whole(
    r"ok(?:ay|ey|ie|i)?|o?k+|okie dokie|right(?: o| then| ok)?|alright(?: then)?|all right|i see|fair enough|fair|got (?:it|you|ya)|gotcha|"
    r"noted|understood|makes sense"
    r"|that makes sense|good to know|interesting|hmm+|mhm+|mm+|ah|oh|aha|fine|cool|i understand|i get it|ic|👍+|👌+|grand|sound|righto"
)
_PUZZLED = _whole(
    r"\?+|huh|eh|what do (?:you|u) mean(?: by (?:that|this))?|what does (?:that|this|it)(?: all| even)? mean|what'?s that mean|meaning|"
    r"i (?:do not|don'?t|dont|didn'?t|didnt) (?:get|understand|follow)(?: (?:it|this|that|you|what you mean))?"
    r"|(?:in )?(?:plain|simple|normal) english|(?:in )?simple(?:r)?(?: words| terms| language)?|can you (?:explain|say) (?:it |that |"
    r"this )?(?:simpl(?:y|er)|more simply|in simple words)|explain"
    r"|not (?:clear|following)|confused|i'?m (?:confused|lost)|im (?:confused|lost)|too (?:long|much) (?:text|to read)|tl;?dr|short version"
)
# "could you put that in easier words for me": however politely it is wrapped, plainer words are asked for. "Can you explain simply how it works"
# names a thing of its own and is a question.
_PLAINER = re.compile(
    r"\W*(?:[\w']+\W+){0,8}?(?:explain|say|put|tell|repeat|describe|write|give|word)(?:ing)?\W+(?:(?:that|this|it|me|us|to|the|all|again|once|more|one|time)\W+)*"
    r"(?:(?:in|with|using|a|bit|little|much|far|more)\W+)*"
    r"(?:simpl[ey]|simpler|simplified|easier|easy|plain(?:er|ly)?|short(?:er|ly)?|normal|layman'?s|everyday|basic|"
    r"(?:like|as if|as though)\W+(?:i'?m|im|i was|i were|i am)\W+(?:\w+\W+){0,2}(?:\d+|five|six|a child|a kid|stupid|dumb|thick))"
    r"(?:\W+(?:to\W+(?:me|read|understand|follow)|english|words?|terms?|language|way|version|please|pls|plz|"
    r"thanks|thank you|dear|love|again|years? old|for me|old))*\W*"
    r"|\W*(?:eli ?5|simplify(?: (?:it|that|this))?|in short|(?:shorter|simpler|easier)(?: (?:version|words|one))?)(?:\W+(?:please|pls|plz))?\W*",
    re.I,
)
# Where an answer comes from, without the word "source".
_GROUNDS = _whole(
    r"says who|who (?:says|said)(?: (?:so|that|this|it))?|how (?:do|would|can) (?:you|u) know(?: (?:that|this|it|all this|all that))?|based on what"
    r"|according to who(?:m)?|where did (?:you|u) (?:get|read|hear|find) (?:that|this|it)(?: from)?"
    r"|(?:what|which) (?:study|studies|research) (?:was|is|are|were) (?:that|this|those)"
)
# "so can I still have it?" after an answer about an illness, a medicine or one's skin.
_STILL = _whole(
    r"(?:can|could|may|would|will) (?:i|u|you|she|he|they) (?:still|even|ever) (?:have|get|do|come(?: in)? for|be|go ahead with|treat)"
    r"(?: (?:it|this|that|one|me|treated|the treatment|microneedling))?(?: done)?"
    r"|(?:is|would) (?:it|that|this) (?:be )?still (?:be )?(?:possible|an option|doable|ok|okay)(?: for me)?"
    r"|does (?:that|this|it) (?:rule me out|mean (?:i can'?t|no))"
)
_GIST = _whole(
    r"(?:it'?s |its |is it |that'?s |thats )?a? ?no|i (?:can'?t|cant|cannot)(?: have it| do it| get it| come)?|not for me|you won'?t (?:do|treat) (?:it|me)"
)
_MISSED = _whole(
    r"(?:that|this|it|which|you|u)?(?: still)? ?(?:did ?n'?t|did not|does ?n'?t|does not|do ?n'?t|has ?n'?t|have ?n'?t|"
    r"not) (?:really )?(?:even )?answer(?:ing|ed)?(?: (?:my|the) question| me| that| it)?"
    r"|(?:that'?s|thats|that is|it'?s|its|this is)? ?not (?:really )?(?:what i (?:asked|meant|mean|was asking|wanted(?: to know)?|said)|"
    r"my question|the question|an answer|it)(?: for| about)?"
    r"|(?:i )?(?:did ?n'?t|did not) (?:ask|mean) (?:that|this|for that|about that)|wrong (?:answer|question|one|thing)|you (?:misunderstood|"
    r"got (?:me|it) wrong|misread)(?: me| that)?"
    r"|(?:no )?(?:i )?(?:asked|meant|mean) (?:something|sth) else|answer (?:my|the) question"
)
_REPEATED = _whole(
    r"(?:you|u|ya)(?:'?ve)? (?:just |already |have already |literally )+(?:said|told me|answered|wrote|mentioned|sent)(?: me)?(?: (?:that|"
    r"this|it|so))?|(?:(?:you|u) (?:keep|are)|you'?re) (?:on )?(?:repeating|saying)(?: yourself| the same(?: thing)?| that| it)?"
    r"|(?:it'?s |its |that'?s |thats )?(?:the )?same (?:answer|thing|text|message|reply)(?: as before| every time| over and over)?|"
    r"stop repeating(?: yourself)?|you said that|(?:you )?already said(?: that| so)?|i(?:'?ve)? (?:read|heard|seen) that(?: already)?"
    r"|copy (?:and )?paste|broken record|stop saying that"
)
_SURE = _whole(
    r"(?:are )?(?:you|u|ya) (?:really |quite |100% )?sure(?: about (?:that|this|it))?|is (?:that|this|it) (?:for sure|certain|true|right|"
    r"correct|really true)|really|srsly|seriously"
)
_WORRIED = _whole(
    r"(?:so )?is (?:that|this|it|all that|any of that) (?:still |even )?(?:normal|ok|okay|bad|serious|dangerous|usual|common|expected|"
    r"supposed to happen|worrying|right)"
    r"|should i (?:be )?(?:worr(?:y|ied)|concerned|panic|see (?:someone|a doctor|a gp)|go to (?:a&e|the doctors?|hospital|my gp))|"
    r"do i need (?:a|to see a) (?:doctor|gp)|what (?:should|shall|can|do) i do(?: about it| now| next)?"
    r"|is it (?:infected|an infection)|could it be infected|am i ok|will i be ok|will it (?:go away|go|heal|get better|be ok)"
)
_HOW_LONG = _whole(
    r"how long (?:will|does|is|would|do)(?: it| this| that| they)? ?(?:last|take|go on|stay|going to last|take to (?:go|heal|settle)|for)?|"
    r"when (?:will|does) (?:it|this|that) (?:go|stop|settle|heal|get better|go away)"
)
_CHOOSE = _whole(
    r"(?:which|what)(?: one|'s| one's| of them| treatment| option)?(?: is|'?s| are)? (?:the )?(?:better|best|most effective|works best|"
    r"works better)(?: one| option)?(?: for me| then| out of (?:them|these|the two))?"
    r"|(?:which|what)(?: one| treatment| option)? (?:would|do|should|will) (?:you|u) (?:pick|choose|recommend|go for|suggest|do|have|take|"
    r"advise)(?: for me| if you were me| yourself)?"
    r"|convince me|is (?:it|this) (?:the )?best(?: option| one| treatment)?"
)
_WHY = _whole(r"why(?: is (?:that|it|this)| so| not| that)?|how come|y")
_UNSURE = _whole(
    r"maybe|perhaps|depends|i (?:really |just |honestly )?(?:do not|don'?t|dont|dunno)(?: really)?(?: know)?|idk|dunno|no idea|not sure|"
    r"i'?m not (?:really )?sure|"
    r"im not (?:really )?sure|no clue|hard to say"
    r"|i (?:really |just |honestly )?(?:do not|don'?t|dont) know (?:what|where)(?: (?:to|i should|i want to))? (?:do|start|begin|ask|choose|pick|think|want"
    r"|say)(?: with| about (?:it|this|that))?"
)
_HERE = _whole(
    r"(?:hello+|hi+|hey+|hiya)(?:\W+(?:hello+|hi+|hey+|there|again))*|(?:is )?any(?:one|body)(?: there| here)?|(?:are )?(?:you|u) (?:still )?there|still there"
)
_YES = re.compile(r"\W*(?:yes|yeah|yep|no|nope)\b", re.I)
_TEARS = re.compile(r"[\s.!]*(?:[😭😢😞😔😟🥺😩😫💔☹🙁😿]\ufe0f?[\s.!]*)+")
_PHOTO = re.compile(
    r"\b(?:can|could|may|should|shall|if|do|how do|where do|where can|would|let me|want to|wanna|like to|gonna|"
    r"going to)\b.{0,20}\bi?\b.{0,14}\b(?:send|show|upload|attach|share|post|forward|email|whatsapp|text)\b"
    r"(?! me\b)(?!.{0,12}\bme\b (?:a |some |your |any )?(?:photo|pic|before)).{0,24}\b(?:photo|foto|pic|picture|selfie|image|screenshot)s?\b"
    r"|\b(?:can|could|will|would|do) (?:you|u|someone|anyone|somebody)\b.{0,16}\b(?:see|look at|check|view|assess|open)\b.{0,12}\b(?:my|a|the|"
    r"this) (?:\w+ )?(?:photo|pic|picture|selfie|image|camera)s?\b",
    re.I,
)
_NOT_A_PHOTO_OF_MINE = re.compile(
    r"\b(?:before and after|befores?|results?|other (?:people|clients|patients)|your (?:work|clients|patients|photos|pics))\b", re.I
)
_OF_PHOTOS = (
    "ask_before_after",
    "ask_privacy",
    "ask_capabilities",
    "ask_contact",
    "ask_consultation",
    "out_of_scope",
    "nlu_fallback",
    "inform",
    "affirm",
    "bot_challenge",
)
_OF_WORDING = ("repeat", "nlu_fallback", "out_of_scope", "affirm", "inform", "react_negative", "ask_capabilities", "request_human", "thank")
_OF_LANGUAGES = ("out_of_scope", "nlu_fallback", "inform", "greet", "thank", "affirm", "deny")
_REPORTS = ("report_emergency", "report_urgent_symptom", "report_mild_symptom")
# "and after 2 weeks?" asks on about what was just answered.
_TIMED = (
    *(
        "ask_downtime",
        "ask_exercise",
        "ask_water",
        "ask_sun",
        "ask_makeup_tan",
        "ask_skincare",
        "ask_hair_removal",
        "ask_work",
        "ask_clothing",
        "ask_aftercare",
    ),
    *("ask_alcohol_smoking", "ask_intimacy", "report_mild_symptom"),
)
_SPAN = r"(?:\d+|a|an|one|two|three|four|five|six|seven|ten|a few|a couple of|the first)"
_TIME_ONLY = _whole(
    rf"(?:how about|what about|and)? ?(?:(?:after|on|by|in|at|from)? ?(?:day|week) {_SPAN}|(?:after|in|for)? ?{_SPAN} (?:hours?|days?|weeks?|"
    rf"wks?|months?)(?: later| after(?:wards)?| on| in)?|(?:the )?(?:next|same|second|third) (?:day|week)|(?:after )?tomorrow)"
)
# Topics in which "so no then?" asks whether the person may have the treatment.
_ABOUT_ONESELF = (
    *("ask_suitability", "ask_contraindications", "ask_skin_tone", "ask_pregnancy", "ask_breastfeeding", "ask_after_birth", "ask_keloid", "ask_isotretinoin"),
    *("ask_medication", "ask_skin_condition", "ask_medical_condition", "ask_allergy", "ask_age_limit", "ask_weight_change", "ask_recent_treatment"),
)
# What the talk is about: a question like "which is better" takes over from these words alone, whatever the classifier made of them.
_UNCLEAR = (
    "nlu_fallback",
    "out_of_scope",
    "affirm",
    "deny",
    "repeat",
    "react_negative",
    "react_positive",
    "inform",
    "ask_before_after",
    "greet",
    "skip",
    "stop",
    "ask_why",
)


def language(text: str) -> Optional[str]:
    """The language of a message that is not English, "" for one without a text of its own here, None for English or too little to say."""
    letters = [c for c in text if c.isalpha()]
    other = [c for c in letters if not unicodedata.name(c, "").startswith("LATIN")]
    if len(other) >= 2 and len(other) * 2 > len(letters):
        script = unicodedata.name(other[0], "").split(" ")[0]
        return next((code for name, code in _SCRIPTS if name == script), "")
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower().replace("ł", "l")) if not unicodedata.combining(c))
    words = _LETTERS.findall(plain)[:MOST_WORDS]
    if not words:
        return None
    distinct = set(words)
    counts = {code: len(distinct & set(known.split())) for code, known in _FOREIGN.items()}
    best = max(counts, key=lambda code: counts[code])
    english = len(distinct & _ENGLISH)
    enough = counts[best] >= 2 or (counts[best] == 1 and len(words) <= 2 and not distinct & _SHARED)
    return best if enough and counts[best] > english else None


def redirect(text: str, intents: Sequence[str], memory: Memory) -> List[str]:
    """The intents that are meant when words like "is that normal" point back at what was just answered; the same ones otherwise."""
    last = memory.last[-1] if memory.last else ""
    if len(intents) > 1 or text.startswith("/"):
        return list(intents)
    after_report = next((i for i in memory.last if i in _REPORTS), "")
    if after_report:
        if _WORRIED.fullmatch(text):
            return [after_report]
        if _HOW_LONG.fullmatch(text):
            return ["ask_downtime" if after_report == "report_mild_symptom" else after_report]
    if last in _TIMED and _TIME_ONLY.fullmatch(text) and "report_urgent_symptom" not in intents:
        return [last]
    if memory.cited and memory.last and _GROUNDS.fullmatch(text) and (not intents or intents[0] in (*_UNCLEAR, "ask_capabilities", "bot_challenge")):
        return ["ask_sources"]
    if intents == ["ask_why"] and last and memory.answered and _WHY.fullmatch(text):
        return ["ask_more"]  # it was told something and asks why; nothing was asked of it
    if _CHOOSE.fullmatch(text) and (not intents or intents[0] in (*_UNCLEAR, "ask_device", "ask_capabilities", "ask_effectiveness", "ask_mark_age")):
        return ["ask_laser" if last == "ask_laser" and "ask_alternatives" in memory.shown else "ask_alternatives"]
    return list(intents)


def reply(text: str, intents: Sequence[str], memory: Memory, knowledge: Knowledge) -> Optional[Turn]:
    """The reply to words about the talk itself, or None when the usual answer is the right one.

    `intents`: what the message was understood as; `text` as it was typed.
    """
    said = " ".join(text.replace("’", "'").split())
    if said.startswith("/") or len(intents) > 1:
        return None
    alone = intents[0] if intents else "nlu_fallback"
    kind = _kind(said, alone, memory)
    if kind is None:
        return None
    name, offered, values = kind
    if name.startswith("lang:"):
        message = Message(fill(LANGUAGES[name[5:]], knowledge.facts()), buttons(["request_human", "ask_contact"], knowledge))
        return Turn([message], [], [], [])
    last = memory.last[-1] if memory.last else ""
    facts: Dict[str, str] = {**knowledge.facts(), **values, "title": knowledge.titles.get(last, "")}
    if name in ("puzzled", "gist"):
        facts["gist"] = fill(knowledge.answers[last].text.split("\n")[0], knowledge.facts())
    shown = [i for i in dict.fromkeys(offered) if i in knowledge.titles][:3]
    return Turn([Message(fill(TEXTS[name], facts), buttons(shown, knowledge), {"type": "aside", "aside": name})], [], shown, [])


def _kind(said: str, alone: str, memory: Memory) -> Optional[Tuple[str, List[str], Mapping[str, Any]]]:
    """Which of the TEXTS fits, what is offered below it, and the values in it."""
    last = memory.last[-1] if memory.last else ""
    reported = last if last in _REPORTS else ""
    if alone in _OF_PHOTOS and _PHOTO.search(said) and not _NOT_A_PHOTO_OF_MINE.search(said):
        return "photo", ["ask_consultation", "ask_privacy", "book_consultation"], {}
    if alone in _OF_LANGUAGES:
        code = language(said)
        if code is not None:
            return f"lang:{code}", [], {}
    if _TEARS.fullmatch(said):
        return "tears", ["request_human", "ask_capabilities"], {}
    if _SURE.fullmatch(said) and last and not _agreed(alone, memory):
        return ("sure_danger", ["request_human"], {}) if reported else ("sure", ["ask_sources", "request_human"], {})
    if _NOTED.fullmatch(said) and not _YES.match(said) and not _agreed(alone, memory) and (memory.last or reported):
        if reported:
            return ("noted_worry" if reported == "report_mild_symptom" else "noted_danger"), ["request_human"], {}
        return "noted" if memory.answered else "noted_again", memory.offered, {}
    if _MISSED.fullmatch(said) and last and memory.guesses:
        return "missed", [*memory.guesses[:2], "request_human"], {}
    if _REPEATED.fullmatch(said) and last and last not in SAFETY:
        return "repeated", ["request_human", *[i for i in memory.offered if i not in memory.shown]], {}
    plainer = alone in _OF_WORDING and _PLAINER.fullmatch(said) is not None
    if (plainer or _PUZZLED.fullmatch(said)) and last and last not in SAFETY and alone != "ask_more":
        if memory.aside in ("puzzled", "still_puzzled"):
            return "still_puzzled", ["request_human", *memory.offered], {}
        if plainer or memory.answered or memory.aside:
            return "puzzled", ["request_human", *memory.offered], {}
    so_no = _GIST.fullmatch(said) and re.match(r"\W*so\b", said, re.I)
    if last in _ABOUT_ONESELF and (so_no or (alone in _UNCLEAR and _STILL.fullmatch(said))):
        return "gist", ["request_human", *memory.offered], {}
    if _HERE.fullmatch(said) and memory.shown and alone in ("greet", "nlu_fallback", "request_human", "bot_challenge", "out_of_scope"):
        return "here", memory.offered or ["ask_suitability", "ask_price", "request_human"], {}
    if alone == "react_positive" and not memory.shown:  # praise or irony before anything was said
        return "early", ["ask_effectiveness", "ask_side_effects", "ask_price"], {}
    if (
        _UNSURE.fullmatch(said)
        and alone in ("nlu_fallback", "deny", "out_of_scope", "inform", "stop", "skip", "ask_capabilities", "express_distress")
        and not reported
    ):
        return "unsure", ["ask_suitability", "ask_how_it_works", "request_human"], {}
    return None


def _agreed(alone: str, memory: Memory) -> bool:
    """Whether "ok" takes up an offer that the last answer made in words: the check after "could it suit me"."""
    return memory.offered[:1] == ["start_screening"] and (not memory.answered or "ask_suitability" in memory.answered) and alone in ("affirm", "react_positive")
