"""Keys of a Hugging Face configuration that name code to import: refused before transformers reads the file.

``trust_remote_code=False`` does not cover all of them. CVE-2026-4372: from transformers 4.56 to 5.2 the key
``_attn_implementation_internal`` reaches the loader of attention kernels, which fetches and imports a hub repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["code_keys"]

_ALWAYS = frozenset(
    {
        "auto_map",
        "custom_pipelines",
        "kernel_config",
        "quantization_config",
        "compression_config",
        "use_kernels",
        "trust_remote_code",
    }
)
# transformers' own implementations; any other value is looked up as a kernel, on the hub where it is not known.
_OWN_IMPLEMENTATIONS = frozenset({"eager", "sdpa"})


def code_keys(config: Any, prefix: str = "") -> Iterator[str]:
    """Yield the path of each key that makes a reader import code, in nested configurations too.

    >>> list(code_keys({"model_type": "bert", "text_config": {"auto_map": {"AutoConfig": "x.Y"}}}))
    ['text_config.auto_map']
    """
    if isinstance(config, list):
        for position, value in enumerate(config):
            yield from code_keys(value, f"{prefix}{position}.")
    if not isinstance(config, dict):
        return
    for key, value in config.items():
        if (key in _ALWAYS and value) or ("_implementation" in key and _is_foreign(key, value)):
            yield f"{prefix}{key}"
        else:
            yield from code_keys(value, f"{prefix}{key}.")


def _is_foreign(key: str, value: Any) -> bool:
    if key.endswith("_internal"):
        return True
    names = value.values() if isinstance(value, dict) else [value]
    return any(name is not None and not isinstance(name, bool) and name not in _OWN_IMPLEMENTATIONS for name in names)
