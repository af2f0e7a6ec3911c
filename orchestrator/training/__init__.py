"""One run from its first launch to its last: attempts, watching, trying again, going on."""
