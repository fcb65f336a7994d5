"""Capacity and what follows from it: the search (capacity), the curve over 1..N (usl), and users (sizing)."""
