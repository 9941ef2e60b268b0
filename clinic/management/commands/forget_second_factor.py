"""`python -m clinic forget_second_factor NAME`: for somebody who lost the app and the recovery codes, when no manager is left who could help at the desk."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from clinic.review import recovery
from clinic.review.models import Access


class Command(BaseCommand):
    help = "Take away the second factor of a login, with its recovery codes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the login")

    def handle(self, name: str, **options: Any) -> None:
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no login {name!r}.")
        if not recovery.forget(user):
            self.stdout.write(f"{name} has no second factor.")
            return
        Access.objects.create(actor="system", what="second factor", detail={"taken_from": name})
        self.stdout.write(f"{name} has no second factor any more. Make sure that it was really they who asked.")
