"""Real questions, a made-up language derived from English, and edited copies in it to be found again."""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from questions.crosslingual.corpora import Dictionary
from questions.crosslingual.splitting import FORMULA, pieces

ENGLISH, DERIVED = "en", "qaa"  # the second code is set aside for private use
LETTERS = "აბგდევზთიკლმნოპრსტუფქღშჩცძხჯ"
WORD_LETTERS = (2, 7)
# Shares of the families: asked for but not in the index, asked for in an edited copy, read in the derived language only;
# the others are in the index and nobody asks for them.
NEW, COPIED, FOREIGN = 0.2, 0.25, 0.25
COMMON_SUBJECT = 3  # questions of a subject in the index that make a new one of it hard
MIN_SEEN = 2  # of a word of running text that the full dictionary knows
MIN_WORDS = 4  # of a line of running text
MAX_LINES = 6000
TRANSLATED_SHARE = 0.5
DROPPED_SHARE = 0.2

_CHUNK = re.compile(rf"(?:{FORMULA.pattern}|\S)+", re.DOTALL)
_WORD = re.compile(r"\\[A-Za-z]+|[^\W\d_]{2,}")
_NUMBER = re.compile(r"\d+")


class Question(NamedTuple):
    """A question; those of a family differ in numbers only, and count as copies of each other."""

    id: str
    text: str
    subject: str
    family: str


class Query(NamedTuple):
    """An edited copy in the derived language, its kind of edit, and the family that it was made from."""

    text: str
    family: str
    kind: str


class Material(NamedTuple):
    """What is searched, what is asked, and what the encoder may learn from: English is of the index, the derived
    corpus of questions that are nowhere else, so that the two hold no translations and neither holds a query."""

    index: list[Question]
    queries: list[Query]
    corpora: dict[str, list[str]]
    dictionary: Dictionary


def read_questions(root: Path) -> list[Question]:
    """Return the questions of both sets, each text once."""
    found: dict[str, Question] = {}
    for part in ("theoremqa", "scibench"):
        for one in _lines(root / part / "questions.jsonl"):
            text = " ".join(one["question"].split())
            family = " ".join(_NUMBER.sub("0", text).casefold().split())
            found.setdefault(text, Question(one["id"], text, one["raw_subject"], family))
    return list(found.values())


def read_running_text(root: Path) -> dict[str, list[str]]:
    """Return the lines of recorded answers by question, up to the first program."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in _lines(root / "theoremqa" / "responses.jsonl"):
        prose = one["response"].partition("```")[0]
        found[one["question_id"]] += [line.strip() for line in prose.splitlines() if len(line.split()) >= MIN_WORDS]
    return found


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    return map(json.loads, path.read_text(encoding="utf-8").splitlines())


def prepare(root: Path, seed: int, share: float) -> Material:
    """Return the material of a seed with a random share of the dictionary's entries."""
    rng = random.Random(seed)
    questions = read_questions(root)
    new, copied, foreign = _split(questions, rng)
    index = [one for one in questions if one.family not in new | foreign]
    subjects = Counter(one.subject for one in index)
    asked = [
        *(one for one in index if one.family in copied),
        *(one for one in questions if one.family in new and subjects[one.subject] >= COMMON_SUBJECT),
    ]
    language = Language(seed)
    queries = _queries(asked, index, language, rng)
    spoken = read_running_text(root)
    corpora = {
        ENGLISH: _corpus(index, spoken, rng),
        DERIVED: [
            language.derive(line) for line in _corpus([one for one in questions if one.family in foreign], spoken, rng)
        ],
    }
    words = _types(questions, corpora[ENGLISH])
    entries = [(word, language.word(word)) for word in rng.sample(words, round(share * len(words)))]
    return Material(index, queries, corpora, Dictionary((ENGLISH, DERIVED), entries))


def _split(questions: Sequence[Question], rng: random.Random) -> tuple[set[str], set[str], set[str]]:
    """Return the new, the copied and the foreign families."""
    families = sorted({one.family for one in questions})
    rng.shuffle(families)
    ends = [round(part * len(families)) for part in (NEW, NEW + COPIED, NEW + COPIED + FOREIGN)]
    return set(families[: ends[0]]), set(families[ends[0] : ends[1]]), set(families[ends[1] : ends[2]])


def _corpus(questions: Sequence[Question], spoken: Mapping[str, Sequence[str]], rng: random.Random) -> list[str]:
    """Return the questions and running text about them, each line once."""
    said = list(dict.fromkeys(line for one in questions for line in spoken.get(one.id, ())))
    return [one.text for one in questions] + rng.sample(said, min(MAX_LINES, len(said)))


