"""Duplicates across languages: what is searched, by what, and how well."""
