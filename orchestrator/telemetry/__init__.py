"""What runs inside the trainer's process: records what the trainer throws away, and changes nothing.

Only the standard library and torch are used here; nothing else of this project is imported and nothing else imports this.
`launcher.py` is the script to start; the format of its lines is in `README.md`.
"""
