"""Phone numbers and e-mail addresses in one spelling each, so that the same person is found however it was typed."""

from typing import Any, Dict, Mapping, Optional

import phonenumbers

from clinic import sealing


def phone(text: str, country: str) -> str:
    """E.164 for a number the library can read in the clinic's country, else the bare digits; empty without digits."""
    try:
        return str(phonenumbers.format_number(phonenumbers.parse(text, country), phonenumbers.PhoneNumberFormat.E164))
    except phonenumbers.NumberParseException:
        return "".join(sign for sign in text if sign.isdigit())


def email(text: str) -> str:
    return text.strip().casefold()


def digests_of(contact: Optional[Mapping[str, Any]], country: str) -> Dict[str, str]:
    """The two columns by which a contact is found again."""
    contact = contact or {}
    return {
        "phone_digest": sealing.digest("phone", phone(str(contact.get("phone") or ""), country)),
        "email_digest": sealing.digest("email", email(str(contact.get("email") or ""))),
    }


def proves(proof: str, phone_digest: str, email_digest: str, country: str) -> bool:
    """Whether `proof` is the phone number or the e-mail address behind the digests."""
    if "@" in proof:
        return email_digest in sealing.digests("email", email(proof))
    return phone_digest in sealing.digests("phone", phone(proof, country))
