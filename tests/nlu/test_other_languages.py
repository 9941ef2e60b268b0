"""Danger told in another language than English is heard, and nothing that we speak about in English is taken for it."""

from pathlib import Path

import pytest
import yaml

from nlu import other_languages
from nlu.red_flags import TableError
from runtime.settings import ROOT

TABLE = other_languages.load()


@pytest.mark.parametrize(
    ("text", "level", "language"),
    [
        ("Hola, me hicieron el tratamiento hoy y NO PUEDO RESPIRAR", "emergency", "Spanish"),
        ("mi hermana se desmayó, ¿qué hago?", "emergency", "Spanish"),
        ("ya no quiero vivir", "crisis", "Spanish"),
        ("depuis hier j'ai de la fièvre et du pus", "urgent", "French"),
        ("je n'arrive plus à respirer", "emergency", "French"),
        ("Meine Zunge ist geschwollen, ich kriege keine Luft", "emergency", "German"),
        ("puchnie mi twarz po kremie", "emergency", "Polish"),
        ("não consigo respirar", "emergency", "Portuguese"),
        ("nu mai vreau să trăiesc", "crisis", "Romanian"),
        ("mujhe saans nahi aa rahi hai cream lagane ke baad", "emergency", "Hindi or Urdu"),
        ("मुझे साँस नहीं आ रही", "emergency", "Hindi or Urdu"),
        ("لا أستطيع التنفس", "emergency", "Arabic"),
        ("я не могу дышать", "emergency", "Russian"),
        ("我的脸肿了，呼吸困难", "emergency", "Chinese"),
        ("hindi ako makahinga", "emergency", "Tagalog"),
        ("tengo fiebre y no puedo respirar", "emergency", "Spanish"),
    ],
)
def test_danger_is_heard_whatever_the_accents(text: str, level: str, language: str) -> None:
    found = other_languages.find(text)
    assert found is not None and (found.level, found.language) == (level, language)


@pytest.mark.parametrize(
    "text",
    [
        "no tengo fiebre",
        "¿qué hago si tengo fiebre?",
        "hola, ¿cuánto cuesta?",
        "nie mam gorączki",
        "ile kosztuje zabieg",
        "kya bukhar aa gaya to aa sakte hai",
        "",
        "🙂",
        "x" * 5000,
    ],
)
def test_denials_questions_and_ordinary_words_are_no_danger(text: str) -> None:
    assert other_languages.find(text) is None


def test_no_english_message_of_ours_sounds_like_it() -> None:
    told_elsewhere = []
    for path in sorted((ROOT / "data").glob("*.yml")):
        for block in (yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or {}).get("nlu") or []:
            for line in block["examples"].splitlines():
                spoken = other_languages.find(line.removeprefix("- "))
                if spoken is not None and not block["intent"].startswith(("report_", "express_", "out_of_scope")):
                    told_elsewhere.append((block["intent"], line, spoken.phrase))
    assert told_elsewhere == []


def test_every_language_says_the_number() -> None:
    for name, language in TABLE.languages.items():
        assert "{emergency_number}" in language.call, name
        assert "{urgent_line}" in language.today, name


def test_a_row_without_its_words_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "languages.yml"
    path.write_text("languages: {Elvish: {call: x, today: y, emergency: '', crisis: '', urgent: ''}}", encoding="utf-8")
    with pytest.raises(TableError, match="Elvish lacks if, not"):
        other_languages.load(path)
