"""A network that forecasts, as a function of numbers in their own units. · 预测网络：以原单位的数值进出。"""

from os import PathLike
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ... import __version__
from ..parcel import Exported, Parcel, ship
from ..scripts import scripts
from .data import SeriesFacts

if TYPE_CHECKING:
    from .run import SeriesRun

FORECASTS = """for path in sys.argv[1:]:
    text = pathlib.Path(path).read_text(encoding="utf-8-sig").splitlines(True)
    rows = [row for row in csv.reader(text, delimiter=max(",;\\t|", key=text[0].count)) if row]
    heads = [cell.strip() for cell in rows[0]]
    at = [heads.index(name) if name in heads else int(name) for name in facts["columns"]]
    window = np.array([[float(row[k]) for k in at] for row in rows[-facts["window"] :]])
    print(path, *answer(window=window[None])[0][0], sep="\\t")
"""


class Forecasting(torch.nn.Module):
    """Standardises, forecasts, and puts back the units. · 标准化、预测、还原单位。

    window float64 [N, W, C] in its own units, the last W moments   forecast float64 [N, F] of the first column
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: torch.nn.Module, facts: SeriesFacts):
        super().__init__()
        self.register_buffer("mean", torch.tensor(facts.mean, dtype=torch.float64))
        self.register_buffer("std", torch.tensor(facts.std, dtype=torch.float64))
        self.network, self.log = network, facts.log

    def forward(self, window: Tensor) -> tuple[Tensor]:
        told = window.log() if self.log else window
        out = self.network(((told - self.mean) / self.std).float()).double() * self.std[0] + self.mean[0]
        return (out.exp() if self.log else out,)


def export(run: "SeriesRun", to: str, fold_bn: bool, out: str | PathLike[str] | None) -> Exported:
    """Write the network with its units, tried against what it answers here. · 导出并核对；参见 `parcel.ship`。"""
    facts: SeriesFacts = run.facts
    known = {k: v for k, v in facts.to_json().items() if k not in ("fingerprint", "scale")}
    known |= {
        "model": run.model,
        "input": "window: float64 [N, window, columns], the last moments in their own units, the newest last",
        "made_by": f"chainrule {__version__}",
    }

    def example(size: int) -> tuple[Tensor, ...]:
        draw = torch.Generator().manual_seed(size)
        z = torch.randn(size, facts.window, len(facts.columns), generator=draw, dtype=torch.float64)
        told = z * torch.tensor(facts.std, dtype=torch.float64) + torch.tensor(facts.mean, dtype=torch.float64)
        return (told.exp() if facts.log else told,)

    beside = scripts("Forecast", "TABLE.csv...", FORECASTS, imports="csv")
    made = Forecasting(run.network, facts).eval()
    return ship(run, [Parcel(made, ("window",), ("forecast",), example, known, beside)], to, fold_bn, out)
