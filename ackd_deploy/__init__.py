"""ackd-deploy: from labelled text and a BERT classifier to a small, checked classifier over HTTP."""

__version__ = "0.1.0"
