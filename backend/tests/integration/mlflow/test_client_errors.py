"""What becomes of the errors that MLflow's own client, its databases and its stores raise."""

from __future__ import annotations

import errno
import ssl
from types import SimpleNamespace

import pytest

from greenroom.sources.mlflow_client import our_errors
from greenroom.words import (
    ConfigError,
    GreenroomError,
    SourceError,
    SourceForbiddenError,
    SourceNotFoundError,
    SourceUnreachableError,
)


class ClientError(Exception):
    """As MLflow's are."""

    def __init__(self, error_code: str) -> None:
        super().__init__("GET /secret/path failed")
        self.error_code = error_code


class StoreError(Exception):
    """As those of the clients of S3 (`response` is a mapping), of Azure and of Google."""

    def __init__(self, **attributes: object) -> None:
        super().__init__("/secret/path")
        self.__dict__ |= attributes


def of_s3(status: int) -> StoreError:
    return StoreError(response={"Error": {"Code": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}})


class NoCredentialsError(Exception):
    """As the one of S3's client."""


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (of_s3(403), SourceForbiddenError),
        (of_s3(404), SourceNotFoundError),
        (of_s3(503), SourceUnreachableError),
        (StoreError(status_code=401), SourceForbiddenError),
        (StoreError(status_code=500), SourceUnreachableError),
        (StoreError(code=404), SourceNotFoundError),
        (StoreError(response=SimpleNamespace(status_code=403)), SourceForbiddenError),
        (NoCredentialsError(), SourceForbiddenError),
        (PermissionError("/secret/path"), SourceForbiddenError),
        (FileNotFoundError("/secret/path"), SourceNotFoundError),
        (ssl.SSLCertVerificationError("/secret/path"), SourceError),
        (ClientError("RESOURCE_DOES_NOT_EXIST"), SourceNotFoundError),
        (ClientError("PERMISSION_DENIED"), SourceForbiddenError),
        (ClientError("UNAUTHENTICATED"), SourceForbiddenError),
        (ClientError("INVALID_PARAMETER_VALUE"), SourceError),
        (ClientError("INTERNAL_ERROR"), SourceUnreachableError),
        (ConnectionError("/secret/path"), SourceUnreachableError),
        (ModuleNotFoundError("No module named 'psycopg'", name="psycopg"), ConfigError),
    ],
)
def test_an_error_is_told_as_ours_and_keeps_its_words_to_itself(raised: Exception, error: type[GreenroomError]) -> None:
    with pytest.raises(GreenroomError) as caught, our_errors():
        raise raised
    assert type(caught.value) is error
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is raised


def test_a_missing_driver_is_named() -> None:
    with pytest.raises(ConfigError, match="the module psycopg"), our_errors():
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")


def test_a_full_disk_is_left_for_the_downloader_to_tell() -> None:
    with pytest.raises(OSError, match="No space") as caught, our_errors():
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.errno == errno.ENOSPC


def test_an_error_of_ours_comes_through_unchanged() -> None:
    error = SourceNotFoundError("no such thing")
    with pytest.raises(SourceNotFoundError) as caught, our_errors():
        raise error
    assert caught.value is error
