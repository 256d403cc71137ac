"""What columns are, by names and by values; and delimiter and encoding of files."""

import pytest

from ackd_deploy.data.profile.guess import guess_columns
from ackd_deploy.data.profile.sniff import sniff
from ackd_deploy.data.tables import Table
from ackd_deploy.errors import UsageError

LONG = [f"a longer text with the number {n}" for n in range(60)]
SINGLE, MULTI, SCORE = "single_label_classification", "multi_label_classification", "regression"


def table(**columns):
    return Table("data.csv", "line", list(range(60)), {name: list(values) for name, values in columns.items()})


def cycle(*values):
    return [values[n % len(values)] for n in range(60)]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"text": LONG, "label": cycle("a", "b")}, ("text", None, "label", SINGLE)),
        ({"id": range(60), "Review": LONG, "Sentiment": cycle("a", "b")}, ("Review", None, "Sentiment", SINGLE)),
        ({"was": LONG, "art": cycle("a", "b", "c"), "nr": range(60)}, ("was", None, "art", SINGLE)),
        ({"premise": LONG, "hypothesis": LONG, "label": cycle(0, 1, 2)}, ("premise", "hypothesis", "label", SINGLE)),
        ({"sentence1": LONG, "sentence2": LONG, "score": [n / 7 for n in range(60)]},
         ("sentence1", "sentence2", "score", SCORE)),
        ({"text": LONG, "labels": cycle(["a"], ["a", "b"], [])}, ("text", None, "labels", MULTI)),
        ({"comment": LONG, "toxic": cycle("0", "1"), "rude": cycle("1.0", "0.0", "0")},
         ("comment", None, ["toxic", "rude"], MULTI)),
        ({"text": LONG, "label": cycle("True", "False")}, ("text", None, "label", SINGLE)),
        ({"text": LONG, "label": range(60)}, ("text", None, "label", SINGLE)),
        ({"text": LONG, "score": range(60)}, ("text", None, "score", SCORE)),
        ({"text": LONG, "label": [3 * n for n in range(60)]}, ("text", None, "label", SCORE)),
        ({"text": LONG, "stars": cycle("1", "2", "3", "4", "5")}, ("text", None, "stars", SINGLE)),
        ({"text": LONG, "label": cycle("3,5", "4,0", "1,5")}, ("text", None, "label", SCORE)),
    ],
)  # fmt: skip
def test_guesses(columns, expected):
    guess = guess_columns(table(**columns))
    assert (guess.text, guess.pair, guess.label, guess.problem_type) == expected


def test_what_is_given_is_taken_and_other_texts_are_named():
    columns = table(title=LONG, text=LONG, label=cycle("a", "b"), topic=cycle("x", "y"))
    guess = guess_columns(columns, text="title", label=["topic"], problem_type=SINGLE)
    assert (guess.text, guess.label, guess.others) == ("title", "topic", ("text",))
    with pytest.raises(UsageError, match="no column 'body'"):
        guess_columns(columns, text="body")


def test_no_guess():
    with pytest.raises(UsageError, match="can be the label") as caught:
        guess_columns(table(text=LONG, other=[f"{text}!" for text in LONG]))
    assert "--label" in caught.value.hint
    with pytest.raises(UsageError, match="holds text") as caught:
        guess_columns(table(a=range(60), label=cycle(0, 1)))
    assert "--text" in caught.value.hint


def file(tmp_path, content, name="a.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("text,label\na b,x\n", ","),
        ("text;label\na, b;x\nc, d, e;y\n", ";"),
        ("text\tlabel\na, b\tx\n", "\t"),
        ("text|label, or class\na|x\n", "|"),
        ("text\na; b | c\n", ","),
        # Where no one splits all lines alike, the header alone decides, and the bad line is for the reader to tell.
        ("text,label\na, b, c,x\n", ","),
    ],
)
def test_delimiters(tmp_path, content, delimiter):
    assert sniff(file(tmp_path, content)).delimiter == delimiter


def test_delimiters_that_would_both_do(tmp_path):
    path = file(tmp_path, "text;a,label\nx;b,c\n")
    with pytest.raises(UsageError, match="may be separated by any of ',', ';'"):
        sniff(path)
    assert list(sniff(path, delimiter=";").table.columns) == ["text", "a,label"]


def test_encodings(tmp_path):
    text = "Text;Art\nschöne Grüße;gut\n" * 3
    assert sniff(file(tmp_path, text.encode("cp1252"))).encoding == "cp1252"
    assert sniff(file(tmp_path, text)).encoding == "utf-8"
    # Characters cut by the chunk that is read are none of another encoding.
    assert sniff(file(tmp_path, "text,label\n" + "ä" * 2**21 + ",x\n")).encoding == "utf-8"
    # One damaged line in much UTF-8 makes no file of Windows.
    damaged = text.encode() * 40 + b"br\xf6ken;x\n" + text.encode() * 40
    with pytest.raises(Exception, match="not valid UTF-8"):
        sniff(file(tmp_path, damaged))
    assert sniff(file(tmp_path, '[{"text": "a", "label": "b"}]', "a.json")).delimiter is None
