import html
import json

import pytest
from markdown_it import MarkdownIt

from questions.releases.changelog import (
    Change,
    InconsistentChangesError,
    as_json,
    as_text,
    check,
    counts,
    diff,
    field_hashes,
    inline,
    row_hash,
)
from tests.xss_vectors import VECTORS

A, B, C, D = ("a" * 24, "b" * 24, "c" * 24, "d" * 24)


def question(**columns):
    return field_hashes({"question": "Q", "answer": "1", "category": "Math", "canary": "x"} | columns)


def test_diff_names_all_four_verbs():
    previous = {A: question(), B: question(), C: question()}
    current = {A: question(), B: question(answer="2", question="R"), D: question(), "e" * 24: question()}

    found = diff(previous, current, formerly={A, B, C, D}, reasons={B: "Key was wrong", C: "Asked for by the author"})

    assert found == [
        Change("update", B, "Key was wrong", ("answer", "question")),
        Change("remove", C, "Asked for by the author"),
        Change("readd", D),
        Change("add", "e" * 24),
    ]
    assert counts(found) == {"add": 1, "remove": 1, "readd": 1, "update": 1}


def test_diff_leaves_a_tombstone_for_a_retracted_question_once():
    first, second = {A: question(), B: question()}, {A: question()}

    assert diff(first, second, retracted={B: "The key rests on an erratum"}) == [
        Change("remove", B, "The key rests on an erratum", is_tombstone=True)
    ]
    assert diff(second, second, retracted={B: "The key rests on an erratum"}) == []


def test_diff_refuses_a_retracted_question_in_the_release():
    with pytest.raises(InconsistentChangesError, match=A):
        diff({A: question()}, {A: question()}, retracted={A: "wrong"})


def test_diff_ignores_the_order_of_rows_and_columns():
    hashes = question()
    turned = dict(reversed(hashes.items()))

    assert row_hash(hashes) == row_hash(turned)
    assert diff({A: hashes, B: hashes}, {B: turned, A: turned}) == []


def test_field_hashes_leave_out_what_is_no_part_of_the_question():
    assert field_hashes({"id": A, "canary": "x", "image_preview": "p", "answer": "1"}) == field_hashes(
        {"id": B, "canary": "y", "image_preview": "q", "answer": "1"}
    )
    assert field_hashes({"answer": "1"}) != field_hashes({"answer": 1})


def test_diff_names_a_column_that_only_one_release_has():
    assert diff({A: {"answer": "x"}}, {A: {"answer": "x", "note": "y"}}) == [Change("update", A, "", ("note",))]


def test_text_shows_reasons_as_typed_on_one_line():
    changes = [
        Change("update", B, "Key was *wrong*\n# see <script>", ("answer",)),
        Change("remove", C, "Flawed", is_tombstone=True),
    ]

    assert as_text(changes, version="1.1.0", previous_version="1.0.0") == (
        "# Changes in 1.1.0\n\nSince 1.0.0: added: 0, removed: 1, added again: 0, updated: 1.\n\n"
        f"## Removed\n\n- `{C}`: retracted: Flawed\n\n"
        f"## Updated\n\n- `{B}`: `answer`: Key was \\*wrong\\* \\# see \\<script\\>\n"
    )


def test_text_of_a_first_release_lists_no_additions():
    assert as_text([Change("add", A)], version="1.0.0", previous_version="") == (
        "# Changes in 1.0.0\n\nThis is the first release.\n"
    )


def test_text_says_when_nothing_changed():
    assert as_text([], version="1.0.1", previous_version="1.0.0") == (
        "# Changes in 1.0.1\n\nThe questions are those of 1.0.0.\n"
    )


def test_json_holds_every_change():
    changes = [Change("remove", C, "Zurückgezogen", is_tombstone=True)]

    assert json.loads(as_json(changes, version="1.1.0", previous_version="1.0.0")) == {
        "version": "1.1.0",
        "previous_version": "1.0.0",
        "counts": {"add": 0, "remove": 1, "readd": 0, "update": 0},
        "changes": [{"verb": "remove", "id": C, "reason": "Zurückgezogen", "fields": [], "tombstone": True}],
    }


@pytest.mark.parametrize("change", [Change("add", B), Change("update", B), Change("remove", A), Change("drop", A)])
def test_check_refuses_changes_that_contradict_the_rows(change):
    with pytest.raises(InconsistentChangesError):
        check([change], {A})


@pytest.mark.parametrize("text", VECTORS)
def test_inline_shows_a_text_as_typed_and_nothing_else(text):
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(f"| a |\n|---|\n| {inline(text)} |")

    cell = shown.split("<td>")[1].split("</td>")[0]
    assert "<" not in cell
    assert html.unescape(cell).split() == "".join(char if char.isprintable() else " " for char in text).split()


def test_inline_drops_what_could_end_the_line():
    assert inline(" a\r\n\u2028b\x00c\u202ed ") == "a b c d"
