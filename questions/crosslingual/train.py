"""Pre-training with any of the objectives; checkpoints that hold everything needed to repeat or go on."""

import hashlib
import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from questions.crosslingual import objectives
from questions.crosslingual.languages import CLS, MASK, PAD, SEP, Ids
from questions.crosslingual.model import Encoder, Shape

OBJECTIVES = ("mlm", "xlm", "dict-mlm", "align-mlm", "prealign")
BILINGUAL = ("xlm", "dict-mlm")  # their language ids know two languages
MAX_GRADIENT = 1.0


@dataclass(frozen=True)
class Config:
    """What decides a training run, besides its corpora and its dictionary."""

    objective: str = "align-mlm"
    seed: int = 0
    steps: int = 1500
    batch: int = 64  # sentences of all languages together
    rate: float = 2e-3  # the highest learning rate, after warm-up
    warm_up: float = 0.1  # share of the steps
    alpha: float = objectives.ALPHA
    tlm_share: float = 0.5  # XLM: share of batches that hold sentence pairs; 0.5 is the paper's mixture at r = 1
    start_steps: int = 300  # PreAlign: contrastive steps before pre-training
    code_switch: float = 0.05  # PreAlign: share of input words replaced by their translation
    layers: int = 2
    width: int = 64
    heads: int = 4
    inner: int = 256
    positions: int = 64

    def __post_init__(self) -> None:
        """Refuse an objective that does not exist."""
        if self.objective not in OBJECTIVES:
            raise ValueError(f"There is no objective {self.objective!r}; known are {', '.join(OBJECTIVES)}.")

    def shape(self, rows: int, languages: int) -> Shape:
        """Return the encoder's sizes; only XLM and DICT-MLM have language embeddings."""
        ids = languages if self.objective in BILINGUAL else 0
        return Shape(rows, self.layers, self.width, self.heads, self.inner, self.positions, ids)


class Trained(NamedTuple):
    """A pre-trained encoder, its configuration, the dictionary (n, 2) that it was trained with, and the losses by step."""

    model: Encoder
    config: Config
    pairs: Ids
    losses: list[float]


class CheckpointError(Exception):
    """Why a checkpoint cannot be used, as a sentence."""


class Corpus:
    """The sentences of one language as one padded matrix (sentences, tokens) with CLS and SEP."""

    def __init__(self, sentences: Sequence[Ids], device: torch.device) -> None:
        if not len(sentences):
            raise ValueError("A corpus without sentences cannot be trained on.")
        self.ids = objectives.frame([torch.as_tensor(np.asarray(ids)) for ids in sentences]).to(device)
        self.lengths = (self.ids != PAD).sum(dim=1)

    def rows(self, chosen: Tensor) -> Tensor:
        """Return the chosen sentences (batch, tokens), trimmed to the longest of them."""
        return self.ids[chosen, : int(self.lengths[chosen].max())]


# Called after each step with its number, its loss and the tokens read; may return a new dictionary to go on with.
Watcher = Callable[[int, float, int], None]
Growth = Callable[[Encoder, int, Ids], Ids]


def pretrain(
    corpora: Sequence[Sequence[Ids]],
    pairs: Ids,
    rows: int,
    config: Config,
    *,
    device: torch.device | str = "cpu",
    grow: Growth | None = None,
    watch: Watcher | None = None,
    checkpoint: Path | None = None,
    every: int = 500,
) -> Trained:
    """Return an encoder pre-trained on the corpora of languages 0, 1, ... (lists of ids without CLS and SEP).

    `pairs` (n, 2) are rows of translations, `rows` the size of the embedding table. XLM needs corpora with the same
    sentences in the same order. With `checkpoint`, a run that was cut goes on from the file, to the same end on a CPU.
    `grow(model, step, pairs)` is asked after each step and returns the dictionary for the next one. Raises ValueError
    for corpora that do not fit the objective, CheckpointError for a file of another run.
    """
    run = _Run(corpora, pairs, rows, config, torch.device(device))
    if checkpoint is not None and checkpoint.exists():
        run.restore(checkpoint)
    while run.step < config.steps:
        loss, tokens = run.advance()
        if grow is not None:
            run.set_pairs(grow(run.model, run.step, run.known))
        if watch is not None:
            watch(run.step, loss, tokens)
        if checkpoint is not None and (run.step % every == 0 or run.step == config.steps):
            run.store(checkpoint)
    run.model.eval()
    return Trained(run.model, config, run.known, run.losses)


