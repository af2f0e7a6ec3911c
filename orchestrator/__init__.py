"""One YAML recipe in, a trained LoRA and an honest diagnosis out."""

__version__ = "0.1.0"
