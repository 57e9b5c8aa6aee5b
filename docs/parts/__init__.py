"""The kinds of parts that pages take from the code, a file a subject: each has `PARTS`. · 由代码生成的各类内容。

A kind is a function of the page's name and of the words behind the kind, and gives Markdown.
"""

from collections.abc import Callable

from . import architectures, corrections, formulas, labels, names, optimizers, recipes, transfer, translation

PARTS: dict[str, Callable[..., str]] = {
    kind: make
    for subject in (architectures, corrections, formulas, labels, names, optimizers, recipes, transfer, translation)
    for kind, make in subject.PARTS.items()
}
