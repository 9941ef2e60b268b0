"""`python -m clinic purge`: deletes what is older than the clinic keeps it. The outbox does so by itself every few hours."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from clinic.services import retention


class Command(BaseCommand):
    help = "Delete what is older than `privacy` in clinic.yml allows."

    def handle(self, **options: Any) -> None:
        for store, count in retention.purge(timezone.now()).items():
            self.stdout.write(f"{store}: {count}")
