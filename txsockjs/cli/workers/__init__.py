"""``--workers``: a parent that binds, starts and watches, and the processes that serve."""
