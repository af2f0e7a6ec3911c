"""Doing it: the only room that starts processes. `process` drives, `saved` keeps, `installed` knows the machine, `records` is beneath."""
