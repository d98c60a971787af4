import base64
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from questions.releases import changelog, export
from questions.releases.changelog import Change, InconsistentChangesError
from questions.releases.contents import SCHEMA
from questions.releases.export import (
    AlreadyBuiltError,
    BadInfoError,
    BadRowError,
    Damage,
    ExportRow,
    Picture,
    ReleaseInfo,
    build,
    canonical_rows_hash,
    field_hashes,
    verify,
    with_choices,
)

PARQUET = "data/test-00000-of-00001.parquet"
FILES = ["CHANGES.md", "README.md", "changes.json", PARQUET, "questions.jsonl"]
INFO = ReleaseInfo(
    version="1.0.0",
    title="A sample exam",
    licence="MIT",
    canary="sample:7f3a:8a3c1b52-6d0e-4f7b-9a61-2f5e0c9d4b17",
    created="2026-03-01",
    is_demonstration=False,
    calls=("Spring call",),
    citation="@misc{sample,\n  title = {A sample exam}\n}",
)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def picture(kind="PNG", colour=(200, 30, 30)):
    stream = io.BytesIO()
    Image.new("RGB", (4, 3), colour).save(stream, kind)
    return Picture(stream.getvalue(), f"image/{kind.lower()}")


def make_row(number, **fields):
    return ExportRow(
        **{
            "id": f"{number:024x}",
            "question": f"What is {number} + 1?",
            "answer": str(number + 1),
            "answer_type": "exactMatch",
            "author_name": "Ada Example",
            "rationale": "Count on.",
            "raw_subject": "Arithmetic",
            "category": "Math",
        }
        | fields
    )


def sample_rows(count=6):
    rows = [make_row(number) for number in range(count)]
    rows[1] = replace(rows[1], image=picture(), image_alt="A red field", rationale_image=picture("WEBP"))
    rows[2] = replace(rows[2], image=picture("JPEG"), solved_by=("simulated-one",), tries=2)
    choices = ["one", "two\nB. not an option", "three", "four", "five"]
    rows[3] = replace(rows[3], question=with_choices("Pick.", choices), answer="B", answer_type="multipleChoice")
    return rows


def contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def parquet_rows(directory):
    return pq.read_table(directory / PARQUET).to_pylist()


def jsonl_rows(directory):
    return [json.loads(line) for line in (directory / "questions.jsonl").read_bytes().split(b"\n")[:-1]]


def reseal(directory):
    """State the files as they are now in the manifest, as a forger would."""
    path = directory / "manifest.json"
    manifest = json.loads(path.read_bytes())
    for entry in manifest["files"]:
        content = (directory / entry["path"]).read_bytes()
        entry |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    path.write_bytes(export.manifest_bytes(manifest))


def test_parquet_has_the_columns_of_hle(tmp_path):
    build(sample_rows(), INFO, tmp_path)

    schema = pq.read_schema(tmp_path / PARQUET)

    assert [(column.name, str(column.type)) for column in schema] == [
        ("id", "string"),
        ("question", "string"),
        ("image", "string"),
        ("image_preview", "struct<bytes: binary, path: string>"),
        ("answer", "string"),
        ("answer_type", "string"),
        ("author_name", "string"),
        ("rationale", "string"),
        ("rationale_image", "struct<bytes: binary, path: string>"),
        ("raw_subject", "string"),
        ("category", "string"),
        ("canary", "string"),
    ]
    assert json.loads(schema.metadata[b"huggingface"])["info"]["features"]["image_preview"] == {"_type": "Image"}


def test_row_with_picture_holds_it_as_data_uri_and_as_bytes(tmp_path):
    row = sample_rows()[1]

    build([row], INFO, tmp_path)

    assert parquet_rows(tmp_path) == [
        {
            "id": row.id,
            "question": "What is 1 + 1?",
            "image": "data:image/png;base64," + base64.b64encode(row.image.data).decode(),
            "image_preview": {"bytes": row.image.data, "path": f"{row.id}.png"},
            "answer": "2",
            "answer_type": "exactMatch",
            "author_name": "Ada Example",
            "rationale": "Count on.",
            "rationale_image": {"bytes": row.rationale_image.data, "path": f"{row.id}-rationale.webp"},
            "raw_subject": "Arithmetic",
            "category": "Math",
            "canary": INFO.canary,
        }
    ]


