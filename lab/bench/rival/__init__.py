"""Ours beside what a Python user would otherwise install: python-socketio with its AioPika manager."""
