"""Servers: bring requests, through twisted.web or straight from the bytes."""
