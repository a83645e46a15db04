import compileall
from pathlib import Path

from interop.check import check
from interop.cli import main
from interop.config import load


def test_a_new_project_has_no_findings_and_loads(tmp_path, capsys):
    folder = tmp_path / "my twins"
    assert main(["init", str(folder)]) == 0
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert made >= {"megatwin.yaml", "megatwin.schema.json", "plant.py", "README.md", "models/TankStation.json"}
    checked = check([folder])
    assert checked.diagnostics == []
    configuration = load(folder / "megatwin.yaml")
    assert set(configuration.twins) == {"station", "tank-1", "tank-2"}
    assert "megatwin up" in capsys.readouterr().err


def test_the_mock_plant_of_a_new_project_is_python(tmp_path):
    assert main(["init", str(tmp_path / "new")]) == 0
    assert compileall.compile_file(str(tmp_path / "new" / "plant.py"), quiet=1)


def test_a_folder_that_is_not_empty_is_refused(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("x", "utf-8")
    assert main(["init", str(tmp_path)]) == 2
    assert main(["init", str(tmp_path / "mine.txt")]) == 2
    assert [path.name for path in Path(tmp_path).iterdir()] == ["mine.txt"]
    assert "not an empty folder" in capsys.readouterr().err
