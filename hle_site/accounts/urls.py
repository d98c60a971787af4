"""Addresses of accounts: the own ones, and those of others for staff."""

from django.urls import path

from hle_site.accounts import people, views
from hle_site.audit import views as audit

app_name = "accounts"
urlpatterns = [
    path("all/", people.people, name="people"),
    path("all/<uuid:pk>/", people.person, name="person"),
    path("all/<uuid:pk>/role/", people.propose_role, name="propose_role"),
    path("all/proposals/<int:pk>/", people.decide_role, name="decide_role"),
    path("me/", views.profile, name="profile"),
    path("me/conflicts/", views.declare_conflict, name="declare_conflict"),
    path("me/tokens/", views.tokens, name="tokens"),
    path("me/tokens/<uuid:pk>/revoke/", views.revoke_token, name="revoke_token"),
    path("me/activity/", audit.activity, name="activity"),
    path("audit/", audit.log_page, name="audit"),
    path("audit/verify/", audit.verify, name="audit_verify"),
]
