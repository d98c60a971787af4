import base64
import hashlib
import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from questions.importing.choices import split_choices
from questions.importing.fields import CATEGORIES
from questions.importing.rows import read
from questions.importing.shapes import Limits, ParsedRow, RefusedRow
from questions.releases.export import Picture, build, with_choices
from tests.questions.releases.test_export import INFO, PARQUET, make_row, picture, sample_rows

FIVE = ["red", "green", "blue", "white", "black"]
GOOD = {"id": "q-1", "question": "What is 1 + 1?", "answer": "2", "answer_type": "exactMatch", "category": "Math"}
CHOICE = GOOD | {"answer_type": "multipleChoice", "answer": "C", "choices": FIVE}
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
PROMPT = ANY_TEXT.map(str.strip).filter(bool)


def write_lines(folder, *rows):
    path = folder / "questions.jsonl"
    path.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return path


def write_parquet(folder, rows, schema=None):
    path = folder / "questions.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def read_one(folder, row, **options):
    (found,) = read(write_lines(folder, row), **options)
    return found


def parsed(**fields):
    return ParsedRow(
        **{
            "line": 1,
            "id": "q-1",
            "prompt": "What is 1 + 1?",
            "choices": (),
            "answer": "2",
            "answer_type": "exactMatch",
            "category": "Math",
            "raw_subject": "",
            "rationale": "",
            "author_name": "",
            "language": "",
            "source": "",
            "image": None,
            "image_alt": "",
            "rationale_image": None,
        }
        | fields
    )


def test_row_with_every_field_is_read(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "one.png").write_bytes(picture().data)
    row = CHOICE | {
        "question": " Which? ",
        "image": "images/one.png",
        "image_alt": "A field",
        "image_preview": None,
        "rationale": "Look.",
        "rationale_image": "data:image/png;base64," + base64.b64encode(picture("WEBP").data).decode(),
        "author_name": "Ada",
        "raw_subject": "Colours",
        "language": "en",
        "source": "own",
        "theorem": {"not": "known"},
        "canary": "x",
    }

    assert read_one(tmp_path, row) == parsed(
        prompt="Which?",
        choices=tuple(FIVE),
        answer="C",
        answer_type="multipleChoice",
        image=picture(),
        image_alt="A field",
        rationale="Look.",
        rationale_image=picture("WEBP"),  # the URI said PNG
        author_name="Ada",
        raw_subject="Colours",
        language="en",
        source="own",
    )


def test_row_with_the_required_fields_alone_is_read(tmp_path):
    row = {name: GOOD[name] for name in ("question", "answer", "answer_type")}

    assert read_one(tmp_path, row) == parsed(id="", category="Other")


def test_options_are_taken_from_the_question(tmp_path):
    row = CHOICE | {"question": with_choices("Which?", FIVE), "choices": None, "answer": "e"}

    assert read_one(tmp_path, row) == parsed(
        prompt="Which?", choices=tuple(FIVE), answer="E", answer_type="multipleChoice"
    )


def test_options_given_twice_must_agree(tmp_path):
    row = CHOICE | {"question": with_choices("Which?", FIVE)}

    assert read_one(tmp_path, row).prompt == "Which?"
    assert read_one(tmp_path, row | {"choices": FIVE[::-1]}) == RefusedRow(
        1, "choices", "The options of this field are not those under Answer Choices in the question."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Q\n\nAnswer Choices:\nA. x\nB. y", ("Q", ("x", "y"))),
        ("Q\nanswer choices: \n\nA) x\n\nB) y\n", ("Q", ("x", "y"))),
        ("Q\n**Answer Choices:**\n(A) x\n(B) y", ("Q", ("x", "y"))),
        ("Q\nAnswer Choices: A. x\nB. y", ("Q", ("x", "y"))),
        ("Q\n\nAnswer Choices:\nA. x\nmore\nB. y", ("Q", ("x\nmore", "y"))),
        ("Q\n\nAnswer Choices:\nA. x\nC. no\nB. y", ("Q", ("x\nC. no", "y"))),
        ("Q\n\nAnswer Choices:\nA. x\nB) no\nB. y", ("Q", ("x\nB) no", "y"))),
        ("Answer Choices: are fun.\n\nAnswer Choices:\nA. x\nB. y", ("Answer Choices: are fun.", ("x", "y"))),
        ("Q\n\nAnswer Choices:\nnone", ("Q\n\nAnswer Choices:\nnone", ())),
        ("Q\n\nAnswer Choices:\nB. x", ("Q\n\nAnswer Choices:\nB. x", ())),
        ("Q: A. x B. y", ("Q: A. x B. y", ())),
        ("", ("", ())),
    ],
)
def test_split_choices(text, expected):
    assert split_choices(text) == expected


