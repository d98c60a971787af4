"""`python -m questions.crosslingual.build`: a model directory from an operator's text files and bilingual dictionaries.

    python -m questions.crosslingual.build --corpus en=english.txt --corpus de=german.txt --dictionary en-de.tsv --out model

A corpus holds one sentence or question a line, or is a parquet or JSON Lines file with --column. A dictionary has
tab-separated columns; its first line names the languages. A run that was cut goes on when it is started again.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from questions.crosslingual import encoder, train
from questions.crosslingual.corpora import CorpusError, Dictionary, read_corpus, read_dictionary
from questions.crosslingual.languages import Ids
from questions.crosslingual.text import Vocabulary

OBJECTIVES = ("align-mlm", "prealign", "dict-mlm", "mlm")  # XLM needs the same sentences in both languages
PROGRESS_S = 0.5
CHECKPOINT_STEPS = 500


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the model and say where it is; return the exit status."""
    options = _options(arguments)
    torch.set_num_threads(options.threads)
    try:
        corpora = {language: read_corpus(path, options.column) for language, path in options.corpus}
        dictionaries = [read_dictionary(path) for path in options.dictionary]
        config = train.Config(
            **{name: getattr(options, name) for name in ("objective", "seed", "steps", "batch", "rate", "alpha")},
            **{name: getattr(options, name) for name in ("layers", "width", "heads", "inner", "positions")},
        )
        build(corpora, dictionaries, config, options.out, size=options.vocabulary, device=options.device)
    except (CorpusError, encoder.EncoderError, train.CheckpointError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def build(
    corpora: Mapping[str, Sequence[str]],
    dictionaries: Sequence[Dictionary],
    config: train.Config,
    out: Path,
    *,
    size: int = 8000,
    device: str = "cpu",
) -> encoder.Encoder:
    """Train on corpora by language, write the model directory `out`, and return its encoder.

    Raises EncoderError when `out` holds a model already, CorpusError for input that cannot be used.
    """
    if (out / encoder.FILE).exists():
        raise encoder.EncoderError(f"{out} holds a model already. Name another directory, or remove that one.")
    out.mkdir(parents=True, exist_ok=True)
    vocabulary = Vocabulary.train(corpora, dictionaries, size=size)
    _say(f"{vocabulary.size} rows for {', '.join(vocabulary.languages)}. {vocabulary.counts}\n")
    sentences = [_windows(corpora[language], language, vocabulary, config) for language in vocabulary.languages]
    checkpoint = out / f"checkpoint-{_digest(corpora, dictionaries)}.pt"
    trained = train.pretrain(
        sentences,
        vocabulary.pairs,
        vocabulary.size,
        config,
        device=device,
        watch=Progress(config.steps),
        checkpoint=checkpoint,
        every=CHECKPOINT_STEPS,
    )
    _say("\n")
    trained.model.cpu()
    centres = {
        language: encoder.centre(trained.model, part, number)
        for number, (language, part) in enumerate(zip(vocabulary.languages, sentences, strict=True))
    }
    encoder.save(out, trained, vocabulary, centres, _sources(corpora, dictionaries, vocabulary))
    checkpoint.unlink(missing_ok=True)
    found = encoder.load(out, threads=None)
    _say(f"{out} holds {found.name}.\n")
    return found


class Progress:
    """One line that says how far a training is, its loss and its tokens a second; rewritten in place on a terminal."""

    def __init__(self, steps: int) -> None:
        """Begin now."""
        self.steps, self.tokens = steps, 0
        self.began = self.shown = time.monotonic()

    def __call__(self, step: int, loss: float, tokens: int) -> None:
        """Count a step, and show it if the last line is old or this step is the last."""
        self.tokens += tokens
        now = time.monotonic()
        if step < self.steps and (now - self.shown < PROGRESS_S or not sys.stdout.isatty()):
            return
        self.shown = now
        speed = self.tokens / max(now - self.began, 1e-9)
        _say(f"\rstep {step} of {self.steps}, loss {loss:.3f}, {speed:,.0f} tokens/s ")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _windows(lines: Sequence[str], language: str, vocabulary: Vocabulary, config: train.Config) -> list[Ids]:
    """Return the sentences as ids, cut where they are longer than the model's positions."""
    encoded = (vocabulary.encode(line, language) for line in lines)
    longest = config.positions - encoder.FRAME
    return [np.array(window) for ids in encoded for window in encoder.cut(ids, longest)]


def _digest(corpora: Mapping[str, Sequence[str]], dictionaries: Sequence[Dictionary]) -> str:
    """Return the first 12 digits of the SHA-256 over all input: a checkpoint goes on with the same input only."""
    return hashlib.sha256(repr((dict(corpora), list(dictionaries))).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _sources(
    corpora: Mapping[str, Sequence[str]], dictionaries: Sequence[Dictionary], vocabulary: Vocabulary
) -> dict[str, object]:
    return {
        "digest": _digest(corpora, dictionaries),
        "lines": {language: len(lines) for language, lines in corpora.items()},
        "dictionaries": ["-".join(dictionary.languages) for dictionary in dictionaries],
        "entries": vocabulary.counts._asdict(),
    }


def _corpus(text: str) -> tuple[str, Path]:
    language, separator, path = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not LANGUAGE=FILE, such as en=english.txt")
    return language, Path(path)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    usual = train.Config()
    parser = argparse.ArgumentParser(
        prog="python -m questions.crosslingual.build",
        description=(__doc__ or "").partition("\n")[0],
        allow_abbrev=False,
    )
    parser.add_argument("--corpus", type=_corpus, action="append", required=True, metavar="LANGUAGE=FILE")
    parser.add_argument("--dictionary", type=Path, action="append", default=[], metavar="FILE", help="may be repeated")
    parser.add_argument("--out", type=Path, required=True, metavar="DIRECTORY")
    parser.add_argument("--column", default="", help="of a parquet or JSON Lines corpus")
    parser.add_argument("--objective", choices=OBJECTIVES, default=usual.objective)
    parser.add_argument("--vocabulary", type=int, default=8000, help="most byte pairs of a language")
    for name in ("seed", "steps", "batch", "layers", "width", "heads", "inner"):
        parser.add_argument(f"--{name}", type=int, default=getattr(usual, name))
    parser.add_argument("--positions", type=int, default=128, help="tokens read at once; longer text is read in parts")
    for name in ("rate", "alpha"):
        parser.add_argument(f"--{name}", type=float, default=getattr(usual, name))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
