"""Hashed, compressed static files, where a vendored sheet may name font formats that are not vendored."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Refuse a missing file everywhere but in KaTeX's fonts: its sheet, kept as published, also names older formats."""

    def hashed_name(self, name, content=None, filename=None):
        """Return the name with its hash; the plain name for a font of KaTeX that is left out."""
        if "vendor/katex/fonts/" in name and not name.split("?")[0].endswith(".woff2"):
            return name
        return super().hashed_name(name, content, filename)
