"""The lab: starts the stack, loads it, and says what a lever does. It reaches services only from outside."""
