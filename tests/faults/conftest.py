"""The fixtures of grading, for what is disturbed here."""

from tests.grading.conftest import own_engine, simulate

__all__ = ["own_engine", "simulate"]
