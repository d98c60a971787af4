"""The catalogue that organisers keep: providers and their models, panels and policies in numbered versions."""
