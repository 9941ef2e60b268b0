"""How likely a message tells of an emergency, a crisis or something urgent: what the guard's parts say, weighed.

The weights are learnt (`python -m bench.alarm`) on messages of a hand that wrote no examples. Every sign of danger has a weight of at least
nothing and every sign against it of at most nothing, so that one more sign of danger never makes a message look milder.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np
import yaml

ALARMING = ("emergency", "crisis", "urgent")  # the weightiest first
NONE = "none"
WEIGHTS = Path(__file__).resolve().parent / "alarm_weights.yml"
KIN = {"emergency": ("emergency", "urgent", "mild"), "crisis": ("crisis", "distress"), "urgent": ("emergency", "urgent", "mild")}
RIVAL = {"emergency": "urgent", "crisis": "distress", "urgent": "mild"}
LEAST = 1e-4  # of a chance, so that its logarithm stays small
MOST_SIGNS = 2
LONGEST = 60  # words: beyond it a message is no more of a story
# What is weighed → +1 where it may only speak for danger, -1 where only against it, 0 where either.
FEATURES: Mapping[str, int] = {
    "best": 1,  # the level's chance in the piece where it is highest
    "free": 1,  # the same among the pieces that deny or imagine nothing
    "whole": 1,  # its chance in the whole message
    "kin": 1,  # chance of the level and its kin together, in the best piece
    "kin_whole": 1,
    "signs": 1,  # different signs of the level in the words, at most two
    "combined": 1,  # whether signs of less weight give it together
    "companions": 1,
    "near": 1,  # cosine to the nearest known message of the level
    "ahead": 1,  # by how much that is nearer than the nearest harmless one
    "denied": -1,  # signs that are denied, imagined or over
    "harmless": -1,  # chance of the likeliest other intent in the whole message
    "idiom": -1,
    "hedged": -1,  # whether the whole message denies or imagines
    "rival": 0,  # chance of the neighbouring, lesser level
    "rival_signs": 0,
    "length": 0,  # logarithm of the number of words
}


@dataclass(frozen=True)
class Piece:
    """A span with what the classifier and the known messages say. `chances`: level → probability; `near`: level → (cosine, message)."""

    text: str
    start: int
    end: int
    chances: Mapping[str, float]
    near: Mapping[str, Tuple[float, str]] = field(default_factory=dict)
    hedged: bool = False
    idiom: bool = False  # whether a manner of speaking stands in it
    signed: bool = False  # whether a sign of any weight stands in it
    harmless: float = 0.0  # chance of the likeliest intent that is no level


class Signs(NamedTuple):
    """Signs of one level in a message: how many different ones stand, how many do not, and whether lesser ones give the level together."""

    standing: int = 0
    denied: int = 0
    combined: bool = False


class Weights(NamedTuple):
    """Of one level, in the order of `FEATURES`; `enough`: the chance from which the level holds."""

    weights: np.ndarray
    intercept: float
    enough: float


def features(level: str, pieces: Sequence[Piece], signs: Mapping[str, Signs]) -> List[float]:
    """The values of `FEATURES`. `pieces`: the whole message first, then its parts; `signs`: level → what was found, also of "companion"."""
    own = [p.chances.get(level, 0.0) for p in pieces]
    kin = [sum(p.chances.get(k, 0.0) for k in KIN[level]) for p in pieces]
    # Despair is never talked down by a "no" or an "if", only by a manner of speaking.
    free = [chance for chance, p in zip(own, pieces) if not (p.hedged and (p.idiom or level != "crisis"))]
    near = [p.near.get(level, (0.0, ""))[0] for p in pieces]
    ahead = [cosine - p.near.get(NONE, (0.0, ""))[0] for cosine, p in zip(near, pieces)]
    found = signs.get(level, Signs())
    values: Dict[str, float] = {
        "best": _odds(max(own)),
        "free": _odds(max(free, default=0.0)),
        "whole": _odds(own[0]),
        "kin": _odds(max(kin)),
        "kin_whole": _odds(kin[0]),
        "signs": min(found.standing, MOST_SIGNS),
        "combined": float(found.combined),
        "companions": min(signs.get("companion", Signs()).standing, MOST_SIGNS),
        "near": max(near),
        "ahead": max(ahead),
        "denied": min(found.denied, MOST_SIGNS),
        "harmless": float(np.log(max(pieces[0].harmless, 10 * LEAST))),
        "idiom": float(any(p.idiom for p in pieces)),
        "hedged": float(pieces[0].hedged),
        "rival": _odds(max(p.chances.get(RIVAL[level], 0.0) for p in pieces)),
        "rival_signs": min(signs.get(RIVAL[level], Signs()).standing, MOST_SIGNS),
        "length": float(np.log(min(max(len(pieces[0].text.split()), 1), LONGEST))),
    }
    return [values[name] for name in FEATURES]


def _odds(chance: float) -> float:
    bounded = min(max(chance, LEAST), 1 - LEAST)
    return float(np.log(bounded / (1 - bounded)))


@lru_cache(maxsize=1)
def read_weights(path: Path = WEIGHTS) -> Dict[str, Weights]:
    """Level → weights. Raises ValueError where the file does not fit `FEATURES` or a weight has the wrong sign."""
    content: Dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["levels"]
    found = {}
    for level in ALARMING:
        weights = content[level]["weights"]
        if list(weights) != list(FEATURES) or any(weights[name] * sign < 0 for name, sign in FEATURES.items()):
            raise ValueError(f"{path.name} does not fit the features of {Path(__file__).name}; run `python -m bench.alarm` to learn them again.")
        found[level] = Weights(np.array(list(weights.values()), dtype=float), float(content[level]["intercept"]), float(content[level]["enough"]))
    return found


def chance(level: str, pieces: Sequence[Piece], signs: Mapping[str, Signs]) -> float:
    """Chance from 0 to 1 that the message tells of `level`; 0 of an empty message."""
    if not pieces:
        return 0.0
    weights = read_weights()[level]
    score = float(np.dot(weights.weights, features(level, pieces, signs)) + weights.intercept)
    return float(1 / (1 + np.exp(-np.clip(score, -50, 50))))
