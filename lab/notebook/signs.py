"""What a reader must know of a result, as signs behind its verdict, and the text that explains them."""

from lab.experiments.result import PullResult
from lab.experiments.session import again_of
from lab.notebook.standing import committed, quiet, renewed, unsteady
from lab.pressure import MOST_OF_OTHERS

LEGEND = [
    "Fewer than 12 pairs are `--quick`: large effects only, and never sameness.",
    f"†: other programs used more than {MOST_OF_OTHERS:g} cores meanwhile.",
    "↻: so many rounds were measured again, since a guard failed.",
    "¶: a duet of fewer sets of processes than pairs: three rounds had the same ones, and B was the third of",
    "three each time; pairs of one set are not independent, and the interval is too narrow.",
    "≈: A against A differed by more than a tenth, or the ratio moved with time, as its page says.",
    "°: by older code, whose processes did not yet say at /health when they collect garbage.",
    "‡: over RabbitMQ with the client aio-pika, the default then; it is `lean` now, and figures of the two",
    "cannot be set beside each other.",
    "§: from a tree with changes that were not committed, which `--keep` has refused since.",
]
SHORT_LEGEND = [
    "†: other programs worked meanwhile. §: code not committed. ↻: rounds measured again. ≈: noise, or a",
    "ratio that moved with time. ¶, °, ‡: older set-ups, as [all results](evidence.md#all-results) explain.",
    "Fewer than 12 pairs: `--quick`.",
]


def signs(result: PullResult) -> str:
    """A blank and a sign for each; '' for nothing."""
    again = len(again_of(result.observations))
    found = [
        "" if quiet(result) else "†",
        f"↻{again}" if again else "",
        "" if renewed(result) else "¶",
        "≈" if unsteady(result) else "",
        "°" if older(result) else "",
        "‡" if client_of_then(result) else "",
        "" if committed(result) else "§",
    ]
    return "".join(f" {sign}" for sign in found if sign)


def older(result: PullResult) -> bool:
    """Whether its code was older than a setting that every process of either kind has reported since."""
    return not all("gc_threshold" in side for side in result.settings.values())


def client_of_then(result: PullResult) -> bool:
    """Whether a side spoke to RabbitMQ when aio-pika was the only client, which no process reported."""
    return any(
        side.get("broker") == "rabbitmq" and "amqp_client" not in side for side in result.settings.values()
    )
