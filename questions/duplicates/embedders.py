"""The plug-in point for an encoder: what it must offer, and how the one that DUPLICATE_EMBEDDER names is loaded.

Nothing is downloaded: a directory or a function of the site's own is named, and the libraries are told to stay offline.
Nothing here is imported by the pages but `problem_of`, which looks without loading.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    import numpy as np

# kind of directory -> the files that it is known by, the library that reads it, and the command that installs this;
# Model2Vec writes modules.json too, so that it is asked about first
KINDS = {
    "crosslingual": (("encoder.json",), "torch", "pip install torch==2.13.0 tokenizers==0.23.3 numpy"),
    "wordlist": (("wordlist.json",), "numpy", "pip install numpy"),
    "model2vec": (("config.json", "model.safetensors"), "model2vec", "pip install model2vec"),
    "sentence-transformers": (("modules.json",), "sentence_transformers", "pip install sentence-transformers"),
}
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
NAME_LENGTH = 100
BLOCK = 1 << 20


class Embedder(Protocol):
    """What turns texts into vectors that are near to each other when the texts mean the same.

    `name` is the version of the model, stored with each vector: its kind and a hash of its content, at most 100 letters.
    `languages` are those that it was made for, None for any. An embedder may also say `threshold`, the cosine from which two
    texts are to be shown as a pair; without it DUPLICATE_COSINE holds. With `is_across_only` texts of one language make none.
    """

    name: str
    dimensions: int
    languages: frozenset[str] | None

    def embed(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        """Return vectors (n, dimensions), float32, in the order of the texts: each row of unit length, or zero for a text of which the model knows nothing."""


class Unusable(Exception):
    """Why the encoder that DUPLICATE_EMBEDDER names cannot be used, as a sentence."""


_loaded: dict[str, Embedder] = {}
_loading = threading.Lock()


def load() -> Embedder | None:
    """Return the embedder that the setting names, loaded once a process; None when it names none. Raises Unusable."""
    setting = settings.DUPLICATE_EMBEDDER
    if not setting:
        return None
    with _loading:
        if setting not in _loaded:
            _loaded[setting] = _load(setting)
        return _loaded[setting]


def problem_of(setting: str) -> str:
    """Return why the encoder of a setting cannot be used as far as one sees without loading it; empty when nothing is wrong."""
    try:
        if setting and not _is_function(setting):
            _require_library(_kind_of(_directory(setting)))
        elif setting:
            _require_module(setting)
    except Unusable as error:
        return str(error)
    return ""


def _is_function(setting: str) -> bool:
    module, colon, name = setting.partition(":")
    return bool(colon) and name.isidentifier() and all(part.isidentifier() for part in module.split("."))


def _directory(setting: str) -> Path:
    path = Path(setting)
    if not path.is_dir():
        raise Unusable(
            _("DUPLICATE_EMBEDDER names %(path)s, which is no directory that this process can read.")
            % {"path": setting}
        )
    return path


def _kind_of(path: Path) -> str:
    try:
        for kind, (files, _library, _command) in KINDS.items():
            if all((path / name).is_file() for name in files) and (kind != "model2vec" or _is_model2vec(path)):
                return kind
    except (OSError, ValueError) as error:
        raise Unusable(
            _("DUPLICATE_EMBEDDER: the model in %(path)s cannot be read: %(error)s.")
            % {"path": path, "error": type(error).__name__}
        ) from error
    raise Unusable(
        _(
            "DUPLICATE_EMBEDDER names %(path)s, which holds no encoder that is known here: none of encoder.json or wordlist.json (our own), modules.json (sentence-transformers), config.json with model.safetensors (Model2Vec)."
        )
        % {"path": path}
    )


def _is_model2vec(path: Path) -> bool:
    config = json.loads((path / "config.json").read_text())
    return isinstance(config, dict) and config.get("model_type") == "model2vec"


def _require_library(kind: str) -> None:
    _files, library, command = KINDS[kind]
    if importlib.util.find_spec(library) is None:
        raise Unusable(
            _(
                "DUPLICATE_EMBEDDER names a directory of the kind %(kind)s, and the Python library %(library)s is not installed: %(command)s."
            )
            % {"kind": kind, "library": library, "command": command}
        )


def _require_module(setting: str) -> None:
    name = setting.partition(":")[0]
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise Unusable(
            _("DUPLICATE_EMBEDDER names the Python module %(module)s, which is not installed.") % {"module": name}
        )


def _load(setting: str) -> Embedder:
    os.environ.update(OFFLINE)  # read by the libraries when they are imported
    if problem := problem_of(setting):
        raise Unusable(problem)
    try:
        embedder = _call(setting) if _is_function(setting) else _open(Path(setting))
    except Exception as error:
        raise Unusable(
            _("DUPLICATE_EMBEDDER: the model in %(path)s cannot be read: %(error)s.")
            % {"path": setting, "error": type(error).__name__}
        ) from error
    if not (embedder.name and len(embedder.name) <= NAME_LENGTH and embedder.dimensions > 0):
        raise Unusable(
            _("DUPLICATE_EMBEDDER: the model in %(path)s does not say its name and dimensions.") % {"path": setting}
        )
    return embedder


def _call(setting: str) -> Embedder:
    module, _colon, name = setting.partition(":")
    make: Callable[[], Embedder] = getattr(importlib.import_module(module), name)
    return make()


def _open(path: Path) -> Embedder:
    kind = _kind_of(path)
    if kind == "crosslingual":
        from questions.crosslingual import encoder  # optional extra

        return encoder.load(path)
    if kind == "wordlist":
        from questions.crosslingual import wordlist  # optional extra

        return wordlist.load(path)
    return SentenceTransformer(path) if kind == "sentence-transformers" else Model2Vec(path)


class SentenceTransformer:
    """A sentence-transformers model in a local directory."""

    languages = None

    def __init__(self, path: Path) -> None:
        from sentence_transformers import SentenceTransformer as Model  # optional extra

        self._model = Model(str(path), local_files_only=True)
        self.name = f"sentence-transformers:{content_hash(path)}"
        named = ("get_embedding_dimension", "get_sentence_embedding_dimension")  # now, and in earlier versions
        asked = next(getattr(self._model, name) for name in named if hasattr(self._model, name))
        self.dimensions = int(asked() or 0)

    def embed(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        """Return unit vectors (n, dimensions), float32, whatever the languages."""
        vectors: Any = self._model.encode(
            list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return vectors


class Model2Vec:
    """A static model in a local directory."""

    languages = None

    def __init__(self, path: Path) -> None:
        from model2vec import StaticModel  # optional extra

        self._model = StaticModel.from_pretrained(str(path))
        self.name = f"model2vec:{content_hash(path)}"
        self.dimensions = int(self._model.dim)

    def embed(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        """Return unit vectors (n, dimensions), float32; zero for a text without a known word."""
        import numpy as np  # optional extra

        vectors = np.asarray(self._model.encode(list(texts)), dtype="float32")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths == 0, 1, lengths)


def content_hash(path: Path) -> str:
    """Return 16 hexadecimal digits for the content of a model directory: names and bytes of its files, wherever it lies."""
    total = hashlib.sha256()
    for file in sorted(found for found in path.rglob("*") if found.is_file() and not _is_hidden(found, path)):
        total.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(BLOCK):
                total.update(block)
    return total.hexdigest()[:16]


def _is_hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)
