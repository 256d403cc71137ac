import itertools
import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ackd_deploy.errors import DataError, EnvironmentProblem, UsageError
from ackd_deploy.runtime import Classifier
from ackd_deploy.runtime.selftest import self_test
from tests.artifact_builder import SENTENCES, build_artifact
from tests.runtime.in_threads import problems_in_threads

ABSENT = "amx_not_of_this_world"


@pytest.fixture(scope="module")
def classifier(tiny_artifact: Path) -> Classifier:
    return Classifier.load(tiny_artifact, threads=1)


@pytest.fixture(scope="module")
def quantized(tiny_artifact: Path) -> Classifier:
    return Classifier.load(tiny_artifact, threads=1, variant="int8_dynamic")


def torch_logits(scratch: Path, architecture: str, labels: int, texts: list) -> np.ndarray:
    """The same weights in PyTorch, each text alone, tokenized by transformers."""
    import torch
    from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

    folder = scratch / f"{architecture}-{labels}"
    model = AutoModelForSequenceClassification.from_pretrained(folder / "torch").eval()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]")
    rows = []
    for text in texts:
        pair = (text,) if isinstance(text, str) else text
        # transformers 5 gives token types only where asked to, 4.57 unless asked not to.
        types = architecture == "bert"
        encoded = tokenizer(*pair, truncation=True, max_length=24, return_tensors="pt", return_token_type_ids=types)
        with torch.no_grad():
            rows.append(model(**encoded).logits[0].numpy())
    return np.stack(rows)


def test_logits_are_those_of_torch(classifier, artifact_scratch):
    texts = [*SENTENCES, "", " ".join(SENTENCES)]
    assert np.abs(classifier.logits(texts) - torch_logits(artifact_scratch, "bert", 2, texts)).max() < 1e-4


def test_graph_without_token_types(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch, architecture="distilbert")
    classifier = Classifier.load(folder, threads=1)
    assert classifier.manifest.inputs == ["input_ids", "attention_mask"]
    expected = torch_logits(artifact_scratch, "distilbert", 2, SENTENCES)
    assert np.abs(classifier.logits(SENTENCES) - expected).max() < 1e-4


def test_pairs_are_marked_by_token_types(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch, pairs=True)
    classifier = Classifier.load(folder, threads=1)
    pairs = [(SENTENCES[0], SENTENCES[1]), (SENTENCES[1], SENTENCES[0]), ("a", " ".join(SENTENCES))]
    assert np.abs(classifier.logits(pairs) - torch_logits(artifact_scratch, "bert", 2, pairs)).max() < 1e-4
    with pytest.raises(UsageError, match="text 0: this model takes pairs"):
        classifier.classify(["alone"])


def test_pair_for_a_model_of_single_texts(classifier):
    with pytest.raises(UsageError, match="text 1: this model takes single texts"):
        classifier.classify(["fine", ("a", "b")])


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    texts=st.lists(st.lists(st.sampled_from(" ".join(SENTENCES).split()), max_size=40).map(" ".join), max_size=12),
    batch_size=st.integers(1, 5),
)
def test_a_mixture_keeps_its_order_and_its_answers(classifier, texts, batch_size):
    together = classifier.classify(texts, batch_size)
    alone = [classifier.classify([text])[0] for text in texts]
    for mixed, single in zip(together, alone, strict=True):
        assert mixed.num_tokens == single.num_tokens
        assert mixed.truncated == single.truncated
        assert mixed.scores == pytest.approx(single.scores, abs=1e-5)


def test_row_by_row_gives_each_row_what_it_gets_alone_to_the_bit(quantized):
    assert quantized.variant.batch_sensitive
    texts = [*SENTENCES, " ".join(SENTENCES), "a"]
    alone = np.concatenate([quantized.logits([text]) for text in texts])
    assert np.array_equal(quantized.logits(texts, batch_size=32), alone)
    tokens = quantized.tokenize(texts)
    # Without it the rows would move each other: that is why the flag exists.
    assert not np.array_equal(quantized._run(tokens), alone)


def test_three_steps_equal_classify(classifier):
    tokens = classifier.tokenize(SENTENCES)
    assert classifier.predict(classifier.run(tokens), tokens) == pytest.approx(classifier.classify(SENTENCES))


def test_nothing_in_nothing_out(classifier):
    assert classifier.classify([]) == []
    assert classifier.logits([]).shape == (0, 2)
    assert classifier.run([]).shape == (0, 2)


