"""Computer science and artificial intelligence."""

from hle_site.demo.content.shapes import DemoComment, DemoDecision, DemoQuestion, DemoReview, prose

COMPUTING = (
    DemoQuestion(
        key="spanning-trees",
        author="contributor2",
        category="Computer Science/AI",
        raw_subject="Graph Algorithms",
        answer_type="exactMatch",
        prompt=(
            "The picture shows a network with the weight of each edge. How many different spanning trees of "
            "minimum total weight does it have?"
        ),
        answer="54",
        target="approved",
        picture="network",
        alt=(
            "Network of the nodes A to H with weighted edges: AB 1, AC 2, BC 2, BD 3, CE 3, CD 3, DE 2, DF 2, EF "
            "2, EG 4, FH 4, GH 1, FG 4."
        ),
        rationale=prose(
            r"""
Kruskal's algorithm treats the weights in increasing order; the components after each weight do not depend on the
choices made, so the number of minimum spanning trees is a product over the weights.

Weight 1: AB and GH are both taken, 1 way. Weight 2: C joins {A, B} by AC or BC, 2 ways; D, E, F form a triangle of
weight-2 edges, of which two are taken, 3 ways. Weight 3: {A, B, C} joins {D, E, F} by one of BD, CE, CD, 3 ways.
Weight 4: {A, ..., F} joins {G, H} by one of EG, FH, FG, 3 ways.

The product is $1 \cdot 2 \cdot 3 \cdot 3 \cdot 3 = 54$; each such tree has weight 15.
"""
        ),
        sources=(
            "Kruskal's algorithm; Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms, chapter on "
            "minimum spanning trees."
        ),
        round=2,
        released=True,
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=3,
                depth="solved",
                feedback=(
                    "Clear picture, clear question, one answer. For people it is a matter of bookkeeping once "
                    "Kruskal is read stage by stage; that the models miscount is interesting. I would not add "
                    "more edges."
                ),
                answer="54",
                confidence=95,
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "I counted by stages and checked with the matrix-tree theorem on the contracted graphs. The "
                    "rationale should perhaps say why the components do not depend on the choices, but that is "
                    "standard."
                ),
                answer="54",
                confidence=90,
            ),
            DemoReview(
                reviewer="senior",
                round=2,
                score=5,
                depth="checked_rationale",
                feedback="Solid, and the picture is needed. Fine as it is.",
                recommendation="approve",
            ),
        ),
        decision=DemoDecision(
            by="organiser2",
            reason="Two matching solves and a complete rationale.",
        ),
    ),
    DemoQuestion(
        key="recurrence",
        author="contributor2",
        category="Computer Science/AI",
        raw_subject="Analysis of Algorithms",
        answer_type="multipleChoice",
        prompt=prose(
            r"""
A function satisfies $T(n) = 1$ for $n \le 4$ and

$$T(n) = T\bigl(\lfloor n/2 \rfloor\bigr) + 2\,T\bigl(\lfloor n/4 \rfloor\bigr) + \frac{n}{\log_2 n} \qquad (n > 4).$$

Which of these describes its growth?
"""
        ),
        answer="B",
        target="in_review",
        options=(
            r"$T(n) = \Theta(n)$",
            r"$T(n) = \Theta(n \log\log n)$",
            r"$T(n) = \Theta(n \log n / \log\log n)$",
            r"$T(n) = \Theta(n \log n)$",
            r"$T(n) = \Theta(n \log n \log\log n)$",
        ),
        rationale=prose(
            r"""
By the theorem of Akra and Bazzi we need $p$ with $(1/2)^p + 2\,(1/4)^p = 1$, and $p = 1$ satisfies it since
$1/2 + 2/4 = 1$. The floors change nothing in the order of growth.

Then $T(n) = \Theta\Bigl(n\bigl(1 + \int_2^n \frac{u/\log u}{u^2}\,du\bigr)\Bigr)$, and
$\int_2^n \frac{du}{u \log u} = \Theta(\log\log n)$.

So $T(n) = \Theta(n \log\log n)$. The master theorem does not apply, because there are two different fractions, and
its usual form would have nothing to say about the factor $1/\log n$.
"""
        ),
        sources="Akra and Bazzi (1998), On the solution of linear recurrence equations.",
        round=2,
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=3,
                depth="solved",
                feedback=(
                    "A compact application of Akra-Bazzi in the boundary case. It is close to a good exercise; "
                    "the 1/log n term lifts it above the routine."
                ),
                answer="B",
                confidence=90,
                note=("One model chose the right option. With five options I take that for luck, but please look."),
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "Correct; I unrolled the recursion level by level and found the harmonic sum that leads to "
                    "log log n. The options are well chosen, since each is the answer to a small misreading."
                ),
                answer="B",
                confidence=85,
            ),
        ),
    ),
    DemoQuestion(
        key="automaton",
        author="contributor2",
        category="Computer Science/AI",
        raw_subject="Automata Theory",
        answer_type="exactMatch",
        prompt=(
            r"Let $L$ be the set of strings over $\{0, 1\}$ that, read as a binary number, are divisible by 12 and "
            "contain an even number of ones. How many states does the smallest automaton for $L$ have?"
        ),
        answer="8",
        target="changes_requested",
        rationale=prose(
            r"""
Track the residue modulo 3 and the parity of the number of ones: 6 combinations. A continuation with a one in it makes
the zeros before it irrelevant; a continuation of zeros alone keeps the parity and keeps whether the residue is 0.

So the number of zeros at the end matters only for residue 0 and even parity, and there 0, 1 and at least 2 zeros must
be told apart. That gives $5 + 3 = 8$ states.
"""
        ),
        sources="Myhill-Nerode theorem; Hopcroft and Ullman, Introduction to Automata Theory.",
        ai_use="A coding assistant wrote the minimisation script with which the number was confirmed.",
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=2,
                depth="solved",
                feedback=(
                    "I get 11 when numbers are written without leading zeros and 8 when every string counts: the "
                    "text does not say which. Please state how leading zeros and the empty word are read, and that "
                    "the automaton is deterministic and complete."
                ),
                answer="11",
                confidence=70,
                note="The key is right under one reading. Worth another round.",
                unmet=("precise", "single_answer"),
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=2,
                depth="checked_rationale",
                feedback=(
                    "The idea is good, but 'smallest automaton' could also be nondeterministic, which is another "
                    "question. The rationale would gain from a list of the eight classes with one word for each."
                ),
                answer="8",
                confidence=65,
                unmet=("precise",),
            ),
        ),
        comments=(
            DemoComment(
                author="contributor2",
                text=(
                    "Both points are fair. I will say that the automaton is deterministic and complete and that "
                    "leading zeros are allowed, and add the table of the eight classes."
                ),
            ),
        ),
    ),
    DemoQuestion(
        key="cache-size",
        author="contributor2",
        category="Computer Science/AI",
        raw_subject="Machine Learning Systems",
        answer_type="exactMatch",
        prompt=(
            "A decoder-only transformer has 40 layers, 8 key-value heads (grouped-query attention) and head "
            "dimension 128. Keys and values are cached as 16-bit numbers. How many GiB ($2^{30}$ bytes) does the "
            "cache take for a batch of 4 sequences of 32,768 tokens?"
        ),
        answer="20",
        target="withdrawn",
        rationale=(
            "Each token stores a key and a value per layer and key-value head. That is "
            r"$2 \cdot 40 \cdot 8 \cdot 128 = 81{,}920$ numbers or $163{,}840$ bytes per token. With "
            r"$4 \cdot 32{,}768 = 131{,}072$ tokens the cache takes $163{,}840 \cdot 131{,}072 = 20 \cdot 2^{30}$ "
            "bytes, which is 20 GiB."
        ),
        sources="Ainslie et al. (2023), GQA: Training Generalized Multi-Query Transformer Models.",
        decision=DemoDecision(
            by="contributor2",
            reason=(
                "I found the same calculation, with other numbers, in several tutorials. It is not worth a "
                "reviewer's time."
            ),
        ),
    ),
)
