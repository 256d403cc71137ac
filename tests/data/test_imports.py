"""What importing the package costs: no torch, and neither datasets nor pyarrow for local text files."""

import subprocess
import sys

SCRIPT = """
import sys
from pathlib import Path
from ackd_deploy.data import load_rows
from ackd_deploy.recipe.sections import Data
path = Path(sys.argv[1])
import ackd_deploy.data.reading
assert len(load_rows(str(path), Data(train=str(path), validation=str(path)), None)) == 96
print(sorted({"torch", "transformers", "datasets", "pyarrow", "pandas"} & sys.modules.keys()))
"""


def test_local_text_needs_no_heavy_package(tiny_data):
    command = [sys.executable, "-c", SCRIPT, str(tiny_data / "train.csv")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_package_itself_needs_none():
    script = "import ackd_deploy.data, sys; print(sorted({'torch', 'transformers', 'datasets'} & sys.modules.keys()))"
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
