"""What a memory control group can still give, read from files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.serving.room import _group_bytes

GIB = 1 << 30
VERSION_2 = {
    "memory.max": f"{4 * GIB}\n",
    "memory.current": f"{4 * GIB - 1000}\n",
    "memory.stat": f"anon {GIB}\nfile {3 * GIB}\ninactive_file {2 * GIB}\nactive_file {GIB}\nslab_reclaimable 500\n",
}
VERSION_1 = {
    "memory/memory.limit_in_bytes": f"{4 * GIB}\n",
    "memory/memory.usage_in_bytes": f"{4 * GIB - 1000}\n",
    "memory/memory.stat": f"cache 7\ninactive_file 7\ntotal_inactive_file {2 * GIB}\n",
}


def made(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_the_page_cache_of_files_that_were_read_counts_as_free(tmp_path: Path) -> None:
    assert _group_bytes(made(tmp_path, VERSION_2)) == 1000 + 2 * GIB + 500


def test_a_group_of_the_first_version_counts_its_page_cache_as_free_too(tmp_path: Path) -> None:
    assert _group_bytes(made(tmp_path, VERSION_1)) == 1000 + 2 * GIB


def test_a_group_without_a_limit_says_nothing(tmp_path: Path) -> None:
    assert _group_bytes(made(tmp_path, {**VERSION_2, "memory.max": "max\n"})) is None


@pytest.mark.parametrize("stat", ["", "nonsense\n", None])
def test_a_group_whose_statistics_cannot_be_read_still_has_its_limit(tmp_path: Path, stat: str | None) -> None:
    files = {name: text for name, text in VERSION_2.items() if name != "memory.stat"}
    assert _group_bytes(made(tmp_path, files if stat is None else {**files, "memory.stat": stat})) == 1000


def test_a_machine_without_control_groups_says_nothing(tmp_path: Path) -> None:
    assert _group_bytes(tmp_path) is None
