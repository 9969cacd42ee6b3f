"""One file over HTTP against a server that misbehaves: what comes out is the file, or a failure with a name."""

from __future__ import annotations

import hashlib
import json
import random
import re
import resource
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenroom.sources.job import StoppedError
from greenroom.sources.seam import Want
from greenroom.words import (
    DiskFullError,
    FileCorruptError,
    RuntimeName,
    SourceError,
    SourceForbiddenError,
    SourceNotFoundError,
    SourceUnreachableError,
    Task,
)  # fmt: skip
from tests.integration.sources.asking import Asking
from tests.integration.sources.file_server import Fault, FileServer

CONTENT = random.Random(5).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "model.safetensors"


@pytest.fixture
def source(server: FileServer) -> str:
    server.files[f"/{NAME}"] = CONTENT
    return f"{server.bytes_url}/{NAME}"


def ranges(server: FileServer) -> list[str | None]:
    return [seen.headers.get("range") for seen in server.seen if seen.method == "GET"]


def read(asking: Asking, source: str, **spec: object) -> bytes:
    return (asking.fetch(source, Want.LATEST, **spec).folder / NAME).read_bytes()


def test_a_file_comes_as_it_is_and_its_bytes_are_counted(asking: Asking, source: str) -> None:
    assert read(asking, source) == CONTENT
    assert asking.events[-1] == ("download", len(CONTENT), len(CONTENT))
    done = [event[1] for event in asking.events]
    assert done == sorted(done)
    assert {event[2] for event in asking.events} == {len(CONTENT)}


def test_a_download_that_breaks_off_goes_on_where_it_stopped(asking: Asking, server: FileServer, source: str) -> None:
    server.faults = [Fault(cut_after=100_000), Fault(cut_after=100_000)]
    assert read(asking, source) == CONTENT
    assert ranges(server) == [None, "bytes=100000-", "bytes=200000-"]
    assert all(seen.headers.get("if-range") for seen in server.seen if "range" in seen.headers)


def test_a_file_that_changed_meanwhile_is_not_mixed_with_the_old_one(
    asking: Asking, server: FileServer, source: str
) -> None:
    server.faults = [Fault(cut_after=100_000)] + [Fault(status=500)] * 4
    with pytest.raises(SourceUnreachableError):
        asking.fetch(source)
    server.files[f"/{NAME}"] = other = random.Random(6).randbytes(250_000)
    assert read(asking, source) == other


def test_a_server_that_ignores_the_etag_is_found_out_by_the_hash(
    asking: Asking, server: FileServer, source: str
) -> None:
    server.etags = False
    server.faults = [Fault(cut_after=100_000, body=random.Random(7).randbytes(300_000))]
    assert read(asking, f"{source}#sha256={SHA256}") == CONTENT
    assert ranges(server) == [None, "bytes=100000-", None]


def test_another_etag_than_the_planned_one_is_told_as_a_change(asking: Asking, server: FileServer, source: str) -> None:
    server.faults = [Fault(body=b"x" * len(CONTENT))]
    with pytest.raises(SourceUnreachableError, match="changed while it was downloaded"):
        asking.fetch(source)
    assert asking.whole_versions() == []


def test_without_etag_and_hash_a_broken_download_begins_anew(asking: Asking, server: FileServer, source: str) -> None:
    server.etags = False
    server.faults = [Fault(cut_after=100_000)]
    assert read(asking, source) == CONTENT
    assert ranges(server) == [None, None]


def test_a_wrong_hash_is_tried_once_more_and_then_told(asking: Asking, server: FileServer, source: str) -> None:
    with pytest.raises(FileCorruptError, match=rf"^{NAME} of the file {NAME} is not the file that was promised"):
        asking.fetch(f"{source}#sha256={'0' * 64}")
    assert ranges(server) == [None, None]
    assert asking.whole_versions() == []


def test_a_hash_of_the_configuration_names_the_model(asking: Asking, source: str) -> None:
    assert read(asking, source, sha256={NAME: SHA256}) == CONTENT
    with pytest.raises(FileCorruptError):
        asking.fetch(source, sha256={NAME: "1" * 64})


def test_a_hash_for_a_file_that_is_not_there_is_told(asking: Asking, source: str) -> None:
    with pytest.raises(SourceError, match=r"other\.bin has a sha256 in the configuration of mine"):
        asking.fetch(source, sha256={"other.bin": SHA256})


def test_a_busy_server_is_given_the_time_that_it_asks_for(asking: Asking, server: FileServer, source: str) -> None:
    server.faults = [Fault(status=429, headers={"Retry-After": "7"}), Fault(status=503)]
    assert read(asking, source) == CONTENT
    assert asking.pauses[0] == 7
    assert 0 < asking.pauses[1] <= 1


