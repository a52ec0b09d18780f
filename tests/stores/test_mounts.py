"""File systems: that of the nearest mount is the folder's own."""

from __future__ import annotations

from pathlib import Path

from florlib.stores.mounts import file_system


def test_the_file_system_is_that_of_the_nearest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    (tmp_path / "far").mkdir()
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nhost:/x {tmp_path}/far nfs4 rw 0 0\n")

    assert file_system(tmp_path / "far", mounts) == "nfs4"
    assert file_system(tmp_path, mounts) == "ext4"
    assert file_system(tmp_path, tmp_path / "none") == ""
