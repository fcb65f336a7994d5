"""docs/results/rollout.md: what the replacement of every process looked like to those who used it."""

import time

from lab.load.record import RunRecord


def markdown(record: RunRecord) -> str:
    """The page of a rollout that was watched under load."""
    ledger, total, machine = record.ledger, record.total, record.machine
    failed = sum(total.errors.values()) + total.dropped
    closed = ", ".join(f"{count} x {code}" for code, count in sorted(ledger.closes.items()))
    lost = ledger.acknowledged_not_stored + ledger.not_delivered
    seconds: dict[str, list[float]] = {}
    for moment, words in record.events:
        seconds.setdefault(words.partition(" ")[0], []).append(moment)
    lines = [
        "# Every process replaced under load",
        "",
        "Made by `lab rollout` with --load and --output; do not edit. Each process in turn leaves the",
        "proxy, is restarted, and comes in again; a websocket service first invites its devices to move",
        "(`bye`): each opens its new socket and then closes the old one. No request is tried again.",
        "",
        f"**{total.ok:,} of {total.offered:,} requests answered well, {failed} failed;"
        f" {sum(ledger.closes.values())} sockets closed without a bye{f' ({closed})' if closed else ''};"
        f" lost {lost}, twice {ledger.duplicates_after_client}, out of order"
        f" {ledger.out_of_order_after_client}.**",
        "",
        f"{ledger.reconnects} moves of {ledger.devices} devices: one may move to a service that is next.",
        f"Slowest delivery {ledger.slowest_delivery_seconds or 0.0:.2f} s, answers"
        f" p99 {(total.intended.p99 or 0.0) * 1000:.0f} ms.",
        "",
        "| process | out at, s | in again at, s |",
        "|---|---|---|",
        *(f"| {name} | {' | '.join(f'{one:.1f}' for one in moments)} |" for name, moments in seconds.items()),
        "",
        f"`{record.command}`, {time.strftime('%Y-%m-%d %H:%M', time.gmtime(record.started_at))} UTC, mode"
        f" {record.stack.mode}, {machine.cores} cores ({machine.cpu}), commit {machine.code}.",
    ]
    return "\n".join(lines) + "\n"
