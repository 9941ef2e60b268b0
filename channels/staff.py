"""For the clinic's pages: a member of staff writes to a person in their channel. Needs the conversations database only, neither Rasa nor a platform.
`CONVERSATIONS` is what the clinic's services are given: it keeps the transcript and the post in one transaction. By hand:

    engine = runtime.database.make_engine(runtime.settings.conversations_db())
    with engine.begin() as c:
        write(c, "whatsapp:447400123456", "This is Anna from the clinic. …", key="handoff 7Q2M, message 3")
        what_became(c, "whatsapp:447400123456", "This is Anna …", key="handoff 7Q2M, message 3")   # "waiting", later "sent"

The Rasa process sends it within two seconds, after everything that waits for that person already. A text that cannot be delivered becomes "failed"
with a word that says why ("window": the platform allows no message so long after the person's last one; "stopped": they asked for none) and raises a
hand-off. "held": a template asked the person to write, the text follows when they do. `CONVERSATIONS` refuses at once what the platform would not allow,
so that nobody believes to have said what never arrived.
"""

import time
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from channels.base import Bubble
from channels.rendering import capabilities, render
from channels.updates import Gone, WindowClosed
from runtime import post, settings
from runtime.conversations import STAFF, Conversations


def reachable(conversation: str) -> bool:
    """Whether a person can be written to when they are away; visitors of the website cannot."""
    return conversation.partition(":")[0] in capabilities()


def _letters(conversation: str, text: str, key: str, buttons: Sequence[Mapping[str, str]] = ()) -> List[post.Letter]:
    able = capabilities().get(conversation.partition(":")[0])
    if able is None or not text.strip():
        raise ValueError("There is nothing to send, or no platform to send it on.")
    parts = render([Bubble(text.strip(), tuple((b["title"], b["payload"]) for b in buttons))], able)
    return [post.Letter(post.digest("staff", conversation, key, str(n)), part.to_json(), "staff") for n, part in enumerate(parts)]


def write(connection: Any, conversation: str, text: str, key: str, now: Optional[float] = None, buttons: Sequence[Mapping[str, str]] = ()) -> bool:
    """Leave a text for a person; False when the same `key` was left before. `buttons`: {"title", "payload"}, which work once they are in the transcript.

    Raises ValueError when `conversation` is on no platform or the text is empty.
    """
    return post.post(connection, conversation, _letters(conversation, text, key, buttons), now or time.time()) > 0


def what_became(connection: Any, conversation: str, text: str, key: str) -> Tuple[str, str]:
    """(state, why): waiting, held, sent, failed or dropped, of the worst part; ("", "") when it was never left."""
    found = post.progress(connection, [letter.key for letter in _letters(conversation, text, key)])
    order = ("failed", "dropped", "held", "waiting", "sent")
    return min(found, key=lambda row: order.index(row[0])) if found else ("", "")


def allowed(connection: Any, conversation: str, now: float) -> None:
    """Raises Gone when the person asked for no messages or blocked us, WindowClosed when it is too late to write to them and no template can ask them to."""
    channel, person = conversation.partition(":")[0], post.person(connection, conversation)
    if person["stopped"]:
        raise Gone(str(person["stopped"]))
    if capabilities()[channel].closed(person["heard"], now, staff=True) and not settings.template(channel):
        raise WindowClosed("window")


class Reached(Conversations):
    """Conversations whose people are written to in their channel when staff say something."""

    def deliver(self, connection: Any, conversation: str, event: Mapping[str, Any]) -> None:
        """Raises Gone or WindowClosed for words of staff that would not arrive; what the house itself has to say about who speaks is left out, then."""
        if reachable(conversation):
            about = event["metadata"]
            said = f"{about[STAFF]}: {event['text']}" if about[STAFF] else str(event["text"])
            try:
                allowed(connection, conversation, time.time())
            except (Gone, WindowClosed):
                if about[STAFF]:
                    raise
                return
            write(connection, conversation, said, about["key"], buttons=(event.get("data") or {}).get("buttons") or ())


CONVERSATIONS = Reached()
