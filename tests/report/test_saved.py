from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.report.saved import finite, read_metrics


def test_cut_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"stage": "teacher", "step": 1, "loss": 0.5}\n\n[1]\n"x"\n\xff\xfe\n{"stage": "teach')
    assert read_metrics(path) == [{"stage": "teacher", "step": 1, "loss": 0.5}]
    assert read_metrics(tmp_path / "none.jsonl") == []


whole = st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.text(max_size=4), max_size=3)


@given(st.lists(whole | st.binary(max_size=40), max_size=8))
def test_whole_lines_are_read_whatever_stands_between_them(entries: list[dict[str, object] | bytes]) -> None:
    import tempfile

    # The first byte makes sure that junk is no JSON by chance.
    lines = [json.dumps(e).encode() if isinstance(e, dict) else b"\xff" + e.replace(b"{", b"") for e in entries]
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(b"\n".join(lines))
        stream.flush()
        assert read_metrics(Path(stream.name)) == [entry for entry in entries if isinstance(entry, dict)]


@pytest.mark.parametrize("value", [None, "1", True, float("nan"), float("inf"), [1]])
def test_only_finite_numbers_count(value: object) -> None:
    assert finite(value) is None


def test_numbers_pass() -> None:
    assert finite(3) == 3.0
    assert finite(0.25) == 0.25
