"""File names as they can be shown: on one line, in any terminal. · 可安全显示的文件名。"""

from pathlib import Path


def show(path: Path | str) -> str:
    """A path for a message, bytes that are no text escaped. · 用于消息的路径，非文本字节转义。

    >>> show("cat/\\udcff.png")
    'cat/\\\\udcff.png'
    """
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def hidden(path: Path) -> bool:
    """Whether a file is the system's own business and no data. · 是否为隐藏或系统文件。

    >>> hidden(Path("a/.DS_Store")), hidden(Path("a/cat.png"))
    (True, False)
    """
    return path.name.startswith(".") or path.name.lower() in {"thumbs.db", "desktop.ini", "__macosx"}
