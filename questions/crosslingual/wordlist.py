"""`python -m questions.crosslingual.wordlist`: a search for translated copies from bilingual word lists, without training.

    python -m questions.crosslingual.wordlist --corpus english.txt --dictionary en-de.tsv --dictionary en-fr.tsv --out model

The first language that all dictionaries name is the one into which words are translated, the first entry of a word counting;
what has no entry stays as it is. The vector of a text holds its runs of 2 to 4 characters, weighted by tf-idf over a corpus
of that language and hashed into 1,024 numbers. Needs NumPy alone. What it finds beside an encoder: README.md here.
"""

import argparse
import hashlib
import json
import math
import re
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from questions.crosslingual.corpora import CorpusError, Dictionary, read_corpus, read_dictionary
from questions.crosslingual.splitting import WORD, normalise

FILE = "wordlist.json"
FORMAT = 1
LENGTHS = range(2, 5)  # characters of a run
DIMENSIONS = 1024
THRESHOLD = 0.4  # of the cosine; one round number for full and small dictionaries

_WORD = re.compile(rf"\\[A-Za-z]+|{WORD}")

Vectors = NDArray[np.float32]


class WordListError(Exception):
    """Why a directory or its input cannot be used, as a sentence."""


class WordList:
    """Translations by language, word by word, and the weights of runs of characters."""

    dimensions = DIMENSIONS
    is_across_only = True  # within a language letters and words are compared anyway, and texts of a subject are alike

    def __init__(
        self,
        name: str,
        pivot: str,
        translations: Mapping[str, Mapping[str, str]],
        weights: Mapping[str, float],
        threshold: float = THRESHOLD,
    ) -> None:
        """Take for each language but the pivot its words and what they are there, all without case."""
        self.name, self.languages, self.threshold = name, frozenset({pivot, *translations}), threshold
        self._translations, self._weights = translations, weights

    def embed(self, texts: Sequence[str], languages: Sequence[str]) -> Vectors:
        """Return vectors (n, DIMENSIONS) of unit length, float32; zero for a text that shares no run with the corpus."""
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for vector, text, language in zip(vectors, texts, languages, strict=True):
            for run, count in Counter(runs(self.translated(text, language))).items():
                place, sign = box(run)
                vector[place] += sign * (1 + math.log(count)) * self._weights.get(run, 0.0)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths == 0, 1, lengths)

    def translated(self, text: str, language: str) -> str:
        """Return the text without case, with the words that have an entry translated; LaTeX commands stay."""
        entries = self._translations.get(language, {})
        return _WORD.sub(lambda found: entries.get(found.group(), found.group()), normalise(text).casefold())


def runs(text: str) -> Iterator[str]:
    """Yield the runs of 2 to 4 characters, spaces between words counting as one."""
    text = " ".join(text.split())
    for length in LENGTHS:
        for start in range(len(text) - length + 1):
            yield text[start : start + length]


def box(run: str) -> tuple[int, int]:
    """Return the place of a run in the vector, and its sign, by which runs in one place do not add up."""
    value = zlib.crc32(run.encode("utf-8", "surrogatepass"))
    return value % DIMENSIONS, 1 if value >> 31 else -1


def build(
    corpus: Sequence[str], dictionaries: Sequence[Dictionary], out: Path, *, threshold: float = THRESHOLD
) -> WordList:
    """Write the directory `out` from sentences of the pivot language and dictionaries, and return what it holds.

    Raises WordListError when `out` holds a list already, or no language stands in all dictionaries.
    """
    if (out / FILE).exists():
        raise WordListError(f"{out} holds a word list already. Name another directory, or remove that one.")
    pivot = pivot_of(dictionaries)
    held = Counter(run for line in corpus for run in set(runs(normalise(line).casefold())))
    state = {
        "format": FORMAT,
        "pivot": pivot,
        "threshold": threshold,
        "translations": translations(dictionaries, pivot),
        "weights": {run: round(math.log(1 + len(corpus) / lines), 4) for run, lines in sorted(held.items())},
    }
    out.mkdir(parents=True, exist_ok=True)
    half = out / f"{FILE}.half"
    half.write_text(json.dumps(state, ensure_ascii=False) + "\n", encoding="utf-8", errors="surrogatepass")
    half.replace(out / FILE)
    return load(out)


def pivot_of(dictionaries: Sequence[Dictionary]) -> str:
    """Return the first language that stands in all dictionaries."""
    for language in dictionaries[0].languages:
        if all(language in dictionary.languages for dictionary in dictionaries):
            return language
    raise WordListError(
        "No language stands in all dictionaries. Give such as en-de and en-fr, or build one list for each."
    )


def translations(dictionaries: Sequence[Dictionary], pivot: str) -> dict[str, dict[str, str]]:
    """Return by language what each word is in the pivot language; entries for phrases are left out."""
    found: dict[str, dict[str, str]] = {}
    for dictionary in dictionaries:
        at = dictionary.languages.index(pivot)
        entries = found.setdefault(dictionary.languages[1 - at], {})
        for entry in dictionary.entries:
            word = normalise(entry[1 - at]).casefold()
            if _WORD.fullmatch(word):
                entries.setdefault(word, normalise(entry[at]).casefold())
    return found


def load(directory: Path) -> WordList:
    """Return the word list of a directory; raises WordListError for one that is damaged or of another format."""
    try:
        content = (directory / FILE).read_bytes()
        state = json.loads(content.decode("utf-8", "surrogatepass"))
        if state["format"] != FORMAT:
            raise WordListError(f"{directory} is of format {state['format']}, not {FORMAT}. Build it again.")
        name = f"wordlist-{hashlib.sha256(content).hexdigest()[:12]}"
        parts = dict(state["translations"]), dict(state["weights"]), float(state["threshold"])
        return WordList(name, state["pivot"], *parts)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WordListError(f"{directory} holds no readable word list: {error!r}. Build it again.") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the directory and say where it is; return the exit status."""
    options = _options(arguments)
    try:
        dictionaries = [read_dictionary(path) for path in options.dictionary]
        corpus = read_corpus(options.corpus, options.column)
        found = build(corpus, dictionaries, options.out, threshold=options.threshold)
    except (CorpusError, WordListError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{options.out} holds {found.name} for {', '.join(sorted(found.languages))}.\n")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m questions.crosslingual.wordlist",
        description=(__doc__ or "").partition("\n")[0],
        allow_abbrev=False,
    )
    parser.add_argument("--corpus", type=Path, required=True, metavar="FILE", help="text of the common language")
    parser.add_argument("--column", default="", help="of a parquet or JSON Lines corpus")
    parser.add_argument(
        "--dictionary", type=Path, action="append", required=True, metavar="FILE", help="may be repeated"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIRECTORY")
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help="cosine from which a pair is shown")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
