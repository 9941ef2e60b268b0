"""A Monday morning at the clinic's desk: who wrote over the weekend, who waits, what is in the diary."""

import datetime as dt
import time
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from bench.conversations import START, Events, action, bot, many, slot, turn, user
from clinic import models
from clinic.booking.slots import Wishes
from clinic.services import bookings, handoffs, requests
from clinic.services.results import Booking
from runtime import post
from runtime.database import make_engine
from tests.review.conftest import PASSWORD

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>"\'>'
ALARM = {"level": "urgent", "fired": [{"level": "urgent", "part": "signs", "why": "pus", "text_span": "pus"}], "table": {"version": "1"}}
AREA = [{"entity": "body_area", "start": 3, "end": 8, "value": "abdomen", "text": "tummy"}]


def staff() -> None:
    for name, first in (("receptionist", "Anna"), ("reviewer", "Rui"), ("clinician", "Chidi"), ("manager", "Mona"), ("auditor", "Aud")):
        one = User.objects.create_user(name, password=PASSWORD, is_staff=True, first_name=first)
        one.groups.add(Group.objects.get(name=name))


def written(events: Events, hostile: str = HOSTILE) -> None:
    """What the bot heard."""
    now = time.time()
    events.rows(many(90, seed=7, now=now - 7200, days=20))
    infected = [
        *START,
        *turn("hi i had my second session on friday", "greet", "Hello. How can I help?", "whatsapp"),
        *turn(
            "my tummy is hot and there is pus, im Quibble Nightshade 07400 123456",
            "report_urgent_symptom",
            "Please have this looked at by a doctor today. I have told our team.",
            "whatsapp",
            0.97,
            entities=AREA,
            safety=ALARM,
        ),
    ]  # fmt: skip
    events.add("whatsapp:+447400123456", infected, now - 3000)
    heard(events, "whatsapp:+447400123456", now - 3000)
    waits = [
        *START,
        *turn("is it ok if i take roaccutane", "ask_isotretinoin", "Please wait until our clinician has looked at it."),
        *turn("can i speak to a real person please", "request_human", "I have asked our team to come to this chat."),
    ]
    events.add("web:waiting", waits, now - 600)
    person = {"name": "Berenike Unseen", "phone": "07400 654321", "email": "b@mail.example"}
    booking = [
        *START,
        *turn("can i book for my thighs next week", "book_consultation", "Which day suits you?"),
        user("Berenike Unseen", "inform", 0.61, "website"),
        slot("booking", {"task": "book", "asked": "phone", "person": person}),
        action("validate_booking_form"),
        bot("Thank you, Berenike. Which number?", ["Skip"]),
        action("action_listen"),
        *turn(
            "do you do it on sunday mornings maybe",
            "nlu_fallback",
            "I am not sure I understood. Did you mean one of these?",
            confidence=0.31,
            by="action_clarify",
        ),
    ]
    events.add("web:berenike", booking, now - 5400)
    events.add("web:hostile", [*START, *turn(hostile, "nlu_fallback", "I am not sure I understood.", confidence=0.2, by="action_clarify")], now - 4000)


def heard(events: Events, conversation: str, at: float) -> None:
    """The platform's post knows when they last wrote: only for a while after that it takes answers."""
    engine = make_engine(str(events.path))
    post.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(post.people.insert().values(conversation=conversation, heard=at))
    engine.dispose()


def recorded(hostile: str = HOSTILE) -> None:
    """What the clinic's records hold."""
    now = timezone.now()
    handoffs.raise_handoff(
        "whatsapp:+447400123456",
        "Hot skin and pus after a session",
        "urgent",
        "Second session on Friday.",
        {"name": "Quibble Nightshade", "phone": "07400 123456"},
        "u",
    )
    handoffs.raise_handoff("web:waiting", "Asked for a person", "normal", "Takes isotretinoin.", None, "w")
    handoffs.raise_handoff("web:hostile", hostile, "normal", hostile, {"name": hostile, "phone": "=1+1", "email": "x@x.example"}, "h")
    models.Handoff.objects.filter(urgency="urgent").update(created=now - dt.timedelta(minutes=50))
    free = bookings.free_slots(Wishes(every_practitioner=True), now)
    for number, name in ((0, "Berenike Unseen"), (3, "Tove Ålund"), (8, hostile)):
        made = bookings.book(f"web:b{number}", free[number], {"name": name, "phone": "07400 654321", "email": "b@mail.example"}, None, f"b{number}", now)
        assert isinstance(made, Booking)
    bookings.block(free[0].practitioner, free[0].start + dt.timedelta(days=7), free[0].end + dt.timedelta(days=7), "training", "manager", now)
    requests.open_request("web:waiting", "complaint", {"words": hostile, "contact": {"name": "Ottoline Grave", "phone": "020 7946 0000"}}, "c", now)
    requests.open_request("web:berenike", "erasure", {"contact": {"name": "Berenike Unseen", "email": "b@mail.example"}}, "e", now)
    wish: dict[str, Any] = bookings.wish(free[14], {"name": "Ottoline Grave", "phone": "020 7946 0000"}, None)
    requests.open_request("web:waiting", "booking", wish, "b", now)
    models.Request.objects.filter(kind="complaint").update(due=timezone.localdate() - dt.timedelta(days=1))
    models.Message.objects.filter(pk=models.Message.objects.filter(recipient="person").first().pk).update(  # type: ignore[union-attr]
        state="failed", attempts=3, done_at=now, error="550 no such mailbox"
    )
