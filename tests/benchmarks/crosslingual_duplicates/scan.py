"""How long the exact scan over stored vectors takes: PostgreSQL reads every one, NumPy multiplies."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import django
import numpy as np
from django.db import connection
from numpy.typing import NDArray

from tests.benchmarks.report import Figure
from tests.benchmarks.site import fresh_database

COUNTS = (10_000, 100_000)
DIMENSIONS = (256, 1024)  # of a small encoder, and of a word list; PostgreSQL keeps the latter outside the row
THRESHOLD = 0.85
ROUNDS = 5
MODEL = "random"
COPY = "COPY questions_textvector (text_id, model, language, vector, created_at) FROM STDIN"

Vectors = NDArray[np.float32]


def figures() -> list[Figure]:
    """Return the seconds of a scan for one batch of new texts, for each size and number of stored vectors."""
    with fresh_database("bench_scan"):
        django.setup()
        found = [_figure(count, dimensions) for dimensions in DIMENSIONS for count in COUNTS]
        connection.close()
        return found


def _figure(count: int, dimensions: int) -> Figure:
    from questions.duplicates import vectors  # knows Django

    random = np.random.default_rng(0)
    asked, stored = unit(random, vectors.BATCH, dimensions), unit(random, count, dimensions)
    fill(stored)
    scan_s = seconds(lambda: vectors.scan(MODEL, asked, threshold=THRESHOLD))
    product_s = seconds(lambda: asked @ stored.T)
    return Figure(
        f"scan of {count:,} stored vectors of {dimensions:,} numbers for {len(asked)} new texts",
        scan_s,
        "s",
        peer=f"multiplying alone, all in memory: {product_s:.3f} s",
    )


def unit(random: np.random.Generator, count: int, dimensions: int) -> Vectors:
    """Return random vectors (count, dimensions) of unit length."""
    rows = random.standard_normal((count, dimensions), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fill(rows: Vectors) -> None:
    """Store the vectors alone, in place of what was stored; they belong to texts that are not there."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no look for the texts
        cursor.execute("TRUNCATE questions_textvector")
        with cursor.copy(COPY) as copy:
            for number, row in enumerate(rows):
                copy.write_row((number, MODEL, "en", row.astype("<f4").tobytes(), "2026-01-01"))
        cursor.execute("ANALYZE questions_textvector")


def seconds(work: Callable[[], object]) -> float:
    """Return the median wall time of some rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return median(times)
