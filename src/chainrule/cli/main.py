"""The `chainrule` command: what it can do, and how it fails. · 命令入口：子命令与错误处理。

A command's file is imported only when that command runs, so the list of commands stands here. Settings are
`key=value` words; a mistake of the caller's is one line on stderr and exit code 2.
"""

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from .. import __version__
from ..errors import did_you_mean
from .failure import report

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Start here · 从这里开始": {
        "demo": ("reproduce:demo", "Train LeNet on the bundled digits, judge it, use it · 两分钟演示"),
        "train": ("train:train", "Train MODEL on DATA, or repeat a run.toml · 训练"),
        "resume": ("train:resume", "Continue a run where it stopped · 续训"),
    },
    "Use a run · 使用训练结果": {
        "evaluate": ("judge:evaluate", "Judge a run on its test part or on other data · 评估"),
        "predict": ("judge:predict", "Answer images, texts, tables, series, nodes · 预测"),
        "translate": ("translate:translate", "Translate sentences and files, show where it looked · 翻译"),
        "generate": ("generate:generate", "Go on with a text as a language model has learned it · 续写"),
        "explain": ("explain:explain", "Show which part of an image speaks for its class · 解释"),
        "vectors": ("vectors:vectors", "Neighbours, analogies, tests, map and files of word vectors · 词向量"),
        "play": ("play:play", "Let an agent play an episode, drawn as a moving picture · 观看智能体"),
        "sample": ("sample:sample", "Draw new images out of a variational autoencoder · 抽样生成图像"),
        "export": ("export:export", "Write a run's network as ONNX or torch program · 导出"),
        "runs": ("runs:runs", "List, show and compare runs · 查看与比较"),
    },
    "What there is · 目录": {
        "models": ("weights:models", "List the models, or show one layer by layer · 模型"),
        "data": ("data:data", "List the known data sets, check a folder · 数据"),
    },
    "See learning · 观察学习过程": {
        "find-lr": ("find_lr:find_lr", "Find the learning rate to begin with · 学习率范围测试"),
        "race": ("race:race", "Race optimizers on surfaces and on digits · 优化器竞赛"),
        "schedule": ("schedule:schedule", "Draw the learning rate over a run · 学习率曲线"),
        "memory": ("memory:memory", "How far back recurrent cells remember · 循环网络的记忆"),
        "signal": ("signal:signal", "Mean and variance layer by layer before the first step · 初始信号"),
    },
    "The mathematics · 数学": {
        "formula": ("formula:formula", "Show a formula: equations, code, source · 公式"),
        "check": ("check:check", "Prove formulas, or a module of your own · 证明"),
        "bench": ("bench:bench", "Time gears and models against torch · 测速"),
        "reproduce": ("reproduce:reproduce", "Train a published result from its recipe · 复现"),
    },
}
COMMANDS = {name: spec for section in SECTIONS.values() for name, spec in section.items()}

EPILOG = """Settings are key=value words: `chainrule train lenet5 digits epochs=5 lr=1e-3`.
Completion: eval "$(_CHAINRULE_COMPLETE=bash_source chainrule)" in ~/.bashrc; zsh, fish: zsh_source, fish_source."""


class Commands(click.Group):
    """A group whose commands are imported when they are asked for. · 惰性导入的命令组。"""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        return getattr(import_module(f"chainrule.cli.{module}"), attribute)

    def resolve_command(self, ctx: click.Context, args: list[str]):
        if args and args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise click.UsageError(f"unknown command {args[0]!r}{did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list:
        from click.shell_completion import CompletionItem

        names = [CompletionItem(n, help=COMMANDS[n][1]) for n in COMMANDS if n.startswith(incomplete)]
        return names or click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in commands.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        for line in EPILOG.splitlines():
            formatter.write(line + "\n")


def show_version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    """Print the versions that matter, without importing torch. · 打印版本。"""
    if asked and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"chainrule {__version__} (torch {version('torch')}, Python {sys.version.split()[0]})")
        ctx.exit()


@click.group(cls=Commands, context_settings={"max_content_width": 120})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=show_version, help="Show versions."
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error; anywhere in the line.")
def cli() -> None:
    """Neural networks whose mathematics you can read, prove and run at full speed.
    可读、可证、可全速运行的神经网络数学。"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. · 执行一条命令，返回退出码。

    >>> main(["--version"])  # doctest: +ELLIPSIS
    chainrule ...
    0
    """
    words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    debug = "--debug" in words or os.environ.get("CHAINRULE_DEBUG", "0") not in ("", "0")
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show Chinese shows "?" and goes on
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    try:
        code = cli.main([w for w in words if w != "--debug"], prog_name="chainrule", standalone_mode=False)
        sys.stdout.flush()  # a closed pipe is noticed here and not while the interpreter shuts down
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except (Exception, KeyboardInterrupt) as error:
        return report(error, debug)
