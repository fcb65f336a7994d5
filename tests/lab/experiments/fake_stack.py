"""A stack rig whose runs are made up: records with planted costs, errors, stalls and biases."""

from pathlib import Path

import msgspec

from lab.experiments.arrangement import arrange
from lab.experiments.counting import Counters
from lab.experiments.rig import StackRig
from lab.load.plan import LoadPlan
from lab.load.record import Figures, Guard, Latency, StallTest, Usage, load
from lab.stack.description import Database, StackDescription
from lab.trials.schedule import SIDES

EXAMPLE = load(Path(__file__).parents[1] / "load" / "example_record.json")
STALL_SEEN = StallTest(rate=50, stall_seconds=0.5, slow=24, needed=20, p99=0.4, ok=True)
STALL_MISSED = StallTest(rate=50, stall_seconds=0.5, slow=2, needed=20, p99=0.01, ok=False)


class FakeLoad:
    """Answers `run_load`: side b costs `effect` times more, `later_costs` hurts each later run."""

    def __init__(self, rng, *, effect=1.0, spread=0.02, errors=0.0, stall=STALL_SEEN, limit=1_000.0):
        self.rng, self.effect, self.spread, self.errors = rng, effect, spread, errors
        self.stall, self.limit = stall, limit
        self.throttled_from: float | None = None
        self.later_costs = 1.0
        self.plans: list[LoadPlan] = []

    async def __call__(self, plan, *, on_begin=None):
        self.plans.append(plan)
        if on_begin:
            await on_begin()
        sides = list(plan.sides) or [plan.stack.home.name]
        each = {side: self.figures(plan, side, len(sides)) for side in sides}
        achieved = 0.7 if self.throttled_from and len(self.plans) > self.throttled_from else 1.0
        return msgspec.structs.replace(
            EXAMPLE,
            settings=msgspec.structs.replace(EXAMPLE.settings, rate=plan.rate),
            measured_seconds=plan.duration,
            sides=each,
            total=self.figures(plan, sides[0], 1),
            usage=[*self.usage(plan, sides, each)],
            stall_test=self.stall if plan.stall_test else None,
            guards=[
                Guard(
                    name="achieved",
                    ok=achieved >= 0.99,
                    seen=f"{achieved:.0%} of the offered rate was sent",
                    expected="at least 99 %",
                )
            ],
        )

    def figures(self, plan, side, share):
        count = int(plan.rate * plan.duration / share)
        failed = int(count * self.errors)
        held = plan.rate <= self.limit
        p50 = 0.004 * self.noise()
        times = Latency(samples=count, p50=p50, p99=p50 * 5 if held else 2.0)
        return Figures(
            offered=count, sent=count, ok=count - failed, dropped=0, intended=times, send=times,
            lag=Latency(samples=count, p50=0.0001, p99=0.0005), delivery=times, deliveries=2 * count,
        )  # fmt: skip

    def usage(self, plan, sides, each):
        for side in sides:
            port = int(plan.sides[side].api[0].rpartition(":")[2]) if plan.sides else 1
            name = f"backend-{port}"
            cost = 0.002 * (self.effect if side == "b" else 1.0)
            cost *= self.later_costs ** (len(self.plans) % 3) * self.noise()
            yield Usage(
                name=name, kind="backend", cpu_seconds=cost * each[side].ok, cpu_seconds_per_1000=None,
                pss_bytes=50 * 2**20,
            )  # fmt: skip

    def noise(self):
        return float(2.718281828 ** self.rng.normal(0, self.spread))


class FakeStackRig(StackRig):
    """A rig without processes; `words` are what a, a2 and b report as their event loop."""

    def __init__(self, plan, load, words=("uvloop", "uvloop", "asyncio")):
        arrangement = arrange(plan, Path("/nowhere"))
        stacks = {name: description(name) for name in arrangement.stacks}
        super().__init__(plan, arrangement, stacks, load)
        self.words, self.renewed = words, 0

    def effective(self):
        return {
            side: [{plan_name: word, "pool_size": 10}]
            for side, word in zip(SIDES, self.words, strict=True)
            for plan_name in [self.plan.of.effective]
        }

    async def log_syncs(self, side):
        return Counters()

    async def renew(self, sides):
        self.renewed += 1
        if self.plan.design == "duet":
            self.arrangement = self.arrangement.taking_places(sides)


def description(name):
    return StackDescription(
        mode="multi",
        home=Path("/nowhere") / name,
        api=[f"http://127.0.0.1:{port}" for port in (1, 2, 3)],
        websockets=["ws://127.0.0.1:4/ws"],
        postgres=Database("127.0.0.1", 5, "u", "p", "d"),
        secret="s" * 32,
    )
