import hashlib
import json
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from hle_site.audit.models import AuditEvent
from hle_site.notifications.models import Notice
from questions import tasks, workflow
from questions.duplicates import search
from questions.enums import Action, ReleaseStatus, Split
from questions.models import Question, Release, ReleaseItem, Revision
from questions.releases import errata, files, freeze, selection
from questions.releases.verification import MANIFEST
from questions.workflow import InvalidTransition, Refused
from tests.questions.releases.worlds import World

pytestmark = pytest.mark.django_db
PARQUET = "data/test-00000-of-00001.parquet"


@pytest.fixture
def world(db):
    return World()


def read(name):
    with default_storage.open(name) as stream:
        return stream.read()


def stored(place):
    return {name.removeprefix(f"{place}/"): hashlib.sha256(read(name)).hexdigest() for name in files._names(place)}


def lines(release, split="public"):
    content = read(f"releases/{release.version}/{split}/questions.jsonl")
    return [json.loads(line) for line in content.splitlines()]


def test_release_holds_what_was_approved(world):
    (question,) = world.approve()

    release = world.published()

    (row,) = lines(release)
    revision = question.newest
    assert (row["tries"], row["solved_by"], release.items.get().evidence["n_models"]) == (1, [], 6)
    assert row["id"] == selection.public_id(question.pk)
    assert (row["question"], row["answer"], row["category"]) == (revision.prompt, revision.answer, "Math")
    assert row["author_name"] == "Author"
    assert (row["independent_solves"], row["evidence"]) == (1, "independent_solve")
    assert row["canary"] == release.canary
    assert files.verify_stored(release) == []


