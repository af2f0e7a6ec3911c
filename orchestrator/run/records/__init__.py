"""What is written down about a run: its folder, its journal, who holds it, with what it was begun."""
