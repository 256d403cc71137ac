import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy import console
from ackd_deploy.escaping import visible

HOSTILE = "name\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2028\r\ud800"


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=())))
def test_nothing_that_a_terminal_acts_on_is_left(text):
    shown = visible(text)
    shown.encode()
    for character in shown:
        assert character in "\n\t" or unicodedata.category(character) != "Cc"
        assert unicodedata.bidirectional(character) not in {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }
    assert visible(shown) == shown


def test_plain_text_of_any_language_stays():
    for text in ("ascii", "größer", "אהבה", "愛", "emoji 👩‍🚀", "tab\tand\nline"):
        assert visible(text) == text


def test_console_table_and_json(capsys):
    from rich.table import Table

    table = Table("column")
    table.add_row(HOSTILE)
    console.print_table(table)
    console.print_result(HOSTILE)
    console.log(HOSTILE)
    console.warn(HOSTILE)
    console.emit_json({"key": HOSTILE})
    out, err = capsys.readouterr()
    for text in (out, err):
        assert not set(text) & set("\x1b\x07\x9b\u202e\u2028\ud800")
    assert "\\x1b]0;owned" in out
    # The same string comes back to whoever parses it.
    assert json.loads(out[out.index("{\n") :])["key"] == HOSTILE
