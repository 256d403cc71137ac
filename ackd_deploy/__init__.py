"""ackd-deploy: from labeled text and a BERT classifier to a small, checked classifier over HTTP."""

import os

# ONNX Runtime's wheels collect telemetry from 1.32 on, keep it in a database in the home folder and send it when
# they can. It reads this when it is imported, which every part of this package does later than this line.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
