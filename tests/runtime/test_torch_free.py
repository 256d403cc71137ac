"""The runtime's promise: numpy, tokenizers and onnxruntime, nothing heavier."""

import json
import subprocess
import sys

HEAVY = ["torch", "transformers", "onnx", "optimum", "datasets", "jinja2", "rich", "bentoml", "scipy", "yaml", "click"]

_CODE = """
import json, sys
{body}
print(json.dumps([name for name in {heavy} if name in sys.modules]))
"""


def loaded(body: str) -> list[str]:
    code = _CODE.format(body=body, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_loads_nothing_heavy():
    assert loaded("import ackd_deploy.runtime, ackd_deploy.artifact") == []


def test_classifying_loads_nothing_heavy(tiny_artifact):
    body = (
        "from pathlib import Path\n"
        "from ackd_deploy.runtime import Classifier\n"
        "from ackd_deploy.runtime.selftest import self_test\n"
        f"classifier = Classifier.load(Path({str(tiny_artifact)!r}), threads=1)\n"
        "assert len(classifier.classify(['good', 'bad'])) == 2\n"
        "assert self_test(classifier) == 8"
    )
    assert loaded(body) == []


def test_import_waits_for_onnxruntime_until_a_session_is_opened():
    code = "import sys, ackd_deploy.runtime; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
