"""The command line of ``twistd sockjs``: what it reads, and the process that serves it."""
