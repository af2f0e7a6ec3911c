"""Words every room uses. Imports nothing else of this project."""
