"""`python -m clinic first_login`: see clinic/first_login.py."""

from typing import Any

from django.core.management.base import BaseCommand

from clinic import first_login


class Command(BaseCommand):
    help = "Make the first login of the staff's site, if there is none, and print it once."

    def handle(self, **options: Any) -> None:
        first_login.main()
