"""Bytes that are no UTF-8: what the hint says to do gives back the text that was meant."""

import io
import subprocess

import pytest

from ackd_deploy.data.reading.encoding import decoded_lines, encoding_hint
from ackd_deploy.data.tables import read_table
from ackd_deploy.errors import DataError

EXCEL = "text,label\nIt’s a good film – “really”,pos\nna\u00efve caf\u00e9,neg\n"


def refusal(path):
    with pytest.raises(DataError) as caught:
        read_table(path, ["text", "label"])
    return caught.value


@pytest.mark.parametrize(
    ("encoding", "named"), [("cp1252", "-f WINDOWS-1252"), ("utf-16", "-f UTF-16"), ("utf-16-le", "-f UTF-16LE")]
)
def test_doing_what_the_hint_says_gives_the_text_that_was_meant(tmp_path, encoding, named):
    # cp1252: case 16. LATIN1 would make a control character of each curly quote, and a tokenizer drops those.
    path, mended = tmp_path / "a.csv", tmp_path / "mended.csv"
    path.write_bytes(EXCEL.encode(encoding))
    hint = refusal(path).hint
    assert named in hint
    iconv = hint.partition("iconv ")[2].split()[:4]
    try:
        content = subprocess.run(["iconv", *iconv, str(path)], capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("no iconv here")
    mended.write_bytes(content)
    assert read_table(mended, ["text"]).columns["text"] == ["It’s a good film – “really”", "na\u00efve caf\u00e9"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        # Latin-1 without C1 controls is cp1252 as well.
        ("caf\u00e9 au lait, s'il vous pla\u00eet".encode("latin-1"), "WINDOWS-1252"),
        ("хороший фильм, посмотрите".encode("cp1251"), "ENCODING"),
        ("映画はとても良かった".encode("shift-jis"), "ENCODING"),
        ("这部电影很好看".encode("gb18030"), "ENCODING"),
        ("one bad byte \xff".encode("latin-1") + " in a file of “UTF-8” – naïve".encode(), "the rest of the file is"),
        (b"\x1f\x8b\x08\x00", "gunzip"),
        (b"PK\x03\x04\xff", "spreadsheet"),
    ],
)
def test_hints(content, named):
    assert named in encoding_hint(content)


def test_the_line_and_byte_are_named():
    lines = decoded_lines(io.BytesIO("fine é\n".encode() + b"b\xff\n"), "a.txt")
    assert next(lines) == (1, "fine é\n")
    with pytest.raises(DataError, match=r"a\.txt, line 2: not valid UTF-8 at byte 2 of the line"):
        next(lines)
