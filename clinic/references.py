"""Short references that people can read out and nobody can guess: eight of thirty signs, about 39 bits."""

import re
import secrets

SIGNS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that looks or sounds like another: no 0/O, 1/I/L, U
LENGTH = 8


def new_reference() -> str:
    return "".join(secrets.choice(SIGNS) for _ in range(LENGTH))


def shown(reference: str) -> str:
    """ "K7QX2MPA" → "K7QX-2MPA"."""
    return f"{reference[:4]}-{reference[4:]}"


def read_reference(text: str) -> str:
    """The reference in what somebody typed ("k7qx 2mpa", "ref: K7QX-2MPA."), or an empty text."""
    for found in re.finditer(r"(?<![0-9A-Za-z])([0-9A-Za-z]{4})[\s‐-―-]?([0-9A-Za-z]{4})(?![0-9A-Za-z])", text):
        reference = (found[1] + found[2]).upper()
        if set(reference) <= set(SIGNS):
            return reference
    return ""
