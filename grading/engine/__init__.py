"""The engine: claims due predictions in PostgreSQL, runs their calls on the process's event loop, writes in batches.

One pump per worker process serves all checks: a task starts it or, when it runs already, only nudges it. The database is the
queue of record, so a message that comes twice, late or never costs nothing but time.
"""

from grading.engine.pump import Engine, current, shut_down, stop_claiming

__all__ = ["Engine", "current", "shut_down", "stop_claiming"]
