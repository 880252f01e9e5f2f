"""The EKS clusters: the fields that eksctl and Karpenter know, and that the two ways to get GPU nodes agree."""

import json
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GPU_LABEL = ("nvidia.com/gpu.present", "true")
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
# As in the schema of eksctl.io/v1alpha5 (`eksctl utils schema`), which refuses any other field.
CLUSTER_FIELDS = {"apiVersion", "kind", "metadata", "vpc", "karpenter", "managedNodeGroups", "addons", "iam"}
NODE_GROUP_FIELDS = {
    "name",
    "amiFamily",
    "instanceType",
    "minSize",
    "desiredCapacity",
    "maxSize",
    "volumeSize",
    "volumeType",
    "volumeIOPS",
    "volumeThroughput",
    "volumeEncrypted",
    "privateNetworking",
    "propagateASGTags",
    "labels",
    "taints",
}
ADDON_FIELDS = {"name", "useDefaultPodIdentityAssociations", "configurationValues"}
ASSOCIATION_FIELDS = {"namespace", "serviceAccountName", "roleName", "permissionPolicy", "wellKnownPolicies"}


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "k8s").glob("*.yaml")))
def test_a_file_is_yaml_with_no_key_twice(name):
    """A second key of the same name would silently replace the first."""

    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node, deep=False):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            assert len(keys) == len(set(keys)), f"{name}: {keys}"
            return super().construct_mapping(node, deep)

    assert all(yaml.load_all((ROOT / "k8s" / name).read_text(encoding="utf-8"), Strict))


@pytest.mark.parametrize("name", ["eks-cluster.yaml", "eks-cluster-karpenter.yaml"])
def test_eksctl_knows_every_field(documents, name):
    """Its schema is closed, so that a misspelt field stops the creation of the cluster."""
    (config,) = documents(name)
    assert (config["apiVersion"], config["kind"]) == ("eksctl.io/v1alpha5", "ClusterConfig")
    assert set(config) <= CLUSTER_FIELDS
    for group in config["managedNodeGroups"]:
        assert set(group) <= NODE_GROUP_FIELDS
    for addon in config["addons"]:
        assert set(addon) <= ADDON_FIELDS
    for association in config["iam"]["podIdentityAssociations"]:
        assert set(association) <= ASSOCIATION_FIELDS


def test_node_groups_can_be_made(cluster, karpenter_cluster):
    """Amazon Linux 2023, encrypted disks, private subnets, and sizes that contain what is wanted at first."""
    for group in cluster["managedNodeGroups"] + karpenter_cluster["managedNodeGroups"]:
        assert group["amiFamily"] == "AmazonLinux2023"
        assert group["volumeEncrypted"]
        assert group["privateNetworking"]
        assert group["minSize"] <= group["desiredCapacity"] <= group["maxSize"]


def test_gpu_nodes_are_marked_and_kept_free(cluster):
    """g5 and g6 instances, each with the label that pods look for and the taint that keeps the others off."""
    groups = {group["name"]: group for group in cluster["managedNodeGroups"]}
    gpus = [group for group in groups.values() if group["instanceType"].startswith("g")]
    assert {group["instanceType"].partition(".")[0] for group in gpus} == {"g5", "g6"}
    for group in gpus:
        assert GPU_LABEL in group["labels"].items()
        assert group["taints"] == [GPU_TAINT]
        assert group["propagateASGTags"], "an autoscaler cannot know what an empty group's nodes would be like"
    assert "taints" not in groups["cpu"]
    assert GPU_LABEL[0] not in groups["cpu"]["labels"]


def test_both_clusters_have_the_same_addons_and_roles(cluster, karpenter_cluster):
    """They are two ways to the same thing; only the roles of what makes nodes differ."""
    assert cluster["addons"] == karpenter_cluster["addons"]
    assert cluster["metadata"]["version"] == karpenter_cluster["metadata"]["version"]
    roles = cluster["iam"]["podIdentityAssociations"]
    others = [role for role in roles if role["serviceAccountName"] != "cluster-autoscaler"]
    assert others == karpenter_cluster["iam"]["podIdentityAssociations"]


def test_the_addons_do_what_the_chart_needs(cluster):
    """Volumes, roles for pods, CPU for the autoscalers, and policies that are enforced rather than ignored."""
    addons = {addon["name"]: addon for addon in cluster["addons"]}
    assert {"aws-ebs-csi-driver", "aws-efs-csi-driver", "eks-pod-identity-agent", "metrics-server"} <= set(addons)
    for name in ("vpc-cni", "aws-ebs-csi-driver", "aws-efs-csi-driver"):
        assert addons[name]["useDefaultPodIdentityAssociations"]
    assert json.loads(addons["vpc-cni"]["configurationValues"]) == {"enableNetworkPolicy": "true"}


