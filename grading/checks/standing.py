"""Where a check stands: the places of its plan beside their answers, and what the policy says of them. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from grading import policy
from grading.enums import PredictionState, Verdict
from grading.models import DifficultyCheck, ModelSpec, Panel, PanelMember, Policy, Prediction
from grading.policy import Due, Outcome, PolicyRule
from questions.models import Revision

TERMINAL = {PredictionState.SETTLED, PredictionState.UNSCORED}
TO_DECIDE = ("tested_hash", "panel", "draw", "model", "state", "verdict", "tries", "outcome", "outcome_detail")
FIRST_TRY = {PredictionState.ASKED, PredictionState.ANSWERED}

Places = dict[tuple[str, int, int, int], Prediction]  # by text, panel, draw and model


class Key(NamedTuple):
    """What predictions belong to: the hash of a tested part, and a panel."""

    tested_hash: str
    panel_id: int


class Seat(NamedTuple):
    """A place in the plan of a check: who answers, in which wave, and the how manieth of all.

    Of several models the last one is asked: a substitute, for whatever those before it left unscored.
    """

    models: Sequence[ModelSpec]
    wave: int
    position: int

    @property
    def model(self) -> ModelSpec:
        """The model that is asked."""
        return self.models[-1]


class Standing(NamedTuple):
    """The seats of a check beside their answers in each draw (None: not asked yet), and what the policy says of them."""

    seats: Sequence[Seat]
    draws: Sequence[Sequence[Prediction | None]]
    outcome: Outcome
    outcome_of_first_draw: Outcome
    due: Due | None
    is_run_all: bool

    @property
    def rows(self) -> Sequence[Prediction | None]:
        """The answers of the first draw."""
        return self.draws[0]

    @property
    def asked(self) -> list[tuple[Seat, Prediction]]:
        """Every answer that was asked for, beside its seat."""
        return [
            (seat, row) for draw in self.draws for seat, row in zip(self.seats, draw, strict=True) if row is not None
        ]

    @property
    def is_waiting(self) -> bool:
        """True while somebody who was asked has no result."""
        return any(row.state not in TERMINAL for _seat, row in self.asked)

    @property
    def is_first_ask_open(self) -> bool:
        """True while somebody in an opened wave has not ended a first try: a wave is heard to its end.

        One that waits to be asked again does not hold up a decision that is already certain.
        """
        return any(
            row.state in FIRST_TRY or (row.state == PredictionState.WAITING and row.tries == 0)
            for _seat, row in self.asked
        )

    @property
    def is_certain(self) -> bool:
        """True when enough models were right and nobody of the wave is still at a first try.

        A check that asks every model anyhow is decided at once; the others go on answering for the statistics.
        """
        return self.outcome == Outcome.FAIL and (self.is_run_all or not self.is_first_ask_open)

    @property
    def needs_action(self) -> bool:
        """True when the check can go on."""
        return self.is_certain or (self.outcome != Outcome.FAIL and not self.is_waiting)


def members_for(panel: Panel | int, revision: Revision) -> list[PanelMember]:
    """The members of a panel that answer this kind of question, in order."""
    return _of_kind(PanelMember.objects.filter(panel=panel).select_related("model__provider"), revision)


def seats_of(check: DifficultyCheck) -> list[Seat]:
    """The places of a check's plan, in order."""
    return _seats([check])[check.pk]


def standing_of(check: DifficultyCheck) -> Standing:
    """Read where a check stands."""
    return next(standing for _check, standing in standings([check]))


def standing_among(check: DifficultyCheck, rows: Iterable[Prediction]) -> Standing:
    """Return where a check stands, from all answers to its text, which were loaded with their models."""
    own = [row for row in rows if row.panel_id == check.panel_id and row.state != PredictionState.SKIPPED]
    seats = _seats([check], {row.model_id: row.model for row in own})[check.pk]
    return _placed(check, seats, _by_place(own))


