"""The Django applications: the records, and the staff's site."""

from typing import Any

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


def _install_guards(using: str, **kwargs: Any) -> None:
    from clinic import guards

    if "clinic_history" in connections[using].introspection.table_names():
        guards.install(connections[using])


def _make_groups(using: str, **kwargs: Any) -> None:
    from clinic import groups

    groups.make(using)


class Clinic(AppConfig):
    name = "clinic"
    verbose_name = "Clinic"

    def ready(self) -> None:
        from clinic import guards

        connection_created.connect(guards.prepare_connection, dispatch_uid="clinic guards")
        post_migrate.connect(_install_guards, sender=self, dispatch_uid="clinic guards")
        post_migrate.connect(_make_groups, dispatch_uid="clinic groups")


class StaffSite(AdminConfig):
    default_site = "clinic.site.StaffSite"
