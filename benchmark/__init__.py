"""Labelled runs with planted faults, and what the diagnosis says about them. Not shipped; see README.md here."""
