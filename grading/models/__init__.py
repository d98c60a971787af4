"""What models say: providers and panels as data, checks, predictions, judgements, the ledger, and the workers that hold leases."""

from grading.models.checks import ClearedAlarm, ConfirmedKey, Contest, DifficultyCheck, Judgement, Prediction, Worker
from grading.models.money import Budget, Ledger, Spend
from grading.models.panels import CallPanel, Panel, PanelMember, Policy, WaveOrder
from grading.models.providers import ModelSpec, Provider

__all__ = [
    "Budget",
    "CallPanel",
    "ClearedAlarm",
    "ConfirmedKey",
    "Contest",
    "DifficultyCheck",
    "Judgement",
    "Ledger",
    "ModelSpec",
    "Panel",
    "PanelMember",
    "Policy",
    "Prediction",
    "Provider",
    "Spend",
    "WaveOrder",
    "Worker",
]
