"""What the model card's metadata say, as far as a recipe tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ackd_deploy.artifact import CardInfo
from ackd_deploy.models.locate import is_hub_id
from ackd_deploy.recipe import Recipe
from ackd_deploy.recipe.sections import HubSplit

__all__ = ["card_info"]


def card_info(recipe: Recipe, precision: str) -> CardInfo | None:
    """Return the metadata of an artifact whose chosen variant has this precision; None where there is nothing to say.

    A student is told as fine-tuned from its base, since the hub knows no relation for distilled models, or as
    quantized where it answers in 8 bits. A classifier that existed before and is served in fp32 is that very model.
    """
    card, data = recipe.card, recipe.data
    # A student of soft labels is its own checkpoint's child.
    model = recipe.student.init if recipe.teacher.model is None else recipe.teacher.model
    base = card.base_model or (model if is_hub_id(model) else None)
    hubs = [split.hub for split in (data.train, data.validation) if isinstance(split, HubSplit)]
    rows = data.validation.hub if isinstance(data.validation, HubSplit) else Path(str(data.validation)).name
    try:
        return CardInfo(
            license=card.license,
            language=card.language,
            base_model=base,
            base_model_relation=None if base is None else _relation(recipe, precision),
            datasets=card.datasets or list(dict.fromkeys(hubs)) or None,
            validation=rows,
        )
    except ValidationError:
        # A file's name with a control character, say: the card then does without.
        return None


def _relation(recipe: Recipe, precision: str) -> Literal["quantized", "finetune"] | None:
    if precision == "int8":
        return "quantized"
    return None if recipe.existing else "finetune"