@settings(max_examples=300, deadline=None, database=None)
@given(PROMPT, st.lists(PROMPT, min_size=1, max_size=26))
def test_split_choices_reverses_with_choices(prompt, choices):
    assert split_choices(with_choices(prompt, choices)) == (prompt, tuple(choices))


@settings(max_examples=300, deadline=None, database=None)
@given(
    st.lists(st.text("AB. )\n\t(:x", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5),
    st.sampled_from(["Q", "Q\n\nAnswer Choices:\nA. x\nB. y", "Answer Choices:"]),
)
def test_split_choices_is_not_misled_by_options_that_look_like_options(choices, prompt):
    assert split_choices(with_choices(prompt, choices)) == (prompt, tuple(choices))


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        (b'{"question": ', "line", "The line is not JSON: Expecting value at character 15."),
        (b"[1]", "line", "The line is not a JSON object."),
        (b'"text"', "line", "The line is not a JSON object."),
        (b'{"answer": NaN}', "line", "The line is not JSON: NaN is no value."),
        (b'{"answer": -Infinity}', "line", "The line is not JSON: -Infinity is no value."),
        (b'{"answer": "1", "answer": "2"}', "answer", "The field is there twice."),
        (b'{"other": {"a": 1, "a": 2}}', "a", "The field is there twice."),
        (b'{"question": "\xff"}', "line", "The line is not UTF-8 at byte 15."),
        (b'{"question": "\xed\xa0\x80"}', "line", "The line is not UTF-8 at byte 15."),
        (b"[" * 100_000, "line", "The line nests objects or lists too deeply."),
        (b'{"a":' * 100_000, "line", "The line nests objects or lists too deeply."),
        (b'{"n": ' + b"9" * 5000 + b"}", "line", "The line holds a number that is too long."),
        (b'{"question": "a\x00b"}', "line", "The line is not JSON: Invalid control character at character 16."),
        (b"\xef\xbb\xbf{}x", "line", "The line is not JSON: Extra data at character 3."),
    ],
)
def test_line_that_is_no_row_is_refused(tmp_path, line, field, reason):
    good = json.dumps(GOOD).encode()

    assert list(read(write_lines(tmp_path, line, good))) == [RefusedRow(1, field, reason), parsed(line=2)]


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        (GOOD | {"question": None}, "question", "The field is missing or empty."),
        (GOOD | {"question": " \n"}, "question", "The field is missing or empty."),
        (GOOD | {"question": "a\0b"}, "question", "The text holds a NUL character."),
        (GOOD | {"rationale": "\ud83d"}, "rationale", "The text holds half a surrogate pair, which is no character."),
        (GOOD | {"question": "x" * 30_001}, "question", "The text has 30,001 characters; 30,000 are the most."),
        (GOOD | {"answer": "x" * 2_001}, "answer", "The text has 2,001 characters; 2,000 are the most."),
        (GOOD | {"answer": 2}, "answer", "The field must be text, and is a number."),
        (GOOD | {"answer": True}, "answer", "The field must be text, and is true or false."),
        (GOOD | {"answer": ""}, "answer", "The field is missing or empty."),
        (GOOD | {"id": ["x"]}, "id", "The field must be text, and is a list."),
        (GOOD | {"author_name": {}}, "author_name", "The field must be text, and is an object."),
        (GOOD | {"answer_type": "essay"}, "answer_type", "The answer type is essay, not exactMatch or multipleChoice."),
        (GOOD | {"answer_type": None}, "answer_type", "The field is missing or empty."),
        (GOOD | {"choices": FIVE}, "choices", "An exactMatch question has no options, and this one has 5."),
        (CHOICE | {"choices": FIVE[:4]}, "choices", "There are 4 options; at least 5 are needed."),
        (CHOICE | {"choices": []}, "choices", "There are 0 options; at least 5 are needed."),
        (CHOICE | {"choices": "red"}, "choices", "The field must be a list of texts, and is of type str."),
        (CHOICE | {"choices": [*FIVE, 6]}, "choices", "The field must be text, and is a number."),
        (CHOICE | {"choices": [*FIVE, " "]}, "choices", "The field is missing or empty."),
        (CHOICE | {"choices": [*FIVE, "red"]}, "choices", "Two options are the same."),
        (CHOICE | {"choices": [str(n) for n in range(27)]}, "choices", "There are 27 options; 26 are the most."),
        (CHOICE | {"answer": "F"}, "answer", "The answer is not a letter from A to E, the options given."),
        (CHOICE | {"answer": "blue"}, "answer", "The answer is not a letter from A to E, the options given."),
        (
            CHOICE | {"choices": None, "question": "Answer Choices:\nA. 1\nB. 2\nC. 3\nD. 4\nE. 5"},
            "question",
            "The question has options, but no text before them.",
        ),
        (
            GOOD | {"category": "Astrology"},
            "category",
            f"The category Astrology is unknown. There are: {', '.join(CATEGORIES)}.",
        ),
        (GOOD | {"image": 5}, "image", "The field must be a picture, and is a number."),
        (GOOD | {"image": "no.png"}, "image", "The picture is not there."),
        (GOOD | {"image": "."}, "image", "The picture is not there."),
        (GOOD | {"image": "../no.png"}, "image", "The picture's path leads out of the folder of the file."),
        (GOOD | {"image": "/etc/hostname"}, "image", "The picture's path leads out of the folder of the file."),
        (GOOD | {"image": "a\\..\\b.png"}, "image", "The picture's path leads out of the folder of the file."),
        (GOOD | {"image": "a\0.png"}, "image", "The picture cannot be read."),
        (GOOD | {"image": "\ud83d.png"}, "image", "The picture cannot be read."),
        (GOOD | {"image": "x" * 5000}, "image", "The picture cannot be read."),
        (
            GOOD | {"image": "https://example.org/a.png"},
            "image",
            "The picture must be a base64 data URI or a file beside the questions.",
        ),
        (
            GOOD | {"image": "data:image/png,abc"},
            "image",
            "The picture must be a base64 data URI or a file beside the questions.",
        ),
        (GOOD | {"image": "data:image/png;base64,a?"}, "image", "The data URI is not base64."),
        (GOOD | {"image": "data:image/png;base64,ä"}, "image", "The data URI is not base64."),
        (GOOD | {"image": "data:image/png;base64,R0lGODlh"}, "image", "The picture is not PNG, JPEG or WebP."),
    ],
)
def test_unfit_field_is_refused(tmp_path, row, field, reason):
    assert read_one(tmp_path, row) == RefusedRow(1, field, reason)


