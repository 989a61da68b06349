"""The command line of ``twistd sockjs``: its options, and the process that serves."""
