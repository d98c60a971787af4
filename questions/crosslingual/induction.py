"""More dictionary from less: pairs of words that stand in the same company, found by counts over monolingual text.

Words are compared by how often they stand near the words of the known dictionary, at any side of them, so that a reversed
or other word order costs little. Source of the idea: Rapp 1999, "Automatic identification of word translations from
unrelated English and German corpora"; hubs are corrected as by Conneau et al. 2018 (CSLS), arXiv 1710.04087.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from questions.crosslingual.languages import Ids

Matrix = NDArray[np.float32]

BANDS = ((1, 1), (2, 2), (3, 14))  # distances in tokens, from and to, that count as one kind of company each
ROUNDS = 4  # each round uses the pairs of the round before as further company
NEIGHBOURS = 10  # of CSLS
FREQUENCY = 0.1  # what a factor of e between the frequencies of two words takes off their similarity


class Block(NamedTuple):
    """The rows of one language: from `first` up to, not including, `end`."""

    first: int
    end: int


def induce(corpora: tuple[Sequence[Ids], Sequence[Ids]], pairs: Ids, blocks: tuple[Block, Block]) -> Ids:
    """Return new pairs (m, 2) of words that are not in `pairs` (n, 2): each the other's nearest after `ROUNDS` rounds.

    `corpora` are the sentences of both languages, which need not be translations of each other. When they are, the counts
    of a word and of its translation agree exactly, and finding them proves nothing. Raises ValueError if n == 0.
    """
    if not len(pairs):
        raise ValueError("Without a known pair there is nothing to compare company by.")
    texts = tuple(_Text(sentences, block) for sentences, block in zip(corpora, blocks, strict=True))
    found = pairs[:0]
    for _ in range(ROUNDS):
        similarity = _similarity(texts, np.concatenate([pairs, found]))
        found = _mutual(similarity, pairs, blocks)
    return found


class _Text:
    """The words of one language: all pairs of neighbours by band, and how often each word occurs."""

    def __init__(self, sentences: Sequence[Ids], block: Block) -> None:
        self.block = block
        flat = np.concatenate([np.append(ids, -np.ones(1, dtype=int)) for ids in sentences])
        owner = np.cumsum(flat < 0, dtype=np.int64)
        self.bands = [_neighbours(flat, owner, *band) for band in BANDS]
        own = flat[(flat >= block.first) & (flat < block.end)] - block.first
        self.frequency = np.log1p(np.bincount(own, minlength=block.end - block.first))

    def company(self, anchors: Ids) -> list[Matrix]:
        """Return for each band unit rows (words, anchors): square roots of positive pointwise mutual information."""
        place = np.full(int(max(self.block.end, anchors.max() + 1)), -1)
        place[anchors] = np.arange(len(anchors))
        return [self._profile(words, others, place, len(anchors)) for words, others in self.bands]

    def _profile(self, words: Ids, others: Ids, place: Ids, anchors: int) -> Matrix:
        kept = (words >= self.block.first) & (words < self.block.end) & (others < len(place))
        words, columns = words[kept] - self.block.first, place[others[kept]]
        size = self.block.end - self.block.first
        cells = words[columns >= 0] * anchors + columns[columns >= 0]
        counts = np.bincount(cells, minlength=size * anchors).reshape(size, anchors).astype(np.float32)
        expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / max(1.0, float(counts.sum()))
        information = np.log(np.maximum(counts, 1e-9) / np.maximum(expected, 1e-9))
        rows = np.sqrt(np.where(counts > 0, np.maximum(information, 0), 0))
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _neighbours(flat: Ids, owner: Ids, nearest: int, farthest: int) -> tuple[Ids, Ids]:
    """Return words and their neighbours (n,) at these distances within a sentence, in both directions."""
    firsts, seconds = [], []
    for distance in range(nearest, farthest + 1):
        same = (owner[:-distance] == owner[distance:]) & (flat[:-distance] >= 0) & (flat[distance:] >= 0)
        firsts.append(flat[:-distance][same])
        seconds.append(flat[distance:][same])
    return np.concatenate([*firsts, *seconds]), np.concatenate([*seconds, *firsts])


def _similarity(texts: tuple["_Text", ...], pairs: Ids) -> Matrix:
    """Return (words of the first block, words of the second): mean cosine of the bands, less what frequencies differ."""
    first, second = (text.company(pairs[:, side]) for side, text in enumerate(texts))
    cosine = sum(a @ b.T for a, b in zip(first, second, strict=True)) / len(BANDS)
    differing = np.abs(texts[0].frequency[:, None] - texts[1].frequency[None, :])
    return csls(cosine - FREQUENCY * differing.astype(np.float32))


def csls(similarity: Matrix, neighbours: int = NEIGHBOURS) -> Matrix:
    """Return 2 s(i, j) less the mean similarity of i and of j to their nearest `neighbours`; takes hubs down a peg."""
    k = min(neighbours, *similarity.shape)
    rows = np.partition(similarity, -k, axis=1)[:, -k:].mean(1, keepdims=True)
    columns = np.partition(similarity, -k, axis=0)[-k:].mean(0, keepdims=True)
    return 2 * similarity - rows - columns


def _mutual(similarity: Matrix, known: Ids, blocks: tuple[Block, Block]) -> Ids:
    """Return the pairs (m, 2) of rows outside the known dictionary that are each other's nearest."""
    left = np.setdiff1d(np.arange(*blocks[0]), known[:, 0])
    right = np.setdiff1d(np.arange(*blocks[1]), known[:, 1])
    if not len(left) or not len(right):
        return known[:0]
    open_ = similarity[np.ix_(left - blocks[0].first, right - blocks[1].first)]
    forth, back = open_.argmax(1), open_.argmax(0)
    mutual = np.flatnonzero(back[forth] == np.arange(len(left)))
    return np.stack([left[mutual], right[forth[mutual]]], axis=1)
