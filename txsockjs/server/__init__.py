"""Servers: what brings requests, through twisted.web or straight from the bytes."""
