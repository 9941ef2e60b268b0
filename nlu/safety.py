"""The safety guard: looks for signs of danger in every message and every sentence of it, before any form or rule.

Three parts are united so that recall leads: what the classifier thinks of each span, the signs of `data/guard/signs.yml` in the
words, and how near a span is to a known red-flag message; `nlu.alarm` weighs them. Which part spoke, and why, travels with the message to the staff.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

import numpy as np
import yaml
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message
from spacy.tokens import Doc, Span

from knowledge.parsed import ALONE, INTENTS
from nlu import alarm, other_languages, pipeline, red_flags
from nlu.alarm import NONE, Piece, Signs
from nlu.context import Reading
from nlu.encoder import SentenceEncoder
from nlu.fallback import FALLBACK
from nlu.intents import CHANCES, CLASSES, QUESTIONS, RANKING, SPANS, VECTORS, hinted_text
from nlu.reader import DOC
from nlu.red_flags import Found, Table
from nlu.text import clean

SAFETY = "safety"
LEVELS = tuple(INTENTS)  # the weightiest first
LESSER = ("mild", "distress")
TERSE = 4  # words
DIRECTIONS = 128
PHYSICAL = ("emergency", "urgent", "mild")


@dataclass(frozen=True)
class Thresholds:
    """Chances from which mild symptoms and distress hold, and what is told to staff about an alarm; the alarms themselves are weighed by `nlu.alarm`."""

    mild: float = 0.3
    distress: float = 0.25
    hedged: float = 0.95  # classifier where the words deny or only imagine a symptom
    fragment: float = 0.6  # classifier for a mere piece without a sign, where the whole message says nothing of the kind
    unsaid: float = 0.05  # what the whole message says then, at most
    known: float = 0.85  # cosine from which a known message is recognised
    margin: float = 0.06  # by which it must be nearer than the nearest harmless one
    backed_emergency: float = 0.7  # classifier's chance of danger with which the sign of an emergency is enough
    backed_urgent: float = 0.8  # … of any symptom reported, with which an urgent sign is
    backed_terse: float = 0.5  # the same for a message of few words: who writes nothing but the sign ("a bit weepy") asks for nothing else
    backed_crisis: float = 0.2  # classifier's chance of despair with which words of self-harm are enough, said with an "if" or without
    joined_emergency: float = 0.3  # the same two for signs that a clinical rule joins
    joined_urgent: float = 0.4
    heard: float = 0.1  # classifier's chance that is worth telling beside an alarm
    alike: float = 0.7  # cosine that is worth telling beside an alarm


@dataclass(frozen=True)
class Fired:
    """A part that spoke up: `part` is classifier, sign or known."""

    level: str
    part: str
    why: str
    text: str

    def as_data(self) -> Dict[str, str]:
        return {"level": self.level, "part": self.part, "why": self.why, "text_span": self.text}


@dataclass(frozen=True)
class Verdict:
    level: str
    fired: Tuple[Fired, ...] = ()


def piece_of(
    text: str,
    start: int,
    end: int,
    chances: Mapping[str, float],
    near: Mapping[str, Tuple[float, str]],
    found: Sequence[Found],
    reading: Reading,
    idioms: Sequence[Tuple[int, int]],
    harmless: float,
) -> Piece:
    """The tokens `start` to `end` of a message as a piece, with how they are said."""
    first, last = reading.characters(start, end)
    idiom = any(a < last and first < b for a, b in idioms)
    signed = any(f.start < end and start < f.end and f.sign.level != "companion" and stands(f) for f in found)
    return Piece(text, start, end, chances, near, is_hedged(found, start, end, reading, idioms), idiom, signed, harmless)


def is_hedged(found: Sequence[Found], start: int, end: int, reading: Reading, idioms: Sequence[Tuple[int, int]] = ()) -> bool:
    """Whether the tokens from `start` to `end` name danger only to deny or imagine it or in a manner of speaking, or ask what may happen.

    `idioms`: places in `reading.text`, see `red_flags.idioms`.
    """
    inside = [f for f in found if f.start < end and start < f.end and f.sign.level != "companion"]
    if inside:
        return not any(stands(f) for f in inside)
    first, last = reading.characters(start, end)
    if any(a < last and first < b for a, b in idioms):
        return True
    how = reading.of(end - 1, end)
    return how.hypothetical or how.past


def stands(found: Found) -> bool:
    """Whether a sign is there now: not denied, not imagined, not over."""
    return found.how.present


def combined(found: Iterable[Found], table: Table) -> Dict[str, str]:
    """Levels that standing signs give together: level → why."""
    names = {f.sign.name for f in found if stands(f)}
    levels: Dict[str, str] = {}
    for rule in table.combinations:
        if all(names & options for options in rule.all):
            levels.setdefault(rule.level, rule.says)
    return levels


def judge(
    pieces: Sequence[Piece], found: Sequence[Found], table: Table, limits: Thresholds = Thresholds(), spoken: Optional[other_languages.Spoken] = None
) -> Verdict:
    """The level of a message from its parts, and every part that spoke for it. Pure.

    `pieces`: the whole message first, then its parts; `spoken`: danger told in another language. Clinical order and combinations: evidence.md 2.12.
    """
    fired: List[Fired] = [Fired(spoken.level, "sign", f"said in {spoken.language}", spoken.phrase)] if spoken else []
    standing = [f for f in found if stands(f)]
    together = combined(standing, table)
    signs = count_signs(found, together)
    danger = max((p.chances.get("emergency", 0.0) + p.chances.get("urgent", 0.0) for p in pieces), default=0.0)
    any_report = max((sum(p.chances.get(level, 0.0) for level in PHYSICAL) for p in pieces), default=0.0)
    despair = max((p.chances.get("crisis", 0.0) + p.chances.get("distress", 0.0) for p in pieces), default=0.0)
    terse = bool(pieces) and len(pieces[0].text.split()) <= TERSE
    backed = {
        "emergency": danger >= limits.backed_emergency,
        "crisis": despair >= limits.backed_crisis,
        "urgent": any_report >= (limits.backed_terse if terse else limits.backed_urgent),
    }
    joined = {"emergency": danger >= limits.joined_emergency, "urgent": any_report >= limits.joined_urgent}
    for level in alarm.ALARMING:
        chance = alarm.chance(level, pieces, signs)
        # A sign in the words of somebody who is reporting a symptom is not left to weights, nor are signs that a clinical rule joins.
        own = signs.get(level, Signs())
        # An "if" does not take words of self-harm back.
        stated = own.standing > 0 or (level == "crisis" and any(f.sign.level == level and not f.how.negated and not f.how.past for f in found))
        ruled = (backed[level] and stated) or (joined.get(level, False) and own.combined)
        ruled = ruled or any(f.sign.certain and f.sign.level == level for f in standing)
        if ruled or chance >= alarm.read_weights()[level].enough:
            fired += _reasons(level, pieces, standing, together, limits) or [_weighed(level, pieces, chance)]
    for level in LESSER:
        fired += _by_chance(level, pieces, limits) + _by_memory(level, pieces, limits)
    if any_report >= limits.mild and not any(f.level in ("emergency", "urgent") for f in fired):
        fired += _by_signs("mild", standing, together)
    level = next((name for name in LEVELS if any(f.level == name for f in fired)), NONE)
    return Verdict(level, tuple(sorted(fired, key=lambda f: LEVELS.index(f.level))))


def count_signs(found: Sequence[Found], together: Mapping[str, str]) -> Dict[str, Signs]:
    """Level → its signs in the message; `together`: see `combined`."""
    names: Dict[Tuple[str, bool], Set[str]] = {}
    for sign in found:
        names.setdefault((sign.sign.level, stands(sign)), set()).add(sign.sign.name)
    levels = {level for level, _ in names} | set(together)
    return {level: Signs(len(names.get((level, True), ())), len(names.get((level, False), ())), level in together) for level in levels}


def _reasons(level: str, pieces: Sequence[Piece], standing: Sequence[Found], together: Mapping[str, str], limits: Thresholds) -> List[Fired]:
    """Every part that speaks for an alarm, for the staff."""
    fired = _by_signs(level, standing, together)
    surest = max(pieces, key=lambda p: p.chances.get(level, 0.0))
    if surest.chances.get(level, 0.0) >= limits.heard:
        fired.append(Fired(level, "classifier", f"{INTENTS[level]} {surest.chances[level]:.2f}", surest.text))
    nearest = max(pieces, key=lambda p: p.near.get(level, (0.0, ""))[0])
    cosine, message = nearest.near.get(level, (0.0, ""))
    if cosine >= limits.alike and cosine > nearest.near.get(NONE, (0.0, ""))[0]:
        fired.append(Fired(level, "known", f"like “{message}” {cosine:.2f}", nearest.text))
    return fired


def _weighed(level: str, pieces: Sequence[Piece], chance: float) -> Fired:
    surest = max(pieces, key=lambda p: p.chances.get(level, 0.0))
    return Fired(level, "classifier", f"{INTENTS[level]}, all parts together {chance:.2f}", surest.text)


def _by_signs(level: str, standing: Sequence[Found], together: Mapping[str, str]) -> List[Fired]:
    fired = [Fired(level, "sign", f.sign.says, f.text) for f in standing if f.sign.level == level]
    if level in together:
        fired.append(Fired(level, "sign", together[level], " … ".join(dict.fromkeys(f.text for f in standing if f.sign.level != "companion"))))
    return list(dict.fromkeys(fired))


def _by_chance(level: str, pieces: Sequence[Piece], limits: Thresholds) -> List[Fired]:
    """The classifier by itself. Words that deny or only imagine a symptom must leave it all but certain; despair is never discounted so."""
    fired = []
    for piece in pieces:
        chance = piece.chances.get(level, 0.0)
        enough = limits.hedged if piece.hedged and (level in PHYSICAL or piece.idiom) else {"mild": limits.mild, "distress": limits.distress}[level]
        if piece is not pieces[0] and not piece.signed and pieces[0].chances.get(level, 0.0) < limits.unsaid:
            enough = max(enough, limits.fragment)
        if chance >= enough:
            fired.append(Fired(level, "classifier", f"{INTENTS[level]} {chance:.2f}", piece.text))
    return fired[:1]


def _by_memory(level: str, pieces: Sequence[Piece], limits: Thresholds) -> List[Fired]:
    """A known message of this level, nearer than any harmless one."""
    fired = []
    for piece in pieces:
        cosine, message = piece.near.get(level, (0.0, ""))
        ahead = cosine - piece.near.get(NONE, (0.0, ""))[0]
        nearest = cosine >= max((near[0] for near in piece.near.values()), default=0.0)
        if nearest and not piece.hedged and ahead >= limits.margin and cosine >= limits.known:
            fired.append(Fired(level, "known", f"like “{message}” {cosine:.2f}", piece.text))
    return fired[:1]


class KnownMessages:
    """The red-flag messages of `data/guard/messages.yml` and harmless ones beside them, as unit vectors.

    Kept in the `DIRECTIONS` in which they differ most: a third of the numbers to read for every message, and of 1,000 cosines 999 differ by less than 0.02.
    """

    def __init__(self, levels: Sequence[str], texts: Sequence[str], vectors: np.ndarray):
        self.levels, self.texts = np.array(levels), list(texts)
        _, directions = np.linalg.eigh(vectors.T @ vectors)
        self._directions = np.ascontiguousarray(directions[:, ::-1][:, :DIRECTIONS], dtype=np.float32)
        self.vectors = np.ascontiguousarray(vectors @ self._directions)
        self._rows = {level: np.flatnonzero(self.levels == level) for level in dict.fromkeys(levels)}

    def near(self, vectors: np.ndarray) -> List[Dict[str, Tuple[float, str]]]:
        """For each of the unit `vectors` (n, 384) the nearest message of each level: level → (cosine, text). All at once: the table is read through once."""
        cosines = self.vectors @ (np.asarray(vectors) @ self._directions).T
        best = {level: rows[cosines[rows].argmax(axis=0)] for level, rows in self._rows.items()}
        return [{level: (float(cosines[rows[i], i]), self.texts[rows[i]]) for level, rows in best.items()} for i in range(cosines.shape[1])]


def read_messages(path: Path = red_flags.FOLDER / "messages.yml") -> List[Tuple[str, str]]:
    """(level, message) in the order of the file. Raises TableError for a level that does not exist."""
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["messages"]  # noqa: S506
    unknown = set(content) - {*LEVELS, NONE}
    if unknown:
        raise red_flags.TableError(f"{path.name} has levels that do not exist: {', '.join(sorted(unknown))}.")
    return [(level, line.strip()) for level, lines in content.items() for line in lines.splitlines() if line.strip()]


def known_messages(storage: ModelStorage, classifier: Resource, cache: Path = pipeline.CACHE) -> KnownMessages:
    """Encoded once for a model and kept in `var/nlu`; later starts read 14 MB. The encoder is the classifier's own."""
    rows = read_messages()
    with storage.read_from(classifier) as folder:
        digest = hashlib.sha256((Path(folder) / "encoder.onnx").read_bytes())
        digest.update("\n".join(text for _, text in rows).encode())
        path = cache / f"known-{digest.hexdigest()[:12]}.npy"
        if path.exists():
            vectors = np.load(path)
        else:
            nlp = pipeline.load(pipeline.prepare())
            texts = [hinted_text(doc) for doc in nlp.pipe(clean(text) for _, text in rows)]
            vectors = SentenceEncoder(Path(folder), threads=2).encode(texts)
            for old in cache.glob("known-*.npy"):
                old.unlink()
            partial = path.with_suffix(".partial.npy")
            np.save(partial, vectors)
            partial.replace(path)
    return KnownMessages([level for level, _ in rows], [text for _, text in rows], vectors)


