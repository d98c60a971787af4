"""Real text as ids: one joint vocabulary with shared anchors and a block of rows for each language.

Rows in order: PAD, CLS, SEP, MASK; the anchors; then language by language its dictionary words, one row each, and its byte
pairs. An anchor is a row that every language uses for the same thing:
- digits, one at a time and whatever the script, marks, and the letters of ASCII;
- what stands in a formula ($...$, $$...$$, \\(...\\), \\[...\\]) and LaTeX commands anywhere;
- words that two corpora hold and that are a single letter, or foreign to the script of one of them, or always capitalised
  also within a sentence (names);
- dictionary entries that are the same in both languages;
- 256 bytes, by which anything else is spelled, so that no text is lost.
A word that stands in a dictionary of its language is never an anchor there. Words are compared without case, formulas with.
"""

import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import BpeTrainer

from questions.crosslingual.corpora import LANGUAGE_CODE, CorpusError, Dictionary
from questions.crosslingual.languages import SPECIALS, Ids
from questions.crosslingual.splitting import Piece, pieces

WORD_START = "▁"  # tells the first piece of a word from those that go on
PRINTABLE = [chr(code) for code in range(33, 127)]
BYTES = [f"<0x{value:02X}>" for value in range(256)]
FIRST_BYTE = SPECIALS + len(PRINTABLE)
MIN_SEEN = 2  # of an anchor, and of a byte pair
LONGESTFORMULA = 1000
FILE = "vocabulary.json"
SENTENCE_ENDS = (".", "?", "!", ":")


class Counts(NamedTuple):
    """What became of the entries of the dictionaries."""

    kept: int = 0  # pairs of rows
    shared: int = 0  # the same in both languages: an anchor
    not_a_word: int = 0  # several words, digits or marks on a side
    unseen: int = 0  # neither side stands in its corpus
    repeated: int = 0

    def __str__(self) -> str:
        """Return the counts as a sentence."""
        return (
            f"{self.kept} entries are pairs; {self.shared} are the same in both languages, {self.not_a_word} are not"
            f" single words, {self.unseen} stand in no corpus, {self.repeated} are repeated."
        )


class Entry(NamedTuple):
    """A word of one language and its translation in another, both without case."""

    language: str
    word: str
    other: str
    translation: str


