"""The questions of the demo, written for it, by category; `QUESTIONS` in the order in which they are seeded."""

from hle_site.demo.content.biology import BIOLOGY
from hle_site.demo.content.chemistry import CHEMISTRY
from hle_site.demo.content.computing import COMPUTING
from hle_site.demo.content.engineering import ENGINEERING
from hle_site.demo.content.humanities import HUMANITIES
from hle_site.demo.content.mathematics import MATHEMATICS
from hle_site.demo.content.other import OTHER
from hle_site.demo.content.physics import PHYSICS
from hle_site.demo.content.shapes import DemoComment, DemoDecision, DemoQuestion, DemoReview, DemoRewording

QUESTIONS: tuple[DemoQuestion, ...] = (
    *MATHEMATICS,
    *COMPUTING,
    *PHYSICS,
    *BIOLOGY,
    *CHEMISTRY,
    *ENGINEERING,
    *HUMANITIES,
    *OTHER,
)

__all__ = ["QUESTIONS", "DemoComment", "DemoDecision", "DemoQuestion", "DemoReview", "DemoRewording"]
