"""Short references that people can read out and nobody can guess: eight of thirty signs, about 39 bits."""

import re
import secrets

SIGNS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that looks or sounds like another: no 0/O, 1/I/L, U
LENGTH = 8


def new_reference() -> str:
    """Always with a letter and a digit, so that no two words of a sentence look like one."""
    while True:
        reference = "".join(secrets.choice(SIGNS) for _ in range(LENGTH))
        if _mixed(reference):
            return reference


def _mixed(reference: str) -> bool:
    return any(c.isdigit() for c in reference) and any(c.isalpha() for c in reference)


def shown(reference: str) -> str:
    """ "K7QX2MPA" → "K7QX-2MPA"."""
    return f"{reference[:4]}-{reference[4:]}"


_HALVES = re.compile(r"(?<![0-9A-Za-z])(?=([0-9A-Za-z]{4})([\s‐-―-]?)([0-9A-Za-z]{4})(?![0-9A-Za-z]))")


def read_reference(text: str) -> str:
    """The reference in what somebody typed ("k7qx 2mpa", "ref: K7QX-2MPA."), or an empty text.

    "next week" is none: eight letters count only when they are written as references are, in capitals and not as two words.
    Of "that k7qx 2mpa" the two halves that look least like words are taken.
    """
    found = []
    for match in _HALVES.finditer(text):
        written, apart = (match[1], match[3]), match[2].isspace()
        reference = "".join(written).upper()
        as_shown = "".join(written).isupper() and not apart
        if set(reference) <= set(SIGNS) and (_mixed(reference) or (as_shown and reference.isalpha())):
            found.append((not apart, sum(half.isupper() or _mixed(half) or half.isdigit() for half in written), match.start(), reference))
    return max(found)[3] if found else ""
