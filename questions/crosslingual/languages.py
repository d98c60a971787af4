"""A synthetic language with gold tags and topics, and languages derived from it: everything generated, nothing downloaded.

The grammar is probabilistic and context-free. A derived language holds the same sentences with another script (`id + V`),
another word order, or both, so that translations are known exactly. Source of the idea: Deshpande et al. 2021, "When is
BERT Multilingual?", arXiv 2110.14782; Tang et al. 2022, arXiv 2211.08547.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PAD, CLS, SEP, MASK = 0, 1, 2, 3
SPECIALS = 4  # ids below this one are shared by all languages

Ids = NDArray[np.int64]


class Rule(NamedTuple):
    """One expansion of a symbol: its weight, its parts, and the same parts in the order of the second grammar."""

    weight: float
    parts: str
    second: str = ""


# The second order is verb-final with postpositions and adjectives after their nouns; end marks and commas stay.
GRAMMAR: Mapping[str, Sequence[Rule]] = {
    "S": (
        Rule(0.72, "S1 ."),
        Rule(0.10, "AUX NP VP ?", "NP VP AUX ?"),
        Rule(0.04, "VP !"),
        Rule(0.14, "PP , S1 ."),
    ),
    "S1": (Rule(0.86, "NP VP"), Rule(0.08, "S1 CCONJ S1"), Rule(0.06, "ADV NP VP")),
    "NP": (
        Rule(0.27, "DET NOUN"),
        Rule(0.18, "DET ADJ NOUN", "DET NOUN ADJ"),
        Rule(0.13, "PRON"),
        Rule(0.10, "PROPN"),
        Rule(0.10, "NP PP", "PP NP"),
        Rule(0.07, "NOUN"),
        Rule(0.05, "NUM NOUN", "NOUN NUM"),
        Rule(0.05, "NOUN NOUN"),
        Rule(0.05, "DET NOUN SCONJ VP", "VP SCONJ DET NOUN"),
    ),
    "VP": (
        Rule(0.30, "VERB NP", "NP VERB"),
        Rule(0.12, "VERB"),
        Rule(0.13, "VERB NP PP", "PP NP VERB"),
        Rule(0.14, "AUX VERB NP", "NP VERB AUX"),
        Rule(0.07, "VERB ADV", "ADV VERB"),
        Rule(0.07, "AUX ADJ", "ADJ AUX"),
        Rule(0.05, "VERB SCONJ S1", "S1 SCONJ VERB"),
        Rule(0.05, "AUX PART VERB NP", "NP VERB PART AUX"),
        Rule(0.04, "AUX ADV ADJ", "ADV ADJ AUX"),
        Rule(0.03, "PART VERB NP", "NP VERB PART"),
    ),
    "PP": (Rule(1.0, "ADP NP", "NP ADP"),),
}
MARKS = (".", "?", "!", ",")
TAGS = ("NOUN", "VERB", "ADJ", "PROPN", "ADV", "DET", "PRON", "ADP", "AUX", "CCONJ", "SCONJ", "NUM", "PART", "PUNCT")
OPEN_WORDS = {"NOUN": 250, "VERB": 125, "ADJ": 75, "PROPN": 60, "ADV": 30}
CLOSED_WORDS = {"DET": 12, "PRON": 20, "ADP": 20, "AUX": 15, "CCONJ": 6, "SCONJ": 12, "NUM": 20, "PART": 4}
# Forms that two tags share, so that a tag needs its context.
SHARED_FORMS = {
    ("NOUN", "VERB"): 40,
    ("NOUN", "ADJ"): 15,
    ("ADJ", "ADV"): 7,
    ("DET", "PRON"): 3,
    ("ADP", "SCONJ"): 3,
    ("VERB", "AUX"): 3,
    ("PRON", "SCONJ"): 1,
}
TOPICS = 20
TOPICAL = ("NOUN", "VERB", "ADJ", "PROPN")
ON_TOPIC = 0.7
LENGTHS = (4, 14)  # tokens of a sentence, both included


class Sentence(NamedTuple):
    """Ids (n,) without CLS and SEP, tags (n,) as numbers of `TAGS`, the topic, and the second grammar's order (n,)."""

    ids: Ids
    tags: Ids
    topic: int
    second: Ids


class Lexicon(NamedTuple):
    """Words of each tag as ids from `SPECIALS` up, with frequencies, and the same by topic for the topical tags."""

    size: int
    words: Mapping[str, Ids]
    weights: Mapping[str, NDArray[np.float64]]
    by_topic: Mapping[str, Sequence[tuple[Ids, NDArray[np.float64]]]]


