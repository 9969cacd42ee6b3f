from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from greenroom.protocol.snapshot import StageName
from greenroom.sources import verify
from greenroom.sources.inline import InlineFetcher
from greenroom.sources.seam import Want
from greenroom.words import (
    ConfigError,
    FileCorruptError,
    FileMissingError,
    GreenroomError,
    ModelFile,
    ModelSpec,
    SourceError,
    SourceNotFoundError,
)  # fmt: skip
from tests.unit.sources.made import FILES, Resolve, sha256, sums, write


def test_a_folder_without_a_manifest_is_taken_as_it_is_found(run: Resolve, folder: Path) -> None:
    version = run(f"path:{folder}")
    expected = {ModelFile(name, len(data), sha256(data)) for name, data in FILES.items()}
    assert (version.name, version.folder, set(version.files)) == ("minilm", folder, expected)
    assert version.bytes_total == sum(map(len, FILES.values()))


def test_the_digest_is_over_the_sorted_lines_of_hash_size_and_path(run: Resolve, folder: Path) -> None:
    lines = sorted(f"{sha256(data)}  {len(data)}  {name}\n" for name, data in FILES.items())
    assert run(f"path:{folder}").digest == sha256("".join(lines).encode())


def test_a_manifest_does_not_change_the_digest(run: Resolve, folder: Path) -> None:
    before = run(f"path:{folder}")
    write(folder, {"SHA256SUMS": sums(FILES)})
    assert run(f"path:{folder}").digest == before.digest


def test_dot_files_are_no_part_of_a_version(run: Resolve, folder: Path) -> None:
    before = run(f"path:{folder}")
    write(folder, {".gitattributes": b"x", ".git/config": b"y"})
    assert run(f"path:{folder}") == before


def test_a_changed_file_of_the_same_size_and_time_is_another_digest(run: Resolve, folder: Path) -> None:
    before, file = run(f"path:{folder}"), folder / "config.json"
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_bytes(b"[]")
    os.utime(file, ns=times)
    assert run(f"path:{folder}").digest != before.digest


def test_an_added_and_a_renamed_file_are_another_digest(run: Resolve, folder: Path) -> None:
    before = run(f"path:{folder}").digest
    write(folder, {"extra.json": b"{}"})
    added = run(f"path:{folder}").digest
    (folder / "extra.json").rename(folder / "other.json")
    assert len({before, added, run(f"path:{folder}").digest}) == 3


def test_a_corrupt_file_is_named_and_the_same_call_succeeds_once_it_is_mended(run: Resolve, folder: Path) -> None:
    write(folder, {"SHA256SUMS": sums(FILES), "1_Pooling/config.json": b"{}"})
    with pytest.raises(FileCorruptError, match=r"^1_Pooling/config\.json in the folder my-model .*Try again\.$"):
        run(f"path:{folder}")
    write(folder, FILES)
    assert run(f"path:{folder}").files


def test_a_missing_file_is_named_and_told_how_to_mend(run: Resolve, folder: Path) -> None:
    write(folder, {"SHA256SUMS": sums(FILES)})
    (folder / "model.safetensors").unlink()
    message = "model.safetensors is missing from the folder my-model. Put the file back, then press Try again."
    with pytest.raises(FileMissingError) as caught:
        run(f"path:{folder}")
    assert str(caught.value) == message


def test_the_configured_sha256_is_checked(run: Resolve, folder: Path) -> None:
    right = sha256(FILES["config.json"])
    assert run(f"path:{folder}", sha256={"config.json": right.upper()})
    with pytest.raises(FileCorruptError, match="not the file that the configuration of minilm asks for"):
        run(f"path:{folder}", sha256={"config.json": sha256(b"other")})
    with pytest.raises(FileMissingError, match=r"^weights\.bin is missing"):
        run(f"path:{folder}", sha256={"weights.bin": right})


def test_a_link_that_leaves_the_folder_is_refused(run: Resolve, folder: Path) -> None:
    write(folder.parent, {"secret": b"x"})
    (folder / "extra").symlink_to(folder.parent / "secret")
    with pytest.raises(SourceError, match=r"^extra in the folder my-model is a link that leads out of it\."):
        run(f"path:{folder}")


