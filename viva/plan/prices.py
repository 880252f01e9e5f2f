"""What things cost: the file that scripts/eks_cost reads too, k8s/eks-cost.toml filled in.

An entry with `plan` names what a plan buys; the plan brings its own amounts. Prices are an input with a date: none is
known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from viva.plan.unusable import Unusable, is_number, read_toml

PERIODS = ("hour", "month", "million")


@dataclass(frozen=True, slots=True)
class Price:
    """One thing: `per` hour, month, or million in a month."""

    name: str
    per: str
    price: float


@dataclass(frozen=True, slots=True)
class Prices:
    """All that have a price, by what a plan calls them, and from when they are."""

    by_item: Mapping[str, Price]
    date: str
    currency: str
    hours_per_month: float

    def month(self, item: str, amount: float) -> float | None:
        """What so much of it costs in a month; None without a price."""
        price = self.by_item.get(item)
        if price is None:
            return None
        return amount * price.price * (self.hours_per_month if price.per == "hour" else 1.0)


def read_prices(path: Path) -> Prices:
    """The prices in a file. Raises Unusable with a sentence."""
    found = read_toml(path)
    date = found.get("date")
    if not date:
        raise Unusable(f'{path} has no date: write when its prices were true, as date = "2026-01-31".')
    hours = found.get("hours_per_month", 730)
    if not is_number(hours) or not hours:
        raise Unusable(f"hours_per_month in {path} is {hours!r}; it has to be a number above 0.")
    by_item: dict[str, Price] = {}
    entries = found.get("item", [])
    if not isinstance(entries, list):
        raise Unusable(f"item in {path} is {entries!r}; each price stands below a line [[item]].")
    for entry in entries:
        if not isinstance(entry, dict) or "plan" not in entry or entry.get("price") in ("", None):
            continue
        name = str(entry.get("name", entry["plan"]))
        if not isinstance(entry["plan"], str):
            raise Unusable(f"plan of {name} in {path} is {entry['plan']!r}; it has to be a word in quotes.")
        if not is_number(entry["price"]) or entry.get("per") not in PERIODS:
            raise Unusable(
                f"{name} in {path} needs a price that is a number, and a per that is one of {', '.join(PERIODS)}."
            )
        by_item[entry["plan"]] = Price(name, entry["per"], float(entry["price"]))
    if not by_item:
        raise Unusable(f"{path} has no price. Copy k8s/eks-cost.toml and fill in what you know.")
    return Prices(by_item, str(date), str(found.get("currency", "")), float(hours))
