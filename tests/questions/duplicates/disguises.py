"""Questions made from a grammar, the disguises that a contributor might put over one, and honest neighbours of it.

A neighbour is another question of the same subject: it shares the subject's words, the opening and the closing sentence, and
one of its two clauses may come from the same pattern. Everything follows from a seed.
"""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

SUBJECTS = {
    "graph theory": (
        "graph tree cycle vertex edge clique matching colouring planarity subgraph degree path forest cut flow minor",
        "connected bipartite planar regular simple weighted directed acyclic cubic chordal",
    ),
    "organic chemistry": (
        "ester ketone alkene nucleophile carbocation amine aldehyde enolate diene catalyst ligand radical arene product",
        "chiral aromatic primary conjugated cyclic tertiary polar protic volatile hindered",
    ),
    "thermodynamics": (
        "piston reservoir engine cylinder gas entropy isotherm cycle mixture vapour membrane heat turbine pressure",
        "adiabatic reversible ideal saturated isolated compressed diluted viscous critical rigid",
    ),
    "phonology": (
        "vowel consonant syllable onset coda tone stress morpheme suffix cluster glide diphthong nasal dialect",
        "voiced aspirated long rounded lax retroflex unstressed final medial palatal",
    ),
    "genetics": (
        "allele locus chromosome plasmid promoter intron codon phenotype mutation strain enzyme operon gamete ribosome",
        "recessive dominant linked silent homozygous haploid mutant wild lethal neutral",
    ),
    "number theory": (
        "prime divisor residue quotient integer congruence sequence partition modulus digit sum power root lattice",
        "odd perfect squarefree coprime primitive composite cyclic positive minimal distinct",
    ),
}
OPENINGS = (
    "Consider the following situation.",
    "You are given a setting from the literature.",
    "Let the objects below be as usual.",
    "",
)
CLOSINGS = (
    "Give your answer as an integer.",
    "Round your answer to three decimal places.",
    "Answer with a single word.",
    "",
)
SETUPS = (
    "A {a} {n} with {x} {m}s is joined to a {b} {o} such that every {p} meets at least {y} {q}s.",
    "Suppose that a {a} {n} contains exactly {x} {b} {m}s, none of which shares a {o} with the {c} {p}.",
    "In a {c} {n} of size ${x}$, each {m} is replaced by a {a} {o} while the {b} {p} stays fixed.",
    "Take the {a} {n} whose {m} has measure $\\frac{{{x}}}{{{y}}}$ and whose {b} {o} vanishes at the {p}.",
    "When a {b} {m} is added to the {a} {n}, the {c} {o} grows by {x} and the {p} shrinks by {y}.",
)
ASKS = (
    "How many {a} {n}s are there in which the {m} is not a {b} {o}?",
    "What is the largest possible number of {b} {m}s that a {c} {n} can have when its {o} is {a}?",
    "Which {n} results if the {a} {m} is removed before the {b} {o} is reached?",
    "Determine the value of the {b} {n} as a function of the {m} when the {c} {o} tends to ${z}$.",
    "For which value of the {m} does the {a} {n} become {b} for the first time?",
)


class Text(NamedTuple):
    """A generated question; `subject` names its vocabulary."""

    subject: str
    prompt: str
    options: tuple[str, ...] = ()


def question(rng: random.Random, subject: str = "", opening: str | None = None, closing: str | None = None) -> Text:
    """Make a question, of a subject and between two sentences where they are given; one in four is short, one in three has choices."""
    subject = subject or rng.choice(sorted(SUBJECTS))
    opening = rng.choice(OPENINGS) if opening is None else opening
    closing = rng.choice(CLOSINGS) if closing is None else closing
    setup = _fill(rng, rng.choice(SETUPS), subject) if rng.random() < 3 / 4 else ""
    sentences = [opening, setup, _fill(rng, rng.choice(ASKS), subject), closing]
    prompt = " ".join(sentence for sentence in sentences if sentence)
    options = tuple(_option(rng, subject) for _number in range(5)) if rng.random() < 1 / 3 else ()
    return Text(subject, prompt, options)


def _fill(rng: random.Random, pattern: str, subject: str) -> str:
    nouns, adjectives = (words.split() for words in SUBJECTS[subject])
    names = dict(zip("nmopq", rng.sample(nouns, 5), strict=True)) | dict(
        zip("abc", rng.sample(adjectives, 3), strict=True)
    )
    numbers = {name: f"{rng.choice((rng.randrange(2, 99), rng.randrange(1000, 9_999_999))):,}" for name in "xyz"}
    return pattern.format(**names, **numbers)


