"""The page of a data set: what was found, with the pictures it is about, and contact sheets. `page.py` puts it together."""
