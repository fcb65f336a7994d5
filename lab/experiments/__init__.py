"""Pulling levers: plan, rig (what is up), session (trials until a look decides), result."""
