"""The page: jinja2 templates of this package, with the one stylesheet inside."""

import math
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from lab.report.style.palette import as_css

TEMPLATES = Path(__file__).parents[1] / "templates"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figures": figures, "ms": milliseconds, "mib": mebibytes, "share": share}
    return environment


def render(template: str, **values: Any) -> str:
    """The whole HTML file of `template`. Strings are escaped; SVG comes in as markupsafe.Markup."""
    css = as_css() + (TEMPLATES / "page.css").read_text()
    return _environment().get_template(template).render(css=css, **values)


def figures(value: float | None, digits: int = 3) -> str:
    """A number for people: three significant digits, thousands apart; a dash for none."""
    if value is None or math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def milliseconds(seconds: float | None) -> str:
    return figures(None if seconds is None else seconds * 1000) + " ms"


def mebibytes(octets: float | None) -> str:
    return figures(None if octets is None else octets / 2**20) + " MiB"


def share(part: float) -> str:
    """0.4567 as 45.7 %; never a rounded 100 % or 0 % that is not one."""
    text = f"{part:.1%}"
    if part < 1 and text == "100.0%":
        return "> 99.9 %"
    if part > 0 and text == "0.0%":
        return "< 0.1 %"
    return text.replace("%", " %").replace(".0 ", " ")
