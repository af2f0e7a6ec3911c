"""What a run leaves on the disk: network files, states, and the room for both."""
