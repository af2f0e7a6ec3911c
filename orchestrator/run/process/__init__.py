"""Processes: started, followed, stopped, ended with all they started, and how it went."""
