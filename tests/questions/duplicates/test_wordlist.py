"""The search by word list: made from text files, and found by the site like any encoder."""

import math
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from questions import tasks
from questions.crosslingual import wordlist
from questions.crosslingual.corpora import Dictionary
from questions.duplicates import embedders
from questions.models import DuplicatePair, TextVector
from tests.questions.duplicates.conftest import ENGLISH, FAR, GERMAN, NEAR, ONE
from tests.questions.duplicates.word_bag import ENGLISH as OF_GERMAN

CORPUS = [ONE, NEAR, FAR, ENGLISH, "Is $\\frac{a}{b}$ a map?"]
GERMAN_WORDS = Dictionary(("de", "en"), [(german, english) for german, english in OF_GERMAN.items()])
FRENCH_WORDS = Dictionary(("en", "fr"), [("prime number", "premier"), ("edges", "arêtes"), ("edge", "arêtes")])


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for three languages."""
    out = tmp_path_factory.mktemp("lists") / "model"
    wordlist.build(CORPUS, [GERMAN_WORDS, FRENCH_WORDS], out)
    return out


@pytest.fixture(scope="module")
def found(directory: Path) -> wordlist.WordList:
    """What the directory holds."""
    return wordlist.load(directory)


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("Wieviele KANTEN hat Anna?", "de", "many edges has anna?"),
        ("premier, arêtes", "fr", "prime number, edges"),
        ("kanten", "en", "kanten"),
        ("\\hat \\kanten kanten", "de", "\\hat \\kanten edges"),
        ("12 kanten", "de", "12 edges"),
    ],
)
def test_words_with_an_entry_are_translated(found: wordlist.WordList, text: str, language: str, said: str) -> None:
    assert found.translated(text, language) == said


def test_vector_holds_weighted_runs_at_unit_length(found: wordlist.WordList, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {run: place for place, run in enumerate(["ed", "dg", "ge", "es", "edg", "dge", "ges", "edge", "dges"])}
    monkeypatch.setattr(wordlist, "box", lambda run: (places[run], -1))
    lines = Counter(run for line in CORPUS for run in places if run in line.casefold())
    expected = -np.array([math.log(1 + len(CORPUS) / lines[run]) if lines[run] else 0 for run in places])

    (vector,) = found.embed(["Kanten"], ["de"])

    assert vector.dtype == np.float32
    assert vector[: len(places)] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-4)
    assert not vector[len(places) :].any()


def test_text_of_which_nothing_is_known_has_no_direction(found: wordlist.WordList) -> None:
    vectors = found.embed(["жжжж", "", "\ud800", ONE], ["de", "en", "fr", "en"])

    assert np.linalg.norm(vectors, axis=1) == pytest.approx([0, 0, 0, 1])
    assert found.embed([], []).shape == (0, wordlist.DIMENSIONS)


def test_runs_cross_words_with_one_space() -> None:
    assert list(wordlist.runs(" a \n bc ")) == ["a ", " b", "bc", "a b", " bc", "a bc"]


def test_boxes_are_spread_and_signed() -> None:
    boxes = [wordlist.box(f"{number:04}") for number in range(10_000)]

    assert len({place for place, _sign in boxes}) > 0.99 * wordlist.DIMENSIONS
    assert 0.45 < sum(sign > 0 for _place, sign in boxes) / len(boxes) < 0.55


def test_name_follows_the_content(directory: Path, found: wordlist.WordList, tmp_path: Path) -> None:
    again = wordlist.build(CORPUS, [GERMAN_WORDS, FRENCH_WORDS], tmp_path / "again")
    other = wordlist.build(CORPUS, [GERMAN_WORDS], tmp_path / "other")

    assert again.name == found.name != other.name
    assert (found.languages, other.languages) == ({"en", "de", "fr"}, {"de", "en"})


@pytest.mark.parametrize(
    ("languages", "pivot"), [([("de", "en")], "de"), ([("de", "en"), ("en", "fr")], "en"), ([("en", "de")] * 2, "en")]
)
def test_pivot_is_the_first_language_of_all_dictionaries(languages: list[tuple[str, str]], pivot: str) -> None:
    assert wordlist.pivot_of([Dictionary(pair, []) for pair in languages]) == pivot


def test_dictionaries_without_a_common_language_are_refused() -> None:
    with pytest.raises(wordlist.WordListError, match="No language stands in all dictionaries"):
        wordlist.pivot_of([Dictionary(("de", "en"), []), Dictionary(("fr", "es"), [])])


@pytest.mark.parametrize(
    "damage",
    [
        b"{",
        b"[]",
        b'{"format": 1}',
        b'{"format": 2}',
        b'{"format": 1, "pivot": "en"}',
        b'{"format": 1, "pivot": "en", "translations": {}, "weights": {}, "threshold": null}',
    ],
)
def test_damaged_directory_is_refused_in_words(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "wordlist.json").write_bytes(damage)

    with pytest.raises(wordlist.WordListError, match="Build it again"):
        wordlist.load(tmp_path)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """An English text and a list of German words."""
    (tmp_path / "en.txt").write_text("\n".join(CORPUS))
    (tmp_path / "de.tsv").write_text("en\tde\n" + "".join(f"{en}\t{de}\n" for de, en in OF_GERMAN.items()))
    return tmp_path


def arguments(files: Path) -> list[str]:
    given = {"corpus": "en.txt", "dictionary": "de.tsv", "out": "model"}
    paths = [part for name, value in given.items() for part in (f"--{name}", str(files / value))]
    return [*paths, "--threshold", "0.6"]


def test_command_makes_a_directory_without_pytorch(files: Path) -> None:
    program = (
        "import sys; from questions.crosslingual import wordlist; status = wordlist.main(sys.argv[1:]);"
        "sys.exit(status or [m for m in sys.modules if m.split('.')[0] in ('torch', 'tokenizers', 'django')] or 0)"
    )

    done = subprocess.run([sys.executable, "-c", program, *arguments(files)], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{files / 'model'} holds {wordlist.load(files / 'model').name} for de, en.\n"
    assert wordlist.load(files / "model").threshold == 0.6


def test_command_says_what_is_wrong_and_writes_over_nothing(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = wordlist.main(arguments(files))
    before = (files / "model/wordlist.json").read_bytes()

    second = wordlist.main(arguments(files))
    (files / "de.tsv").write_text("en\tde\nring\n")
    third = wordlist.main(arguments(files))

    assert (first, second, third) == (0, 1, 1)
    assert "holds a word list already" in capsys.readouterr().err
    assert (files / "model/wordlist.json").read_bytes() == before


@pytest.mark.django_db
def test_a_translation_is_found_with_nothing_else_set(tested: Any, settings: Any, directory: Path) -> None:
    settings.DUPLICATE_EMBEDDER = str(directory)
    english, german = tested(ENGLISH), tested(GERMAN, language="de")
    tested(FAR)

    tasks.embed_texts()
    pair = DuplicatePair.objects.get()

    assert embedders.problem_of(str(directory)) == ""
    assert {pair.first, pair.second} == {english, german}
    assert pair.model == wordlist.load(directory).name
    assert 0.9 < pair.score <= 1


@pytest.mark.django_db
def test_texts_of_one_language_are_left_to_letters_and_words(tested: Any, settings: Any, directory: Path) -> None:
    settings.DUPLICATE_EMBEDDER = str(directory)
    tested(ONE)
    tested(NEAR)

    tasks.embed_texts()

    assert TextVector.objects.count() == 2
    assert not DuplicatePair.objects.exists()
