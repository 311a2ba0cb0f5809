from __future__ import annotations

from pathlib import Path

from scripts.limits import check


def test_a_long_file_and_a_long_function_break_the_limits(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text("def long():\n" + "    pass\n" * 60 + "x = 1\n" * 240)

    assert [str(finding) for finding in check(path)] == [
        "long.py: error: the file has 301 lines, 300 are the limit",
        "long.py:1: error: long has 61 lines, 60 are the limit",
    ]


def test_a_function_over_the_goal_is_noted_only(tmp_path: Path) -> None:
    path = tmp_path / "noted.py"
    path.write_text("def noted():\n" + "    pass\n" * 40)

    findings = list(check(path))

    assert [str(finding) for finding in findings] == ["noted.py:1: note: noted has 41 lines, 40 are the limit"]
    assert not findings[0].broken
