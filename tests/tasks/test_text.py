from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.tasks.text import joined, parts, split, zipped


def test_one_text_and_a_pair() -> None:
    assert (joined("a"), joined("a", "b"), joined("a", "")) == ("a", ("a", "b"), ("a", ""))
    assert (parts("ab"), parts(("a", "b"))) == (("ab",), ("a", "b"))
    assert (split("ab"), split(("a", "b"))) == (("ab", None), ("a", "b"))


@given(st.text(), st.none() | st.text())
def test_splitting_undoes_joining(first: str, second: str | None) -> None:
    assert split(joined(first, second)) == (first, second)


def test_columns() -> None:
    assert zipped(["a", "b"], None) == ["a", "b"]
    assert zipped(["a", "b"], ["c", "d"]) == [("a", "c"), ("b", "d")]
    with pytest.raises(ValueError, match="shorter"):
        zipped(["a", "b"], ["c"])
