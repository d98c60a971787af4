"""Start-up of the roof: the permission table, the registries of the stages, the reaction table."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "hle_site"
    label = "hle_site"

    def ready(self) -> None:
        """Load the tables that know all stages, once every model exists."""
        from hle_site import checks, permissions, pipeline, records  # models must be loaded  # noqa: F401  registers
        from hle_site.celery import app  # so that shared_task finds this app in the web process

        app.set_default()
        permissions.register()
        records.register()
        pipeline.connect()
