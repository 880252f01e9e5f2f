"""The page at `/`: served whole, with a policy that keeps everything else out, and missed with a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from viva_orchestrator.app import create_app
from viva_orchestrator.routes import page
from viva_orchestrator.settings import Settings

WEB = Path(__file__).parents[4] / "web"


@pytest.fixture
async def client():
    """The app with the page of this repository; nothing behind it is needed."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(Settings())), base_url="http://viva"
    ) as opened:
        yield opened


async def test_the_bare_address_is_the_page(client):
    """For people; from there the API's documentation is a link away."""
    response = await client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == (WEB / "index.html").read_text(encoding="utf-8")
    assert 'href="docs"' in response.text
    assert (await client.head("/")).status_code == 200


async def test_the_policy_lets_nothing_else_in(client):
    """No script or style in the markup, nothing from another host, no frame around it."""
    policy = (await client.get("/")).headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert {rules[f"{kind}-src"] for kind in ("script", "style", "img", "media", "connect")} == {"'self'"}
    assert rules["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy


def test_the_page_keeps_to_its_policy():
    """Nothing inline, and no address of another host, in any file."""
    markup = (WEB / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", markup)
    for path in WEB.rglob("*.*"):
        others = re.findall(r"https?://[\w.-]+", path.read_text(encoding="utf-8"))
        assert set(others) <= {"http://www.w3.org", "http://localhost"}, path


@pytest.mark.parametrize(
    ("name", "kind"),
    [("app.js", "text/javascript"), ("worklets/playback.js", "text/javascript"), ("styles/tokens.css", "text/css"),
     ("icon.svg", "image/svg+xml")],
)  # fmt: skip
async def test_its_files_are_asked_for_again_and_sent_once(client, name, kind):
    """After an update no browser mixes old files with new ones; without one it is sent nothing."""
    response = await client.get(f"/web/{name}")
    assert response.headers["content-type"].partition(";")[0] == kind
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-content-type-options"] == "nosniff"
    again = await client.get(f"/web/{name}", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/web/none.js", "/web/../pyproject.toml", "/web/%2e%2e/pyproject.toml", "/web/"])
async def test_nothing_else_is_served(client, path):
    """A file that is not there is a 404 as everywhere in the API; what lies beside the folder is not there."""
    response = await client.get(path)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "path_not_found")


async def test_without_the_folder_a_sentence_says_so(tmp_path):
    """And the rest of the API works."""
    app = create_app(Settings(web_dir=tmp_path))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://viva") as client:
        response = await client.get("/")
        assert response.status_code == 503
        assert "VIVA_WEB_DIR" in response.text
        assert (await client.get("/healthz")).status_code == 200


def test_an_installed_package_has_the_page_inside(monkeypatch, tmp_path):
    """Where there is no checkout around it, the folder beside the code is taken."""
    installed = tmp_path / "site-packages" / "viva_orchestrator"
    (installed / "web").mkdir(parents=True)
    (installed / "web" / "index.html").write_text("the page")
    monkeypatch.setattr(page, "__file__", str(installed / "routes" / "page.py"))
    assert page.web_folder(None) == installed / "web"


def test_every_module_is_fetched_at_once():
    """The browser is told of all of them in the markup, rather than finding each in the one before."""
    markup = (WEB / "index.html").read_text(encoding="utf-8")
    told = set(re.findall(r'<link rel="modulepreload" href="web/([\w/]+\.js)">', markup))
    assert told | {"app.js"} == {path.name for path in WEB.glob("*.js")} - ON_THE_AUDIO_THREAD


# Imported by worklets alone: what is preloaded for the page is not used there.
ON_THE_AUDIO_THREAD = {"resampler.js"}
