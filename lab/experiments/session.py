"""Runs the trials of a plan until a look decides, and judges. Knows no stack: a rig measures for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Protocol

from lab.caveats import Caveat, caveat
from lab.experiments.meter import OWN_WORK
from lab.experiments.plan import PullPlan
from lab.pressure import MOST_OF_OTHERS
from lab.statistics import correlation
from lab.trials.journal import Journal
from lab.trials.observation import Observation, by_round, floor_pairs_of, pairs_of, worst_guards
from lab.trials.schedule import SIDES, Side, Step, schedule
from lab.verdict import LEAST_MARGIN, Guard, Record, Verdict, judge
from levers.metrics import METRICS

SETTINGS_OF_ONE_MACHINE = {"database", "shards", "shard_key", "read_routing", "broker_nodes", "queue_type"}

MOST_WAITED = 0.5  # share of the time; below it a Poisson load does this to itself
MOST_OF_THE_MACHINE = 0.7  # in use; above it tasks wait for cores, and a latency is the machine's
# From here on a latency is the other programs' as well; CPU is counted by process and stands.
CROWDED_WAITED, CROWDED_OTHERS = 0.9, 1.0
LATENCY_GUARDS = {"generator lag"}
ATTEMPTS = 3  # a busy second of a shared machine is forgiven, a busy minute is not
AGAIN = "again"  # of an observation's detail: why its round was thrown away before, once or twice
MOST_AGAIN = 0.2  # of the rounds; beyond it those that were kept are a choice of the quiet minutes
LEAST_RHO, MOST_P = 0.5, 0.01  # Spearman's; from here on two figures of the trials go together
LEAST_ROUNDS = 5  # an interval of fewer pairs means nothing


class Rig(Protocol):
    """What is up. Sides a, a2 and b can be measured together (duet) or one at a time."""

    async def renew(self, sides: Sequence[Side]) -> None:
        """Start the processes of these sides anew, and return when they are ready.

        In a duet their order says which process is which from now on.
        """

    async def measure(self, step: Step, seed: int) -> list[Observation]:
        """One trial: an observation for each of the step's sides."""


@dataclass(frozen=True)
class Progress:
    """Where a session is: for whoever shows it. It decides nothing, so it may be asked at every round."""

    doing: str
    done: int
    of: int
    plan: PullPlan
    observations: Sequence[Observation]

    @cached_property
    def verdict(self) -> Verdict | None:
        """The present one of the primary metric, from 5 rounds on."""
        if self.done < LEAST_ROUNDS:
            return None
        early = replace(self.plan, looks=(LEAST_ROUNDS,), also=())
        return verdicts_of(early, self.observations)[0]


Watch = Callable[[Progress], None]


async def run_session(plan: PullPlan, rig: Rig, journal: Journal, watch: Watch) -> list[Verdict]:
    """Measure round after round; stop at the first look at which the primary metric is decided.

    Rounds that the journal holds are not measured again. A round with a failed guard is thrown away as a
    whole, all its sides, and measured again, twice at most; its observations keep why. When that does not
    help the session is INVALID, and nothing more is measured.
    """
    steps = schedule(plan.design, max(plan.looks), plan.seed, plan.renew_every)
    done = journal.done_rounds()
    renew_next = True
    for number in range(max(plan.looks)):
        if number not in done:
            trials = [step for step in steps if step.round == number]
            watch(_progress(plan, journal, f"round {number + 1}"))
            found = await _round(rig, trials, plan.seed, renew_next)
            again_because: list[str] = []
            for again in range(1, ATTEMPTS):
                failed = _failed(found, plan.metric)
                if not failed:
                    break
                again_because.append(failed)
                watch(_progress(plan, journal, f"round {number + 1} once more ({failed})"))
                found = await _round(rig, trials, plan.seed + 1_000_000 * again, renew=False)
            for observation in found:
                detail = {**observation.detail, AGAIN: again_because} if again_because else observation.detail
                journal.add(replace(observation, detail=detail))
            renew_next = False
            if _failed(found, plan.metric):
                return verdicts_of(plan, journal.observations)
        if number + 1 in plan.looks:
            verdicts = verdicts_of(plan, journal.observations, number + 1)
            if verdicts[0].decided or verdicts[0].word == "INVALID":
                return verdicts
    return verdicts_of(plan, journal.observations, max(plan.looks))


def _failed(found: Sequence[Observation], metric: str) -> str:
    """The first guard of this metric that failed, in words; '' when all held."""
    guards = guards_for(metric, [guard for one in found for guard in one.guards])
    return next((guard.words for guard in guards if not guard.ok), "")


def guards_for(metric: str, guards: Sequence[Guard]) -> list[Guard]:
    """Those that a metric must meet: how late the generator was is part of a latency and of nothing else."""
    latency = METRICS[metric].is_latency
    return [guard for guard in guards if latency or guard.name not in LATENCY_GUARDS]


