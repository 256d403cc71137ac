"""Label names are brought together by name and never by place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.data.labels.align import align, is_generic, match_names
from ackd_deploy.errors import DataError


def test_the_models_order_wins():
    assert align(["positive", "negative"], ["negative", "positive"], source="x") == ("negative", "positive")
    assert align(["Positive", "NEGATIVE"], ["negative", "positive"], source="x") == ("negative", "positive")


def test_a_model_may_know_more():
    known = ["contradiction", "entailment", "neutral"]
    assert align(["neutral", "entailment"], known, source="x") == tuple(known)


def test_generic_names_take_the_datas():
    assert align(["bad", "good"], ["LABEL_0", "LABEL_1"], source="x") == ("bad", "good")
    assert align(["bad", "good"], None, source="x") == ("bad", "good")
    assert align(["LABEL_1", "LABEL_0"], ["LABEL_0", "LABEL_1"], source="x") == ("LABEL_0", "LABEL_1")


def test_generic_names_of_another_number_are_refused():
    with pytest.raises(DataError, match=r"has 3 labels .* tells 2 apart") as caught:
        align(["a", "b", "c"], ["LABEL_0", "LABEL_1"], source="x")
    assert "finetune" in caught.value.hint


def test_unknown_names_are_listed_with_the_known():
    with pytest.raises(DataError, match=r"doesn't know the labels '0', '1'; it knows 'negative', 'positive'") as caught:
        align(["0", "1"], ["negative", "positive"], source="x")
    assert "data.label_names" in caught.value.hint


def test_case_alone_never_decides_between_two():
    assert match_names(["US", "us", "Us"], ["us", "US"]) == {"US": "US", "us": "us"}


@given(st.lists(st.text(min_size=1), unique=True, min_size=1), st.randoms())
def test_names_match_themselves_in_any_order(names, random):
    shuffled = list(names)
    random.shuffle(shuffled)
    assert match_names(shuffled, names) == {name: name for name in names}
    assert align(shuffled, names, source="x") == tuple(names)


def test_generic_is_all_or_nothing():
    assert is_generic(["LABEL_0", "LABEL_1"])
    assert not is_generic(["LABEL_0", "other"])
    assert not is_generic([])
