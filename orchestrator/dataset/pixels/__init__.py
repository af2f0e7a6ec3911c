"""What the pixels say. Each picture is decoded once; each measure is one file."""
