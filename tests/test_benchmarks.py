"""The list of benchmarks, and the table and exit status with which each of them ends; nothing is measured here."""

import ast
import json
import math
import os

import pytest
from django.core.management import get_commands, load_command_class

from grading.matching import Result
from hle_site.management.commands import bench
from tests.benchmarks import matcher, report
from tests.benchmarks.crosslingual_duplicates import material
from tests.benchmarks.report import Figure


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "speed.py").write_text('"""Calls a second.\n\nMore."""\n\n\ndef main() -> int:\n    return 0\n')
    (tmp_path / "helper.py").write_text('"""No benchmark."""\n')
    (tmp_path / "cost").mkdir()
    (tmp_path / "cost/__main__.py").write_text('"""Dollars."""\n\n\nasync def main():\n    pass\n')
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/__init__.py").write_text("def main():\n    pass\n")
    return tmp_path


def test_listing_names_what_defines_main_with_the_first_line_of_its_docstring(folder):
    known = bench.scripts(folder)

    assert [line.split(maxsplit=1) for line in bench.listing(known)] == [
        ["cost", "Dollars."],
        ["speed", "Calls a second."],
    ]


def test_every_benchmark_says_in_one_sentence_what_it_measures():
    known = bench.scripts()

    lines = {
        name: (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0] for name, path in known.items()
    }

    assert "report" not in known
    assert [name for name, line in lines.items() if not line.endswith(".") or len(line) > 120] == []


def test_what_follows_the_name_goes_to_the_benchmark():
    command = load_command_class(get_commands()["bench"], "bench")

    taken = command.create_parser("manage.py", "bench").parse_args(["speed", "--data", "x", "-n", "4"])

    assert (taken.name, taken.arguments) == ("speed", ["--data", "x", "-n", "4"])


@pytest.mark.parametrize(
    ("figure", "reached"),
    [
        (Figure("a", 0.97, at_least=0.9, aim=0.97), "aim"),
        (Figure("a", 0.9, at_least=0.9, aim=0.97), "at least"),
        (Figure("a", 0.89, at_least=0.9, aim=0.97), "MISSED"),
        (Figure("a", 0, at_least=0.5, aim=0, is_lower_better=True), "aim"),
        (Figure("a", 0.5, at_least=0.5, aim=0, is_lower_better=True), "at least"),
        (Figure("a", 0.6, at_least=0.5, aim=0, is_lower_better=True), "MISSED"),
        (Figure("a", 3, at_least=2), "at least"),
        (Figure("a", 1, aim=2), "reported"),
        (Figure("a", 2, aim=2), "aim"),
        (Figure("a", 1), "reported"),
        (Figure("a", math.nan, at_least=1), "MISSED"),
        (Figure("a", math.nan, at_least=1, is_lower_better=True), "MISSED"),
    ],
)
def test_figure_reaches_the_better_of_its_bounds(figure, reached):
    assert figure.reached == reached


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2000, "2,000"),
        (97.0, "97"),
        (0.12341, "0.1234"),
        (1234.56, "1,235"),
        (-0.5, "-0.5000"),
        (0.0, "0"),
        (math.nan, "not measured"),
    ],
)
def test_number_keeps_four_significant_digits(value, shown):
    assert report.number(value) == shown


def test_report_prints_one_aligned_table_and_passes(capsys):
    figures = [Figure("share", 97.5, "%", 90, 97), Figure("time", 2, "ms", peer="bare: 1 ms", note="of one core")]

    status = report.report("Things", figures, context=["on two rows"], seed=7)

    printed = capsys.readouterr().out
    assert status == 0
    assert printed.startswith("\nThings\ncommit ")
    assert f"{len(os.sched_getaffinity(0))} processors" in printed
    assert printed.partition(", seed 7\n")[2].splitlines() == [
        "on two rows",
        "",
        "figure  measured  at least  aim    beside      reached",
        "share   97.50 %   >= 90     >= 97              aim",
        "time    2 ms      -         -      bare: 1 ms  reported",
        "  time: of one core",
    ]


def test_one_missed_figure_fails_the_benchmark(capsys):
    figures = [Figure("share", 97.5, "%", 90, 97), Figure("time", 3, "ms", at_least=2, is_lower_better=True)]

    assert report.report("Things", figures) == 1
    assert "<= 2" in capsys.readouterr().out


def test_absent_data_has_a_status_of_its_own(capsys):
    assert report.absent("no sample data is here") == 77
    assert capsys.readouterr().out == "Not measured: no sample data is here\n"


def test_sample_data_is_found_by_argument_before_the_environment(tmp_path, monkeypatch):
    (tmp_path / "given/texts").mkdir(parents=True)
    (tmp_path / "named/texts").mkdir(parents=True)
    monkeypatch.setenv("HLE_SAMPLE_DATA", str(tmp_path / "named"))

    assert report.sample_data("texts") == tmp_path / "named/texts"
    assert report.sample_data("texts", str(tmp_path / "given")) == tmp_path / "given/texts"
    assert report.sample_data("pictures") is None
    monkeypatch.delenv("HLE_SAMPLE_DATA")
    assert report.sample_data("texts") is None


