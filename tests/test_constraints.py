"""Both environments' pins: the same but where transformers' two lines differ."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "constraints"


def pins(name: str) -> dict[str, str]:
    lines = [line for line in (FOLDER / name).read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def test_the_lines_differ_in_what_transformers_needs_alone():
    four, five = pins("cpu.txt"), pins("transformers5.txt")
    assert {name for name in four.keys() & five.keys() if four[name] != five[name]} == {
        "transformers", "tokenizers", "huggingface_hub", "datasets"
    }  # fmt: skip
    assert four.keys() - five.keys() == {"optimum", "optimum-onnx"}
    # What huggingface_hub 2 brings along.
    assert five.keys() - four.keys() == {"annotated-doc", "httpcore2", "httpx2", "shellingham", "truststore", "typer"}


def test_each_line_is_its_own():
    assert pins("cpu.txt")["transformers"].startswith("4.57.")
    assert pins("transformers5.txt")["transformers"].startswith("5.")
