"""Matplotlib figures as inline SVG: text stays text, colours follow the reader's light or dark."""

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from lab.report.style.palette import MARK, ROLES, SERIES, named

STYLE: Any = {  # keyed by names that only Matplotlib's stubs list
    "svg.fonttype": "none",  # text, so that it can be searched, read aloud and drawn sharply
    "font.family": "sans-serif",
    "font.size": 10.5,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=SERIES),
    "axes.edgecolor": MARK["rule"],
    "axes.labelcolor": MARK["soft"],
    "axes.titlecolor": MARK["ink"],
    "xtick.color": MARK["soft"],
    "ytick.color": MARK["soft"],
    "text.color": MARK["ink"],
    "grid.color": MARK["rule"],
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
WIDTH_INCHES = 9.0


@contextmanager
def figure(height: float = 3.0, width: float = WIDTH_INCHES) -> Iterator[Figure]:
    """An empty figure in the lab's style; draw and call svg() inside. No global state of pyplot."""
    with matplotlib.rc_context(STYLE):
        drawn = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(drawn)
        yield drawn


def svg(drawn: Figure, says: str) -> str:
    """The figure as an <svg> element that scales with the page. `says` is read to who cannot see it."""
    out = io.StringIO()
    # Ids must differ between the figures of a page and be the same for the same figure.
    salt = hashlib.sha256(says.encode()).hexdigest()[:8]
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        drawn.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = _own_ids(text, salt)
    opening = rf'<svg viewBox="\1" role="img"><title>{escape(says)}</title>'
    return named(re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', opening, text, count=1))


def _own_ids(text: str, salt: str) -> str:
    """Ids with the figure's salt in front, and the references to them."""
    text = re.sub(r'\bid="([^"]+)"', rf'id="{salt}-\1"', text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{salt}-\1"', text)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{salt}-\1)", text)


def standalone(drawn: str) -> str:
    """A picture of a page as a file of its own: light colours, and the name space that a file needs."""
    drawn = str(drawn)  # of Markup, replace() would escape
    for role, (light, _) in ROLES.items():
        drawn = drawn.replace(f"var(--{role})", light)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawn)
    width, height = box.groups() if box else ("648", "200")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    drawn = drawn.replace("<svg ", head, 1)
    return re.sub(r"(<title>.*?</title>)", rf"\1{ground}", drawn, count=1) + "\n"
