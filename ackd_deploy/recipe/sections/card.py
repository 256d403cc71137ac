"""The recipe's section ``card``: what the model card's metadata say and no measurement can find out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ackd_deploy.recipe.sections.base import Section

__all__ = ["Card"]

# Of the hub: 'mit', 'apache-2.0'; 'en', 'pt-BR', 'multilingual'; 'owner/name'.
License = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,99}$")]
Language = Annotated[str, Field(pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*|multilingual)$")]
HubId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?$")]


class Card(Section):
    """Metadata of the model card, by the hub's conventions."""

    license: License | None = Field(
        None, description="The model's license as the hub writes it, such as mit or apache-2.0; absent: none is stated."
    )
    language: Annotated[list[Language], Field(min_length=1)] | None = Field(
        None, description="Languages of the texts: ISO 639 codes, such as [en, de]."
    )
    base_model: HubId | None = Field(
        None, description="Hub id of the model that the teacher comes from; absent: teacher.model, if that is a hub id."
    )
    datasets: Annotated[list[HubId], Field(min_length=1)] | None = Field(
        None, description="Hub ids of the data; absent: those that section data names."
    )