class _Run:
    """The state of one training run: model, optimiser, random numbers, dictionary, step."""

    def __init__(
        self, corpora: Sequence[Sequence[Ids]], pairs: Ids, rows: int, config: Config, device: torch.device
    ) -> None:
        _check(corpora, pairs, rows, config)
        torch.manual_seed(config.seed)
        self.config, self.device, self.rows = config, device, rows
        self.generator = torch.Generator(device).manual_seed(config.seed)
        self.corpora = [Corpus(sentences, device) for sentences in corpora]
        self.model = Encoder(config.shape(rows, len(corpora))).to(device)
        self.set_pairs(pairs)
        if config.objective == "prealign":
            _start(self.model, self.pairs, config)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=config.rate, fused=True)
        self.forward = torch.compile(self.model, dynamic=True) if device.type == "cuda" else self.model
        self.step = 0
        self.losses: list[float] = []

    def set_pairs(self, pairs: Ids) -> None:
        self.known = pairs
        self.pairs = torch.as_tensor(pairs, device=self.device).long().reshape(-1, 2)
        self.table = objectives.translation_table(self.pairs, self.rows)

    def advance(self) -> tuple[float, int]:
        """Take one step; return its loss and the number of tokens read."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate * slope(self.step, self.config)
        batch = self.draw()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            loss = self.loss(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT)
        self.optimizer.step()
        self.step += 1
        self.losses.append(float(loss.detach()))
        return self.losses[-1], int((batch.inputs != PAD).sum())

    def loss(self, batch: objectives.Masked) -> Tensor:
        """Return the objective's loss on a batch."""
        states = self.forward(batch.inputs, batch.languages, batch.positions)
        asked = batch.labels != objectives.UNSCORED
        loss = objectives.cross_entropy(self.model.predict(states[asked]), batch.labels[asked])
        if self.config.objective != "align-mlm":
            return loss
        return objectives.align_mlm(loss, self.model.words.weight, self.pairs, self.config.alpha)

    def draw(self) -> objectives.Masked:
        """Return the next batch of the objective."""
        if self.config.objective == "xlm" and self._chance() < self.config.tlm_share:
            chosen = self._choose(self.corpora[0], self.config.batch // 2)
            first, second = (corpus.rows(chosen) for corpus in self.corpora)
            return objectives.tlm(first, second, self.rows, self.generator)
        ids, languages = self._sentences()
        if self.config.objective == "dict-mlm":
            return objectives.dict_mlm(ids, languages, self.table, self.rows, self.generator)
        batch = objectives.mlm(ids, self.rows, self.generator)
        if self.config.objective == "xlm":
            return batch._replace(languages=languages)
        if self.config.objective == "prealign":
            return objectives.code_switch(batch, self.table, self.config.code_switch, self.generator)
        return batch

    def _sentences(self) -> tuple[Tensor, Tensor]:
        """Return an equal number of sentences of each language and their language numbers, both (batch, tokens)."""
        share = max(1, self.config.batch // len(self.corpora))
        parts = [corpus.rows(self._choose(corpus, share)) for corpus in self.corpora]
        width = max(part.shape[1] for part in parts)
        ids = torch.cat([torch.nn.functional.pad(part, (0, width - part.shape[1]), value=PAD) for part in parts])
        numbers = torch.arange(len(parts), device=self.device).repeat_interleave(share)
        return ids, numbers[:, None].expand_as(ids)

    def _choose(self, corpus: Corpus, count: int) -> Tensor:
        return torch.randint(len(corpus.ids), (count,), generator=self.generator, device=self.device)

    def _chance(self) -> float:
        return float(torch.rand((), generator=self.generator, device=self.device))

    def store(self, path: Path) -> None:
        """Write the checkpoint in one step."""
        half = path.with_suffix(".half")
        state = {
            **facts(self.config, self.rows),
            "pairs": self.pairs.cpu(),
            "model": self.model.state_dict(),
            "languages": len(self.corpora),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "step": self.step,
            "losses": self.losses,
        }
        torch.save(state, half)
        half.replace(path)

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint of the same run."""
        state = read(path)
        if state["config"] != asdict(self.config) or state["rows"] != self.rows:
            raise CheckpointError(f"{path} is of another run: {_difference(state, self.config, self.rows)}.")
        self.set_pairs(state["pairs"].numpy())
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.step, self.losses = state["step"], state["losses"]


def _check(corpora: Sequence[Sequence[Ids]], pairs: Ids, rows: int, config: Config) -> None:
    if config.objective in BILINGUAL and len(corpora) != 2:
        raise ValueError(f"{config.objective} is for two languages, not {len(corpora)}.")
    if config.objective == "xlm" and len(corpora[0]) != len(corpora[1]):
        raise ValueError("XLM reads the same sentences in both languages: the corpora differ in length.")
    largest = max((int(np.max(ids)) for sentences in corpora for ids in sentences if len(ids)), default=0)
    largest = max(largest, int(np.max(pairs)) if len(pairs) else 0)
    if largest >= rows:
        raise ValueError(f"Row {largest} is outside an embedding table of {rows} rows.")


def slope(step: int, config: Config) -> float:
    """Return the factor of the learning rate: linear warm-up, then linear decay to 0."""
    warm = max(1, math.ceil(config.warm_up * config.steps))
    if step < warm:
        return (step + 1) / warm
    return max(0.0, (config.steps - step) / max(1, config.steps - warm))


def _start(model: Encoder, pairs: Tensor, config: Config) -> None:
    """Bring the word embeddings of translations together before pre-training (PreAlign)."""
    optimizer = torch.optim.AdamW([model.words.weight], lr=config.rate)
    for _ in range(config.start_steps if len(pairs) else 0):
        optimizer.zero_grad()
        objectives.contrastive(model.words.weight, pairs).backward()
        optimizer.step()


def facts(config: Config, rows: int) -> dict[str, Any]:
    """Return what a checkpoint says of its run besides tensors."""
    return {
        "config": asdict(config),
        "rows": rows,
        "specials": {"pad": PAD, "cls": CLS, "sep": SEP, "mask": MASK},
        "code": code_version(),
        "torch": str(torch.__version__),
    }


def code_version() -> str:
    """Return the first 12 digits of the SHA-256 over this package's modules: which code trained a model."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(module.read_bytes() for module in modules)).hexdigest()[:12]


def read(path: Path) -> dict[str, Any]:
    """Return the contents of a checkpoint; tensors and plain values only, so that a foreign file runs no code."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from error


def load(path: Path) -> Trained:
    """Return the encoder of a checkpoint, ready to be read from."""
    state = read(path)
    config = Config(**state["config"])
    model = Encoder(config.shape(state["rows"], state["languages"]))
    model.load_state_dict(state["model"])
    return Trained(model.eval(), config, state["pairs"].numpy(), state["losses"])


def _difference(state: dict[str, Any], config: Config, rows: int) -> str:
    ours, theirs = asdict(config) | {"rows": rows}, state["config"] | {"rows": state["rows"]}
    return ", ".join(
        f"{name} is {theirs.get(name)} there and {ours[name]} here" for name in ours if ours[name] != theirs.get(name)
    )
