"""What the linter says: each finding once by name, and silence about a good question."""

from typing import Any

import pytest

from questions import linter
from questions.linter import ERROR, WARNING
from questions.models import Attachment, ImportBatch
from tests import factories

pytestmark = pytest.mark.django_db
CHOICE = {"answer_type": "multipleChoice", "options": ["red", "green", "blue", "grey", "pink"], "answer": "B"}


def findings(by: Any, **content: Any) -> list[tuple[str, str]]:
    """Return severity and field of each finding on a draft."""
    draft = factories.make_draft(by=by, **content)
    return [(finding.severity, finding.field) for finding in linter.findings(draft.newest, draft.call)]


@pytest.mark.parametrize("content", [{}, CHOICE])
def test_good_question_has_no_finding(contributor: Any, content: dict[str, Any]) -> None:
    assert findings(contributor, **content) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"prompt": " "}, [(ERROR, "prompt")]),
        ({"answer": ""}, [(ERROR, "answer")]),
        ({"category": ""}, [(ERROR, "category")]),
        ({"raw_subject": "  "}, [(ERROR, "raw_subject")]),
        (CHOICE | {"options": ["red", "green", "blue", "grey"]}, [(ERROR, "options")]),
        (CHOICE | {"options": ["red", "green", "blue", "grey", " "]}, [(ERROR, "options")]),
        (CHOICE | {"options": ["red", "green", "blue", "grey", "RED "]}, [(ERROR, "options")]),
        (CHOICE | {"answer": "F"}, [(ERROR, "answer")]),
        (CHOICE | {"answer": "green"}, [(ERROR, "answer")]),
        (CHOICE | {"options": [], "answer": "A"}, [(ERROR, "options"), (ERROR, "answer")]),
        ({"prompt": "Prove that there are infinitely many prime numbers."}, [(WARNING, "prompt")]),
        ({"prompt": "What is 2\u200b + 2, written in the ternary system?"}, [(WARNING, "prompt")]),
        ({"prompt": "How many?"}, [(WARNING, "prompt")]),
        ({"prompt": "What is $x, if twice of it is forty-two and a half?"}, [(WARNING, "prompt")]),
        ({"answer": "3.14159"}, [(WARNING, "answer")]),
        ({"prompt": "Discuss.", "answer": ""}, [(ERROR, "answer"), (WARNING, "prompt"), (WARNING, "prompt")]),
    ],
)
def test_finding_names_its_field(contributor: Any, content: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert findings(contributor, **content) == expected


def test_picture_needs_a_description_but_imports_are_only_warned(contributor: Any) -> None:
    picture = Attachment.objects.create(
        sha256="0" * 64,
        extension="png",
        media_type="image/png",
        width=1,
        height=1,
        size_bytes=1,
        file="pictures/none.png",
        uploaded_by=contributor,
    )
    draft = factories.make_draft(by=contributor, image=picture)
    revision = draft.newest

    own = linter.findings(revision, draft.call)
    draft.batch = ImportBatch.objects.create(file_name="x", file_sha256="0" * 64, imported_by=contributor)
    draft.save(update_fields=["batch"])
    imported = linter.findings(draft.newest, draft.call)
    revision.image_alt = "A green square."
    described = linter.findings(revision, draft.call)

    assert [(finding.severity, finding.field) for finding in own] == [(ERROR, "image_alt")]
    assert [(finding.severity, finding.field) for finding in imported] == [(WARNING, "image_alt")]
    assert described == []


def test_errors_leave_out_warnings(contributor: Any) -> None:
    draft = factories.make_draft(by=contributor, prompt="Discuss.", answer="")

    assert [finding.field for finding in linter.errors(draft.newest, draft.call)] == ["answer"]
