"""HTTP: what is said about a request, whatever brings it."""
