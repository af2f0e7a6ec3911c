"""What lies in the folders."""
