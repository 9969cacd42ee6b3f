from __future__ import annotations

import json

from bench.document import as_json, as_section, as_text, with_section
from tests.unit.bench.made_runs import made_report, made_run


def test_a_row_is_printed_with_both_sides_ratio_goal_and_verdict() -> None:
    line = as_text(made_report()).splitlines()[1]
    assert line.split("  ")[1:] == ["first answer, s", "0.3 (0.2–0.4)", "3 (2.9–3.2)", "0.1 ×", "≤ 0.5 s", "yes"]


def test_a_missed_goal_says_no() -> None:
    assert as_text(made_report((0.6, 0.7, 0.8))).splitlines()[1].endswith("no")


def test_a_section_says_when_on_what_and_what_was_measured() -> None:
    section = as_section(made_run())
    for part in ("2026-01-02, 5 rounds, on Some CPU, 2 cores, 8 GiB", "What it does.", "- a note", "| front | 40 |"):
        assert part in section


def test_a_busy_machine_is_not_hidden() -> None:
    assert "not to be trusted" in as_section(made_run(load=0.9))
    assert "not to be trusted" not in as_section(made_run(load=0.1))


def test_the_first_section_begins_the_page() -> None:
    page = with_section("", made_run())
    assert page.startswith("# Performance\n")
    assert page.endswith("<!-- end: start -->\n")


def test_a_new_run_replaces_its_own_section_and_no_other() -> None:
    page = with_section(with_section("", made_run("start")), made_run("cold"))
    again = with_section(page, made_run("start", made_report((9.0, 9.0, 9.0))))
    assert again.count("<!-- bench: start -->") == again.count("<!-- bench: cold -->") == 1
    assert "9 (9–9)" in again
    assert again.index("bench: start") < again.index("bench: cold")
    assert again.partition("<!-- bench: cold")[2] == page.partition("<!-- bench: cold")[2]


def test_words_on_the_page_around_the_sections_stay() -> None:
    page = "# Mine\n\n" + with_section("", made_run()).partition("\n\n")[2] + "\nThe end.\n"
    again = with_section(page, made_run())
    assert again == page


def test_json_keeps_every_round() -> None:
    (run,) = json.loads(as_json([made_run()]))
    assert run["rows"][0]["ours"] == [0.2, 0.3, 0.4]
    assert (run["rows"][0]["met"], run["bench"], run["machine"]["cores"]) == (True, "start", 2)
