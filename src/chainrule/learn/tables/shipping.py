"""A network of tables as a function of a row's own numbers and categories. · 表格网络：以行内原值进出。"""

from dataclasses import asdict
from os import PathLike
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ... import __version__
from ...data.tables.columns import Column
from ..parcel import Exported, Parcel, ship
from ..scripts import scripts

if TYPE_CHECKING:
    from .kind import TableFacts
    from .run import TableRun

READS = """columns, nothing = facts["columns"], ("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "?")
def number(cell, kind):
    date = re.fullmatch(r"(\\d{4})[-/.](\\d+)[-/.](\\d+)(?:[ T](\\d+):(\\d+)(?::(\\d+))?.*)?", cell)
    if cell.lower() in nothing:
        return np.nan
    if kind == "boolean" and cell.lower() in ("true", "yes", "t", "y", "false", "no", "f", "n"):
        return float(cell.lower() in ("true", "yes", "t", "y"))
    if kind == "date" and date:
        spent = datetime.datetime(*(int(part or 0) for part in date.groups())) - datetime.datetime(1970, 1, 1)
        return spent.total_seconds() / 86400
    return float(cell)
def place(cell, column):
    known = column["categories"]
    return int(column["gaps"]) if cell.lower() in nothing else known.index(cell) + 2 if cell in known else 0
for path in sys.argv[1:]:
    text = pathlib.Path(path).read_text(encoding="utf-8-sig").splitlines(True)
    table = csv.reader(text, delimiter=max(",;\\t|", key=text[0].count))
    rows = [[cell.strip() for cell in row] for row in table if row]
    few = [title for title in facts["titles"] if len(rows[0]) == len(facts["titles"]) or title != facts["target"]]
    heads = rows.pop(0) if {column["name"] for column in columns} <= set(rows[0]) else few
    for row in rows:
        cells, given = dict(zip(heads, row)), {}
        for name, want, read, kind in (
            ("numbers", lambda c: c["kind"] != "category", lambda c: number(cells[c["name"]], c["kind"]), np.float64),
            ("categories", lambda c: c["kind"] == "category", lambda c: place(cells[c["name"]], c), np.int64),
        ):
            if any(map(want, columns)):
                given[name] = np.array([[read(column) for column in columns if want(column)]], kind)
        out = answer(**given)[0][0]
"""
TELLS = {
    "classification": """        likely = np.exp(out - out.max())
        print(facts["classes"][out.argmax()], f"{likely.max() / likely.sum():.4f}", sep="\\t")
""",
    "regression": """        print(out)
""",
}


class Reading(torch.nn.Module):
    """Fills gaps, standardises, answers in the units of the table. · 填补、标准化并以表格单位回答。

    numbers float64 [N, F] as the table has them, nan where there is none   categories int64 [N, K] places, see facts
    scores float32 [N, C] of the classes, or value float64 [N]
    """

    median: Tensor
    mean: Tensor
    std: Tensor
    order: Tensor

    def __init__(self, network: torch.nn.Module, facts: "TableFacts"):
        super().__init__()
        told = [column for column in facts.columns if column.kind != "category"]
        for name in ("median", "mean", "std"):
            values = [getattr(column, name) for column in told]
            self.register_buffer(name, torch.tensor(values, dtype=torch.float64))
        self.network, self.units = network, None if facts.classes else (facts.mean, facts.std)
        self.with_categories = len(told) < len(facts.columns)
        # Behind each number that has gaps stands whether it is one: places in [numbers, gaps].
        places = [i for k, column in enumerate(told) for i in ([k, len(told) + k] if column.gaps else [k])]
        self.register_buffer("order", torch.tensor(places, dtype=torch.int64))

    def forward(self, *given: Tensor) -> tuple[Tensor]:
        rows, none = given[0].shape[0], torch.zeros
        categories = given[-1] if self.with_categories else none(rows, 0, dtype=torch.int64)
        if len(self.order):
            gaps = given[0].isnan()
            z = (torch.where(gaps, self.median, given[0]) - self.mean) / self.std
            x = torch.cat([z.float(), gaps.float()], 1)[:, self.order]
        else:
            x = none(rows, 0)
        out = self.network(x, categories)
        return (out if self.units is None else out[:, 0].double() * self.units[1] + self.units[0],)


def export(run: "TableRun", to: str, fold_bn: bool, out: str | PathLike[str] | None) -> Exported:
    """Write the network with its units, tried against what it answers here. · 导出并核对；参见 `parcel.ship`。"""
    facts: TableFacts = run.facts
    told = [column for column in facts.columns if column.kind != "category"]
    rest = [column for column in facts.columns if column.kind == "category"]
    inputs = (*(("numbers",) if told else ()), *(("categories",) if rest else ()))

    def example(size: int) -> tuple[Tensor, ...]:
        return (*([_numbers(told, size)] if told else ()), *([_places(rest, size)] if rest else ()))

    beside = scripts(
        f"Foretell {facts.target}".replace('"', "'"),
        "TABLE.csv...",
        READS + TELLS[facts.task],
        imports="csv, datetime, re",
    )
    named = ("scores",) if facts.classes else ("value",)
    made = Reading(run.network, facts).eval()
    return ship(run, [Parcel(made, inputs, named, example, _known(run), beside)], to, fold_bn, out)


def _known(run: "TableRun") -> dict[str, Any]:
    facts: TableFacts = run.facts
    return {
        "model": run.model,
        "target": facts.target,
        "classes": list(facts.classes),
        "titles": list(facts.titles),
        "columns": [{**asdict(column), "categories": list(column.categories)} for column in facts.columns],
        "input": "numbers: float64 [N, F], the columns that are no categories, in this order, nan where there is none, "
        "a date as days since 1970-01-01, true as 1; categories: int64 [N, K], 0 one that is not in the list, 1 nothing"
        " there (0 where the column has no gaps), from 2 on the list",
        "made_by": f"chainrule {__version__}",
    }


def _numbers(columns: list[Column], size: int) -> Tensor:
    """Numbers as the table has them, with some gaps."""
    draw = torch.Generator().manual_seed(size)
    z = torch.randn(size, len(columns), generator=draw, dtype=torch.float64)
    mean, std = (torch.tensor([getattr(c, k) for c in columns], dtype=torch.float64) for k in ("mean", "std"))
    return torch.where(torch.rand(z.shape, generator=draw) < 0.1, torch.nan, z * std + mean)


def _places(columns: list[Column], size: int) -> Tensor:
    draw = torch.Generator().manual_seed(size)
    return torch.stack([torch.randint(0, column.places, (size,), generator=draw) for column in columns], 1)
