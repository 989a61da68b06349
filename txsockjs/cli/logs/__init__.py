"""The output of a server process: its log, a line for each session, and its start line."""
