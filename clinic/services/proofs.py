"""Whether a conversation may see a booking: its own, or shown with the phone number or e-mail address. Wrong tries are counted."""

import datetime as dt
from typing import Optional

from clinic import sealing
from clinic.models import Booking, Conversation, Guess, Proof
from clinic.services import contacts, history
from clinic.services.results import TooManyTries

HOLDS_FOR = dt.timedelta(hours=1)
WITHIN = dt.timedelta(hours=1)
# Tries within the hour: from one conversation, against one reference, and from all together, since a guesser can open new conversations.
MOST = {"conversation": 5, "reference": 10, "all": 200}


def may(conversation: Optional[Conversation], booking: Booking, now: dt.datetime) -> bool:
    if conversation is None:
        return False
    return booking.conversation_id == conversation.pk or Proof.objects.filter(conversation=conversation, booking=booking, until__gt=now).exists()


def prove(conversation: str, reference: str, booking: Optional[Booking], proof: str, country: str, now: dt.datetime) -> bool:
    """Raises TooManyTries. An unknown reference and a wrong proof count and look the same."""
    counted = {
        "conversation": sealing.digest("guess conversation", conversation),
        "reference": sealing.digest("guess reference", reference or "none"),
        "all": sealing.digest("guess", "all"),
    }
    for name, about in counted.items():
        tries = list(Guess.objects.filter(about=about, at__gt=now - WITHIN).order_by("-at").values_list("at", flat=True)[: MOST[name]])
        if len(tries) >= MOST[name]:
            raise TooManyTries(tries[-1] + WITHIN)
    # Compared also when there is no booking, so that both take as long.
    right = contacts.proves(proof, booking.phone_digest if booking else "-", booking.email_digest if booking else "-", country)
    if booking is None or not right:
        Guess.objects.bulk_create(Guess(about=about, at=now) for about in counted.values())
        if booking is not None:
            history.note("booking", booking.reference, "wrong proof", history.PERSON)
        return False
    Proof.objects.update_or_create(conversation=Conversation.of(conversation), booking=booking, defaults={"until": now + HOLDS_FOR})
    history.note("booking", booking.reference, "proved", history.PERSON)
    return True
