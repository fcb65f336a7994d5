"""What a kill loses, for the pages of levers whose price no pull shows."""

from pathlib import Path

# Rows of `lab faults`.
KILLS = {
    "durability": ("kill -9 of PostgreSQL, with crash recovery", "PostgreSQL is restarted"),
    "delivery": ("kill -9 of an API process", "kill -9 of the whole RabbitMQ cluster"),
}


def kills(name: str, faults: Path) -> list[str]:
    """What was lost when a part was killed, from the table of `lab faults`; nothing where there is none."""
    if name not in KILLS or not faults.exists():
        return []
    rows = [line.split(" | ") for line in faults.read_text().splitlines() if line.startswith("| ")]
    found = [(row[0].removeprefix("| "), row[4]) for row in rows if len(row) == 6]
    lines = [
        f"- {fault}: {lost} lost / twice / out of order" for fault, lost in found if fault in KILLS[name]
    ]
    if not lines:
        return []
    return [
        "## What is lost at a kill",
        "",
        "With the default settings ([faults](../faults.md)):",
        "",
        *lines,
        "",
    ]
