"""The rules of clinic/review/guards.py, in the database."""

from typing import Any

from django.db import migrations

from clinic.review import guards


def install(apps: Any, schema_editor: Any) -> None:
    guards.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("review", "0001_initial"), ("clinic", "0002_guards")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
