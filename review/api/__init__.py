"""The API of review: the reviewer's own work by token or session, feedback for contributors and their answers to it, decisions by session only.

No answer names a person: neither contributor nor reviewer, whatever the blinding of the round.
"""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from review.api.assignments import AssignmentViewSet, PoolView, TakeView
from review.api.decisions import DecisionView
from review.api.feedback import AppealView, FeedbackView, ReplyView

router = SimpleRouter(use_regex_path=False)
router.register("assignments", AssignmentViewSet, basename="api-assignments")
urlpatterns = [
    path("review/", include(router.urls)),
    path("review/pool/", PoolView.as_view(), name="api-pool"),
    path("review/rounds/<uuid:pk>/take/", TakeView.as_view(), name="api-take"),
    path("questions/<uuid:pk>/feedback/", FeedbackView.as_view(), name="api-questions-feedback"),
    path("questions/<uuid:pk>/feedback/<int:number>/reply/", ReplyView.as_view(), name="api-questions-reply"),
    path("questions/<uuid:pk>/appeal/", AppealView.as_view(), name="api-questions-appeal"),
    path("questions/<uuid:pk>/decide/", DecisionView.as_view(), name="api-questions-decide"),
]
