"""What contributors type: the question, its supporting part, and the small confirmations around both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hle_site import uploads
from hle_site.accounts.enums import Field
from questions.actions import plain_lines
from questions.enums import AnswerType, Status
from questions.models import Attachment, Revision
from questions.models.question import ANSWER_LENGTH, OPTION_LENGTH, PROMPT_LENGTH, TEXT_LENGTH

if TYPE_CHECKING:
    from questions.models import Call

MOST_OPTIONS = 26
LONGEST_QUERY = 200
# Suggestions only, and the same for everybody: what others typed must not show through a list.
SUBJECTS = (
    "Algebraic geometry", "Analysis", "Ancient history", "Archaeology", "Art history", "Artificial intelligence",
    "Astronomy", "Astrophysics", "Biochemistry", "Biophysics", "Civil engineering", "Classics", "Combinatorics",
    "Computational complexity", "Condensed matter physics", "Cryptography", "Differential geometry", "Ecology",
    "Economics", "Electrical engineering", "Genetics", "Geology", "Graph theory", "Group theory", "Immunology",
    "Inorganic chemistry", "Law", "Linguistics", "Logic", "Machine learning", "Materials science", "Mechanics",
    "Medicine", "Microbiology", "Musicology", "Neuroscience", "Number theory", "Organic chemistry", "Philology",
    "Philosophy", "Physical chemistry", "Physiology", "Probability", "Programming languages", "Quantum mechanics",
    "Religious studies", "Robotics", "Sociology", "Statistics", "Topology", "Zoology",
)  # fmt: skip
LANGUAGES = {"en": gettext_lazy("English")}


class Row(NamedTuple):
    """One option as the form shows it."""

    letter: str
    text: str
    is_key: bool


def letter(index: int) -> str:
    """Return the letter of an option by its index from 0."""
    return chr(ord("A") + index)


class TextField(forms.CharField):
    """A text of several lines, kept as typed but for its line ends."""

    def __init__(self, *, rows: int, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows} | kwargs.pop("attrs", {}))
        super().__init__(required=False, strip=False, widget=widget, **kwargs)

    def to_python(self, value: Any) -> str:
        """Return the text with plain line ends."""
        return plain_lines(super().to_python(value))


class OptionsWidget(forms.Widget):
    """Reads the rows of the form; the template draws them, because each stands beside the mark of the key."""

    def value_from_datadict(self, data: Any, _files: Any, name: str) -> list[str]:
        """Return all rows, empty ones too: the marks count them."""
        if isinstance(data, MultiValueDict):
            return [plain_lines(text) for text in data.getlist(name)]
        return list(data.get(name, []))

    def render(self, *_args: Any, **_kwargs: Any) -> str:
        """Draw nothing."""
        return ""


class OptionsField(forms.Field):
    """The answer choices of a multiple-choice question."""

    widget = OptionsWidget

    def validate(self, value: list[str]) -> None:
        """Refuse too many, too long and unprintable options."""
        filled = [text for text in value if text.strip()]
        if len(filled) > MOST_OPTIONS:
            raise ValidationError(_("There are %d options; %d is the limit.") % (len(filled), MOST_OPTIONS))
        for text in filled:
            ProhibitNullCharactersValidator()(text)
            if len(text) > OPTION_LENGTH:
                raise ValidationError(
                    _("One option has %(n)d characters; %(max)d is the limit.") % {"n": len(text), "max": OPTION_LENGTH}
                )


class PictureMixin:
    """A picture that is chosen, kept or taken away. A good one survives the mistakes of other fields."""

    cleaned_data: dict[str, Any]

    def clean_upload(self) -> bytes | None:
        """Return the bytes of the chosen file; too large ones are refused before they are read."""
        chosen = self.cleaned_data.get("upload")
        if not chosen:
            return None
        if chosen.size > uploads.MAX_BYTES:
            sizes = {"size": f"{chosen.size / 1024**2:.1f}", "limit": f"{uploads.MAX_BYTES / 1024**2:g}"}
            raise ValidationError(_("This file has %(size)s MB; the limit is %(limit)s MB. Make it smaller.") % sizes)
        return bytes(chosen.read())


def _picture_fields(label: Any) -> dict[str, forms.Field]:
    return {
        "upload": forms.FileField(
            label=label,
            required=False,
            allow_empty_file=True,  # the renderer of pictures says it in a sentence of its own
            help_text=gettext_lazy("PNG, JPEG or WebP, up to 5 MB. It is stored anew without hidden data."),
            widget=forms.FileInput(
                attrs={
                    "accept": "image/png,image/jpeg,image/webp",
                    "data-picture": "picture-preview",
                    "data-max-bytes": uploads.MAX_BYTES,
                }
            ),
        ),
        "kept_picture": forms.UUIDField(required=False, widget=forms.HiddenInput),
        "remove_picture": forms.BooleanField(label=gettext_lazy("Remove the picture"), required=False),
    }


class _RevisionForm(PictureMixin, forms.Form):
    """What both halves of a revision share: where the values come from and which picture is meant."""

    PICTURE = ""
    COLUMNS: tuple[str, ...] = ()

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, revision: Revision | None = None, by: Any = None, **kwargs: Any) -> None:
        self.revision, self.by, self.is_picture_new = revision, by, False
        if revision:
            values = {name: getattr(revision, name) for name in self.COLUMNS}
            kwargs["initial"] = values | {"version": revision.version} | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)

    @property
    def picture(self) -> Attachment | None:
        """The picture that the form shows: one just uploaded, else that of the revision."""
        kept = self._own_upload()
        if kept or self.revision is None:
            return kept
        return getattr(self.revision, self.PICTURE)

    def _own_upload(self) -> Attachment | None:
        try:
            kept = UUID(str(self["kept_picture"].value()))
        except ValueError:
            return None
        return Attachment.objects.filter(pk=kept, uploaded_by=self.by).first()

    def keep(self, picture: Attachment) -> None:
        """Let the answer of a form with mistakes carry the picture that was just uploaded."""
        self.data = self.data.copy()
        self.data["kept_picture"] = str(picture.pk)
        self.is_picture_new = True

    def content(self) -> dict[str, Any]:
        """Return the columns for the actions; a field with a mistake is left out."""
        return {name: self.cleaned_data[name] for name in self.COLUMNS if name in self.cleaned_data}

    def picture_content(self) -> dict[str, Attachment | None]:
        """Return the column of the picture, when the form says anything about it."""
        if self.cleaned_data.get("remove_picture") and not self.is_picture_new:
            return {self.PICTURE: None}
        kept = self._own_upload()
        return {self.PICTURE: kept} if kept else {}

    def go_over(self, revision: Revision) -> None:
        """Let the next save go over a version that its writer has now seen."""
        self.data = self.data.copy()
        self.data["version"] = str(revision.version)


class QuestionForm(_RevisionForm):
    """The question itself. A draft may be incomplete: what is missing is told by the linter and stops only the test."""

    PICTURE = "image"
    COLUMNS = (*Revision.TESTED, "image_alt", "category", "raw_subject", "language")

    answer_type = forms.ChoiceField(
        label=gettext_lazy("Kind of answer"),
        choices=AnswerType.choices,
        initial=AnswerType.EXACT_MATCH,
        widget=forms.RadioSelect,
    )
    prompt = TextField(
        label=gettext_lazy("Question"),
        rows=12,
        max_length=PROMPT_LENGTH,
        help_text=gettext_lazy("Markdown; mathematics between $ signs or as \\(…\\) and \\[…\\]."),
    )
    options = OptionsField(label=gettext_lazy("Answer choices"), required=False)
    correct = forms.CharField(required=False, max_length=2)
    answer = TextField(
        label=gettext_lazy("Answer"),
        rows=2,
        max_length=ANSWER_LENGTH,
        help_text=gettext_lazy("The one answer that experts accept: short, and comparable by itself."),
    )
    image_alt = TextField(
        label=gettext_lazy("Description of the picture"),
        rows=2,
        max_length=2_000,
        help_text=gettext_lazy("What the picture shows, for people who cannot see it."),
    )
    category = forms.ChoiceField(
        label=gettext_lazy("Category"),
        choices=[("", gettext_lazy("Choose one")), *Field.choices],
        required=False,
    )
    raw_subject = forms.CharField(
        label=gettext_lazy("Subject"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("The field as you would name it, such as “Graph theory”."),
        widget=forms.TextInput(attrs={"list": "subjects", "autocomplete": "off"}),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    token = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, call: Call, preview_url: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields |= _picture_fields(gettext_lazy("Picture"))
        known = [*call.languages] + ([self.revision.language] if self.revision else [])
        self.fields["language"].choices = [(code, LANGUAGES.get(code, code)) for code in dict.fromkeys(known)]
        self.least_options = call.min_options
        self.fields["prompt"].widget.attrs |= {"data-preview": preview_url, "data-preview-into": "preview"}

    @property
    def rows(self) -> list[Row]:
        """The options as the form shows them, with empty rows up to the least number."""
        texts = list(self["options"].value() or [])
        texts += [""] * (self.least_options - len(texts))
        key = (self.data.get("correct", "") if self.is_bound else self._key()).strip().upper()
        return [Row(letter(at), text, letter(at) == key) for at, text in enumerate(texts[: MOST_OPTIONS + 1])]

    def _key(self) -> str:
        return self.revision.answer if self.revision and self.revision.is_choice else ""

    def clean_language(self) -> str:
        """Return the language, or the first one of the call."""
        return self.cleaned_data["language"] or self.fields["language"].choices[0][0]

    def clean(self) -> dict[str, Any]:
        """Drop empty options and turn the marked row into the letter of the key."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("answer_type") != AnswerType.MULTIPLE_CHOICE:
            cleaned["options"] = []
            return cleaned
        rows = cleaned.get("options")
        if rows is None:
            return cleaned
        marked = (cleaned.get("correct") or cleaned.get("answer") or "").strip().upper()
        filled = [at for at, text in enumerate(rows) if text.strip()]
        keys = [new for new, at in enumerate(filled) if letter(at) == marked]
        cleaned["options"] = [rows[at] for at in filled]
        cleaned["answer"] = letter(keys[0]) if keys else ""
        return cleaned


