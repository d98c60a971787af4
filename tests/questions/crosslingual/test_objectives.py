"""Each objective beside an independent formula in NumPy, and its gradient beside finite differences."""

import numpy as np
import pytest
import torch

from questions.crosslingual import objectives
from questions.crosslingual.languages import CLS, MASK, PAD, SEP, SPECIALS
from questions.crosslingual.objectives import UNSCORED

ROWS = 40  # two languages of 20 rows, the first four special
PAIRS = torch.tensor([[i, i + 20] for i in range(SPECIALS, 20)])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def sentences(count=400, length=10):
    words = torch.randint(SPECIALS, 20, (count, length), generator=seeded(1))
    return objectives.frame(list(words))


def embedding(dtype=torch.float64):
    return torch.randn(ROWS, 6, generator=seeded(2), dtype=dtype)


def test_frame_puts_specials_around_and_pads_to_the_longest():
    framed = objectives.frame([torch.tensor([5, 6, 7]), torch.tensor([8])])

    assert framed.tolist() == [[CLS, 5, 6, 7, SEP], [CLS, 8, SEP, PAD, PAD]]


def test_masking_asks_for_15_percent_of_the_words_and_never_for_specials():
    ids = sentences()
    batch = objectives.mlm(ids, ROWS, seeded())
    asked = batch.labels != UNSCORED

    assert not asked[ids < SPECIALS].any()
    assert float(asked[ids >= SPECIALS].float().mean()) == pytest.approx(0.15, abs=0.02)
    assert torch.equal(batch.labels[asked], ids[asked])
    assert torch.equal(batch.inputs[~asked], ids[~asked])


def test_of_the_asked_words_80_percent_are_masked_10_replaced_10_kept():
    ids = sentences(count=4000)
    batch = objectives.mlm(ids, ROWS, seeded())
    asked = batch.labels != UNSCORED
    inputs, words = batch.inputs[asked], ids[asked]

    assert float((inputs == MASK).float().mean()) == pytest.approx(0.8, abs=0.02)
    assert float((inputs == words).float().mean()) == pytest.approx(0.1 + 0.1 / 36, abs=0.02)
    assert set(inputs.unique().tolist()) == {MASK, *range(SPECIALS, ROWS)}


def test_tlm_joins_the_pair_and_starts_positions_and_languages_anew():
    first = torch.tensor([[CLS, 5, 6, SEP]])
    second = torch.tensor([[CLS, 26, 25, SEP]])
    batch = objectives.tlm(first, second, ROWS, seeded())

    assert torch.where(batch.labels == UNSCORED, batch.inputs, batch.labels).tolist() == [[CLS, 5, 6, SEP, 26, 25, SEP]]
    assert batch.positions.tolist() == [[0, 1, 2, 3, 0, 1, 2]]
    assert batch.languages.tolist() == [[0, 0, 0, 0, 1, 1, 1]]


def test_dict_mlm_reads_the_translation_and_asks_for_the_word():
    ids = sentences(count=4000)
    table = objectives.translation_table(PAIRS, ROWS)
    batch = objectives.dict_mlm(ids, torch.zeros_like(ids), table, ROWS, seeded())
    asked = batch.labels != UNSCORED
    translated = asked & (batch.languages == 1)

    assert torch.equal(batch.labels[asked], ids[asked])
    assert torch.equal(batch.inputs[translated], ids[translated] + 20)
    assert float(translated.sum() / asked.sum()) == pytest.approx(0.5, abs=0.02)
    assert float((batch.inputs[asked] == MASK).float().mean()) == pytest.approx(0.4, abs=0.02)
    assert not (batch.languages == 1)[~asked].any()


