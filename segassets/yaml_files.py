"""YAML read safely and without its traps: 10:50:5 stays text (no base-60 number), no key is given twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from segassets.errors import BadConfig, MissingInput


class _Loader(yaml.SafeLoader):
    """yaml.SafeLoader without numbers such as 1:30 (it would read 90) and without keys given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"key '{twice}' given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _number(loader: _Loader, node: yaml.ScalarNode) -> Any:
    text = loader.construct_scalar(node)
    if ":" in text:
        return text
    return loader.construct_yaml_int(node) if node.tag.endswith(":int") else loader.construct_yaml_float(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def parse_yaml(text: str, where: str) -> Any:
    """The YAML document in `text`.

    Raises:
        BadConfig: not YAML; names the place.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except (yaml.YAMLError, ValueError) as error:
        raise BadConfig(f"{where}: expected YAML, found {error}") from error
    finally:
        loader.dispose()


def read_yaml(path: Path) -> Any:
    """The YAML document in a file.

    Raises:
        MissingInput: there is no such file.
        BadConfig: not YAML.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise MissingInput(f"expected a YAML file at {path}, found nothing") from None
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path}: expected YAML in UTF-8, found {error}") from error
