"""From an artifact to predictions, with numpy, tokenizers and an engine alone: no torch, no transformers."""

from ackd_deploy.runtime.classifier import Classifier
from ackd_deploy.runtime.cpu import cpu_features, cpu_info, effective_cpus
from ackd_deploy.runtime.engines.base import EngineSession
from ackd_deploy.runtime.engines.opening import open_engine
from ackd_deploy.runtime.engines.session import open_session
from ackd_deploy.runtime.predictions import Prediction
from ackd_deploy.runtime.tokenizer import Tokens

__all__ = [
    "Classifier",
    "EngineSession",
    "Prediction",
    "Tokens",
    "cpu_features",
    "cpu_info",
    "effective_cpus",
    "open_engine",
    "open_session",
]
