"""What a demo question is made of: text, reviews, comments, decision, and the status that the seed leads it to."""

from dataclasses import dataclass

AS_TYPED = ("|", "1.", "$$")  # tables, lists and displayed formulas keep their lines


def prose(text: str) -> str:
    """Join the lines of each paragraph: they are broken for the reader of the source, not for the site."""
    paragraphs = text.strip().split("\n\n")
    return "\n\n".join(part if part.startswith(AS_TYPED) else part.replace("\n", " ") for part in paragraphs)


@dataclass(frozen=True, kw_only=True)
class DemoReview:
    """One review.

    `revision` 1 is the text as first submitted, 2 the rewording.  Either `answer` (written before the key is shown) or
    `cannot_solve` (the reason) is filled in round 1; round 2 reads with the key in view and may leave both empty.
    `depth` is solved, checked_rationale or format_only; `recommendation` (round 2) is approve, changes or reject;
    `unmet` names points of the checklist: precise, single_answer, not_searchable, not_artificial, safe.
    """

    reviewer: str
    round: int
    score: int
    depth: str
    feedback: str
    answer: str = ""
    confidence: int | None = None
    cannot_solve: str = ""
    note: str = ""
    recommendation: str = ""
    revision: int = 1
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DemoComment:
    """One message of the discussion below a question, written after the reviews of that revision.

    `audience` is contributor (everybody who may see the question) or reviewers (reviewers and organisers only).
    """

    author: str
    text: str
    audience: str = "contributor"
    revision: int = 1


@dataclass(frozen=True, kw_only=True)
class DemoRewording:
    """The second revision, written after changes were requested; what is not named here stays as it was."""

    prompt: str
    rationale: str
    summary: str


@dataclass(frozen=True, kw_only=True)
class DemoDecision:
    """Why and by whom a question reached its last status.

    `code` is filled where a coded reason is asked for, `second_by` where two people must act: who confirms a retraction,
    or declines what a senior reviewer recommended to decline.
    """

    by: str
    reason: str
    code: str = ""
    second_by: str = ""


@dataclass(frozen=True, kw_only=True)
class DemoQuestion:
    """One question.

    `answer` is a letter for multipleChoice.  `target` is the status at the end of the seed (product words); `round` the
    round that is open or was the last; `released` says that the demo's first release holds it; `rationale` is empty
    where the contributor has not come to it yet.
    """

    key: str
    author: str
    category: str
    raw_subject: str
    answer_type: str
    prompt: str
    answer: str
    target: str
    options: tuple[str, ...] = ()
    picture: str | None = None
    alt: str = ""
    rationale: str = ""
    sources: str = ""
    ai_use: str = "No AI tool was used."
    language: str = "en"
    round: int = 1
    released: bool = False
    reviews: tuple[DemoReview, ...] = ()
    comments: tuple[DemoComment, ...] = ()
    rewording: DemoRewording | None = None
    decision: DemoDecision | None = None
    duplicate_of: str = ""
