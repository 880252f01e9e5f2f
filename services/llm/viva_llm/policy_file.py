"""The policy's YAML file, read so that whatever is wrong with it is told with its line."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from viva_llm.policy import Policy, problems_of

_MAX_BYTES = 1024 * 1024
_WORDED = {
    "extra_forbidden": "there is no such setting",
    "missing": "is missing",
    "tuple_type": "should be a list",
    "dict_type": "should be a mapping",
    "model_type": "should be a mapping",
    "string_pattern_mismatch": "is no name: letters, digits and - only, beginning with a letter or digit",
}


class PolicyError(ValueError):
    """The file cannot be used; the message has a sentence for each thing that is wrong."""


def read_policy(path: Path) -> Policy:
    """The policy in a file. Raises PolicyError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}") from None
    return parse_policy(text, path.name)


def parse_policy(text: bytes, origin: str) -> Policy:
    """The policy in YAML; `origin` names it in complaints. Raises PolicyError."""
    if len(text) > _MAX_BYTES:
        raise PolicyError(f"{origin} is larger than a policy can be")
    root, data = _parsed(text, origin)
    try:
        policy = Policy.model_validate(data)
    except ValidationError as error:
        problems = [(problem["loc"], _said(problem)) for problem in error.errors(include_url=False)]
    else:
        problems = list(problems_of(policy))
        if not problems:
            return policy
    raise PolicyError("; ".join(_at(origin, root, where, said) for where, said in problems))


def _parsed(text: bytes, origin: str) -> tuple[yaml.Node, object]:
    """The document twice: as nodes, which know their lines, and as plain data."""
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise PolicyError(f"{origin} is empty")
        _refuse_twins(root, origin)
        return root, loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise PolicyError(f"{origin}{line}: no YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise PolicyError(f"{origin}: no YAML, or not in UTF-8") from None


def _refuse_twins(node: yaml.Node, origin: str) -> None:
    """YAML takes the last of two equal keys without a word; half of somebody's routes would be gone."""
    for parent in _nodes(node):
        if not isinstance(parent, yaml.MappingNode):
            continue
        seen = set()
        for key, _value in parent.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise PolicyError(f"{origin}, line {key.start_mark.line + 1}: {key.value!r} stands here twice")
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)


def _nodes(root: yaml.Node) -> list[yaml.Node]:
    found, left, seen = [], [root], set()
    while left:
        node = left.pop()
        if id(node) in seen:  # an anchor that is used again
            continue
        seen.add(id(node))
        found.append(node)
        if isinstance(node, yaml.MappingNode):
            left += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            left += node.value
    return found


def _at(origin: str, root: yaml.Node, where: tuple[str | int, ...], said: str) -> str:
    path = ".".join(str(part) for part in where if part != "[key]")
    return f"{origin}, line {_line(root, where)}: {path + ': ' if path else ''}{said}"


def _line(node: yaml.Node, where: tuple[str | int, ...]) -> int:
    """The line of the deepest part of the path that is there, from 1."""
    line = node.start_mark.line
    for part in where:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
    return line + 1


def _said(problem: dict) -> str:
    said = problem["msg"].removeprefix("Value error, ")
    if problem["type"] in _WORDED:
        return _WORDED[problem["type"]]
    return said.replace("Input should be", "should be")
