"""S3 on loopback, by moto."""

from __future__ import annotations

import boto3
import httpx
import pytest


def empty_bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Forget everything, make a bucket, and return the URL of a prefix in it; credentials are in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    httpx.post(f"{endpoint}/moto-api/reset").raise_for_status()
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="recordings")
    return "s3://recordings/viva"
