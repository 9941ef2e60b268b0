"""`python -m clinic rotate_keys`: everything sealed is written anew with the newest key; docs/records.md has the steps."""

from typing import Any

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand, CommandParser

from clinic import keys
from clinic.services import retention


class Command(BaseCommand):
    help = "Seal everything anew. Keys kept in var/keys/records get a new one first; with --drop-old the older ones are thrown away afterwards."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--drop-old", action="store_true", help="throw the older keys away when everything is sealed with the newest")

    def handle(self, **options: Any) -> None:
        ours = not keys.given_keys()
        if ours:
            keys.write_record_keys([Fernet.generate_key(), *keys.record_keys()])
        count = retention.reseal()
        self.stdout.write(f"{count} records are sealed with the newest key.")
        if not options["drop_old"]:
            return
        if ours:
            # Again: what was written while we were at it may still be under the old key.
            retention.reseal()
            keys.write_record_keys(keys.record_keys()[:1])
            self.stdout.write("The older keys are gone. Old backups cannot be read with the new key alone.")
        else:
            self.stdout.write("The keys come from STRIA_RECORD_KEYS: take the older ones out there, and restart.")
