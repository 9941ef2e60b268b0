"""Text as it arrives from the outside, made harmless before anything reads it."""

import unicodedata

MAX_CHARACTERS = 1000
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"', "–": "-", "—": " - ", "…": "..."})


def clean(text: object, limit: int = MAX_CHARACTERS) -> str:
    """Return `text` in NFKC form, without control characters or lone surrogates, at most `limit` characters long.

    Line breaks are kept as single newlines because people separate questions with them; all other white space folds.
    Anything that is not a string becomes the empty string.
    """
    if not isinstance(text, str):
        return ""
    text = text[: limit * 4].encode("utf-8", "ignore").decode("utf-8")
    text = "\n".join(text.splitlines())
    text = unicodedata.normalize("NFKC", text).translate(_STRAIGHT)
    kept = (c for c in text if c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cn"} or c == "\t")
    lines = (" ".join(line.split()) for line in "".join(kept).split("\n"))
    return "\n".join(line for line in lines if line)[:limit].strip()
