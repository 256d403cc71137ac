"""The profile of the data, as the run's folder has it."""

from __future__ import annotations

from pydantic import ValidationError

from ackd_deploy.data.profile import Profile
from ackd_deploy.errors import ArtifactError
from ackd_deploy.files import read_json
from ackd_deploy.run import Run

__all__ = ["data_profile"]


def data_profile(run: Run) -> Profile | None:
    """Return the profile; None where the run has none, or a damaged one: a page must not fail over it."""
    try:
        return Profile.model_validate(read_json(run.path("profile.json")))
    except (ArtifactError, ValidationError):
        return None
