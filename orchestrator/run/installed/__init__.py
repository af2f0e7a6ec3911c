"""What this machine has: trainers and their environments, whether they are still what they were, and what the user trusts."""
