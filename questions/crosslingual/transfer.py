"""What an encoder carries from the original language to the derived one: zero-shot, supervised, alignment, retrieval.

BZ is the score on the derived language after fine-tuning on the original one (zero-shot), BS after fine-tuning on the
derived language itself, delta = BZ - BS. Two regimes: `tuned` (all weights) and `probe` (frozen encoder, linear head).
Rivals that need no encoder stand beside. Source of the measures: code of Tang et al. 2022 (princeton-nlp/align-mlm).
"""

import copy
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name that PyTorch's own documentation uses
from numpy.typing import NDArray
from torch import Tensor, nn

from questions.crosslingual import languages
from questions.crosslingual.languages import SPECIALS, TAGS, TOPICS, Ids, Sentence
from questions.crosslingual.model import Encoder
from questions.crosslingual.objectives import frame

ORIGINAL, DERIVED = 0, 1
BATCH = 32
TUNED = (1e-3, 3)  # learning rate, epochs
PROBE = (1e-2, 10)
UNLABELLED = -100


class Sizes(NamedTuple):
    """Numbers of sentences: for pre-training in each language, with labels, for tests, and to look for held-out ones in."""

    training: int = 20_000
    labelled: int = 1_000
    tested: int = 1_000
    searched: int = 20_000


SIZES = Sizes()


class World(NamedTuple):
    """An original and a derived language, index 0 and 1 of each pair, with disjoint sentences for each purpose."""

    vocabulary: int
    rows: int
    training: tuple[list[Sentence], list[Sentence]]
    labelled: tuple[list[Sentence], list[Sentence]]
    tested: tuple[list[Sentence], list[Sentence]]
    searched: tuple[list[Sentence], list[Sentence]]
    dictionary: Ids
    held_out: Ids


def world(
    transformation: str,
    seed: int,
    *,
    share: float = 1.0,
    same_content: bool = True,
    sizes: Sizes = SIZES,
    scale: float = 1.0,
) -> World:
    """Return the languages of a transformation; `share` of the dictionary is given, the rest held out.

    With `same_content` every training sentence exists in both languages, as in the paper; without, the derived corpus
    comes from other sentences of the same grammar, so that no word can be found by its exact counts.
    """
    words = languages.lexicon(seed, scale=scale)
    steps = languages.steps_of(transformation, words.size)
    # Seeds of one run must not meet: each purpose has its own stream.
    streams = np.random.SeedSequence(seed).generate_state(8).tolist()

    def both(count: int, stream: int) -> tuple[list[Sentence], list[Sentence]]:
        original = languages.sample(words, count, streams[stream])
        return original, languages.derive(original, steps, streams[6])

    training = both(sizes.training, 0)
    if not same_content:
        training = training[0], both(sizes.training, 1)[1]
    pairs = languages.translations(transformation, words.size)
    known, held_out = languages.split_dictionary(pairs, share, streams[5])
    rows = words.size * (2 if "script" in transformation else 1)
    searched = both(sizes.searched, 4) if len(held_out) else ([], [])
    return World(words.size, rows, training, both(sizes.labelled, 2), both(sizes.tested, 3), searched, known, held_out)


def measure(model: Encoder, of: World, seed: int) -> dict[str, float]:
    """Return every score of an encoder in percent, by names such as "pos.probe.zero"; the encoder is left as it was."""
    scores: dict[str, float] = {}
    for task in (PARTS_OF_SPEECH, TOPIC):
        for regime in ("tuned", "probe"):
            torch.manual_seed(seed)
            zero = task.learn(model, of.labelled[ORIGINAL], ORIGINAL, regime)
            own = task.learn(model, of.labelled[DERIVED], DERIVED, regime)
            for name, head in (("zero", zero), ("supervised", own)):
                for measure_name, value in head.score(of.tested[DERIVED], DERIVED).items():
                    scores[f"{measure_name}.{regime}.{name}"] = value
    known = np.concatenate([of.dictionary, of.held_out])
    scores["alignment"] = alignment(model, known, of)
    scores["retrieval"] = retrieval(model, of.tested)
    scores["retrieval.words"] = retrieval(model, of.tested, static=True)
    if len(of.held_out):
        scores["alignment.held_out"] = alignment(model, of.held_out, of)
        chosen = without(of.searched, of.dictionary, limit=len(of.tested[ORIGINAL]))
        scores["retrieval.held_out"] = retrieval(model, chosen)
        scores["retrieval.held_out.n"] = len(chosen[ORIGINAL])
    return scores


