"""The site for whoever operates a server."""
