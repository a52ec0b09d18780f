"""A spool in a folder, such as a mounted disk: each object is a file."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from florlib.ground.errors import SpoolNotFound, SpoolRefused, SpoolUnreachable
from florlib.stores.atomic import sync_folder

SCHEME = "file://"


class FolderTarget:
    """Keeps objects below a folder.

    Args:
        folder: absolute; made where it is not there, though not what it lies in.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.endpoint_url: str | None = None
        self.url = folder.as_uri()

    @classmethod
    def of_url(cls, url: str) -> FolderTarget:
        """The folder of a file:// URL."""
        return cls(Path(unquote(urlsplit(url).path)))

    def size(self, name: str) -> int | None:
        """Bytes of an object; None where there is none."""
        with self._told():
            try:
                return (self.folder / name).stat().st_size
            except FileNotFoundError:
                self._need_parent()  # the folder itself is made by the first object
                return None

    def put(self, name: str, content: bytes) -> None:
        """Keep an object: written aside, synced, renamed."""
        with self._written(name, content) as aside:
            os.replace(aside, self.folder / name)

    def create(self, name: str, content: bytes) -> bool:
        """Keep an object unless there is one of that name; a link of that name is made or refused."""
        with self._written(name, content) as aside:
            try:
                os.link(aside, self.folder / name)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
                    raise
                return self._claimed(name, content)  # file systems that know no hard links (exFAT)
        return True

    def get(self, name: str) -> bytes | None:
        """The content of an object; None where there is none."""
        with self._told():
            try:
                return (self.folder / name).read_bytes()
            except FileNotFoundError:
                self._need_folder()
                return None

    def names(self, prefix: str) -> Iterator[str]:
        """The objects below a prefix."""
        with self._told():
            self._need_parent()
            for folder, _, files in os.walk(self.folder / prefix):
                for name in files:
                    if not name.startswith("."):
                        yield Path(folder, name).relative_to(self.folder).as_posix()

    def _claimed(self, name: str, content: bytes) -> bool:
        try:
            with (self.folder / name).open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            return False
        return True

    @contextmanager
    def _written(self, name: str, content: bytes) -> Iterator[Path]:
        """A file beside the one to be, which is on disk and goes if nobody has renamed it."""
        path = self.folder / name
        mark = f"{os.getpid()}.{threading.get_ident()}"
        aside = path.with_name(f".{path.name}.{mark}.tmp")
        with self._told():
            self._need_parent()
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with aside.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                yield aside
                sync_folder(path.parent)
            finally:
                with suppress(FileNotFoundError):
                    aside.unlink()

    def _need_parent(self) -> None:
        """A disk that is not mounted must not be taken for an empty one."""
        if not self.folder.parent.is_dir():
            raise SpoolNotFound(
                f"there is no {self.folder.parent}: is the disk mounted?",
                hint=f"mkdir -p {self.folder}",
            )

    def _need_folder(self) -> None:
        if not self.folder.is_dir():
            raise SpoolNotFound(
                f"there is no {self.folder}: is the disk mounted?",
                hint=f"findmnt --target {self.folder.parent}",
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise SpoolRefused(
                f"{error.filename or self.folder} is not ours to read or write",
                hint=f"ls -ld {self.folder}",
            ) from error
        except OSError as error:
            raise SpoolUnreachable(
                f"{self.folder} cannot be used ({error.strerror or error})",
                hint=f"df -h {self.folder}",
            ) from error
