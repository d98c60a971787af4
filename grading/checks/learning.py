"""What earlier checks teach about a panel: its models' verdicts and costs, read for the order in which to ask them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from grading import budget, ordering
from grading.checks.standing import rule_of
from grading.enums import LedgerState, Verdict
from grading.models import DifficultyCheck, Ledger, PanelMember, Policy, Prediction, WaveOrder
from grading.ordering import Record
from questions.models import Revision


def plan_for(members: Sequence[PanelMember], *, revision: Revision, policy: Policy) -> list[list[int]]:
    """Model ids wave by wave for a question of this kind: as learnt where the policy says so, else as the panel says."""
    if not policy.orders_waves:
        return ordering.cut([member.model_id for member in members], _sizes(members))
    kind = {
        "panel_id": members[0].panel_id,
        "policy": policy,
        "answer_type": revision.answer_type,
        "has_image": revision.image_id is not None,
        "day": budget.day_start().date(),
    }
    known = WaveOrder.objects.filter(**kind).first()
    if known is None:
        waves, n_checks = learn(members, revision=revision, policy=policy)
        known = WaveOrder(**kind, waves=waves, n_checks=n_checks)
        WaveOrder.objects.bulk_create([known], ignore_conflicts=True)  # two first tests of a day learn the same
    return known.waves


def learn(members: Sequence[PanelMember], *, revision: Revision, policy: Policy) -> tuple[list[list[int]], int]:
    """Model ids wave by wave as earlier checks teach it, and how many of those asked everybody; too few teach nothing."""
    models = [member.model_id for member in members]
    records, hashes = _records(members[0].panel_id, revision)
    waves = ordering.learn_waves(
        models,
        sizes=_sizes(members),
        records=records,
        costs=_costs(members[0].panel_id, hashes),
        answer_type=revision.answer_type,
        rule=rule_of(policy),
    )
    return waves, ordering.n_complete(models, records)


def _sizes(members: Sequence[PanelMember]) -> list[int]:
    """How many models stand in each wave of the panel."""
    return list(Counter(member.wave for member in members).values())


def _records(panel_id: int, revision: Revision) -> tuple[list[Record], list[str]]:
    """What the models of this panel did with questions of this kind, and the hashes of those that everybody was asked."""
    checks = (
        DifficultyCheck.objects.settled()
        .filter(
            Q(panel=panel_id), revision__answer_type=revision.answer_type, revision__image__isnull=not revision.image_id
        )
        .order_by("-created_at")
    )
    facts = ("tested_hash", "plan", "revision__options", "is_run_all")
    for_all = list(checks.filter(is_run_all=True).values_list(*facts)[: ordering.MOST])
    if len(for_all) < ordering.ENOUGH:
        return [], []
    newest = {row[0]: row for row in [*checks.filter(is_run_all=False).values_list(*facts)[: ordering.MOST], *for_all]}
    said: dict[str, dict[Any, bool]] = {tested_hash: {} for tested_hash in newest}
    rows = Prediction.objects.filter(tested_hash__in=newest, panel=panel_id, draw=0).exclude(verdict=Verdict.UNSCORED)
    for tested_hash, model, verdict in rows.values_list("tested_hash", "model", "verdict"):
        said[tested_hash][model] = verdict == Verdict.CORRECT
    records = [
        Record(said[tested_hash], n_options=len(options), waves=() if is_run_all else plan)
        for tested_hash, plan, options, is_run_all in newest.values()
        if is_run_all or _is_plain(plan)
    ]
    return records, [row[0] for row in for_all]


def _is_plain(plan: list[list[Any]]) -> bool:
    """Whether a check was asked as it was planned: without substitutes, and not before plans were stored."""
    return bool(plan) and all(isinstance(place, int) for wave in plan for place in wave)


def _costs(panel_id: int, hashes: list[str]) -> dict[int, float]:
    """Mean cost in USD of one answer of each model, its judgements included; perhaps billed calls count as reserved."""
    rows = Prediction.objects.filter(tested_hash__in=hashes, panel=panel_id, draw=0).exclude(verdict=Verdict.UNSCORED)
    spent = (
        Ledger.objects.filter(prediction__in=rows.values("pk"))
        .exclude(state=LedgerState.RELEASED)
        .values_list("prediction__model")
        .annotate(usd=Sum(Coalesce(F("cost_usd"), F("reserved_usd"))))
        .order_by()
    )
    total = {model: float(usd) for model, usd in spent}
    counts = Counter(rows.values_list("model", flat=True))
    return {model: total.get(model, 0.0) / n for model, n in counts.items()}
