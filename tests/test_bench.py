"""The gears of one formula against the clock: every gear has a row, torch's operator is the measure."""

import pytest

from chainrule.bench import ENTRIES, enlarged, time_formula
from chainrule.formula import REGISTRY
from chainrule.proof import Case

from .proof.registry import FORMULAS


@pytest.mark.parametrize("name", ["linear", "relu", "swish"])
def test_every_gear_has_a_row_and_torch_is_one(name):
    rows = time_formula(name, seconds=0.0, compiled=False)
    card = REGISTRY[name]
    assert {row[2] for row in rows} == set(card.gears())
    assert all(float(row[3]) > 0 and float(row[4]) > 0 for row in rows)
    assert {row[5] for row in rows if row[2] == "twin"} == ({"1.00"} if card.twin else set())


@pytest.mark.parametrize("name", FORMULAS)
def test_enlarged_samples_still_run(name):
    card = REGISTRY[name]
    case = Case(card, next(iter(card.samples())))
    given = enlarged(case)
    card.apply(*given)
    assert [i for i, a in enumerate(given) if getattr(a, "requires_grad", False)] == case.wanted
    assert max(t.numel() for t in given if hasattr(t, "numel")) <= 2 * ENTRIES
