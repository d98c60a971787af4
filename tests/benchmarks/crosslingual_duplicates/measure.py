"""One run: train an encoder on a material, search by it and by its rivals, and score all of them alike."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from questions.crosslingual import build, train, wordlist
from questions.crosslingual.encoder import Encoder
from questions.crosslingual.wordlist import WordList
from tests.benchmarks.crosslingual_duplicates import searches
from tests.benchmarks.crosslingual_duplicates.material import DERIVED, ENGLISH, KINDS, Material, prepare
from tests.benchmarks.crosslingual_duplicates.searches import Scores

BYTE_PAIRS = 2000
POSITIONS = 64  # tokens; of padding a batch would be mostly made with more
SITE_COSINE = 0.85  # DUPLICATE_COSINE as it is without a setting


class Run(NamedTuple):
    """What one run is told: the seed and the share of the dictionary's entries that is known."""

    seed: int
    share: float
    root: Path
    steps: int


class Score(NamedTuple):
    """In percent: first hits that are right, precision and recall at a threshold, and their harmonic mean."""

    top: float
    precision: float
    recall: float
    f1: float
    by_kind: dict[str, float]


def measure(run: Run) -> dict[str, Score]:
    """Return the scores of every search by name."""
    torch.set_num_threads(1)
    material = prepare(run.root, run.seed, run.share)
    encoder = encoded(material, run)
    words = searches.bag_of_words(material)
    listed = word_list(material)
    found = {
        "encoder": encoder,
        "bag of words": words,
        "encoder + bag of words": encoder + words,
        "character runs, translated": searches.translated_grams(material),
        "character runs, as typed": searches.character_grams(material),
        "word list": listed,
    }
    return {name: score(likeness, material, run.seed) for name, likeness in found.items()} | {
        f"encoder, from {SITE_COSINE}": score(encoder, material, run.seed, least=SITE_COSINE),
        f"word list, from {wordlist.THRESHOLD}": score(listed, material, run.seed, least=wordlist.THRESHOLD),
    }


def encoded(material: Material, run: Run) -> Scores:
    """Return the cosines of an encoder that is trained on the material's corpora by the path for an operator's files."""
    config = train.Config(seed=run.seed, steps=run.steps, positions=POSITIONS)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        encoder = build.build(material.corpora, [material.dictionary], config, Path(folder) / "model", size=BYTE_PAIRS)
    return likeness(encoder, material)


def word_list(material: Material) -> Scores:
    """Return the cosines of the site's search by word list."""
    with tempfile.TemporaryDirectory() as folder:
        found = wordlist.build(material.corpora[ENGLISH], [material.dictionary], Path(folder))
    return likeness(found, material)


def likeness(encoder: Encoder | WordList, material: Material) -> Scores:
    """Return the cosines of the queries and the index."""
    index = encoder.embed([one.text for one in material.index], [ENGLISH] * len(material.index))
    queries = encoder.embed([one.text for one in material.queries], [DERIVED] * len(material.queries))
    return (queries @ index.T).astype(np.float64)


def score(likeness: Scores, material: Material, seed: int, *, least: float | None = None) -> Score:
    """Score the first hit of every query, reported from `least`; else from a threshold chosen on the other half of them."""
    families = {one.family for one in material.index}
    first = likeness.argmax(axis=1)
    best = likeness.max(axis=1)
    wanted = np.array([one.family in families for one in material.queries])
    right = np.array(
        [material.index[place].family == one.family for place, one in zip(first, material.queries, strict=True)]
    )
    halves = np.random.default_rng(seed).permutation(len(best)) % 2
    reported = np.zeros(len(best), dtype=bool)
    for half in (0, 1):
        chosen = halves == half
        bound = threshold(best[chosen], right[chosen], wanted[chosen]) if least is None else least
        reported[~chosen] = best[~chosen] >= bound
    kinds = np.array([one.kind for one in material.queries])
    return Score(
        100 * right[wanted].mean(),
        *_at(reported, right, wanted),
        {kind: 100 * right[wanted & (kinds == kind)].mean() for kind in KINDS},
    )


def threshold(best: Scores, right: Scores, wanted: Scores) -> float:
    """Return the likeness above which reporting gives the highest harmonic mean of precision and recall."""
    return max(best, key=lambda least: _at(best >= least, right, wanted)[2])


def _at(reported: Scores, right: Scores, wanted: Scores) -> tuple[float, float, float]:
    hits = float((reported & right).sum())
    precision, recall = hits / max(1, reported.sum()), hits / wanted.sum()
    return 100 * precision, 100 * recall, 200 * precision * recall / max(precision + recall, 1e-9)
