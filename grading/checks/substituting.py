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
    if not by.has_perm("grading.mend_check", check.question):
        raise PermissionDenied("put a substitute in a check")
    if not reason.strip():
        raise Refused([_("Give a reason: it is logged.")])
    parked = DifficultyCheck.objects.select_for_update(of=("self",)).select_related("revision", "policy")
    locked = parked.filter(pk=check.pk, status=CheckStatus.PARKED).first()
    if locked is None:
        raise Refused([_("This test is not parked any more.")])
    seats = seats_of(locked)
    seat = next((seat for seat in seats if seat.model == model), None)
    stand_in = dict(offers(locked)).get(model)
    if seat is None or stand_in is None:
        raise Refused([_("The panel names nobody who could answer for %(model)s here.") % {"model": model.label}])
    locked.plan = _plan(seats, seat, stand_in)
    locked.save(update_fields=["plan"])
    settling.unpark(locked)
    log.record("check.substitute", by=by, on=locked, before=model.label, after=stand_in.label, reason=reason)
    key = Key(locked.tested_hash, locked.panel_id)
    transaction.on_commit(lambda: settling.settle_ready([key]))


def offers(check: DifficultyCheck) -> list[tuple[ModelSpec, ModelSpec]]:
    """The models that left something unscored in a check, each with a substitute that can answer for it."""
    unscored = {seat.position for seat, row in standing_of(check).asked if row.state == PredictionState.UNSCORED}
    seats = seats_of(check)
    members = PanelMember.objects.filter(panel=check.panel_id).exclude(substitute=None)
    named = {member.model_id: member.substitute for member in members.select_related("substitute")}
    found = [(seat.model, named.get(seat.models[0].pk)) for seat in seats if seat.position in unscored]
    seated = {model.pk for seat in seats for model in seat.models}
    needs_pictures = check.revision.image_id is not None
    return [
        (model, stand_in)
        for model, stand_in in found
        if stand_in is not None
        and stand_in.pk not in seated
        and not stand_in.is_retired
        and (stand_in.takes_images or not needs_pictures)
    ]


def _plan(seats: list[Seat], changed: Seat, stand_in: ModelSpec) -> list[list[Any]]:
    waves: dict[int, list[Any]] = {}
    for seat in seats:
        models = [*seat.models, stand_in] if seat.position == changed.position else seat.models
        ids = [model.pk for model in models]
        waves.setdefault(seat.wave, []).append(ids if len(ids) > 1 else ids[0])
    return [waves[number] for number in sorted(waves)]
