"""Other fields."""

from hle_site.demo.content.shapes import DemoDecision, DemoQuestion, DemoReview, prose

OTHER = (
    DemoQuestion(
        key="flat-vertex",
        author="contributor1",
        category="Other",
        raw_subject="Origami",
        answer_type="exactMatch",
        prompt=(
            r"Eight creases meet at an inner point of a sheet of paper at equal angles of $45^\circ$. In how many "
            "ways can each crease be made a mountain or a valley so that the sheet folds flat along all eight "
            "creases, if assignments that differ by a rotation about the point count as one (the sheet is not "
            "turned over)?"
        ),
        answer="14",
        target="approved",
        rationale=prose(
            r"""
By Maekawa's theorem the numbers of mountains and valleys differ by 2, so they are 5 and 3 or 3 and 5. As all angles
are equal, every such assignment folds flat: two neighbouring creases of different kind can be crimped away, which
leaves equal angles again, until two creases of the same kind remain.

This gives $2\binom{8}{3} = 112$ assignments. A rotation that fixes an assignment other than the identity has an order
dividing both 8 and 3, so there is none, and each class has 8 members.

The number of classes is $112 / 8 = 14$.
"""
        ),
        sources="Maekawa's and Kawasaki's theorems; Hull, Project Origami.",
        round=2,
        released=True,
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "Well posed down to the remark that the sheet is not turned over. I folded two of the classes "
                    "to convince myself of the crimping argument."
                ),
                answer="14",
                confidence=90,
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "Maekawa alone is a known exercise; counting up to rotation adds the step that matters. The "
                    "rationale is complete, including why no assignment has a symmetry."
                ),
                answer="14",
                confidence=80,
            ),
            DemoReview(
                reviewer="senior",
                round=2,
                score=5,
                depth="checked_rationale",
                feedback="Unusual subject, clean mathematics, one answer. Welcome in this category.",
                recommendation="approve",
            ),
        ),
        decision=DemoDecision(
            by="organiser1",
            reason="Two solves match the key; a subject we had nothing on.",
        ),
    ),
    DemoQuestion(
        key="climate-code",
        author="contributor2",
        category="Other",
        raw_subject="Geography",
        answer_type="exactMatch",
        prompt=(
            "A place has mean temperatures of 26 °C in the warmest and 8 °C in the coldest month, 640 mm of rain "
            "a year, 12 mm in the driest summer month and 110 mm in the wettest winter month. Which three-letter "
            "code does the Köppen-Geiger classification give it?"
        ),
        answer="Csa",
        target="rejected",
        rationale=(
            "The coldest month lies between 0 °C and 18 °C and the rain is above the threshold of the dry "
            "climates, so the first letter is C. The driest summer month has less than 40 mm and less than a "
            "third of the wettest winter month, hence s. The warmest month is above 22 °C, hence a."
        ),
        sources="Köppen-Geiger classification, as in Peel, Finlayson and McMahon (2007).",
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=0,
                depth="solved",
                feedback=(
                    "The question is correct and carefully written, but the table of the classification is the "
                    "first result of any search, and the answer is read from it in three steps. A place whose "
                    "class depends on the definition used could make a much better question."
                ),
                answer="Csa",
                confidence=100,
                unmet=("not_searchable",),
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=1,
                depth="solved",
                feedback=(
                    "Right answer, clear text, too easy to look up. If you know cases where two published "
                    "versions of the scheme disagree, please consider submitting one of them."
                ),
                answer="Csa",
                confidence=95,
                note="The simulated models fail for want of a table, not for want of reasoning.",
                unmet=("not_searchable",),
            ),
        ),
        decision=DemoDecision(
            by="senior",
            reason=(
                "Searchable: the published table gives the answer directly. A better question on the same subject "
                "would be welcome."
            ),
            code="too_easy",
            second_by="organiser2",
        ),
    ),
)
