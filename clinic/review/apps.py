"""The Django application of the review desk."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


def _install_guards(using: str, **kwargs: Any) -> None:
    from clinic.review import guards

    if "review_access" in connections[using].introspection.table_names():
        guards.install(connections[using])


class Review(AppConfig):
    name = "clinic.review"
    label = "review"
    verbose_name = "Review desk"

    def ready(self) -> None:
        from clinic.review import keeping
        from clinic.services import retention

        post_migrate.connect(_install_guards, sender=self, dispatch_uid="review guards")
        retention.ALSO.append(keeping.Desk())
