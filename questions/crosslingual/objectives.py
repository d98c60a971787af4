"""The objectives as functions of tensors: MLM, XLM (TLM), DICT-MLM, ALIGN-MLM, and PreAlign's contrastive start.

A batch is ids (batch, tokens) with CLS first, SEP after each sentence and PAD at the end. A dictionary is pairs (n, 2) of
rows of the embedding matrix E (rows, dim). Random numbers come from a generator that the caller owns.
Sources: Tang et al. 2022, arXiv 2211.08547, and its code (princeton-nlp/align-mlm at 711fdda); Conneau & Lample 2019
(XLM); Chaudhary et al. 2020 (DICT-MLM); Li et al. 2024 (PreAlign), arXiv 2407.16222.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  the name that PyTorch's own documentation uses
from torch import Tensor

from questions.crosslingual.languages import CLS, MASK, PAD, SEP, SPECIALS

UNSCORED = -100  # a label that enters no loss
MASKING_RATE = 0.15
ALPHA = 10.0


class Masked(NamedTuple):
    """What the model reads and what it has to say: inputs and labels (batch, tokens), labels UNSCORED where not asked."""

    inputs: Tensor
    labels: Tensor
    languages: Tensor | None = None
    positions: Tensor | None = None


def select(ids: Tensor, generator: torch.Generator, rate: float = MASKING_RATE) -> Tensor:
    """Return which tokens (batch, tokens) are to be predicted: each word with probability `rate`, specials never."""
    drawn = torch.rand(ids.shape, generator=generator, device=ids.device) < rate
    return drawn & (ids >= SPECIALS)


def mask(ids: Tensor, chosen: Tensor, rows: int, generator: torch.Generator) -> Tensor:
    """Return ids (batch, tokens) with the chosen ones 80 % masked, 10 % replaced by a random word, 10 % kept.

    Random words come from both languages; the authors' code draws them from the first `len(tokenizer)` rows, which are
    the original language alone. Source: Devlin et al. 2019, section 3.1.
    """
    lot = torch.rand(ids.shape, generator=generator, device=ids.device)
    words = torch.randint(SPECIALS, rows, ids.shape, generator=generator, device=ids.device)
    replaced = torch.where(chosen & (lot < 0.9), words, ids)
    return torch.where(chosen & (lot < 0.8), MASK, replaced)


def mlm(ids: Tensor, rows: int, generator: torch.Generator) -> Masked:
    """Return a batch for masked language modelling over `rows` outputs."""
    chosen = select(ids, generator)
    return Masked(mask(ids, chosen, rows, generator), torch.where(chosen, ids, UNSCORED))


def tlm(first: Tensor, second: Tensor, rows: int, generator: torch.Generator) -> Masked:
    """Return a batch of sentence pairs, masked on the concatenation, so that a word may be read off its translation.

    `first` and `second` (batch, tokens) hold the same sentences in two languages; the second loses its CLS, its positions
    start again at 0, and language ids are 0 and 1. Source: Conneau & Lample 2019, section 3.3.
    """
    tail = second[:, 1:]
    ids = torch.cat([first, tail], dim=1)
    languages = torch.cat([torch.zeros_like(first), torch.ones_like(tail)], dim=1)
    positions = torch.cat([_places(first), _places(tail)], dim=1)
    masked = mlm(ids, rows, generator)
    return masked._replace(languages=languages, positions=positions)


def _places(ids: Tensor) -> Tensor:
    return torch.arange(ids.shape[1], device=ids.device).expand_as(ids)


def translation_table(pairs: Tensor, rows: int) -> Tensor:
    """Return for each row (rows,) its translation in either direction, or -1; of two entries the later one counts."""
    table = torch.full((rows,), -1, dtype=torch.long, device=pairs.device)
    table[pairs[:, 0]] = pairs[:, 1]
    table[pairs[:, 1]] = pairs[:, 0]
    return table


def dict_mlm(
    ids: Tensor, languages: Tensor, table: Tensor, rows: int, generator: torch.Generator, *, rate: float = 0.5
) -> Masked:
    """Return a batch in which half of the chosen words stand there as their translations, labelled with themselves.

    A replaced token's language id is flipped. A word drawn for translation that has none stays as it is, unmasked, as in
    the authors' variant "DICT-MLM-50". `languages` (batch, tokens) holds 0 or 1; `table` (rows,) is `translation_table`.
    """
    chosen = select(ids, generator)
    drawn = chosen & (torch.rand(ids.shape, generator=generator, device=ids.device) < rate)
    translated = drawn & (table[ids] >= 0)
    inputs = mask(ids, chosen & ~drawn, rows, generator)
    inputs = torch.where(translated, table[ids], inputs)
    return Masked(inputs, torch.where(chosen, ids, UNSCORED), torch.where(translated, 1 - languages, languages))


def code_switch(batch: Masked, table: Tensor, rate: float, generator: torch.Generator) -> Masked:
    """Return the batch with a share of the words that are not asked for replaced by their translations.

    The input-only code-switching that keeps PreAlign's start alive during pre-training. Source: Li et al. 2024, section 3.
    """
    open_ = (batch.labels == UNSCORED) & (batch.inputs >= SPECIALS) & (table[batch.inputs] >= 0)
    drawn = torch.rand(batch.inputs.shape, generator=generator, device=batch.inputs.device) < rate
    return batch._replace(inputs=torch.where(open_ & drawn, table[batch.inputs], batch.inputs))


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over the asked tokens of -log p(label), logits (n, rows) and labels (n,); 0 when nothing is asked."""
    if labels.numel() == 0:
        return logits.sum() * 0.0
    return F.cross_entropy(logits, labels)


