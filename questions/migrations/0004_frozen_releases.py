"""The database itself refuses to change what a freeze and a build have stored."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION questions_refuse_release_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'draft' THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'release % is frozen', OLD.version USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.version, OLD.title, OLD.notes, OLD.is_demonstration, OLD.previous_id, OLD.canary, OLD.licence,
        OLD.licence_version, OLD.facts, OLD.frozen_at, OLD.frozen_by_id)
       IS DISTINCT FROM
       (NEW.version, NEW.title, NEW.notes, NEW.is_demonstration, NEW.previous_id, NEW.canary, NEW.licence,
        NEW.licence_version, NEW.facts, NEW.frozen_at, NEW.frozen_by_id) THEN
        RAISE EXCEPTION 'release % is frozen', OLD.version USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.built_at IS NOT NULL AND
       (OLD.built_at, OLD.card, OLD.manifest, OLD.manifest_sha256, OLD.held_out, OLD.rows_hash, OLD.prefix)
       IS DISTINCT FROM
       (NEW.built_at, NEW.card, NEW.manifest, NEW.manifest_sha256, NEW.held_out, NEW.rows_hash, NEW.prefix) THEN
        RAISE EXCEPTION 'release % is built', OLD.version USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER questions_release_frozen BEFORE UPDATE OR DELETE ON questions_release
    FOR EACH ROW EXECUTE FUNCTION questions_refuse_release_change();

CREATE FUNCTION questions_refuse_item_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    release questions_release%ROWTYPE;
BEGIN
    SELECT * INTO release FROM questions_release
        WHERE id = CASE WHEN TG_OP = 'INSERT' THEN NEW.release_id ELSE OLD.release_id END;
    IF FOUND AND release.status <> 'draft' AND (TG_OP <> 'INSERT' OR release.built_at IS NOT NULL) THEN
        RAISE EXCEPTION 'release % is frozen', release.version USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER questions_releaseitem_frozen BEFORE INSERT OR UPDATE OR DELETE ON questions_releaseitem
    FOR EACH ROW EXECUTE FUNCTION questions_refuse_item_change();
"""
BACKWARDS = """
DROP TRIGGER questions_release_frozen ON questions_release;
DROP TRIGGER questions_releaseitem_frozen ON questions_releaseitem;
DROP FUNCTION questions_refuse_release_change();
DROP FUNCTION questions_refuse_item_change();
"""


class Migration(migrations.Migration):
    dependencies = [("questions", "0003_release_builds")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
