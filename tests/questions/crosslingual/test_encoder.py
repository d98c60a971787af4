import json
import math
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from questions.crosslingual import build, encoder, train
from questions.crosslingual.corpora import Dictionary
from questions.crosslingual.languages import CLS, PAD, SEP
from questions.crosslingual.text import Vocabulary

WORDS = ["ring", "kernel", "map", "prime", "field", "group", "norm", "limit"]
DERIVED = ["δα", "πυρ", "απε", "πρω", "σωμ", "ομα", "νορ", "ορι"]
ENGLISH = [f"The {a} of {b} is {n} $x_{n}$." for n, (a, b) in enumerate(pairwise(WORDS))]
GREEK = [f"$x_{n}$ {n} {b} {a}." for n, (a, b) in enumerate(pairwise(DERIVED))]
CORPORA = {"en": ENGLISH, "el": GREEK}
DICTIONARY = Dictionary(("en", "el"), list(zip(WORDS, DERIVED, strict=True)))
CONFIG = train.Config(steps=8, batch=4, layers=1, width=8, heads=2, inner=16, positions=12)
LONG = " ".join(ENGLISH)


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("model") / "en-el"
    build.build(CORPORA, [DICTIONARY], CONFIG, out, size=80)
    return out


@pytest.fixture(scope="module")
def found(directory) -> encoder.Encoder:
    return encoder.load(directory)


def reference(directory: Path, text: str, language: str) -> np.ndarray:
    """The recipe in NumPy: embedding, one layer of attention, mean over words, minus the centre, unit length."""
    w = {name: tensor.double().numpy() for name, tensor in torch.load(directory / "weights.pt").items()}
    state = json.loads((directory / "encoder.json").read_text())
    ids = Vocabulary.load(directory).encode(text, language)
    inner = CONFIG.positions - 2
    tops = [top(w, [CLS, *ids[start : start + inner], SEP])[1:-1] for start in range(0, len(ids), inner)]
    vector = np.concatenate(tops).mean(axis=0) - np.array(state["centres"][language])
    return vector / np.sqrt((vector**2).sum())


