"""mypy reads programs over the installed package: the right ones pass, and every wrong call is an error of its kind."""

import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

PROGRAMS = pathlib.Path(__file__).parent / "typed"


def errors(program, folder):
    """Lines and codes of what mypy refuses."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", PROGRAMS / program], cwd=folder,
        capture_output=True, text=True, check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return [(int(line), code) for line, code in re.findall(r":(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)]


@pytest.mark.parametrize("program", ["right.py", "right_torch.py"])
def test_right_programs(program, tmp_path):
    if program == "right_torch.py" and not importlib.util.find_spec("torch"):
        pytest.skip("no torch")
    assert errors(program, tmp_path) == []


def test_wrong_programs(tmp_path):
    lines = (PROGRAMS / "wrong.py").read_text().splitlines()
    expected = [
        (number, line.rpartition("# error: ")[2]) for number, line in enumerate(lines, 1) if "# error: " in line
    ]
    assert errors("wrong.py", tmp_path) == expected and expected
