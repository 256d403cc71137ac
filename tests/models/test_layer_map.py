from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.errors import UsageError
from ackd_deploy.models.layer_map import layer_map


@pytest.mark.parametrize(
    ("strategy", "student", "teacher", "expected"),
    [
        ("uniform", 4, 12, (3, 6, 9, 12)),  # TinyBERT's and MiniLM's
        ("uniform", 6, 12, (2, 4, 6, 8, 10, 12)),
        ("uniform", 4, 6, (2, 3, 5, 6)),  # 1.5, 3, 4.5, 6
        ("uniform", 5, 12, (3, 5, 8, 10, 12)),  # 2.4, 4.8, 7.2, 9.6, 12
        ("uniform", 1, 6, (6,)),
        ("uniform", 6, 6, (1, 2, 3, 4, 5, 6)),
        ("skip", 6, 12, (2, 4, 6, 8, 10, 11)),  # PKD's five inner layers, and one for the top
        ("skip", 3, 12, (4, 8, 11)),  # PKD's two inner layers
        ("skip", 4, 12, (3, 6, 9, 11)),  # 2.75, 5.5, 8.25, 11
        ("skip", 3, 6, (2, 4, 5)),
        ("last", 4, 12, (9, 10, 11, 12)),
        ("first", 4, 12, (1, 2, 3, 4)),
        ([12, 6, 6], 3, 12, (12, 6, 6)),
        ((1, 2, 3), 3, 2 + 1, (1, 2, 3)),
    ],
)
def test_maps(strategy: str | list[int], student: int, teacher: int, expected: tuple[int, ...]) -> None:
    assert layer_map(strategy, student, teacher) == expected


@given(st.sampled_from(["uniform", "last", "first", "skip"]), st.integers(1, 48), st.integers(1, 48))
def test_named_maps_rise_and_stay_inside(strategy: str, student: int, teacher: int) -> None:
    usable = teacher - (strategy == "skip")
    if student > usable:
        with pytest.raises(UsageError):
            layer_map(strategy, student, teacher)
        return
    layers = layer_map(strategy, student, teacher)
    assert len(layers) == student
    assert all(1 <= layer <= usable for layer in layers)
    assert list(layers) == sorted(set(layers))
    assert strategy == "first" or layers[-1] == usable


@pytest.mark.parametrize(
    ("strategy", "student", "teacher", "words"),
    [
        ("middle", 2, 4, "unknown layer map 'middle'"),
        ([1, 2], 3, 12, "names 2 teacher layers for 3 student layers"),
        ([1, 13, 0], 3, 12, "names layer 13, 0, which the teacher lacks"),
        ([], 0, 12, "at least one layer"),
        ("uniform", 7, 6, "cannot choose 7 of the teacher's 6 layers"),
        ("skip", 6, 6, "5 layers without its last one"),
    ],
)
def test_refused(strategy: str | list[int], student: int, teacher: int, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        layer_map(strategy, student, teacher)
    assert caught.value.exit_code == 2