def standings(
    checks: Sequence[DifficultyCheck], *, with_texts: bool = True
) -> Iterable[tuple[DifficultyCheck, Standing]]:
    """Yield each check with where it stands, read in a few queries for all of them.

    Who only decides leaves out the texts, which are most of what there is to read.
    """
    seats = _seats(checks)
    rows = Prediction.objects.filter(
        tested_hash__in={check.tested_hash for check in checks}, panel__in={check.panel_id for check in checks}
    ).exclude(state=PredictionState.SKIPPED)
    rows = rows.select_related("contest") if with_texts else rows.only(*TO_DECIDE)
    found = _by_place(rows)
    for check in checks:
        yield check, _placed(check, seats[check.pk], found)


def rule_of(row: Policy) -> PolicyRule:
    """The thresholds of a stored policy."""
    return PolicyRule(**{field.name: getattr(row, field.name) for field in fields(PolicyRule)})


def _by_place(rows: Iterable[Prediction]) -> Places:
    return {(row.tested_hash, row.panel_id, row.draw, row.model_id): row for row in rows}


def _placed(check: DifficultyCheck, seats: list[Seat], found: Places) -> Standing:
    draws = [
        [_answer(found, (check.tested_hash, check.panel_id, draw), seat) for seat in seats]
        for draw in range(1 + check.confirmation_rounds)
    ]
    return _standing(check, seats, draws)


def _standing(check: DifficultyCheck, seats: list[Seat], draws: list[list[Prediction | None]]) -> Standing:
    verdicts = [[row.verdict if row and row.state in TERMINAL else None for row in draw] for draw in draws]
    revision = check.revision
    values: dict[str, Any] = {
        "answer_type": revision.answer_type,
        "n_options": len(revision.options),
        "rule": rule_of(check.policy),
    }
    waves: dict[int, list[int]] = {}
    for seat in seats:
        waves.setdefault(0 if check.is_run_all else seat.wave, []).append(seat.position)
    return Standing(
        seats,
        draws,
        outcome=policy.decide_check(draws=verdicts, **values),
        outcome_of_first_draw=policy.decide(verdicts=verdicts[0], **values),
        due=policy.ask_next(waves=list(waves.values()), draws=verdicts, **values),
        is_run_all=check.is_run_all,
    )


def _answer(found: Places, key: tuple[str, int, int], seat: Seat) -> Prediction | None:
    """The answer of a seat: the scored one of whoever sat there, else that of the model that is asked now."""
    rows = [found.get((*key, model.pk)) for model in seat.models]
    return next((row for row in rows if row and row.verdict != Verdict.UNSCORED), rows[-1])


def _seats(checks: Sequence[DifficultyCheck], known: Mapping[int, ModelSpec] | None = None) -> dict[Any, list[Seat]]:
    models = dict(known or {})
    wanted = {pk for check in checks for wave in check.plan for place in wave for pk in _ids(place)} - models.keys()
    models |= ModelSpec.objects.select_related("provider").in_bulk(wanted) if wanted else {}
    unplanned = {check.panel_id for check in checks if not check.plan}
    members = (
        list(PanelMember.objects.filter(panel__in=unplanned).select_related("model__provider")) if unplanned else []
    )
    found = {}
    for check in checks:
        places = [
            ([models[pk] for pk in _ids(place)], number)
            for number, wave in enumerate(check.plan, start=1)
            for place in wave
        ] or [
            ([member.model], member.wave)
            for member in _of_kind(members, check.revision)
            if member.panel_id == check.panel_id
        ]
        found[check.pk] = [Seat(who, wave, position) for position, (who, wave) in enumerate(places)]
    return found


def _ids(place: int | list[int]) -> list[int]:
    return place if isinstance(place, list) else [place]


def _of_kind(members: Iterable[PanelMember], revision: Revision) -> list[PanelMember]:
    return [member for member in members if (member.for_images if revision.image_id else member.for_text)]
