"""Questions from files: HLE's schema as JSONL or parquet becomes drafts, with a report of every row refused."""
