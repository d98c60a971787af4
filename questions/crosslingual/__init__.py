"""Cross-lingual encoders pre-trained with ALIGN-MLM and its rivals: an island that imports PyTorch and nothing of the site.

Optional (`--extra crosslingual`); the site reaches it through `DUPLICATE_EMBEDDER` alone. What was measured: README.md here.
"""
