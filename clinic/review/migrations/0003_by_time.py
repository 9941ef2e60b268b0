"""What the tallies of a day and a rare meaning are found by."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("clinic", "0002_guards"), ("review", "0002_guards"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AddIndex(model_name="talk", index=models.Index(fields=["started"], name="talk_started")),
        migrations.AddIndex(model_name="message", index=models.Index(fields=["at"], name="message_at")),
        migrations.RemoveIndex(model_name="message", name="message_intent"),
        migrations.AddIndex(model_name="message", index=models.Index(fields=["intent", "-talk"], name="message_meaning")),
    ]
