"""JSON that would fill the memory, or that other readers take otherwise, is refused with a ValueError."""

import json

import pytest

from ackd_deploy.json_text import parse_json

TWICE = '{"a": 1, "a": 2}'


@pytest.mark.parametrize(
    "text",
    ["[" + "[]," * 1_000_000 + "0]", "[" + "{}," * 1_000_000 + "0]", "[" + "0," * 5_000_001 + "0]", "[" * 100_000, "{"],
    ids=["lists", "objects", "numbers", "depth", "cut"],
)
def test_refused(text: str):
    with pytest.raises(ValueError, match=r".") as error:
        parse_json(text)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("text", [TWICE, '{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}', '["\\ud800"]'])
def test_strict_refuses_what_others_read_otherwise(text: str):
    parse_json(text)
    with pytest.raises(ValueError, match=r"."):
        parse_json(text.encode(), strict=True)


def test_ordinary_json_is_read():
    content = {"a": [1, 2.5, None, True], "é": {"b": "\U0001f600"}}
    assert parse_json(json.dumps(content).encode(), strict=True) == content
    assert parse_json(json.dumps(content, ensure_ascii=False), strict=True) == content