def test_who_asks_for_an_hour_is_left_alone(asking: Asking, server: FileServer, source: str) -> None:
    server.faults = [Fault(status=429, headers={"Retry-After": "3600"})]
    with pytest.raises(SourceUnreachableError, match="answered 429") as caught:
        asking.fetch(source)
    assert (caught.value.temporary, caught.value.retry_after_seconds) == (True, 3600)  # type: ignore[attr-defined]
    assert asking.pauses == []


def test_five_failures_in_a_row_end_the_trying(asking: Asking, server: FileServer, source: str) -> None:
    server.faults = [Fault(status=500)] * 9
    with pytest.raises(SourceUnreachableError, match="answered 500") as caught:
        asking.fetch(source)
    assert caught.value.temporary
    assert len(server.faults) == 4
    assert asking.pauses == sorted(asking.pauses)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [(401, SourceForbiddenError, "without a login"), (403, SourceForbiddenError, "without a login"),
     (404, SourceNotFoundError, "source setting"), (418, SourceError, "answered 418")],
)  # fmt: skip
def test_a_refusal_is_told_as_what_it_is(
    asking: Asking, server: FileServer, source: str, status: int, kind: type[SourceError], words: str
) -> None:
    server.faults = [Fault(status=status)]
    with pytest.raises(kind, match=words) as caught:
        asking.fetch(source)
    assert not caught.value.temporary
    assert asking.pauses == []


def test_a_circle_of_redirects_is_told(asking: Asking, server: FileServer) -> None:
    with pytest.raises(SourceError, match="leads on in a circle"):
        asking.fetch(f"{server.url}/circle")


def test_a_redirect_to_plain_http_elsewhere_is_refused(asking: Asking, server: FileServer) -> None:
    server.page_faults = [Fault(status=302, headers={"Location": "http://192.0.2.1/x"})]
    with pytest.raises(SourceError, match="plain http"):
        asking.fetch(f"{server.url}/x.bin")


def test_a_server_that_is_away_is_told_as_unreachable(asking: Asking, server: FileServer, source: str) -> None:
    version = asking.fetch(source)
    server.bytes.server_close()
    server.bytes.shutdown()
    with pytest.raises(SourceUnreachableError, match="cannot be reached"):
        asking.fetch(source)
    assert asking.fetch(source, Want.CACHED) == version


def test_what_is_here_already_is_had_without_a_request(asking: Asking, server: FileServer, source: str) -> None:
    version = asking.fetch(source)
    server.seen.clear()
    assert Asking(asking.data).fetch(source, Want.CACHED) == version
    assert Asking(asking.data).fetch(source, version.key) == version
    assert server.seen == []
    assert Asking(asking.data).fetch(source) == version
    assert [seen.method for seen in server.seen] == ["HEAD"]


def test_with_a_promised_hash_even_the_latest_needs_no_request(asking: Asking, server: FileServer, source: str) -> None:
    version = asking.fetch(f"{source}#sha256={SHA256}")
    server.seen.clear()
    assert asking.fetch(f"{source}#sha256={SHA256}") == version
    assert server.seen == []


def test_a_damaged_file_on_the_disk_is_never_given_out(asking: Asking, server: FileServer, source: str) -> None:
    version = asking.fetch(source)
    (version.folder / NAME).write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(FileCorruptError):
        asking.fetch(source, version.key)
    assert asking.fetch(source, Want.CACHED) == version
    assert (version.folder / NAME).read_bytes() == CONTENT


def test_a_file_that_somebody_put_beside_is_never_given_out(asking: Asking, source: str) -> None:
    version = asking.fetch(source)
    (version.folder / "extra.py").write_text("boom")
    with pytest.raises(FileCorruptError, match="none of its own"):
        asking.fetch(source, version.key)
    assert asking.fetch(source) == version
    assert not (version.folder / "extra.py").exists()


def test_a_folder_without_its_manifest_does_not_count(asking: Asking, server: FileServer, source: str) -> None:
    version = asking.fetch(source)
    version.folder.with_name(version.folder.name + ".json").unlink()
    with pytest.raises(SourceNotFoundError, match="cleared"):
        asking.fetch(source, version.key)
    assert asking.fetch(source, Want.CACHED) == version


def test_an_older_version_can_be_had_again_by_its_key(asking: Asking, server: FileServer, source: str) -> None:
    old = asking.fetch(source)
    server.files[f"/{NAME}"] = b"new"
    new = asking.fetch(source)
    assert new.key != old.key
    assert asking.fetch(source, old.key) == old
    assert asking.fetch(source, Want.CACHED) == new


def test_clearing_leaves_what_is_to_be_kept(asking: Asking, server: FileServer, source: str) -> None:
    old = asking.fetch(source)
    server.files[f"/{NAME}"] = b"new"
    new = asking.fetch(source)
    assert asking.clear(source, keep=(new.key,)) == len(CONTENT)
    assert asking.whole_versions() == [new.folder]
    with pytest.raises(SourceNotFoundError, match="cleared from the disk"):
        asking.fetch(source, old.key)


