"""Actors: sessions, and the code that runs them."""
