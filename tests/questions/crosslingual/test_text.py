import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from questions.crosslingual.corpora import CorpusError, Dictionary, read_corpus, read_dictionary
from questions.crosslingual.languages import SPECIALS
from questions.crosslingual.splitting import normalise, pieces
from questions.crosslingual.text import BYTES, FIRST_BYTE, PRINTABLE, Counts, Vocabulary

ENGLISH = [
    "The ring of Noether has 12 ideals.",
    "A ring is a set, as Noether said; the kernel is $\\alpha + x$.",
    "Let the kernel of a map be small: sin and cos of $\\alpha$.",
]
GREEK = ["Το δαχτυλίδι του Noether έχει 12 ιδεώδη.", "Ο πυρήνας sin είναι $\\alpha + x$, είπε ο Noether."]
ENTRIES = [
    ("ring", "δαχτυλίδι"),
    ("Kernel", "πυρήνας"),
    ("prime number", "πρώτος"),
    ("7", "επτά"),
    ("nowhere", "πουθενά"),
    ("ring", "ΔΑΧΤΥΛΊΔΙ"),
    ("cos", "COS"),
]
DICTIONARY = Dictionary(("en", "el"), ENTRIES)


def made() -> Vocabulary:
    return Vocabulary.train({"en": ENGLISH, "el": GREEK}, [DICTIONARY], size=120)


VOCABULARY = made()
FIRST_OTHER = FIRST_BYTE + len(BYTES)


def rows(text: str, language: str = "en") -> list[int]:
    return VOCABULARY.encode(text, language)


def test_pieces_are_words_digits_marks_and_parts_of_formulas():
    found = pieces("Find $x_{10}$ in 3½ rings!")

    assert [piece.text for piece in found if piece.is_word] == ["Find", "in", "rings"]
    assert [piece.text for piece in found if not piece.is_word] == [*"$x_{10}$", *"31⁄2", "!"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pay $5 per ring and $6", ["pay", "per", "ring", "and"]),
        ("so $ax$ is", ["so", "is"]),
        (r"so \(ax\) is \[by\]", ["so", "is"]),
        ("so $$ax$$ is", ["so", "is"]),
        (r"so \frac ax", ["so", "ax"]),
        (r"cost \$ax and \$by", ["cost", "ax", "and", "by"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
    ],
)
def test_only_what_stands_between_marks_of_a_formula_is_no_word(text, words):
    assert [piece.text for piece in pieces(text) if piece.is_word] == words


def test_digits_of_all_scripts_are_the_same_row():
    assert normalise("٣ ३ ３") == "3 3 3"
    assert rows("٣") == rows("3", "el") == [SPECIALS + PRINTABLE.index("3")]


def test_rows_are_specials_then_anchors_then_a_block_for_each_language():
    assert VOCABULARY.languages == ("en", "el")
    assert VOCABULARY.blocks["en"][0] == SPECIALS + len(VOCABULARY.anchors)
    assert VOCABULARY.blocks["en"][1] == VOCABULARY.blocks["el"][0]
    assert VOCABULARY.blocks["el"][1] == VOCABULARY.size


def test_every_kept_entry_is_one_row_in_each_language():
    (ring, ring_el), (kernel, kernel_el) = VOCABULARY.pairs.tolist()

    assert rows("Ring kernel") == [ring, kernel]
    assert rows("δαχτυλίδι Πυρήνας", "el") == [ring_el, kernel_el]
    assert VOCABULARY.blocks["en"][0] <= ring < VOCABULARY.blocks["en"][1]
    assert VOCABULARY.blocks["el"][0] <= ring_el < VOCABULARY.blocks["el"][1]
    assert VOCABULARY.counts == Counts(kept=2, shared=1, not_a_word=2, unseen=1, repeated=1)


@pytest.mark.parametrize("text", ["Noether", "sin", "cos", "12", "$\\alpha + x$", "\\alpha", "x", "; § 数"])
def test_anchors_are_the_same_rows_in_every_language(text):
    found = rows(text)

    assert found == rows(text, "el")
    assert max(found) < VOCABULARY.blocks["en"][0]


def test_words_of_one_language_are_no_anchors():
    shared = {anchor for anchor in VOCABULARY.anchors[FIRST_OTHER - SPECIALS :] if anchor.isalpha()}

    assert shared == {"noether", "sin", "cos"}
    assert min(rows("the small set")) >= VOCABULARY.blocks["en"][0]
    assert min(rows("είναι ιδεώδη", "el")) >= VOCABULARY.blocks["el"][0]


def test_part_of_a_formula_does_not_take_a_word_away():
    vocabulary = Vocabulary.train({"en": ["$case$ $case$ case case"], "de": ["fall fall"]}, [], size=50)

    assert "case" in vocabulary.anchors
    assert min(vocabulary.encode("case", "en")) >= vocabulary.blocks["en"][0]
    assert max(vocabulary.encode("$case$", "en")) < vocabulary.blocks["en"][0]


def test_unknown_letters_are_spelled_and_not_lost():
    assert rows("ж") == [FIRST_BYTE + value for value in "ж".encode()]
    assert VOCABULARY.decode(rows("ж zж")) == "ж zж"


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text).casefold()


@given(st.text(), st.sampled_from(["en", "el"]))
@settings(max_examples=300, deadline=None)
def test_no_text_is_lost(text, language):
    assert squeezed(VOCABULARY.decode(VOCABULARY.encode(text, language))) == squeezed(normalise(text))


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Z", "Cs"])))
@settings(max_examples=300, deadline=None)
def test_ids_are_no_specials_and_no_rows_outside_the_table(text):
    assert all(SPECIALS <= row < VOCABULARY.size for row in rows(text, "el"))


