from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "hle_site.audit"
    label = "audit"
