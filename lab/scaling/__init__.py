"""Capacity and what follows: the search (capacity), the curve over 1..N (usl), a plan (basis, sizing)."""
