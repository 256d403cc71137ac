import pytest

from ackd_deploy.bulk import answer, predictions
from ackd_deploy.errors import UsageError
from ackd_deploy.runtime import Classifier
from tests.artifact_builder import SENTENCES


def test_each_text_gets_the_prediction_that_it_has_alone(tiny_artifact):
    classifier = Classifier.load(tiny_artifact, threads=1)
    given = iter([SENTENCES[:3], SENTENCES[3:]])
    found = predictions(classifier, given, batch_size=2)
    first = next(found)
    assert [text for text, _ in first] == SENTENCES[:3]
    # The second list isn't asked for before somebody wants it.
    assert next(given) == SENTENCES[3:]
    assert list(found) == []
    for text, prediction in first:
        (alone,) = classifier.classify([text])
        assert prediction.label == alone.label
        assert prediction.score == pytest.approx(alone.score, abs=1e-5)
        written = answer(text, prediction)
        assert (written["text"], written["label"]) == (text, alone.label)
        assert "text_pair" not in written


def test_pairs_for_a_model_of_single_texts(tiny_artifact):
    with pytest.raises(UsageError, match="single texts"):
        list(predictions(Classifier.load(tiny_artifact, threads=1), [[("a", "b")]]))
