from __future__ import annotations

import io

import pytest
from rich.console import Console

from greenroom.cli.tables import print_models
from greenroom.protocol.answers import ModelReport, ModelsStatus, RefusedVersion
from greenroom.protocol.snapshot import ModelError
from greenroom.words import ErrorCode
from tests.unit.cli.made import model_report, model_state


def printed(*reports: ModelReport) -> str:
    written = io.StringIO()
    status = ModelsStatus(epoch="e", models=reports, max_resident=5, updated_every_seconds=60)
    print_models(status, Console(file=written))
    return written.getvalue()


def test_a_model_has_one_row_with_what_serves_what_was_before_and_what_is_coming() -> None:
    table = printed(model_report(model_state(target=("3", 45), previous="1"), pinned=True))
    row = table.splitlines()[1].split("  ")
    cells = [cell.strip() for cell in row if cell.strip()]
    assert cells == [
        "minilm", "embed", "ready", "2 (pinned)", "production", "1", "3 (45 %)", "127.0 MB",
        "mlflow:models:/sentiment@production",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "version", "cell"),
    [
        (ErrorCode.VERSION_REFUSED, "4", "  4 refused  "),
        (ErrorCode.SOURCE_UNREACHABLE, "4", "  4 failed  "),
        (ErrorCode.SOURCE_UNREACHABLE, None, "  failed  "),
    ],
)
def test_a_version_that_did_not_come_does_not_look_as_if_it_came(
    code: ErrorCode, version: str | None, cell: str
) -> None:
    error = ModelError(code=code, message="Make room, then press Try again.", temporary=True)
    row = printed(model_report(model_state(target=(version, 99), target_error=error))).splitlines()[1]
    assert cell in row
    assert "%" not in row


def test_a_long_source_is_not_cut_off_where_a_program_reads() -> None:
    source = "https://models.example/" + "a" * 100 + ".tar.gz"
    assert source in printed(model_report(model_state(), source=source))


def test_square_brackets_are_no_markup() -> None:
    assert "[red]2" in printed(model_report(model_state(version="[red]2")))


def test_what_is_not_loaded_yet_by_choice_is_no_failure() -> None:
    table = printed(model_report(model_state(phase="queued", progress=0, required=False), memory_bytes=None))
    assert "not loaded" in table


def test_a_version_that_was_refused_is_named_with_the_reason_and_the_next_try() -> None:
    error = ModelError(code=ErrorCode.VERSION_REFUSED, message="Its dimension is 768, not 384", temporary=False)
    refused = RefusedVersion(version="3", error=error, tries=2, retry_at="2026-11-21T15:01:00.000Z", at="then")
    lines = printed(model_report(model_state(), refused_versions=(refused,))).splitlines()
    assert lines[-1] == (
        "minilm: version 3 was refused. Its dimension is 768, not 384. It is tried again at 2026-11-21T15:01:00.000Z."
    )
