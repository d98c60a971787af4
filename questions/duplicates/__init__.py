"""Near-duplicates: by letters and words always (`search`), by meaning where an encoder is named (`vectors`); for organisers only.

`family_of` counts what one person tries again as one question. Nothing here changes a question: closing one as a duplicate is
`questions.actions.mark_duplicate`.
"""