def top(w: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    def norm(x, name):
        spread = np.sqrt(((x - x.mean(-1, keepdims=True)) ** 2).mean(-1, keepdims=True) + 1e-5)
        return (x - x.mean(-1, keepdims=True)) / spread * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    x = norm(w["words.weight"][ids] + w["positions.weight"][: len(ids)], "norm")
    query, key, value = np.split(linear(x, "layers.0.attend"), 3, axis=1)
    mixed = []
    for head in (slice(0, 4), slice(4, 8)):
        scores = np.exp(query[:, head] @ key[:, head].T / 2)
        mixed.append(scores / scores.sum(axis=1, keepdims=True) @ value[:, head])
    x = norm(x + linear(np.concatenate(mixed, axis=1), "layers.0.join"), "layers.0.first_norm")
    wide = linear(x, "layers.0.widen")
    wide = wide * (1 + np.vectorize(math.erf)(wide / np.sqrt(2))) / 2
    return norm(x + linear(wide, "layers.0.narrow"), "layers.0.second_norm")


@pytest.mark.parametrize(("text", "language"), [(ENGLISH[0], "en"), ("πυρ δα", "el"), (LONG, "en")])
def test_vector_is_the_centred_mean_of_the_top_states_at_unit_length(directory, found, text, language):
    vectors = found.embed([text, "kernel", LONG], [language, "en", "en"])

    assert vectors.shape == (3, 8)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[0], reference(directory, text, language), atol=2e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_order_and_neighbours_in_a_batch_do_not_matter(found):
    texts, languages = [LONG, "ring", *GREEK, "δα"], ["en", "en", *["el"] * len(GREEK), "el"]

    together = found.embed(texts, languages)

    alone = [found.embed([text], [language])[0] for text, language in zip(texts, languages, strict=True)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_small_batches_give_the_same_vectors(found, monkeypatch):
    whole = found.embed(ENGLISH, ["en"] * len(ENGLISH))

    monkeypatch.setattr(encoder, "BATCH_TOKENS", 20)

    np.testing.assert_allclose(found.embed(ENGLISH, ["en"] * len(ENGLISH)), whole, atol=1e-5)


def test_centre_is_the_mean_over_the_training_corpus(directory, found):
    model, vocabulary = found._model, found.vocabulary

    sentences = [
        window for line in GREEK for window in encoder.cut(vocabulary.encode(line, "el"), CONFIG.positions - 2)
    ]

    np.testing.assert_allclose(
        found.centres["el"], np.mean([encoder.means(model, [one], [1])[0] for one in sentences], axis=0), atol=1e-5
    )


def test_no_texts_give_no_vectors(found):
    assert found.embed([], []).shape == (0, 8)


@pytest.mark.parametrize(
    ("texts", "languages", "says"),
    [
        (["ring", "anneau"], ["en", "fr"], "Text 2 is in 'fr'; this model reads el, en."),
        (["ring", "δα", " \n"], ["en", "el", "el"], "Text 3, in 'el', is empty and has no vector."),
    ],
)
def test_text_without_a_vector_is_refused_by_place_and_language(found, texts, languages, says):
    with pytest.raises(encoder.UnreadableText, match=f"^{re.escape(says)}$") as refused:
        found.embed(texts, languages)

    assert isinstance(refused.value, ValueError)


def test_mean_of_a_language_has_no_direction(directory, found):
    ids = found.vocabulary.encode("ring", "en")
    centres = found.centres | {"en": encoder.means(found._model, [ids], [0])[0]}
    centred = encoder.Encoder("mlm-0", found._model, found.vocabulary, centres)

    with pytest.raises(encoder.UnreadableText, match="is the mean of its language: no direction"):
        centred.embed(["ring"], ["en"])


def test_directory_says_how_it_was_trained(directory, found):
    state = json.loads((directory / "encoder.json").read_text())

    assert state["kind"] == state["training"]["config"]["objective"] == "align-mlm"
    assert state["languages"] == ["en", "el"]
    assert state["training"]["config"]["alpha"] == 10.0
    assert state["training"]["config"]["seed"] == 0
    assert state["training"]["rows"] == found.vocabulary.size
    assert state["training"]["specials"] == {"pad": PAD, "cls": CLS, "sep": SEP, "mask": 3}
    assert state["training"]["code"] == train.code_version()
    assert state["pairs"] == found.vocabulary.pairs.tolist()
    assert len(state["pairs"]) == len(WORDS)
    assert state["sources"]["lines"] == {"en": len(ENGLISH), "el": len(GREEK)}
    assert sorted(path.name for path in directory.iterdir()) == sorted(
        ["encoder.json", "weights.pt", *found.vocabulary.files]
    )


def test_name_follows_the_files(directory, found, tmp_path):
    assert re.fullmatch(r"align-mlm-[0-9a-f]{12}", found.name)
    assert encoder.load(directory).name == found.name

    other = build.build(CORPORA, [DICTIONARY], train.Config(**vars(CONFIG) | {"seed": 1}), tmp_path / "b", size=80)

    assert other.name != found.name


def test_same_training_gives_the_same_vectors(found, tmp_path):
    again = build.build(CORPORA, [DICTIONARY], CONFIG, tmp_path / "again", size=80)

    np.testing.assert_allclose(again.embed(ENGLISH, ["en"] * 7), found.embed(ENGLISH, ["en"] * 7), atol=1e-5)


def test_model_with_language_embeddings_reads_them(tmp_path):
    config = train.Config(**vars(CONFIG) | {"objective": "dict-mlm"})
    found = build.build(CORPORA, [DICTIONARY], config, tmp_path / "dict", size=80)
    ids = found.vocabulary.encode("7 3", "en")

    assert not np.allclose(encoder.means(found._model, [ids], [0]), encoder.means(found._model, [ids], [1]))
    assert found.embed(["7 3"], ["el"]).shape == (1, 8)


def copied(directory: Path, to: Path) -> Path:
    to.mkdir()
    for path in directory.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to


def cut_weights(folder: Path) -> None:
    (folder / "weights.pt").write_bytes((folder / "weights.pt").read_bytes()[:500])


def put_code_into_weights(folder: Path) -> None:
    torch.save(Path("/"), folder / "weights.pt")


def lose_a_file(folder: Path) -> None:
    (folder / "byte-pairs-el.json").unlink()


def change(folder: Path, **fields: object) -> None:
    state = json.loads((folder / "encoder.json").read_text())
    (folder / "encoder.json").write_text(json.dumps(state | fields))


@pytest.mark.parametrize(
    "damage",
    [
        *(cut_weights, put_code_into_weights, lose_a_file),
        lambda folder: change(folder, format=2),
        lambda folder: change(folder, centres={"en": [0.0] * 8}),
        lambda folder: change(folder, centres={"en": [0.0] * 8, "el": [0.0] * 7}),
        lambda folder: change(folder, shape={"rows": 5}),
        lambda folder: (folder / "encoder.json").write_text("[]"),
    ],
)
def test_damaged_directory_is_refused_in_words(directory, tmp_path, damage):
    folder = copied(directory, tmp_path / "damaged")
    damage(folder)

    with pytest.raises(encoder.EncoderError, match=f"^{re.escape(str(folder))} .*[Bb]uild (it|the model) again"):
        encoder.load(folder)


def test_threads_are_set_on_wish(directory):
    before = torch.get_num_threads()
    try:
        encoder.load(directory, threads=2)
        encoder.load(directory, threads=None)
        assert torch.get_num_threads() == 2
        encoder.load(directory)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


# --- from text files


@pytest.fixture
def files(tmp_path) -> Path:
    (tmp_path / "en.txt").write_text("\n".join(ENGLISH))
    (tmp_path / "el.txt").write_text("\n".join(GREEK))
    (tmp_path / "words.tsv").write_text("en\tel\n" + "".join("\t".join(entry) + "\n" for entry in DICTIONARY.entries))
    return tmp_path


def arguments(files: Path, **options: object) -> list[str]:
    given = {"steps": 8, "batch": 4, "layers": 1, "width": 8, "heads": 2, "inner": 16, "positions": 12} | options
    return [
        *("--corpus", f"en={files / 'en.txt'}", "--corpus", f"el={files / 'el.txt'}"),
        *("--dictionary", str(files / "words.tsv"), "--out", str(files / "model"), "--vocabulary", "80"),
        *(str(part) for name, value in given.items() for part in (f"--{name}", value)),
    ]


def test_command_makes_a_directory_from_text_files(files, found):
    command = [sys.executable, "-m", "questions.crosslingual.build", *arguments(files)]

    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)

    made = encoder.load(files / "model")
    assert "8 entries are pairs; 0 are the same in both languages" in done.stdout
    assert re.search(r"step 8 of 8, loss -?\d+\.\d+, [\d,]+ tokens/s", done.stdout)
    assert done.stdout.endswith(f"{files / 'model'} holds {made.name}.\n")
    np.testing.assert_allclose(made.embed(["ring"], ["en"]), found.embed(["ring"], ["en"]), atol=1e-5)


def test_command_says_what_is_wrong(files, capsys):
    (files / "words.tsv").write_text("en\tel\nring\n")

    status = build.main(arguments(files))

    assert status == 1
    assert capsys.readouterr().err.startswith(f"{files / 'words.tsv'}, line 2: there are 1 filled columns and not two.")
    assert not (files / "model").exists()


def test_model_is_not_written_over(files, capsys):
    (files / "model").mkdir()
    (files / "model/encoder.json").write_text("mine")

    assert build.main(arguments(files)) == 1
    assert "holds a model already" in capsys.readouterr().err
    assert (files / "model/encoder.json").read_text() == "mine"


def test_cut_run_goes_on_to_the_same_model(files, found, monkeypatch):
    steps = iter(range(5))

    def stop(*_: object) -> None:
        if next(steps) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(build, "CHECKPOINT_STEPS", 2)
    with monkeypatch.context() as cut:
        cut.setattr(build.Progress, "__call__", stop)
        with pytest.raises(KeyboardInterrupt):
            build.build(CORPORA, [DICTIONARY], CONFIG, files / "model", size=80)

    assert [path.name.partition("-")[0] for path in (files / "model").iterdir()] == ["checkpoint"]
    resumed = build.build(CORPORA, [DICTIONARY], CONFIG, files / "model", size=80)

    np.testing.assert_allclose(resumed.embed(ENGLISH, ["en"] * 7), found.embed(ENGLISH, ["en"] * 7), atol=1e-5)


def test_pairs_come_together_and_queries_find_their_translation(tmp_path):
    config = train.Config(steps=150, batch=8, layers=1, width=16, heads=2, inner=32, positions=16, rate=5e-3)

    found = build.build(CORPORA, [DICTIONARY], config, tmp_path / "model", size=80)

    words = found._model.words.weight.detach()
    cosines = torch.cosine_similarity(words[found.vocabulary.pairs[:, 0]], words[found.vocabulary.pairs[:, 1]])
    scores = found.embed(GREEK, ["el"] * 7) @ found.embed(ENGLISH, ["en"] * 7).T
    assert float(cosines.min()) > 0.9
    assert scores.argmax(axis=1).tolist() == list(range(7))