def _types(questions: Sequence[Question], lines: Sequence[str]) -> list[str]:
    """Return the words that a full dictionary knows, in order of the alphabet."""
    counts = Counter(word for line in lines for word in words_of(line))
    asked = {word for one in questions for word in words_of(one.text)}
    return sorted(asked | {word for word, count in counts.items() if count >= MIN_SEEN})


def words_of(text: str) -> list[str]:
    """Return the words of two letters or more, without case."""
    return [piece.text.casefold() for piece in pieces(text) if piece.is_word and len(piece.text) > 1]


class Language:
    """A language with a script and words of its own and the reverse order of words; numbers and formulas stay."""

    def __init__(self, seed: int) -> None:
        """Make other words for another seed."""
        self.seed = seed

    def word(self, word: str) -> str:
        """Return the word's translation: letters drawn at random, so that its form tells nothing."""
        rng = random.Random(f"{self.seed} {word.casefold()}")
        return "".join(rng.choices(LETTERS, k=rng.randint(*WORD_LETTERS)))

    def derive(
        self,
        text: str,
        *,
        is_translated: Callable[[], bool] = lambda: True,
        order: Callable[[list[str]], list[str]] = lambda chunks: chunks[::-1],
    ) -> str:
        """Return the text in the language; `is_translated` is asked for each word, `order` puts a sentence in order."""

        def translate(found: re.Match[str]) -> str:
            word = found.group()
            return word if word.startswith("\\") or not is_translated() else self.word(word)

        def outside(chunk: str) -> str:
            parts, end = "", 0
            for formula in FORMULA.finditer(chunk):
                parts += _WORD.sub(translate, chunk[end : formula.start()]) + formula.group()
                end = formula.end()
            return parts + _WORD.sub(translate, chunk[end:])

        return " ".join(outside(chunk) for sentence in sentences(text) for chunk in _ordered(sentence, order))


def sentences(text: str) -> list[list[str]]:
    """Return the sentences as chunks between spaces; a formula is not cut."""
    found: list[list[str]] = [[]]
    for chunk in _CHUNK.findall(text):
        found[-1].append(chunk)
        if chunk[-1] in ".?!":
            found.append([])
    return [sentence for sentence in found if sentence]


def _ordered(sentence: Sequence[str], order: Callable[[list[str]], list[str]]) -> list[str]:
    """Return the chunks in order, the end mark kept last."""
    mark = sentence[-1][-1] if sentence[-1][-1] in ".?!" else ""
    bare = [*sentence[:-1], sentence[-1][: len(sentence[-1]) - len(mark)]]
    return [*order([chunk for chunk in bare if chunk]), *([mark] if mark else [])]


def _queries(
    asked: Sequence[Question], index: Sequence[Question], language: Language, rng: random.Random
) -> list[Query]:
    by_subject: dict[str, list[str]] = defaultdict(list)
    for one in index:
        by_subject[one.subject] += words_of(one.text)

    def shuffled(chunks: list[str]) -> list[str]:
        return rng.sample(chunks, len(chunks))

    def edited(one: Question, kind: str) -> str:
        if kind == "words dropped":
            return language.derive(drop(one.text, rng))
        if kind == "words substituted":
            return language.derive(substitute(one.text, by_subject[one.subject], rng))
        if kind == "numbers changed":
            return language.derive(renumber(one.text, rng))
        if kind == "half translated":
            return language.derive(one.text, is_translated=lambda: rng.random() < TRANSLATED_SHARE)
        return language.derive(one.text, order=shuffled)

    return [Query(edited(one, kind), one.family, kind) for one in asked for kind in [rng.choice(KINDS)]]


KINDS = ("words dropped", "words substituted", "numbers changed", "half translated", "re-ordered")


def drop(text: str, rng: random.Random) -> str:
    """Return the text without about a fifth of its chunks, but not without all."""
    chunks = text.split()
    return " ".join([chunk for chunk in chunks if rng.random() >= DROPPED_SHARE] or chunks)


def substitute(text: str, words: Sequence[str], rng: random.Random) -> str:
    """Return the text with one or two words replaced by words of the same subject."""
    places = [found.span() for found in _WORD.finditer(text) if not found.group().startswith("\\")]
    for start, end in sorted(rng.sample(places, min(rng.randint(1, 2), len(places))), reverse=True):
        text = text[:start] + rng.choice(words) + text[end:]
    return text


def renumber(text: str, rng: random.Random) -> str:
    """Return the text with every number replaced by another one of as many digits."""
    return _NUMBER.sub(lambda found: "".join(rng.choices("123456789", k=len(found.group()))), text)
