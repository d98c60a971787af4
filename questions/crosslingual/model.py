"""A small RoBERTa-like encoder with tied output; without dropout, whose cost on a CPU exceeds the rest of the model."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  the name that PyTorch's own documentation uses
from torch import Tensor, nn

from questions.crosslingual.languages import PAD


@dataclass(frozen=True)
class Shape:
    """Sizes of an encoder; `rows` counts the words of all languages and the specials."""

    rows: int
    layers: int = 2
    width: int = 64
    heads: int = 4
    inner: int = 256
    positions: int = 64
    languages: int = 0  # 0: no language embeddings, as MLM and ALIGN-MLM


class Layer(nn.Module):
    """Self-attention and a feed-forward network, each normalised after its residual sum (RoBERTa's order)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.attend = nn.Linear(shape.width, 3 * shape.width)
        self.join = nn.Linear(shape.width, shape.width)
        self.first_norm = nn.LayerNorm(shape.width)
        self.widen = nn.Linear(shape.width, shape.inner)
        self.narrow = nn.Linear(shape.inner, shape.width)
        self.second_norm = nn.LayerNorm(shape.width)

    def forward(self, states: Tensor, visible: Tensor) -> Tensor:
        """Return states (batch, tokens, width); `visible` (batch, 1, 1, tokens) tells which tokens may be read."""
        batch, tokens, width = states.shape
        split = self.attend(states).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=visible)
        states = self.first_norm(states + self.join(mixed.transpose(1, 2).reshape(batch, tokens, width)))
        return self.second_norm(states + self.narrow(F.gelu(self.widen(states))))


class Encoder(nn.Module):
    """Word, position and optional language embeddings, layers, and the head that predicts masked words."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(shape.rows, shape.width, padding_idx=PAD)
        self.positions = nn.Embedding(shape.positions, shape.width)
        self.languages = nn.Embedding(shape.languages, shape.width) if shape.languages else None
        self.norm = nn.LayerNorm(shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.head = nn.Linear(shape.width, shape.width)
        self.head_norm = nn.LayerNorm(shape.width)
        self.bias = nn.Parameter(torch.zeros(shape.rows))
        self.apply(_initialise)

    def forward(self, ids: Tensor, languages: Tensor | None = None, positions: Tensor | None = None) -> Tensor:
        """Return the top states (batch, tokens, width) of ids (batch, tokens); raises ValueError past the last position.

        `languages` (batch, tokens) is needed exactly when the encoder has language embeddings: leaving it out would lower
        every score without a word.
        """
        if (languages is None) != (self.languages is None):
            raise ValueError("Language ids go with an encoder that has language embeddings, and only with one.")
        if ids.shape[1] > self.shape.positions:
            raise ValueError(f"{ids.shape[1]} tokens do not fit in {self.shape.positions} positions.")
        if positions is None:
            positions = torch.arange(ids.shape[1], device=ids.device)
        states = self.words(ids) + self.positions(positions)
        if self.languages is not None:
            states = states + self.languages(languages)
        states = self.norm(states)
        visible = (ids != PAD)[:, None, None, :]
        for layer in self.layers:
            states = layer(states, visible)
        return states

    def predict(self, states: Tensor) -> Tensor:
        """Return logits (n, rows) for states (n, width): only masked positions come here, all `rows` outputs are costly."""
        hidden = self.head_norm(F.gelu(self.head(states)))
        return hidden @ self.words.weight.T + self.bias


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
