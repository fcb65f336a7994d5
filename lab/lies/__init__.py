"""How load tests lie: one file a lie, which tells it and the truth beside it on a live server.

The listing is the catalogue, a docstring the page. Every lie is told to a real server process over real
connections; nothing is simulated except how busy the server is.
"""
