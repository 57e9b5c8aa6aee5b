"""Where a set that has a name lies: in a folder below $CHAINRULE_DATA, or in the user's cache. · 数据集的存放位置。

No torch and no numpy here.
"""

from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from .names import show
from .sources import cache, places

_PACKED = ("", ".gz", ".xz")


@dataclass(frozen=True)
class Shelf:
    """Folders of which one holds the files of a set, plain or packed. · 存放数据集文件的文件夹。

    folders: names below $CHAINRULE_DATA, the usual one first; files: all that must lie there, none where the folder
    alone tells; origin: where they were published.
    """

    folders: tuple[str, ...]
    files: tuple[str, ...]
    origin: str

    def here(self) -> Path | None:
        """The folder that holds all of it; None where there is none on this machine. · 已有数据所在文件夹。"""
        every = [place for folder in self.folders for place in places(folder)]
        return next((place for place in every if place.exists() and all(held(place, f) for f in self.files)), None)

    def find(self, name: str) -> Path:
        """The same; raises `UserError` that says what to put where. · 同上，缺少时说明该放什么。

        >>> Shelf(("no-such-folder",), ("a.csv",), "https://example.org").find("rain")
        Traceback (most recent call last):
        ...
        chainrule.errors.UserError: rain is not on this machine: put a.csv (https://example.org) into \
$CHAINRULE_DATA/no-such-folder or ~/.cache/chainrule/no-such-folder
        """
        found = self.here()
        if found is None:
            or_there = show(_short(cache() / self.folders[0]))
            raise UserError(f"{name} is not on this machine: {self.wanted} or {or_there}")
        return found

    def paths(self, name: str) -> list[Path]:
        """All its files, in their order. · 全部文件的路径。

        Raises `UserError` as `find` does.
        """
        folder = self.find(name)
        return [path for file in self.files if (path := held(folder, file))]

    @property
    def wanted(self) -> str:
        """What is to be put where. · 该放什么、放在哪里。

        >>> Shelf(("rain",), ("a.csv",), "https://example.org").wanted
        'put a.csv (https://example.org) into $CHAINRULE_DATA/rain'
        """
        return f"put {', '.join(self.files) or 'it'} ({self.origin}) into $CHAINRULE_DATA/{self.folders[0]}"


def held(folder: Path, file: str) -> Path | None:
    """Where a folder has this file, plain, .gz or .xz. · 文件（原样或压缩）的位置。

    >>> held(Path("no-such-folder"), "a.csv")
    """
    return next((path for end in _PACKED if (path := folder / (file + end)).exists()), None)


def _short(path: Path) -> str:
    """With ~ for the home folder, so that the line stays short."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
