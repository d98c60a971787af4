"""Make drafts of the questions of a JSONL or parquet file; refused rows are listed with line, field and reason."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError, CommandParser

from hle_site.accounts.models import User
from questions.importing import drafts
from questions.importing.shapes import RefusedRow
from questions.models import Call
from questions.workflow import Refused


class Command(BaseCommand):
    """`manage.py import_questions FILE --by E-MAIL`"""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file, the organiser and the call."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", required=True, metavar="E-MAIL", help="the organiser who imports")
        parser.add_argument("--call", metavar="SLUG", help="the call that takes the questions (the default call)")
        parser.add_argument("--alt-text", default="", metavar="TEXT", help="for pictures without a description")
        parser.add_argument("--report", type=Path, metavar="FILE.json", help="write what became of each row")
        parser.add_argument("--again", action="store_true", help="also when this file was imported before")
        parser.add_argument("--dry-run", action="store_true", help="read and check, create nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, or say why not. Fails when no row was accepted."""
        path, by, call = _file(options["file"]), _organiser(options["by"]), _call(options["call"])
        if options["report"]:
            _reserve(options["report"], path)
        try:
            if options["dry_run"]:
                count, refused = drafts.examine_file(path, call=call, by=by)
                accepted: Iterable[drafts.Accepted] = ()
            else:
                report = drafts.import_file(
                    path,
                    call=call,
                    by=by,
                    alt_text=options["alt_text"],
                    again=options["again"],
                    on_progress=self._tell if options["verbosity"] > 1 else None,
                )
                count, accepted, refused = len(report.accepted), report.accepted, report.refused
        except Refused as refusal:
            raise CommandError(f"{refusal} Use --again for that.") from None
        except PermissionDenied:
            raise CommandError(f"{options['by']} may not import questions: this takes an organiser.") from None
        self._print(count, refused, is_trial=options["dry_run"])
        if options["report"]:
            _write_report(options["report"], accepted, refused)
        if not count:
            raise CommandError("No row was accepted.")

    def _tell(self, accepted: int, refused: int) -> None:
        self.stdout.write(f"{accepted} accepted, {refused} refused so far")

    def _print(self, count: int, refused: Iterable[RefusedRow], *, is_trial: bool) -> None:
        refused = tuple(refused)
        for row in refused:
            self.stdout.write(f"line {row.line}, {row.field}: {row.reason}")
        words = "would become drafts" if is_trial else "became drafts"
        self.stdout.write(f"Rows that {words}: {count}. Rows refused: {len(refused)}.")


def _file(path: Path) -> Path:
    try:
        if path.is_file():
            path.open("rb").close()
            return path
    except OSError as error:
        raise CommandError(f"The file {path} cannot be read: {_why(error)}.") from None
    raise CommandError(f"There is no file {path}.")


def _why(error: OSError) -> str:
    return (error.strerror or "it does not say why").lower()


def _reserve(report: Path, questions: Path) -> None:
    """Refuse a place for the report that cannot be written, before anything is imported."""
    if report.resolve() == questions.resolve():
        raise CommandError("The report would replace the file of the questions.")
    _write(report, "", mode="a")


def _write(report: Path, text: str, *, mode: str = "w") -> None:
    try:
        with report.open(mode, encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise CommandError(f"The report cannot be written to {report}: {_why(error)}.") from None


def _organiser(email: str) -> User:
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(f"There is no account {email}.")
    return user


def _call(slug: str | None) -> Call:
    call = Call.objects.filter(**({"slug": slug} if slug else {"is_default": True})).first()
    if call is None:
        raise CommandError(f"There is no call {slug or 'marked as the default'}.")
    return call


def _write_report(path: Path, accepted: Iterable[drafts.Accepted], refused: Iterable[RefusedRow]) -> None:
    content = {
        "accepted": [{"line": row.line, "id": row.id, "question": str(row.question_id)} for row in accepted],
        "refused": [{"line": row.line, "field": row.field, "reason": row.reason} for row in refused],
    }
    _write(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
