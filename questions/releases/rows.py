"""The frozen row of a question: from a candidate at the freeze, back to an export row at the build."""

from __future__ import annotations

import hashlib
from typing import Any

from questions.models import Attachment, ReleaseItem
from questions.releases.contents import ExportRow, Picture, with_choices
from questions.releases.selection import Candidate

ANONYMOUS = "Anonymous contributor"


class DamagedPicture(Exception):
    """The stored file of a picture is not the one that was uploaded."""


def frozen_row(candidate: Candidate, *, public_id: str) -> dict[str, Any]:
    """Return all that an export says of a question but the bytes of its pictures, as plain JSON values."""
    question, revision, evidence = candidate.question, candidate.revision, candidate.evidence
    return {
        "id": public_id,
        "question": with_choices(revision.prompt.strip(), [option.strip() for option in revision.options]),
        "answer": revision.answer.strip(),
        "answer_type": revision.answer_type,
        "author_name": _credit(question),
        "rationale": revision.rationale.strip(),
        "raw_subject": revision.raw_subject.strip(),
        "category": revision.category,
        "language": revision.language,
        "image_alt": revision.image_alt.strip(),
        "tries": int(evidence.get("tries", 0)),
        "solved_by": sorted(evidence.get("solved_by", [])),
        "independent_solves": int(evidence.get("solves_matching_key", 0)),
        "evidence": _support(evidence),
        "revision_hash": hashlib.sha256(f"{revision.tested_hash}{revision.supporting_hash}".encode()).hexdigest(),
    }


def export_row(item: ReleaseItem) -> ExportRow:
    """Return the row of an item for the files, its pictures read and compared with their hashes."""
    return ExportRow(
        **{**item.row, "solved_by": tuple(item.row["solved_by"])},
        image=picture(item.image),
        rationale_image=picture(item.rationale_image),
    )


def picture(attachment: Attachment | None) -> Picture | None:
    """Read a picture. Raises DamagedPicture when its bytes are not those of its hash."""
    if attachment is None:
        return None
    with attachment.file.open("rb") as stream:
        data = stream.read()
    if hashlib.sha256(data).hexdigest() != attachment.sha256:
        raise DamagedPicture(f"the stored file of picture {attachment.pk} is not the one that was uploaded")
    return Picture(data, attachment.media_type)


def _credit(question: Any) -> str:
    # who imports a question is not its author, and the author named in the file was never asked
    return ("" if question.batch_id else question.contributor.public_name.strip()) or ANONYMOUS


def _support(evidence: Any) -> str:
    if evidence.get("solves_matching_key"):
        return "independent_solve"
    return "checked_derivation" if evidence.get("key_checked_by_derivation") else ""