def test_bad_rows_are_refused_one_by_one(tmp_path):
    path = write_lines(tmp_path, GOOD, GOOD | {"id": "q-2", "answer": ""}, b"", GOOD | {"id": "q-3"}, GOOD)

    assert list(read(path)) == [
        parsed(),
        RefusedRow(2, "answer", "The field is missing or empty."),
        parsed(line=4, id="q-3"),
        RefusedRow(5, "id", "The id is that of line 1 already."),
    ]


def test_rows_without_an_id_are_no_duplicates(tmp_path):
    assert list(read(write_lines(tmp_path, GOOD | {"id": ""}, GOOD | {"id": None}))) == [
        parsed(id=""),
        parsed(id="", line=2),
    ]


def test_windows_line_ends_and_byte_order_mark_do_no_harm(tmp_path):
    path = tmp_path / "windows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n" + json.dumps(GOOD | {"id": "q-2"}).encode())

    assert list(read(path)) == [parsed(), parsed(line=2, id="q-2")]


def test_huge_line_is_passed_over_in_bounded_memory(tmp_path):
    huge = json.dumps(GOOD | {"question": "x" * 5_000}).encode()
    path = write_lines(tmp_path, huge, GOOD | {"id": "q-2"})

    assert list(read(path, limits=Limits(line_bytes=1_000))) == [
        RefusedRow(1, "line", "The line is longer than 1,000 bytes."),
        parsed(line=2, id="q-2"),
    ]
    assert [type(row) for row in read(path, limits=Limits(line_bytes=len(huge) + 1))] == [ParsedRow, ParsedRow]
    assert [type(row) for row in read(path, limits=Limits(line_bytes=len(huge)))] == [RefusedRow, ParsedRow]


