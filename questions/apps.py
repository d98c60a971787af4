from django.apps import AppConfig
from django.db.models.signals import post_migrate


class QuestionsConfig(AppConfig):
    name = "questions"

    def ready(self) -> None:
        """Make sure of the default call after each migration, and look for the encoder at each check."""
        from questions.calls import ensure_default_call  # models must be loaded
        from questions.duplicates import checks  # noqa: F401  registers itself

        post_migrate.connect(ensure_default_call, sender=self)
