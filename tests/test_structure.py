"""What holds for the whole repository: who imports whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Package -> packages of ours that it may import.
MAY_IMPORT = {
    "levers": set(),
    "wire": {"levers"},
    "backend": {"wire", "levers"},
    "websocket_service": {"wire", "levers"},
    "single": {"backend", "websocket_service", "wire", "levers"},
    "hl_utils": set(),
    "lab": {"wire", "levers", "hl_utils"},
}


def imported_packages(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names & set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package: str):
    wrong = {
        str(file.relative_to(ROOT)): extra
        for file in (ROOT / package).rglob("*.py")
        if (extra := imported_packages(file) - MAY_IMPORT[package] - {package})
    }
    assert not wrong
