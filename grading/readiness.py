"""What grading adds to the stage before: the checks that stand between a contributor and a paid call."""


def register() -> None:
    """Fill the registries."""
