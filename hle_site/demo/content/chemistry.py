"""Chemistry."""

from hle_site.demo.content.shapes import DemoComment, DemoDecision, DemoQuestion, DemoReview, DemoRewording, prose

CHEMISTRY = (
    DemoQuestion(
        key="bond-order",
        author="contributor2",
        category="Chemistry",
        raw_subject="Theoretical Chemistry",
        answer_type="exactMatch",
        prompt=(
            r"The picture shows the carbon skeleton of a benzenoid hydrocarbon $\mathrm{C_{24}H_{14}}$; hydrogen "
            "atoms and double bonds are left out. What is the *Pauling bond order* of the bond drawn in bold red, "
            "that is the fraction of all Kekulé structures in which this bond is double? Give a fraction in "
            "lowest terms."
        ),
        answer="8/15",
        target="approved",
        picture="benzenoid",
        alt=(
            "Six fused hexagons: a lower row of two, a middle row of two above them shifted right by half a "
            "hexagon, and an upper row of two, the left of which is joined by one edge to the right hexagon of "
            "the middle row. The lower right edge of the lower left hexagon is bold."
        ),
        rationale=prose(
            r"""
A Kekulé structure is a perfect matching of the skeleton. Count the matchings that contain the marked bond by deleting
its two atoms, and those that do not by deleting the bond, and go on in the same way with bonds that are then forced.

The skeleton has 15 perfect matchings. In 8 of them the marked bond is double; in the other 7 its outer atom is
matched with its other neighbour.

The Pauling bond order is therefore $8/15 \approx 0.53$, a little more than the value $1/2$ of benzene.
"""
        ),
        sources="Gutman and Cyvin, Introduction to the Theory of Benzenoid Hydrocarbons.",
        round=2,
        released=True,
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "I drew the structures by hand and found 15, with the red bond double in 8. The definition in "
                    "the prompt makes it independent of the school one comes from."
                ),
                answer="8/15",
                confidence=85,
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "Confirmed by a short matching program. The rationale gives the counts but few steps; a table "
                    "of the forced bonds would help readers without a computer."
                ),
                answer="8/15",
                confidence=100,
            ),
            DemoReview(
                reviewer="senior",
                round=2,
                score=5,
                depth="checked_rationale",
                feedback=(
                    "A clean picture question with a definite answer. The definition in the text is exactly what "
                    "was needed."
                ),
                recommendation="approve",
            ),
        ),
        decision=DemoDecision(
            by="organiser2",
            reason="Two independent solves match the key.",
        ),
    ),
    DemoQuestion(
        key="prism-isomers",
        author="contributor2",
        category="Chemistry",
        raw_subject="Inorganic Chemistry",
        answer_type="exactMatch",
        prompt=(
            r"How many stereoisomers does a trigonal-prismatic complex $[\mathrm{M}a_2b_2c_2]$ have, where $a$, "
            "$b$ and $c$ are monodentate ligands?"
        ),
        answer="18",
        target="approved",
        rationale=(
            r"Use Burnside's lemma for the rotations of the prism. There are $6!/(2!\,2!\,2!) = 90$ arrangements "
            "of the ligands, and the identity fixes all of them. Each of the three twofold axes fixes 6. The "
            r"number of classes is $(90 + 3 \cdot 6)/6 = 18$."
        ),
        sources="Pólya and Burnside counting of isomers; Cotton, Chemical Applications of Group Theory.",
        round=2,
        released=True,
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=2,
                depth="solved",
                feedback=(
                    "I counted a pair of enantiomers once and got 11; counting both gives 18. Please say in the "
                    "prompt which is meant, and that the prism is rigid, since such complexes can twist to the "
                    "octahedron."
                ),
                answer="11",
                confidence=60,
                note="Good idea, the wording is not yet precise. The key is right under one reading.",
                unmet=(
                    "precise",
                    "single_answer",
                ),
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=3,
                depth="checked_rationale",
                feedback=(
                    "The Burnside count is correct. The rationale should also state what the threefold rotations "
                    "fix (nothing) and why, because that is the step where a reader may stumble."
                ),
                answer="18",
                confidence=70,
            ),
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "Thank you, both points are settled: with 'count enantiomers separately' there is only one "
                    "answer. The extra line that seven pairs and four achiral forms add up to 18 is a good check."
                ),
                answer="18",
                confidence=95,
                revision=2,
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "Much better. The rationale now covers every rotation and can be followed without looking "
                    "anything up."
                ),
                answer="18",
                confidence=95,
                revision=2,
            ),
            DemoReview(
                reviewer="senior",
                round=2,
                score=5,
                depth="solved",
                feedback=(
                    "The revision answers all that round 1 asked for. The prism instead of the octahedron keeps "
                    "it out of the tables."
                ),
                answer="18",
                confidence=90,
                recommendation="approve",
                revision=2,
            ),
        ),
        comments=(
            DemoComment(
                author="contributor2",
                text=(
                    "You are right that enantiomers were not mentioned. I have added that they count separately "
                    "and that the prism is rigid, and completed the list of rotations in the rationale."
                ),
            ),
        ),
        rewording=DemoRewording(
            prompt=(
                r"Consider complexes $[\mathrm{M}a_2b_2c_2]$ with six monodentate ligands at the corners of a "
                "*rigid* regular trigonal prism. How many stereoisomers are there, if two enantiomers are counted "
                "as two different stereoisomers?"
            ),
            rationale=prose(
                r"""
Two arrangements are the same stereoisomer exactly when a rotation of the prism carries one to the other, so we use
Burnside's lemma for the rotation group $D_3$ of order 6. There are $6!/(2!\,2!\,2!) = 90$ arrangements.

The identity fixes 90. The two threefold rotations permute the corners in two cycles of length 3 and fix nothing, as
each ligand occurs only twice. Each of the three twofold rotations permutes the corners in three cycles of length 2,
which must carry the three kinds of ligand: $3! = 6$ arrangements.

The number is $(90 + 2 \cdot 0 + 3 \cdot 6)/6 = 18$. With reflections added one finds 11 classes, so there are 7 pairs
of enantiomers and 4 achiral forms, and $2 \cdot 7 + 4 = 18$.
"""
            ),
            summary=(
                "Says that the prism is rigid and that enantiomers count separately; the rationale lists every "
                "rotation."
            ),
        ),
        decision=DemoDecision(
            by="organiser1",
            reason="The revised wording has one answer; three solves match it.",
        ),
    ),
    DemoQuestion(
        key="lanthanide-order",
        author="contributor2",
        category="Chemistry",
        raw_subject="Inorganic Chemistry",
        answer_type="multipleChoice",
        prompt=(
            r"For the ground level of a free trivalent lanthanide ion (Hund's rules) let $\mu = g_J J$ be the "
            r"saturation moment in Bohr magnetons. In which list are the ions in order of *increasing* $\mu$?"
        ),
        answer="B",
        target="eligible",
        options=(
            r"$\mathrm{Ce^{3+},\ Pr^{3+},\ Nd^{3+},\ Pm^{3+},\ Sm^{3+}}$",
            r"$\mathrm{Sm^{3+},\ Ce^{3+},\ Pm^{3+},\ Pr^{3+},\ Nd^{3+}}$",
            r"$\mathrm{Sm^{3+},\ Pm^{3+},\ Ce^{3+},\ Pr^{3+},\ Nd^{3+}}$",
            r"$\mathrm{Sm^{3+},\ Ce^{3+},\ Pr^{3+},\ Pm^{3+},\ Nd^{3+}}$",
            r"$\mathrm{Ce^{3+},\ Sm^{3+},\ Pm^{3+},\ Nd^{3+},\ Pr^{3+}}$",
            r"$\mathrm{Sm^{3+},\ Ce^{3+},\ Pm^{3+},\ Nd^{3+},\ Pr^{3+}}$",
        ),
    ),
    DemoQuestion(
        key="tungsten",
        author="contributor1",
        category="Chemistry",
        raw_subject="General Chemistry",
        answer_type="exactMatch",
        prompt="What is the chemical symbol of tungsten?",
        answer="W",
        target="too_easy",
    ),
)
