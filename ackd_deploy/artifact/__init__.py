"""The deployable folder: its manifest, writing it whole, and opening one from elsewhere with care.

`ackd_deploy.runtime.verify` stands apart: it runs the artifact, and so imports the runtime, which imports this.
"""

from ackd_deploy.artifact.decision import Abstain, Decision
from ackd_deploy.artifact.load import open_artifact
from ackd_deploy.artifact.quality import CardInfo, ClassQuality, Quality
from ackd_deploy.artifact.schema import Columns, Golden, Manifest, VariantInfo
from ackd_deploy.artifact.write import seal, write_artifact

__all__ = [
    "Abstain",
    "CardInfo",
    "ClassQuality",
    "Columns",
    "Decision",
    "Golden",
    "Manifest",
    "Quality",
    "VariantInfo",
    "open_artifact",
    "seal",
    "write_artifact",
]
