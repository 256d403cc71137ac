"""What a teacher says of itself before it is loaded, as far as a recipe is drafted from it."""

from __future__ import annotations

from dataclasses import dataclass

from ackd_deploy.artifact.positions import text_positions
from ackd_deploy.data.profile.lengths import Counter
from ackd_deploy.files import read_json
from ackd_deploy.models.locate import is_hub_id, label_names_of, locate_model
from ackd_deploy.models.preflight import token_counter

__all__ = ["TeacherFacts", "teacher_facts"]

# A student of a third of a deep teacher's layers, the paper's 4 of 12; of half of a shallow one's.
_DEEP = 8
_BASE_LAYERS = 12


@dataclass(frozen=True)
class TeacherFacts:
    """A teacher, as its folder describes it; one on the hub is taken to be a BERT-base.

    Attributes:
        count: counts tokens of texts with its tokenizer, or None.
        positions: most tokens of a text, or None where that is not bounded or not known.
        labels: its label names, or None.
        layers: how many it has.
    """

    count: Counter | None
    positions: int | None
    labels: tuple[str, ...] | None
    layers: int

    @property
    def student_layers(self) -> int:
        """Layers of a student: a third of a deep teacher's, half of a shallow one's."""
        return self.layers // 3 if self.layers >= _DEEP else max(1, self.layers // 2)


def teacher_facts(model: str) -> TeacherFacts:
    """Look into a teacher's folder; nothing is fetched for one on the hub.

    Raises:
        DataError: the folder holds no usable model.
    """
    if is_hub_id(model):
        return TeacherFacts(None, None, None, _BASE_LAYERS)
    folder = locate_model(model)
    config = read_json(folder / "config.json")
    layers = config.get("num_hidden_layers") or config.get("n_layers")
    return TeacherFacts(
        count=token_counter(folder),
        positions=text_positions(config),
        labels=label_names_of(folder),
        layers=layers if isinstance(layers, int) else _BASE_LAYERS,
    )
