import io
import json
import os
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from PIL import Image

from hle_site.audit.models import AuditEvent
from questions import linter
from questions.importing import drafts
from questions.importing.drafts import examine_file, import_file
from questions.importing.shapes import RefusedRow
from questions.models import Attachment, ImportBatch, Question
from questions.workflow import Refused
from tests import factories

pytestmark = pytest.mark.django_db

GOOD = {"question": "What is two plus two?", "answer": "4", "answer_type": "exactMatch", "category": "Math"}


def write(folder: Path, *rows, name="questions.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def picture(folder: Path, name="pictures/one.png") -> str:
    (folder / name).parent.mkdir(exist_ok=True)
    stream = io.BytesIO()
    Image.new("RGB", (9, 7), (10, 90, 40)).save(stream, "PNG")
    (folder / name).write_bytes(stream.getvalue())
    return name


@pytest.fixture
def call(db):
    return factories.default_call()


def test_row_becomes_a_draft_with_all_its_fields(tmp_path, call, organiser):
    choices = ["one", "two", "three", "four", "five"]
    row = GOOD | {
        "id": "their-7",
        "answer": "d",
        "answer_type": "multipleChoice",
        "choices": choices,
        "raw_subject": "Arithmetic",
        "rationale": "Count on.",
        "author_name": "Ada Example",
        "source": "A textbook, page 3",
    }

    report = import_file(write(tmp_path, row), call=call, by=organiser)

    question = Question.objects.get()
    revision = question.newest
    assert [(row.line, row.id, row.question_id) for row in report.accepted] == [(1, "their-7", question.pk)]
    assert (question.status, question.contributor, question.batch, question.call) == (
        "draft",
        organiser,
        report.batch,
        call,
    )
    assert (revision.prompt, revision.options, revision.answer) == (row["question"], choices, "D")
    assert (revision.category, revision.raw_subject, revision.rationale) == ("Math", "Arithmetic", "Count on.")
    assert revision.sources == "Source: A textbook, page 3\nAuthor: Ada Example\nId in the imported file: their-7"
    assert linter.errors(revision, call) == []


def test_bad_rows_are_refused_one_by_one(tmp_path, call, organiser):
    rows = [
        GOOD,
        GOOD | {"answer": ""},
        GOOD | {"question": "Which one?", "answer_type": "multipleChoice", "choices": ["a", "b"], "answer": "A"},
        GOOD | {"question": "Combien font deux et deux?", "language": "fr"},
        GOOD | {"question": "What does it show?", "image": "no.png"},
        GOOD | {"question": "What is three plus one?"},
    ]

    report = import_file(write(tmp_path, *rows), call=call, by=organiser)

    assert [row.line for row in report.accepted] == [1, 6]
    assert [(row.line, row.field) for row in report.refused] == [
        (2, "answer"),
        (3, "choices"),
        (4, "language"),
        (5, "image"),
    ]
    assert (report.batch.accepted, report.batch.refused) == (2, 4)
    assert Question.objects.count() == 2


def test_pictures_come_by_path_with_a_description_given_for_all(tmp_path, call, organiser):
    rows = [
        GOOD | {"question": "What colour is it?", "image": picture(tmp_path)},
        GOOD | {"question": "Which colour is it?", "image": picture(tmp_path), "image_alt": "A green field"},
        GOOD,
    ]

    import_file(write(tmp_path, *rows), call=call, by=organiser, alt_text="Figure of the source")

    alts = [question.newest.image_alt for question in Question.objects.order_by("created_at")]
    assert alts == ["Figure of the source", "A green field", ""]
    assert Attachment.objects.count() == 1


def test_missing_description_is_a_warning_for_imported_pictures(tmp_path, call, organiser):
    import_file(write(tmp_path, GOOD | {"raw_subject": "Colours", "image": picture(tmp_path)}), call=call, by=organiser)

    findings = linter.findings(Question.objects.get().newest, call)

    assert [(finding.severity, finding.field) for finding in findings if finding.field == "image_alt"] == [
        ("warning", "image_alt")
    ]


def test_broken_picture_refuses_its_row_only(tmp_path, call, organiser):
    name = picture(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:40])
    rows = [GOOD | {"image": name}, GOOD | {"question": "What is one plus one?"}]

    report = import_file(write(tmp_path, *rows), call=call, by=organiser)

    assert [(row.line, row.field) for row in report.refused] == [(1, "image")]
    assert "damaged" in report.refused[0].reason
    assert len(report.accepted) == 1


def test_same_file_twice_needs_a_word(tmp_path, call, organiser):
    path = write(tmp_path, GOOD)
    import_file(path, call=call, by=organiser)

    with pytest.raises(Refused, match="imported before"):
        import_file(path, call=call, by=organiser)

    assert Question.objects.count() == 1
    import_file(path, call=call, by=organiser, again=True)
    assert Question.objects.count() == 2


