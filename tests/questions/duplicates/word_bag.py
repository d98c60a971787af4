"""A small honest embedder: a bag of hashed words, with a table that takes some German words for their English ones.

What goes wrong on purpose is chosen by words in the texts: an encoder that fails on a text, or answers it with rubbish.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

ENGLISH = {
    "wieviele": "many",
    "kanten": "edges",
    "hat": "has",
    "ein": "a",
    "vollständiger": "complete",
    "graph": "graph",
    "knoten": "vertices",
    "mit": "with",
    "zwölf": "twelve",
}


class WordBag:
    """Counts of words in 64 boxes, each box with a sign, to unit length."""

    dimensions = 64
    threshold = 0.8

    def __init__(self, name: str = "word-bag:1", languages: frozenset[str] | None = None) -> None:
        self.name = name
        self.languages = languages

    def embed(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        """Return the bags of the texts."""
        return np.stack([self._bag(text) for text in texts])

    def _bag(self, text: str) -> np.ndarray:
        vector = np.zeros(self.dimensions, dtype="float32")
        for word in text.lower().replace("?", "").split():
            digest = hashlib.sha256(ENGLISH.get(word, word).encode()).digest()
            vector[digest[0] % self.dimensions] += 1 if digest[1] % 2 else -1
        length = np.linalg.norm(vector)
        return vector / length if length else vector


class Faulty(WordBag):
    """Fails on texts that name a fault."""

    def embed(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        """Return the bags, or what the first fault says."""
        whole = " ".join(texts)
        if "raises" in whole:
            raise RuntimeError(f"cannot read {whole}")
        found = super().embed(texts, languages)
        if "shapeless" in whole:
            return found[:, :-1]
        if "numberless" in whole:
            return np.full_like(found, np.nan)
        if "endless" in whole:
            return found * 2
        return found


def make() -> WordBag:
    """Return the embedder, for DUPLICATE_EMBEDDER."""
    return WordBag()


def make_faulty() -> Faulty:
    """Return the one that fails."""
    return Faulty("faulty:1")


def make_english() -> WordBag:
    """Return one that was made for English only."""
    return WordBag("word-bag:en", frozenset({"en"}))


def make_nameless() -> WordBag:
    """Return one that does not say what it is."""
    return WordBag("")


def make_broken() -> WordBag:
    """Fail, as a model file that is cut short would."""
    raise OSError("cut short")