class Head(NamedTuple):
    """An encoder with a linear classifier on its states: of each token, or of the sentence's mean."""

    model: Encoder
    linear: nn.Linear
    by_token: bool

    def score(self, sentences: Sequence[Sentence], language: int) -> dict[str, float]:
        """Return the scores in percent on labelled sentences of a language."""
        predicted: list[Ids] = []
        with torch.inference_mode():
            for batch in batches(sentences):
                states, words = states_of(self.model, batch, language)
                if not self.by_token:
                    predicted.extend(self.linear(average(states, words)).argmax(1).numpy()[:, None])
                    continue
                found = self.linear(states).argmax(2)
                predicted.extend(row[kept].numpy() for row, kept in zip(found, words, strict=True))
        if not self.by_token:
            return {"topic": accuracy(predicted, [np.array([s.topic]) for s in sentences])}
        gold = [s.tags for s in sentences]
        return {"pos": accuracy(predicted, gold), "pos.runs": runs_f1(predicted, gold)}


class Task(NamedTuple):
    """A labelling of tokens or of sentences."""

    classes: int
    by_token: bool

    def learn(self, model: Encoder, sentences: Sequence[Sentence], language: int, regime: str) -> Head:
        """Return a head trained on labelled sentences of one language; `tuned` trains a copy of the encoder too."""
        rate, epochs = TUNED if regime == "tuned" else PROBE
        encoder = copy.deepcopy(model) if regime == "tuned" else model
        head = Head(encoder, nn.Linear(model.shape.width, self.classes), self.by_token)
        trained = [*head.linear.parameters(), *(encoder.parameters() if regime == "tuned" else ())]
        optimizer = torch.optim.AdamW(trained, lr=rate, fused=True)
        frozen = self._frozen(model, sentences, language) if regime == "probe" else None
        for _ in range(epochs):
            for numbers in torch.randperm(len(sentences)).split(BATCH):
                if frozen is not None:
                    states, labels = (torch.cat([part[n] for n in numbers.tolist()]) for part in frozen)
                else:
                    states, labels = self._pair(encoder, [sentences[n] for n in numbers.tolist()], language)
                optimizer.zero_grad()
                F.cross_entropy(head.linear(states), labels).backward()
                optimizer.step()
        return head

    def _frozen(
        self, model: Encoder, sentences: Sequence[Sentence], language: int
    ) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Return each sentence's states and labels, computed once."""
        states: list[Tensor] = []
        labels: list[Tensor] = []
        with torch.no_grad():
            for batch in batches(sentences):
                found, wanted = self._pair(model, batch, language)
                sizes = [len(sentence.ids) if self.by_token else 1 for sentence in batch]
                states.extend(found.split(sizes))
                labels.extend(wanted.split(sizes))
        return states, labels

    def _pair(self, model: Encoder, batch: Sequence[Sentence], language: int) -> tuple[Tensor, Tensor]:
        """Return states (n, width) and labels (n,) of a batch."""
        states, words = states_of(model, batch, language)
        if not self.by_token:
            return average(states, words), torch.tensor([sentence.topic for sentence in batch])
        return states[words], torch.from_numpy(np.concatenate([sentence.tags for sentence in batch]))


PARTS_OF_SPEECH = Task(len(TAGS), by_token=True)
TOPIC = Task(TOPICS, by_token=False)


def batches(sentences: Sequence[Sentence]) -> Iterator[Sequence[Sentence]]:
    """Yield the sentences in order, `BATCH` at a time."""
    for start in range(0, len(sentences), BATCH):
        yield sentences[start : start + BATCH]


def states_of(model: Encoder, batch: Sequence[Sentence], language: int) -> tuple[Tensor, Tensor]:
    """Return the top states (batch, tokens, width) and which tokens are words (batch, tokens)."""
    ids = frame([torch.from_numpy(sentence.ids) for sentence in batch])
    numbers = torch.full_like(ids, language) if model.languages is not None else None
    return model(ids, numbers), ids >= SPECIALS


