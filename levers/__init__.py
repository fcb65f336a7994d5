"""What can be pulled: one file a lever. The listing is the catalogue, a docstring the page."""