class SupportForm(_RevisionForm):
    """What stands beside the question: rationale, sources, notes. It may be incomplete until the submission."""

    PICTURE = "rationale_image"
    COLUMNS = ("rationale", "sources", "ai_use_note", "conflict_note")

    rationale = TextField(
        label=gettext_lazy("Rationale"),
        rows=12,
        max_length=TEXT_LENGTH,
        help_text=gettext_lazy("The steps that lead to the answer, so that another expert can follow them."),
    )
    sources = TextField(
        label=gettext_lazy("Sources"),
        rows=4,
        max_length=TEXT_LENGTH,
        help_text=gettext_lazy("Papers, books or data that support the answer; “own derivation” is fine."),
    )
    ai_use_note = TextField(
        label=gettext_lazy("Use of AI tools"),
        rows=2,
        max_length=2_000,
        help_text=gettext_lazy("Say which ones you used, and for what; “None” is a fine answer."),
    )
    conflict_note = TextField(
        label=gettext_lazy("Conflicts of interest"),
        rows=2,
        max_length=2_000,
        help_text=gettext_lazy("People who should not review this question, and why. Left empty: none."),
    )

    def __init__(self, *args: Any, preview_url: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields |= _picture_fields(gettext_lazy("Picture for the rationale"))
        self.fields["rationale"].widget.attrs |= {"data-preview": preview_url, "data-preview-into": "preview"}


class AcceptForm(forms.Form):
    """Accepts one version of a document."""

    version = forms.CharField(widget=forms.HiddenInput, max_length=20)
    accept = forms.BooleanField(
        error_messages={"required": gettext_lazy("Please read the text and tick the box first.")},
    )

    def __init__(self, *args: Any, label: str, version: str, **kwargs: Any) -> None:
        super().__init__(*args, initial={"version": version}, **kwargs)
        self.fields["accept"].label = label


class WithdrawForm(forms.Form):
    """A reason that may be left out."""

    reason = forms.CharField(
        label=gettext_lazy("Reason, if you like"), required=False, max_length=2_000, widget=forms.Textarea({"rows": 3})
    )


class ListForm(forms.Form):
    """What a list is narrowed to."""

    status = forms.ChoiceField(
        label=gettext_lazy("Status"), choices=[("", gettext_lazy("All")), *Status.choices], required=False
    )


class SearchForm(forms.Form):
    """What is searched for."""

    q = forms.CharField(
        label=gettext_lazy("Search for"),
        max_length=LONGEST_QUERY,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "data-key": "/"}),
        help_text=gettext_lazy("Words, “words in this order”, a handle such as Q-3F09C2, or a piece of LaTeX."),
    )


class PreviewForm(forms.Form):
    """A text to be shown as the site renders it."""

    text = TextField(rows=1, max_length=TEXT_LENGTH)
