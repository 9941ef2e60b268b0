"""The linear half of the intent classifier: characters, words and vocabulary labels, weighted by TF-IDF.

Pure and small, because it runs on every span of every message: a dictionary look-up per feature and one gather of weights.
"""

import itertools
from collections import Counter
from typing import Dict, List, Sequence, Tuple

import numpy as np

LONGEST = 400  # characters of a span that are looked at


def features(text: str, labels: str = "") -> List[str]:
    """Words, neighbouring word pairs and character 2–4-grams inside padded words; label pseudo-words as they are."""
    words = text[:LONGEST].split()
    found = [f"w {w}" for w in words]
    found += [f"w {a} {b}" for a, b in itertools.pairwise(words)]
    found += [f"w {a} _ {b}" for a, b in zip(words, words[2:])]
    for word in words:
        padded = f" {word} "
        for size in (2, 3, 4):
            found += [padded[i : i + size] for i in range(len(padded) - size + 1)]
    return found + labels.split()


class SparseModel:
    """Texts → logits of shape (n, classes), float32."""

    def __init__(self) -> None:
        self.columns: Dict[str, int] = {}
        self.idf = np.zeros(0, dtype=np.float32)
        self.coefficients = np.zeros((0, 0), dtype=np.float32)  # (columns, classes)
        self.intercept = np.zeros(0, dtype=np.float32)

    def _row(self, text: str, labels: str) -> Tuple[np.ndarray, np.ndarray]:
        counts = Counter(c for c in map(self.columns.get, features(text, labels)) if c is not None)
        places = np.fromiter(counts.keys(), dtype=np.int32, count=len(counts))
        values = np.log1p(np.fromiter(counts.values(), dtype=np.float32, count=len(counts))) * self.idf[places]
        norm = float(np.sqrt((values**2).sum()))
        return places, values / norm if norm else values

    def train(self, texts: Sequence[str], labels: Sequence[str], targets: Sequence[int], seed: int) -> None:
        """Learn one-against-rest logistic regressions; features seen once are dropped."""
        import scipy.sparse as sp
        from sklearn.linear_model import SGDClassifier

        seen: Counter = Counter()
        for text, label in zip(texts, labels):
            seen.update(set(features(text, label)))
        kept = sorted(f for f, n in seen.items() if n >= 2)
        self.columns = {f: i for i, f in enumerate(kept)}
        self.idf = np.array([np.log((1 + len(texts)) / (1 + seen[f])) + 1 for f in kept], dtype=np.float32)
        rows = [self._row(t, k) for t, k in zip(texts, labels)]
        indptr = np.cumsum([0] + [len(places) for places, _ in rows])
        matrix = sp.csr_matrix(
            (np.concatenate([v for _, v in rows]), np.concatenate([p for p, _ in rows]), indptr), shape=(len(texts), len(kept)), dtype=np.float64
        )
        model = SGDClassifier(loss="log_loss", alpha=2e-6, max_iter=5, tol=None, average=True, random_state=seed, n_jobs=2)
        model.fit(matrix, targets)
        self.coefficients = np.ascontiguousarray(model.coef_.T.astype(np.float32))
        self.intercept = model.intercept_.astype(np.float32)

    def scores(self, texts: Sequence[str], labels: Sequence[str]) -> np.ndarray:
        """Logits, float32 (n, classes)."""
        out = np.tile(self.intercept, (len(texts), 1))
        for i, (text, label) in enumerate(zip(texts, labels)):
            places, values = self._row(text, label)
            out[i] += values @ self.coefficients[places]
        return out