def average(states: Tensor, words: Tensor) -> Tensor:
    """Return the mean (batch, width) of the states (batch, tokens, width) of words (batch, tokens)."""
    weights = words.to(states.dtype)[:, :, None]
    return (states * weights).sum(1) / weights.sum(1)


def accuracy(predicted: Sequence[Ids], gold: Sequence[Ids]) -> float:
    """Return the share of right labels in percent: the token micro-F1 when each token has exactly one tag."""
    return 100 * float(np.mean(np.concatenate(predicted) == np.concatenate(gold)))


def runs_f1(predicted: Sequence[Ids], gold: Sequence[Ids]) -> float:
    """Return the F1 in percent over maximal runs of one tag, of which both ends and the tag must be right.

    This is what seqeval's entity-level F1 amounts to on tags without B- and I-, as the authors' code scores POS; but for
    CCONJ and SCONJ, which seqeval takes for one type, since it reads a tag's first letter as its prefix.
    """
    found = [set(_runs(tags)) for tags in predicted]
    wanted = [set(_runs(tags)) for tags in gold]
    right = sum(len(a & b) for a, b in zip(found, wanted, strict=True))
    return 100 * 2 * right / max(1, sum(map(len, found)) + sum(map(len, wanted)))


def _runs(tags: Ids) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and tag of each maximal run."""
    edges = [0, *(np.flatnonzero(np.diff(tags)) + 1).tolist(), len(tags)]
    for start, end in itertools.pairwise(edges):
        yield start, end, int(tags[start])


def alignment(model: Encoder, pairs: Ids, of: World) -> float:
    """Return the share in percent of words whose nearest row of the derived language is their translation.

    Cosine over the raw embedding table, plus the language vector where the model has one. Top-1 among all derived words.
    """
    vectors = model.words.weight.detach()
    first, second = (vectors + model.languages.weight[n] if model.languages else vectors for n in (ORIGINAL, DERIVED))
    lowest = SPECIALS + of.rows - of.vocabulary
    candidates = F.normalize(second[lowest:], dim=1)
    nearest = (F.normalize(first[pairs[:, 0]], dim=1) @ candidates.T).argmax(1).numpy() + lowest
    return 100 * float(np.mean(nearest == pairs[:, 1]))


def sentence_vectors(model: Encoder, sentences: Sequence[Sentence], language: int, *, static: bool = False) -> Tensor:
    """Return unit vectors (n, width): mean top state (`static`: mean embedding row), minus the language's mean."""
    with torch.inference_mode():
        parts = [_means(model, batch, language, static=static) for batch in batches(sentences)]
        vectors = torch.cat(parts)
        return F.normalize(vectors - vectors.mean(0), dim=1)


def _means(model: Encoder, batch: Sequence[Sentence], language: int, *, static: bool) -> Tensor:
    if not static:
        return average(*states_of(model, batch, language))
    ids = frame([torch.from_numpy(sentence.ids) for sentence in batch])
    return average(model.words(ids), ids >= SPECIALS)


def retrieval(
    model: Encoder, sentences: tuple[Sequence[Sentence], Sequence[Sentence]], *, static: bool = False
) -> float:
    """Return the share in percent of sentences whose nearest derived sentence is their own translation (top-1 of n)."""
    if not sentences[ORIGINAL]:
        return float("nan")
    first = sentence_vectors(model, sentences[ORIGINAL], ORIGINAL, static=static)
    second = sentence_vectors(model, sentences[DERIVED], DERIVED, static=static)
    return 100 * float(((first @ second.T).argmax(1) == torch.arange(len(first))).float().mean())


def without(
    sentences: tuple[Sequence[Sentence], Sequence[Sentence]], pairs: Ids, *, limit: int
) -> tuple[list[Sentence], list[Sentence]]:
    """Return the first `limit` sentences, in both languages, none of whose words but end marks is in the dictionary."""
    known = set(pairs[:, 0].tolist())
    mark = TAGS.index("PUNCT")
    chosen = [
        number
        for number, sentence in enumerate(sentences[ORIGINAL])
        if not known.intersection(sentence.ids[sentence.tags != mark].tolist())
    ][:limit]
    return [sentences[ORIGINAL][n] for n in chosen], [sentences[DERIVED][n] for n in chosen]