def test_word_in_letters_of_another_language_is_read_as_its_word():
    assert rows("δαχτυλίδι kernel", "el") == [*rows("δαχτυλίδι", "el"), *rows("kernel", "en")]
    assert rows("the set", "el") == rows("the set", "en")


@given(st.sampled_from(["\ud800", "a\udfffb", "\x00", "\u200b\u202e", "𝟘𝔸", "a" * 5000, "$" * 999, r"\(" * 999]))
def test_hostile_text_is_encoded(text):
    assert squeezed(VOCABULARY.decode(rows(text))) == squeezed(normalise(text))


def test_saved_vocabulary_gives_the_same_ids(tmp_path):
    VOCABULARY.save(tmp_path)

    again = Vocabulary.load(tmp_path)

    assert [again.encode(line, "en") for line in ENGLISH] == [rows(line) for line in ENGLISH]
    assert np.array_equal(again.pairs, VOCABULARY.pairs)
    assert (again.size, again.blocks, again.counts) == (VOCABULARY.size, VOCABULARY.blocks, VOCABULARY.counts)


TRAIN_AND_SAVE = """
from pathlib import Path
from tests.questions.crosslingual.test_text import made
made().save(Path({!r}))
"""


def test_two_trainings_write_the_same_files(tmp_path):
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        code = TRAIN_AND_SAVE.format(str(tmp_path / seed))
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])}
        subprocess.run([sys.executable, "-c", code], env=env, check=True)

    files = [{path.name: path.read_bytes() for path in (tmp_path / seed).iterdir()} for seed in ("1", "2")]

    assert files[0] == files[1]
    assert sorted(files[0]) == sorted(VOCABULARY.files)


@pytest.mark.parametrize("damage", ["missing", "cut", "path"])
def test_damaged_vocabulary_is_refused(tmp_path, damage):
    VOCABULARY.save(tmp_path)
    path = tmp_path / "vocabulary.json"
    if damage == "missing":
        (tmp_path / "byte-pairs-el.json").unlink()
    elif damage == "cut":
        path.write_text(path.read_text()[:100])
    else:
        state = json.loads(path.read_text())
        path.write_text(json.dumps(state | {"words": {"../../etc": []}}))

    with pytest.raises(CorpusError, match=r"Build the model again|no language code"):
        Vocabulary.load(tmp_path)


def test_unknown_language_is_named():
    with pytest.raises(CorpusError, match=r"There is no language 'fr' here; known are en, el\."):
        rows("ring", "fr")


@pytest.mark.parametrize(
    ("corpora", "dictionaries", "says"),
    [
        ({"en": ["  "], "el": GREEK}, [], "The corpus of en holds no word"),
        ({"en": ENGLISH, "../x": GREEK}, [], "'../x' is no language code"),
        ({"en": ENGLISH}, [DICTIONARY], "A dictionary is of 'el', which has no corpus; there are en."),
    ],
)
def test_training_input_that_does_not_fit_is_refused(corpora, dictionaries, says):
    with pytest.raises(CorpusError, match=re.escape(says)):
        Vocabulary.train(corpora, dictionaries)


def test_corpus_is_a_sentence_a_line(tmp_path):
    path = tmp_path / "en.txt"
    path.write_bytes("\ufeffOne ring.\r\n\n  Two\u2028rings. \n".encode())

    assert read_corpus(path) == ["One ring.", "Two\u2028rings."]


def test_dictionary_names_its_languages_first(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("en\tpt-BR\nring\tanel\n\n map\tmapa \n")

    assert read_dictionary(path) == Dictionary(("en", "pt-BR"), [("ring", "anel"), ("map", "mapa")])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty. Begin with a line of two language codes"),
        (b"ring\tanel oder\n", "line 1: 'ring' and 'anel oder' are not two language codes"),
        (b"en\ten\n", "line 1: 'en' and 'en' are not two language codes"),
        (b"en\tde\nring\tRing\nmap\n", "line 3: there are 1 filled columns and not two. Write a word, a tab"),
        (b"en\tde\nring\tRing\tx\n", "line 2: there are 3 filled columns and not two."),
        (b"en\tde\nring\t\xff\n", "line 2: byte 6 is not UTF-8. Save the file as UTF-8"),
    ],
)
def test_bad_dictionary_is_refused_with_its_line(tmp_path, content, says):
    path = tmp_path / "words.tsv"
    path.write_bytes(content)

    with pytest.raises(CorpusError, match=re.escape(says)) as refused:
        read_dictionary(path)

    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("en.txt", b"good\nbad \xe4\n", "line 2: byte 5 is not UTF-8"),
        ("en.txt", b"\n  \n", "holds no sentence"),
        ("en.txt", None, "cannot be read: No such file"),
        ("en.jsonl", None, "cannot be read: there is no such file"),
        ("en.jsonl", b"{}", "Say which of its columns holds the sentences"),
    ],
)
def test_bad_corpus_is_refused(tmp_path, name, content, says):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CorpusError, match=re.escape(says)):
        read_corpus(path)


def test_table_is_read_where_the_library_is(tmp_path):
    path = tmp_path / "en.jsonl"
    path.write_text('{"question": "One ring?"}\n{"question": null}\n{"question": "Two"}\n')

    if importlib.util.find_spec("datasets") is None:
        with pytest.raises(CorpusError, match="the library datasets reads, and that is not installed"):
            read_corpus(path, "question")
        return

    assert read_corpus(path, "question") == ["One ring?", "Two"]
    with pytest.raises(CorpusError, match="has no column 'text'"):
        read_corpus(path, "text")
