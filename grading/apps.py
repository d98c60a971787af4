from django.apps import AppConfig
from django.db.models.signals import post_migrate


class GradingConfig(AppConfig):
    name = "grading"

    def ready(self) -> None:
        """Fill the registries of the stage before, and make sure of the simulated panel after each migration."""
        from grading import panels, readiness  # models must be loaded

        readiness.register()
        post_migrate.connect(panels.ensure_simulated_panel, sender=self)
