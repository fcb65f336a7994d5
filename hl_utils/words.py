"""Pools of names and sentences from Faker, in a locale, from a seed."""

from dataclasses import dataclass

from faker import Faker
from faker.config import AVAILABLE_LOCALES

NAMES = 2_000  # draws; Faker repeats common names, and so do people
SENTENCES = 1_500
TEXTS = 20_000


@dataclass(frozen=True)
class Words:
    """Pools to draw from; names as drawn, so frequent ones stay frequent."""

    first_names: list[str]
    last_names: list[str]
    texts: list[str]


def words(seed: int, locale: str) -> Words:
    """The pools of a seed and a locale; ValueError when Faker does not know the locale."""
    if locale not in AVAILABLE_LOCALES:
        near = [name for name in AVAILABLE_LOCALES if name.startswith(locale[:2])]
        choices = ", ".join(sorted(near)) or "en_US, de_DE, ja_JP, ..."
        raise ValueError(f"--locale {locale}: Faker does not know it; expected for example {choices}")
    fake = Faker(locale)
    fake.seed_instance(seed)
    sentences = [fake.sentence(nb_words=9) for _ in range(SENTENCES)]
    return Words(
        [fake.first_name() for _ in range(NAMES)],
        [fake.last_name() for _ in range(NAMES)],
        [_text(fake, sentences) for _ in range(TEXTS)],
    )


def _text(fake: Faker, sentences: list[str]) -> str:
    """One to six sentences, mostly one: chat is short."""
    count = 1
    while count < 6 and fake.random.random() < 0.35:
        count += 1
    return " ".join(fake.random.choice(sentences) for _ in range(count))
