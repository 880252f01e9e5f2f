"""scripts/eks_cost: adds up prices that it is given, and knows none."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from viva.plan.prices import read_prices

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "k8s" / "eks-cost.toml"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "scripts" / "eks_cost", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def refused(path: Path, content: str) -> str:
    """What it says about a file, in one line that names it, before it ends with status 2."""
    path.write_text(content)
    ran = run(path)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1), ran.stderr
    assert str(path) in ran.stderr
    return ran.stderr


def filled(folder: Path, price: str = "1") -> Path:
    """The template with one price everywhere."""
    path = folder / "prices.toml"
    path.write_text(TEMPLATE.read_text().replace('price = ""', f"price = {price}"))
    return path


def test_the_template_has_no_price():
    """Prices are inputs: whoever reads one in a repository takes it for a fact."""
    items = tomllib.loads(TEMPLATE.read_text())["item"]
    assert {item["price"] for item in items} == {""}
    sources = re.findall(r'price = "" # aws\.amazon\.com/\S+', TEMPLATE.read_text())
    assert len(sources) == len(items)


def test_prices_that_are_missing_are_named():
    """All of them at once, and nothing is added up."""
    ran = run(TEMPLATE)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert "has no price for: EKS control plane; CPU nodes" in ran.stderr


def test_it_adds_up_what_is_paid_by_the_hour_and_by_the_month(tmp_path):
    """A month has the hours that the file says."""
    path = tmp_path / "prices.toml"
    path.write_text(
        "hours_per_month = 500\n"
        '[[item]]\nname = "node"\nset = ["a", "b"]\namount = 2\nper = "hour"\nprice = 0.25\n'
        '[[item]]\nname = "disk"\nset = ["b"]\namount = 100\nper = "month"\nprice = 0.5\n'
        '[[item]]\nname = "writes"\nset = ["b"]\namount = 0.5\nper = "million"\nprice = 10\n'
    )
    assert run(path).stdout.splitlines() == [
        "a          0.500 an hour     250.00 a month",
        "b          0.610 an hour     305.00 a month",
    ]
    assert run(path, "b").stdout.splitlines() == [
        "    0.500  node",
        "    0.100  disk",
        "    0.010  writes",
        "    0.610  an hour",
    ]


def test_the_filled_template_has_three_sets_each_dearer_than_the_one_before(tmp_path):
    """A trial, with a GPU, with everything of AWS."""
    printed = run(filled(tmp_path)).stdout.splitlines()
    assert [line.split()[0] for line in printed] == ["trial", "gpu", "full"]
    costs = [float(line.split()[1]) for line in printed]
    assert costs == sorted(costs)
    assert costs[0] > 0


def test_a_set_that_there_is_not_is_refused(tmp_path):
    """With those there are."""
    ran = run(filled(tmp_path), "huge")
    assert (ran.returncode, ran.stderr) == (2, "There is no set 'huge'. There are: trial, gpu, full.\n")


def test_a_price_that_is_no_price_is_refused(tmp_path):
    """Below nothing, or a word."""
    assert "has no price for" in run(filled(tmp_path, "-1")).stderr
    assert "has no price for" in run(filled(tmp_path, '"cheap"')).stderr


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    """And so is one that is not TOML."""
    assert run(tmp_path / "no.toml").stderr.startswith("There is no file")
    broken = tmp_path / "broken.toml"
    broken.write_text("item = [")
    assert "is not TOML" in run(broken).stderr
    assert "cannot be read" in run(tmp_path).stderr


def test_prices_alone_are_added_up_in_the_amounts_of_the_template(tmp_path):
    """The example of docs/scale, which `viva plan` reads, costs what the template costs at the same prices."""
    plain = ROOT / "docs" / "scale" / "prices.toml"
    assert [line.split()[0] for line in run(plain).stdout.splitlines()] == ["trial", "gpu", "full"]
    printed = run(plain, "gpu").stdout.splitlines()
    assert "    0.400  CPU nodes, m7i.xlarge" in printed  # two at 0.20
    assert "    0.022  EBS gp3, GB: disk of the GPU node" in printed  # 200 GB at 0.08 a month
    assert "S3, writes" in refused(tmp_path / "no-s3.toml", plain.read_text().replace("s3_writes", "other"))


def test_what_the_template_asks_for_is_enough_for_both(tmp_path):
    """Its prices and its date, as its head says, and `viva plan` knows the prices of what it buys."""
    path = filled(tmp_path)
    example = re.search(r'as (date = "[\d-]+")', TEMPLATE.read_text())[1]
    path.write_text(path.read_text().replace('date = ""', example))
    assert run(path).returncode == 0
    prices = read_prices(path)
    assert prices.date == "2026-01-31"
    assert {"cpu_node", "disk_gb", "egress_gb"} <= prices.by_item.keys()


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ('set = ["a"]', 'set = "a"', "set of 'node'"),
        ('set = ["a"]', "set = [1]", "set of 'node'"),
        ("amount = 2", "", "amount of 'node'"),
        ("amount = 2", "amount = inf", "amount of 'node'"),
        ('per = "hour"', 'per = "year"', "per of 'node'"),
        ('per = "hour"', "", "per of 'node'"),
        ('name = "node"', "", "Entry 1"),
        ("hours_per_month = 500", "hours_per_month = 0", "hours_per_month"),
        ("[[item]]", "[item]", "[[item]]"),
        ("[[item]]", "item = [1]\n[other]", "[[item]]"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_its_file(tmp_path, written: str, instead: str, said: str):
    """In one sentence, whatever it holds."""
    right = 'hours_per_month = 500\n[[item]]\nname = "node"\nset = ["a"]\namount = 2\nper = "hour"\nprice = 0.25\n'
    assert written in right
    assert said in refused(tmp_path / "prices.toml", right.replace(written, instead))


def test_its_amounts_are_those_of_the_cluster(cluster, defaults):
    """The nodes, disks and instances that the other files of k8s/ and the chart ask for."""
    items = {item["name"]: item["amount"] for item in tomllib.loads(TEMPLATE.read_text())["item"]}
    groups = {group["name"]: group for group in cluster["managedNodeGroups"]}
    cpu, gpu = groups["cpu"], groups["gpu-g6"]
    assert items[f"CPU nodes, {cpu['instanceType']}"] == cpu["desiredCapacity"]
    assert items[f"GPU nodes, {gpu['instanceType']}"] == gpu["desiredCapacity"]
    assert items["EBS gp3, GB: disks of the nodes"] == cpu["desiredCapacity"] * cpu["volumeSize"]
    assert items["EBS gp3, GB: disk of the GPU node"] == gpu["desiredCapacity"] * gpu["volumeSize"]
    sizes = (defaults["redis"]["persistence"]["size"], defaults["objectStore"]["volume"]["size"])
    assert items["EBS gp3, GB: Redis and recordings"] == sum(int(size.removesuffix("Gi")) for size in sizes)
