"""In which order a panel is asked so that a question that some model solves costs least: by cost / marginal solve rate,
learnt from earlier checks; and which checks ask everybody, so that there is something to learn from.

Pure: verdicts, costs and sizes in, waves out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple, TypeVar

from grading.enums import Verdict
from grading.policy import Outcome, PolicyRule, decide, waves

Model = TypeVar("Model", bound=Hashable)

ENOUGH = 50  # checks that asked everybody and got a score from each: with fewer the panel's own order stands
MOST = 1_000  # newest checks to learn from, of those that asked everybody and of the others each
# A rate from n answers of which k were right is taken as (k + 1/2) / (n + 1): no model is written off for a bad start.
PRIOR_RIGHT, PRIOR_ALL = 0.5, 1.0


class Record(NamedTuple):
    """One question that was tested: for each model with a scored answer whether it was right, and in which waves they
    were asked; no waves where all were asked whatever the others said.
    """

    is_right: Mapping[Hashable, bool]
    n_options: int = 0
    waves: Sequence[Sequence[Hashable]] = ()


def is_run_all(check_id: object, *, percent: float, key: str) -> bool:
    """Whether a check asks every model: `percent` of 100 do, chosen by a keyed hash, so that nobody can aim at it."""
    digest = hmac.new(key.encode(), f"run-all:{check_id}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") < percent / 100 * 2**64


def learn_order(
    models: Sequence[Model],
    *,
    records: Sequence[Record],
    costs: Mapping[Model, float],
    answer_type: str,
    rule: PolicyRule,
) -> list[Model]:
    """The models by mean cost (USD a question, the judge's part in it) over the chance to be right where the question
    is still alive after those before them: the greedy order for early stopping.

    `records` are of one answer type. Ties go to the model that stands first in `models`, and with fewer than ENOUGH
    complete records the order of `models` stands. Without any cost (simulated models) all cost the same.
    """
    if n_complete(models, records) < ENOUGH:
        return list(models)
    prices = _prices(models, costs)
    order: list[Model] = []
    while len(order) < len(models):
        alive = [record for record in records if _is_alive(record, order, models, answer_type, rule)]
        left = [model for model in models if model not in order]
        order.append(min(left, key=lambda model: prices[model] / _rate(model, order, alive)))
    return order


def learn_waves(
    models: Sequence[Model],
    *,
    sizes: Sequence[int],
    records: Sequence[Record],
    costs: Mapping[Model, float],
    answer_type: str,
    rule: PolicyRule,
) -> list[list[Model]]:
    """The learnt order in waves of these sizes, what they leave over being the last wave.

    A wave is paid whole, so models then change places between waves while that lowers the mean cost (USD) of the
    questions that everybody was asked: a dear model early can save two cheap ones, which no rate of its own tells.
    """
    order = learn_order(models, records=records, costs=costs, answer_type=answer_type, rule=rule)
    if n_complete(models, records) < ENOUGH:
        return cut(order, sizes)
    cost = _MeanCost(models, records, _prices(models, costs), answer_type, rule)
    best, least = order, cost.of(cut(order, sizes))
    while True:
        found = min(_swapped(best), key=lambda other: cost.of(cut(other, sizes)), default=best)
        usd = cost.of(cut(found, sizes))
        if usd >= least:
            return [sorted(wave, key=order.index) for wave in cut(best, sizes)]
        best, least = found, usd


def n_complete(models: Sequence[Hashable], records: Sequence[Record]) -> int:
    """How many checks asked everybody and got a score from each of these models."""
    return sum(not record.waves and all(model in record.is_right for model in models) for record in records)


def cut(order: Sequence[Model], sizes: Sequence[int]) -> list[list[Model]]:
    """The order in waves of these sizes; what they leave over is the last wave."""
    return [[order[position] for position in wave] for wave in waves(len(order), sizes)]


def _prices(models: Sequence[Model], costs: Mapping[Model, float]) -> Mapping[Model, float]:
    return costs if any(costs.get(model) for model in models) else dict.fromkeys(models, 1.0)


def _swapped(order: Sequence[Model]) -> list[list[Model]]:
    """The orders in which two models have changed places."""
    found = []
    for one, other in combinations(range(len(order)), 2):
        changed = list(order)
        changed[one], changed[other] = changed[other], changed[one]
        found.append(changed)
    return found


class _MeanCost:
    """What a question costs in the mean when the panel is asked in waves, by the records of those that everybody got."""

    def __init__(
        self,
        models: Sequence[Hashable],
        records: Sequence[Record],
        prices: Mapping[Any, float],
        answer_type: str,
        rule: PolicyRule,
    ) -> None:
        self.models, self.prices, self.answer_type, self.rule = models, prices, answer_type, rule
        complete = [r for r in records if not r.waves and all(model in r.is_right for model in models)]
        self.patterns = Counter((frozenset(m for m in models if r.is_right[m]), r.n_options) for r in complete)

    def of(self, plan: Sequence[Sequence[Hashable]]) -> float:
        usd = 0.0
        for (right, n_options), count in self.patterns.items():
            asked: list[Hashable] = []
            for wave in plan:
                asked += wave
                usd += count * sum(self.prices[model] for model in wave)
                if self._is_ended(asked, right, n_options):
                    break
        return usd / self.patterns.total()

    def _is_ended(self, asked: Sequence[Hashable], right: frozenset[Hashable], n_options: int) -> bool:
        verdicts = [Verdict.CORRECT if model in right and model in asked else None for model in self.models]
        outcome = decide(answer_type=self.answer_type, n_options=n_options, verdicts=verdicts, rule=self.rule)
        return outcome is Outcome.FAIL


def _is_alive(
    record: Record, asked: Sequence[Hashable], models: Sequence[Hashable], answer_type: str, rule: PolicyRule
) -> bool:
    """Whether these models were all scored on a question and let it live."""
    if not all(model in record.is_right for model in asked):
        return False
    verdicts = [Verdict.CORRECT if model in asked and record.is_right[model] else None for model in models]
    outcome = decide(answer_type=answer_type, n_options=record.n_options, verdicts=verdicts, rule=rule)
    return outcome is not Outcome.FAIL


def _rate(model: Hashable, before: Sequence[Hashable], alive: Sequence[Record]) -> float:
    said = [record.is_right[model] for record in alive if model in record.is_right and _is_fair(record, model, before)]
    return (sum(said) + PRIOR_RIGHT) / (len(said) + PRIOR_ALL)


def _is_fair(record: Record, model: Hashable, before: Sequence[Hashable]) -> bool:
    """Whether the record tells without bias what the model does with questions that those before it let live.

    It does when the model was asked because of them alone: everybody in an earlier wave is among them, and none of
    them was asked later, which happens only after the model was wrong itself.
    """
    if not record.waves:
        return True
    own = next(number for number, wave in enumerate(record.waves) if model in wave)
    earlier = {other for wave in record.waves[:own] for other in wave}
    return earlier <= set(before) <= earlier | set(record.waves[own])
