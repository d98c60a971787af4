import dataclasses
import math

import numpy as np
import pytest
import torch

from questions.crosslingual.languages import PAD
from questions.crosslingual.model import Encoder, Shape
from questions.crosslingual.objectives import frame

TINY = Shape(rows=30, layers=2, width=8, heads=2, inner=16, positions=12)


def made(shape=TINY):
    torch.manual_seed(0)
    return Encoder(shape).double().eval()


def norm(x, layer):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + layer.eps) * numpy(layer.weight) + numpy(layer.bias)


def numpy(tensor):
    return tensor.detach().numpy()


def dense(x, layer):
    return x @ numpy(layer.weight).T + numpy(layer.bias)


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / np.sqrt(2))) / 2


def by_numpy(model, ids):
    """Top states of one sentence without padding, from the formulas of the transformer."""
    x = norm(numpy(model.words.weight)[ids] + numpy(model.positions.weight)[: len(ids)], model.norm)
    for layer in model.layers:
        q, k, v = np.split(dense(x, layer.attend), 3, axis=1)
        heads = []
        for part in np.split(np.arange(model.shape.width), model.shape.heads):
            scores = np.exp(q[:, part] @ k[:, part].T / np.sqrt(len(part)))
            heads.append(scores / scores.sum(1, keepdims=True) @ v[:, part])
        x = norm(x + dense(np.concatenate(heads, axis=1), layer.join), layer.first_norm)
        x = norm(x + dense(gelu(dense(x, layer.widen)), layer.narrow), layer.second_norm)
    return x


def test_states_agree_with_the_formulas_of_the_transformer():
    model = made()
    ids = frame([torch.tensor([5, 9, 20])])

    assert numpy(model(ids)[0]) == pytest.approx(by_numpy(model, ids[0].numpy()))


def test_padding_changes_nothing():
    model = made()
    short = torch.tensor([5, 9, 20])
    alone = model(frame([short]))
    padded = model(frame([short, torch.arange(5, 12)]))

    assert numpy(padded[0, :5]) == pytest.approx(numpy(alone[0]))


def test_the_output_is_tied_to_the_word_embeddings():
    model = made()
    hidden = norm(gelu(dense(np.ones((1, 8)), model.head)), model.head_norm)
    expected = hidden @ numpy(model.words.weight).T + numpy(model.bias)

    assert numpy(model.predict(torch.ones(1, 8, dtype=torch.float64))) == pytest.approx(expected)
    assert sum(p.shape[0] == TINY.rows and p.dim() == 2 for p in model.parameters()) == 1


def test_language_ids_go_with_language_embeddings_only():
    ids = frame([torch.tensor([5, 9])])
    bilingual = made(dataclasses.replace(TINY, languages=2))

    with pytest.raises(ValueError, match="Language ids go with"):
        made()(ids, torch.zeros_like(ids))
    with pytest.raises(ValueError, match="Language ids go with"):
        bilingual(ids)
    assert not torch.allclose(bilingual(ids, torch.zeros_like(ids)), bilingual(ids, torch.ones_like(ids)))


def test_too_long_a_sentence_is_refused():
    with pytest.raises(ValueError, match="13 tokens do not fit in 12 positions"):
        made()(torch.full((1, 13), 5))


def test_gradients_agree_with_finite_differences():
    model = made(Shape(rows=8, layers=1, width=4, heads=2, inner=4, positions=6))
    ids = torch.tensor([[1, 4, 5, 2], [1, 6, 2, PAD]])

    def loss(weight):
        return torch.func.functional_call(model, {"words.weight": weight}, (ids,)).pow(2)[ids != PAD].sum()

    assert torch.autograd.gradcheck(loss, model.words.weight.detach().clone().requires_grad_())