def _option(rng: random.Random, subject: str) -> str:
    nouns, adjectives = (words.split() for words in SUBJECTS[subject])
    return f"The {rng.choice(adjectives)} {rng.choice(nouns)} of the {rng.choice(nouns)}"


def neighbour(rng: random.Random, of: Text) -> Text:
    """Make another question of the same subject between the same sentences."""
    opening = next(text for text in (*OPENINGS[:3], "") if of.prompt.startswith(text))
    closing = next(text for text in (*CLOSINGS[:3], "") if of.prompt.endswith(text))
    while True:
        other = question(rng, of.subject, opening, closing)
        if other.prompt != of.prompt:
            return other


# --- disguises ---

TWINS = dict(zip("aceopxyiABEKMHOPCTX", "асеорхуіАВЕКМНОРСТХ", strict=True))  # Latin -> Cyrillic
GREEK = dict(zip("oOAvBEZ", "οΟΑνΒΕΖ", strict=True))
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u3164\u034f"
SPACES = (" ", "  ", "\n", "\u00a0", "\u2009", "\t")
SPACING = (r"\,", r"\;", r"\quad ", "{}", "~")


def homoglyphs(rng: random.Random, text: str) -> str:
    """Exchange about half of the letters that have a twin in another script."""
    twins = rng.choice((TWINS, GREEK, TWINS | GREEK))
    return "".join(twins.get(char, char) if rng.random() < 0.5 else char for char in text)


def zero_width(rng: random.Random, text: str) -> str:
    """Put characters that nobody sees between letters."""
    return "".join(char + (rng.choice(INVISIBLE) if rng.random() < 0.3 else "") for char in text)


def full_width(rng: random.Random, text: str) -> str:
    """Write letters and digits as their compatibility forms."""
    shift = rng.choice((0xFF41 - ord("a"), 0x1D5BA - ord("a")))  # full width, mathematical sans-serif
    return "".join(chr(ord(char) + shift) if "a" <= char <= "z" and rng.random() < 0.7 else char for char in text)


def white_space(rng: random.Random, text: str) -> str:
    """Use other spaces, and more of them."""
    return "".join(rng.choice(SPACES) if char == " " else char for char in text)


def latex_spacing(rng: random.Random, text: str) -> str:
    """Put commands that only move things into formulas, and numbers into formulas."""
    words = [f"${rng.choice(SPACING)}{word}$" if word.isdigit() else word for word in text.split(" ")]
    return " ".join(words).replace("$\\frac", "$\\, \\dfrac").replace("?", r"\ ?")


def numbers(rng: random.Random, text: str) -> str:
    """Write the separators of thousands in another way."""
    return text.replace(",", rng.choice(("", " ", "'", "{,}", "\u202f"))) if "," in text else text + " "


def word_edits(rng: random.Random, text: str) -> str:
    """Change, drop or add one or two words."""
    words = text.split(" ")
    for _number in range(rng.choice((1, 2))):
        at = rng.randrange(len(words))
        words[at : at + 1] = rng.choice(([], ["certain"], [words[at], "given"]))
    return " ".join(words)


def accents(rng: random.Random, text: str) -> str:
    """Put marks on vowels."""
    return "".join(char + ("\u0301" if char in "aeiou" and rng.random() < 0.4 else "") for char in text)


DISGUISES: tuple[Callable[[random.Random, str], str], ...] = (
    homoglyphs,
    zero_width,
    full_width,
    white_space,
    latex_spacing,
    numbers,
    word_edits,
    accents,
)


def disguised(rng: random.Random, of: Text, number: int) -> Text:
    """Put a disguise over a question, another kind for each number, every third time two; choices change their order."""
    kinds = [DISGUISES[number % len(DISGUISES)]] + ([rng.choice(DISGUISES)] if number % 3 == 0 else [])
    prompt, options = of.prompt, list(of.options)
    for kind in kinds:
        prompt = kind(rng, prompt)
        options = options if kind is word_edits else [kind(rng, option) for option in options]
    rng.shuffle(options)
    return Text(of.subject, prompt, tuple(options))


def pairs(seed: int, n_disguised: int, n_honest: int) -> tuple[list[tuple[Text, Text]], list[tuple[Text, Text]]]:
    """Return pairs of a question and its disguise, and pairs of a question and an honest neighbour."""
    rng = random.Random(seed)
    copies = [(one, disguised(rng, one, number)) for number, one in enumerate(_questions(rng, n_disguised))]
    honest = [(one, neighbour(rng, one)) for one in _questions(rng, n_honest)]
    return copies, honest


def _questions(rng: random.Random, count: int) -> Iterator[Text]:
    for _number in range(count):
        yield question(rng)