def test_release_loads_with_datasets_and_shows_pictures(world, tmp_path):
    import datasets  # takes seconds

    world.approve(image=world.picture(), image_alt="A red field")
    world.approve(2)
    release = world.published()
    for name in files._names(release.prefix):
        target = tmp_path / name.removeprefix(f"{release.prefix}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read(name))

    loaded = datasets.load_dataset(str(tmp_path), split="test", cache_dir=str(tmp_path / "cache"))

    assert isinstance(loaded.features["image_preview"], datasets.Image)
    pictures = [row["image_preview"] for row in loaded if row["image"]]
    assert [picture.size for picture in pictures] == [(12, 8)]
    assert [row["id"] for row in loaded] == [row["id"] for row in lines(release)]


def test_second_build_of_the_same_rows_is_byte_identical(world):
    world.approve(4)
    world.approve(image=world.picture(), image_alt="A red field")
    release = world.frozen()
    before = stored(release.prefix)
    files.delete_files(release)

    files._build_split(release, Split.PUBLIC, release.canary)

    assert stored(release.prefix) == before
    assert len(before) == 6


def test_files_do_not_change_with_what_happens_after_the_freeze(world, settings):
    questions = world.approve(3)
    release = freeze.freeze(release=world.draft(), by=world.first)
    author = questions[0].contributor
    author.name, author.is_credited = "Somebody Else", False
    author.save(update_fields=["name", "is_credited"])
    workflow.advance(questions[0], Action.REOPEN, by=world.second, reason="A report.")
    world.call.title = "Renamed"
    world.call.save(update_fields=["title"])
    settings.SITE_NAME = "Renamed"

    release = freeze.build(release)

    assert [row["author_name"] for row in lines(release)] == ["Author"] * 3
    assert "Renamed" not in read(f"{release.prefix}/README.md").decode()
    assert release.manifest["row_count"] == 3


def test_build_is_run_once(world):
    world.approve()
    release = world.frozen()

    again = freeze.build(release)

    assert (again.built_at, again.manifest_sha256) == (release.built_at, release.manifest_sha256)
    assert AuditEvent.objects.filter(action="release.build").count() == 1


def test_build_that_was_cut_off_before_the_manifest_is_taken_up(world):
    world.approve(2)
    whole = world.frozen()
    expected = stored(whole.prefix)
    Path(default_storage.path(f"{whole.prefix}/{MANIFEST}")).unlink()
    Path(default_storage.path(f"{whole.prefix}/{PARQUET}")).write_bytes(b"half a fi")
    default_storage.delete(f"{whole.prefix}/README.md")

    files._build_split(whole, Split.PUBLIC, whole.canary)

    assert stored(whole.prefix) == expected


def test_build_does_not_overwrite_a_finished_one(world):
    world.approve()
    release = world.frozen()
    damaged = Path(default_storage.path(f"{release.prefix}/questions.jsonl"))
    damaged.write_bytes(b"{}\n")

    with pytest.raises(freeze.BuildFailed, match="not overwritten"):
        files._build_split(release, Split.PUBLIC, release.canary)

    assert damaged.read_bytes() == b"{}\n"
    assert [damage.file for _split, damage in files.verify_stored(release)] == ["questions.jsonl"]


def test_sweep_builds_what_no_worker_has_built(world):
    world.approve()
    release = freeze.freeze(release=world.draft(), by=world.first)

    tasks.sweep()
    tasks.sweep()

    release.refresh_from_db()
    assert release.built_at is not None
    assert files.verify_stored(release) == []


def test_failed_build_is_told_and_tried_again_later(world):
    world.approve(image=world.picture(), image_alt="A red field")
    release = freeze.freeze(release=world.draft(), by=world.first)
    path = Path(release.items.get().image.file.path)
    content = path.read_bytes()
    path.write_bytes(b"not a picture")

    tasks.sweep()

    release.refresh_from_db()
    assert release.built_at is None
    assert "is not the one that was uploaded" in release.build_problem
    path.write_bytes(content)
    tasks.sweep()
    assert not Release.objects.get().built_at
    Release.objects.update(build_failed_at=timezone.now() - 2 * tasks.RETRY_AFTER)
    tasks.sweep()
    assert Release.objects.get().built_at
    assert Release.objects.get().build_problem == ""


def test_publication_by_the_person_who_froze_is_refused(world):
    world.approve()
    release = world.frozen()

    with pytest.raises(Refused, match="Another organiser"):
        freeze.publish(release=release, by=world.first)

    assert Release.objects.get().status == ReleaseStatus.FROZEN
    with pytest.raises(IntegrityError), transaction.atomic():
        Release.objects.update(published_at=timezone.now(), published_by=world.first)


def test_publication_needs_verified_files(world):
    world.approve()
    release = freeze.freeze(release=world.draft(), by=world.first)

    with pytest.raises(Refused, match="not built"):
        freeze.publish(release=release, by=world.second)


def test_only_organisers_may_act(world):
    world.approve()
    release = world.frozen()

    for act in (
        lambda: world.draft("2.0.0", by=world.senior),
        lambda: freeze.freeze(release=release, by=world.senior),
        lambda: freeze.publish(release=release, by=world.researcher),
        lambda: freeze.discard(release=release, by=world.author),
        lambda: freeze.yank(release=release, by=world.reviewer, reason="x"),
    ):
        with pytest.raises(PermissionDenied):
            act()


def test_questions_that_only_simulated_models_tested_need_a_demonstration(world):
    world.approve(2, is_simulated=True)
    world.approve()
    release = world.draft()

    with pytest.raises(Refused) as refusal:
        freeze.freeze(release=release, by=world.first)

    assert refusal.value.sentences == [
        "2 questions were tested by simulated models only, so they can be released only in a release marked as a demonstration."
    ]
    assert ReleaseItem.objects.count() == 0
    demonstration = world.frozen("0.1.0", is_demonstration=True)
    assert demonstration.manifest["is_demonstration"] is True
    assert demonstration.manifest["row_count"] == 3


def test_left_out_questions_come_with_reasons(world):
    proven, held = world.approve(2)
    unsolved, alone = world.approve(2)
    unsolved.rounds.get().assignments.all().delete()
    alone.decisions.update(recommended_by=None)
    draft = world.draft()
    freeze.hold_back(release=draft, question=held, reason="Waits for a picture", by=world.first)

    choice = freeze.candidates(draft)

    assert [candidate.question for candidate in choice.included] == [proven]
    assert {candidate.question.pk: candidate.reasons for candidate in choice.left_out} == {
        held.pk: ("Held back: Waits for a picture",),
        unsolved.pk: ("No reviewer has reached the key independently.",),
        alone.pk: ("Its approval does not rest on two people.",),
    }


def test_held_out_questions_are_in_files_of_their_own(world):
    world.hold_out("0.25")
    world.approve(4)

    release = world.published()

    (secret,) = Question.objects.filter(split=Split.HELD_OUT)
    hidden = lines(release, "held_out")
    assert [row["id"] for row in hidden] == [selection.public_id(secret.pk)]
    assert hidden[0]["canary"] == release.held_out["canary"] != release.canary
    for name in files._names(release.prefix):
        content = read(name)
        assert selection.public_id(secret.pk).encode() not in content, name
        assert release.held_out["canary"].encode() not in content, name
    assert [row["question"] for row in lines(release) if row["question"] == secret.newest.prompt] == []
    assert len(lines(release)) == 3


def test_labels_stand_and_share_is_rounded_down(world):
    world.hold_out("0.25")
    world.approve(4)
    first = world.published()
    labels = dict(Question.objects.values_list("pk", "split"))
    world.approve(3)

    second = world.published("1.1.0")

    assert [split for _pk, split in labels.items()].count("held_out") == 1
    assert {pk: split for pk, split in Question.objects.values_list("pk", "split") if pk in labels} == labels
    assert Question.objects.filter(split="held_out").count() == 1
    assert (first.items.count(), second.items.count()) == (4, 7)


def test_discarded_freeze_takes_its_new_labels_back_and_its_files_away(world, django_capture_on_commit_callbacks):
    world.hold_out("0.25")
    world.approve(2)
    world.published()
    world.approve(2)
    release = world.frozen("1.1.0")
    assert Question.objects.filter(split=Split.HELD_OUT).count() == 1

    with django_capture_on_commit_callbacks(execute=True):
        freeze.discard(release=release, by=world.first)

    assert sorted(Question.objects.values_list("split", flat=True)) == ["", "", "public", "public"]
    assert list(files._names("releases/1.1.0/public")) == []
    with pytest.raises(Refused, match="exists already"):
        world.draft("1.1.0")
    assert world.frozen("1.1.1").manifest["row_count"] == 3


def test_next_release_lists_changes_and_tombstones(world):
    kept, retracted, changed = world.approve(3)
    first = world.published()
    item = first.items.get(question=changed)
    erratum = errata.report(item=item, text="The answer should be another number.", by=world.researcher)
    errata.answer(erratum=erratum, status="confirmed", resolution="You are right.", by=world.second)
    Question.objects.filter(pk=retracted.pk).update(status="approved")
    retracted.refresh_from_db()
    workflow.advance(retracted, Action.RETRACT, by=world.first, reason="The key is disputed")
    newest = changed.newest
    mended = Revision.objects.create(
        **{name: getattr(newest, name) for name in ("question", *Revision.TESTED, *Revision.SUPPORTING)}
        | {"number": 2, "rationale": "A better derivation than the one before.", "created_by": world.author}
    )
    mended.frozen_at = timezone.now()
    mended.save(update_fields=["frozen_at"])
    (added,) = world.approve()

    second = world.published("1.1.0")

    changes = json.loads(read(f"{second.prefix}/changes.json"))
    by_id = {change["id"]: (change["verb"], change["reason"], change["fields"]) for change in changes["changes"]}
    assert by_id == {
        selection.public_id(added.pk): ("add", "", []),
        selection.public_id(retracted.pk): ("remove", "The key is disputed", []),
        selection.public_id(changed.pk): ("update", "Corrected after a report of an error", ["rationale"]),
    }
    assert second.items.get(question=retracted).is_tombstone
    assert second.items.get(question=kept).change == "same"
    assert Release.objects.get(pk=first.pk).status == ReleaseStatus.SUPERSEDED
    erratum.refresh_from_db()
    assert (erratum.status, erratum.resolved_in) == ("resolved", second)
    assert second.canary == first.canary


def test_one_freeze_waits_at_a_time(world):
    world.approve()
    world.frozen()

    with pytest.raises(Refused, match=r"Version 1\.0\.0 is frozen"):
        world.frozen("1.1.0")


def test_frozen_rows_cannot_be_changed(world):
    world.approve()
    release = world.frozen()

    for change in (
        lambda: release.items.update(row={}),
        lambda: release.items.all().delete(),
        lambda: Release.objects.update(canary="other"),
        lambda: Release.objects.update(manifest_sha256="other"),
        release.delete,
    ):
        with pytest.raises(IntegrityError, match=r"frozen|built"), transaction.atomic():
            change()


def test_yanked_release_gives_its_reason_and_stays_yanked(world):
    world.approve()
    release = world.published()

    with pytest.raises(Refused):
        freeze.yank(release=release, by=world.first, reason=" ")
    freeze.yank(release=release, by=world.first, reason="A picture is not ours.")

    release.refresh_from_db()
    assert (release.status, release.yank_reason) == (ReleaseStatus.YANKED, "A picture is not ours.")
    with pytest.raises(InvalidTransition):
        freeze.publish(release=release, by=world.second)


def test_every_act_is_logged_and_told(world):
    world.approve()
    release = world.published()
    freeze.yank(release=release, by=world.first, reason="Wrong.")

    acts = AuditEvent.objects.filter(object_id=str(release.pk)).order_by("sequence").values_list("action", "actor_id")

    assert list(acts) == [
        ("release.draft", world.first.pk),
        ("release.freeze", world.first.pk),
        ("release.build", None),
        ("release.publish", world.second.pk),
        ("release.yank", world.first.pk),
    ]
    told = Notice.objects.filter(kind__in=["release_built", "released"]).values_list("kind", "recipient")
    assert sorted(told) == sorted([("release_built", world.second.pk), ("released", world.author.pk)])


@pytest.mark.parametrize("version", ["1", "v1.0", "1.0.0/..", "../1.0", "1.0.0 ", "", "1.0.0-" + "a" * 20])
def test_odd_versions_are_refused(world, version):
    with pytest.raises(Refused, match="must look like"):
        world.draft(version)


def test_erratum_is_answered_in_steps(world):
    world.approve()
    item = world.published().items.get()
    with pytest.raises(PermissionDenied):
        errata.report(item=item, text="This is wrong, see the standard text.", by=world.author)
    erratum = errata.report(item=item, text="This is wrong, see the standard text.", by=world.researcher)

    with pytest.raises(Refused, match="in words"):
        errata.answer(erratum=erratum, status="not_an_error", resolution="", by=world.first)
    errata.answer(erratum=erratum, status="acknowledged", resolution="", by=world.first)
    with pytest.raises(InvalidTransition):
        errata.answer(erratum=erratum, status="resolved", resolution="Done.", by=world.first)
    errata.answer(erratum=erratum, status="not_an_error", resolution="The key stands.", by=world.first)

    erratum.refresh_from_db()
    assert (erratum.status, erratum.resolution) == ("not_an_error", "The key stands.")
    assert list(errata.visible(item, user=world.author)) == []
    assert list(errata.visible(item, user=world.researcher)) == [erratum]


def test_commands_freeze_and_verify(world, capsys):
    world.approve()

    call_command("freeze_release", "1.0.0", by=world.first.email, title="A sample exam")
    call_command("verify_release", "1.0.0")

    release = Release.objects.get()
    printed = capsys.readouterr().out
    assert "A sample exam 1.0.0 is frozen and built: 1 public questions." in printed
    assert release.manifest_sha256 in printed
    assert "1.0.0 is undamaged." in printed
    Path(default_storage.path(f"{release.prefix}/README.md")).write_text("changed")
    with pytest.raises(CommandError, match="1 things are wrong"):
        call_command("verify_release", "1.0.0")
    assert "public README.md: has 7 bytes" in capsys.readouterr().out
    with pytest.raises(CommandError, match="things are wrong"):
        call_command("verify_release", default_storage.path(release.prefix))
    with pytest.raises(CommandError, match="not possible while"):
        call_command("freeze_release", "1.0.0", by=world.first.email)
    with pytest.raises(CommandError, match="takes an organiser"):
        call_command("freeze_release", "1.1.0", by=world.author.email)
    with pytest.raises(CommandError, match="no built release"):
        call_command("verify_release", "9.9.9")


@pytest.mark.parametrize("count", [1, 3])
def test_queries_of_a_freeze_do_not_grow_with_the_questions(world, django_assert_num_queries, count):
    world.approve(count)
    draft = world.draft()
    search.finish(Question.objects.all())  # as the worker did when they were tested

    with django_assert_num_queries(33):
        freeze.freeze(release=draft, by=world.first)

    assert draft.items.count() == count