def lexicon(seed: int, *, scale: float = 1.0) -> Lexicon:
    """Return a lexicon of 605 rows (scale 1), specials included; `scale` multiplies the open classes and shared forms.

    Frequencies within a tag are Zipfian (weight 1 / rank); each word of a topical tag belongs to one of `TOPICS` topics.
    """
    rng = np.random.default_rng(seed)
    counts = {tag: round(n * scale) for tag, n in OPEN_WORDS.items()} | CLOSED_WORDS
    words: dict[str, Ids] = {}
    next_id = SPECIALS
    for tag, count in counts.items():
        borrowed = [
            rng.choice(words[first], round(n * (scale if tag in OPEN_WORDS else 1)), replace=False)
            for (first, second), n in SHARED_FORMS.items()
            if second == tag
        ]
        own = count - sum(map(len, borrowed))
        words[tag] = rng.permutation(np.concatenate([*borrowed, np.arange(next_id, next_id + own)]))
        next_id += own
    for mark in MARKS:
        words[mark] = np.array([next_id])
        next_id += 1
    weights = {tag: zipf(len(ids)) for tag, ids in words.items()}
    topics = {tag: rng.integers(TOPICS, size=len(words[tag])) for tag in TOPICAL}
    by_topic = {tag: [_part(words[tag], weights[tag], topics[tag] == t) for t in range(TOPICS)] for tag in TOPICAL}
    return Lexicon(next_id, words, weights, by_topic)


def zipf(count: int) -> NDArray[np.float64]:
    """Return probabilities (count,) in proportion to 1 / rank."""
    weights = 1 / np.arange(1, count + 1)
    return weights / weights.sum()


def _part(ids: Ids, weights: NDArray[np.float64], chosen: NDArray[np.bool_]) -> tuple[Ids, NDArray[np.float64]]:
    if not chosen.any():
        return ids, weights
    return ids[chosen], weights[chosen] / weights[chosen].sum()


def sample(words: Lexicon, count: int, seed: int) -> list[Sentence]:
    """Return `count` sentences of 4 to 14 tokens drawn from the grammar."""
    rng = np.random.default_rng(seed)
    sampler = _Sampler(words, rng)
    sentences: list[Sentence] = []
    while len(sentences) < count:
        sentence = sampler.draw()
        if sentence is not None:
            sentences.append(sentence)
    return sentences


class _Sampler:
    """Draws derivations; random numbers come in blocks, since single draws cost more than the grammar."""

    def __init__(self, words: Lexicon, rng: np.random.Generator) -> None:
        self.words = words
        self.rng = rng
        self.cumulated = {symbol: np.cumsum([rule.weight for rule in rules]) for symbol, rules in GRAMMAR.items()}
        self.parts = {symbol: [_split(rule) for rule in rules] for symbol, rules in GRAMMAR.items()}
        self.tables = {tag: np.cumsum(weights) for tag, weights in words.weights.items()}
        self.topical = {tag: [np.cumsum(w) for _, w in parts] for tag, parts in words.by_topic.items()}
        self.numbers: list[float] = []

    def draw(self) -> Sentence | None:
        """Return one sentence, or None when it is too short or too long."""
        tags: list[str] = []
        order = self._expand("S", tags)
        if order is None or not LENGTHS[0] <= len(tags) <= LENGTHS[1]:
            return None
        topic = int(self._random() * TOPICS)
        ids = np.array([self._word(tag, topic) for tag in tags])
        numbers = np.array([TAGS.index("PUNCT" if tag in MARKS else tag) for tag in tags])
        return Sentence(ids, numbers, topic, np.array(order))

    def _expand(self, symbol: str, tags: list[str]) -> list[int] | None:
        """Append the symbol's tags in the first order; return their places in the second, None once too long."""
        if symbol not in GRAMMAR:
            tags.append(symbol)
            return [len(tags) - 1]
        if len(tags) > LENGTHS[1]:
            return None
        chosen = int(np.searchsorted(self.cumulated[symbol], self._random() * self.cumulated[symbol][-1]))
        parts, second = self.parts[symbol][chosen]
        places = [self._expand(part, tags) for part in parts]
        if any(place is None for place in places):
            return None
        return [place for index in second for place in places[index] or ()]

    def _word(self, tag: str, topic: int) -> int:
        if tag in self.topical and self._random() < ON_TOPIC:
            return int(self.words.by_topic[tag][topic][0][self._pick(self.topical[tag][topic])])
        return int(self.words.words[tag][self._pick(self.tables[tag])])

    def _pick(self, cumulated: NDArray[np.float64]) -> int:
        return min(int(np.searchsorted(cumulated, self._random())), len(cumulated) - 1)

    def _random(self) -> float:
        if not self.numbers:
            self.numbers = self.rng.random(65536).tolist()
        return self.numbers.pop()


