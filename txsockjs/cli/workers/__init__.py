"""``--workers``: a parent that binds sockets and watches the processes that serve."""
