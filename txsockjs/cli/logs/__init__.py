"""What a server process writes: its log, a line for each session, and what it says at its start."""
