"""YAML as people mean it: plain data, no base-60 numbers (a slice `10:50:2` stays text), no key twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from segassets.errors import BadConfig, MissingInput

_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the numbers of YAML 1.2."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]  # type: ignore[no-untyped-call]
        for key in keys:
            if keys.count(key) > 1:
                problem = f"key {key!r} given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag not in (_INT, _FLOAT)]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(\d+|0x[0-9a-fA-F]+)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"([-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"),
    list("-+0123456789."),
)


def load_yaml(text: str, where: str) -> Any:
    """The data in `text`.

    Raises:
        BadConfig: it is not YAML; names `where` and the line.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise BadConfig(f"{where}: not valid YAML: {' '.join(str(error).split())}") from error
    finally:
        loader.dispose()


def read_yaml(path: Path) -> dict[str, Any]:
    """The keys and values in a YAML file; an empty file has none.

    Raises:
        MissingInput: there is no such file.
        BadConfig: it is not YAML, or not a mapping.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise MissingInput(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path}: expected UTF-8 text, found {error}") from error
    data = load_yaml(text, str(path))
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise BadConfig(f"{path}: expected keys and values, found {type(data).__name__}")
    return data