def test_dict_mlm_leaves_a_drawn_word_without_entry_as_it_is():
    ids = sentences(count=4000)
    nothing = objectives.translation_table(PAIRS[:0], ROWS)
    batch = objectives.dict_mlm(ids, torch.zeros_like(ids), nothing, ROWS, seeded())
    asked = batch.labels != UNSCORED

    assert not batch.languages.any()
    assert float((batch.inputs[asked] == ids[asked]).float().mean()) == pytest.approx(
        0.5 + 0.5 * (0.1 + 0.1 / 36), abs=0.03
    )


def test_code_switching_touches_only_words_that_are_not_asked_for():
    ids = sentences()
    masked = objectives.mlm(ids, ROWS, seeded())
    table = objectives.translation_table(PAIRS, ROWS)
    switched = objectives.code_switch(masked, table, 0.5, seeded(3))
    changed = switched.inputs != masked.inputs

    assert torch.equal(switched.labels, masked.labels)
    assert not changed[(masked.labels != UNSCORED) | (ids < SPECIALS)].any()
    assert torch.equal(switched.inputs[changed], masked.inputs[changed] + 20)
    assert float(changed.sum() / ((masked.labels == UNSCORED) & (ids >= SPECIALS)).sum()) == pytest.approx(
        0.5, abs=0.03
    )


def test_translations_go_both_ways_and_specials_have_none():
    table = objectives.translation_table(PAIRS, ROWS)

    assert table[:SPECIALS].tolist() == [-1] * SPECIALS
    assert (table[7].item(), table[27].item()) == (27, 7)


def test_cross_entropy_is_the_mean_negative_log_probability():
    logits = torch.randn(5, 7, generator=seeded(), dtype=torch.float64)
    labels = torch.tensor([0, 6, 3, 3, 1])
    values = logits.numpy()
    expected = np.mean([np.log(np.exp(row).sum()) - row[label] for row, label in zip(values, labels, strict=True)])

    assert float(objectives.cross_entropy(logits, labels)) == pytest.approx(expected)
    assert float(objectives.cross_entropy(logits[:0], labels[:0])) == 0.0


def test_align_mlm_takes_off_alpha_times_the_mean_cosine_of_the_whole_dictionary():
    rows = embedding()
    e = rows.numpy()
    cosines = [e[i] @ e[j] / (np.linalg.norm(e[i]) * np.linalg.norm(e[j])) for i, j in PAIRS.tolist()]

    loss = objectives.align_mlm(torch.tensor(3.0, dtype=torch.float64), rows, PAIRS)

    assert float(loss) == pytest.approx(3.0 - 10 * np.mean(cosines))
    assert float(objectives.align_mlm(torch.tensor(3.0), rows, PAIRS[:0])) == 3.0


def test_alignment_moves_no_special_row():
    rows = embedding().requires_grad_()
    objectives.align_mlm(torch.tensor(0.0), rows, PAIRS).backward()
    moved = rows.grad.abs().sum(1) > 0

    assert not moved[:SPECIALS].any()
    assert moved[4:20].all()
    assert moved[24:].all()


def test_contrastive_is_symmetric_info_nce():
    rows = embedding()
    e = rows.numpy() / np.linalg.norm(rows.numpy(), axis=1, keepdims=True)
    s = e[PAIRS[:, 0]] @ e[PAIRS[:, 1]].T / 0.1
    forth = np.mean(np.log(np.exp(s).sum(1)) - np.diag(s))
    back = np.mean(np.log(np.exp(s).sum(0)) - np.diag(s))

    assert float(objectives.contrastive(rows, PAIRS)) == pytest.approx((forth + back) / 2)


@pytest.mark.parametrize(
    "loss",
    [
        lambda rows: objectives.align_mlm(torch.zeros((), dtype=torch.float64), rows, PAIRS),
        lambda rows: objectives.contrastive(rows, PAIRS),
        lambda rows: objectives.cross_entropy(rows[:8] @ rows.T, torch.arange(8)),
    ],
)
def test_gradients_agree_with_finite_differences(loss):
    assert torch.autograd.gradcheck(loss, embedding().requires_grad_())
