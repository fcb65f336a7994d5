"""How a pull comes to its rate and its journal: by a search, as given, or where an interrupted one was."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.errors import UsageError
from lab.experiments.capacities import as_json, capacities, rate_for
from lab.experiments.machine import other_machine, other_software
from lab.experiments.plan import PullPlan, plan_from
from lab.experiments.preparation import Question, with_rate
from lab.experiments.rig import StackRig
from lab.experiments.unfinished import Unfinished, kept_beside, same_question
from lab.scaling.capacity import Slo
from lab.trials.journal import Journal

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Begun:
    """A pull whose rate is known. `head` says what led to it; `journal` has rounds where it goes on."""

    plan: PullPlan
    journal: Journal
    head: Mapping[str, Any]
    resumed: bool


@dataclass(frozen=True)
class Beginning:
    """What is asked, the rig that answers, and where an interruption would leave it."""

    question: Question
    draft: PullPlan
    rig: StackRig
    unfinished: Unfinished
    slo: Slo
    tell: Tell

    async def begun(self, head: Mapping[str, Any]) -> Begun:
        """`head` is what is known by now. Raises UsageError where no rate serves."""
        kept = self.unfinished.kept()
        if kept is None and self.unfinished.head.exists():
            self.tell("an interrupted session is dropped, other code of the lab wrote it")
        if kept is None or not self._same(kept, head["machine"]):
            self.unfinished.begin(head)
            if others := kept_beside(self.unfinished.folder, self.draft.lever):
                self.tell(
                    f"unfinished questions about {self.draft.lever} are kept: {', '.join(others)} "
                    f"(--fresh of its command, or deleting the folder in {self.unfinished.folder.parent}, "
                    "removes one)"
                )
            return await self._with_a_rate(head, resumed=False)
        if not self.unfinished.seen():
            head = {**head, "prediction": kept["prediction"] or head["prediction"]}
            self.unfinished.begin(head)
            return await self._with_a_rate(head, resumed=False)
        # Whoever saw figures may know the answer: what was not predicted before them cannot be any more.
        head = {
            **head,
            "started_at": kept["started_at"],
            "spent_seconds": self.unfinished.spent_seconds(kept),
            "prediction": kept["prediction"],
        }
        if not self.unfinished.rounds():
            self.unfinished.write(head)
            return await self._with_a_rate(head, resumed=True)
        head |= {name: kept[name] for name in ("plan", "capacity")}
        self.unfinished.write(head)
        plan = plan_from(kept["plan"])
        journal = Journal.resume(self.unfinished.journal, plan.as_json())
        self.tell(f"resuming: {len(journal.done_rounds())} rounds are kept (begin anew with --fresh)")
        return Begun(plan, journal, head, resumed=True)

    async def _with_a_rate(self, head: Mapping[str, Any], *, resumed: bool) -> Begun:
        capacity, rate = None, 0.0
        try:
            if self.question.rate is None:
                capacity, rate = await self._searched()
            plan = with_rate(self.draft, self.question, rate)
        except UsageError:
            self.unfinished.remove()  # another minute may say something else
            raise
        if self.question.trial_seconds and plan.trial_seconds > self.question.trial_seconds:
            longer = f"trials: {plan.trial_seconds:g} s, since shorter ones have too few samples"
            self.tell(f"{longer} for {plan.metric}")
        head = {**head, "plan": plan.as_json(), "capacity": capacity}
        return Begun(plan, self.unfinished.begin_trials(head, plan), head, resumed)

    async def _searched(self) -> tuple[dict[str, Any], float]:
        """The capacity of both sides as the result file has it, and the rate that follows from it."""
        self.tell(
            "capacity: searching the highest rate that holds the SLO, one side after the other: some minutes"
        )
        if made := len(self.unfinished.tries.made()):
            self.tell(f"resuming: {made} tries of the search are kept (begin anew with --fresh)")
        brackets = await capacities(self.rig, self.slo, self.tell, self.unfinished.tries)
        for side in ("a", "b"):
            self.tell(f"capacity: {self.draft.value_of(side)}: {brackets[side].sentence()}")
        rate, why = rate_for(brackets)
        self.tell(f"rate: {float(f'{rate:.3g}'):,g}/s, {why}")
        return as_json(brackets, self.slo), rate

    def _same(self, kept: Mapping[str, Any], machine: Mapping[str, Any]) -> bool:
        """Whether an interrupted pull may go on: the same question, machine and software."""
        if not same_question(kept, self.draft, self.question):
            self.tell("an interrupted session of another plan is dropped")
            return False
        changed = {**other_machine(kept["machine"], machine), **other_software(kept["machine"], machine)}
        if changed:
            self.tell(f"an interrupted session is dropped, it is not alike in {', '.join(changed)}")
            return False
        return True
