"""`chainrule bench`: the benchmarks of a checkout, or the gears of one formula. · 测速。"""

import runpy
import sys
from importlib import import_module
from pathlib import Path

import click

from ..errors import UserError
from .complete import check_formulas, formula_rooms, formulas
from .show import table

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "run.py"


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("names", nargs=-1, type=click.UNPROCESSED, metavar="[NAME]...", shell_complete=formulas)
def bench(names: tuple[str, ...]) -> int:
    """Time the gears of formulas by NAME; without one, run the whole benchmark against torch. · 测速。

    Words that start with a dash go to benchmarks/run.py.
    """
    if not names or names[0].startswith("-"):
        return _script(list(names))
    check_formulas(names)
    rooms = formula_rooms()
    for room in {rooms[name]: None for name in names}:
        import_module(room)
    from ..bench import time_formula

    rows = [row for name in names for row in time_formula(name)]
    table(["formula", "sample", "gear", ">forward µs", ">with backward µs", ">of torch"], rows)
    return 0


def _script(arguments: list[str]) -> int:
    if not SCRIPT.is_file():
        raise UserError("the benchmarks come with the source checkout; chainrule bench NAME times one formula anywhere")
    before, sys.argv = sys.argv, [str(SCRIPT), *arguments]
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    finally:
        sys.argv = before
        sys.path.remove(str(SCRIPT.parent))
    return 0
