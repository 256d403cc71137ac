"""The recipe's sections: every key with its type, default, bounds and description. Nothing here imports torch."""

from ackd_deploy.recipe.sections.base import Optimization, Section
from ackd_deploy.recipe.sections.card import Card
from ackd_deploy.recipe.sections.contrastive import Cdl, Negatives, Sar
from ackd_deploy.recipe.sections.data import Augment, Data, HeldOut, HubSplit
from ackd_deploy.recipe.sections.distill import Distill, Method
from ackd_deploy.recipe.sections.export import Abstain, Export, Gates, Variant
from ackd_deploy.recipe.sections.models import Finetune, LayerMap, Student, Teacher

__all__ = [
    "Abstain",
    "Augment",
    "Card",
    "Cdl",
    "Data",
    "Distill",
    "Export",
    "Finetune",
    "Gates",
    "HeldOut",
    "HubSplit",
    "LayerMap",
    "Method",
    "Negatives",
    "Optimization",
    "Sar",
    "Section",
    "Student",
    "Teacher",
    "Variant",
]
