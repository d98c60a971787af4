"""Biology and medicine."""

from hle_site.demo.content.shapes import DemoDecision, DemoQuestion, DemoReview, prose

BIOLOGY = (
    DemoQuestion(
        key="hexaploid",
        author="contributor2",
        category="Biology/Medicine",
        raw_subject="Genetics",
        answer_type="exactMatch",
        prompt=(
            "An autohexaploid plant with genotype $AAAaaa$ at a locus close to the centromere is selfed. "
            "Chromosomes pair at random and segregate evenly, without double reduction. $A$ is completely "
            "dominant. What fraction of the offspring *with the dominant phenotype* carries exactly one copy of "
            "$A$? Give a fraction in lowest terms."
        ),
        answer="6/133",
        target="approved",
        rationale=prose(
            r"""
A gamete receives 3 of the 6 chromosomes at random, so it carries $k$ copies of $A$ with probability
$\binom{3}{k}\binom{3}{3-k}/\binom{6}{3}$, that is $1, 9, 9, 1$ twentieths for $k = 0, 1, 2, 3$.

Offspring with exactly one $A$ arise from a gamete with none and a gamete with one, in two orders:
$2 \cdot 1 \cdot 9 / 400 = 18/400$. Offspring without $A$ have probability $1/400$, so the dominant phenotype has
$399/400$.

The fraction is $18/399 = 6/133$.
"""
        ),
        sources=(
            "Polysomic inheritance with chromosome segregation; Gallais, Quantitative Genetics and Breeding "
            "Methods in Autopolyploid Plants."
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
                    "The assumptions that matter (random pairing, no double reduction) are all stated, which is "
                    "rare for this kind of question. I enumerated the gametes and agree."
                ),
                answer="6/133",
                confidence=90,
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=3,
                depth="checked_rationale",
                feedback=(
                    "I followed the rationale line by line and found no gap; the hypergeometric step is well "
                    "explained. The wording 'carries exactly one copy' is clear even to somebody outside the "
                    "field."
                ),
                cannot_solve=("I do not work with polyploids and did not trust myself with the gamete frequencies."),
                note="Please weigh my score lightly.",
            ),
            DemoReview(
                reviewer="senior",
                round=2,
                score=5,
                depth="solved",
                feedback=(
                    "Solved independently; the condition on the phenotype is the step that the models miss. "
                    "Approved from my side."
                ),
                answer="6/133",
                confidence=95,
                recommendation="approve",
            ),
        ),
        decision=DemoDecision(
            by="organiser2",
            reason="Two solves match the key; assumptions are explicit.",
        ),
    ),
    DemoQuestion(
        key="root-split",
        author="contributor2",
        category="Biology/Medicine",
        raw_subject="Population Genetics",
        answer_type="exactMatch",
        prompt=(
            "Six copies of a gene are sampled at random from a large panmictic population of constant size: three "
            "from island birds and three from mainland birds, which interbreed freely and do not differ "
            "genetically. Under the standard coalescent, what is the probability that the first split below the "
            "root of the gene tree separates exactly the island copies from the mainland copies?"
        ),
        answer="1/50",
        target="approved",
        rationale=prose(
            r"""
As the birds interbreed freely, the labels island and mainland are exchangeable under the coalescent.

Going back in time from the root, the sizes of the two groups below the root are $(i, 6 - i)$ with $i$ uniform on
$1, \dots, 5$ (ordered), so an even split $3 + 3$ has probability $1/5$.

Given an even split, each of the $\frac12\binom{6}{3} = 10$ ways to divide the six copies is equally likely, and one
of them is the wanted one. The probability is $\frac15 \cdot \frac1{10} = \frac1{50}$.
"""
        ),
        sources="Kingman's coalescent; Wakeley, Coalescent Theory: An Introduction.",
        round=2,
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "A nice use of the uniform law for the root split. The sentence about free interbreeding is "
                    "essential, and you have put it where nobody can overlook it."
                ),
                answer="0.02",
                confidence=85,
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "I checked it by summing over all coalescence orders by program and got 1/50. You might say "
                    "in the rationale why i is uniform; a reference to the Pólya urn would be enough."
                ),
                answer="1/50",
                confidence=80,
            ),
            DemoReview(
                reviewer="senior",
                round=2,
                score=6,
                depth="checked_rationale",
                feedback=(
                    "Elegant, and the answer cannot be guessed from a formula sheet. One of the best in its category."
                ),
                recommendation="approve",
            ),
        ),
        decision=DemoDecision(
            by="organiser1",
            reason="Matching solves and top score in round 2; goes into the next release.",
        ),
    ),
    DemoQuestion(
        key="blood-gas",
        author="contributor2",
        category="Biology/Medicine",
        raw_subject="Medicine",
        answer_type="multipleChoice",
        prompt=(
            "An adult with normal albumin has these values in arterial blood and serum: pH 7.40, "
            r"$P_{\mathrm{CO_2}}$ 40 mmHg, bicarbonate 24 mmol/L, sodium 150 mmol/L, chloride 100 mmol/L. Take 12 "
            "mmol/L as the normal anion gap (sodium minus chloride minus bicarbonate). Which description fits "
            "best?"
        ),
        answer="C",
        target="in_review",
        options=(
            "No acid-base disorder",
            "Metabolic acidosis with a raised anion gap, fully compensated by breathing",
            "Metabolic acidosis with a raised anion gap, together with a metabolic alkalosis",
            "Metabolic acidosis with a raised anion gap, together with a respiratory alkalosis",
            "Chronic respiratory acidosis, together with a metabolic alkalosis",
            "Metabolic acidosis with a normal anion gap, together with a metabolic alkalosis",
        ),
        rationale=prose(
            r"""
The anion gap is $150 - 100 - 24 = 26$ mmol/L, 14 above normal, so acid has accumulated that used up about 14 mmol/L
of bicarbonate. Had nothing else happened, bicarbonate would be about $24 - 14 = 10$ mmol/L.

It is 24, so there must have been about 38 mmol/L before the acid was added: a metabolic alkalosis is present at the
same time. $P_{\mathrm{CO_2}}$ and pH are normal, so there is no respiratory disorder to explain. The two metabolic
disorders hide each other, and only the gap shows them.
"""
        ),
        sources=(
            "Delta-delta analysis of the anion gap; Rose and Post, Clinical Physiology of Acid-Base and "
            "Electrolyte Disorders."
        ),
        reviews=(
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=3,
                depth="format_only",
                feedback=(
                    "The numbers in prompt and rationale agree, and the definition of the gap is given, which "
                    "removes the usual doubt about potassium. A reviewer with clinical training should confirm "
                    "option C."
                ),
                cannot_solve="Clinical chemistry is outside my field; I checked form and consistency only.",
                note="Please assign somebody from medicine for the second review.",
            ),
        ),
    ),
)
