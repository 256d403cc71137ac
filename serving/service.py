"""The BentoML service: ``ackd-deploy serve`` anywhere, or ``bentoml serve`` in this folder.

    ACKD_ARTIFACT=runs/quickstart/artifact bentoml serve .

What can be set is in ackd_deploy/serving/settings.py. BentoML's own supervisor opens two control sockets on 127.0.0.1,
which ask for no password; ``ackd-deploy serve`` opens none (docs/security.md).
"""

from pathlib import Path

from ackd_deploy.serving.service import define_service

Ackd = define_service(Path(__file__).resolve().parent)
