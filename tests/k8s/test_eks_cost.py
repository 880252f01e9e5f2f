"""scripts/eks_cost: adds up prices that it is given, and knows none."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "k8s" / "eks-cost.toml"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "scripts" / "eks_cost", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


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
