"""Engineering."""

from hle_site.demo.content.shapes import DemoDecision, DemoQuestion, DemoReview, prose

ENGINEERING = (
    DemoQuestion(
        key="bridge-power",
        author="contributor1",
        category="Engineering",
        raw_subject="Electrical Engineering",
        answer_type="exactMatch",
        prompt=(
            "The picture shows a bridge circuit fed by an ideal 12 V source. What power, in watts, is dissipated "
            "in the resistor between P and Q?"
        ),
        answer="6.75",
        target="approved",
        picture="bridge",
        alt=(
            "Bridge circuit on a 12 V source with the positive pole at the top node. Top node to P: 1 ohm; top "
            "node to Q: 10 ohm; P to Q: 3 ohm; P to the bottom node: 6 ohm; Q to the bottom node: 2 ohm."
        ),
        rationale=prose(
            r"""
Take the bottom node as zero. The node equations are $(V_P - 12)/1 + V_P/6 + (V_P - V_Q)/3 = 0$ and
$(V_Q - 12)/10 + V_Q/2 + (V_Q - V_P)/3 = 0$.

They simplify to $9 V_P - 2 V_Q = 72$ and $28 V_Q - 10 V_P = 36$, with the solution $V_P = 9$ V and $V_Q = 4.5$ V.

The resistor between P and Q carries $(9 - 4.5)/3 = 1.5$ A and dissipates $1.5^2 \cdot 3 = 6.75$ W.
"""
        ),
        sources="Node analysis; Horowitz and Hill, The Art of Electronics.",
        round=2,
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=3,
                depth="solved",
                feedback=(
                    "Below graduate level, but the models misread the drawing and fail, so it is acceptable. The "
                    "numbers come out cleanly, which makes the key easy to verify."
                ),
                answer="6.75",
                confidence=100,
                note="Useful as a test of reading a circuit, less of knowledge.",
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "Solved with a delta-star transformation, same result. The drawing follows the usual "
                    "conventions and every value can be read without doubt."
                ),
                answer="6.75",
                confidence=95,
            ),
            DemoReview(
                reviewer="senior",
                round=2,
                score=5,
                depth="checked_rationale",
                feedback="Good picture question. I would like more of this kind with dependent sources.",
                recommendation="approve",
            ),
        ),
        decision=DemoDecision(
            by="organiser2",
            reason="Matching solves; goes into the next release.",
        ),
    ),
    DemoQuestion(
        key="bandpass",
        author="contributor2",
        category="Engineering",
        raw_subject="Signal Processing",
        answer_type="multipleChoice",
        prompt=(
            "A real signal occupies the band from 20.5 MHz to 25.5 MHz and nothing else. What is the lowest "
            "uniform sampling rate at which it can be recovered from its samples without aliasing?"
        ),
        answer="B",
        target="awaiting_decision",
        options=(
            "10.0 MHz",
            "10.2 MHz",
            "10.25 MHz",
            "12.75 MHz",
            "20.5 MHz",
            "51.0 MHz",
        ),
        rationale=prose(
            r"""
For a band from $f_L$ to $f_H$ uniform sampling is free of aliasing exactly when
$\frac{2 f_H}{n} \le f_s \le \frac{2 f_L}{n - 1}$ for some integer $n$ with $1 \le n \le f_H / (f_H - f_L)$.

Here $f_H / (f_H - f_L) = 25.5 / 5 = 5.1$, so the largest $n$ is 5. Then $51/5 = 10.2$ MHz is the lowest rate, and the
interval reaches up to $41/4 = 10.25$ MHz.

Twice the bandwidth, 10 MHz, would be enough only if the band edges were multiples of the bandwidth, which they are
not.
"""
        ),
        sources="Vaughan, Scott and White (1991), The theory of bandpass sampling.",
        round=2,
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "A good question on a condition that is often forgotten. I drew the spectral copies for 10.0 "
                    "MHz and they overlap between 24.5 and 25.5 MHz, so option A is wrong."
                ),
                answer="B",
                confidence=90,
                note=(
                    "Most models agree on A. I am sure that they are wrong, but the alarm should be answered in "
                    "writing."
                ),
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "The inequality in the rationale is the right tool, and option C as the upper end of the "
                    "interval is a clever distractor. Say in the prompt that guard bands are not wanted, if you "
                    "revise it."
                ),
                answer="B",
                confidence=80,
            ),
            DemoReview(
                reviewer="senior",
                round=2,
                score=5,
                depth="solved",
                feedback=(
                    "I looked at the alarm: the models give twice the bandwidth without checking where the copies "
                    "fall. The key stands."
                ),
                answer="B",
                confidence=95,
                note=(
                    "Agreement of the models on A is a shared mistake. The alarm can be closed with the argument "
                    "of reviewer 1."
                ),
                recommendation="approve",
            ),
        ),
    ),
    DemoQuestion(
        key="stable-gains",
        author="contributor1",
        category="Engineering",
        raw_subject="Control Theory",
        answer_type="exactMatch",
        prompt=prose(
            """
For how many integers $K$ do all roots of

$$s^4 + 3 s^3 + 6 s^2 + K s + (K - 3) = 0$$

lie in the open left half-plane?
"""
        ),
        answer="8",
        target="checking",
    ),
    DemoQuestion(
        key="eutectic-fraction",
        author="contributor1",
        category="Engineering",
        raw_subject="Materials Science",
        answer_type="exactMatch",
        prompt=(
            "The picture shows the phase diagram of the metals A and B; L is the melt, S1 and S2 are solid "
            "solutions. Alloy X (red line) is cooled slowly from the melt to just below the eutectic temperature. "
            "What fraction of the total mass is S1 that belongs to the *eutectic* constituent (S1 that formed "
            "before the eutectic reaction does not count)? Give a fraction in lowest terms."
        ),
        answer="2/15",
        target="in_review",
        picture="eutectic",
        alt=(
            "Phase diagram over weight percent of B. Eutectic line at 580 degrees from 15 percent (S1) to 90 "
            "percent (S2), eutectic point at 60 percent. Alloy X at 30 percent."
        ),
        rationale=prose(
            r"""
Just above the eutectic temperature alloy X consists of S1 with 15 % B and melt with 60 % B. By the lever rule the
share of melt is $\frac{30 - 15}{60 - 15} = \frac13$; this melt becomes the eutectic constituent.

The eutectic constituent, with 60 % B, consists of S1 with 15 % B and S2 with 90 % B. Its share of S1 is
$\frac{90 - 60}{90 - 15} = \frac25$.

The product is $\frac13 \cdot \frac25 = \frac2{15}$.
"""
        ),
        sources=("Lever rule; Callister and Rethwisch, Materials Science and Engineering, chapter on phase diagrams."),
    ),
)
