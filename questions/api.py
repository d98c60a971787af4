"""The API of questions, for the people who wrote them: the same actions as the pages. Scope `draft`."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.urls import include, path
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
    inline_serializer,
)
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from hle_site.accounts.enums import Field, Scope
from hle_site.accounts.models import ApiToken
from hle_site.accounts.tokens import HasScope
from hle_site.api_fields import Text, Whole
from hle_site.uploads import MAX_BYTES
from questions import actions, linter, workflow
from questions.enums import AnswerType, Status
from questions.models import Attachment, Call, Question, Revision
from questions.models.question import ANSWER_LENGTH, OPTION_LENGTH, PROMPT_LENGTH, TEXT_LENGTH

MOST_OPTIONS = 26
# the phases in which a token of scope `draft` reads the text
OPEN_TO_TOKENS = (Status.DRAFT, Status.CHECKING, Status.TOO_EASY, Status.ELIGIBLE)


class PictureSerializer(serializers.ModelSerializer[Attachment]):
    """A stored picture."""

    class Meta:
        model = Attachment
        fields = ["id", "sha256", "media_type", "width", "height", "size_bytes"]


@extend_schema_field(OpenApiTypes.UUID)
class OwnPictures(serializers.PrimaryKeyRelatedField[Attachment]):
    """A picture that the writer uploaded; another's is as unknown as one that does not exist."""

    def get_queryset(self) -> QuerySet[Attachment]:
        """Return the writer's pictures."""
        return Attachment.objects.filter(uploaded_by=self.context["request"].user)


class RevisionSerializer(serializers.ModelSerializer[Revision]):
    """The newest text of a question."""

    image = PictureSerializer(read_only=True, allow_null=True)
    rationale_image = PictureSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Revision
        fields = [
            "number",
            "version",
            "answer_type",
            "prompt",
            "options",
            "answer",
            "image",
            "image_alt",
            "language",
            "category",
            "raw_subject",
            "rationale",
            "rationale_image",
            "sources",
            "ai_use_note",
            "conflict_note",
            "saved_at",
            "frozen_at",
        ]


class FindingSerializer(serializers.Serializer[linter.Finding]):
    """One remark on the text, to be mended before the check or only to be known."""

    severity = serializers.CharField()
    field = serializers.CharField()
    text = serializers.CharField()


class QuestionRowSerializer(serializers.ModelSerializer[Question]):
    """A question in a list."""

    handle = serializers.CharField(read_only=True)
    call = serializers.SlugRelatedField[Call](slug_field="slug", read_only=True)
    category = serializers.CharField(source="newest.category", read_only=True)
    raw_subject = serializers.CharField(source="newest.raw_subject", read_only=True)

    class Meta:
        model = Question
        fields = [
            "id",
            "handle",
            "call",
            "status",
            "status_changed_at",
            "category",
            "raw_subject",
            "due_at",
            "submitted_at",
            "created_at",
        ]


class QuestionSerializer(QuestionRowSerializer):
    """A question with its newest text and what may be done next."""

    revision = serializers.SerializerMethodField()
    findings = serializers.SerializerMethodField()
    available_actions = serializers.SerializerMethodField()
    required_terms_version = serializers.CharField(source="call.contributor_terms.version", read_only=True)
    required_licence_version = serializers.CharField(source="call.data_licence.version", read_only=True)

    class Meta(QuestionRowSerializer.Meta):
        fields = [
            *QuestionRowSerializer.Meta.fields,
            "revision",
            "findings",
            "available_actions",
            "required_terms_version",
            "required_licence_version",
        ]

    def _is_open(self, question: Question) -> bool:
        is_token = isinstance(self.context["request"].auth, ApiToken)
        return not is_token or question.status in OPEN_TO_TOKENS

    @extend_schema_field(RevisionSerializer(allow_null=True))
    def get_revision(self, question: Question) -> Any:
        """Return the text; a token reads it until review begins."""
        return RevisionSerializer(question.newest).data if self._is_open(question) else None

    @extend_schema_field(FindingSerializer(many=True))
    def get_findings(self, question: Question) -> Any:
        """Return what stands against a check, and remarks."""
        if question.status != Status.DRAFT:
            return []
        return FindingSerializer(linter.findings(question.newest, question.call), many=True).data

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_available_actions(self, question: Question) -> list[str]:
        """Return the names of the transitions that are open to the reader now."""
        return [str(name) for name in workflow.available_actions(question, self.context["request"].user)]


def _text(length: int) -> Text:
    return Text(max_length=length, allow_blank=True, required=False, trim_whitespace=False)


class ContentSerializer(serializers.Serializer[Any]):
    """What a contributor writes; everything may be missing in a draft."""

    answer_type = serializers.ChoiceField(choices=AnswerType.choices, required=False)
    prompt = _text(PROMPT_LENGTH)
    options = serializers.ListField(
        child=Text(max_length=OPTION_LENGTH, allow_blank=True, trim_whitespace=False),
        max_length=MOST_OPTIONS,
        required=False,
    )
    answer = _text(ANSWER_LENGTH)
    image = OwnPictures(allow_null=True, required=False)
    image_alt = _text(2_000)
    language = Text(max_length=12, required=False)
    category = serializers.ChoiceField(choices=Field.choices, required=False, allow_blank=True)
    raw_subject = Text(max_length=120, allow_blank=True, required=False)
    rationale = _text(TEXT_LENGTH)
    rationale_image = OwnPictures(allow_null=True, required=False)
    sources = _text(TEXT_LENGTH)
    ai_use_note = _text(2_000)
    conflict_note = _text(2_000)


