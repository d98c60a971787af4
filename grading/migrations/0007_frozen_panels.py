"""The database itself refuses to change a panel version that a check has used, its members included."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION grading_refuse_panel_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    panels bigint[];
BEGIN
    IF TG_TABLE_NAME = 'grading_panel' THEN
        panels := ARRAY[OLD.id];
    ELSIF TG_OP = 'INSERT' THEN
        panels := ARRAY[NEW.panel_id];
    ELSIF TG_OP = 'DELETE' THEN
        panels := ARRAY[OLD.panel_id];
    ELSE
        panels := ARRAY[OLD.panel_id, NEW.panel_id];
    END IF;
    IF EXISTS (SELECT FROM grading_difficultycheck WHERE panel_id = ANY (panels)) THEN
        RAISE EXCEPTION 'panel % was used by a check', panels[1] USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER grading_panel_frozen BEFORE UPDATE OR DELETE ON grading_panel
    FOR EACH ROW EXECUTE FUNCTION grading_refuse_panel_change();
CREATE TRIGGER grading_panelmember_frozen BEFORE INSERT OR UPDATE OR DELETE ON grading_panelmember
    FOR EACH ROW EXECUTE FUNCTION grading_refuse_panel_change();
"""
BACKWARDS = """
DROP TRIGGER grading_panel_frozen ON grading_panel;
DROP TRIGGER grading_panelmember_frozen ON grading_panelmember;
DROP FUNCTION grading_refuse_panel_change();
"""


class Migration(migrations.Migration):
    dependencies = [("grading", "0006_wave_order")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
