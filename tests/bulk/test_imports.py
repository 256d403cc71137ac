"""Bulk prediction runs in the core install: what the extras bring is hidden here."""

import subprocess
import sys

SCRIPT = """
import sys
for name in ("torch", "transformers", "datasets", "pyarrow", "scipy", "safetensors", "onnx", "jinja2", "matplotlib"):
    sys.modules[name] = None
from pathlib import Path
from ackd_deploy.bulk import check_file, chunked, open_texts
from ackd_deploy.bulk.columns import TextColumns
from ackd_deploy.errors import MissingExtra
for name in ("a.csv", "a.jsonl"):
    check_file(Path(name), TextColumns('text', None))
    with open_texts(Path(name), TextColumns('text', None)) as records:
        print(list(chunked(records, 32)))
try:
    check_file(Path("a.parquet"), TextColumns('text', None))
except MissingExtra as error:
    print(error.hint)
"""


def test_the_core_install_is_enough(tmp_path):
    (tmp_path / "a.csv").write_text("text\na\n")
    (tmp_path / "a.jsonl").write_text('{"text": "b"}\n')
    (tmp_path / "a.parquet").touch()
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["[['a']]", "[['b']]", "pip install 'ackd-deploy[parquet]'"]
