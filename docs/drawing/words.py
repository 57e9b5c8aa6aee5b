"""The map of words: trained on the first ten million letters of wiki8. · 词向量地图。"""

import lzma
from pathlib import Path
from tempfile import TemporaryDirectory

from chainrule import train
from chainrule.data.sources import path_of
from chainrule.look import word_map

WORDS = ("king", "france", "river", "music", "disease")


def draw(folder: Path) -> None:
    home = path_of("wiki8")
    if home is None:
        raise SystemExit("words.png needs wiki8 below $CHAINRULE_DATA")
    with TemporaryDirectory() as place:
        with lzma.open(home / "wiki8.xz") as file:
            Path(place, "slice.txt").write_bytes(file.read(10_000_000))
        run = train("word2vec", Path(place, "slice.txt"), epochs=5, runs=place, name="words")
        word_map.draw(run.vectors, WORDS, folder / "words.png")  # pyright: ignore[reportAttributeAccessIssue]
