"""vLLM's metrics, in the form of 0.32."""

import pytest

from viva_llm.load import Load, parse_load

PAGE = b"""\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 1.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 9.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.5
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 1.2e+06
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 900000.0
vllm:prefix_cache_hits_created{engine="0",model_name="m"} 1.7e+09
"""


def test_load_of_all_engines_is_added_up():
    """Requests and tokens are sums over engines and models, the cache's use is that of the fullest."""
    load = parse_load(PAGE)
    assert load == Load(4, 2, 0.5, 1_200_000, 900_000)
    assert load.prefix_hit_rate == 0.75


@pytest.mark.parametrize("page", [b"", b"# nothing\n", b"python_gc_total 3.0\n", b"vllm:num_requests_running nope\n"])
def test_page_of_another_server_is_no_load(page):
    """A server that does not tell is not taken for an idle one."""
    assert parse_load(page) is None


def test_odd_values_break_nothing():
    """NaN and infinities count as nothing; without lookups there is no hit rate."""
    load = parse_load(b"vllm:num_requests_running NaN\nvllm:num_requests_waiting +Inf\n")
    assert (load.running, load.waiting, load.prefix_hit_rate) == (0, 0, None)
