"""Every number decided, each with its reason."""
