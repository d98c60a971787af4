"""The API of difficulty checks: where a check stands, what each model said, a verdict contested, the key confirmed. Scope `draft`."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from grading import checks
from grading.forms import LONGEST
from grading.models import ConfirmedKey, Contest, DifficultyCheck, Prediction
from hle_site.accounts.enums import Scope
from hle_site.accounts.models import ApiToken
from hle_site.accounts.tokens import HasScope
from hle_site.api_fields import Text
from questions.api import OPEN_TO_TOKENS
from questions.models import Question


class PredictionSerializer(serializers.ModelSerializer[Prediction]):
    """One model's answer; the raw reply is not in it."""

    model = serializers.CharField(source="model.label")
    is_simulated = serializers.BooleanField(source="model.is_simulated")

    class Meta:
        model = Prediction
        fields = [
            "id",
            "model",
            "is_simulated",
            "wave",
            "state",
            "outcome",
            "answer",
            "verdict",
            "verdict_reason",
            "decided_by",
            "rule",
            "answered_at",
        ]


class CheckSerializer(serializers.ModelSerializer[DifficultyCheck]):
    """Where a check stands, and why it stands still."""

    panel = serializers.CharField(source="panel.__str__")
    policy = serializers.CharField(source="policy.version")

    class Meta:
        model = DifficultyCheck
        fields = [
            "id",
            "status",
            "wave",
            "panel",
            "policy",
            "is_simulated",
            "parked_reason",
            "outcome_reason",
            "created_at",
            "started_at",
            "settled_at",
        ]


class ContestSerializer(serializers.ModelSerializer[Contest]):
    """The contributor's objection to one verdict."""

    reason = Text(min_length=10, max_length=LONGEST)

    class Meta:
        model = Contest
        fields = ["reason", "contested_at"]
        read_only_fields = ["contested_at"]


class ConfirmKeySerializer(serializers.Serializer[Any]):
    """How the key was checked; reviewers read it after their own solution."""

    reason = Text(min_length=10, max_length=LONGEST, trim_whitespace=True)


class ConfirmedKeySerializer(serializers.ModelSerializer[ConfirmedKey]):
    """That the contributor holds to a key which models agree against."""

    class Meta:
        model = ConfirmedKey
        fields = ["reason", "confirmed_at"]


class _OfQuestion(APIView):
    permission_classes = [HasScope]
    scope = Scope.DRAFT

    def question(self, permission: str) -> Question:
        """Return the question that the address names: for a token one of its owner's, for a session one that may be read."""
        user: Any = self.request.user
        readable = Question.objects.visible_to(user)
        if isinstance(self.request.auth, ApiToken):
            readable = readable.owned_by(user)
        question = get_object_or_404(readable, pk=self.kwargs["pk"])
        if not user.has_perm(permission, question):
            raise PermissionDenied
        return question

    def newest(self, question: Question) -> DifficultyCheck:
        """Return the newest check."""
        return get_object_or_404(
            question.checks.select_related("panel", "policy", "revision").order_by("-created_at")[:1]
        )


class CheckView(_OfQuestion):
    """The newest check of a question."""

    @extend_schema(responses=CheckSerializer, operation_id="questions_check")
    def get(self, request: Request, pk: Any) -> Response:
        """Return where the newest check stands."""
        return Response(CheckSerializer(self.newest(self.question("grading.view_check"))).data)


class PredictionsView(_OfQuestion):
    """The answers of the newest check."""

    @extend_schema(responses=PredictionSerializer(many=True), operation_id="questions_predictions")
    def get(self, request: Request, pk: Any) -> Response:
        """Return each model's answer with its verdict and the reason, in the order of the panel; by token until review begins."""
        question = self.question("grading.view_answers")
        if isinstance(request.auth, ApiToken) and question.status not in OPEN_TO_TOKENS:
            raise PermissionDenied
        check = self.newest(question)
        rows = Prediction.objects.of(check.revision).filter(panel=check.panel)
        return Response(PredictionSerializer(rows, many=True).data)


class ContestView(_OfQuestion):
    """The contributor's objection to a verdict."""

    @extend_schema(request=ContestSerializer, responses={201: ContestSerializer}, operation_id="questions_contest")
    def post(self, request: Request, pk: Any, prediction_pk: Any) -> Response:
        """Object to an answer that was taken as correct; an organiser, or a senior reviewer asked by one, looks at it."""
        question = self.question("grading.contest_verdict")
        rows = Prediction.objects.of(self.newest(question).revision)
        said = ContestSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        contested = checks.contest(
            prediction=get_object_or_404(rows, pk=prediction_pk),
            question=question,
            by=request.user,
            reason=said.validated_data["reason"],
        )
        return Response(ContestSerializer(contested).data, status=status.HTTP_201_CREATED)


class ConfirmKeyView(_OfQuestion):
    """The contributor's word on a key that models agree against; without it such a question cannot be submitted."""

    @extend_schema(
        request=ConfirmKeySerializer, responses={201: ConfirmedKeySerializer}, operation_id="questions_confirm_key"
    )
    def post(self, request: Request, pk: Any) -> Response:
        """Record that the key was checked once more and holds; what was said first stays."""
        question = self.question("questions.submit_for_review_question")
        if isinstance(request.auth, ApiToken) and question.status not in OPEN_TO_TOKENS:
            raise PermissionDenied
        said = ConfirmKeySerializer(data=request.data)
        said.is_valid(raise_exception=True)
        confirmed = checks.confirm_key(question=question, by=request.user, reason=said.validated_data["reason"])
        return Response(ConfirmedKeySerializer(confirmed).data, status=status.HTTP_201_CREATED)


urlpatterns = [
    path("questions/<uuid:pk>/check/", CheckView.as_view(), name="api-questions-check"),
    path("questions/<uuid:pk>/confirm-key/", ConfirmKeyView.as_view(), name="api-questions-confirm-key"),
    path("questions/<uuid:pk>/predictions/", PredictionsView.as_view(), name="api-questions-predictions"),
    path(
        "questions/<uuid:pk>/predictions/<uuid:prediction_pk>/contest/",
        ContestView.as_view(),
        name="api-questions-contest",
    ),
]
