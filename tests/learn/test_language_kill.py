"""A language model that is killed goes on bit for bit, the state that it carries with it."""

from pathlib import Path

import pytest
from killing import killed

TEXT = "".join(f"the {a} {b} on the mat.\n" for a in ("cat", "dog", "owl") for b in ("sat", "hid")) * 40
MODELS = {
    "recurrent_lm": ["model.width=12", "model.num_layers=2", "model.dropout=0.3", "accumulate=2", "data.steps=16"],
    "transformer_lm": ["model.width=8", "model.heads=2", "model.num_layers=1", "data.tokens=words", "data.steps=8"],
}


def kill(tmp_path: Path, model: str, kills: int) -> str:
    (tmp_path / "verse.txt").write_text(TEXT)
    words = [f"{model}@{tmp_path / 'verse.txt'}", "epochs=2", "batch_size=16", "lr=1e-2", "ema=0.9", *MODELS[model]]
    return killed(tmp_path / "runs", kills, *words)


def test_a_state_that_is_carried_survives_kills(tmp_path):
    assert kill(tmp_path, "recurrent_lm", 5)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_20_kills(tmp_path, model):
    assert kill(tmp_path, model, 20).startswith("2")
