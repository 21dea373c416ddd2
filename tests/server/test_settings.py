"""Settings: which source counts, and what wrong values are answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncline.kernel.errors import SetupError
from syncline.server.settings import Settings, load_settings


def project(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text)
    return folder


def test_the_defaults_are_in_the_folder_itself(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert settings == Settings(backend=tmp_path / "backend", data=tmp_path / ".syncline", base=tmp_path)
    assert (settings.host, settings.port, settings.site, settings.workers) == ("127.0.0.1", 3210, None, 1)


def test_flags_count_over_the_environment_over_the_file_over_defaults(tmp_path: Path) -> None:
    project(tmp_path, '[tool.syncline]\nport = 1001\nhost = "0.0.0.0"\ndata = "filed"\nbackend = "code"\n')
    environment = {"SYNCLINE_PORT": "1002", "SYNCLINE_DATA": "from-environment"}
    settings = load_settings(tmp_path, environment, {"port": 1003, "data": None})
    assert settings.port == 1003
    assert settings.data == tmp_path / "from-environment"
    assert settings.host == "0.0.0.0"
    assert settings.backend == tmp_path / "code"


def test_a_project_above_the_folder_is_found_and_its_paths_are_its_own(tmp_path: Path) -> None:
    project(tmp_path, '[tool.syncline]\nsite = "web/dist"\n')
    inner = tmp_path / "web" / "src"
    inner.mkdir(parents=True)
    (tmp_path / "web" / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    settings = load_settings(inner, {}, {"data": Path("here")})
    assert (settings.base, settings.backend) == (tmp_path, tmp_path / "backend")
    assert settings.site == tmp_path / "web" / "dist"
    assert settings.data == inner / "here"
    assert settings.shown(settings.backend) == "backend"
    assert settings.shown(Path("/elsewhere")) == "/elsewhere"


def test_settings_survive_the_way_to_another_process(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"SYNCLINE_SITE": "s"}, {"port": 5})
    assert Settings.from_json(settings.to_json()) == settings


def test_limits_can_be_set(tmp_path: Path) -> None:
    project(tmp_path, "[tool.syncline.limits]\nrun_seconds = 2.5\nread_documents = 10\n")
    limits = load_settings(tmp_path, {}).make_limits()
    assert (limits.run_seconds, limits.read_documents) == (2.5, 10)


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        (
            "[tool.syncline]\nprot = 1\n",
            {},
            "`prot` under [tool.syncline] in {file} is not a setting\n  help: did you mean `port`?",
        ),
        (
            "[tool.syncline]\ncolour = 1\n",
            {},
            "`colour` under [tool.syncline] in {file} is not a setting\n"
            "  help: known are admin_bind, backend, data, host, limits, origins, port, python, site, storage, typescript, url, workers",
        ),
        (
            "[tool.syncline]\nport = true\n",
            {},
            "`port` under [tool.syncline] in {file} is True; it must be a whole number",
        ),
        (
            "",
            {"SYNCLINE_PORT": "http"},
            "the environment variable SYNCLINE_PORT is 'http'; it must be a whole number",
        ),
        (
            "",
            {"SYNCLINE_PORT": "70000"},
            "the environment variable SYNCLINE_PORT is 70000; ports are between 1 and 65535 (0: any that is free)",
        ),
        (
            "",
            {"SYNCLINE_WORKERS": "4"},
            "the environment variable SYNCLINE_WORKERS is 4; this version serves with one worker process\n"
            "  help: leave it out",
        ),
        (
            "[tool.syncline.limits]\nrun_second = 1\n",
            {},
            "`run_second` under [tool.syncline.limits] in {file} is not a setting\n  help: did you mean `run_seconds`?",
        ),
        (
            "[tool.syncline.limits]\nread_documents = 1.5\n",
            {},
            "`read_documents` under [tool.syncline.limits] in {file} is 1.5; it must be a whole number above zero",
        ),
        ("[tool.syncline]\nlimits = 3\n", {}, "[tool.syncline.limits] in {file} must be a table of limits"),
        (
            "[tool.syncline]\nbackend = 3\n",
            {},
            "`backend` under [tool.syncline] in {file} is 3; it must be the path of a folder",
        ),
    ],
)
def test_wrong_settings_name_their_place_and_what_to_do(
    tmp_path: Path, text: str, environment: dict[str, str], message: str
) -> None:
    project(tmp_path, text)
    with pytest.raises(SetupError) as caught:
        load_settings(tmp_path, environment)
    assert str(caught.value) == message.format(file=tmp_path / "pyproject.toml")


def test_a_project_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    project(tmp_path, "[tool.syncline\n")
    with pytest.raises(
        SetupError, match=r"pyproject\.toml cannot be read: .*\n  help: correct it, and try again"
    ):
        load_settings(tmp_path, {})
