"""Terminal screens as people see them: captured from tmux, and held against what was looked at before.

``UPDATE_SCREENS=1 pytest tests/cli/test_screens.py`` writes the expected screens anew; look at them then.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

CONSOLE = Console()
ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).parent / "screens"
TMUX = shutil.which("tmux")

#: Long: with the versions of packages that count, and not with the lowest, whose colours are coded otherwise.
pytestmark = [pytest.mark.skipif(TMUX is None, reason="no tmux on this machine"), pytest.mark.long]

#: What is typed, and the lines that the screen has.
COMMANDS = {
    "run": ("run samples/digits/digits.yaml samples/digits/digit-7.png --top 3", 24),
    "heat": ("show samples/digits/digit-7.png --heat", 18),
    "preview": ("convolve samples/zone-plate.png -k sobel-x -k gaussian:sigma=3 --preview -q", 45),
    "explain": ("explain samples/letter-6x6.csv -k '0 0 1; 0 1 0; 1 0 0' --bias -2 -a relu --at 0,1", 18),
    "table": ("convolve samples/grid-5x5.csv -k sobel-x --table -f csv -o out.csv", 18),
}
#: How many colours the terminal has: what the environment says of it.
COLOURS = {
    "true": {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    "256": {"TERM": "xterm-256color", "COLORTERM": ""},
    "none": {"TERM": "xterm-256color", "COLORTERM": "", "NO_COLOR": "1"},
    "dumb": {"TERM": "dumb", "COLORTERM": ""},
}


def screen(command, columns, lines, colours, tmp_path):
    """Return what a terminal shows after a command: its cells with their colours."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    words = "-u COLUMNS -u LINES " + " ".join(
        f"{name}={value}" for name, value in {"LANG": "C.UTF-8", **colours}.items()
    )
    done = tmp_path / "done"
    line = f"cd {tmp_path} && env {words} {sys.executable} -m cnnfilter {command} 2>&1; touch {done}; sleep 60"
    socket = ["tmux", "-L", f"screens-{os.getpid()}-{time.monotonic_ns()}", "-f", "/dev/null"]
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment = kept | {"LANG": "C.UTF-8", "TERM": "xterm-256color"}
    start = [*socket, "new-session", "-d", "-x", str(columns), "-y", str(lines), "bash", "-c", line]
    subprocess.run(start, check=True, env=environment)
    try:
        for _ in range(600):
            if done.exists():
                break
            time.sleep(0.05)
        time.sleep(0.2)
        shown = subprocess.run(
            [*socket, "capture-pane", "-p", "-e"], check=True, capture_output=True, text=True, env=environment
        )
    finally:
        subprocess.run([*socket, "kill-server"], check=False, capture_output=True)
    return "\n".join(row.rstrip() for row in shown.stdout.splitlines()).rstrip() + "\n"


def cells(text):
    """Return the letters of a screen with their colours, whatever codes a version of tmux writes them by."""
    lines = []
    for line in Text.from_ansi(text).split("\n"):
        styles = [line.get_style_at_offset(CONSOLE, index) for index in range(len(line))]
        lines.append([
            (letter, str(style.color), str(style.bgcolor), bool(style.bold), bool(style.dim))
            for letter, style in zip(line.plain, styles, strict=True)
        ])  # fmt: skip
    return lines


@pytest.mark.parametrize("columns", [80, 160])
@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("name", COMMANDS)
def test_the_screen_is_the_one_that_was_looked_at(name, colours, columns, tmp_path):
    command, lines = COMMANDS[name]
    made = screen(command, columns, lines, COLOURS[colours], tmp_path)
    path = EXPECTED / f"{name}-{columns}-{colours}.txt"
    if os.environ.get("UPDATE_SCREENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(made)
    assert cells(made) == cells(path.read_text())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_terminal_of_twenty_columns_gets_something(name, tmp_path):
    command, _ = COMMANDS[name]
    made = screen(command, 20, 60, COLOURS["none"], tmp_path)
    assert "Traceback" not in made
    assert "error" not in made
    assert len(made) > 20
