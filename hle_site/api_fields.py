"""Fields of the API that take what their schema says: a number is no text, a word is no number, and 1 is not true."""

from typing import Any

from rest_framework import serializers


class Text(serializers.CharField):
    """A text."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text, or refuse what is none."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A whole number."""

    def to_internal_value(self, data: Any) -> int:
        """Return the number, or refuse what is none."""
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class Truth(serializers.BooleanField):
    """True or false."""

    def to_internal_value(self, data: Any) -> bool:
        """Return it, or refuse what is neither."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data
