"""The provider's bill: one JSON line per accepted request, without any text of it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Journal:
    """Appends lines and flushes each, so that a reader sees a request as soon as it is billed."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="utf-8") if path else None

    def write(self, **entry: Any) -> None:
        if self._file is None:
            return
        line = {"at": datetime.now(UTC).isoformat(), **entry}
        self._file.write(json.dumps(line, ensure_ascii=True) + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
