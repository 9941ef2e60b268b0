"""The graph spelt out by hand is MiniLM, and packing changes nothing."""

from pathlib import Path

import numpy as np
import pytest

from nlu import encoder

TEXTS = ["does it hurt", "how much is it and how many would i need", "", "a " * 400]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> encoder.SentenceEncoder:
    folder = tmp_path_factory.mktemp("encoder")
    encoder.export(encoder.official_weights(), folder, int8=False)
    return encoder.SentenceEncoder(folder)


def test_known_vectors(full: encoder.SentenceEncoder) -> None:
    """Neighbours in meaning are near; the cosines are those of the published model."""
    a, b, c = full.encode(["That is a happy person", "That is a very happy person", "Today is a sunny day"])
    assert float(a @ b) == pytest.approx(0.943, abs=0.002)
    assert float(a @ c) == pytest.approx(0.257, abs=0.002)


def test_texts_in_one_row_do_not_see_each_other(full: encoder.SentenceEncoder) -> None:
    together = full.encode(TEXTS)
    assert together.shape == (len(TEXTS), encoder.DIMENSIONS)
    for text, vector in zip(TEXTS, together):
        assert np.allclose(full.encode([text])[0], vector, atol=1e-4)


def test_a_part_is_read_where_it_stands(full: encoder.SentenceEncoder) -> None:
    text = "does it hurt and whats the price"
    reading = full.read([text])[0]
    assert reading.part(0, 12) is not None
    assert reading.part(len(text), len(text) + 5) is None
    assert float(np.linalg.norm(reading.part(13, len(text)))) == pytest.approx(1.0, abs=1e-5)


def test_no_text_is_no_row(full: encoder.SentenceEncoder) -> None:
    assert full.encode([]).shape == (0, encoder.DIMENSIONS)


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(encoder, "OFFICIAL_SHA256", "0" * 64)
    with pytest.raises(encoder.UnknownWeights, match="not used"):
        encoder.official_weights()
