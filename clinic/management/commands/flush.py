"""Django's `flush`, allowed past the guard of the history: tests begin with an empty database."""

from typing import Any

from django.core.management.commands.flush import Command as Flush
from django.db import connections

from clinic import guards


class Command(Flush):
    def handle(self, **options: Any) -> None:
        with guards.emptying(connections[options["database"]]):
            super().handle(**options)
