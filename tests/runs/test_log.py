"""The log survives kills, nan, a full disk and a resume. · 日志经得起中断、nan、磁盘满与恢复。"""

import errno
import json
import math
import os
import subprocess
import sys

import pytest

from chainrule.errors import UserError
from chainrule.runs import log as room
from chainrule.runs.log import RunLog, dumps, history, loads, read


def test_events_come_back_exactly(tmp_path):
    path = tmp_path / "log.jsonl"
    fields = {"loss": 0.1 + 0.2, "bad": math.inf, "worse": -math.inf, "text": "名\n\"'\u2028\udc80", "list": [1, None]}
    with RunLog(path) as log:
        log.write("step", step=1, **fields)
        log.write("step", step=2, loss=math.nan)
        lines = path.read_bytes().splitlines()  # each event is in the file as soon as it is logged
        assert len(lines) == 2
    first, second = read(path)
    assert {key: first[key] for key in fields} == fields
    assert math.isnan(second["loss"]) and first["time"] > 1e9
    for line in lines:
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_nan_of_other_writers_is_read():
    assert math.isnan(loads('{"loss": NaN}')["loss"])
    assert loads(dumps({"a": [math.inf, {"b": -math.inf}]})) == {"a": [math.inf, {"b": -math.inf}]}


def test_no_log_is_no_events(tmp_path):
    assert list(read(tmp_path / "log.jsonl")) == []


@pytest.mark.parametrize("tail", [b"x", b'{"event": "st', b"\0" * 5000, b"q" * 65535, b"q" * 65536, b"q" * 200_001])
@pytest.mark.parametrize("head", [0, 1, 3000])
def test_a_torn_last_line_is_skipped_and_then_cut(tmp_path, head, tail):
    path = tmp_path / "log.jsonl"
    with RunLog(path) as log:
        for step in range(head):
            log.write("step", step=step)
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert len(list(read(path))) == head
    with RunLog(path) as log:
        assert path.read_bytes() == whole
        log.write("stop", step=head)
    assert [e["event"] for e in read(path)] == ["step"] * head + ["stop"]


@pytest.mark.parametrize("line", [b"", b"[]", b"3", b'{"step": 1}', b'{"event": 3}', b"\xff\xfe", b"[" * 9999, b"\0\0"])
def test_damaged_lines_in_the_middle_are_left_out(tmp_path, line):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"event": "a"}\n' + line + b'\n{"event": "b"}\n')
    assert [e["event"] for e in read(path)] == ["a", "b"]


def test_skipping_keeps_the_last_of_a_row(tmp_path):
    path = tmp_path / "log.jsonl"
    with RunLog(path) as log:
        for step in range(1, 7):
            log.write("step", step=step)
            if step in (2, 4):
                log.write("epoch", step=step)
    assert [(e["event"], e["step"]) for e in read(path, skip="step")] == [
        ("step", 2), ("epoch", 2), ("step", 4), ("epoch", 4), ("step", 6),
    ]  # fmt: skip


def test_a_full_disk_does_not_stop_the_run_and_loses_nothing(tmp_path, monkeypatch):
    path, real, room_left = tmp_path / "log.jsonl", os.write, 60

    def write(fd, data):
        nonlocal room_left
        if room_left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = real(fd, bytes(data[: min(room_left, 31)]))
        room_left -= taken
        return taken

    with RunLog(path) as log:
        monkeypatch.setattr(room.os, "write", write)
        for step in range(5):
            log.write("step", step=step)
        assert log.waiting > 0 and path.stat().st_size == 60
        assert [e["step"] for e in read(path)] == [0]
        monkeypatch.undo()
        log.write("step", step=5)
        assert log.waiting == 0
    assert [e["step"] for e in read(path)] == [0, 1, 2, 3, 4, 5]


def test_a_log_that_cannot_be_opened_is_one_line(tmp_path):
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(UserError, match=r"cannot write the log .*: Is a directory"):
        RunLog(tmp_path / "log.jsonl")
    with pytest.raises(UserError, match=r"cannot read the log .*: Is a directory"):
        list(read(tmp_path / "log.jsonl"))


def test_closing_twice_is_fine(tmp_path):
    log = RunLog(tmp_path / "log.jsonl")
    log.close()
    log.close()


def steps(events):
    return [(e["event"], e["step"], e.get("n")) for e in events]


def event(kind, step, n=0):
    return {"event": kind, "step": step, "n": n}


def test_a_resume_voids_what_came_after_its_step():
    events = [event("start", 0), *(event("step", s) for s in range(1, 8)), event("epoch", 4), event("stop", 7)]
    again = [event("resume", 5, 1), event("step", 6, 1), event("epoch", 8, 1)]
    assert steps(history(events + again)) == [
        ("start", 0, 0), ("step", 1, 0), ("step", 2, 0), ("step", 3, 0), ("step", 4, 0), ("step", 5, 0),
        ("epoch", 4, 0), ("resume", 5, 1), ("step", 6, 1), ("epoch", 8, 1),
    ]  # fmt: skip


def test_a_chain_of_resumes_counts_each_step_once():
    events = [event("start", 0)]
    for n, (back, to) in enumerate([(0, 5), (3, 9), (3, 4), (0, 2), (2, 12)]):
        events.append(event("resume", back, n))
        events += [event("step", s, n) for s in range(back + 1, to + 1)]
    kept = [e for e in history(events) if e["event"] == "step"]
    assert [(e["step"], e["n"]) for e in kept] == [(1, 3), (2, 3), *((s, 4) for s in range(3, 13))]


def test_a_lost_resume_line_still_counts_each_step_once():
    events = [event("step", 1), event("step", 2), event("epoch", 2), event("step", 2, 1), event("epoch", 2, 1)]
    assert steps(history(events)) == [("step", 1, 0), ("step", 2, 1), ("epoch", 2, 1)]


def test_events_without_a_step_stay():
    note = {"event": "note", "text": "a"}
    assert history([note, event("step", 3), event("resume", 1)]) == [note, event("resume", 1)]


def test_the_room_is_torch_free():
    code = (
        "import sys, chainrule.runs.folder, chainrule.runs.log, chainrule.runs.listing, chainrule.runs.report\n"
        "assert not {'torch', 'matplotlib', 'numpy', 'rich'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
