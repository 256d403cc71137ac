"""An example for each command's help, in one place so that a test can check that every command has one."""

from __future__ import annotations

__all__ = ["BEGIN", "EXAMPLES"]

BEGIN = """\
\b
Begin with:
  ackd-deploy recipe fetch quickstart
  ackd-deploy run quickstart
  ackd-deploy serve
Your own data: ackd-deploy docs your-own-task"""

EXAMPLES = {
    "run": "ackd-deploy run quickstart",
    "distill": "ackd-deploy distill recipes/sst2_4layer.yaml --set student.layers=3",
    "export": "ackd-deploy export --onnx",
    "serve": "ackd-deploy serve --port 8080",
    "package": "ackd-deploy package",
    "predict": "ackd-deploy predict runs/mine rows.csv -o answers.csv",
    "evaluate": "ackd-deploy evaluate runs/mine labeled.csv",
    "verify": "ackd-deploy verify runs/mine/artifact",
    "report": "ackd-deploy report --run runs/mine",
    "compare": "ackd-deploy compare runs/one runs/other",
    "ablate": "ackd-deploy ablate quickstart --methods finetune,kd,ackd --seeds 5",
    "doctor": "ackd-deploy doctor",
    "docs": "ackd-deploy docs your-own-task",
    "recipe list": "ackd-deploy recipe list",
    "recipe show": "ackd-deploy recipe show quickstart --set distill.epochs=3",
    "recipe validate": "ackd-deploy recipe validate mine.yaml",
    "recipe init": "ackd-deploy recipe init data.csv --model DIR_OR_HUB_ID",
    "recipe copy": "ackd-deploy recipe copy quickstart mine.yaml",
    "recipe fetch": "ackd-deploy recipe fetch quickstart",
}