class Vocabulary:
    """One space of ids for all languages: `train` it once, then `encode` with it.

    `blocks` are each language's rows as (first, last + 1), `pairs` (n, 2) the rows of the dictionary's entries in both
    languages, `counts` what became of the dictionaries, `size` how many rows an embedding table needs.
    """

    def __init__(
        self,
        anchors: Sequence[str],
        shared: Sequence[str],
        words: Mapping[str, Sequence[str]],
        byte_pairs: Mapping[str, Tokenizer],
        entries: Sequence[Entry],
        counts: Counts,
    ) -> None:
        """Lay out the rows: specials, anchors (`shared` are those that words may use), each language's words and byte pairs."""
        self.languages = tuple(words)
        self.anchors, self.shared, self.byte_pairs = anchors, frozenset(shared), byte_pairs
        self.entries, self.counts = entries, counts
        self.blocks: dict[str, tuple[int, int]] = {}
        self.words: dict[str, dict[str, int]] = {}
        self.size = SPECIALS + len(anchors)
        for language, own in words.items():
            first = self.size
            self.words[language] = {word: first + place for place, word in enumerate(own)}
            self.size += len(own) + byte_pairs[language].get_vocab_size()
            self.blocks[language] = (first, self.size)
        rows = [(self.words[one.language][one.word], self.words[one.other][one.translation]) for one in entries]
        self.pairs: Ids = np.array(rows, dtype=np.int64).reshape(-1, 2)
        self._rows = {anchor: SPECIALS + place for place, anchor in enumerate(anchors)}
        self._letters = {
            language: {piece for piece in found.get_vocab() if len(piece) == 1}
            for language, found in byte_pairs.items()
        }

    @classmethod
    def train(
        cls, corpora: Mapping[str, Sequence[str]], dictionaries: Sequence[Dictionary], *, size: int = 8000
    ) -> "Vocabulary":
        """Return the vocabulary of corpora by language, with at most `size` byte pairs each beside the dictionary's words.

        The same input gives the same vocabulary. Raises CorpusError for a name that is no language code, an empty corpus,
        and a dictionary of a language that has no corpus.
        """
        _check(corpora, dictionaries)
        seen = {language: _count(lines) for language, lines in corpora.items()}
        entries, same, counts = _sort_entries(dictionaries, seen)
        words = {language: list(dict.fromkeys(_words_of(language, entries))) for language in corpora}
        shared = _shared_words(seen, words).union(same)
        anchors = [*PRINTABLE, *BYTES, *sorted(shared.union(_others(seen)).difference(PRINTABLE))]
        byte_pairs = {
            language: _train_byte_pairs(lines, words[language], shared, size) for language, lines in corpora.items()
        }
        return cls(anchors, sorted(shared), words, byte_pairs, entries, counts)

    def encode(self, text: str, language: str) -> list[int]:
        """Return the ids of a text without CLS and SEP; empty for text without anything but spaces.

        A word with letters that the language does not have is read as one of the first language that has them all, so
        that text which is translated in part keeps its meaning. Raises CorpusError for a language that is unknown.
        """
        if language not in self.blocks:
            raise CorpusError(f"There is no language {language!r} here; known are {', '.join(self.languages)}.")
        found = pieces(text)
        parts: list[list[int]] = []
        to_split: dict[str, list[int]] = {name: [] for name in self.languages}
        for place, piece in enumerate(found):
            reader = self._reader(piece.text.casefold(), language) if piece.is_word else ""
            row = self._row(piece, reader or language)
            if row is None and reader:
                to_split[reader].append(place)
            parts.append(self._spell(piece) if row is None else [row])
        for reader, places in to_split.items():
            for place, ids in zip(places, self._split([found[place].text for place in places], reader), strict=True):
                parts[place] = ids
        return list(itertools.chain.from_iterable(parts))

    def _reader(self, word: str, language: str) -> str:
        """Return the language whose letters spell the word, the given one first; empty if there is none."""
        languages = (language, *self.languages)
        return next((name for name in languages if self._letters[name].issuperset(word)), "")

    def _row(self, piece: Piece, language: str) -> int | None:
        if not piece.is_word:
            return self._rows.get(piece.text)
        word = piece.text.casefold()
        row = self.words[language].get(word)
        return self._rows[word] if row is None and word in self.shared else row

    def _split(self, words: Sequence[str], language: str) -> list[list[int]]:
        """Return the byte pairs of each word; the library would leave out letters that the language lacks, silently."""
        result: list[list[int]] = [[] for _ in words]
        marked = [WORD_START + word.casefold() for word in words]
        encoding = self.byte_pairs[language].encode(marked, is_pretokenized=True, add_special_tokens=False)
        first = self.blocks[language][0] + len(self.words[language])
        for row, place in zip(encoding.ids, encoding.word_ids, strict=True):
            result[place].append(first + row)
        return result

    def _spell(self, piece: Piece) -> list[int]:
        """Return the rows of the single characters, or of the bytes of those that have no row."""
        rows: list[int] = []
        for char in piece.text.casefold() if piece.is_word else piece.text:
            row = self._rows.get(char)
            # A lone surrogate is no character, but a form may send one.
            spelled = [FIRST_BYTE + value for value in char.encode("utf-8", "surrogatepass")]
            rows += spelled if row is None else [row]
        return rows

    def decode(self, ids: Sequence[int]) -> str:
        """Return readable text of ids: words without case, single spaces between pieces."""
        texts = self._texts()
        parts: list[str] = []
        for is_byte, run in itertools.groupby(ids, lambda row: FIRST_BYTE <= row < FIRST_BYTE + len(BYTES)):
            if is_byte:
                parts.append(bytes(row - FIRST_BYTE for row in run).decode("utf-8", "surrogatepass"))
            else:
                parts += [texts[row] for row in run]
        return "".join(parts).replace(WORD_START, " ").strip()

    def _texts(self) -> list[str]:
        """Return the text of every row, the start of a word marked."""
        texts = [WORD_START] * SPECIALS + [WORD_START + anchor for anchor in self.anchors]
        for language, found in self.byte_pairs.items():
            texts += [WORD_START + word for word in self.words[language]]
            texts += sorted(found.get_vocab(), key=found.get_vocab().__getitem__)
        return texts

    @property
    def files(self) -> list[str]:
        """Return the names of the files that `save` writes."""
        return [FILE, *map(_byte_pair_file, self.languages)]

    def save(self, directory: Path) -> None:
        """Write the vocabulary's files into a directory that is there."""
        state = {
            "anchors": self.anchors,
            "shared": sorted(self.shared),
            "words": {language: list(words) for language, words in self.words.items()},
            "entries": self.entries,
            "counts": self.counts._asdict(),
        }
        (directory / FILE).write_text(json.dumps(state, ensure_ascii=False) + "\n", encoding="utf-8")
        for language, found in self.byte_pairs.items():
            (directory / _byte_pair_file(language)).write_text(found.to_str(), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "Vocabulary":
        """Return the vocabulary that `save` wrote; raises CorpusError for files that are missing or damaged."""
        try:
            state = json.loads((directory / FILE).read_text(encoding="utf-8"))
            byte_pairs = {language: _read_byte_pairs(directory, language) for language in state["words"]}
            entries = [Entry(*entry) for entry in state["entries"]]
            return cls(
                state["anchors"], state["shared"], state["words"], byte_pairs, entries, Counts(**state["counts"])
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorpusError(f"{directory} holds no readable vocabulary: {error!r}. Build the model again.") from error


def _byte_pair_file(language: str) -> str:
    return f"byte-pairs-{language}.json"


def _read_byte_pairs(directory: Path, language: str) -> Tokenizer:
    _check_code(language)  # it becomes part of a path
    text = (directory / _byte_pair_file(language)).read_text(encoding="utf-8")
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"{_byte_pair_file(language)}: {error}") from error


def _check(corpora: Mapping[str, Sequence[str]], dictionaries: Sequence[Dictionary]) -> None:
    for language, lines in corpora.items():
        _check_code(language)
        if not any(map(pieces, lines)):
            raise CorpusError(f"The corpus of {language} holds no word. Give it at least one sentence.")
    for language in dict.fromkeys(name for dictionary in dictionaries for name in dictionary.languages):
        if language not in corpora:
            raise CorpusError(
                f"A dictionary is of {language!r}, which has no corpus; there are {', '.join(corpora)}. Give it a corpus,"
                " or mend the first line of the dictionary."
            )


def _check_code(language: str) -> None:
    if not LANGUAGE_CODE.fullmatch(language):
        raise CorpusError(f"{language!r} is no language code. Write one such as en or pt-BR.")


class Seen(NamedTuple):
    """What a corpus holds: words without case, those that begin with a capital within a sentence, those that do without
    one, what is no word, and letters by script."""

    words: Counter[str]
    names: Counter[str]
    common: set[str]
    others: Counter[str]
    scripts: Counter[str]


def _count(lines: Iterable[str]) -> Seen:
    seen = Seen(Counter(), Counter(), set(), Counter(), Counter())
    for line in lines:
        before = "."
        for text, is_word in pieces(line):
            if is_word:
                _count_word(text, seen, begins=before in SENTENCE_ENDS)
            else:
                seen.others[text] += 1
            before = text
    for word, count in seen.words.items():
        seen.scripts[_script(word)] += count
    return seen


def _count_word(text: str, seen: Seen, *, begins: bool) -> None:
    word = text.casefold()
    seen.words[word] += 1
    if text[0] == text[0].casefold():
        seen.common.add(word)
    elif not begins:
        seen.names[word] += 1


def _script(word: str) -> str:
    """Return the script of a word's first letter, such as LATIN: the first word of its name in Unicode."""
    return unicodedata.name(word[0], "").partition(" ")[0]


def _sort_entries(
    dictionaries: Sequence[Dictionary], seen: Mapping[str, Seen]
) -> tuple[list[Entry], list[str], Counts]:
    """Return the entries that become pairs of rows, the words that are the same in both languages, and counts of all."""
    kept: dict[Entry, None] = {}
    same: dict[str, None] = {}
    reasons: Counter[str] = Counter()
    for (first, second), entries in dictionaries:
        for left, right in entries:
            sides = [pieces(left), pieces(right)]
            if any(len(side) != 1 or not side[0].is_word for side in sides):
                reasons["not_a_word"] += 1
                continue
            entry = Entry(first, sides[0][0].text.casefold(), second, sides[1][0].text.casefold())
            if entry.word == entry.translation:
                same[entry.word] = None
                reasons["shared"] += 1
            elif entry.word not in seen[first].words and entry.translation not in seen[second].words:
                reasons["unseen"] += 1
            else:
                reasons["repeated"] += entry in kept
                kept[entry] = None
    return list(kept), list(same), Counts(kept=len(kept), **reasons)


def _words_of(language: str, entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        if entry.language == language:
            yield entry.word
        if entry.other == language:
            yield entry.translation


def _shared_words(seen: Mapping[str, Seen], words: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the words that are anchors, by the rule at the top."""
    held, named, common, foreign = Counter[str](), Counter[str](), set[str](), set[str]()
    for one in seen.values():
        held.update(one.words.keys())
        named.update(one.names.keys())
        common |= one.common
        main = max(one.scripts, key=one.scripts.__getitem__, default="")
        foreign.update(word for word in one.words if _script(word) != main)
    translated = {word for own in words.values() for word in own}
    return {
        word
        for word, corpora in held.items()
        if corpora > 1
        and word not in translated
        and (len(word) == 1 or word in foreign or (named[word] > 1 and word not in common))
    }


def _others(seen: Mapping[str, Seen]) -> set[str]:
    """Return the marks, commands and parts of formulas that stand in the corpora more than once."""
    counts = sum((one.others for one in seen.values()), Counter[str]())
    return {text for text, count in counts.items() if count >= MIN_SEEN}


def _train_byte_pairs(lines: Iterable[str], own: Iterable[str], shared: set[str], size: int) -> Tokenizer:
    """Return byte pairs trained on the words that have no row yet; the dictionary's own words lend their letters only."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = WhitespaceSplit()
    taken = shared.union(own)
    letters = sorted({WORD_START, *(char for word in own for char in word)})
    trainer = BpeTrainer(vocab_size=size, min_frequency=MIN_SEEN, show_progress=False, initial_alphabet=letters)
    tokenizer.train_from_iterator((_marked(line, taken) for line in lines), trainer)
    return tokenizer


def _marked(line: str, taken: set[str]) -> str:
    words = (piece.text.casefold() for piece in pieces(line) if piece.is_word)
    return " ".join(WORD_START + word for word in words if word not in taken)
