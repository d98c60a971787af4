"""Takes the options out of a question's text, the reverse of `with_choices` for released questions. Pure."""

import re

from questions.releases.contents import INDENT, LETTERS

_HEADING = re.compile(r"^(?:[*_#]+ ?)?answer choices[*_]*:[*_]*[ \t]*", re.IGNORECASE | re.MULTILINE)
_LABEL = re.compile(r"(?P<open>\(?)(?P<letter>[A-Za-z])(?P<close>[.):])(?:[ \t]+|(?=\n)|$)")


def split_choices(question: str) -> tuple[str, tuple[str, ...]]:
    """Return the prompt and the options of a question whose text ends with them under "Answer Choices:".

    Options are lettered from A without a gap, written `A.`, `A)`, `A:` or `(A)`, one way throughout, each beginning a
    line. Other lines belong to the option before them. Without such a block the whole text is the prompt.
    """
    headings = list(_HEADING.finditer(question))
    if not headings:
        return question, ()
    block = question[headings[-1].end() :].strip("\n")
    choices = tuple(_options(block))
    if not choices:
        return question, ()
    return question[: headings[-1].start()].strip(), choices


def _options(block: str) -> list[str]:
    options: list[list[str]] = []
    style = None
    for line in block.split("\n"):
        label = _LABEL.match(line) if len(options) < len(LETTERS) else None
        if label and label["letter"].upper() == LETTERS[len(options)] and style in (None, _style(label)):
            style = _style(label)
            options.append([line[label.end() :]])
        elif options:
            options[-1].append(line)
        elif line.strip():
            return []
    return [_joined(lines) for lines in options]


def _style(label: re.Match[str]) -> tuple[str, str, bool]:
    return label["open"], label["close"], label["letter"].isupper()


def _joined(lines: list[str]) -> str:
    first, *others = lines
    if all(line.startswith(INDENT) for line in others if line):
        others = [line.removeprefix(INDENT) for line in others]
    return "\n".join([first, *others]).strip()
