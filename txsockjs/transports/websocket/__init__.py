"""The websocket transports: framed and raw."""
