"""Colours by role, a light and a dark one each; the SVG names the role, so one file serves both.

The series are Okabe and Ito's, which colour-blind readers tell apart; the dark ones are lightened
until they reach 4.5:1 on the dark ground. Lines differ in their dashes and carry labels as well.
"""

ROLES = {
    "ground": ("#ffffff", "#15181c"),
    "raised": ("#f4f5f7", "#1e2328"),
    "ink": ("#1b1f24", "#e6e8ea"),
    "soft": ("#59626d", "#a3adb8"),
    "rule": ("#d5d9de", "#363d45"),
    "series1": ("#0072b2", "#62b5f0"),  # blue
    "series2": ("#c04a00", "#ff9a5c"),  # vermillion
    "series3": ("#007a59", "#3fcf9f"),  # bluish green
    "series4": ("#a3487b", "#e8a3cb"),  # reddish purple
    "series5": ("#8a6100", "#f0b93a"),  # orange
    "series6": ("#3a6f8f", "#9bd3f5"),  # sky
    "good": ("#00694c", "#3fcf9f"),
    "bad": ("#b3260e", "#ff8f75"),
    "doubt": ("#7a5600", "#f0b93a"),
}
# What Matplotlib is told to draw with: no real colour, a mark that `svg` turns into the role.
MARK = {role: f"#0a0b{number:02x}" for number, role in enumerate(ROLES, start=16)}
SERIES = [MARK[f"series{number}"] for number in range(1, 7)]
DASHES: list[str | tuple[int, tuple[int, ...]]] = ["-", (0, (5, 2)), (0, (1, 1.5)), (0, (7, 2, 1, 2))]  # type: ignore[list-item]


def as_css() -> str:
    """The roles as custom properties: light, dark by the system's wish, light again on paper."""
    light, dark = ("".join(f"--{role}:{pair[side]};" for role, pair in ROLES.items()) for side in (0, 1))
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    )


def named(drawing: str) -> str:
    """`drawing` with every mark replaced by its role."""
    for role, mark in MARK.items():
        drawing = drawing.replace(mark, f"var(--{role})")
    return drawing
