"""Which files make CIFAR-10 and CIFAR-100, and in what form a folder holds them. · CIFAR 的文件与存放形式。

Neither torch nor numpy here: the list of known sets reads it.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import UserError
from ..names import show

HOME = "https://www.cs.toronto.edu/~kriz/"
SIDE = 32
PIXELS = 3 * SIDE * SIDE


@dataclass(frozen=True)
class Batches:
    """How a set is cut into files. · 数据集的文件划分。

    train, test: names without suffix, in order. rows: images of each, train then test. labels: label bytes of a record.
    which: the one that is the class. folder: where the archive has them. digests: sha256 of a file, where known.
    """

    archive: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    rows: tuple[int, int]
    labels: int = 1
    which: int = 0
    digests: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[tuple[str, int], ...]:
        """Every file with its number of images. · 全部文件及其图像数。"""
        return tuple((name, self.rows[0]) for name in self.train) + tuple((name, self.rows[1]) for name in self.test)

    @property
    def record(self) -> int:
        """Bytes of one image with its labels. · 一条记录的字节数。"""
        return self.labels + PIXELS


_HUNDRED = Batches("cifar-100-binary.tar.gz", "cifar-100-binary", ("train",), ("test",), (50000, 10000), 2, 1)
SETS = {
    "cifar10": Batches(
        "cifar-10-binary.tar.gz",
        "cifar-10-batches-bin",
        tuple(f"data_batch_{i}" for i in range(1, 6)),
        ("test_batch",),
        (10000, 10000),
        digests=(
            "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        ),
    ),
    "cifar100": _HUNDRED,
    "cifar100-coarse": replace(_HUNDRED, which=0),
}
PICKLED = ("cifar-10-batches-py", "cifar-10-python.tar.gz", "cifar-100-python", "cifar-100-python.tar.gz")


def find(name: str, place: Path) -> tuple[str, Path] | None:
    """In which form a folder (or the archive itself) holds a set: "bin", "mosaic" or "archive". · 存放形式与位置。

    The folder may be the one that holds the set's own folder, as an unpacked archive leaves it.
    """
    batches = SETS[name]
    if place.name == batches.archive and place.is_file():
        return "archive", place
    names = [file for file, _ in batches.files]
    for folder in (place, place / batches.folder):
        if all((folder / f"{file}.bin").is_file() for file in names):
            return "bin", folder
        if all((folder / f"{file}.webp").is_file() for file in names) and (folder / "labels.u8").is_file():
            return "mosaic", folder
    return ("archive", place / batches.archive) if (place / batches.archive).is_file() else None


def recognise(place: Path) -> str | None:
    """Which set a path is, by its files; None if it is none. · 由文件名判断是哪个数据集。

    Raises `UserError` for the pickled version, which is never read.
    """
    for name in ("cifar10", "cifar100"):
        if find(name, place):
            return name
    refuse_pickle(place)
    return None


def refuse_pickle(place: Path) -> None:
    """Raise `UserError` where the pickled version lies. · 拒绝 pickle 版本。"""
    inside = [place, *(place / name for name in PICKLED)]
    for path in inside:
        if path.name in PICKLED and path.exists():
            number = "100" if "100" in path.name else "10"
            raise UserError(
                f"{show(path)}: the pickled version, which is never read (a pickle can run any code): expected the "
                f"binary one; get {HOME}cifar-{number}-binary.tar.gz, or run: chainrule data fetch cifar{number}"
            )
