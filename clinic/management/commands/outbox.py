"""`python -m clinic outbox`: the worker of clinic/outbox.py."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from clinic import outbox


class Command(BaseCommand):
    help = "Send what waits in the outbox until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due now, then end")

    def handle(self, **options: Any) -> None:
        outbox.main(["--once"] if options["once"] else [])
