"""Places for spools without a server: a folder of an odd file system, packages that are not there, what a client complains of."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from florlib.ground.errors import (
    FlorError,
    SpoolNotFound,
    SpoolRefused,
    SpoolUnreachable,
    UsageError,
)
from florlib.stores.spool import open_target, planes
from florlib.stores.spool.complaints import complaint
from florlib.stores.spool.folder import FolderTarget


def status(code: int, name: str) -> str:
    return (
        f"Generic S3 error: Error performing PUT http://h/b/x in 1ms - Server returned non-2xx status"
        f" code: {code} Something: <Error><Code>{name}</Code></Error>"
    )


@pytest.mark.parametrize(
    ("text", "error", "said", "hint"),
    [
        (status(404, "NoSuchBucket"), SpoolNotFound, "there is no bucket b", "aws s3 mb s3://b"),
        (status(403, "SignatureDoesNotMatch"), SpoolRefused, "the secret key is not", "AWS_SECRET"),
        (status(403, "InvalidAccessKeyId"), SpoolRefused, "the key is not known", "AWS_ACCESS"),
        (status(400, "ExpiredToken"), SpoolRefused, "the key for b has expired", "aws sso login"),
        (status(403, "RequestTimeTooSkewed"), SpoolRefused, "the clock of this machine", "date"),
        (status(301, "PermanentRedirect"), SpoolRefused, "b lies in another region", "AWS_REGION"),
        (status(403, "AccessDenied"), SpoolRefused, "the key may not write in s3://b/p", "AWS_"),
        ("code: PUT http://169.254.169.254/latest", SpoolRefused, "no key for b", "AWS_ACCESS"),
        (status(503, "SlowDown"), SpoolUnreachable, "it answers with status 503", "curl -I"),
        ("x - HTTP error: dns error", SpoolUnreachable, "its name is not known", "curl -I"),
        ("x Connection refused", SpoolUnreachable, "the connection is refused", "curl -I"),
        ("x - operation timed out", SpoolUnreachable, "no answer came in time", "curl -I"),
        ("invalid peer certificate", SpoolUnreachable, "its certificate is not trusted", "curl"),
        ("Generic error - something new", SpoolUnreachable, "something new", "curl -I"),
    ],
)
def test_what_a_client_says_in_words(
    text: str, error: type[FlorError], said: str, hint: str
) -> None:
    found = complaint(RuntimeError(text), "s3://b/p", None, "write")

    assert type(found) is error
    assert said in found.message
    assert found.hint is not None and hint in found.hint


@pytest.mark.parametrize(
    ("url", "hint"), [("gs://b/p", "GOOGLE_APPLICATION_CREDENTIALS"), ("az://b/p", "AZURE_STORAGE")]
)
def test_other_clouds_have_other_keys(url: str, hint: str) -> None:
    found = complaint(RuntimeError(status(403, "AccessDenied")), url, None, "read")

    assert found.hint is not None and hint in found.hint


def test_a_missing_client_is_told_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)

    with pytest.raises(UsageError, match=r"s3://b needs a client") as told:
        open_target("s3://b")
    assert told.value.hint == "pip install 'florctl[s3]'"


def test_profiles_of_keys_want_boto3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text("[default]\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setitem(sys.modules, "boto3", None)

    with pytest.raises(UsageError, match="are read by boto3") as told:
        open_target("s3://b")
    assert told.value.hint == "pip install boto3"


def test_without_zstd_what_is_coded_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("it is part of Python")
    coded = planes.encode(bytes(1000))
    assert coded is not None
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    monkeypatch.delattr("backports.zstd")

    assert not planes.can_code()
    with pytest.raises(UsageError, match="this Python has no zstd"):
        planes.decode(coded, 1000)


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_an_object_is_created_once(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(source: object, target: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    if not links:
        monkeypatch.setattr(os, "link", no_link)
    target = open_target(str(tmp_path / "spool"))

    created = [target.create("runs/a", content) for content in (b"one", b"two")]

    assert created == [True, False]
    assert target.get("runs/a") == b"one"
    assert list(target.names("runs/")) == ["runs/a"]
    assert [path.name for path in (tmp_path / "spool/runs").iterdir()] == ["a"]


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FolderTarget(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(SpoolUnreachable, match="No space left on device"):
        target.put("objects/a", b"x")
    assert list((tmp_path / "objects").iterdir()) == []


def test_a_folder_by_its_url_and_by_its_path(tmp_path: Path) -> None:
    by_path = open_target(str(tmp_path / "my runs"))

    assert by_path.url == (tmp_path / "my runs").as_uri()
    assert open_target(by_path.url).url == by_path.url
    with pytest.raises(UsageError, match="no place for a spool"):
        open_target("ftp://host/x")
