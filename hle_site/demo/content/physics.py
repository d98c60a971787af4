"""Physics."""

from hle_site.demo.content.shapes import DemoDecision, DemoQuestion, DemoReview, prose

PHYSICS = (
    DemoQuestion(
        key="spin-cluster",
        author="contributor1",
        category="Physics",
        raw_subject="Quantum Mechanics",
        answer_type="exactMatch",
        prompt=prose(
            r"""
Six spins $1/2$ interact, each with every other with the same strength, and stand in a magnetic field along $z$:

$$H = J \sum_{i < j} \mathbf{S}_i \cdot \mathbf{S}_j - h \sum_i S_i^z,
\qquad J > 0, \quad h = \tfrac{5}{2} J \quad (\hbar = 1).$$

What is the degeneracy of the ground level?
"""
        ),
        answer="5",
        target="approved",
        rationale=prose(
            r"""
With the total spin $S$ the coupling is $\frac{J}{2}\bigl[S(S+1) - 6 \cdot \frac34\bigr]$, so the lowest level of each
$S$ has $m = S$ and energy $\frac{J}{2} S(S+1) - hS$ up to a constant.

For $h = \frac52 J$ this is $0, -\frac32 J, -2J, -\frac32 J$ for $S = 0, 1, 2, 3$. The minimum is at $S = 2$, $m = 2$
and is not shared with another $S$.

The number of multiplets with $S = 2$ among six spins $1/2$ is $\binom{6}{1} - \binom{6}{0} = 5$. The field has
removed the degeneracy in $m$, so the ground level is 5-fold.
"""
        ),
        sources=(
            "Addition of angular momenta; multiplicities from the ballot numbers, for example Sakurai, Modern "
            "Quantum Mechanics."
        ),
        round=2,
        released=True,
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "Well posed. The choice of h is good: S = 2 wins clearly, without a crossing. I diagonalised "
                    "the 64 x 64 matrix and find five states at the bottom."
                ),
                answer="5",
                confidence=95,
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "The two steps, which S and how many multiplets, are separate and both needed. You could "
                    "mention that states of one multiplet do not mix under the field, but it is clear enough."
                ),
                answer="5",
                confidence=75,
            ),
            DemoReview(
                reviewer="senior",
                round=2,
                score=5,
                depth="checked_rationale",
                feedback=(
                    "Models answer 1 or 25 here, forgetting either the multiplets or the field. A good test of "
                    "careful counting at graduate level."
                ),
                recommendation="approve",
            ),
        ),
        decision=DemoDecision(
            by="organiser1",
            reason="Independent solve by diagonalisation matches the key.",
        ),
    ),
    DemoQuestion(
        key="flat-photons",
        author="contributor1",
        category="Physics",
        raw_subject="Statistical Mechanics",
        answer_type="multipleChoice",
        prompt=(
            "Thermal radiation fills a cavity in a world with *two* space dimensions. The cavity is expanded "
            "reversibly and without heat exchange until its area is 8 times as large. By what factor does the "
            "total energy of the radiation change?"
        ),
        answer="D",
        target="awaiting_decision",
        options=(
            "$1/64$",
            "$1/8$",
            "$1/4$",
            r"$1/(2\sqrt{2})$",
            "$1/2$",
            "$1$ (it is unchanged)",
        ),
        rationale=prose(
            r"""
In $d$ space dimensions the energy density of thermal radiation is proportional to $T^{d+1}$ and its entropy density
to $T^d$. For $d = 2$ we have $U \propto A T^3$ and $S \propto A T^2$.

With $S$ constant, $T \propto A^{-1/2}$, and therefore $U \propto A \cdot A^{-3/2} = A^{-1/2}$. For $A \to 8A$ the
energy falls to $8^{-1/2} = 1/(2\sqrt2)$ of its value.

The value $1/2$ is the answer in three dimensions, where $U \propto V^{-1/3}$.
"""
        ),
        sources=(
            "Landau and Lifshitz, Statistical Physics, section on black-body radiation, repeated in two dimensions."
        ),
        round=2,
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=3,
                depth="solved",
                feedback=(
                    "Correct and unambiguous. It is not long, but the reflex from three dimensions leads to the "
                    "wrong option, which makes it useful."
                ),
                answer="D",
                confidence=95,
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "I derived it from the pressure, p = U / 2A, and got the same exponent. Consider adding that "
                    "derivation as a second line: it shows that the counting of polarisations plays no part."
                ),
                answer="D",
                confidence=90,
            ),
            DemoReview(
                reviewer="senior",
                round=2,
                score=5,
                depth="checked_rationale",
                feedback="Short, exact, and every distractor has a reason. I recommend it.",
                note="Rather easy for a physicist, still above the bar of round 2.",
                recommendation="approve",
            ),
        ),
    ),
    DemoQuestion(
        key="three-body-decay",
        author="contributor1",
        category="Physics",
        raw_subject="Particle Physics",
        answer_type="exactMatch",
        prompt=(
            "A particle of mass $M$ at rest decays into three identical particles of mass $m = M/10$. What is the "
            "largest energy that one of them can have, in units of $mc^2$?"
        ),
        answer="4.85",
        target="in_review",
        rationale=prose(
            r"""
Let the other two particles have invariant mass $M_{23}$. Conservation of four-momentum gives
$E_1 = \frac{M^2 + m^2 - M_{23}^2}{2M} c^2$, which is largest when $M_{23}$ is smallest.

The smallest value is $2m$, reached when the two move together. With $M = 10m$ this gives
$E_1 = \frac{100 + 1 - 4}{20}\, mc^2 = 4.85\, mc^2$.
"""
        ),
        sources="Relativistic kinematics, for example Hagedorn, Relativistic Kinematics.",
    ),
)
