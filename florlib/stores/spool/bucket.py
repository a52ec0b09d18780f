"""A spool in a bucket of an object store: S3 and what speaks like it, Google's and Azure's by the same client."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from florlib.ground.errors import UsageError
from florlib.stores.spool.complaints import complaint

SCHEMES = ("s3", "gs", "az")
INSTALL = "pip install 'florctl[s3]'"
CONNECT_S = 5.0
REQUEST_S = 300.0  # of a chunk: as slow as half a megabit a second
# A server's 5xx, a reset and a time-out may be over by the next try; refusals are not tried again.
RETRIES, RETRYING_S = 4, 60.0
_OWN_KEYS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


class BucketTarget:
    """Keeps objects in a bucket.

    Args:
        url: "s3://bucket/prefix", or with gs:// or az://.
        endpoint_url: of a service that speaks S3; None for what the environment says, or Amazon's.

    Raises:
        UsageError: the client is not installed, or what reads the keys is not.
    """

    def __init__(self, url: str, endpoint_url: str | None = None) -> None:
        self.url, self.endpoint_url = url.rstrip("/"), endpoint_url
        try:
            import obstore
            from obstore import exceptions, store
        except ModuleNotFoundError:
            raise UsageError(f"{url} needs a client for buckets", hint=INSTALL) from None
        self._client = obstore
        self._errors = exceptions
        options: dict[str, Any] = {
            "client_options": _client_options(endpoint_url),
            "retry_config": _retry_config(),
        }
        if url.startswith("s3://"):
            options |= _s3_options(os.environ, endpoint_url)
        with self._told("open"):
            self._store: Any = store.from_url(self.url, **options)

    def size(self, name: str) -> int | None:
        """Bytes of an object; None where there is none."""
        with self._told("read"):
            try:
                return int(self._client.head(self._store, name)["size"])
            except FileNotFoundError as error:
                self._need_bucket(error)
                return None

    def put(self, name: str, content: bytes) -> None:
        """Keep an object: a bucket shows it when it has all of it."""
        with self._told("write"):
            self._client.put(self._store, name, content, use_multipart=False)

    def create(self, name: str, content: bytes) -> bool:
        """Keep an object unless there is one of that name (If-None-Match)."""
        with self._told("write"):
            try:
                self._client.put(self._store, name, content, mode="create", use_multipart=False)
            except self._errors.AlreadyExistsError:
                return False
        return True

    def get(self, name: str) -> bytes | None:
        """The content of an object; None where there is none."""
        with self._told("read"):
            try:
                return bytes(self._client.get(self._store, name).bytes())
            except FileNotFoundError as error:
                self._need_bucket(error)
                return None

    def names(self, prefix: str) -> Iterator[str]:
        """The objects below a prefix."""
        with self._told("list"):
            for found in self._client.list(self._store, prefix.rstrip("/"), chunk_size=1000):
                for one in found:
                    yield str(one["path"])

    def _need_bucket(self, error: FileNotFoundError) -> None:
        if "NoSuchBucket" in str(error):
            raise error

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """Errors of the client as flor's: which of bucket, key and network it is."""
        try:
            yield
        except (FileNotFoundError, self._errors.BaseError, ValueError) as error:
            raise complaint(error, self.url, self.endpoint_url, doing) from error


def _client_options(endpoint_url: str | None) -> dict[str, Any]:
    plain = (endpoint_url or os.environ.get("AWS_ENDPOINT_URL", "")).startswith("http://")
    return {
        "allow_http": plain,
        "connect_timeout": timedelta(seconds=CONNECT_S),
        "timeout": timedelta(seconds=REQUEST_S),
    }


def _retry_config() -> dict[str, Any]:
    return {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRYING_S)}


def _s3_options(environ: Mapping[str, str], endpoint_url: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {} if endpoint_url is None else {"endpoint": endpoint_url}
    session = _profile(environ)
    if session is not None:
        from obstore.auth.boto3 import Boto3CredentialProvider

        options["credential_provider"] = Boto3CredentialProvider(session)
        if session.region_name:
            options["region"] = session.region_name
    return options


def _profile(environ: Mapping[str, str]) -> Any:
    """What boto3 has read of the user's AWS files; None where keys come from elsewhere.

    Raises:
        UsageError: there are such files, and no boto3.
    """
    if any(name in environ for name in _OWN_KEYS):
        return None
    folder = Path(environ.get("HOME", "~")).expanduser() / ".aws"
    keys = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE", folder / "credentials"))
    if not keys.exists() and "AWS_PROFILE" not in environ:
        return None
    try:
        import boto3
    except ModuleNotFoundError:
        raise UsageError(
            f"the keys in {keys} are read by boto3, which is not installed",
            hint="pip install boto3",
        ) from None
    session = boto3.Session()
    return None if session.get_credentials() is None else session


def is_bucket(url: str) -> bool:
    """Whether a text is the URL of a bucket."""
    parts = urlsplit(url)
    return parts.scheme in SCHEMES and bool(parts.netloc)