@pytest.mark.parametrize(
    ("key", "answer", "expected"),
    [
        ("42", "42.0", Result.EQUAL),
        ("42", "$x = 42$", Result.EQUAL),
        ("42", "42.4", Result.DIFFERENT),
        ("1.42", "1.4203", Result.EQUAL),
        ("1.42", "1.4249", Result.EQUAL),
        ("7.853", "7.8539816", Result.EQUAL),
        ("1.42", "1.43", Result.DIFFERENT),
        ("2.7182818", "2.718", Result.EQUAL),
        ("2.7182818", "2.72", Result.DIFFERENT),
        ("463000000.0", "4.63 \\times 10^8", Result.EQUAL),
        ("0.05", "5%", Result.EQUAL),
        ("1.42", "1.42 m", None),
        ("1.42", "about half", None),
        ("True", "true", Result.EQUAL),
        ("True", "False", Result.DIFFERENT),
        ("True", "7", Result.DIFFERENT),
        ("0", "False", None),
        ("[1, 2.5]", "(1, 2.52)", Result.EQUAL),
        ("[1, 2]", "[2, 1]", Result.DIFFERENT),
    ],
)
def test_restated_rule_of_stated_precision(key, answer, expected):
    assert matcher.restated(key, answer) is expected


@pytest.mark.parametrize(
    ("key", "answer", "said", "cause"),
    [
        ("0.098", "0.096", Result.DIFFERENT, "within 4 % but not at the stated precision"),
        ("2", "2.5", Result.DIFFERENT, "whole number by rounding"),
        ("[1, 2]", "[2, 1]", Result.DIFFERENT, "order of a list"),
        ("[4, 2]", "[3.8, 2.2]", Result.DIFFERENT, "elements near but not at the stated precision"),
        ("1.12", "11.2 km/s", Result.EQUAL, "unit"),
        ("0", "False", Result.DIFFERENT, "truth value as number"),
        ("42", "50", Result.DIFFERENT, ""),
        ("42", "50", Result.EQUAL, ""),
        ("1.12", "11.2", Result.EQUAL, ""),
    ],
)
def test_cause_of_a_difference_from_the_lenient_record_is_computed(key, answer, said, cause):
    row = matcher.Row("id", "model", "question", key, answer, "response", is_correct=said is not Result.EQUAL)

    assert matcher.cause(row, said) == cause


@pytest.mark.parametrize(
    ("said", "is_correct", "is_wrong"), [("equal", True, True), ("different", False, False), ("undecided", True, False)]
)
def test_a_decision_against_the_restated_rule_is_wrong_whatever_the_record_says(said, is_correct, is_wrong):
    row = matcher.Row("id", "model", "question", "42", "50", "response", is_correct)

    assert matcher.Judged(row, Result(said), matcher.restated("42", "50"), "").is_wrong is is_wrong


# --- duplicates across languages


@pytest.fixture
def sample(tmp_path):
    """Forty questions of one subject, each with a word of its own, and an answer to each that repeats the word."""
    words = [f"{first}{second}dron" for first in ("hexa", "octa", "deca", "poly") for second in "bcdfghjklm"]
    rows = [
        {"id": word, "question": f"What is the {word} of $x_{n}$ and {n}?", "raw_subject": "solids"}
        for n, word in enumerate(words)
    ]
    said = [{"question_id": row["id"], "response": f"The {row['id']} is a solid of {row['id']}."} for row in rows]
    for name, content in (("theoremqa/questions", rows), ("theoremqa/responses", said), ("scibench/questions", [])):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    return tmp_path


def test_encoder_of_the_duplicates_benchmark_learns_from_no_query(sample):
    language = material.Language(0)
    own_word = {one.family: language.word(one.id) for one in material.read_questions(sample)}

    found = material.prepare(sample, seed=0, share=1.0)

    asked = {one.family for one in found.queries}
    read = "\n".join(found.corpora[material.DERIVED])
    assert (len(found.index), len(asked)) == (22, 18)  # 10 copies of what is in the index, 8 new ones
    assert sum(word in read for word in own_word.values()) == 10
    assert [family for family in asked if own_word[family] in read] == []


def test_derived_text_keeps_numbers_and_formulas_and_reverses_words():
    language = material.Language(0)

    derived = language.derive("What is the cube of $x_3$ and 12? Say.")

    what, cube, said = (language.word(word) for word in ("what", "cube", "say"))
    assert derived.startswith("12 ")
    assert derived.endswith(f" {what} ? {said} .")
    assert f" $x_3$ {language.word('of')} {cube} " in derived


def test_a_share_of_the_dictionary_is_a_part_of_it(sample):
    whole, half = (material.prepare(sample, seed=0, share=share).dictionary for share in (1.0, 0.5))

    assert len(half.entries) == round(0.5 * len(whole.entries))
    assert set(half.entries) < set(whole.entries)
