"""API and websockets in one process on one loop: the baseline of every comparison."""
