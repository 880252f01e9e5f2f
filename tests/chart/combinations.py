"""The combinations of values that every general test of the chart goes through, each with a name that says what it is.

Those that ask for objects of operators are rendered without a cluster that could say whether it has them: `checkApis`
is off there, and test_release.py tests it on.
"""

from pathlib import Path

import helm_python

from .chart import ROOT

K8S = ROOT / "k8s"
FAKE_DIGEST = "sha256:" + "0123456789abcdef" * 4
NO_CLUSTER = {"checkApis": False}
STAGES = ("orchestrator", "asr", "llm", "tts")
S3 = {"type": "s3", "s3": {"url": "s3://lectures/viva", "region": "eu-west-1"}}
SHARED_VOLUME = {"type": "volume", "volume": {"accessModes": ["ReadWriteMany"], "storageClass": "efs"}}
SHARED_MODELS = {"volume": {"enabled": True, "storageClass": "efs"}}
QWEN = {"profile": "qwen2.5-omni-3b"}
LLAMA = {"profile": "llama-3.1-8b-instruct"}
HUB_TOKEN = {"existingSecret": "hub-token"}
FRONT_DOOR = {"frontDoor": {"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "edge"}}}]}}
GATEWAY = {
    "enabled": "gateway",
    "host": "viva.example.org",
    "gateway": {"parentRefs": [{"name": "edge", "namespace": "edge", "sectionName": "https"}]},
}


def every_stage(**values: object) -> dict:
    """The same values for each of the four services."""
    return {stage: dict(values) for stage in STAGES}


WRITTEN: dict[str, dict] = {
    # The plain install, and what is named after it.
    "defaults": {},
    "other names": {"nameOverride": "lectures", "commonLabels": {"team": "voice", "cost-centre": "42"}},
    "full name": {"fullnameOverride": "a-rather-long-name-for-a-release-of-it"},
    "own registry, digests": {
        "image": {
            "registry": "registry.example.org/team",
            "tag": "1.2.3",
            "pullPolicy": "Always",
            "pullSecrets": ["pull-key"],
        },
        "orchestrator": {"image": {"digest": FAKE_DIGEST}},
        "redis": {"image": {"digest": FAKE_DIGEST}},
    },
    # Redis.
    "redis by URL": {"redis": {"enabled": False, "url": "rediss://redis.example.org:6380/0"}},
    "redis by secret": {"redis": {"existingSecret": "elasticache", "urlKey": "address", "port": 6380}},
    "redis with a given password": {"redis": {"auth": {"password": "correct-horse.battery~staple"}}},
    "redis with the password of a secret": {"redis": {"auth": {"existingSecret": "redis-key", "passwordKey": "word"}}},
    "redis without a volume": {"redis": {"persistence": {"enabled": False}, "appendfsync": "everysec", "pdb": False}},
    # Objects.
    "objects in an emptyDir": {"objectStore": {"type": "emptyDir"}},
    "objects on a claim that exists": {"objectStore": {"volume": {"existingClaim": "lectures"}}},
    "objects in S3, several replicas": {
        "objectStore": S3,
        "orchestrator": {"replicas": 3},
        "autoscaling": {"mode": "none"},
    },
    "objects in an S3 of one's own": {
        "objectStore": {
            "type": "s3",
            "s3": {"url": "s3://lectures", "endpoint": "http://minio:9000", "existingSecret": "minio"},
        },
        "networkPolicy": {"objectStore": {"ports": [9000], "podIdentity": True}},
    },
    "objects on a shared volume": {"objectStore": SHARED_VOLUME, "orchestrator": {"autoscaling": {"minReplicas": 2}}},
    # Traces.
    "traces": {"tracing": {"endpoint": "http://collector.monitoring:4318", "share": 0.25}},
    "traces to somebody else's collector": {
        "tracing": {"endpoint": "https://otlp.example.org/team"},
        "networkPolicy": {"tracing": {"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}},
    },
    # Scaling.
    "no autoscaler": {"autoscaling": {"mode": "none"}, "asr": {"replicas": 2}, "tts": {"replicas": 2}},
    "HPA on the load": {
        **NO_CLUSTER,
        "objectStore": S3,
        "monitoring": {"prometheusAdapter": {"enabled": True}},
        **every_stage(autoscaling={"load": {"enabled": True}}),
    },
    "KEDA": {
        **NO_CLUSTER,
        "objectStore": S3,
        "autoscaling": {"mode": "keda", "prometheus": {"authentication": "prom"}},
    },
    "KEDA for some": {
        **NO_CLUSTER,
        "autoscaling": {"mode": "keda"},
        "asr": {"replicas": 2, "autoscaling": {"enabled": False}},
    },
    # Model servers.
    "one model group": {"vllm": {"groups": {"qwen": QWEN}}},
    "model groups by their Services": {"vllm": {"groups": {"qwen": QWEN}}, "llm": {"discovery": "service"}},
    "a group of embeddings": {
        "vllm": {
            "groups": {
                "embed": {"profile": "qwen3-embedding-0.6b", "priority": 1},
                "qwen": QWEN,
                "spare-embed": {"profile": "qwen3-embedding-0.6b", "servedName": "small"},
            }
        }
    },
    "recordings from the orchestrator": {
        "vllm": {"groups": {"qwen": QWEN, "llama": LLAMA}, "recordings": {"from": "orchestrator"}},
        "models": HUB_TOKEN,
        "llm": {"discovery": "service"},
    },
    "recordings from the bucket": {
        "objectStore": S3,
        "models": {**SHARED_MODELS, "job": {"enabled": True}},
        "vllm": {"groups": {"qwen": {**QWEN, "cache": {"type": "shared"}}}, "recordings": {"from": "objectStore"}},
        "llm": {"discovery": "service"},
    },
    "recordings from a bucket of one's own": {
        "objectStore": {"type": "s3", "s3": {"url": "s3://lectures", "endpoint": "http://minio:9000"}},
        "networkPolicy": {"objectStore": {"ports": [9000], "podIdentity": True}},
        "vllm": {"groups": {"qwen": QWEN}, "recordings": {"from": "objectStore"}},
        "llm": {"discovery": "service"},
    },
    "aliases of one's own": {
        "vllm": {"groups": {"qwen": QWEN, "llama": {**LLAMA, "priority": 50}}},
        "models": HUB_TOKEN,
        "llm": {
            "aliases": {
                "fast": [{"backend": "llama", "first_token_s": 2.5, "chunk_s": 2}, {"backend": "extractive"}],
                "default": [{"backend": "qwen"}, {"backend": "llama"}],
            }
        },
    },
    "two model groups, HPA": {
        **NO_CLUSTER,
        "vllm": {
            "groups": {
                "qwen": {**QWEN, "priority": 1, "autoscaling": {"enabled": True}},
                "llama": {**LLAMA, "priority": 2, "replicas": 2},
            }
        },
        "models": HUB_TOKEN,
        "monitoring": {"prometheusAdapter": {"enabled": True}},
    },
    "model groups, KEDA": {
        **NO_CLUSTER,
        "autoscaling": {"mode": "keda"},
        "vllm": {"groups": {"qwen": {**QWEN, "autoscaling": {"enabled": True}}}},
    },
    "a model group with a volume of each pod's own": {
        "vllm": {"groups": {"llama": {**LLAMA, "kind": "StatefulSet", "cache": {"type": "perReplica"}, "replicas": 2}}},
        "models": HUB_TOKEN,
    },
    "models on a shared volume, by a job": {
        "models": {**SHARED_MODELS, "job": {"enabled": True}},
        "asr": {"models": {"names": ["whisper-base.en"], "cache": "shared"}},
        "tts": {"models": {"names": ["piper-lessac"], "cache": "shared"}},
        "vllm": {"groups": {"qwen": {**QWEN, "cache": {"type": "shared"}, "replicas": 2}}},
    },
    "models on a shared volume, by init containers": {
        "models": {"volume": {"enabled": True, "existingClaim": "models"}},
        "asr": {"models": {"names": ["whisper-small.en"], "cache": "shared"}},
        "vllm": {"groups": {"qwen": {**QWEN, "cache": {"type": "shared"}}}},
    },
    "models on a claim that is only read": {
        "vllm": {
            "groups": {
                "qwen": {
                    **QWEN,
                    "replicas": 2,
                    "cache": {"type": "claim", "claimName": "weights", "accessMode": "ReadOnlyMany"},
                }
            }
        }
    },
    "speech models in emptyDirs": {
        "asr": {"engine": "whisper", "models": {"names": ["whisper-base.en", "whisper-small.en"]}},
        "tts": {"engine": "piper", "models": {"names": ["piper-lessac"]}},
    },
    "a model streamed from S3": {
        "vllm": {
            "groups": {
                "own": {
                    "model": "s3://models/qwen",
                    "servedName": "qwen",
                    "gpus": 2,
                    "serviceAccount": {
                        "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/m"}
                    },
                }
            }
        }
    },
    "a hosted model": {
        "llm": {
            "servers": [{"name": "hosted", "url": "https://llm.example.org/v1", "model": "large"}],
            "extraEnvFrom": [{"secretRef": {"name": "llm-keys"}}],
            "networkPolicy": {"egress": [{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 443}]}]},
        }
    },
    # The way in.
    "ALB": {
        "ingress": {"enabled": "ingress", "host": "viva.example.org", "className": "alb"},
        "networkPolicy": {"frontDoor": {"from": [{"ipBlock": {"cidr": "10.0.0.0/16"}}]}},
    },
    "another ingress": {
        "ingress": {
            "enabled": "ingress",
            "host": "viva.example.org",
            "className": "traefik",
            "tls": {"secretName": "viva-tls"},
            "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
        },
        "networkPolicy": FRONT_DOOR,
    },
    "Gateway API": {**NO_CLUSTER, "ingress": GATEWAY, "networkPolicy": FRONT_DOOR},
    "a gateway of its own": {
        **NO_CLUSTER,
        "ingress": {
            "enabled": "gateway",
            "host": "viva.example.org",
            "tls": {"secretName": "viva-tls"},
            "gateway": {"create": True, "className": "cilium"},
        },
        "networkPolicy": FRONT_DOOR,
    },
    # Watching, meshes, places.
    "Prometheus operator": {
        **NO_CLUSTER,
        "monitoring": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboards": {"enabled": True},
        },
        "vllm": {"groups": {"qwen": QWEN}},
    },
    "nothing watched, no test": {
        "monitoring": {"annotations": False, "scrapeConfig": False},
        "tests": {"enabled": False},
    },
    "Linkerd": {"mesh": {"type": "linkerd", "namespace": "linkerd"}},
    "Istio": {"mesh": {"type": "istio", "namespace": "mesh"}},
    "no network policies": {"networkPolicy": {"enabled": False}},
    "placed by hand": {
        "cpuNodes": "required",
        "priorityClasses": {"create": True},
        **every_stage(
            nodeSelector={"pool": "cpu"},
            tolerations=[{"key": "pool", "operator": "Equal", "value": "cpu", "effect": "NoSchedule"}],
            topologySpread={"zone": "DoNotSchedule", "host": "none"},
            podAnnotations={"example.org/note": "yes"},
            podLabels={"tier": "front"},
            strategy={"maxSurge": "25%", "maxUnavailable": 0},
            env={"VIVA_LOG_LEVEL": "debug", "HTTP_PROXY": "http://proxy:3128"},
            service={"annotations": {"example.org/note": "yes"}},
        ),
    },
    "accounts that exist": every_stage(serviceAccount={"create": False, "name": "viva-account"}),
    "accounts of the namespace": every_stage(serviceAccount={"create": False}),
    "no budgets, no spreading": every_stage(
        pdb={"enabled": False}, topologySpread={"zone": "none", "host": "none"}, autoscaling={"enabled": False}
    ),
    "OpenShift's user ids": {
        "podSecurityContext": {
            "runAsNonRoot": True,
            "runAsUser": None,
            "runAsGroup": None,
            "fsGroup": None,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    },
}


LAID_OVER = {"values-eks-gateway.yaml": ["values-eks.yaml"]}
"""Files of k8s/ that say of themselves that they come on top of others."""


def _of_the_cluster_folder() -> dict[str, dict]:
    """The values files of k8s/, each as whoever installs with it gets them, but for asking the cluster."""
    return {f"k8s/{path.name}": _with_those_below(path.name) | NO_CLUSTER for path in sorted(K8S.glob("values-*.yaml"))}


def _with_those_below(name: str) -> dict:
    values: dict = {}
    for layer in (*LAID_OVER.get(name, []), name):
        values = _laid(values, helm_python.values_from_yaml((K8S / layer).read_text()))
    return values


def _laid(below: dict, above: dict) -> dict:
    """Maps are merged and everything else replaced, as Helm does with several -f."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _laid(merged[key], value) if both else value
    return merged


CLUSTER_FILES = _of_the_cluster_folder()
# What docs/operations.md and k8s/README.md install on EKS.
TOGETHER = {"k8s: EKS with GPUs": _laid(CLUSTER_FILES["k8s/values-eks.yaml"], CLUSTER_FILES["k8s/values-gpu.yaml"])}
ALL = WRITTEN | CLUSTER_FILES | TOGETHER


def files() -> list[Path]:
    """The values files of k8s/."""
    return [ROOT / name for name in CLUSTER_FILES]
