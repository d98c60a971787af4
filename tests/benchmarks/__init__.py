"""What this project claims to be fast, cheap or right at, measured: `manage.py bench` lists it, `bench NAME` runs one.

A benchmark is a module here (or a package with `__main__`) that defines `main() -> int`, runs as
`python -m tests.benchmarks.NAME`, and whose docstring begins with its line in the list.
"""
