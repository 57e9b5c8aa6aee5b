"""What a caller did wrong, said in one line. · 用一行话说清调用者的错误。

A `UserError` names what was received, what was expected and what to do. The command line prints it and exits with
`exit_code`; it never shows a traceback for one.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(ValueError):
    """A mistake of the caller's: one line each. · 调用者的错误：每个一行。

    >>> print(UserError("batch_size=0: expected an integer of at least 1"))
    batch_size=0: expected an integer of at least 1
    """

    exit_code = 2

    def __init__(self, *lines: str):
        super().__init__(*lines)
        self.lines = [" ".join(str(line).split()) for line in lines]

    def __str__(self) -> str:
        return "\n".join(self.lines)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known word as a hint, or nothing. · 最接近的已知词，没有则为空。

    >>> did_you_mean("lenet", ["lenet5", "mlp"])
    '; did you mean lenet5?'
    """
    folded = {str(name).lower(): name for name in known}
    near = get_close_matches(str(word).lower(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[near[0]]}?" if near else ""


def unknown(what: str, word: str, known: Sequence[str]) -> UserError:
    """The error for a name that is not in a list. · 名称不在列表中的错误。

    >>> print(unknown("model", "lenet", ["lenet5", "mlp"]))
    unknown model 'lenet': expected one of lenet5, mlp; did you mean lenet5?
    """
    return UserError(f"unknown {what} {word!r}: expected one of {', '.join(known)}{did_you_mean(word, known)}")
