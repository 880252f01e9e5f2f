"""Habits, nodes and prices: what is read, in which units, and what is wrong with a file."""

from pathlib import Path

import pytest

from viva.plan.habits import OURS as OUR_HABITS
from viva.plan.habits import Habits, read_habits
from viva.plan.nodes import OURS as OUR_NODES
from viva.plan.nodes import Nodes, read_nodes
from viva.plan.prices import read_prices
from viva.plan.unusable import Unusable

PRICE = '[[item]]\nname = "A node"\nplan = "cpu_node"\nset = []\namount = 1\nper = "hour"\nprice = 0.5\n'


def test_units_of_habits(habits: Habits):
    """People to questions a second, hours of lectures to gigabytes."""
    assert habits.per_day(1000) == 5000
    assert habits.peak_per_s(1000) == pytest.approx(5000 * 0.15 / 3600 * 1.5)
    assert habits.conversations_at_once(1000) == pytest.approx(habits.peak_per_s(1000) * 37)
    assert habits.uploads_per_day(1000) == 2
    assert habits.stored_gb(1000) == pytest.approx(2 * 365 * 0.8 * 0.175)
    assert habits.redis_gb(1000) == pytest.approx(5000 * 7 * 3e-6)
    assert habits.transcription_cores(1000) == pytest.approx(2 * 0.15 * 0.8 * 100 / 3600)
    assert habits.egress_gb(1000, 90_000) == pytest.approx(5000 * 30.4 * (0.12e6 + 0.5e6 + 0.06e6) / 1e9)


def test_a_model_server_by_arithmetic(nodes: Nodes, habits: Habits):
    """An H100 reads 16.1 GB of weights in 6.2 ms, and no more answers fit than its cache has prompts."""
    model = nodes.server("p5.4xlarge", habits)
    prompt = 0.8 * 14_500 + 500
    assert model.step_ms(0) == pytest.approx(16.1 / (3350 * 0.77) * 1000)
    assert model.step_ms(2) - model.step_ms(1) == pytest.approx(prompt * 128 * 1024 / (3350e9 * 0.77) * 1000)
    assert model.slots == int(461_888 // prompt)
    assert model.cold_ms == pytest.approx(2 * 8.03e9 * 11_600 / (989e12 * 0.45) * 1000)
    assert model.cold == pytest.approx(0.2 / 5)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("per_visit = 5.0", "", "lacks per_visit"),
        ("per_visit = 5.0", 'per_visit = "five"', "per_visit of .* is 'five'"),
        ("per_visit = 5.0", "per_visit = 0.0", "nobody asks anything"),
        ("per_visit = 5.0", "per_visits = 5.0", "has 'per_visits'; it knows"),
        ("spoken = 0.7", "spoken = 70.0", "it is a share, 1 at most"),
        ("[sizes]", "[seizes]", "has seizes; it knows"),
        ("[sizes]", "[sizes", "is not TOML"),
    ],
)
def test_wrong_habits_are_told(tmp_path: Path, old: str, new: str, sentence: str):
    """In a sentence that says what and where."""
    path = tmp_path / "habits.toml"
    path.write_text(OUR_HABITS.read_text().replace(old, new))
    with pytest.raises(Unusable, match=sentence):
        read_habits(path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("asr = 2", "asr = 8", "asr in .* has to be a number of cores"),
        ("asr = 2", "", "asr in .* has to be a number of cores"),
        ("weights_gb = 9.1", 'weights_gb = "few"', "weights_gb of .*g6.2xlarge.* is 'few'"),
        ("[network]", "[net]", r"\[network\] in .* is missing"),
    ],
)
def test_wrong_nodes_are_told(tmp_path: Path, old: str, new: str, sentence: str):
    """In a sentence that says what and where."""
    path = tmp_path / "nodes.toml"
    path.write_text(OUR_NODES.read_text().replace(old, new))
    with pytest.raises(Unusable, match=sentence):
        read_nodes(path)


def test_an_unknown_gpu_is_told(nodes: Nodes):
    """With those that there are."""
    with pytest.raises(Unusable, match=r"no GPU node 'h100'; there are g6\.2xlarge"):
        nodes.gpu("h100")


def test_prices_by_the_hour_and_by_the_month(tmp_path: Path):
    """A month has the hours of the file; what has no price is None."""
    path = tmp_path / "prices.toml"
    path.write_text('date = "2026-01-31"\ncurrency = "USD"\nhours_per_month = 700\n' + PRICE)
    prices = read_prices(path)
    assert prices.month("cpu_node", 2) == 700
    assert prices.month("nat", 1) is None
    assert (prices.date, prices.currency) == ("2026-01-31", "USD")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (PRICE, "has no date"),
        ('date = "2026"', "has no price"),
        ('date = "2026"\n' + PRICE.replace("0.5", '"cheap"'), "A node in .* needs a price that is a number"),
        ('date = "2026"\n' + PRICE.replace('"hour"', '"day"'), "a per that is one of hour, month, million"),
        ('date = "2026"\nhours_per_month = 0\n' + PRICE, "hours_per_month .* is 0"),
        ('date = "2026"\nitem = 1', r"item in .* is 1; each price stands below a line \[\[item\]\]"),
        ('date = "2026"\n' + PRICE.replace('"cpu_node"', "[]"), r"plan of A node in .* is \[\]"),
    ],
)
def test_wrong_prices_are_told(tmp_path: Path, content: str, sentence: str):
    """In a sentence that says what and where."""
    path = tmp_path / "prices.toml"
    path.write_text(content)
    with pytest.raises(Unusable, match=sentence):
        read_prices(path)
