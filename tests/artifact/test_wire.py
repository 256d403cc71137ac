import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.artifact.wire import Budget, WireError, fields, varints


def read(data: bytes) -> list:
    found = fields(memoryview(data), Budget())
    return [(number, kind, bytes(value) if isinstance(value, memoryview) else value) for number, kind, value in found]


def test_examples_of_the_encoding_guide():
    # https://protobuf.dev/programming-guides/encoding/: a = 150; b = "testing"; packed 3, 270, 86942
    assert read(b"\x08\x96\x01") == [(1, 0, 150)]
    assert read(b"\x12\x07testing") == [(2, 2, b"testing")]
    assert varints(memoryview(b"\x03\x8e\x02\x9e\xa7\x05"), Budget()) == [3, 270, 86942]


def test_fixed_width_numbers_and_high_field_numbers():
    assert read(b"\x0d\x01\x00\x00\x00") == [(1, 5, 1)]
    assert read(b"\x09\x02\x00\x00\x00\x00\x00\x00\x00") == [(1, 1, 2)]
    assert read(b"\xa2\x01\x00") == [(20, 2, b"")]
    # -1 as int64 takes ten bytes.
    assert read(b"\x08" + b"\xff" * 9 + b"\x01") == [(1, 0, 2**64 - 1)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x08", "middle of a number"),
        (b"\x08\x80", "middle of a number"),
        (b"\x12\x05ab", "middle of a field"),
        (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "middle of a field"),
        (b"\x0d\x01", "middle of a number"),
        (b"\x00\x01", "numbered 0"),
        (b"\x0b", "wire type 3"),
        (b"\x0f", "wire type 7"),
        (b"\x08" + b"\x80" * 11, "more than 10 bytes"),
    ],
)
def test_malformed(data, message):
    with pytest.raises(WireError, match=message):
        read(data)


def test_millions_of_tiny_fields_are_refused():
    with pytest.raises(WireError, match="more parts"):
        list(fields(memoryview(b"\x08\x01" * 1001), Budget(1000)))


@given(st.binary(max_size=200))
def test_any_bytes_give_fields_or_a_wire_error(data):
    try:
        read(data)
    except WireError:
        return


def test_a_tag_that_another_reader_would_cut_is_refused():
    # 2 ** 32 + (13 << 3 | 2) in five bytes: field 13 to a reader that keeps 32 bits.
    tag = 2**32 + (13 << 3 | 2)
    encoded = bytes([tag >> shift & 127 | (128 if shift < 28 else 0) for shift in (0, 7, 14, 21, 28)])
    with pytest.raises(WireError, match="29 bits"):
        list(fields(memoryview(encoded + b"\x01x"), Budget()))