def _split(rule: Rule) -> tuple[list[str], list[int]]:
    """Return the parts of a rule and, for the second order, which part stands where."""
    parts = rule.parts.split()
    rest = list(enumerate(parts))
    order = []
    for name in (rule.second or rule.parts).split():
        found = next(item for item in rest if item[1] == name)
        rest.remove(found)
        order.append(found[0])
    return parts, order


# A step turns a sentence into that of a derived language; steps are applied in sequence.
Step = Callable[[Sentence, np.random.Generator], Sentence]


def script(vocabulary: int, *, shared: Ids | None = None) -> Step:
    """Return the change of script: id -> id + V, but for the specials and for `shared` ids (partial overlap)."""
    table = np.arange(vocabulary)
    table[SPECIALS:] += vocabulary
    if shared is not None:
        table[shared] = shared
    return lambda sentence, _rng: sentence._replace(ids=table[sentence.ids])


def inversion(sentence: Sentence, _rng: np.random.Generator) -> Sentence:
    """Return the sentence in reverse order, its end mark first; the authors' code keeps that one last."""
    return reorder(sentence, np.arange(len(sentence.ids))[::-1])


def permutation(sentence: Sentence, rng: np.random.Generator) -> Sentence:
    """Return the sentence in a random order of its own."""
    return reorder(sentence, rng.permutation(len(sentence.ids)))


def syntax(sentence: Sentence, _rng: np.random.Generator) -> Sentence:
    """Return the sentence in the order of the second grammar; to be applied before any other change of order."""
    return reorder(sentence, sentence.second)


def reorder(sentence: Sentence, order: Ids) -> Sentence:
    """Return the sentence with its words and tags in the given order (n,)."""
    return sentence._replace(ids=sentence.ids[order], tags=sentence.tags[order])


def derive(sentences: Sequence[Sentence], steps: Sequence[Step], seed: int) -> list[Sentence]:
    """Return every sentence after all steps: parallel content, in the same order of sentences."""
    rng = np.random.default_rng(seed)
    derived = []
    for sentence in sentences:
        changed = sentence
        for step in steps:
            changed = step(changed, rng)
        derived.append(changed)
    return derived


TRANSFORMATIONS = (
    *("script", "inversion", "permutation", "syntax"),
    *("script + inversion", "script + permutation", "script + syntax"),
)
ORDERS: Mapping[str, Step] = {"inversion": inversion, "permutation": permutation, "syntax": syntax}


def steps_of(transformation: str, vocabulary: int, *, shared: Ids | None = None) -> list[Step]:
    """Return the steps of a named transformation, such as "script + inversion"; ValueError for an unknown name."""
    if transformation not in TRANSFORMATIONS:
        raise ValueError(f"There is no transformation {transformation!r}; known are {', '.join(TRANSFORMATIONS)}.")
    names = transformation.split(" + ")
    orders = [ORDERS[name] for name in names if name in ORDERS]
    return [*orders, *([script(vocabulary, shared=shared)] if "script" in names else [])]


def overlap(vocabulary: int, fraction: float, seed: int) -> Ids:
    """Return the ids of a random fraction of the words, to be shared by both scripts."""
    words = np.arange(SPECIALS, vocabulary)
    chosen = np.random.default_rng(seed).choice(words, round(fraction * len(words)), replace=False)
    return np.sort(chosen)


def translations(transformation: str, vocabulary: int, *, shared: Ids | None = None) -> Ids:
    """Return the full dictionary (n, 2): each word's row and its translation's; specials and shared words left out."""
    words = np.setdiff1d(np.arange(SPECIALS, vocabulary), [] if shared is None else shared)
    return np.stack([words, words + vocabulary * ("script" in transformation)], axis=1)


def split_dictionary(pairs: Ids, share: float, seed: int) -> tuple[Ids, Ids]:
    """Return a random share of the pairs and the pairs held out, drawn once; both keep the order of `pairs`."""
    chosen = np.zeros(len(pairs), dtype=bool)
    chosen[np.random.default_rng(seed).permutation(len(pairs))[: round(share * len(pairs))]] = True
    return pairs[chosen], pairs[~chosen]
