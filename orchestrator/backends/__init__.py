"""How each trainer is told."""
