"""Runs the stack on this machine: programs under one supervisor, described by one file, in one run folder."""
