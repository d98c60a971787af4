"""The searches that are compared: each gives the likeness of queries and indexed questions as a matrix."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.crosslingual_duplicates.material import Material

Scores = NDArray[np.float64]
GRAMS = range(2, 5)

_TOKEN = re.compile(r"\\[A-Za-z]+|\d+(?:\.\d+)?|[^\W\d_]+|[^\w\s]")


def bag_of_words(material: Material) -> Scores:
    """Cosine of TF-IDF vectors, the queries translated word by word; a word without an entry stays as it is."""
    back = {translation: word for word, translation in material.dictionary.entries}

    def tokens(text: str) -> list[str]:
        return [back.get(token, token) for token in _TOKEN.findall(text.casefold())]

    return tf_idf([one.text for one in material.index], [one.text for one in material.queries], tokens)


def character_grams(material: Material) -> Scores:
    """Cosine of TF-IDF vectors of runs of two to four characters, nothing translated: what needs no dictionary at all."""
    return tf_idf([one.text for one in material.index], [one.text for one in material.queries], _grams)


def translated_grams(material: Material) -> Scores:
    """The same with the queries translated word by word."""
    back = {translation: word for word, translation in material.dictionary.entries}
    queries = [
        re.sub(r"[^\W\d_]+", lambda found: back.get(found.group(), found.group()), one.text) for one in material.queries
    ]
    return tf_idf([one.text for one in material.index], queries, _grams)


def _grams(text: str) -> list[str]:
    text = " ".join(text.casefold().split())
    return [text[start : start + size] for size in GRAMS for start in range(len(text) - size + 1)]


def tf_idf(index: Sequence[str], queries: Sequence[str], tokens: Callable[[str], Sequence[str]]) -> Scores:
    """Return cosines (queries, index) of (1 + log count) x log(1 + n / documents that hold the token)."""
    counts = [Counter(tokens(text)) for text in index]
    held = Counter(token for count in counts for token in count)
    weights = {token: np.log(1 + len(index) / documents) for token, documents in held.items()}
    columns = {token: column for column, token in enumerate(weights)}
    asked = [Counter(tokens(text)) for text in queries]
    return _vectors(asked, columns, weights) @ _vectors(counts, columns, weights).T


def _vectors(counts: Sequence[Counter[str]], columns: Mapping[str, int], weights: Mapping[str, float]) -> Scores:
    rows = np.zeros((len(counts), len(columns)))
    for row, count in zip(rows, counts, strict=True):
        for token, times in count.items():
            if token in columns:
                row[columns[token]] = (1 + np.log(times)) * weights[token]
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
