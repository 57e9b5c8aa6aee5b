"""The known tables and what files of tables look like, without importing torch. · 已知的表格与表格文件的形式。"""

import re
from dataclasses import dataclass
from pathlib import Path

from .shelf import Shelf

SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
_PICTURES = re.compile(rb"\.(?:png|jpe?g|gif|bmp|webp|tiff?|p[gnp]m)\b", re.IGNORECASE)
_FILES = {"file", "filename", "file_name", "path", "filepath", "image", "image_path", "img", "image_id"}
HOME = "tabular"  # the folder below $CHAINRULE_DATA where they are looked for


@dataclass(frozen=True)
class Known:
    """A known table. · 一个已知表格。

    file: its name as published. columns: their titles where the file has none. target: what is foretold.
    """

    file: str
    target: str
    en: str
    zh: str
    citation: str
    columns: tuple[str, ...] = ()

    @property
    def shelf(self) -> Shelf:
        """Where it lies. · 存放位置。"""
        return Shelf((HOME,), (self.file,), self.citation)


_WINE = (
    *("fixed acidity", "volatile acidity", "citric acid", "residual sugar", "chlorides", "free sulfur dioxide"),
    *("total sulfur dioxide", "density", "pH", "sulphates", "alcohol", "quality"),
)
_CORTEZ = "Cortez et al. 2009, doi:10.1016/j.dss.2009.05.016"

TABLES = {
    "abalone": Known(
        "abalone.csv",
        "rings",
        "4,177 shells and their rings, which tell the age",
        "4,177 个鲍鱼及其年轮数",
        "Nash et al. 1994, UCI, doi:10.24432/C55C7W",
        (
            *("sex", "length", "diameter", "height", "whole weight", "shucked weight", "viscera weight"),
            *("shell weight", "rings"),
        ),
    ),
    "banknote": Known(
        "banknote_authentication.csv",
        "forged",
        "1,372 banknotes, genuine or forged, by four figures of their picture",
        "1,372 张钞票的四个图像特征，真或伪",
        "Lohweg 2012, UCI, doi:10.24432/C55P57",
        ("variance", "skewness", "kurtosis", "entropy", "forged"),
    ),
    "boston": Known(
        "housing.csv",
        "medv",
        "506 districts of Boston and the value of their houses",
        "波士顿 506 个街区的房价",
        "Harrison & Rubinfeld 1978, doi:10.1016/0095-0696(78)90006-2",
        (
            *("crim", "zn", "indus", "chas", "nox", "rm", "age", "dis", "rad", "tax", "ptratio", "b"),
            *("lstat", "medv"),
        ),
    ),
    "california": Known(
        "california-housing.tgz",
        "median_house_value",
        "20,640 districts of California, one column of categories, one with gaps",
        "加州 20,640 个街区的房价，含类别列与缺失值",
        "Pace & Barry 1997, doi:10.1016/S0167-7152(96)00140-X",
    ),
    "wine-red": Known(
        "winequality-red.csv",
        "quality",
        "1,599 red wines and the quality that tasters gave them",
        "1,599 款红葡萄酒的品评分数",
        _CORTEZ,
        _WINE,
    ),
    "wine-white": Known(
        "winequality-white.csv",
        "quality",
        "4,898 white wines and the quality that tasters gave them",
        "4,898 款白葡萄酒的品评分数",
        _CORTEZ,
        _WINE,
    ),
}


def is_table(path: Path) -> bool:
    """Whether a path is a table of values by its name, packed or not. · 该路径是否为表格文件。

    >>> is_table(Path("a.csv")), is_table(Path("a.csv.gz")), is_table(Path("a.png"))
    (True, True, False)
    """
    name = path.name.lower().removesuffix(".gz").removesuffix(".xz")
    return name.endswith(SUFFIXES)


def holds_values(path: Path) -> bool:
    """Whether a file is a table of values rather than of names of pictures and their labels. · 是否为数值表格。

    >>> holds_values(Path("a.parquet")), holds_values(Path("cat.png")), holds_values(Path("no-such-table.csv"))
    (True, False, False)
    """
    if not is_table(path):
        return False
    if path.suffix.lower() not in (".csv", ".tsv"):
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(4096)
    head = start.partition(b"\n")[0].decode("utf-8-sig", "replace").lower()
    titles = {title.strip(" \"'\r") for title in re.split("[,;\t|]", head)}
    return not _PICTURES.search(start) and not titles & _FILES
