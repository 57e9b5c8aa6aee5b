"""Curves, areas, calibration and multi-label figures equal scikit-learn's; edges are what they are said to be."""

import itertools
import math
import warnings

import numpy as np
import pytest
import torch

from chainrule.learn.metrics import Multilabel
from chainrule.learn.metrics.calibration import Calibration, temperature
from chainrule.learn.metrics.ranking import ranking

sklearn = pytest.importorskip("sklearn.metrics")


def samples(kind, n=60):
    torch.manual_seed(3)
    score, truth = torch.randn(n, dtype=torch.float64), torch.rand(n) < 0.3
    if kind == "ties":
        score = (score * 2).round() / 2
    if kind == "all alike":
        score = torch.zeros(n, dtype=torch.float64)
    if kind == "apart":
        score = truth.double() + score.sigmoid() / 2
    return score, truth


@pytest.mark.parametrize("kind", ["plain", "ties", "all alike", "apart"])
def test_curves_equal_sklearn(kind):
    score, truth = samples(kind)
    made = ranking(score, truth)
    fpr, tpr, threshold = sklearn.roc_curve(truth, score, drop_intermediate=False)
    assert made.roc[0].numpy() == pytest.approx(fpr) and made.roc[1].numpy() == pytest.approx(tpr)
    assert made.threshold.numpy() == pytest.approx(threshold[1:])
    assert made.auc == pytest.approx(sklearn.roc_auc_score(truth, score))
    assert made.average_precision == pytest.approx(sklearn.average_precision_score(truth, score))
    precision, recall, _ = sklearn.precision_recall_curve(truth, score)
    assert made.precision_recall[0].numpy() == pytest.approx(recall[::-1])
    assert made.precision_recall[1].numpy() == pytest.approx(precision[::-1])


def test_auc_is_how_often_a_true_sample_scores_above_a_false_one():
    score, truth = samples("ties")
    pairs = score[truth][:, None] - score[~truth]
    assert ranking(score, truth).auc == pytest.approx(
        float((pairs > 0).double().mean() + (pairs == 0).double().mean() / 2)
    )


def test_a_class_that_is_everything_or_nothing_has_no_area():
    score = torch.rand(5)
    everything, nothing = torch.ones(5, dtype=torch.bool), torch.zeros(5, dtype=torch.bool)
    assert math.isnan(ranking(score, everything).auc) and ranking(score, everything).average_precision == 1
    assert math.isnan(ranking(score, nothing).auc) and math.isnan(ranking(score, nothing).average_precision)
    assert math.isnan(ranking(score[:0], nothing[:0]).auc)
    with pytest.raises(ValueError, match="got nan"):
        ranking(torch.tensor([float("nan")]), torch.tensor([True]))


@pytest.mark.parametrize("batch", [1, 7, 200])
def test_calibration_is_the_sum_over_bins(batch):
    torch.manual_seed(0)
    confidence = torch.rand(200, dtype=torch.float64)
    confidence[:3] = torch.tensor([0.0, 0.5, 1.0])  # the ends of bins
    right = torch.rand(200) < confidence
    made = Calibration(bins=10)
    for c, r in zip(confidence.split(batch), right.split(batch), strict=True):
        made.add(c, r)
    expected, edges = 0.0, np.linspace(0, 1, 11)
    for low, high in itertools.pairwise(edges):
        inside = (confidence > low if low else confidence >= 0) & (confidence <= high)
        if inside.any():
            gap = abs(float(right[inside].double().mean() - confidence[inside].mean()))
            expected += int(inside.sum()) / 200 * gap
    assert made.ece == pytest.approx(expected) and made.count.sum() == 200
    fraction, mean = pytest.importorskip("sklearn.calibration").calibration_curve(right, confidence, n_bins=10)
    assert made.accuracy.numpy() == pytest.approx(fraction, abs=0.06)  # sklearn's bins hold their lower ends
    assert (made.confidence / made.count).numpy() == pytest.approx(mean, abs=0.06)


def test_calibration_of_nothing_is_no_error():
    assert Calibration().ece == 0 and Calibration().accuracy.isnan().all()
    assert math.isnan(temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)))


@pytest.mark.parametrize("factor", [0.5, 1.0, 4.0])
def test_temperature_finds_by_what_logits_were_scaled_up(factor):
    torch.manual_seed(0)
    z = torch.randn(400, 5, dtype=torch.float64) * 2
    y = torch.multinomial(z.softmax(-1), 1)[:, 0]
    once = temperature(z, y)
    assert temperature(factor * z, y) == pytest.approx(factor * once, rel=1e-9)
    at, warmer, colder = (torch.nn.functional.cross_entropy(z / t, y) for t in (once, once * 1.01, once / 1.01))
    assert at < warmer and at < colder
    assert math.isnan(temperature(z, z.argmax(1)))  # all right: the colder the better


@pytest.mark.parametrize("batch", [1, 7, 50])
def test_multilabel_equals_sklearn(batch):
    torch.manual_seed(0)
    logits, target = (torch.randn(50, 4) * 2).round() / 2, (torch.rand(50, 4) < 0.4).float()
    target[:, 3] = 0  # never occurs
    metrics = Multilabel(4)
    for x, y in zip(logits.split(batch), target.split(batch), strict=True):
        metrics.add(x, y, float(torch.nn.functional.binary_cross_entropy_with_logits(x, y)))
    figures, named = metrics.figures(), (logits >= 0).int()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the class that never occurs
        assert figures["micro_f1"] == pytest.approx(sklearn.f1_score(target, named, average="micro"))
        assert figures["macro_f1"] == pytest.approx(sklearn.f1_score(target, named, average="macro", zero_division=0))
    assert figures["map"] == pytest.approx(sklearn.average_precision_score(target[:, :3], logits[:, :3]))
    assert figures["exact"] == pytest.approx(sklearn.accuracy_score(target, named))
    precision, recall, f1, _ = sklearn.precision_recall_fscore_support(target, named, zero_division=0)
    for ours, theirs in zip(metrics.per_class(), (precision, recall, f1), strict=True):
        assert ours.numpy() == pytest.approx(theirs)
    assert figures["loss"] == pytest.approx(float(torch.nn.functional.binary_cross_entropy_with_logits(logits, target)))


def test_multilabel_of_another_threshold_and_of_nothing():
    metrics = Multilabel(2, threshold=0.8)
    metrics.add(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 1.0]]), 0.0)  # sigmoid 0.73 and 0.88
    assert metrics.counts.tolist() == [[0, 1], [0, 1], [1, 1]]
    empty = Multilabel(2).figures()
    assert math.isnan(empty["map"]) and empty["micro_f1"] == 0 and empty["count"] == 0