def test_the_role_reaches_one_bucket_and_no_other(cluster, documents):
    """The bucket that values-eks.yaml names; to list it and to read, write and delete in it."""
    (values,) = documents("values-eks.yaml")
    bucket = values["objectStore"]["s3"]["url"].removeprefix("s3://").partition("/")[0]
    (role,) = [r for r in cluster["iam"]["podIdentityAssociations"] if r["serviceAccountName"] == "viva-orchestrator"]
    assert role["namespace"] == "viva"
    resources = [statement["Resource"] for statement in role["permissionPolicy"]["Statement"]]
    assert resources == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def test_karpenter_finds_what_eksctl_made(karpenter_cluster, karpenter):
    """Security groups and private subnets by the cluster's tag, and the role whose name ends in that of the cluster.

    eksctl puts the cluster's tag on public subnets, too; the one for inner load balancers is on private ones alone.
    """
    tags = karpenter_cluster["metadata"]["tags"]
    assert tags == {"karpenter.sh/discovery": karpenter_cluster["metadata"]["name"]}
    assert karpenter_cluster["iam"]["withOIDC"]
    classes = [found["spec"] for (kind, _), found in karpenter.items() if kind == "EC2NodeClass"]
    assert len(classes) == 2
    for spec in classes:
        assert spec["role"] == f"eksctl-KarpenterNodeRole-{karpenter_cluster['metadata']['name']}"
        assert spec["securityGroupSelectorTerms"] == [{"tags": tags}]
        assert spec["subnetSelectorTerms"] == [{"tags": {**tags, "kubernetes.io/role/internal-elb": "1"}}]
        assert [term["alias"].partition("@")[0] for term in spec["amiSelectorTerms"]] == ["al2023"]
        assert all(mapping["ebs"]["encrypted"] for mapping in spec["blockDeviceMappings"])


def test_karpenter_makes_the_same_gpu_nodes_as_the_node_groups(cluster, karpenter):
    """The same instances, label and taint, so that values-gpu.yaml fits either way."""
    pool = karpenter["NodePool", "viva-gpu"]["spec"]["template"]
    requirements = {entry["key"]: entry["values"] for entry in pool["spec"]["requirements"]}
    families, sizes = (requirements[f"karpenter.k8s.aws/instance-{part}"] for part in ("family", "size"))
    made = {f"{family}.{size}" for family in families for size in sizes}
    groups = [group for group in cluster["managedNodeGroups"] if "taints" in group]
    assert made == {group["instanceType"] for group in groups}
    for group in groups:
        assert pool["spec"]["taints"] == group["taints"]
        assert pool["metadata"]["labels"] == group["labels"]


def test_karpenters_pools_are_bounded_and_refer_to_what_is_there(karpenter):
    """A limit on what may be started, one node disrupted at a time, and no running model moved to save something."""
    for (kind, name), found in karpenter.items():
        if kind != "NodePool":
            continue
        spec = found["spec"]
        reference = spec["template"]["spec"]["nodeClassRef"]
        assert reference["group"] == "karpenter.k8s.aws"
        assert (reference["kind"], reference["name"]) in karpenter
        assert spec["limits"]
        assert spec["disruption"]["budgets"] == [{"nodes": "1"}]
        if name == "viva-gpu":
            assert spec["disruption"]["consolidationPolicy"] == "WhenEmpty"


def test_one_storage_class_is_the_default(documents):
    """EKS has none of its own, and a claim without a class would wait for ever."""
    classes = documents("storage-classes.yaml")
    marked = [
        found["metadata"]["name"]
        for found in classes
        if found["metadata"].get("annotations", {}).get("storageclass.kubernetes.io/is-default-class") == "true"
    ]
    assert marked == ["gp3"]
    for found in classes:
        assert found["provisioner"] in ("ebs.csi.aws.com", "efs.csi.aws.com")
        assert all(isinstance(value, str) for value in found["parameters"].values())


def test_a_shared_volume_belongs_to_the_pods_user(documents, defaults):
    """An EFS access point enforces its own user, so it has to be theirs."""
    (efs,) = [found for found in documents("storage-classes.yaml") if found["metadata"]["name"] == "efs"]
    context = defaults["podSecurityContext"]
    assert (efs["parameters"]["uid"], efs["parameters"]["gid"]) == (str(context["runAsUser"]), str(context["fsGroup"]))


def test_kind_has_a_node_that_pods_are_placed_on(documents):
    """One control plane, which in a cluster without workers takes pods, and no image of another release of kind."""
    (config,) = documents("kind.yaml")
    assert (config["apiVersion"], config["kind"]) == ("kind.x-k8s.io/v1alpha4", "Cluster")
    assert [node["role"] for node in config["nodes"]] == ["control-plane"]
    assert not any("image" in node for node in config["nodes"])


def test_the_map_names_every_file():
    """A file that README.md does not name is one that nobody finds."""
    folder = ROOT / "k8s"
    text = (folder / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in folder.iterdir() if path.name != "README.md"}
    assert {name for name in names if f"]({name})" not in text} == set()
