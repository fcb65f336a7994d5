"""Changing a Citus cluster under load: the steps of citus/runbook as commands that watch and refuse."""