def mean_cosine(embedding: Tensor, pairs: Tensor) -> Tensor:
    """Return the mean over the dictionary of cos(E[i], E[j]), embedding (rows, dim), pairs (n, 2), n > 0."""
    return F.cosine_similarity(embedding[pairs[:, 0]], embedding[pairs[:, 1]], dim=1).mean()


def align_mlm(mlm_loss: Tensor, embedding: Tensor, pairs: Tensor, alpha: float = ALPHA) -> Tensor:
    """Return L = L_MLM - alpha * mean over the whole dictionary of cos(E[i], E[j]).

    E is the raw table of word embeddings, before positions and normalisation; there are no negatives, MLM alone prevents
    collapse. Source: Tang et al. 2022 and `RobertaForAlignedMLM` of its code; alpha 10 in every published run.
    """
    return mlm_loss - alpha * mean_cosine(embedding, pairs) if len(pairs) else mlm_loss


def contrastive(embedding: Tensor, pairs: Tensor, temperature: float = 0.1) -> Tensor:
    """Return the symmetric InfoNCE loss of the pairs (n, 2), every other entry of the dictionary being a negative.

    Source: van den Oord et al. 2018; used on dictionary words before pre-training by Li et al. 2024 (PreAlign).
    """
    first = F.normalize(embedding[pairs[:, 0]], dim=1)
    second = F.normalize(embedding[pairs[:, 1]], dim=1)
    similarity = first @ second.T / temperature
    target = torch.arange(len(pairs), device=pairs.device)
    return (F.cross_entropy(similarity, target) + F.cross_entropy(similarity.T, target)) / 2


def frame(sentences: list[Tensor]) -> Tensor:
    """Return ids (batch, tokens): CLS, the words, SEP, and PAD up to the longest."""
    lengths = torch.tensor([len(words) for words in sentences])
    framed = torch.full((len(sentences), int(lengths.max()) + 2), PAD)
    framed[:, 0] = CLS
    framed[:, 1:][torch.arange(framed.shape[1] - 1) < lengths[:, None]] = torch.cat(sentences)
    framed[torch.arange(len(sentences)), lengths + 1] = SEP
    return framed
