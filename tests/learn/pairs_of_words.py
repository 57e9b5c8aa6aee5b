"""A small language pair with a rule, written as files: a module for tests, no test itself."""

import random
from pathlib import Path

NOUNS = {"mann": "man", "hund": "dog", "frau": "woman", "katze": "cat", "kind": "child", "vogel": "bird"}
HEADS = {"der rote": "the red", "der kleine": "the small", "ein": "a", "ein alter": "an old"}
VERBS = {"läuft": "runs", "schläft": "sleeps", "singt": "sings", "spielt": "plays"}


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    chance = random.Random(seed)
    pairs = []
    for _ in range(count):
        head, noun, verb, other = (chance.choice(list(kind)) for kind in (HEADS, NOUNS, VERBS, NOUNS))
        source, target = f"{head} {noun} {verb}", f"{HEADS[head]} {NOUNS[noun]} {VERBS[verb]}"
        if chance.random() < 0.5:
            source, target = f"{source} und ein {other} {verb}", f"{target} and a {NOUNS[other]} {VERBS[verb]}"
        pairs.append((f"{source}.", f"{target}."))
    return pairs


def write(folder: Path, train: int = 300) -> Path:
    folder.mkdir(exist_ok=True)
    for part, count in (("train", train), ("val", 30), ("test", 30)):
        for i, language in enumerate(("de", "en")):
            lines = [pair[i] for pair in sentences(count, seed=len(part) + count)]
            (folder / f"{part}.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
