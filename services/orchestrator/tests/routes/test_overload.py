"""Questions that there is no room for: refused before anything is done for them, and answered again afterwards."""

from __future__ import annotations

import httpx
import pytest

JSON = {"question": "Who made it?", "lecture_id": "lec_1"}


async def never_read():
    """A body that has not come yet, and would be waited for."""
    pytest.fail("the upload was read")
    yield b""


def fill(app) -> list:
    """As many wait for their answers as may."""
    waits = []
    while not app.state.turns.room.full:
        waits.append(app.state.turns.room.enter("test"))
    return waits


@pytest.mark.parametrize("path", ["/invoke", "/chat"])
async def test_a_refusal_does_not_wait_for_the_upload(app, client: httpx.AsyncClient, path: str) -> None:
    """Whoever is refused need not send the recording first; it is told when to come back, and counted."""
    fill(app)
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = await client.post(path, headers=headers, content=never_read())
    assert (response.status_code, response.json()["error"]["code"]) == (503, "overloaded")
    assert int(response.headers["retry-after"]) >= 1
    page = (await client.get("/metrics")).text
    assert 'viva_turns_total{degraded="",outcome="shed"' in page
    assert 'viva_requests_shed_total{reason="turns"} 1.0' in page


async def test_who_comes_when_others_have_been_heard_is_answered(app, client: httpx.AsyncClient) -> None:
    """And the turn gives its own place back; both numbers are in /status and in the metrics."""
    waits = fill(app)
    assert (await client.post("/invoke", json=JSON)).status_code == 503
    for wait in waits:
        wait.left()
    response = await client.post("/invoke", json=JSON)
    assert (response.status_code, '"type":"done"' in response.text) == (200, True)
    status = (await client.get("/status")).json()
    assert (status["waiting_turns"], status["max_waiting_turns"]) == (0, len(waits))
    assert f"viva_max_waiting_turns {len(waits)}.0" in (await client.get("/metrics")).text