def test_file_that_gave_nothing_may_be_tried_again(tmp_path, call, organiser):
    path = write(tmp_path, GOOD | {"answer": ""})

    for _attempt in range(2):
        assert import_file(path, call=call, by=organiser).accepted == ()

    assert ImportBatch.objects.count() == 2


def test_only_organisers_import(tmp_path, call, contributor):
    with pytest.raises(PermissionDenied):
        import_file(write(tmp_path, GOOD), call=call, by=contributor)
    with pytest.raises(PermissionDenied):
        examine_file(write(tmp_path, GOOD), call=call, by=contributor)

    assert ImportBatch.objects.count() == 0


def test_import_is_logged_and_tells_its_progress(tmp_path, call, organiser, monkeypatch):
    monkeypatch.setattr(drafts, "AT_ONCE", 2)
    rows = [GOOD | {"question": f"What is {number} plus {number}?"} for number in range(5)]
    told = []

    report = import_file(
        write(tmp_path, *rows), call=call, by=organiser, on_progress=lambda *counts: told.append(counts)
    )

    event = AuditEvent.objects.get(action="questions.import")
    assert (event.object_id, event.actor_id, event.after) == (
        str(report.batch.pk),
        organiser.pk,
        "5 accepted, 0 refused",
    )
    assert told == [(2, 0), (4, 0), (5, 0)]
    assert AuditEvent.objects.filter(action="question.create").count() == 5


def test_unreadable_file_is_one_refusal(tmp_path, call, organiser):
    path = tmp_path / "questions.parquet"
    path.write_bytes(b"not parquet")

    report = import_file(path, call=call, by=organiser)

    assert report.refused == (RefusedRow(0, "file", "The file is named .parquet, but it is not a parquet file."),)


def test_command_prints_each_refusal_and_writes_the_report(tmp_path, call, organiser, capsys):
    path = write(tmp_path, GOOD | {"id": "a"}, GOOD | {"answer_type": "essay"})
    target = tmp_path / "report.json"

    call_command("import_questions", str(path), by=organiser.email, report=target)

    printed = capsys.readouterr().out
    assert "line 2, answer_type: The answer type is essay" in printed
    assert "Rows that became drafts: 1. Rows refused: 1." in printed
    written = json.loads(target.read_text())
    assert written["accepted"] == [{"line": 1, "id": "a", "question": str(Question.objects.get().pk)}]
    assert [row["field"] for row in written["refused"]] == ["answer_type"]
    assert GOOD["question"] not in printed


def test_command_fails_in_words(tmp_path, call, organiser, contributor):
    good, bad = write(tmp_path, GOOD), write(tmp_path, GOOD | {"answer": ""}, name="bad.jsonl")

    for arguments, sentence in (
        ((str(bad), organiser.email), "No row was accepted"),
        ((str(tmp_path / "none.jsonl"), organiser.email), "There is no file"),
        ((str(tmp_path / ("a" * 300)), organiser.email), "cannot be read: file name too long"),
        ((str(good), "nobody@example.org"), "There is no account"),
        ((str(good), contributor.email), "takes an organiser"),
    ):
        with pytest.raises(CommandError, match=sentence):
            call_command("import_questions", arguments[0], by=arguments[1])
    with pytest.raises(CommandError, match="There is no call"):
        call_command("import_questions", str(good), by=organiser.email, call="none")


def test_report_that_cannot_be_written_stops_the_import_before_it_begins(tmp_path, call, organiser):
    path = write(tmp_path, GOOD)
    before = path.read_bytes()

    for report, sentence in (
        (tmp_path, "cannot be written to .*: is a directory"),
        (tmp_path / "none" / "report.json", "cannot be written to .*: no such file or directory"),
        (path, "would replace the file of the questions"),
    ):
        with pytest.raises(CommandError, match=sentence):
            call_command("import_questions", str(path), by=organiser.email, report=report)

    assert path.read_bytes() == before
    assert (Question.objects.count(), ImportBatch.objects.count()) == (0, 0)


def test_trial_creates_nothing(tmp_path, call, organiser, capsys):
    call_command("import_questions", str(write(tmp_path, GOOD)), by=organiser.email, dry_run=True)

    assert "Rows that would become drafts: 1." in capsys.readouterr().out
    assert (Question.objects.count(), ImportBatch.objects.count()) == (0, 0)


SAMPLES = Path(os.environ.get("HLE_SAMPLE_DATA", ""))


@pytest.mark.parametrize(("folder", "accepted", "refused"), [("theoremqa", 435, 10), ("scibench", 92, 0)])
def test_public_sample_data_are_accepted(folder, accepted, refused, call, organiser):
    path = SAMPLES / folder / "questions.jsonl"
    if not os.environ.get("HLE_SAMPLE_DATA") or not path.is_file():
        pytest.skip("HLE_SAMPLE_DATA names no folder with sample questions")

    count, rows = examine_file(path, call=call, by=organiser)

    assert (count, len(rows), {row.field for row in rows} - {"choices"}) == (accepted, refused, set())
