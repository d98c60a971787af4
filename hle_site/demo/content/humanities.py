"""Humanities and social science."""

from hle_site.demo.content.shapes import DemoComment, DemoDecision, DemoQuestion, DemoReview, prose

HUMANITIES = (
    DemoQuestion(
        key="voting-power",
        author="contributor1",
        category="Humanities/Social Science",
        raw_subject="Political Economy",
        answer_type="exactMatch",
        prompt=(
            "Five parties hold 7, 5, 4, 3 and 2 seats of a council. A motion passes with a two-thirds majority of "
            "all 21 seats. What is the Shapley-Shubik power index of the party with 7 seats? Give a fraction in "
            "lowest terms."
        ),
        answer="1/3",
        target="retracted",
        rationale=prose(
            r"""
Two thirds of 21 seats are 14. Let the parties join a coalition in random order; the index of a party is the
probability that it is the one with which the coalition reaches 14.

The party with 7 seats is pivotal when the seats before it add up to 7 to 13. These sets of the others are {5, 2}, {4,
3}, {5, 3}, {5, 4}, {4, 3, 2}, {5, 3, 2}, {5, 4, 2} and {5, 4, 3}.

A set of 2 has weight $2!\,2!/5! = 1/30$ and a set of 3 has $3!\,1!/5! = 1/20$. There are four of each, which gives
$4/30 + 4/20 = 1/3$.
"""
        ),
        sources=("Shapley and Shubik (1954), A method for evaluating the distribution of power in a committee system."),
        round=2,
        released=True,
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "Clear and well sized: eight coalitions can be listed by hand. I obtained the same fraction "
                    "from all 120 orders."
                ),
                answer="1/3",
                confidence=90,
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=3,
                depth="solved",
                feedback=(
                    "Correct. The index is standard, so the value of the question lies in the careful listing. "
                    "The rationale is easy to follow."
                ),
                answer="1/3",
                confidence=85,
            ),
            DemoReview(
                reviewer="senior",
                round=2,
                score=5,
                depth="checked_rationale",
                feedback="Fine as it stands; two solves agree.",
                recommendation="approve",
            ),
        ),
        decision=DemoDecision(
            by="organiser1",
            reason=(
                "'Two-thirds majority' can mean at least 14 seats or more than 14. Under the second reading the "
                "index is 7/15, so the question does not have one answer."
            ),
            code="unclear",
            second_by="organiser2",
        ),
    ),
    DemoQuestion(
        key="opaque-rules",
        author="contributor1",
        category="Humanities/Social Science",
        raw_subject="Linguistics",
        answer_type="multipleChoice",
        prompt=prose(
            """
Tavari is an invented language with three phonological rules, each obligatory:

1. *Palatalisation*: k becomes tʃ before i.
2. *Syncope*: i is deleted between VC and CV (V a vowel, C a single consonant).
3. *Raising*: e becomes i at the end of a word.

| underlying | surface |
|---|---|
| pak-to | pakto |
| paki | patʃi |
| paki-to | patʃto |
| pake | paki |
| pake-to | paketo |

Which terms describe how palatalisation is ordered with respect to syncope and to raising?
"""
        ),
        answer="C",
        target="in_review",
        options=(
            "Feeding with syncope, bleeding with raising",
            "Bleeding with syncope, feeding with raising",
            "Counterbleeding with syncope, counterfeeding with raising",
            "Counterfeeding with syncope, counterbleeding with raising",
            "Counterbleeding with syncope, feeding with raising",
            "Bleeding with syncope, counterfeeding with raising",
        ),
        rationale=prose(
            """
In *patʃto* from paki-to the consonant is palatalised although the i that caused it is gone. Syncope would have
destroyed the context of palatalisation, had it applied first; it applies later, so it does not bleed it. This is
counterbleeding (overapplication).

In *paki* from pake there is an i after k, yet no palatalisation. Raising creates the context of palatalisation, but
too late; had it applied first it would have fed it. This is counterfeeding (underapplication).

So palatalisation comes first, and both interactions are opaque.
"""
        ),
        sources=("Kiparsky (1973), Abstractness, opacity and global rules; Baković (2011) on opacity and ordering."),
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=4,
                depth="solved",
                feedback=(
                    "The data are small and consistent, and both kinds of opacity appear in one set, which is "
                    "well done. I derived every form in the table and found no exception. You might define the "
                    "hyphen as a morpheme boundary."
                ),
                answer="C",
                confidence=90,
            ),
        ),
    ),
    DemoQuestion(
        key="pisan-year",
        author="contributor1",
        category="Humanities/Social Science",
        raw_subject="History",
        answer_type="exactMatch",
        prompt=(
            "A Florentine notary dates a deed *10 February 1450* by the style of his city, where the number of "
            "the year changes on 25 March, after 1 January of the modern year with the same number. The deed is "
            "confirmed in Pisa on the next 1 June. Pisan notaries also change the year on 25 March, but are one "
            "year ahead of Florence throughout. Which weekday was the day of the confirmation, and which year did "
            "the Pisan notary write? Answer in the form *weekday, year*."
        ),
        answer="Tuesday, 1452",
        target="in_review",
        rationale=prose(
            r"""
The Florentine year 1450 ran from 25 March 1450 to 24 March 1451 of the modern count of years, so the deed is of 10
February 1451, and the confirmation of 1 June 1451 in the Julian calendar.

On 1 June 1451 Florence wrote 1451, as 25 March had passed. Pisa was one year ahead and wrote 1452.

The last Julian day in Rome was Thursday, 4 October 1582. Counting back 131 years and 125 days, with 33 leap days,
gives 47,973 days, and $47{,}973 \equiv 2 \pmod 7$; two days before Thursday is Tuesday.
"""
        ),
        sources="Cappelli, Cronologia, Cronografia e Calendario Perpetuo; Cheney, Handbook of Dates.",
        reviews=(
            DemoReview(
                reviewer="reviewer1",
                round=1,
                score=5,
                depth="solved",
                feedback=(
                    "Exactly the kind of reasoning that an editor of documents does every day, and rarely written "
                    "down. Each convention that is needed is stated. I computed the weekday with a Julian day "
                    "number and agree."
                ),
                answer="Tuesday, 1452",
                confidence=85,
                note="Top question in my view. I would not change a word.",
            ),
            DemoReview(
                reviewer="reviewer2",
                round=1,
                score=1,
                depth="checked_rationale",
                feedback=(
                    "The prompt explains both styles, so what remains is counting days, and a table of perpetual "
                    "calendars gives that at once. I miscounted by one day, which shows that it tests care more "
                    "than history. I would ask for a version in which the style has to be inferred from the "
                    "document."
                ),
                answer="Monday, 1452",
                confidence=55,
                note=("Artificially difficult in the sense of the guidelines. I know that the other view is possible."),
                unmet=("not_artificial",),
            ),
        ),
        comments=(
            DemoComment(
                author="reviewer1",
                text=(
                    "Perpetual calendars are at hand, true. The two changes of year are the point, and the models "
                    "fail there."
                ),
                audience="reviewers",
            ),
        ),
    ),
)
