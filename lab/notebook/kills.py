"""What a kill loses, for the pages of levers whose price no pull shows."""

from pathlib import Path

# Rows of `lab faults`.
KILLS = {
    "durability": (
        "kill -9 of PostgreSQL, with crash recovery",
        "kill -9 of PostgreSQL, with DURABILITY=off",
        "PostgreSQL is restarted",
    ),
    "broker_nodes": (
        "kill -9 of the only RabbitMQ node",
        "kill -9 of the RabbitMQ node (of three) that serves the consumers",
        "kill -9 of the RabbitMQ node (of three) that serves the publishers",
    ),
    "delivery": (
        "kill -9 of an API process",
        "kill -9 of an API process, with DELIVERY=outbox",
        "kill -9 of an API process, with DELIVERY=fire_and_forget",
        "kill -9 of the whole RabbitMQ cluster",
        "kill -9 of the whole RabbitMQ cluster, with DELIVERY=fire_and_forget",
    ),
}


def kills(name: str, faults: Path) -> list[str]:
    """What was lost when a part was killed, from the table of `lab faults`; nothing where there is none."""
    if name not in KILLS or not faults.exists():
        return []
    rows = [line.split(" | ") for line in faults.read_text().splitlines() if line.startswith("| ")]
    found = [(row[0].removeprefix("| "), *row[3:5]) for row in rows if len(row) == 6]
    lines = [
        f"- {fault}: {lost} lost / twice / out of order{'' if name == 'durability' else _late(repair)}"
        for fault, repair, lost in found
        if fault in KILLS[name]
    ]
    if not lines:
        return []
    return [
        "## What is lost at a kill",
        "",
        "With the default settings, where no other is named ([faults](../faults.md)):",
        "",
        *lines,
        "",
    ]


def _late(repair: str) -> str:
    """Which delivery a hint needs shows in how late what it was about came, not in a loss."""
    return "" if repair == "none late" else f", messages late by more than 1 s for {repair}"
