"""The database itself refuses to change a frozen revision; trigram search for near-duplicates."""

from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations

FORWARDS = """
CREATE FUNCTION questions_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.frozen_at IS NOT NULL THEN
        RAISE EXCEPTION 'revision % is frozen', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER questions_revision_frozen BEFORE UPDATE OR DELETE ON questions_revision
    FOR EACH ROW EXECUTE FUNCTION questions_refuse_change();
"""
BACKWARDS = "DROP TRIGGER questions_revision_frozen ON questions_revision; DROP FUNCTION questions_refuse_change();"


class Migration(migrations.Migration):
    dependencies = [("questions", "0001_initial")]
    operations = [TrigramExtension(), migrations.RunSQL(FORWARDS, BACKWARDS)]