def test_more_texts_than_are_tokenized_at_once(classifier):
    texts = [SENTENCES[index % 8] for index in range(4096 + 5)]
    logits = classifier.logits(texts)
    assert np.allclose(logits[:8], logits[4088:4096], atol=1e-5)
    assert len(classifier.classify(texts)) == 4101


@pytest.mark.parametrize("size", [0, -1])
def test_batch_size_below_one(classifier, size):
    with pytest.raises(UsageError, match="batch_size"):
        classifier.classify(["a"], size)


def test_no_text(classifier):
    with pytest.raises(DataError, match="text 0"):
        classifier.classify([3])


def test_multi_label_and_regression(tmp_path, artifact_scratch):
    topics = ("plot", "acting", "music")
    folder = build_artifact(
        tmp_path / "m", artifact_scratch, problem_type="multi_label_classification", labels=topics, temperature=2.0
    )
    classifier = Classifier.load(folder, threads=1)
    logits, predictions = classifier.logits(SENTENCES), classifier.classify(SENTENCES)
    for row, prediction in zip(logits, predictions, strict=True):
        assert list(prediction.scores.values()) == pytest.approx((1 / (1 + np.exp(-row / 2.0))).tolist(), abs=1e-6)
        assert prediction.labels == tuple(name for name, score in prediction.scores.items() if score >= 0.5)
    folder = build_artifact(tmp_path / "r", artifact_scratch, problem_type="regression", labels=("score",))
    classifier = Classifier.load(folder, threads=1)
    assert [prediction.score for prediction in classifier.classify(SENTENCES)] == pytest.approx(
        classifier.logits(SENTENCES)[:, 0].tolist()
    )
    assert self_test(classifier) == 8


def test_temperature_changes_scores_and_not_labels(tmp_path, artifact_scratch, classifier):
    folder = build_artifact(tmp_path / "t", artifact_scratch, temperature=3.0)
    cooler = Classifier.load(folder, threads=1).classify(SENTENCES)
    plain = classifier.classify(SENTENCES)
    assert [prediction.label for prediction in cooler] == [prediction.label for prediction in plain]
    assert all(after.score < before.score for after, before in zip(cooler, plain, strict=True))


def test_missing_feature_falls_back_to_fp32_aloud(tmp_path, artifact_scratch, caplog):
    folder = build_artifact(tmp_path / "a", artifact_scratch, chosen="int8_dynamic", cpu_features=(ABSENT,))
    with caplog.at_level(logging.WARNING):
        classifier = Classifier.load(folder, threads=1)
    assert classifier.variant.name == "fp32"
    assert ABSENT in caplog.text
    assert "'fp32' runs instead" in classifier.fallback_reason
    with pytest.raises(EnvironmentProblem, match=ABSENT):
        Classifier.load(folder, threads=1, strict=True)
    with pytest.raises(EnvironmentProblem, match=ABSENT):
        Classifier.load(folder, threads=1, variant="int8_dynamic")


def test_unknown_variant_names_those_there_are(tiny_artifact):
    with pytest.raises(UsageError) as caught:
        Classifier.load(tiny_artifact, variant="int4")
    assert "fp32, int8_dynamic" in caught.value.hint


def test_threads_share_one_classifier(classifier):
    expected = classifier.classify(SENTENCES)

    def work(_: int) -> list[object]:
        return ["differs" for _ in range(20) if classifier.classify(SENTENCES) != expected]

    assert problems_in_threads(6, work) == []


def test_a_large_batch_runs_in_parts_of_like_length_on_a_cpu(tiny_artifact):
    classifier = Classifier.load(tiny_artifact, threads=1, variant="fp32")
    tokens = classifier.tokenize([" ".join(["film"] * (1 + 7 * n % 19)) for n in range(21)])
    shapes = []
    honest = classifier._run

    def watched(rows):
        shapes.append([len(row.ids) for row in rows])
        return honest(rows)

    classifier._run = watched
    together = classifier.run(tokens)
    assert [len(lengths) for lengths in shapes] == [8, 8, 5]
    # Each part is no longer than the shortest row of the part before.
    assert all(max(after) <= min(before) for before, after in itertools.pairwise(shapes))
    alone = np.concatenate([honest([row]) for row in tokens])
    assert np.abs(together - alone).max() < 1e-5


def test_a_folder_named_as_text_is_loaded_too(tiny_artifact):
    as_text, as_path = Classifier.load(str(tiny_artifact)), Classifier.load(tiny_artifact)
    assert as_text.classify(["a warm film"]) == as_path.classify(["a warm film"])