def test_large_picture_is_refused_from_file_and_from_data_uri(tmp_path):
    (tmp_path / "one.png").write_bytes(picture().data)
    limits = Limits(picture_bytes=20)
    uri = "data:image/png;base64," + base64.b64encode(picture().data).decode()
    refused = RefusedRow(1, "image", "The picture is larger than 20 bytes.")

    assert read_one(tmp_path, GOOD | {"image": "one.png"}, limits=limits) == refused
    assert read_one(tmp_path, GOOD | {"image": uri}, limits=limits) == refused


def test_link_that_leads_out_is_refused(tmp_path):
    (tmp_path / "secret.png").write_bytes(picture().data)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")

    assert read_one(folder, GOOD | {"image": "link.png"}) == RefusedRow(
        1, "image", "The picture's path leads out of the folder of the file."
    )


def test_pipe_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")

    assert read_one(tmp_path, GOOD | {"image": "pipe.png"}) == RefusedRow(1, "image", "The picture is not there.")


@pytest.mark.parametrize(
    ("name", "category"),
    [
        *((name, name) for name in CATEGORIES),
        ("mathematics", "Math"),
        ("Biology", "Biology/Medicine"),
        ("computer science / AI", "Computer Science/AI"),
        ("CS", "Computer Science/AI"),
        ("Humanities and Social Sciences", "Humanities/Social Science"),
        ("", "Other"),
    ],
)
def test_category_is_mapped_where_it_is_clear(tmp_path, name, category):
    assert read_one(tmp_path, GOOD | {"category": name}) == parsed(category=category)


def test_category_is_one_of_those_given(tmp_path):
    assert read_one(tmp_path, GOOD | {"category": "mathematics"}, categories=["Music"]) == RefusedRow(
        1, "category", "The category mathematics is unknown. There are: Music."
    )


def test_parquet_rows_are_read_and_refused_alike(tmp_path):
    rows = [GOOD | {"choices": None}, CHOICE | {"id": "q-2"}, GOOD | {"id": "q-3", "answer": None}]

    assert list(read(write_parquet(tmp_path, rows))) == [
        parsed(),
        parsed(line=2, id="q-2", choices=tuple(FIVE), answer="C", answer_type="multipleChoice"),
        RefusedRow(3, "answer", "The field is missing or empty."),
    ]


def test_parquet_preview_stands_in_for_a_missing_picture(tmp_path):
    row = GOOD | {"image": "", "image_preview": {"bytes": picture().data, "path": "x.png"}}

    assert list(read(write_parquet(tmp_path, [row]))) == [parsed(image=picture())]


