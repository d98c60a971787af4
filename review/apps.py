from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "review"

    def ready(self) -> None:
        """Fill the registries of the stages before."""
        from review import readiness  # registers its readers and guards on import

        readiness.register()
