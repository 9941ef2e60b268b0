"""`python -m clinic patch`: writes the corrections that wait as a patch for git, with what was left out and why."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from clinic.review import keeping, patches


class Command(BaseCommand):
    help = "Write the review desk's corrections as a patch under var/patches/."

    def handle(self, **options: Any) -> None:
        file, patch = patches.write(keeping.patches(), timezone.now())
        for fix, why in patch.left_out:
            self.stdout.write(f"left out ({fix.source}, {fix.kind} {fix.intent or fix.value}): {why}")
        if file is None:
            self.stdout.write("There is nothing to write.")
            return
        self.stdout.write(f"{len(patch.written)} corrections written. Read {file}, then: git apply {file} && make retrain")
