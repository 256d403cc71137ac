"""Read an InferenceService (JSON on standard input) with KServe's and Kubernetes' own models, strictly.

Their own deserializer drops fields that it does not know; here these are errors, and so are missing fields, wrong
types, and types without a model. Prints one problem a line and exits 1 where there is any. Runs in .venv-kserve.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import types
from typing import Any

import kubernetes.client.models as kubernetes_models

# kserve's own __init__ imports its model server and all that this needs; its models need none of it.
_package = types.ModuleType("kserve")
_found = importlib.util.find_spec("kserve")
_package.__path__ = list((_found and _found.submodule_search_locations) or ())
sys.modules["kserve"] = _package
import kserve.models as kserve_models  # noqa: E402

_PLAIN: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "bool": (bool,), "float": (int, float), "datetime": (str,),
    "object": (object,), "ResourceQuantity": (str, int, float),
}  # fmt: skip


def read(value: Any, kind: str, where: str, problems: list[str]) -> Any:
    """Return ``value`` as an instance of the type named ``kind``; append what does not fit."""
    if listed := re.fullmatch(r"[Ll]ist\[(.+)\]", kind):
        if not isinstance(value, list):
            problems.append(f"{where}: {value!r} is no list")
            return None
        return [read(entry, listed[1], f"{where}[{index}]", problems) for index, entry in enumerate(value)]
    if mapped := re.fullmatch(r"[Dd]ict[\[(]str, ?(.+)[\])]", kind):
        if not isinstance(value, dict):
            problems.append(f"{where}: {value!r} is no mapping")
            return None
        return {key: read(entry, mapped[1], f"{where}.{key}", problems) for key, entry in value.items()}
    if kind in _PLAIN:
        fits = isinstance(value, _PLAIN[kind]) and (kind in {"bool", "object"} or not isinstance(value, bool))
        if not fits:
            problems.append(f"{where}: {value!r} is no {kind}")
        return value
    return _read_model(value, kind, where, problems)


def _read_model(value: Any, kind: str, where: str, problems: list[str]) -> Any:
    model = getattr(kserve_models, kind, None) or getattr(kubernetes_models, kind, None)
    if model is None or not isinstance(value, dict):
        problems.append(f"{where}: {'there is no model of' if model is None else f'{value!r} is no'} {kind}")
        return None
    attributes = {key: name for name, key in model.attribute_map.items()}
    fields = {}
    for key, entry in value.items():
        if key in attributes:
            name = attributes[key]
            fields[name] = read(entry, model.openapi_types[name], f"{where}.{key}", problems)
        else:
            problems.append(f"{where}.{key}: {kind} has no such field")
    try:
        return model(**fields)
    except ValueError as error:  # a required field is missing, a value out of range
        problems.append(f"{where}: {error}")
        return None


def main() -> int:
    document, problems = json.load(sys.stdin), []
    if (document.get("apiVersion"), document.get("kind")) != ("serving.kserve.io/v1beta1", "InferenceService"):
        problems.append("apiVersion and kind are not those of a serving.kserve.io/v1beta1 InferenceService")
    service = read(document, "V1beta1InferenceService", "", problems)
    if not problems and service.spec.predictor.containers is None:
        problems.append(".spec.predictor: there is no container")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
