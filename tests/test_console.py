"""What a person sees while something runs, on a terminal and off one."""

import io
import sys

from ackd_deploy import console


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_step_off_a_terminal_is_one_line(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    with console.step("checking int8_dynamic"):
        console.warn("something")
    assert out.getvalue() == "checking int8_dynamic\nwarning: something\n"


def test_a_step_on_a_terminal_turns_and_lets_others_speak(monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setenv("TERM", "xterm")
    with console.step("checking"), console.step("inside it"), console.progress("rows", 2) as advance:
        console.log("a line")
        advance(2)
    shown = out.getvalue()
    assert "0:00:0" in shown
    for words in ("checking", "inside it", "a line", "rows: 2", "rows: done"):
        assert words in shown
    console.log("afterwards")
    assert out.getvalue().endswith("afterwards\n")
