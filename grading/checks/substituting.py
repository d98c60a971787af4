"""Put the panel's named substitute in the place of a model that gives a parked check no answer."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from grading.checks import settling
from grading.checks.standing import Key, Seat, seats_of, standing_of
from grading.enums import CheckStatus, PredictionState
from grading.models import DifficultyCheck, ModelSpec, PanelMember
from hle_site.audit import log
from questions.workflow import Refused


@transaction.atomic
def substitute(*, check: DifficultyCheck, model: ModelSpec, by: Any, reason: str) -> None:
    """Let the substitute answer what `model` left unscored in a parked check; what was scored stands, whoever said it.

    The panel keeps its size for the policy. Raises Refused where nothing is unscored or no fitting substitute is named.
    """
    if not by.has_perm("grading.resolve_contest", check.question):
        raise PermissionDenied("put a substitute in a check")
    if not reason.strip():
        raise Refused([_("Give a reason: it is logged.")])
    parked = DifficultyCheck.objects.select_for_update(of=("self",)).select_related("revision", "policy")
    locked = parked.filter(pk=check.pk, status=CheckStatus.PARKED).first()
    if locked is None:
        raise Refused([_("This test is not parked any more.")])
    seats = seats_of(locked)
    seat = next((seat for seat in seats if seat.model == model), None)
    if seat is None or not _is_unscored(locked, seat):
        raise Refused([_("%(model)s owes no answer in this test.") % {"model": model.label}])
    stand_in = _stand_in(locked, seat, seats)
    locked.plan = _plan(seats, seat, stand_in)
    locked.save(update_fields=["plan"])
    settling.unpark(locked)
    log.record("check.substitute", by=by, on=locked, before=model.label, after=stand_in.label, reason=reason)
    key = Key(locked.tested_hash, locked.panel_id)
    transaction.on_commit(lambda: settling.settle_ready([key]))


def _is_unscored(check: DifficultyCheck, seat: Seat) -> bool:
    return any(
        found.position == seat.position and row.state == PredictionState.UNSCORED
        for found, row in standing_of(check).asked
    )


def _stand_in(check: DifficultyCheck, seat: Seat, seats: list[Seat]) -> ModelSpec:
    """The substitute that the panel names for whoever sat here first, if it can answer and does not answer already."""
    members = PanelMember.objects.select_related("substitute")
    member = members.filter(panel=check.panel_id, model=seat.models[0]).first()
    found = member.substitute if member else None
    if found is None:
        raise Refused([_("The panel names no substitute for %(model)s.") % {"model": seat.model.label}])
    is_seated = any(found in other.models for other in seats)
    if is_seated or found.is_retired or (check.revision.image_id and not found.takes_images):
        raise Refused([_("The substitute %(model)s cannot answer in this test.") % {"model": found.label}])
    return found


def _plan(seats: list[Seat], changed: Seat, stand_in: ModelSpec) -> list[list[Any]]:
    waves: dict[int, list[Any]] = {}
    for seat in seats:
        models = [*seat.models, stand_in] if seat.position == changed.position else seat.models
        ids = [model.pk for model in models]
        waves.setdefault(seat.wave, []).append(ids if len(ids) > 1 else ids[0])
    return [waves[number] for number in sorted(waves)]