def test_row_without_picture_holds_empty_text_and_null(tmp_path):
    build([make_row(0)], INFO, tmp_path)

    (row,) = parquet_rows(tmp_path)

    assert (row["image"], row["image_preview"], row["rationale_image"]) == ("", None, None)


def test_jsonl_holds_what_the_twelve_columns_lack(tmp_path):
    row = make_row(
        0,
        image=picture(),
        image_alt="A red field",
        language="de",
        tries=3,
        solved_by=("simulated-one",),
        independent_solves=2,
        evidence="independent_solve",
        revision_hash="ab" * 32,
    )

    build([row], INFO, tmp_path)

    assert jsonl_rows(tmp_path) == [
        {
            "id": row.id,
            "question": "What is 0 + 1?",
            "image": "data:image/png;base64," + base64.b64encode(row.image.data).decode(),
            "answer": "1",
            "answer_type": "exactMatch",
            "author_name": "Ada Example",
            "rationale": "Count on.",
            "rationale_image": "",
            "raw_subject": "Arithmetic",
            "category": "Math",
            "canary": INFO.canary,
            "language": "de",
            "image_alt": "A red field",
            "tries": 3,
            "solved_by": ["simulated-one"],
            "independent_solves": 2,
            "evidence": "independent_solve",
            "revision_hash": "ab" * 32,
        }
    ]


def test_options_are_lettered_under_their_heading():
    assert with_choices("Which?", ["red", "two\nlines"]) == "Which?\n\nAnswer Choices:\nA. red\nB. two\n   lines"
    assert with_choices("Which?", []) == "Which?"
    with pytest.raises(BadRowError):
        with_choices("Which?", ["x"] * 27)


def test_manifest_names_every_file_with_size_and_hash(tmp_path):
    built = build(sample_rows(), INFO, tmp_path)

    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    stated = {entry["path"]: (entry["size"], entry["sha256"]) for entry in manifest["files"]}

    assert manifest == built.manifest
    assert built.manifest_sha256 == hashlib.sha256((tmp_path / "manifest.json").read_bytes()).hexdigest()
    assert sorted(contents(tmp_path)) == sorted([*FILES, "manifest.json"])
    assert stated == {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents(tmp_path).items()
        if name != "manifest.json"
    }
    assert (manifest["row_count"], manifest["canary"], manifest["split"]) == (6, INFO.canary, "test")


def test_rows_hash_is_that_of_the_canonical_lines():
    line = (
        '{"id":"000000000000000000000001","question":"Größe?","image":"","answer":"2","answer_type":"exactMatch",'
        '"author_name":"Ada Example","rationale":"Count on.","rationale_image":"","raw_subject":"Arithmetic",'
        '"category":"Math","canary":"c"}\n'
    )

    assert canonical_rows_hash([make_row(1, question="Größe?")], "c") == hashlib.sha256(line.encode()).hexdigest()


def test_two_builds_are_byte_identical_and_sound(tmp_path):
    build(sample_rows(), INFO, tmp_path / "one")
    build(iter(sample_rows()), INFO, tmp_path / "two")

    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert verify(tmp_path / "one") == []


