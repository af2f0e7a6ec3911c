"""Kills real runs at random moments and looks at what is left. Not shipped; `make chaos`, `make chaos-sd-scripts`."""
