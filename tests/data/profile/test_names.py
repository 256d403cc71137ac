"""Class names that are one to the eye."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.data.profile.names import alike


def test_groups_and_their_differences():
    assert alike(["Sport", "politics", "SPORT"]) == [(["Sport", "SPORT"], "case")]
    assert alike(["caf\u00e9", "cafe\u0301", "cafe"]) == [(["caf\u00e9", "cafe\u0301"], "Unicode form")]
    assert alike(["a\u00adb", "ab"]) == [(["a\u00adb", "ab"], "an invisible character")]
    assert alike(["stra\u00dfe", "STRASSE"]) == [(["stra\u00dfe", "STRASSE"], "case")]
    assert alike(["0", "1", "positive", "negative"]) == []


@given(st.text(min_size=1))
def test_a_name_is_like_its_forms(name):
    forms = dict.fromkeys([name, unicodedata.normalize("NFD", name), name + "\u200b"])
    assert [sorted(group) for group, _ in alike(list(forms))] == [sorted(forms)]
