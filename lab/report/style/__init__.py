"""What every report of the lab shares: colours, figures as inline SVG, the page around them."""

from lab.report.style.figure import figure, standalone, svg
from lab.report.style.page import render

__all__ = ["figure", "render", "standalone", "svg"]
