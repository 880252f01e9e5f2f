"""The ordered list of backends, as one readable setting.

    VIVA_LLM_BACKENDS="openai:http://vllm:8000/v1|Qwen/Qwen2.5-Omni-3B, extractive"

An entry is `[name=]kind[:url[|model]]`. Without a name it is called after its kind (`openai`, the second
one `openai-2`); without a model an openai backend answers with the first model that its server lists.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_ENTRY = re.compile(r"(?:(?P<name>[a-z0-9][a-z0-9-]{0,31})\s*=\s*)?(?P<kind>[a-z]+)\s*(?::(?P<rest>.+))?")
KINDS_WITH_URL = frozenset({"openai"})
KINDS = KINDS_WITH_URL | {"extractive", "fake"}


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """One entry of the list. `url` is the base that ends before /chat/completions, "" for backends without one."""

    name: str
    kind: str
    url: str = ""
    model: str = ""


def parse_backends(text: str) -> tuple[BackendSpec, ...]:
    """The entries of the setting, in order. Raises ValueError with a sentence that quotes the wrong entry."""
    specs: list[BackendSpec] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        spec = _parse_entry(entry, taken={spec.name for spec in specs})
        if any(spec.name == other.name for other in specs):
            raise ValueError(f"two backends are called {spec.name!r}; give each its own name, like 'a={entry}'")
        specs.append(spec)
    if not specs:
        raise ValueError("the list of backends is empty; name at least one, like 'extractive'")
    return tuple(specs)


def _parse_entry(entry: str, taken: set[str]) -> BackendSpec:
    match = _ENTRY.fullmatch(entry)
    if match is None or match["kind"] not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise ValueError(f"{entry!r} is no backend; write [name=]kind[:url[|model]] with a kind of {known}")
    kind, rest = match["kind"], (match["rest"] or "").strip()
    name = match["name"] or _free_name(kind, taken)
    if kind not in KINDS_WITH_URL:
        if rest:
            raise ValueError(f"{entry!r} has an address, but {kind} backends have none; write '{kind}'")
        return BackendSpec(name, kind)
    url, _, model = rest.partition("|")
    return BackendSpec(name, kind, check_url(url.strip(), entry), model.strip())


def check_url(url: str, entry: str) -> str:
    """The base URL without a closing slash. Raises ValueError with a sentence when it is no http(s) address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{entry!r} needs an http address, like 'http://localhost:8000/v1'")
    if parts.username or parts.password:
        raise ValueError("an address must not carry a password; put the key into VIVA_LLM_API_KEY")
    if parts.query or parts.fragment:
        raise ValueError(f"{entry!r} must be a base address without '?' or '#', like 'http://localhost:8000/v1'")
    return url.rstrip("/")


def _free_name(kind: str, taken: set[str]) -> str:
    name, number = kind, 1
    while name in taken:
        number += 1
        name = f"{kind}-{number}"
    return name


def parse_pairs(text: str) -> dict[str, str]:
    """`name=value` pairs separated by commas. Raises ValueError; its sentence never quotes a value."""
    pairs = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        name, equals, value = entry.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise ValueError(f"entry {number} is not of the form name=value")
        pairs[name.strip()] = value.strip()
    return pairs


def check_keys(openai: list[str], single: bool, named: set[str]) -> None:
    """Stops a key from going to the wrong server. Raises ValueError with a sentence.

    `openai` are the names of the openai backends; `single` says whether VIVA_LLM_API_KEY is set; `named` holds the
    backends that VIVA_LLM_API_KEYS has keys for.
    """
    if unknown := sorted(named - set(openai)):
        raise ValueError(f"VIVA_LLM_API_KEYS has a key for {unknown[0]!r}, which is no openai backend")
    keyless = [name for name in openai if name not in named]
    if single and len(openai) > 1 and keyless:
        raise ValueError(
            f"VIVA_LLM_API_KEY would be sent to several servers ({', '.join(keyless)}); "
            "say whose it is with VIVA_LLM_API_KEYS, like 'name=key'"
        )