def test_builds_in_other_processes_and_surroundings_are_byte_identical(tmp_path):
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from tests.questions.releases.test_export import INFO, build, sample_rows
        build(sample_rows(300), INFO, Path(sys.argv[1]))
    """)
    surroundings = [
        {"TZ": "Asia/Kathmandu", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"},
        {"TZ": "America/St_Johns", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "77", "ARROW_IO_THREADS": "3"},
    ]

    for number, variables in enumerate(surroundings):
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / str(number))],
            env=os.environ | variables | {"PYTHONPATH": str(Path(__file__).parents[3])},
            check=True,
            timeout=60,
        )
    build(sample_rows(300), INFO, tmp_path / "here")

    assert contents(tmp_path / "0") == contents(tmp_path / "1") == contents(tmp_path / "here")
    assert pq.ParquetFile(tmp_path / "here" / PARQUET).metadata.row_group(0).num_rows == 256


def test_rows_are_taken_one_row_group_at_a_time(tmp_path, monkeypatch):
    taken, sizes = 0, []

    def rows():
        nonlocal taken
        for number in range(600):
            taken += 1
            yield make_row(number)

    class Writer(pq.ParquetWriter):
        def write_table(self, table, row_group_size=None):
            sizes.append((taken, table.num_rows))
            super().write_table(table, row_group_size)

    monkeypatch.setattr(pq, "ParquetWriter", Writer)
    build(rows(), INFO, tmp_path)

    assert sizes == [(256, 256), (512, 256), (600, 88)]


def test_build_that_was_cut_off_leaves_no_manifest_and_can_be_run_again(tmp_path):
    def cut_off():
        yield from sample_rows()[:4]
        raise ConnectionError("database went away")

    with pytest.raises(ConnectionError):
        build(cut_off(), INFO, tmp_path / "again")
    left = sorted(contents(tmp_path / "again"))
    (tmp_path / "again" / "questions.jsonl.part").write_bytes(b"left by a killed process")
    build(sample_rows(), INFO, tmp_path / "again")
    build(sample_rows(), INFO, tmp_path / "once")

    assert left == []
    assert contents(tmp_path / "again") == contents(tmp_path / "once")


def test_finished_release_is_never_overwritten(tmp_path):
    build(sample_rows(), INFO, tmp_path)
    before = contents(tmp_path)

    with pytest.raises(AlreadyBuiltError):
        build(sample_rows(7), INFO, tmp_path)

    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": "ABC"}, "24 lower-case"),
        ({"answer_type": "essay"}, "essay"),
        ({"question": ""}, "no question"),
        ({"answer": ""}, "no answer"),
        ({"question": "half \ud83d"}, "surrogate"),
        ({"rationale": "a\0b"}, "NUL"),
        ({"image_alt": "\ud83d"}, "surrogate"),
        ({"solved_by": ("\udc00",)}, "surrogate"),
        ({"category": None}, "NoneType"),
        ({"image": Picture(b"GIF89a", "image/png")}, "no known type"),
        ({"image": Picture(picture("WEBP").data, "image/png")}, "image/webp"),
    ],
)
def test_unfit_row_stops_the_build(tmp_path, fields, message):
    with pytest.raises(BadRowError, match=message):
        build([make_row(1, **fields)], INFO, tmp_path)

    assert contents(tmp_path) == {}


@pytest.mark.parametrize("numbers", [(2, 1), (1, 1)])
def test_rows_out_of_order_or_twice_stop_the_build(tmp_path, numbers):
    with pytest.raises(BadRowError, match="ordered by id"):
        build([make_row(number) for number in numbers], INFO, tmp_path)


@pytest.mark.parametrize(
    "fields",
    [{"split": "../x"}, {"split": "Test"}, {"canary": "hle"}, {"title": " "}, {"version": ""}, {"licence": ""}],
)
def test_unfit_facts_stop_the_build(tmp_path, fields):
    with pytest.raises(BadInfoError):
        build(sample_rows(), replace(INFO, **fields), tmp_path)


def test_change_log_that_contradicts_the_rows_stops_the_build(tmp_path):
    changes = (Change("remove", make_row(1).id),)

    with pytest.raises(InconsistentChangesError):
        build(sample_rows(), replace(INFO, changes=changes, previous_version="0.9.0"), tmp_path)

    assert not (tmp_path / "manifest.json").exists()


def test_changes_between_two_builds_are_written(tmp_path):
    before = {row.id: field_hashes(row) for row in sample_rows()}
    rows = [replace(row, answer="43") if row.id.endswith("4") else row for row in sample_rows()[1:]]
    changes = changelog.diff(
        before, {row.id: field_hashes(row) for row in rows}, retracted={make_row(0).id: "Two answers are right"}
    )

    build(rows, replace(INFO, version="1.1.0", previous_version="1.0.0", changes=tuple(changes)), tmp_path)

    assert json.loads((tmp_path / "changes.json").read_bytes())["changes"] == [
        {"verb": "remove", "id": f"{0:024x}", "reason": "Two answers are right", "fields": [], "tombstone": True},
        {"verb": "update", "id": f"{4:024x}", "reason": "", "fields": ["answer"], "tombstone": False},
    ]
    assert (tmp_path / "CHANGES.md").read_text().splitlines()[0] == "# Changes in 1.1.0"
    assert "## Changes in 1.1.0\n" in (tmp_path / "README.md").read_text()


def test_changed_picture_is_an_update_and_a_new_canary_is_none():
    row = make_row(1, image=picture())

    assert field_hashes(row) != field_hashes(replace(row, image=picture(colour=(0, 0, 1))))
    assert [name for name in field_hashes(row) if name in {"id", "canary"}] == []


def front_matter(directory):
    return yaml.safe_load((directory / "README.md").read_text().split("---\n")[1])


def test_card_names_split_licence_canary_and_counts(tmp_path):
    build(sample_rows(), INFO, tmp_path)

    card = (tmp_path / "README.md").read_text()
    front = front_matter(tmp_path)

    assert front["configs"] == [
        {"config_name": "default", "data_files": [{"split": "test", "path": "data/test-*"}], "default": True}
    ]
    assert (front["license"], front["canary"], front["language"]) == ("mit", INFO.canary, ["en"])
    assert front["size_categories"] == ["n<1K"]
    assert INFO.canary in card.split("---\n", 2)[2]
    assert "| Math | 6 |" in card
    assert "| `multipleChoice` | 1 |" in card
    assert "| with a picture | 2 |" in card
    assert "    @misc{sample,\n      title = {A sample exam}\n    }" in card


def test_card_warns_of_a_demonstration_only_when_it_is_one(tmp_path):
    build(sample_rows(), INFO, tmp_path / "real")
    build(sample_rows(), replace(INFO, is_demonstration=True), tmp_path / "demo")

    assert "**Demonstration only.**" not in (tmp_path / "real" / "README.md").read_text()
    assert "**Demonstration only.**" in (tmp_path / "demo" / "README.md").read_text()
    assert front_matter(tmp_path / "demo")["tags"] == ["benchmark", "demonstration"]


def test_card_holds_no_text_of_a_question(tmp_path):
    build([make_row(1, question="zebra", answer="walrus", rationale="heron", author_name="okapi")], INFO, tmp_path)

    card = (tmp_path / "README.md").read_text()

    assert [word for word in ("zebra", "walrus", "heron", "okapi") if word in card] == []


def test_titles_cannot_break_the_front_matter(tmp_path):
    title = 'x"\n---\nlicense: "none" | <script> \x85\ufeff \ud7ff: [a]'

    build(sample_rows(), replace(INFO, title=title, licence="Own terms, see page"), tmp_path)

    front = front_matter(tmp_path)
    assert (front["license"], front["license_name"]) == ("other", "Own terms, see page")
    assert "<script>" not in (tmp_path / "README.md").read_text().split("---\n", 2)[2].replace("\\<script\\>", "")


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_verify_finds_a_missing_file(tmp_path, name):
    build(sample_rows(), INFO, tmp_path)

    (tmp_path / name).unlink()

    expected = "cannot be read: FileNotFoundError" if name == "manifest.json" else "is missing"
    assert verify(tmp_path) == [Damage(name, expected)]


def test_verify_finds_every_random_damage(tmp_path):
    built = build(sample_rows(), INFO, tmp_path)
    chance = random.Random(5)
    unseen = []

    for number in range(250):
        path = tmp_path / chance.choice([*FILES, "manifest.json"])
        content = path.read_bytes()
        place = chance.randrange(len(content))
        damaged = [
            content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :],
            content[:place],
            content + b"\n",
            content[:place] + content[place + 1 :],
        ][number % 4]
        path.write_bytes(damaged)
        if path.name not in [
            Path(damage.file).name for damage in verify(tmp_path, manifest_sha256=built.manifest_sha256)
        ]:
            unseen.append((path.name, number, place))
        path.write_bytes(content)

    assert unseen == []
    assert verify(tmp_path, manifest_sha256=built.manifest_sha256) == []


def test_verify_finds_a_stranger_and_a_link(tmp_path):
    build(sample_rows(), INFO, tmp_path / "release")
    (tmp_path / "release" / "data" / "extra.bin").write_bytes(b"x")
    (tmp_path / "card").write_bytes((tmp_path / "release" / "README.md").read_bytes())
    (tmp_path / "release" / "README.md").unlink()
    (tmp_path / "release" / "README.md").symlink_to(tmp_path / "card")

    assert verify(tmp_path / "release") == [
        Damage("README.md", "is missing"),
        Damage("data/extra.bin", "is not in the manifest"),
    ]


@pytest.mark.parametrize(
    ("column", "value", "problems"),
    [
        ("answer", "changed", ["the rows have another hash"]),
        ("canary", "", ["row 2 lacks the canary", "the rows have another hash"]),
        ("id", f"{0:024x}", ["ids are not unique and in order", "the rows have another hash"]),
        ("image_preview", None, [f"the preview of {1:024x} does not show its picture"]),
        ("image_preview", {"bytes": None, "path": None}, ["cannot be read after row 1: AttributeError"]),
    ],
)
def test_verify_finds_forged_rows_in_the_parquet_file(tmp_path, column, value, problems):
    build(sample_rows(), INFO, tmp_path)
    rows = parquet_rows(tmp_path)
    rows[1][column] = value

    pq.write_table(export.pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / PARQUET)
    reseal(tmp_path)

    found = [damage.problem for damage in verify(tmp_path)]
    assert [problem for problem in problems if problem not in found] == []
    assert {damage.file for damage in verify(tmp_path)} == {PARQUET}


def test_verify_finds_forged_and_dropped_rows_in_the_jsonl_file(tmp_path):
    build(sample_rows(), INFO, tmp_path)
    lines = (tmp_path / "questions.jsonl").read_bytes().splitlines(keepends=True)

    (tmp_path / "questions.jsonl").write_bytes(b"".join(lines[:-1]))
    reseal(tmp_path)

    assert verify(tmp_path) == [
        Damage("questions.jsonl", "has 5 rows, not 6"),
        Damage("questions.jsonl", "the rows have another hash"),
    ]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"[" * 200_000, b"\xff", b'{"split": "../../etc"}', b" " * 2_000_000]
)
def test_verify_survives_a_hopeless_manifest(tmp_path, content):
    build(sample_rows(), INFO, tmp_path)

    (tmp_path / "manifest.json").write_bytes(content)

    assert [damage.file for damage in verify(tmp_path)] == ["manifest.json"]


def test_verify_never_follows_the_manifest_out_of_the_folder(tmp_path):
    build(sample_rows(), INFO, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    manifest["files"][0]["path"] = "../secret"
    (tmp_path / "manifest.json").write_bytes(export.manifest_bytes(manifest))

    assert verify(tmp_path) == [Damage("manifest.json", "does not name exactly the files of a release")]


@settings(max_examples=40, deadline=None, database=None)
@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT), min_size=1, max_size=4))
def test_any_text_comes_back_as_it_was(tmp_path_factory, texts):
    directory = tmp_path_factory.mktemp("release")
    rows = [
        make_row(number, question=question or "?", rationale=rationale, author_name=author)
        for number, (question, rationale, author) in enumerate(texts)
    ]

    build(rows, INFO, directory)

    expected = [(row.question, row.rationale, row.author_name) for row in rows]
    for found in (parquet_rows(directory), jsonl_rows(directory)):
        assert [(row["question"], row["rationale"], row["author_name"]) for row in found] == expected
    assert verify(directory) == []


def test_datasets_loads_the_release_with_its_pictures(tmp_path):
    rows = sample_rows()
    build(rows, INFO, tmp_path / "release")
    script = textwrap.dedent("""
        import json, sys
        import datasets
        folder = sys.argv[1]
        loaded = [
            datasets.load_dataset(folder),
            datasets.load_dataset("parquet", data_files={"test": folder + "/data/test-*.parquet"}),
        ]
        print(json.dumps([
            {
                "splits": list(found),
                "columns": found["test"].column_names,
                "types": [type(found["test"].features[name]).__name__ for name in ("image_preview", "rationale_image")],
                "picture": [found["test"][1]["image_preview"].size, found["test"][1]["image_preview"].getpixel((0, 0))],
                "none": found["test"][0]["image_preview"],
                "answers": found["test"]["answer"][:],
            }
            for found in loaded
        ]))
    """)

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "release")],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache"), "HF_DATASETS_OFFLINE": "1"},
        check=True,
        capture_output=True,
        timeout=120,
    )

    expected = {
        "splits": ["test"],
        "columns": SCHEMA.names,
        "types": ["Image", "Image"],
        "picture": [[4, 3], [200, 30, 30]],
        "none": None,
        "answers": [row.answer for row in rows],
    }
    assert json.loads(done.stdout) == [expected, expected]
