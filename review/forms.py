"""Forms of review. They check shape; what may happen is decided by the actions."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from questions.enums import ReasonCode
from questions.models import Question, Revision
from review import rubric
from review.actions import CHECK_FIELDS, MIN_FEEDBACK, possible_outcomes
from review.enums import Audience, DecisionOutcome, Depth
from review.models import Round

LONGEST = 10_000
ANSWERED = [("yes", _("Yes")), ("no", _("No"))]
CONFIDENCE = [
    ("", _("Not stated")),
    ("95", _("Nearly certain")),
    ("80", _("Confident")),
    ("60", _("More likely right than not")),
    ("40", _("A guess with reasons")),
    ("20", _("A guess")),
]


def _text(label: Any, *, rows: int = 4, required: bool = True, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=LONGEST,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


class SolveForm(forms.Form):
    """The own answer before anything is revealed."""

    answer = forms.CharField(
        label=_("Your answer"),
        max_length=2_000,
        required=False,
        help_text=_("Short and final, as you would expect it from others. It is recorded and cannot change."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    confidence = forms.TypedChoiceField(
        label=_("How sure are you?"), choices=CONFIDENCE, required=False, coerce=int, empty_value=None
    )
    is_unsolved = forms.BooleanField(label=_("I cannot solve it"), required=False)
    reason = _text(_("What stopped you?"), rows=3, required=False, help_text=_("Needed only when you cannot solve it."))

    def __init__(self, *args: Any, revision: Revision, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if revision.is_choice:
            letters = [(letter, letter) for letter, _option in revision.lettered_options]
            self.fields["answer"] = forms.ChoiceField(
                label=_("Your answer"),
                choices=letters,
                required=False,
                widget=forms.RadioSelect,
                help_text=_("It is recorded and cannot change."),
            )

    def clean(self) -> dict[str, Any]:
        """Ask for an answer or for a reason."""
        data = super().clean() or {}
        if data.get("is_unsolved") and not data.get("reason", "").strip():
            self.add_error("reason", _("Say in a few words what stopped you."))
        if not data.get("is_unsolved") and not data.get("answer", "").strip():
            self.add_error("answer", _("Write your own answer, or tick that you cannot solve it."))
        return data


class ReviewForm(forms.Form):
    """Score, depth, checklist and words. Everything may be missing while it is a draft."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    score = forms.TypedChoiceField(
        label=_("Score"), required=False, coerce=int, empty_value=None, widget=forms.RadioSelect
    )
    depth = forms.ChoiceField(
        label=_("How far did you verify the answer?"), required=False, choices=Depth.choices, widget=forms.RadioSelect
    )
    feedback = _text(
        _("Feedback to the contributor"),
        rows=7,
        required=False,
        help_text=_("What is good, what should change and how. The contributor reads it without your name."),
    )
    private_note = _text(
        _("Private note to the organisers"), rows=3, required=False, help_text=_("The contributor never reads it.")
    )

    def __init__(self, *args: Any, round_: Round, is_submission: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rubric = rubric.RUBRICS[round_.rubric_version]
        self.levels = self.rubric.scales[round_.kind]
        self.is_submission = is_submission
        self.fields["score"].choices = [(str(level.value), level.label) for level in self.levels]
        for check in self.rubric.checklist:
            self.fields[check.field] = forms.ChoiceField(
                label=check.question, help_text=check.hint, required=False, choices=ANSWERED, widget=forms.RadioSelect
            )

    @property
    def checklist(self) -> list[forms.BoundField]:
        """The points of the checklist as bound fields."""
        return [self[check.field] for check in self.rubric.checklist]

    def clean(self) -> dict[str, Any]:
        """Ask for everything on submission; what is typed is kept apart, as an error takes its field out of the clean data."""
        data = super().clean() or {}
        self.typed = dict(data)
        if self.is_submission:
            if data.get("score") is None:
                self.add_error("score", _("Choose a score."))
            for name in ("depth", *CHECK_FIELDS):
                if not data.get(name):
                    self.add_error(name, _("Choose one."))
            if len(data.get("feedback", "").strip()) < MIN_FEEDBACK:
                self.add_error("feedback", _("Write at least a sentence: the contributor learns from it."))
        return data

    def content(self) -> dict[str, Any]:
        """Return the columns of the review, with what is well-formed so far."""
        data = self.typed
        checks = {"yes": True, "no": False}
        found = {name: data[name] for name in ("score", "depth", "feedback", "private_note") if name in data}
        return found | {name: checks.get(data.get(name, "")) for name in CHECK_FIELDS}


class AdjudicationForm(forms.Form):
    """Where a disputed question goes."""

    outcome = forms.ChoiceField(label=_("Where should the question go?"), widget=forms.RadioSelect)
    reason = _text(_("Reason"), help_text=_("Organisers and the log keep it."))
    feedback = _text(
        _("Words to the contributor"),
        required=False,
        help_text=_("Needed when you ask for changes: say what should change."),
    )

    def __init__(self, *args: Any, round_: Round, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["outcome"].choices = [(outcome.value, outcome.label) for outcome in possible_outcomes(round_)]


class TriageForm(forms.Form):
    """Asking a senior reviewer to look at a question outside review."""

    senior = forms.ChoiceField(label=_("Senior reviewer"))
    reason = forms.CharField(
        label=_("What to look at"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Only they read it."),
    )

    def __init__(self, *args: Any, people: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(person.pk): person for person in people}
        self.fields["senior"].choices = [(pk, str(person)) for pk, person in self.people.items()]

    def clean_senior(self) -> Any:
        """Return the person."""
        return self.people[self.cleaned_data["senior"]]


class DecisionForm(forms.Form):
    """An organiser's decision."""

    outcome = forms.ChoiceField(label=_("Decision"), choices=DecisionOutcome.choices, widget=forms.RadioSelect)
    reason_code = forms.ChoiceField(
        label=_("Kind of reason"), required=False, choices=[("", _("Only for declining")), *ReasonCode.choices]
    )
    reason = _text(_("Reason"), help_text=_("The contributor reads it."))


class ReasonForm(forms.Form):
    """A reason for one step."""

    reason = forms.CharField(label=_("Reason"), max_length=2_000, widget=forms.Textarea(attrs={"rows": 4}))


class OptionalReasonForm(forms.Form):
    """A reason that may stay empty."""

    reason = forms.CharField(
        label=_("Reason"), max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


class DeskRejectForm(ReasonForm):
    """Declining without a full review."""

    field_order = ("reason_code",)

    reason_code = forms.ChoiceField(label=_("Kind of reason"), choices=ReasonCode.choices)


class DuplicateForm(ReasonForm):
    """Closing as a duplicate of a question that the reader may see."""

    field_order = ("original",)

    original = forms.CharField(
        label=_("Original"),
        max_length=64,
        help_text=_("Its id or handle, such as Q-1A2B3C, as the address of its page has it."),
    )

    def __init__(self, *args: Any, user: Any, question: Question, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.readable = Question.objects.visible_to(user).exclude(pk=question.pk)

    def clean_original(self) -> Question:
        """Find the original among the questions that the reader may see."""
        text = self.cleaned_data["original"].strip().lower().removeprefix("q-").replace("-", "")
        if len(text) >= 6 and all(char in "0123456789abcdef" for char in text):
            padded = [text.ljust(32, fill) for fill in "0f"]
            found = list(self.readable.filter(pk__range=padded)[:2])
            if len(found) == 1:
                return found[0]
        raise forms.ValidationError(_("No question that you may read has this handle."))


class RetractionForm(ReasonForm):
    """Proposing to take an approved question back."""

    public_reason = forms.CharField(
        label=_("Reason that everybody reads"), max_length=300, help_text=_("One sentence for the change log.")
    )


class AppealForm(forms.Form):
    """A contributor's objection."""

    text = _text(
        _("Why should the decision be looked at again?"),
        rows=8,
        help_text=_("Answer the reasons given. A question has one appeal; an organiser who was not involved reads it."),
    )


class AppealAnswerForm(forms.Form):
    """An organiser's answer to an appeal."""

    is_upheld = forms.TypedChoiceField(
        label=_("Answer"),
        choices=[("yes", _("Uphold: the question is reviewed again")), ("no", _("Dismiss: the decision stands"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    answer = _text(_("Reason"), help_text=_("The contributor reads it."))


class MessageForm(forms.Form):
    """One message in a discussion."""

    text = _text(_("Message"), rows=3)
    audience = forms.ChoiceField(
        label=_("Who reads it?"), choices=Audience.choices, initial=Audience.REVIEWERS, required=False
    )


class InviteForm(forms.Form):
    """Inviting a reviewer."""

    reviewer = forms.ChoiceField(label=_("Reviewer"))

    def __init__(self, *args: Any, people: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(person.pk): person for person in people}
        self.fields["reviewer"].choices = [(pk, str(person)) for pk, person in self.people.items()]

    def clean_reviewer(self) -> Any:
        """Return the person."""
        return self.people[self.cleaned_data["reviewer"]]


class MatchForm(ReasonForm):
    """Deciding by hand whether an answer reaches the key."""

    field_order = ("is_match",)

    is_match = forms.TypedChoiceField(
        label=_("Does the answer reach the key?"),
        choices=ANSWERED,
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
