import io

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ackd_deploy.narrow_tables import fit


def printed(renderable, width):
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False)
    console.print(fit(renderable, console))
    return out.getvalue()


def variants():
    table = Table(caption="time over that of the teacher in PyTorch, one thread, on some processor with a long name")
    for name in ("variant", "accuracy", "agree", "MB", "1 text", "batch", "p50 ms", "gates"):
        table.add_column(name, no_wrap=True)
    table.add_row("student in PyTorch", "85.5", *["-"] * 6)
    table.add_row("int8_weight_only", "85.7", "99.9", "19.4", "0.28", "0.27", "4.34", Text("pass, served"))
    return table


def test_a_table_that_fits_stays_a_table():
    assert printed(variants(), 120).count("int8_weight_only") == 1
    assert "accuracy 85.7" not in printed(variants(), 120)


def test_a_table_that_does_not_becomes_a_list_that_loses_nothing():
    shown = printed(variants(), 60)
    assert max(map(len, shown.splitlines())) <= 60
    words = " ".join(shown.split())
    assert "accuracy 85.7 · agree 99.9 · MB 19.4 · 1 text 0.28 · batch 0.27 · p50 ms 4.34 · gates pass, served" in words
    assert "on some processor with a long name" in words
    assert "…" not in shown
    # What was not measured is left out.
    assert "student in PyTorch accuracy 85.5 int8" in words


def test_columns_that_wrap_are_no_reason_for_a_list():
    table = Table("recipe", "what it is")
    table.add_row("quickstart", "the whole path on real weights and real text, in minutes on two cores")
    assert "what it is the whole" not in " ".join(printed(table, 40).split())


def test_groups_are_looked_into():
    shown = printed(Group(variants(), Text("a reason")), 60)
    assert "gates pass, served" in " ".join(shown.split())
    assert "a reason" in shown
