"""SockJS for Twisted."""