def warm(model: Path) -> None:
    """Encode the known messages for a model just trained, so that its first start is as quick as the later ones."""
    with tempfile.TemporaryDirectory() as folder:
        storage, _ = LocalModelStorage.from_model_archive(Path(folder), model)
        known_messages(storage, Resource(SafetyGuard.get_default_config()["classifier"]))


def turned(
    verdict: Verdict, intent: Mapping[str, Any], ranking: Sequence[Mapping[str, Any]], questions: Sequence[Mapping[str, Any]], text: str, needed: float
) -> Tuple[Dict[str, Any], List[Dict[str, Any]]]:
    """The intent and the questions of a message once the guard has spoken: danger first and, where it is grave, alone. Pure.

    Where the guard found nothing, safety intents the classifier named give way to its next best guess, if that reaches `needed`.
    """
    others = [dict(q) for q in questions if q.get("intent") not in INTENTS.values()]
    if verdict.level == NONE:
        if intent.get("name") not in INTENTS.values():
            return dict(intent), others or [dict(q) for q in questions]
        best: Dict[str, Any] = next(
            (dict(r) for r in ranking if r["name"] not in INTENTS.values() and r["name"] != FALLBACK), {"name": FALLBACK, "confidence": 0.0}
        )
        if others:
            return {"name": others[0]["intent"], "confidence": others[0]["confidence"]}, others
        if best["confidence"] < needed:
            best = {"name": FALLBACK, "confidence": needed}
        return dict(best), [{"text": text, "intent": best["name"], "confidence": best["confidence"]}]
    name = INTENTS[verdict.level]
    sure = max((float(r["confidence"]) for r in [*ranking, *questions] if (r.get("name") or r.get("intent")) == name), default=0.0)
    first = {"name": name, "confidence": round(max(sure, 0.5), 4)}
    asked = {"text": verdict.fired[0].text or text, "intent": name, "confidence": first["confidence"]}
    shamed = [dict(q) for q in questions if q.get("intent") == INTENTS["distress"] and name in (INTENTS["urgent"], INTENTS["mild"])]
    return first, [asked] if verdict.level in ALONE else [asked, *others, *shamed]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class SafetyGuard(GraphComponent):
    """Sets `safety` on every message: its level, what fired, the version of the table; and turns intent and questions accordingly.

    `classifier`: the resource of the trained classifier, whose encoder the known messages are read with.
    """

    def __init__(self, config: Dict[str, Any], table: Table, known: KnownMessages):
        self.config, self.table, self.known = config, table, known

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {"classifier": "train_nlu.intents.IntentClassifier2", "threshold": 0.22}

    @classmethod
    def create(cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext) -> "SafetyGuard":
        return cls(config, red_flags.load(), known_messages(model_storage, Resource(config["classifier"])))

    def process_training_data(self, training_data: Any) -> Any:
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            self._process(message)
        return messages

    def _process(self, message: Message) -> None:
        doc: Optional[Doc] = message.get(DOC)
        found, reading = red_flags.find(doc, self.table) if doc is not None else ([], None)
        text = doc.text if doc is not None else ""
        spoken = other_languages.find(text)
        verdict = judge(self._pieces(message, found, reading), found, self.table, spoken=spoken)
        safety = {"level": verdict.level, "fired": [f.as_data() for f in verdict.fired], "table": self.table.stamp()}
        message.set(SAFETY, {**safety, "first": spoken.first} if spoken else safety, add_to_output=True)
        ranking = message.get(RANKING) or []
        intent, questions = turned(verdict, message.get(INTENT) or {}, ranking, message.get(QUESTIONS) or [], text, float(self.config["threshold"]))
        if intent and intent != message.get(INTENT):
            message.set(INTENT, intent, add_to_output=True)
            message.set(RANKING, [intent, *(r for r in ranking if r["name"] != intent["name"])], add_to_output=True)
        message.set(QUESTIONS, questions, add_to_output=True)

    def _pieces(self, message: Message, found: Sequence[Found], reading: Optional[Reading]) -> List[Piece]:
        spans, rows, vectors, classes = (message.get(key) for key in (SPANS, CHANCES, VECTORS, CLASSES))
        if reading is None or spans is None or rows is None:
            return []
        columns = {level: list(classes).index(name) for level, name in INTENTS.items() if name in classes}
        others = np.array([i for i, name in enumerate(classes) if name not in INTENTS.values()], dtype=int)
        pieces = []
        idioms = red_flags.idioms(reading, self.table)
        for span, row, near in zip(spans, rows, self.known.near(vectors)):
            start, end = (span.start, span.end) if isinstance(span, Span) else (0, len(span))
            chances = {level: float(row[column]) for level, column in columns.items()}
            pieces.append(piece_of(span.text, start, end, chances, near, found, reading, idioms, float(row[others].max())))
        return pieces
