"""What a client for buckets says when something is wrong, in words: the bucket, the key or the network."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from florlib.ground.errors import FlorError, SpoolNotFound, SpoolRefused, SpoolUnreachable

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_CAUSES = (
    ("Connection refused", "the connection is refused"),
    ("dns error", "its name is not known"),
    ("failed to lookup", "its name is not known"),
    ("timed out", "no answer came in time"),
    ("TimedOut", "no answer came in time"),
    ("kind: Timeout", "no answer came in time"),
    ("Connection reset", "the connection was cut"),
    ("ConnectionReset", "the connection was cut"),
    ("IncompleteMessage", "the connection was cut"),
    ("body error", "the connection was cut"),
    ("certificate", "its certificate is not trusted"),
)
# The service that hands out keys to machines in a cloud: asked when there are none anywhere else.
_INSTANCE = ("169.254.169.254", "metadata.google.internal", "No credentials", "credential")
_KEYS = "export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…"
_KEYS_OF = {
    "gs": "export GOOGLE_APPLICATION_CREDENTIALS=key.json",
    "az": "export AZURE_STORAGE_ACCOUNT_NAME=… AZURE_STORAGE_ACCOUNT_KEY=…",
}
_MAY = {"read": "read", "write": "write", "list": "list", "open": "open"}


def complaint(error: Exception, url: str, endpoint_url: str | None, doing: str) -> FlorError:
    """The error to show.

    Args:
        error: the client's own.
        url: of the spool.
        endpoint_url: of the service, where one was given.
        doing: "read", "write", "list" or "open".
    """
    text = str(error)
    code, status = _found(_CODE, text), _found(_STATUS, text)
    scheme, bucket = urlsplit(url)[:2]
    keys = _KEYS_OF.get(scheme, _KEYS)
    if code == "NoSuchBucket" or (isinstance(error, FileNotFoundError) and doing == "write"):
        return SpoolNotFound(f"there is no bucket {bucket}{_at(endpoint_url)}", hint=_make(url))
    if code == "SignatureDoesNotMatch":
        return SpoolRefused(f"the secret key is not that of the key for {bucket}", hint=keys)
    if code == "InvalidAccessKeyId":
        return SpoolRefused(f"the key is not known where {bucket} lies", hint=keys)
    if code in ("ExpiredToken", "TokenRefreshRequired", "RequestExpired"):
        return SpoolRefused(f"the key for {bucket} has expired", hint="aws sso login")
    if code == "RequestTimeTooSkewed":
        return SpoolRefused(f"the clock of this machine is not that of {bucket}", hint="date -u")
    if code in ("PermanentRedirect", "AuthorizationHeaderMalformed") or status == "301":
        return SpoolRefused(f"{bucket} lies in another region", hint="export AWS_REGION=…")
    if any(one in text for one in _INSTANCE):
        return SpoolRefused(f"no key for {bucket} was found", hint=keys)
    if code == "AccessDenied" or status in ("401", "403"):
        return SpoolRefused(f"the key may not {_MAY[doing]} in {url}", hint=keys)
    return SpoolUnreachable(
        f"{url} does not answer{_at(endpoint_url)}: {_cause(text, status)}", hint=_ask(endpoint_url)
    )


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return None if match is None else match[1]


def _at(endpoint_url: str | None) -> str:
    return "" if endpoint_url is None else f" at {endpoint_url}"


def _make(url: str) -> str:
    scheme, bucket = urlsplit(url)[:2]
    return {
        "gs": f"gcloud storage buckets create gs://{bucket}",
        "az": f"az storage container create --name {bucket}",
    }.get(scheme, f"aws s3 mb s3://{bucket}")


def _ask(endpoint_url: str | None) -> str:
    return f"curl -I {endpoint_url or 'https://s3.amazonaws.com'}"


def _cause(text: str, status: str | None) -> str:
    for sign, words in _CAUSES:
        if sign in text:
            return words
    if status is not None:
        return f"it answers with status {status}"
    first = text.splitlines()[0] if text else "for no reason that is told"
    return first.rpartition(" - ")[2]
