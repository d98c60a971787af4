"""Money in the writer's transaction: a paid call that fits no budget is refused before its line is written."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from grading import spending
from grading.spending import Reservation

if TYPE_CHECKING:
    from grading.engine.writer import Write

ASKS = ("ask", "ask_judge", "ask_again")
BILLS = ("answer", "judged", "judged_again")


class NoBudget(Exception):
    """The call was not made: it could cost more than is left."""


def without_budget(writes: Sequence[Write]) -> list[Write]:
    """Reserve for the paid calls among the writes, and return those that do not fit."""
    paid = [write for write in writes if write.kind in ASKS and write.values["is_paid"]]
    if not paid:
        return []
    fits = spending.admit([_reservation(write) for write in paid])
    return [write for write, fit in zip(paid, fits, strict=True) if not fit]


def give_back(late: Sequence[Write], unpaid: Sequence[Write]) -> None:
    """Take back what was reserved for calls that the fence refused; those without money have reserved nothing."""
    lost = [write for write in late if write.kind in ASKS and write.values["is_paid"] and write not in unpaid]
    if lost:
        spending.give_back([_reservation(write) for write in lost])


def _reservation(write: Write) -> Reservation:
    return Reservation(write.values["provider_id"], Decimal(write.values["reserved_usd"]))


def book(writes: Sequence[Write]) -> None:
    """Replace what the paid calls among the writes had reserved by what they cost."""
    paid = [write.values for write in writes if write.kind in BILLS and write.values["is_paid"]]
    if paid:
        spending.book((row["ledger"], row["ledger_state"], row["cost_usd"]) for row in paid)