def test_parquet_text_that_is_not_utf8_is_refused(tmp_path):
    good = pa.Table.from_pylist([GOOD, GOOD | {"id": "q-2"}])
    bad = pa.StringArray.from_buffers(2, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff2"))
    pq.write_table(good.set_column(good.schema.names.index("answer"), "answer", bad), tmp_path / "q.parquet")

    assert list(read(tmp_path / "q.parquet")) == [
        RefusedRow(1, "answer", "The text is not UTF-8."),
        parsed(line=2, id="q-2"),
    ]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"a": 1}], "The file lacks the columns question, answer, answer_type."),
        ([GOOD | {"answer": 2}], "The column answer holds int64, not text."),
    ],
)
def test_parquet_of_another_schema_is_one_clear_error(tmp_path, rows, reason):
    assert list(read(write_parquet(tmp_path, rows))) == [RefusedRow(0, "file", reason)]


def test_parquet_row_group_beyond_the_limit_is_refused(tmp_path):
    assert list(read(write_parquet(tmp_path, [GOOD]), limits=Limits(row_group_bytes=10))) == [
        RefusedRow(0, "file", "A row group of the file is larger than 10 bytes.")
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", "{}".encode("utf-16"), "The file is in UTF-16. Give JSON Lines in UTF-8, or parquet."),
        ("a.jsonl", b"\x1f\x8b\x08\0", "The file is a gzip archive. Give JSON Lines in UTF-8, or parquet."),
        ("a.zip", b"PK\x03\x04", "The file is a zip archive. Give JSON Lines in UTF-8, or parquet."),
        ("a.parquet", b"{}", "The file is named .parquet, but it is not a parquet file."),
        ("a.parquet", b"PAR1", "The file cannot be read: it is no valid parquet file."),
        ("a.parquet", b"PAR1" * 3, "The file cannot be read: it is no valid parquet file."),
    ],
)
def test_foreign_file_is_one_clear_error(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)

    assert list(read(tmp_path / name)) == [RefusedRow(0, "file", reason)]


def test_missing_file_and_folder_are_one_clear_error(tmp_path):
    assert list(read(tmp_path / "none")) == [
        RefusedRow(0, "file", "The file cannot be read: no such file or directory.")
    ]
    assert list(read(tmp_path)) == [RefusedRow(0, "file", "The file cannot be read: is a directory.")]


def test_empty_file_has_no_rows(tmp_path):
    assert list(read(write_lines(tmp_path))) == []


@settings(max_examples=150, deadline=None, database=None)
@given(st.lists(st.binary(max_size=80), max_size=4))
def test_any_bytes_end_in_refusals(tmp_path_factory, lines):
    path = write_lines(tmp_path_factory.mktemp("bytes"), *lines)

    assert {type(row) for row in read(path)} <= {RefusedRow}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
FIELD = st.sampled_from([*CHOICE, "image", "image_preview", "image_alt", "rationale", "language", "rationale_image"])


@settings(max_examples=300, deadline=None, database=None)
@given(st.dictionaries(FIELD, JSON, max_size=4), st.sampled_from([GOOD, CHOICE]))
def test_any_value_in_any_field_ends_in_a_row_or_a_refusal(tmp_path_factory, changes, row):
    found = read_one(tmp_path_factory.mktemp("values"), row | changes)

    assert isinstance(found, ParsedRow | RefusedRow)
    assert found.line == 1


def test_damaged_parquet_files_end_in_rows_or_refusals(tmp_path):
    build(sample_rows(), INFO, tmp_path / "release")
    content = (tmp_path / "release" / PARQUET).read_bytes()
    chance, kinds = random.Random(3), set()

    for _ in range(200):
        damaged = bytearray(content)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (tmp_path / "damaged.parquet").write_bytes(damaged)
        kinds |= {type(row) for row in read(tmp_path / "damaged.parquet")}

    assert kinds == {ParsedRow, RefusedRow}


