"""Untracked files that a version leaves out, and how they are brought back."""

from __future__ import annotations

import pytest

from florlib.stores.versions import Skip, policy


def reasons(version):
    return {skip.path: skip.reason for skip in version.skipped}


def test_environments_caches_and_other_trackers_are_left_out(project):
    for path in (
        "env/pyvenv.cfg",
        "conda/conda-meta/history",
        "cache/CACHEDIR.TAG",
        "web/node_modules/x/index.js",
        "wandb/run/log.txt",
        ".aws/config",
        "src/__pycache__/a.pyc",
        "src/a.py",
    ):
        project.write(path)

    version = project.save()

    assert project.files(version.tree) == ["src/a.py"]
    assert reasons(version) == {
        ".aws/": "may hold secrets",
        "cache/": "looks like a cache",
        "conda/": "looks like a conda environment",
        "env/": "looks like a virtual environment",
        "wandb/": "looks like another tracker's files",
        "web/node_modules/": "looks like installed packages",
    }


def test_what_git_tracks_is_saved_whatever_it_is(project):
    for path in ("wandb/a.txt", ".env", "key.pem", "env/pyvenv.cfg", "env/lib.py"):
        project.write(path)
    with project.write("big.bin").open("wb") as file:
        file.truncate(policy.FILE_LIMIT_BYTES + 1)
    project.commit()
    project.write(".env", "2")
    (project.root / "big.bin").write_bytes(b"1" * (policy.FILE_LIMIT_BYTES + 2))

    version = project.save()

    assert version.skipped == ()
    assert version.tree == project.git_tree()


def test_ignored_paths_are_not_mentioned(project):
    project.write(".gitignore", "env/\n.env\n")
    project.write("env/pyvenv.cfg")
    project.write(".env")

    version = project.save()

    assert version.skipped == ()


@pytest.mark.parametrize(
    "name",
    ".env .env.local .ENV .envrc server.pem server.KEY id_rsa id_ed25519_sk .netrc .pypirc"
    " credentials-prod.json kubeconfig a.p12".split(),
)
def test_names_of_secrets_are_left_out(project, name):
    project.write(f"sub/{name}")

    version = project.save()

    assert reasons(version) == {f"sub/{name}": "untracked and may hold secrets"}


@pytest.mark.parametrize(
    "name", ".env.example environment.yml id_mapping.py id_rsa.pub keys.py credentials.py".split()
)
def test_names_that_only_resemble_secrets_are_saved(project, name):
    project.write(name)

    version = project.save()

    assert project.files(version.tree) == [name]


def test_large_files_are_left_out_and_named(project):
    for name, size in {"a.bin": 10_000_001, "b.bin": 101_000_000, "c.bin": 10_000_000}.items():
        with project.write(name).open("wb") as file:
            file.truncate(size)

    version = project.save()

    assert version.skipped == (
        Skip("a.bin", "untracked and over 10 MB", 10_000_001),
        Skip("b.bin", "untracked and over 100 MB", 101_000_000),
    )
    assert project.files(version.tree) == ["c.bin"]


def test_florignore_outranks_gitignore_and_the_policy(project):
    project.write(".gitignore", "local.yaml\n")
    project.write(".florignore", "!local.yaml\n!.env\n!wandb/\nnotes.md\n!big.bin\n")
    project.write("sub/local.yaml")
    project.write(".env")
    project.write("wandb/log.txt")
    project.write("notes.md")
    project.write("big.bin", b"0" * 10_000_001)

    version = project.save()

    assert version.skipped == ()
    assert project.files(version.tree) == [
        ".env",
        ".florignore",
        ".gitignore",
        "big.bin",
        "sub/local.yaml",
        "wandb/log.txt",
    ]


def test_beyond_the_limits_code_is_kept_and_the_rest_named_by_folder(project, monkeypatch):
    monkeypatch.setattr(policy, "TOTAL_LIMIT_FILES", 5)
    for number in range(40):
        project.write(f"images/{number:02}.png", "x" * (100 + number))
    for number in range(7):
        project.write(f"code/{number}.py")
    project.write("config.yaml")

    version = project.save()

    assert project.files(version.tree) == [f"code/{number}.py" for number in range(7)]
    (config, images) = version.skipped
    assert (config.path, images.path) == ("config.yaml", "images/")
    assert images.reason.endswith("(40 paths)")
    assert images.bytes == sum(range(100, 140))


def test_smaller_files_come_first_within_the_limits(project, monkeypatch):
    monkeypatch.setattr(policy, "TOTAL_LIMIT_BYTES", 100)
    project.write("large.dat", "x" * 90)
    project.write("small.dat", "x" * 20)

    version = project.save()

    assert project.files(version.tree) == ["small.dat"]


def test_folders_are_not_entered_without_end(project, monkeypatch):
    monkeypatch.setattr(policy, "WALK_LIMIT_FILES", 10)
    for number in range(11):
        project.write(f"near/{number}")
    project.write("near/far/below/x")
    project.write("tracked/a.py")
    project.git("add", "tracked")

    version = project.save()

    assert "tracked/a.py" in project.files(version.tree)
    assert reasons(version) == {"near/far/": "not entered after 10 untracked files"}
