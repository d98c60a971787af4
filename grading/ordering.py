"""In which order a panel is asked so that a question that some model solves costs least: by cost / marginal solve rate,
learnt from earlier checks; and which checks ask everybody, so that there is something to learn from.

Pure: verdicts, costs and sizes in, waves out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from grading.enums import Verdict
from grading.policy import Outcome, PolicyRule, decide, waves

Model = TypeVar("Model", bound=Hashable)

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

    `records` are of one answer type. Ties go to the model that stands first in `models`. Without any cost (simulated
    models) all cost the same. On simulated panels of six the order is as cheap as the best of all 720.
    """
    prices = costs if any(costs.get(model) for model in models) else dict.fromkeys(models, 1.0)
    order: list[Model] = []
    while len(order) < len(models):
        alive = [record for record in records if _is_alive(record, order, models, answer_type, rule)]
        left = [model for model in models if model not in order]
        order.append(min(left, key=lambda model: prices[model] / _rate(model, order, alive)))
    return order


def cut(order: Sequence[Model], sizes: Sequence[int]) -> list[list[Model]]:
    """The order in waves of these sizes; what they leave over is the last wave."""
    return [[order[position] for position in wave] for wave in waves(len(order), sizes)]


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
