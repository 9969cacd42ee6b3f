"""Archives that a stranger made."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from greenroom.sources.archive import Bounds, unpack
from greenroom.sources.job import Job
from greenroom.words import FileCorruptError, SourceError

Pack = Callable[[Path, dict[str, bytes]], Path]
FILES = {"config.json": b"{}", "1_Pooling/config.json": b"[]"}


def tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path.with_suffix(".tar.gz"), "w:gz") as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return path.with_suffix(".tar.gz")


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path.with_suffix(".zip")


def open_into(folder: Path, archive: Path, bounds: Bounds | None = None) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    unpack(archive, folder, Job(lambda stage, done, total: None), bounds or Bounds())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=[tar, zipped])
def pack(request: pytest.FixtureRequest) -> Pack:
    made: Pack = request.param
    return made


def test_files_come_out_as_they_went_in(pack: Pack, tmp_path: Path) -> None:
    assert open_into(tmp_path / "out", pack(tmp_path / "a", FILES)) == FILES


def test_a_single_folder_around_everything_is_left_away(pack: Pack, tmp_path: Path) -> None:
    packed = pack(tmp_path / "a", {f"my-model/{name}": content for name, content in FILES.items()})
    assert open_into(tmp_path / "out", packed) == FILES


def test_unpacking_again_over_what_a_killed_try_left_gives_the_same(pack: Pack, tmp_path: Path) -> None:
    packed = pack(tmp_path / "a", FILES)
    (tmp_path / "out/.unpacking/half").mkdir(parents=True)
    open_into(tmp_path / "out", packed)
    assert open_into(tmp_path / "out", packed) == FILES


def test_hidden_files_stay_in_the_archive(pack: Pack, tmp_path: Path) -> None:
    assert open_into(tmp_path / "out", pack(tmp_path / "a", {**FILES, "._config.json": b"mac", ".git/x": b""})) == FILES


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "a\\..\\out.txt", "C:out.txt"])
def test_a_member_that_leaves_the_folder_is_refused(pack: Pack, tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="would leave the model's folder"):
        open_into(tmp_path / "out", pack(tmp_path / "a", {"config.json": b"{}", name: b"boom"}))
    assert not list(tmp_path.rglob("*out.txt"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        member = tarfile.TarInfo("weights")
        member.type, member.linkname = kind, "/etc/passwd"
        packed.addfile(member)
    with pytest.raises(SourceError, match="a link or a device"):
        open_into(tmp_path / "out", tmp_path / "a.tar")


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        member = zipfile.ZipInfo("weights")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(member, "/etc/passwd")
    with pytest.raises(SourceError, match="a link or a device"):
        open_into(tmp_path / "out", tmp_path / "a.zip")


def test_a_bomb_is_stopped_before_it_fills_the_disk(pack: Pack, tmp_path: Path) -> None:
    bomb = pack(tmp_path / "a", {"zeros.bin": bytes(20_000_000)})
    assert bomb.stat().st_size < 100_000
    with pytest.raises(SourceError, match="grows beyond all measure"):
        open_into(tmp_path / "out", bomb, Bounds(growth=50, free_bytes=1_000_000))
    written = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert written < 6_000_000


def test_too_many_files_are_refused(pack: Pack, tmp_path: Path) -> None:
    packed = pack(tmp_path / "a", {f"{number}.txt": b"" for number in range(12)})
    with pytest.raises(SourceError, match="more than 10 files"):
        open_into(tmp_path / "out", packed, Bounds(members=10))


def test_a_file_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        for _ in range(2):
            packed.addfile(tarfile.TarInfo("weights"), io.BytesIO())
    with pytest.raises(SourceError, match="one file twice"):
        open_into(tmp_path / "out", tmp_path / "a.tar")


def test_an_archive_that_is_cut_off_is_told_as_damaged(pack: Pack, tmp_path: Path) -> None:
    packed = pack(tmp_path / "a", {"weights": bytes(range(256)) * 4000})
    packed.write_bytes(packed.read_bytes()[:-2000])
    with pytest.raises(FileCorruptError, match="damaged"):
        open_into(tmp_path / "out", packed)


def compressed(path: Path, how: str, content: bytes, behind: bytes = b"") -> Path:
    """A tar with one file in it, and more bytes behind its end."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as packed:
        member = tarfile.TarInfo("weights")
        member.size = len(content)
        packed.addfile(member, io.BytesIO(content))
    compress: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    path.write_bytes(compress[how](plain.getvalue() + behind))
    return path


@pytest.mark.parametrize("how", ["gz", "bz2", "xz"])
def test_no_byte_of_a_compressed_archive_may_be_another_one(tmp_path: Path, how: str) -> None:
    packed = compressed(tmp_path / "a", how, random.Random(1).randbytes(300_000))
    sound = packed.read_bytes()
    for place in (len(sound) // 3, len(sound) // 2, len(sound) - 6):
        packed.write_bytes(sound[:place] + bytes([sound[place] ^ 0xFF]) + sound[place + 1 :])
        with pytest.raises(FileCorruptError, match="damaged"):
            open_into(tmp_path / "out", packed)


def test_what_lies_behind_the_end_of_an_archive_may_not_be_without_end(tmp_path: Path) -> None:
    bomb = compressed(tmp_path / "a", "gz", b"x", behind=bytes(20_000_000))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(SourceError, match="grows beyond all measure"):
        open_into(tmp_path / "out", bomb, Bounds(growth=50, free_bytes=1_000_000))
    assert open_into(tmp_path / "out", bomb) == {"weights": b"x"}


def test_a_full_disk_is_not_told_as_a_damaged_archive(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = pack(tmp_path / "a", FILES)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("greenroom.sources.archive._copy", full)
    with pytest.raises(OSError, match="No space"):
        open_into(tmp_path / "out", packed)


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"<html>Sign in</html>" * 100)
    with pytest.raises(FileCorruptError, match="no archive"):
        open_into(tmp_path / "out", tmp_path / "a.zip")


def test_an_empty_archive_is_told(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="empty"):
        open_into(tmp_path / "out", pack(tmp_path / "a", {}))