def rivals(of: World) -> dict[str, float]:
    """Return the scores in percent of what needs no encoder: the majority label, the dictionary, a bag of words."""
    back = {int(j): int(i) for i, j in of.dictionary}
    labelled, tested = of.labelled[ORIGINAL], of.tested[DERIVED]
    gold = [sentence.tags for sentence in tested]
    tags = Counter(int(tag) for sentence in labelled for tag in sentence.tags)
    majority = tags.most_common(1)[0][0]
    looked_up = _look_up_tags(labelled, tested, back, majority)
    topic = Counter(sentence.topic for sentence in labelled).most_common(1)[0][0]
    return {
        "pos.majority": accuracy([np.full(len(sentence.ids), majority) for sentence in tested], gold),
        "pos.dictionary": accuracy(looked_up, gold),
        "pos.runs.dictionary": runs_f1(looked_up, gold),
        "topic.majority": 100 * float(np.mean([sentence.topic == topic for sentence in tested])),
        "topic.bag_of_words": _bag_topics(labelled, tested, back),
        "retrieval.bag_of_words": _bag_retrieval(of.tested, back),
    }


def _look_up_tags(
    labelled: Sequence[Sentence], tested: Sequence[Sentence], back: Mapping[int, int], majority: int
) -> list[Ids]:
    """Return for each word the most frequent tag of its translation in the labelled sentences."""
    seen: dict[int, Counter[int]] = defaultdict(Counter)
    for sentence in labelled:
        for word, tag in zip(sentence.ids.tolist(), sentence.tags.tolist(), strict=True):
            seen[word][tag] += 1
    best = {word: counts.most_common(1)[0][0] for word, counts in seen.items()}
    return [np.array([best.get(back.get(w, w), majority) for w in sentence.ids.tolist()]) for sentence in tested]


def _bag_topics(labelled: Sequence[Sentence], tested: Sequence[Sentence], back: Mapping[int, int]) -> float:
    """Return the accuracy of naive Bayes on translated words, add-one smoothing."""
    width = 1 + max(int(sentence.ids.max()) for sentence in [*labelled, *tested])
    counts = np.ones((TOPICS, width))
    for sentence in labelled:
        np.add.at(counts[sentence.topic], sentence.ids, 1)
    logs = np.log(counts / counts.sum(1, keepdims=True))
    known = set(back.values())
    right = 0
    for sentence in tested:
        words = [back.get(w, w) for w in sentence.ids.tolist()]
        words = [w for w in words if w in known]
        right += int(logs[:, words].sum(1).argmax() == sentence.topic)
    return 100 * right / len(tested)


def _bag_retrieval(sentences: tuple[Sequence[Sentence], Sequence[Sentence]], back: Mapping[int, int]) -> float:
    """Return top-1 retrieval in percent by cosine of tf-idf vectors of translated words."""
    rows = [s.ids.tolist() for s in sentences[ORIGINAL]]
    columns = [[back.get(w, w) for w in s.ids.tolist()] for s in sentences[DERIVED]]
    width = 1 + max(max(words, default=0) for words in [*rows, *columns])
    first, second = _counts(rows, width), _counts(columns, width)
    idf = np.log((1 + len(rows)) / (1 + (first > 0).sum(0))) + 1
    return 100 * float(np.mean((_unit(first * idf) @ _unit(second * idf).T).argmax(1) == np.arange(len(rows))))


def _counts(sentences: Sequence[Sequence[int]], width: int) -> NDArray[np.float64]:
    counts = np.zeros((len(sentences), width))
    for row, words in zip(counts, sentences, strict=True):
        np.add.at(row, list(words), 1)
    return counts


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the rank correlation of two series (n,), ties at their mean rank; nan when one of them is constant."""
    a, b = _ranks(np.asarray(first)), _ranks(np.asarray(second))
    if a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values])
