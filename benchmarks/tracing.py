"""CPU that a turn's spans cost the orchestrator: where nothing is traced, and where all turns are sent to a collector.

    python -m benchmarks.tracing [--json OUT.json]

The spans of a turn with four clauses, as turn.py makes them, without the turn. CPU time of the process, its sending
thread included, so that other work on the machine changes little.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.machine import this_machine
from viva.service.metrics import ServiceMetrics
from viva.service.settings import ServiceSettings
from viva.service.tracing import Tracer, current_span, trace_headers, tracer_of

TURNS = 2_000
COLLECTOR = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def turn(tracer: Tracer) -> None:
    """The spans, events and headers of one turn."""
    root = tracer.begin("turn")
    with root.active():
        with root.stage("asr"):
            trace_headers()
        current_span().event("asr")
        with root.stage("recall"):
            pass
        with root.stage("llm"):
            trace_headers()
            current_span().event("llm_first_token")
            current_span().event("first_sentence")
        for _ in range(4):
            with root.stage("tts", characters=80):
                trace_headers()
        current_span().event("first_audio")
        with root.stage("commit"):
            pass
    root.set(transport="realtime", outcome="done", degraded="", turn_id="turn_0123456789abcdef01234567")
    root.set(session_id="ses_" + "0" * 32, lecture_id="lec_" + "0" * 32)
    root.end()


async def microseconds(endpoint: str) -> float:
    """CPU for each turn."""
    tracer = tracer_of("viva-orchestrator", ServiceSettings(otlp_endpoint=endpoint))
    metrics = ServiceMetrics(tracer)
    tracer.start(metrics)
    started = time.process_time()
    for number in range(TURNS):
        turn(tracer)
        if endpoint and number % 50 == 0:
            await asyncio.sleep(0.02)  # as turns come: the queue must not run over
    await tracer.close()
    spent = time.process_time() - started
    if endpoint:
        lost = metrics.registry.get_sample_value("viva_spans_total", {"outcome": "dropped"})
        sent = metrics.registry.get_sample_value("viva_spans_total", {"outcome": "exported"})
        print(f"spans sent {sent:.0f}, dropped {lost:.0f}")
    return spent / TURNS * 1e6


def main() -> None:
    """Measures both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()
    print(machine)
    not_traced = asyncio.run(microseconds(""))
    print(f"not traced: {not_traced:.1f} µs of CPU per turn")
    assert "opentelemetry.sdk" not in sys.modules
    with subprocess.Popen([sys.executable, "-c", COLLECTOR], stdout=subprocess.PIPE, text=True) as collector:
        try:
            port = collector.stdout.readline().strip()
            spent = asyncio.run(microseconds(f"http://127.0.0.1:{port}"))
        finally:
            collector.kill()
    print(f"every turn traced and sent: {spent:.0f} µs of CPU per turn")
    if options.json:
        figures = {"not_traced_us": not_traced, "traced_us": spent}
        options.json.write_text(json.dumps({"machine": asdict(machine), **figures}, indent=2))


if __name__ == "__main__":
    main()