def test_a_link_to_a_folder_is_refused(run: Resolve, folder: Path) -> None:
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    with pytest.raises(SourceError, match=r"^loop in the folder my-model is a link to a folder"):
        run(f"path:{folder}")


def test_a_link_inside_the_folder_counts_as_the_file(run: Resolve, folder: Path) -> None:
    (folder / "again.json").symlink_to("config.json")
    assert ModelFile("again.json", 2, sha256(b"{}")) in run(f"path:{folder}").files


@pytest.mark.parametrize("target", ["again.json", "nowhere.json"])
def test_a_link_that_leads_nowhere_is_a_typed_error(run: Resolve, folder: Path, target: str) -> None:
    (folder / "again.json").symlink_to(target)
    with pytest.raises(SourceError, match=r"again\.json"):
        run(f"path:{folder}")


def test_the_configured_folder_itself_may_be_a_link(run: Resolve, folder: Path) -> None:
    (folder.parent / "current").symlink_to(folder)
    assert run(f"path:{folder.parent / 'current'}").folder == folder


def test_a_pipe_is_refused_and_never_opened(run: Resolve, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(SourceError, match=r"^pipe in the folder my-model is not a file"):
        run(f"path:{folder}")


@pytest.mark.parametrize("name", [b"a\nb", b"\xff\xfe"])
def test_a_name_that_cannot_be_shown_is_refused(run: Resolve, folder: Path, name: bytes) -> None:
    try:
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(b"")
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(SourceError, match="name cannot be shown"):
        run(f"path:{folder}")


def test_a_folder_that_is_not_there_a_file_and_an_empty_folder_are_typed_errors(run: Resolve, tmp_path: Path) -> None:
    write(tmp_path, {"file": b"x", "empty/.keep": b""})
    with pytest.raises(SourceNotFoundError, match="The folder nowhere, the source of minilm, is not there"):
        run(f"path:{tmp_path}/nowhere")
    with pytest.raises(SourceNotFoundError, match="The folder below"):
        run(f"path:{tmp_path}/file/below")
    with pytest.raises(SourceError, match="file, the source of minilm, is a file"):
        run(f"path:{tmp_path}/file")
    with pytest.raises(SourceError, match=r"^The folder empty is empty"):
        run(f"path:{tmp_path}/empty")
    with pytest.raises(SourceError, match="cannot be read"):
        run(f"path:{tmp_path}/{'x' * 300}")


def test_a_manifest_that_cannot_be_read_is_a_typed_error(run: Resolve, folder: Path) -> None:
    write(folder, {"SHA256SUMS": b"\xff\xfe\x00"})
    with pytest.raises(SourceError, match="not UTF-8"):
        run(f"path:{folder}")
    (folder / "SHA256SUMS").unlink()
    (folder / "SHA256SUMS").mkdir()
    with pytest.raises(SourceError, match="cannot be read"):
        run(f"path:{folder}")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "config.json in the folder my-model may not be read"), (errno.EIO, "Input/output error")],
)
def test_what_the_operating_system_refuses_is_told_without_a_path(
    run: Resolve, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    opened = Path.open

    def refuse(path: Path, mode: str, **options: Any) -> IO[Any]:
        if path.is_relative_to(folder):  # modules are imported this way too
            raise OSError(number, os.strerror(number), str(path))
        return opened(path, mode, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match=words):
        run(f"path:{folder}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_a_typed_error(run: Resolve, folder: Path) -> None:
    (folder / "1_Pooling").chmod(0)
    try:
        with pytest.raises(SourceError, match="may not be read"):
            run(f"path:{folder}")
    finally:
        (folder / "1_Pooling").chmod(0o700)


def test_a_folder_inside_that_may_not_be_listed_is_named(
    run: Resolve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = os.scandir

    def refuse(place: str) -> object:
        if Path(place).name == "1_Pooling":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), place)
        return listing(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceError, match=r"^1_Pooling in the folder my-model may not be read"):
        run(f"path:{folder}")


def broken(folder: Path) -> Iterator[str]:
    """Sources that each go wrong in another way."""
    yield f"path:{folder}-not-there"
    yield f"path:{folder / 'config.json'}"
    write(folder, {"SHA256SUMS": sums({**FILES, "gone": b""})})
    yield f"path:{folder}"
    write(folder, {"SHA256SUMS": sums({**FILES, "config.json": b""})})
    yield f"path:{folder}"
    write(folder, {"SHA256SUMS": sums(FILES)})
    (folder / "link").symlink_to("/etc/hostname")
    yield f"path:{folder}"


def test_no_message_tells_where_on_the_machine_things_lie(run: Resolve, folder: Path) -> None:
    for source in broken(folder):
        with pytest.raises(SourceError) as caught:
            run(source)
        assert str(folder.parent) not in str(caught.value)


@pytest.mark.parametrize("source", ["", "minilm", "s3:some/model", "path:", "path:a\0b", "package:", "package:a>=1"])
def test_a_source_of_a_wrong_form_is_the_configurations_fault(run: Resolve, source: str) -> None:
    with pytest.raises(ConfigError):
        run(source)


def test_progress_rises_to_the_total(run: Resolve, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "CHUNK_BYTES", 512)
    seen: list[tuple[int, int]] = []
    total = run(f"path:{folder}", lambda done, total: seen.append((done, total))).bytes_total
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert (seen[0], seen[-1]) == ((0, total), (total, total))
    assert {line[1] for line in seen} == {total}
    assert len(seen) > total / 512


def test_progress_is_told_on_the_event_loops_thread(folder: Path) -> None:
    told: list[tuple[StageName, int, int]] = []
    threads: set[int] = set()

    def report(stage: StageName, done: int, total: int) -> None:
        told.append((stage, done, total))
        threads.add(threading.get_ident())

    version = asyncio.run(InlineFetcher().fetch(ModelSpec("m", f"path:{folder}"), Want.LATEST, report))
    assert told[-1] == (StageName.RESOLVE, version.bytes_total, version.bytes_total)
    assert threads == {threading.get_ident()}


def test_cancelling_stops_between_two_chunks_and_reports_no_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks, started, go_on, ended = 0, threading.Event(), threading.Event(), threading.Event()
    count = verify._count

    def held(*numbers: object) -> None:
        nonlocal chunks
        chunks += 1
        started.set()
        go_on.wait(10)
        try:
            count(*numbers)  # type: ignore[arg-type]
        except BaseException:
            ended.set()
            raise

    monkeypatch.setattr(verify, "_count", held)
    seen: list[int] = []

    async def scenario() -> None:
        spec = ModelSpec("m", f"path:{folder}")
        report = lambda stage, done, total: seen.append(done)  # noqa: E731
        task = asyncio.create_task(InlineFetcher().fetch(spec, Want.LATEST, report))
        await asyncio.to_thread(started.wait, 10)
        seen.clear()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        assert await asyncio.to_thread(ended.wait, 10)

    asyncio.run(scenario())
    assert (chunks, seen) == (1, [])


def test_a_file_that_vanishes_while_others_are_read_is_missing(
    run: Resolve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = verify._check

    def unlink(*arguments: object) -> None:
        (folder / "modules.json").unlink(missing_ok=True)
        check(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(verify, "_check", unlink)
    with pytest.raises(FileMissingError, match=r"^modules\.json"):
        run(f"path:{folder}")


def test_every_error_is_one_of_ours(run: Resolve, tmp_path: Path) -> None:
    for source in ("path:~nobody-of-this-name/x", "path:.../", f"path:{tmp_path}/\udcff"):
        with pytest.raises(GreenroomError):
            run(source)


def test_a_file_that_grew_since_it_was_listed_never_lifts_progress_above_the_total(
    run: Resolve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = verify._list
    monkeypatch.setattr(verify, "_list", lambda claim: {name: size - 2 for name, size in listed(claim).items()})
    seen: list[tuple[int, int]] = []
    version = run(f"path:{folder}", lambda done, total: seen.append((done, total)))
    assert all(done <= total for done, total in seen)
    assert version.bytes_total == sum(map(len, FILES.values()))
