"""Doing it: the only room that starts processes."""
