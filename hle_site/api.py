"""The routes of the API: each stage's own, under one version, and the schema that describes them to signed-in people."""

from django.urls import include, path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView

from hle_site.accounts.tokens import SessionOnly


class TokenScheme(OpenApiAuthenticationExtension):
    """How the schema describes our tokens."""

    target_class = "hle_site.accounts.tokens.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the scheme of a bearer token."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "hle_..."}


class Schema(SpectacularAPIView):
    """The OpenAPI description."""

    permission_classes = [SessionOnly]


urlpatterns = [
    path(
        "v1/",
        include(
            [
                path("", include("questions.api")),
                path("", include("grading.api")),
                path("", include("review.api")),
                path("", include("questions.releases.api")),
            ]
        ),
    ),
    path("schema/", Schema.as_view(), name="schema"),
]
