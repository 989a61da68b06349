"""Actors: sessions and what runs them."""
