"""Texts of several languages as unit vectors, by a model directory that `questions.crosslingual.build` made.

A directory holds `encoder.json` (facts of the training, centres), `weights.pt` and the files of the vocabulary.
The vector of a text is the mean of the top layer's states over its tokens, CLS and SEP left out, minus the mean vector of
its language over the training corpus, at unit length. Long text is read in windows of as many tokens as the model has
positions for. Source of the recipe: measured on synthetic languages, README.md here.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from questions.crosslingual import objectives, train
from questions.crosslingual.corpora import CorpusError
from questions.crosslingual.languages import SPECIALS, Ids
from questions.crosslingual.model import Encoder as Model
from questions.crosslingual.model import Shape
from questions.crosslingual.text import Vocabulary

FILE = "encoder.json"
WEIGHTS = "weights.pt"
FORMAT = 1
FRAME = 2  # CLS and SEP of a window
BATCH_TOKENS = 8192
CENTRED_LINES = 20_000  # of a corpus, evenly spaced
SHORTEST = 1e-6  # a vector below it has no direction

Vectors = NDArray[np.float32]
Tokens = Sequence[int] | Ids


class EncoderError(Exception):
    """Why a model directory cannot be used, as a sentence."""


class UnreadableText(ValueError):
    """A text that has no vector, named by its place and language."""


class Encoder:
    """A trained model, its vocabulary and the centres of its languages; equal directories have equal names."""

    def __init__(self, name: str, model: Model, vocabulary: Vocabulary, centres: Mapping[str, Vectors]) -> None:
        """Take a model in evaluation mode and a centre (dimensions,) for each language."""
        self.name, self.vocabulary, self.centres = name, vocabulary, centres
        self.languages = frozenset(centres)
        self.dimensions = model.shape.width
        self._model = model

    def embed(self, texts: Sequence[str], languages: Sequence[str]) -> Vectors:
        """Return unit vectors (n, dimensions) of n texts in their languages, float32.

        Raises UnreadableText, a ValueError, that names the language for one which the model does not have, and for a text
        that has no direction: an empty one, or the exact mean of its language. Nothing is returned for the others then.
        """
        for place, language in enumerate(languages):
            if language not in self.languages:
                raise UnreadableText(
                    f"Text {place + 1} is in {language!r}; this model reads {', '.join(sorted(self.languages))}."
                )
        ids = [self.vocabulary.encode(text, language) for text, language in zip(texts, languages, strict=True)]
        for place, (row, language) in enumerate(zip(ids, languages, strict=True)):
            if not row:
                raise UnreadableText(f"Text {place + 1}, in {language!r}, is empty and has no vector.")
        vectors = means(self._model, ids, [self.vocabulary.languages.index(language) for language in languages])
        vectors -= np.array([self.centres[language] for language in languages]).reshape(vectors.shape)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        for place in np.flatnonzero(lengths < SHORTEST).tolist():
            raise UnreadableText(
                f"Text {place + 1}, in {languages[place]!r}, is the mean of its language: no direction."
            )
        return (vectors / lengths).astype(np.float32)


def means(model: Model, texts: Sequence[Tokens], languages: Sequence[int]) -> Vectors:
    """Return the mean of the top states (n, width) over the tokens of each text, given as ids that are not empty.

    `languages` are numbers, read only by a model with language embeddings. Windows of one text count by their tokens.
    """
    longest = model.shape.positions - FRAME
    windows = [(place, ids) for place, text in enumerate(texts) for ids in cut(text, longest)]
    windows.sort(key=lambda window: len(window[1]), reverse=True)
    sums = torch.zeros(len(texts), model.shape.width)
    with torch.inference_mode():
        for batch in _batches(windows):
            places = torch.tensor([place for place, _ in batch])
            framed = objectives.frame([torch.as_tensor(np.asarray(ids)) for _, ids in batch])
            numbers = torch.tensor([languages[place] for place, _ in batch])[:, None].expand_as(framed)
            states = model(framed, numbers if model.languages is not None else None)
            sums.index_add_(0, places, (states * (framed >= SPECIALS)[:, :, None]).sum(dim=1))
    counts = torch.tensor([[len(text)] for text in texts]).reshape(-1, 1)
    return (sums / counts).numpy()


def cut(ids: Tokens, longest: int) -> list[Tokens]:
    """Return the windows of at most `longest` ids that a text is read in."""
    return [ids[start : start + longest] for start in range(0, len(ids), longest)]


def _batches(windows: Sequence[tuple[int, Tokens]]) -> Iterator[Sequence[tuple[int, Tokens]]]:
    """Yield windows, longest first, in batches of at most `BATCH_TOKENS`, padding included."""
    start = 0
    while start < len(windows):
        stop = start + max(1, BATCH_TOKENS // (len(windows[start][1]) + FRAME))
        yield windows[start:stop]
        start = stop


def centre(model: Model, sentences: Sequence[Ids], language: int) -> Vectors:
    """Return the mean vector (width,) of a language's training sentences, at most `CENTRED_LINES` of them."""
    chosen = sentences[:: -(-len(sentences) // CENTRED_LINES)]
    return means(model, chosen, [language] * len(chosen)).mean(axis=0)


def save(
    directory: Path,
    trained: train.Trained,
    vocabulary: Vocabulary,
    centres: Mapping[str, Vectors],
    sources: Mapping[str, Any],
) -> None:
    """Write a model directory; `encoder.json` comes last, so that a directory that has it is complete.

    `sources` says what the model was trained from. The pairs are the dictionary's rows that the training ended with.
    """
    directory.mkdir(parents=True, exist_ok=True)
    vocabulary.save(directory)
    torch.save(trained.model.state_dict(), directory / WEIGHTS)
    state = {
        "format": FORMAT,
        "kind": trained.config.objective,
        "dimensions": trained.model.shape.width,
        "languages": list(vocabulary.languages),
        "blocks": vocabulary.blocks,
        "shape": asdict(trained.model.shape),
        "centres": {language: vector.tolist() for language, vector in centres.items()},
        "training": train.facts(trained.config, vocabulary.size),
        "sources": dict(sources),
        "pairs": trained.pairs.tolist(),
    }
    half = directory / f"{FILE}.half"
    half.write_text(json.dumps(state, ensure_ascii=False) + "\n", encoding="utf-8")
    half.replace(directory / FILE)


def load(directory: Path, *, threads: int | None = 1) -> Encoder:
    """Return the encoder of a model directory; `threads` is set for the whole process, None leaves it as it is.

    The weights are read as tensors only, so that a foreign file runs no code. Raises EncoderError for a directory that
    is incomplete, damaged or of another format.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        state = json.loads((directory / FILE).read_text(encoding="utf-8"))
        if state["format"] != FORMAT:
            raise EncoderError(f"{directory} is of format {state['format']}, not {FORMAT}. Build the model again.")
        return _restored(directory, state)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, CorpusError, train.CheckpointError) as error:
        reason = str(error).partition("\n")[0].rstrip(".:")
        raise EncoderError(f"{directory} holds no readable model: {reason}. Build it again.") from error


def _restored(directory: Path, state: Mapping[str, Any]) -> Encoder:
    vocabulary = Vocabulary.load(directory)
    model = Model(Shape(**state["shape"]))
    model.load_state_dict(train.read(directory / WEIGHTS))
    centres = {language: np.array(vector, dtype=np.float32) for language, vector in state["centres"].items()}
    width = (model.shape.width,)
    if vocabulary.size != model.shape.rows or {name: vector.shape for name, vector in centres.items()} != dict.fromkeys(
        vocabulary.languages, width
    ):
        raise ValueError("vocabulary, weights and centres do not belong together")
    return Encoder(f"{state['kind']}-{_digest(directory, vocabulary)}", model.eval(), vocabulary, centres)


def _digest(directory: Path, vocabulary: Vocabulary) -> str:
    """Return the first 12 digits of the SHA-256 over the files that decide the vectors."""
    whole = hashlib.sha256()
    for name in (FILE, WEIGHTS, *vocabulary.files):
        whole.update(hashlib.sha256((directory / name).read_bytes()).digest())
    return whole.hexdigest()[:12]
