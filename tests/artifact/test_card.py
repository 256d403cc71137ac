import yaml

from ackd_deploy.artifact import Manifest, open_artifact
from ackd_deploy.artifact.card import render_card
from ackd_deploy.run.records import GateRecord
from tests.artifact.test_schema import PLAIN


def test_card_of_a_real_artifact(tiny_artifact):
    card = (tiny_artifact / "README.md").read_text()
    manifest = open_artifact(tiny_artifact)
    _, front, body = card.split("---\n", 2)
    assert yaml.safe_load(front)["pipeline_tag"] == "text-classification"
    assert "reconstruction" in body
    assert "negative, positive" in body
    for variant in manifest.variants:
        assert f"{variant.size_bytes / 1e6:.1f}" in body
    assert "one row at a time" in body


def test_gates_are_shown_and_none_invented():
    # Of the class that an export writes, so that the card knows each of its fields.
    failed = GateRecord(
        gate="accuracy drop", variant="int8", verdict="fail", figure=0.71234567, bound=0.5, n=872, interval=(-0.1, 1.2)
    )
    shown = GateRecord(gate="parity", variant="fp16", verdict="info", figure=None, detail="largest at row 3")
    gates = [gate.model_dump(mode="json") for gate in (failed, shown)]
    card = render_card(Manifest.model_validate({**PLAIN, "gates": gates}))
    assert "| accuracy drop | int8 | fail | 0.712346 | 0.5 | 872 | -0.1, 1.2 |  |" in card
    assert "| parity | fp16 | info |  |  |  |  | largest at row 3 |" in card
    assert "Gates" not in render_card(Manifest.model_validate(PLAIN))


def test_names_cannot_smuggle_markup():
    card = render_card(
        Manifest.model_validate({**PLAIN, "name": "x | y <script>alert(1)</script>", "labels": ["[a](b)", "`c`"]})
    )
    assert "<script>" not in card
    assert "\\<script\\>" in card
    assert "\\[a\\](b), \\`c\\`" in card


def test_template_code_in_a_value_is_text():
    card = render_card(Manifest.model_validate({**PLAIN, "provenance": {"note": "{{ 6 * 7 }}"}}))
    assert "{{ 6 \\* 7 }}" in card