async def _round(rig: Rig, trials: Sequence[Step], seed: int, renew: bool) -> list[Observation]:
    found: list[Observation] = []
    for step in trials:
        if renew or step.fresh:
            alone = len(step.sides) < len(SIDES)
            await rig.renew(SIDES if alone and step.place == 0 else step.sides)
            renew = False
        found += await rig.measure(step, seed * 1_000 + step.number)
    return found


def again_of(observations: Sequence[Observation]) -> dict[int, list[str]]:
    """Round -> why it was measured again, of those that were."""
    return {one.round: list(one.detail[AGAIN]) for one in observations if one.detail.get(AGAIN)}


def verdicts_of(
    plan: PullPlan, observations: Sequence[Observation], rounds: int | None = None
) -> list[Verdict]:
    """The verdict of each metric, the primary first, from the first `rounds` rounds."""
    kept = [one for one in observations if rounds is None or one.round < rounds]
    machine = [caveat("one machine")] if plan.lever in SETTINGS_OF_ONE_MACHINE else []
    machine += _again(kept)
    guards = worst_guards(kept)
    verdicts = []
    for metric in plan.metrics:
        pairs = pairs_of(kept, metric)
        if not pairs and metric != plan.metric:
            continue  # not measured in this run: nothing to say
        own = guards_for(metric, guards)
        remarks = [*machine, *_of_the_machine(kept, METRICS[metric].is_latency)]
        if plan.design == "duet" and metric == "cpu_per_1k_total":
            remarks += _of_nobody(kept)
        samples = min((one.samples_of(metric) for one in kept), default=0)
        floor = floor_pairs_of(kept, metric)
        label = plan.label(metric)
        twins = pairs_of(kept, metric, "a2", "b")
        shared = plan.design == "duet" and METRICS[metric].is_latency
        record = Record(metric, pairs, floor, own, samples, plan.looks, remarks, label, twins, shared)
        verdict = judge(record, *plan.values)
        if verdict.word == "no difference shown" and plan.lever != "durability":
            verdict = replace(verdict, caveats=(*verdict.caveats, *_of_the_disk(kept, metric)))
        verdicts.append(verdict)
    return verdicts


def _again(observations: Sequence[Observation]) -> list[Caveat]:
    """Grave where too many rounds had to be measured again; nothing where none had."""
    rounds, again = len({one.round for one in observations}), len(again_of(observations))
    if not again:
        return []
    return [
        caveat("measured again" if again <= MOST_AGAIN * rounds else "too often again", n=again, of=rounds)
    ]


def _of_the_machine(observations: Sequence[Observation], latency: bool) -> list[Caveat]:
    """What a full machine or other programs on it mean for the figures of a metric."""
    if not observations:
        return []
    waited = median(one.pressure for one in observations)
    others = median(float(one.detail.get("others", 0.0)) for one in observations)
    if latency and (waited > CROWDED_WAITED or others > CROWDED_OTHERS):
        return [caveat("crowded", cores=others, share=waited)]
    found = [caveat("pressure", share=waited)] if waited > MOST_WAITED else []
    used = median(float(one.detail.get("machine", 0.0)) for one in observations)
    if used > MOST_OF_THE_MACHINE:
        found.append(caveat("full machine", share=used))
    return found + ([caveat("other load", cores=others)] if others > MOST_OF_OTHERS else [])


def _of_the_disk(observations: Sequence[Observation], metric: str) -> list[Caveat]:
    """Whether a latency of A, which is set alike in all its trials, moved with the wait for the disk."""
    both = [
        (one.detail.get("counted", {}).get("log_sync_ms"), one.metrics.get(metric))
        for one in observations
        if one.side != "b" and METRICS[metric].is_latency
    ]
    waits = [(wait, figure) for wait, figure in both if wait is not None and figure is not None]
    rho, p = correlation([wait for wait, _ in waits], [figure for _, figure in waits])
    return [caveat("the disk", rho=rho)] if rho >= LEAST_RHO and p < MOST_P else []


def _of_nobody(observations: Sequence[Observation]) -> list[Caveat]:
    """What of the whole cost no side of a duet is charged with, where it is more than the least margin."""
    shares = [
        one.detail["cpu"].get(OWN_WORK, 0.0) / one.metrics["cpu_per_1k_total"]
        for one in observations
        if "cpu" in one.detail and "cpu_per_1k_total" in one.metrics
    ]
    share = median(shares) if shares else 0.0
    return [caveat("nobody's work", share=share)] if share > LEAST_MARGIN else []


def _progress(plan: PullPlan, journal: Journal, doing: str) -> Progress:
    rounds = len(by_round(journal.observations))
    return Progress(doing, rounds, max(plan.looks), plan, tuple(journal.observations))
