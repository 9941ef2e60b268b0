"""`python -m clinic erase`: erases a person from all stores and prints the receipt."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from clinic import references
from clinic.models import Booking, Handoff, Request
from clinic.services import retention


class Command(BaseCommand):
    help = "Erase everything about a person, found by a reference, a conversation, a phone number or an e-mail address."

    def add_arguments(self, parser: CommandParser) -> None:
        found_by = parser.add_mutually_exclusive_group(required=True)
        found_by.add_argument("--reference", help="of a booking, a request or a hand-off")
        found_by.add_argument("--conversation", help="id of the conversation")
        found_by.add_argument("--contact", help="phone number or e-mail address")
        parser.add_argument("--yes", action="store_true", help="do it; without, only count")

    def handle(self, **options: Any) -> None:
        reference = references.read_reference(options["reference"] or "")
        if options["conversation"]:
            person = retention.Erasure.of_conversation(options["conversation"])
        elif options["contact"]:
            person = retention.Erasure.of_contact(options["contact"])
        else:
            record: Any = None
            for model in (Request, Booking, Handoff):
                record = record or model.objects.filter(reference=reference).first()  # type: ignore[attr-defined]
            if record is None:
                raise CommandError("There is no record with this reference.")
            person = retention.Erasure.of_record(record)
        if not options["yes"]:
            self._print(person.counts())
            self.stdout.write("Nothing was erased. Add --yes to erase all this.")
            return
        receipt = retention.erase(person, "console", timezone.now(), reference)
        self._print(receipt.stores)

    def _print(self, stores: Any) -> None:
        for store, count in stores.items():
            self.stdout.write(f"{store}: {count}")
