"""The figures equal scikit-learn's, whatever the batches were."""

import pytest
import torch

from chainrule.learn.metrics import Classification, Regression

sklearn = pytest.importorskip("sklearn.metrics")


@pytest.mark.parametrize("batch", [1, 7, 50])
def test_classification_equals_sklearn(batch):
    torch.manual_seed(0)
    logits, target = torch.randn(50, 6), torch.randint(0, 5, (50,))  # class 5 never occurs but is predicted
    metrics = Classification(6, topk=3)
    for x, y in zip(logits.split(batch), target.split(batch), strict=True):
        metrics.add(x, y, float(torch.nn.functional.cross_entropy(x, y)))
    figures, guess = metrics.figures(), logits.argmax(1)
    seen = sorted(set(target.tolist()))
    macro = {"average": "macro", "labels": seen, "zero_division": 0}
    assert figures["accuracy"] == pytest.approx(sklearn.accuracy_score(target, guess))
    assert figures["top3"] == pytest.approx(sklearn.top_k_accuracy_score(target, logits, k=3, labels=range(6)))
    assert figures["precision"] == pytest.approx(sklearn.precision_score(target, guess, **macro))
    assert figures["recall"] == pytest.approx(sklearn.recall_score(target, guess, **macro))
    assert figures["f1"] == pytest.approx(sklearn.f1_score(target, guess, **macro))
    assert metrics.confusion.tolist() == sklearn.confusion_matrix(target, guess, labels=range(6)).tolist()
    assert figures["loss"] == pytest.approx(float(torch.nn.functional.cross_entropy(logits, target)), rel=1e-5)


@pytest.mark.parametrize("batch", [1, 7, 40])
def test_regression_equals_sklearn(batch):
    torch.manual_seed(0)
    guess, truth = torch.randn(40, 1), 3 + torch.randn(40)
    metrics = Regression()
    for x, y in zip(guess.split(batch), truth.split(batch), strict=True):
        metrics.add(x, y, float(((x[:, 0] - y) ** 2).mean()))
    figures = metrics.figures()
    assert figures["mse"] == pytest.approx(sklearn.mean_squared_error(truth, guess[:, 0]))
    assert figures["mae"] == pytest.approx(sklearn.mean_absolute_error(truth, guess[:, 0]))
    assert figures["r2"] == pytest.approx(sklearn.r2_score(truth, guess[:, 0]))
    assert figures["loss"] == pytest.approx(figures["mse"], rel=1e-6)
