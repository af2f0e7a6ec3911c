"""kohya sd-scripts."""