class NewQuestionSerializer(ContentSerializer):
    """A new draft; without a call it goes to the one that is open to all."""

    call = serializers.SlugRelatedField[Call](slug_field="slug", queryset=Call.objects.all(), required=False)


class SaveSerializer(ContentSerializer):
    """A change of the working copy; `version` is the one that was read, so that nothing is overwritten unseen."""

    version = Whole(min_value=1)


class StartCheckSerializer(serializers.Serializer[Any]):
    """The contributor terms that are accepted with the test."""

    terms_version = Text(max_length=20)


class SubmitSerializer(serializers.Serializer[Any]):
    """The licence that is accepted with the submission."""

    licence_version = Text(max_length=20)


class WithdrawSerializer(serializers.Serializer[Any]):
    """Why a question is taken back, if that is to be known."""

    reason = Text(max_length=2_000, required=False, allow_blank=True)


def _check_language(content: dict[str, Any], known: list[str]) -> None:
    if content.get("language", known[0]) not in known:
        raise serializers.ValidationError({"language": [_("The call takes these languages: %s.") % ", ".join(known)]})


@extend_schema_view(list=extend_schema(parameters=[OpenApiParameter("status", enum=["", *Status.values])]))
class QuestionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Question]):
    """The reader's own questions: write, test, submit, withdraw."""

    permission_classes = [HasScope]
    scope = Scope.DRAFT
    filter_backends = [DjangoFilterBackend]
    filterset_fields = ["status"]
    serializer_class = QuestionSerializer
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Question]:
        """Return the reader's own questions."""
        if getattr(self, "swagger_fake_view", False):
            return Question.objects.none()
        user: Any = self.request.user
        own = Question.objects.visible_to(user).owned_by(user)
        return own.for_list() if self.action == "list" else own.select_related("call")

    def get_serializer_class(self) -> Any:
        """Return a row for lists, everything else for one."""
        return QuestionRowSerializer if self.action == "list" else QuestionSerializer

    @extend_schema(request=NewQuestionSerializer, responses={201: QuestionSerializer})
    def create(self, request: Request) -> Response:
        """Begin a draft."""
        if not request.user.has_perm("questions.create_question"):
            raise PermissionDenied
        content = self._read(NewQuestionSerializer)
        call = content.pop("call", None) or Call.objects.get(is_default=True)
        _check_language(content, call.languages)
        question = actions.create(call=call, by=request.user, content=content)
        return self._answer(question, status.HTTP_201_CREATED)

    @extend_schema(request=SaveSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Save the working copy: all of it in a draft, what accompanies the tested text once models were beaten."""
        question = self.get_object()
        content = self._read(SaveSerializer)
        _check_language(content, [*question.call.languages, question.newest.language])
        actions.save(question=question, by=request.user, version=content.pop("version"), content=content)
        return self._answer(question)

    @extend_schema(request=StartCheckSerializer)
    @action(detail=True, methods=["post"], url_path="start-check")
    def start_check(self, request: Request, pk: Any) -> Response:
        """Let the models of the panel answer."""
        return self._step(request, actions.start_check, StartCheckSerializer)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="cancel-check")
    def cancel_check(self, request: Request, pk: Any) -> Response:
        """Stop the running test."""
        return self._step(request, actions.cancel_check)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def revise(self, request: Request, pk: Any) -> Response:
        """Open a new working copy."""
        return self._step(request, actions.revise)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="keep-check")
    def keep_check(self, request: Request, pk: Any) -> Response:
        """Go on without a new test, where the tested text has not changed."""
        return self._step(request, actions.keep_check)

    @extend_schema(request=SubmitSerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: Any) -> Response:
        """Hand the question to the reviewers."""
        return self._step(request, actions.submit_for_review, SubmitSerializer)

    @extend_schema(request=WithdrawSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: Any) -> Response:
        """Take the question back."""
        return self._step(request, actions.withdraw, WithdrawSerializer)

    def _step(self, request: Request, act: Callable[..., Any], serializer_class: Any = None) -> Response:
        question = self.get_object()
        act(question=question, by=request.user, **(self._read(serializer_class) if serializer_class else {}))
        return self._answer(question)

    def _read(self, serializer_class: Any) -> dict[str, Any]:
        serializer = serializer_class(data=self.request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def _answer(self, question: Question, code: int = status.HTTP_200_OK) -> Response:
        fresh = Question.objects.select_related("call").get(pk=question.pk)
        return Response(QuestionSerializer(fresh, context=self.get_serializer_context()).data, status=code)


class PictureRate(UserRateThrottle):
    """Each upload costs a process."""

    scope = "pictures"
    rate = "30/min"


class PictureView(APIView):
    """Uploading pictures."""

    permission_classes = [HasScope]
    scope = Scope.DRAFT
    parser_classes = [MultiPartParser]
    throttle_classes = [PictureRate]

    @extend_schema(
        request=inline_serializer("PictureUpload", {"file": serializers.FileField()}),
        responses={201: PictureSerializer},
    )
    def post(self, request: Request) -> Response:
        """Store a PNG, JPEG or WebP picture, written anew from its pixels; the answer names it for `image`."""
        upload = request.FILES.get("file")
        if upload is None:
            raise serializers.ValidationError({"file": [_("Send one file under the name “file”.")]})
        picture = actions.store_picture(data=upload.read(MAX_BYTES + 1), by=request.user)
        return Response(PictureSerializer(picture).data, status=status.HTTP_201_CREATED)


router = SimpleRouter(use_regex_path=False)
router.register("questions", QuestionViewSet, basename="api-questions")
urlpatterns = [
    path("", include(router.urls)),
    path("pictures/", PictureView.as_view(), name="api-pictures"),
]
