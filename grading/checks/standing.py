"""Where a check stands: its members beside their answers, and what the policy says of them. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from grading import policy
from grading.enums import PredictionState
from grading.models import DifficultyCheck, Panel, PanelMember, Prediction
from grading.policy import Outcome
from questions.models import Revision

TERMINAL = {PredictionState.SETTLED, PredictionState.UNSCORED}


class Key(NamedTuple):
    """What predictions belong to: the hash of a tested part, and a panel."""

    tested_hash: str
    panel_id: int


class Standing(NamedTuple):
    """A check's members beside their predictions (None: not asked yet), and what the policy says of them."""

    members: Sequence[PanelMember]
    rows: Sequence[Prediction | None]
    outcome: Outcome

    @property
    def next_wave(self) -> int | None:
        """The first wave in which a member has no prediction."""
        return min(
            (member.wave for member, row in zip(self.members, self.rows, strict=True) if row is None), default=None
        )

    @property
    def is_waiting(self) -> bool:
        """True while an opened wave has an answer to come."""
        return any(row is not None and row.state not in TERMINAL for row in self.rows)

    @property
    def is_first_ask_open(self) -> bool:
        """True while somebody in an opened wave has not ended a first try: a wave is heard to its end.

        One that waits to be asked again does not hold up a decision that is already certain.
        """
        return any(
            row is not None
            and (
                row.state in {PredictionState.ASKED, PredictionState.ANSWERED}
                or (row.state == PredictionState.WAITING and row.tries == 0)
            )
            for row in self.rows
        )

    @property
    def is_certain(self) -> bool:
        """True when enough models were right and nobody of the wave is still at a first try."""
        return self.outcome == Outcome.FAIL and not self.is_first_ask_open

    @property
    def needs_action(self) -> bool:
        """True when the check can go on."""
        return self.is_certain or (self.outcome != Outcome.FAIL and not self.is_waiting)


def members_for(panel: Panel | int, revision: Revision) -> list[PanelMember]:
    """The members of a panel that answer this kind of question, in order."""
    kind = {"for_images": True} if revision.image_id else {"for_text": True}
    return list(PanelMember.objects.filter(panel=panel, **kind).select_related("model__provider"))


def standing_of(check: DifficultyCheck) -> Standing:
    """Read where a check stands."""
    return next(standing for _check, standing in standings([check]))


def standings(checks: Sequence[DifficultyCheck]) -> Iterable[tuple[DifficultyCheck, Standing]]:
    """Yield each check with where it stands, read in two queries for all of them."""
    panels: dict[int, list[PanelMember]] = {}
    for member in PanelMember.objects.filter(panel__in={check.panel_id for check in checks}).select_related("model"):
        panels.setdefault(member.panel_id, []).append(member)
    rows = Prediction.objects.filter(
        tested_hash__in={check.tested_hash for check in checks}, panel__in=panels.keys(), draw=0
    ).exclude(state=PredictionState.SKIPPED)
    found = {(row.tested_hash, row.panel_id, row.model_id): row for row in rows}
    for check in checks:
        has_image = check.revision.image_id is not None
        members = [m for m in panels[check.panel_id] if (m.for_images if has_image else m.for_text)]
        answers = [found.get((check.tested_hash, check.panel_id, member.model_id)) for member in members]
        yield check, Standing(members, answers, _outcome(check, answers))


def _outcome(check: DifficultyCheck, rows: Sequence[Prediction | None]) -> Outcome:
    verdicts = [row.verdict if row is not None and row.state in TERMINAL else None for row in rows]
    rule = policy.PolicyRule(
        exact_max_correct=check.policy.exact_max_correct,
        choice_max_correct=check.policy.choice_max_correct,
        choice_mean_below_chance=check.policy.choice_mean_below_chance,
        version=check.policy.version,
    )
    revision = check.revision
    return policy.decide(
        answer_type=revision.answer_type, n_options=len(revision.options), verdicts=verdicts, rule=rule
    )
