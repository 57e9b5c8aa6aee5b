"""A killed run goes on bit for bit, wherever the kill came."""

from pathlib import Path

import pairs_of_words
import pytest
from killing import killed

NETWORKS = {
    "mlp with dropout": ["mlp", "epochs=2", "model.hidden=(32,)", "model.dropout=0.3", "batch_size=128", "ema=0.9"],
    "cnn with batch norm": [
        "small:Net",
        "epochs=2",
        "batch_size=128",
        "augment=shift",
        "optimizer=sgd",
        "momentum=0.9",
    ],
}
OPTIMIZERS = {  # with a state that is no tensor for each parameter
    "lbfgs": ["mlp", "epochs=2", "model.hidden=(16,)", "batch_size=256", "optimizer=lbfgs", "max_iter=4"],
    "sam in lookahead": [
        *("mlp", "epochs=2", "model.hidden=(32,)", "model.dropout=0.3", "batch_size=128"),
        *("optimizer=sgd", "lr=0.1", "sam=0.05", "lookahead=4"),
    ],
}
OPENING = {
    "a backbone that opens": [
        *("small:Net", "epochs=3", "batch_size=256", "optimizer=sgd", "momentum=0.9", "lookahead=2"),
        *("freeze=features", "unfreeze=1", "layer_decay=0.5", "schedule=cosine", "ema=0.9"),
    ],
}
TRANSLATORS = {
    "without attention": [
        *("seq2seq", "epochs=2", "model.width=16", "model.num_layers=2", "model.kind=lstm", "model.dropout=0.2"),
        *("batch_size=16", "schedule=cosine"),
    ],
    "attention and scheduled sampling": [
        *("seq2seq_attention", "epochs=2", "model.width=16", "model.dropout=0.2", "data.sampling=0.5"),
        *("data.sampling_epochs=1", "accumulate=2", "batch_size=16"),
    ],
    "a transformer": [
        *("transformer_seq2seq", "epochs=2", "model.width=16", "model.num_layers=1", "model.heads=2", "ema=0.9"),
        *("label_smoothing=0.1", "batch_size=16"),
    ],
}


def kill(tmp_path: Path, name: str, kills: int) -> str:
    model, *words = (NETWORKS | OPTIMIZERS | OPENING | TRANSLATORS)[name]
    if name in TRANSLATORS:
        model = f"{model}@{pairs_of_words.write(tmp_path / 'pairs', train=48)}"
        words += ["data.source=de", "data.target=en"]
    return killed(tmp_path, kills, model, *words)


@pytest.mark.parametrize("name", NETWORKS)
def test_final_weights_are_the_same_bits_after_6_kills(tmp_path, name):
    assert kill(tmp_path, name, 6).startswith("6 kills")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_with_more_than_a_rule_go_on_after_kills(tmp_path, name):
    assert kill(tmp_path, name, 4)


@pytest.mark.parametrize("name", TRANSLATORS)
def test_a_translator_goes_on_after_kills(tmp_path, name):
    assert kill(tmp_path, name, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSLATORS)
def test_translators_go_on_after_20_kills(tmp_path, name):
    assert kill(tmp_path, name, 20).startswith("2")


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS | OPTIMIZERS | OPENING)
def test_300_kills(tmp_path, name):
    assert kill(tmp_path, name, 300).startswith("3")
