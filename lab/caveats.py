"""Every warning that a verdict can carry, as a table: what was seen, why, and what to try next."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Caveat:
    """`grave` caveats take the verdict away (INVALID); the others stand beside it."""

    name: str
    seen: str
    cause: str
    next_step: str
    grave: bool = False

    def __str__(self) -> str:
        return f"{self.seen}. {self.cause}. {self.next_step}."


def caveat(name: str, **figures: object) -> Caveat:
    """The row of this name, with the figures that its `seen` wants. KeyError when one is missing."""
    row = TABLE[name]
    return replace(row, seen=row.seen.format(**figures))


def guard_failed(guard: str, words: str) -> Caveat:
    """A guard says itself what it saw, and each has a name of its own."""
    return replace(TABLE["guard"], name=f"guard:{guard}", seen=words)


ROWS = (
    # --- grave: no figure is claimed
    Caveat(
        "guard",
        "",
        "What is reported would not be what was asked for",
        "Lower the rate, free the machine, or give the generator more of it",
        grave=True,
    ),
    Caveat(
        "too few pairs",
        "{have} pairs, {need} are the least",
        "The run was interrupted or trials were thrown out",
        "Resume it with the same command",
        grave=True,
    ),
    Caveat(
        "audit",
        "{why}",
        "The audit of now refuses these sides: what B changed cannot be told from what else differed",
        "Pull it again",
        grave=True,
    ),
    Caveat(
        "no floor",
        "A was never measured against A",
        "Without it nobody knows what this machine calls a difference when there is none",
        "Run again without leaving out the A/A arm",
        grave=True,
    ),
    Caveat(
        "too few samples",
        "{have:,} samples in the smallest trial, {metric} needs {need:,}",
        "A high percentile of few samples is the luck of a handful of requests",
        "Make the trials longer or the rate higher",
        grave=True,
    ),
    Caveat(
        "order decides",
        "pairs that began with A and pairs that began with B differ by {apart:.1%} (p={p:.3f})",
        "What comes second is favoured or hurt: warm caches, growing tables, a machine that slows down",
        "Lengthen the warm-up, or use a design that runs both sides at once",
        grave=True,
    ),
    Caveat(
        "unbalanced order",
        "{ab} pairs began with A and {ba} with B",
        "With one order only, a lever cannot be told from coming second",
        "Let the schedule finish, it balances the orders",
        grave=True,
    ),
    Caveat(
        "too often again",
        "{n} of {of} rounds had to be measured again",
        "A guard failed in them; so many are no bad second, and the rounds that were kept are a choice",
        "Lower the rate, or free the machine, and pull again",
        grave=True,
    ),
    # --- about the noise
    Caveat(
        "noisy machine",
        "A against A differs by up to {floor:.1%}",
        "Something else uses this machine, or the sides are not alike in something unseen",
        "Close other programs, lengthen trials, and look at the pressure under the ratio plot",
    ),
    Caveat(
        "the disk",
        "from trial to trial of A it went with how long a commit waited for the disk (Spearman {rho:+.2f})",
        "Much of the noise is the disk's, then, and a change by the lever may be hidden in it",
        "Ask again where no commit waits: --set DURABILITY=off",
    ),
    Caveat(
        "biased sides",
        "A against A has a median of {change:+.1%} and its interval leaves out 0",
        "The two places are not equal: one process or stack is luckier than the other",
        "Renew the processes more often; the margin has been widened by it",
    ),
    Caveat(
        "twins disagree",
        "B against the twin of A: {seen}",
        "A verdict that depends on which of two equal processes B is held against is about the processes",
        "Renew the processes more often, or take more pairs",
    ),
    Caveat(
        "drift",
        "the ratio moves with time (Spearman {rho:+.2f})",
        "One side warms up, grows or leaks during the session",
        "Lengthen the warm-up, or look at memory and table size over time",
    ),
    Caveat(
        "too few for sameness",
        "the whole interval lies within the margin of sameness, of {have} pairs; {need} are the least",
        "Few pairs that agree by luck look as if nothing mattered",
        "Ask again without --quick",
    ),
    # --- about the machine
    Caveat(
        "measured again",
        "{n} of {of} rounds had to be measured again",
        "A guard failed in them, and the whole round was thrown away, all its sides",
        "See the page for why; many of them make a result invalid",
    ),
    Caveat(
        "in some sessions",
        "{what}: in {n} of {of} sessions",
        "What a session said of itself",
        "The page of each says what was seen there",
    ),
    Caveat(
        "pressure",
        "tasks waited for a core {share:.0%} of the time",
        "Both sides were slowed by a full machine, which distorts differences in latency, either way",
        "Lower the rate (--rate) and compare again",
    ),
    Caveat(
        "full machine",
        "all programs together used {share:.0%} of the machine",
        "Above 70 % an answer is of a crowd: the price of an operation moves with whoever else has the cores",
        "Lower the rate (--rate), or leave it out and let the lab choose it",
    ),
    Caveat(
        "other load",
        "other programs used {cores:.2f} cores during the trials",
        "The machine was not the lab's alone",
        "Close them, or trust CPU figures more than latencies",
    ),
    Caveat(
        "crowded",
        "other programs used {cores:.2f} cores and tasks waited for a core {share:.0%} of the time",
        "A latency of such minutes is the other programs' as much as the lever's",
        "Close them and pull again; CPU and counts stand",
        grave=True,
    ),
    Caveat(
        "one machine",
        "all processes, also replicas, shards and nodes, share the cores of one machine",
        "What would have its own machine elsewhere takes from its neighbours here",
        "Read this as the price of the lever, never as its gain at scale",
    ),
    Caveat(
        "nobody's work",
        "PostgreSQL used another {share:.0%} of a side's CPU for no connection (WAL, checkpoints, replay)",
        "In a duet it is charged to no side, whichever made it necessary",
        "Ask again with a stack for each side (--design abab), which counts every process",
    ),
    Caveat(
        "shared by the sides",
        "no more than {most:.1%} was seen, in a duet, whose sides share database, broker and cores",
        "A slower side slows the other as well, so that a latency differs less: that shows no sameness",
        "Ask again with a stack for each side: --design abab",
    ),
    # --- about the effect
    Caveat(
        "real but small",
        "a change of {change:+.1%} was seen, {most:.1%} at most, and it is no accident",
        "It is likely real, and too small to choose by",
        "Pull a lever that matters more",
    ),
)
TABLE = {row.name: row for row in ROWS}
FULL_MACHINE = ("pressure", "full machine")  # on it a latency is a crowd's