def test_an_encoder_that_a_classifier_may_not_name_is_not_asked_for_and_hinders_no_clearing(
    asking: Asking, server: FileServer, source: str
) -> None:
    description = json.dumps({"encoder": source}).encode()
    server.files["/classifier.json"] = description
    head, runtime = f"{server.bytes_url}/classifier.json", RuntimeName.TEXT_CLASSIFIER
    with pytest.raises(SourceError, match="may not have"):
        asking.fetch(head, runtime=runtime, task=Task.CLASSIFY)
    assert {seen.path for seen in server.seen} == {"/classifier.json"}
    key = asking.fetch(head, Want.CACHED).key
    assert asking.clear(head, keep=(key,), runtime=runtime) == 0
    assert asking.clear(head, runtime=runtime) == len(description)


def test_two_at_once_download_once(asking: Asking, server: FileServer, source: str) -> None:
    gate = threading.Event()
    server.faults = [Fault(gate=gate)]
    first, second = Asking(asking.data), Asking(asking.data)
    found = []
    threads = [threading.Thread(target=lambda one=one: found.append(one.fetch(source))) for one in (first, second)]
    threads[0].start()
    assert server.half_sent.wait(20)
    threads[1].start()
    gate.set()
    for thread in threads:
        thread.join(20)
    assert found[0] == found[1]
    assert ranges(server) == [None]


def test_nobody_waiting_ends_a_slow_download_and_leaves_what_came(
    asking: Asking, server: FileServer, source: str
) -> None:
    gate = threading.Event()
    server.faults = [Fault(gate=gate)]
    failed: list[BaseException] = []

    def fetch() -> None:
        try:
            asking.fetch(source)
        except StoppedError as error:
            failed.append(error)

    thread = threading.Thread(target=fetch)
    thread.start()
    assert asking.begun.wait(20)
    asking.stopped.set()
    thread.join(20)
    assert failed
    gate.set()
    assert read(Asking(asking.data), source) == CONTENT
    assert re.fullmatch(r"bytes=\d+-", ranges(server)[-1] or "")


def test_a_file_larger_than_the_disk_is_refused_before_a_byte_of_it_came(
    asking: Asking, server: FileServer, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 200_000})())
    with pytest.raises(DiskFullError, match=r"mine needs 0\.3 MB more .* 0\.2 MB are free"):
        asking.fetch(source)
    assert ranges(server) == []


def test_a_disk_that_fills_up_is_told_and_the_rest_comes_once_there_is_room(
    asking: Asking, server: FileServer, source: str
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DiskFullError, match="was full before mine was there"):
            asking.fetch(source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert asking.whole_versions() == []
    assert read(asking, source) == CONTENT
    assert ranges(server)[-1] == "bytes=100000-"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=262144", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("a small disk takes the right to mount one")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_real_disk_that_is_full_is_told(small_disk: Path, server: FileServer, source: str) -> None:
    server.etags = False
    asking = Asking(small_disk)
    with pytest.raises(DiskFullError):
        asking.fetch(source)
    assert asking.whole_versions() == []


def test_a_server_that_sends_more_than_it_said_is_cut_off(asking: Asking, server: FileServer, source: str) -> None:
    server.faults = [Fault(body=CONTENT + b"more", same_etag=CONTENT, length=False)]
    with pytest.raises(FileCorruptError, match=r"sends more of model\.safetensors than it said"):
        asking.fetch(source)


def test_a_server_without_head_is_asked_another_way(asking: Asking, server: FileServer, source: str) -> None:
    server.heads = False
    version = asking.fetch(source)
    server.files[f"/{NAME}"] = b"new"
    assert asking.fetch(source).key != version.key


def test_two_addresses_that_differ_in_the_query_alone_are_two_versions(
    asking: Asking, server: FileServer, source: str
) -> None:
    server.etags = False  # so that nothing else tells them apart: both have the same size
    key = asking.fetch(f"{source}?file=a").key
    server.files[f"/{NAME}"] = CONTENT[::-1]
    other = asking.fetch(f"{source}?file=b")
    assert other.key != key
    assert (other.folder / NAME).read_bytes() == CONTENT[::-1]
    server.seen.clear()
    assert asking.fetch(f"{source}?file=a").key == key
    assert {seen.method for seen in server.seen} == {"HEAD"}


def test_no_secret_of_an_address_is_written_down(asking: Asking, server: FileServer, source: str) -> None:
    server.faults = [Fault(cut_after=1000)] + [Fault(status=500)] * 4
    with pytest.raises(SourceUnreachableError) as caught:
        asking.fetch(f"{source}?signature=s3cret")
    assert "s3cret" not in str(caught.value)
    partial = [path.read_bytes() for path in asking.shelf.rglob("*") if path.is_file()]
    version = asking.fetch(f"{source}?signature=s3cret")
    whole = [path.read_bytes() for path in asking.shelf.rglob("*") if path.is_file()]
    assert partial
    assert not any(b"s3cret" in content for content in partial + whole)
    assert "s3cret" not in version.key + str(version.folder)
