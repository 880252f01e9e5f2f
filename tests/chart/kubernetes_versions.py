"""The versions of Kubernetes that every object is validated for: the oldest that the chart takes, and two later."""

VERSIONS = ("1.29", "1.33", "1.37")
