"""The rules of clinic/guards.py, in the database."""

from typing import Any

from django.db import migrations

from clinic import guards


def install(apps: Any, schema_editor: Any) -> None:
    guards.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("clinic", "0001_records")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
