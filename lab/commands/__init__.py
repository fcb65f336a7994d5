"""The commands. Each module has one name `command`: a function, or a typer.Typer with several.

A command is registered with one line in lab/cli.py and imported only when it is called.
"""