def test_released_questions_come_back_equal_from_both_files(tmp_path):
    released = sample_rows()
    build(released, INFO, tmp_path)

    from_lines = list(read(tmp_path / "questions.jsonl"))
    from_parquet = list(read(tmp_path / PARQUET))

    assert [replace(row, language="", image_alt="") for row in from_lines] == from_parquet
    assert [(row.id, row.image, row.rationale_image) for row in from_lines] == [
        (row.id, row.image, row.rationale_image) for row in released
    ]
    assert from_lines[3].choices == ("one", "two\nB. not an option", "three", "four", "five")
    assert from_lines[1].image_alt == "A red field"


@settings(max_examples=40, deadline=None, database=None)
@given(PROMPT, st.lists(PROMPT, min_size=5, max_size=8, unique=True), ANY_TEXT)
def test_any_text_survives_release_and_import(tmp_path_factory, prompt, choices, rationale):
    folder = tmp_path_factory.mktemp("release")
    question = with_choices(prompt, choices)

    build([make_row(1, question=question, answer="E", answer_type="multipleChoice", rationale=rationale)], INFO, folder)

    for name in ("questions.jsonl", PARQUET):
        (row,) = read(folder / name)
        assert (row.prompt, row.choices, row.rationale) == (prompt, tuple(choices), rationale.strip())


@pytest.fixture
def sample_data():
    folder = Path(os.environ.get("HLE_SAMPLE_DATA", "sample-data-not-given"))
    if not (folder / "theoremqa" / "questions.jsonl").exists():
        pytest.skip("HLE_SAMPLE_DATA does not name a folder with the sample questions")
    return folder


def as_released(row):
    return make_row(
        0,
        id=hashlib.sha256(row.id.encode()).hexdigest()[:24],
        question=with_choices(row.prompt, row.choices),
        **{
            name: getattr(row, name)
            for name in ("answer", "answer_type", "author_name", "rationale", "raw_subject", "category", "image")
        },
    )


@pytest.mark.parametrize(
    ("name", "rows", "refusals"),
    [
        (
            "theoremqa",
            435,
            ["There are 2 options; at least 5 are needed."] * 3 + ["There are 4 options; at least 5 are needed."] * 7,
        ),
        ("scibench", 92, []),
    ],
)
def test_sample_questions_survive_release_and_import(sample_data, tmp_path, name, rows, refusals):
    found = list(read(sample_data / name / "questions.jsonl"))
    good = [row for row in found if isinstance(row, ParsedRow)]
    info = replace(INFO, is_demonstration=True)

    build(sorted(map(as_released, good), key=lambda row: row.id), info, tmp_path)

    by_id = {as_released(row).id: row for row in good}
    assert len(good) == len(by_id) == rows
    assert sorted(row.reason for row in found if isinstance(row, RefusedRow)) == refusals
    for file in ("questions.jsonl", PARQUET):
        again = [replace(row, line=0, language="") for row in read(tmp_path / file)]
        assert again == [replace(by_id[row.id], id=row.id, line=0, source="") for row in again]


def test_naughty_strings_come_back_unchanged_or_are_refused(sample_data, tmp_path):
    strings = json.loads((sample_data / "hostile" / "naughty_strings.json").read_bytes())

    found = list(read(write_lines(tmp_path, *(GOOD | {"id": str(n), "answer": s} for n, s in enumerate(strings)))))

    for text, row in zip(strings, found, strict=True):
        assert row.answer == text.strip() if isinstance(row, ParsedRow) else not text.strip()


def test_pictures_are_told_by_their_bytes(tmp_path):
    (tmp_path / "really.png").write_bytes(picture("JPEG").data)

    assert read_one(tmp_path, GOOD | {"image": "really.png"}).image == Picture(picture("JPEG").data, "image/jpeg")
