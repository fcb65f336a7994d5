"""Conditions of a run: when one fails, the run is INVALID and its figures say nothing about the stack."""

from collections.abc import Sequence

from lab.load.record import Figures, Guard, Ledger, StallTest, Verdict

ACHIEVED = 0.99
ERRORS = 0.001
# Of the latency that is claimed, what may be the generator's own doing; less than so many seconds is the
# machine's own scheduling, whatever is claimed. The lag's p99 is held against the p99 only: what one arrival
# in a hundred had to wait moves no median.
LAG_OF_P50, LAG_OF_P99 = 0.1, 0.5
NOTHING_OF_P50, NOTHING_OF_P99 = 0.0001, 0.001
LAG_OF_CLAIMED_P99 = 0.1  # above it the run stands, but its p99 is as much the generator's as the stack's
CORE = 0.9  # a generator process that uses more of its core cannot be told from a slow server


def achieved(answered_in_time: int, total: Figures) -> Guard:
    """Open loop: what was offered must also have been answered, within the measured time."""
    share = answered_in_time / total.offered if total.offered else 0.0
    return Guard(
        name="achieved",
        ok=share >= ACHIEVED,
        seen=f"{share:.1%} of {total.offered} arrivals answered well in the measured time"
        + (f", {total.dropped} dropped" if total.dropped else ""),
        expected=f"at least {ACHIEVED:.0%}",
        advice="the rate is above what this stack and machine can do: lower it",
    )


def errors(total: Figures) -> Guard:
    """Failing is fast: with failures a latency says little."""
    failed = sum(total.errors.values())
    share = failed / total.sent if total.sent else 0.0
    kinds = ", ".join(f"{count} x {word}" for word, count in total.errors.items())
    return Guard(
        name="errors",
        ok=share <= ERRORS,
        seen=f"{share:.2%} of the requests failed" + (f" ({kinds})" if kinds else ""),
        expected=f"at most {ERRORS:.1%}",
        advice="look into the logs of the run folder",
    )


def lag(total: Figures) -> Guard:
    """What the generator itself was late must be small against the latency it reports."""
    late, claimed = total.lag, total.intended
    ok = (
        late.p50 is not None
        and late.p99 is not None
        and claimed.p50 is not None
        and claimed.p99 is not None
        and late.p50 <= max(NOTHING_OF_P50, LAG_OF_P50 * claimed.p50)
        and late.p99 <= max(NOTHING_OF_P99, LAG_OF_P99 * claimed.p99)
    )
    return Guard(
        name="generator lag",
        ok=ok,
        seen=f"late by {_ms(late.p50)} (p50), {_ms(late.p99)} (p99); "
        f"claimed are {_ms(claimed.p50)}, {_ms(claimed.p99)}",
        expected=f"at most {LAG_OF_P50:.0%} of the p50 claimed or {_ms(NOTHING_OF_P50)}, "
        f"and {LAG_OF_P99:.0%} of the p99 or {_ms(NOTHING_OF_P99)}",
        advice="the machine is too full: lower the rate, close other programs",
    )


def generator_cpu(cores: Sequence[float]) -> Guard:
    """A generator process is one thread; at the end of its core it measures itself."""
    most = max(cores, default=0.0)
    return Guard(
        name="generator CPU",
        ok=most <= CORE,
        seen=f"the busiest generator process used {most:.0%} of a core",
        expected=f"at most {CORE:.0%}",
        advice="use more generator processes (--processes), or lower the rate",
    )


def generator_alive(died: Sequence[str]) -> Guard:
    """All of the generator lived to the end."""
    return Guard(
        name="generator alive",
        ok=not died,
        seen="; ".join(died) or "every generator process ended in order",
        expected="no generator process dies",
    )


def ledger_clean(ledger: Ledger) -> Guard:
    """Correctness before speed."""
    return Guard(
        name="ledger",
        ok=ledger.clean,
        seen=ledger_words(ledger),
        expected="every acknowledged message stored, and delivered once and in order to every device",
        advice=ledger.examples[0] if ledger.examples else "",
    )


def stall_shown(test: StallTest) -> Guard:
    """The instrument sees a server that stops."""
    return Guard(
        name="stall test",
        ok=test.ok,
        seen=f"{test.slow} slow samples in a stall of {test.stall_seconds:.2g} s at {test.rate:g}/s",
        expected=f"at least {test.needed}",
        advice="the generator cannot keep this rate on this machine: lower it",
    )


def ledger_words(ledger: Ledger) -> str:
    """The ledger in one line."""
    if not ledger.sends and ledger.clean:
        return "no messages were sent"
    if ledger.clean:
        stored = "stored, " if ledger.compared_with_database else ""
        return (
            f"{ledger.acknowledged} acknowledged, all {stored}{ledger.delivered} deliveries "
            f"to {ledger.devices} devices, each once and in order"
        )
    wrong = {
        "acknowledged but not stored": ledger.acknowledged_not_stored,
        "stored otherwise than answered": ledger.answered_otherwise,
        "not delivered": ledger.not_delivered,
        "misrouted": ledger.misrouted,
        "applied twice": ledger.duplicates_after_client,
        "applied out of order": ledger.out_of_order_after_client,
        "missing seq numbers": ledger.seq_gaps_in_database or 0,
        "stale lists": ledger.stale_reads,
    }
    return ", ".join(f"{count} {word}" for word, count in wrong.items() if count)


def verdict(guards: Sequence[Guard], total: Figures, ledger: Ledger, seconds: float) -> Verdict:
    """The run in one word and one sentence."""
    failed = [guard for guard in guards if not guard.ok]
    rate = total.offered / seconds if seconds else 0.0
    offered = f"{rate:,.0f} operations/s for {seconds:.0f} s"
    if failed:
        reasons = [f"{guard.name}: {guard.seen} (expected {guard.expected})" for guard in failed]
        void = "" if ledger.clean else " The ledger is not clean: every latency of this run is void."
        return Verdict(
            word="INVALID", reasons=reasons, sentence=f"{offered}: the figures do not count.{void}"
        )
    return Verdict(
        word="VALID",
        reasons=[],
        sentence=f"{offered}: {_latency(total)}; {ledger_words(ledger)}.",
    )


def claims_p99(total: Figures) -> bool:
    """Whether the p99 is the stack's: the generator itself was late by no more than a little of it."""
    late, seen = total.lag.p99 or 0.0, total.intended.p99
    return seen is None or late <= LAG_OF_CLAIMED_P99 * seen


def _latency(total: Figures) -> str:
    seen = total.intended
    if claims_p99(total):
        return f"p50 {_ms(seen.p50)}, p99 {_ms(seen.p99)} from the intended time"
    own = f"{_ms(seen.p99)}, and the generator itself was late by {_ms(total.lag.p99)}"
    return f"p50 {_ms(seen.p50)} from the intended time, p99 not claimed ({own})"


def _ms(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds * 1000:.3g} ms"
