"""Take out the trigram extension that no query used."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("questions", "0004_frozen_releases")]
    operations = [migrations.RunSQL("DROP EXTENSION IF EXISTS pg_trgm", "CREATE EXTENSION IF NOT EXISTS pg_trgm")]
