r"""Decide, without a model, whether an answer reaches the key; say `undecided` whenever in doubt, and leave the rest
to the judge.

A wrong `different` lets a question pass that a model has solved, a wrong `equal` stops a good one: so both need a
rule that holds, and everything between goes to the judge. Only the text after the last `Answer:` label counts
(`extract`); a response without one has no answer and is undecided.

Rules, tried in this order (`Match.rule`):

* `choice`: multiple choice. One letter in any usual dress (`(c)`, `C.`, `Option C`, `\boxed{C}`), or the text of
  exactly one option. Two letters, a letter next to the text of another option, or a letter out of range are
  undecided.
* `text`: equal after normalisation (NFKC with superscripts kept, spaces, quotes, markup, outer punctuation, a leading
  article). A difference of case alone counts as equal for ordinary words (four different letters or more; three if
  only the first letter differs), else it is undecided: `CO` is not `Co`. Unequal words are never `different`: they
  may be synonyms.
* `boolean`: true/yes and false/no, also with a reason after them. A number is no boolean, except that 0 and 1 are in
  doubt.
* `number`: literals with thousands separators, percent, scientific notation, a unit; fractions and closed forms of
  roots, pi and e.
  - A key with decimals or an exponent states its precision: an answer that rounds to it, or whose digits it cuts off,
    is equal if it is also within 2 % (one-digit keys are too coarse to decide by themselves). An answer that is
    itself the key rounded to four or more significant digits is equal too; with fewer it is undecided.
  - A key that is an integer, a fraction or a closed form asks for the same value; an answer that is only near is
    undecided. Two whole numbers that differ are different, unless one ends in zeros and may be the other rounded.
  - Different is what is further off than 2 % of the key, than one unit of the key's last stated place, and than
    a rounding of either number at its last stated place explains (a rounding that moves a number by more than 5 %
    explains nothing).
  - Units: what converts by a factor is compared in the unit of the key, or else in the one that the question names.
    Where one side alone has a unit, the bare numbers count; they are different only if no unit of that kind, and no
    power of ten, would make them near. A unit of which nothing is known leaves a difference undecided.
  - Without units, numbers that differ by a power of ten alone (a prefix, a percentage) are undecided.
  - A statement that there is no value (infinite, undefined, cannot be determined) is different from a number. True
    and false are different from 0 and 1 only if the question plainly asks for a value.
* `prose`: one sentence with a single `is` or `=`, no word that hedges, and a number at its end: compared as that number.
* `list`: lists, tuples, sets, intervals, matrices. Elements in order are equal; in another order equal only if the key
  is a set. Different if no order makes them agree or the counts differ, unless an element cannot be read. Round against
  square brackets around two elements may be an interval: undecided.
* `expression`: formulas that math-verify finds equal in both directions, and that agree at sampled points. Not equal
  is undecided, except when both sides are numbers, to which the rule for numbers applies, and when the key is a number
  and the answer changes with a letter that is no constant and no unit.

Sources: HLE asks for short, verifiable answers rounded to 2-3 decimals (arXiv 2501.14249, B.2.1) and lets its judge
grant a small numerical margin (C.1.1), to whom everything within 2 % that is not equal is left: as much as g = 10 for
9.81 makes. math-verify equates 1/3 with 0.333333 and calls equal words different: it never sees text, and never
settles numbers by itself.
"""

from grading.matching.expressions import ExpressionPool, shared_pool
from grading.matching.extraction import Extracted, extract
from grading.matching.rules import MATCHER_VERSION, Match, Result, canonical, match

__all__ = [
    "MATCHER_VERSION",
    "ExpressionPool",
    "Extracted",
    "Match",
    "Result",
    "canonical",
    "extract",
    "match",
    "shared_pool",
]
