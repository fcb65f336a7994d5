"""The ancestor's mistakes, switched on: one file a drill, which shows the harm, then the cure.

The listing is the catalogue, a docstring the page. Every drill runs real servers and real sockets.
"""
