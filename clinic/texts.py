"""Every sentence that leaves the records by mail or calendar, in one place. None may speak of health, of an area of the body or of an answer."""

from typing import Dict, Tuple

CALENDAR: Dict[str, str] = {
    "title": "Appointment at {clinic} ({reference})",
    "description": "Your reference is {reference}. To change or cancel, answer the chat on our website or call {phone}.",
    "diary_title": "Appointment {reference}",
}

# What → (subject, text). A line whose braces have nothing to say is left out.
TO_PERSON: Dict[str, Tuple[str, str]] = {
    "booked": (
        "Your appointment at {clinic}: {reference}",
        """Hello{name},

your appointment is confirmed.

When: {when}
Where: {address}
With: {practitioner}
Reference: {reference}

Please bring: {bring}

The attached file puts it into your calendar. To move or cancel it, tell the chat on {website} your reference, or call {phone}.
Please do so at least {cancellation_hours} hours before.

{clinic}
""",
    ),
    "moved": (
        "Your appointment has moved: {reference}",
        """Hello{name},

your appointment has a new time.

When: {when}
Where: {address}
With: {practitioner}
Reference: {reference}

The attached file replaces the earlier one in your calendar. Did you not ask for this, or does it not suit you? Please call {phone}.

{clinic}
""",
    ),
    "cancelled": (
        "Your appointment is cancelled: {reference}",
        """Hello{name},

your appointment is cancelled. It was for {when}.
Reference: {reference}

Did you not ask for this? Please call {phone}. To make a new one, open the chat on {website}.

{clinic}
""",
    ),
    "reminder_48": (
        "Your appointment at {clinic} is coming up: {reference}",
        """Hello{name},

this is a reminder of your appointment.

When: {when}
Where: {address}
With: {practitioner}
Reference: {reference}

Please bring: {bring}

Can you not come? Tell the chat on {website} your reference, or call {phone}.
No more reminders: {stop_link}

{clinic}
""",
    ),
    "reminder_3": (
        "Your appointment at {clinic} is today: {reference}",
        """Hello{name},

your appointment is soon.

When: {when}
Where: {address}
Reference: {reference}

Can you not come? Please call {phone}.
No more reminders: {stop_link}

{clinic}
""",
    ),
}

# What → (subject, first lines); `CLINIC_TAIL` follows.
TO_CLINIC: Dict[str, Tuple[str, str]] = {
    "booked": ("New appointment {reference}", "A new appointment was made."),
    "moved": ("Appointment moved {reference}", "An appointment was moved. Its new time:"),
    "cancelled": ("Appointment cancelled {reference}", "An appointment was cancelled. It was:"),
    "handoff": ("Somebody would like to talk to you: {reference}", "Somebody in the chat would like to talk to a person."),
    "handoff_urgent": ("URGENT, somebody needs you now: {reference}", "Somebody in the chat needs a person now. Please look at once."),
    "handoff_again": (
        "Somebody is waiting again: {reference}",
        "Nobody has written in this chat for two hours, so the computer program answers there again. Somebody still waits for you.",
    ),
    "request_booking": ("Please confirm a booking: {reference}", "Somebody asked for an appointment that needs your confirmation."),
    "request_callback": ("Please call somebody back: {reference}", "Somebody asked to be called back."),
    "request_complaint": ("A complaint was made: {reference}", "Somebody made a complaint in the chat."),
    "request_erasure": ("A request to erase data: {reference}", "Somebody asked for their data to be erased."),
    "undelivered": (
        "A message did not arrive: {reference}",
        "We could not deliver an e-mail to the person of this appointment. Please call them.",
    ),
    "calendar_trouble": (
        "The calendar and our records differ: {reference}",
        "We could not enter this appointment into your calendar, or not take it out. Please look at both.",
    ),
}
CLINIC_TAIL = """

When: {when}
With: {practitioner}
Answer by: {due}
Reference: {reference}

Details, after logging in: {link}
"""

# What is said in the chat when staff come and go. `{name}` is how they are called, or "somebody".
TALK: Dict[str, str] = {
    "arrived": "{name} from our team is here now and reads what you write. I, the computer program, stay quiet until they leave.",
    "left": "Our team has left the chat. I am the computer program again: ask me anything.",
    "left_unfinished": "Our team has left the chat. I am the computer program again. We had not finished: write “go on” and we carry on.",
    "go_on": "Go on",
    "somebody": "Somebody",
}

# The page behind "No more reminders".
REMINDERS: Dict[str, str] = {
    "title": "Reminders",
    "ask": "Shall we stop the reminders for appointment {reference}? The appointment itself stays.",
    "button": "Stop the reminders",
    "done": "We will send no more reminders for appointment {reference}. The appointment itself stays.",
    "unknown": "This link is not valid any more. To stop reminders, please call {phone}.",
}
