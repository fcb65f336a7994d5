"""Helpers that also run on their own."""
