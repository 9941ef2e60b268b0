"""What a step of a form asks to be recorded, handed to the clinic's records."""

from typing import Any, Mapping, Optional

from actions.screening import Effect


async def record(effect: Effect, conversation: str, message: str) -> Optional[str]:
    """Carry out one effect of the message with the id `message`; the reference of what was stored, or None when the records cannot be reached.

    The message and the effect together are the key, so that a turn that Rasa repeats records nothing twice.
    """
    from actions import records  # only here: the records bring Django along, which no other turn of a chat needs

    data: Mapping[str, Any] = effect.data
    key = f"{message}:{effect.name}"
    try:
        if effect.name == "save_consent":
            await records.save_consent(conversation, data["purpose"], data["text_version"], key)
        elif effect.name == "withdraw_consent":
            await records.withdraw_consent(conversation, data["purpose"], key)
        elif effect.name == "forget":
            await records.forget_person(conversation)
        elif effect.name == "save_screening":
            return str(await records.save_screening(conversation, data, data["table"]["version"], key))
    except records.RecordsUnavailable:
        return None
    return ""
