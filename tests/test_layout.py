"""Rules of the source tree that a reader relies on: docs/architecture.md says what they are for."""

import ast
import json
import re
import tomllib

from support.machine import tracked_files

LINES_MAX = 400
# Files allowed to be longer, with the reason. Splitting one is better than adding one.
LONGER: dict[str, str] = {}
TEXT = {".zig", ".json", ".py", ".pyi", ".md"}


def code(path):
    """Zig source without comments."""
    return re.sub(r"//.*", "", path.read_text("utf-8"))


def imports(path):
    return set(re.findall(r'@import\("([^"]+)"\)', code(path)))


def is_test(path):
    return path.name == "tests.zig" or path.stem.endswith(("_test", "_fuzz"))


def test_core_imports_std_and_its_own_files_alone(root):
    core = root / "zig/core"
    for path in core.rglob("*.zig"):
        for name in imports(path) - {"std"}:
            file = (path.parent / name).resolve()
            assert file.is_file() and file.is_relative_to(core), f"{path.name} imports {name}"


def test_core_has_no_state(root):
    for path in (root / "zig/core").rglob("*.zig"):
        found = re.search(r"^(pub )?(export )?(threadlocal )?var .*", code(path), re.M)
        assert found is None, f"{path.name}: {found[0]}"


def test_only_the_binding_knows_python(root):
    for folder in ("core", "cpu", "c_abi"):
        for path in (root / "zig" / folder).rglob("*.zig"):
            found = re.search(r"\b_?Py[A-Z_]\w*|@?\bextern (fn|var)\b|@extern\b", code(path))
            assert found is None, f"{folder}/{path.name}: {found[0]}"


def test_only_capi_declares_python_symbols(root):
    for path in (root / "zig").rglob("*.zig"):
        if path.name != "capi.zig":
            found = re.search(r"\bextern (fn|var) _?Py\w+", code(path))
            assert found is None, f"{path.name}: {found[0]}"


def test_every_core_file_has_its_tests(root):
    """Beside it, and reached from tests.zig; what has no test in it helps those that have."""
    core = root / "zig/core"
    paths = [path for path in core.rglob("*.zig") if path.name not in ("core.zig", "tests.zig")]
    support = {path for path in paths if is_test(path)}
    missing = [p for p in set(paths) - support if p.with_stem(f"{p.stem}_test") not in support]
    assert not missing
    tests = {path for path in support if re.search(r"^test\b", code(path), re.M)}
    reached = {core / name for name in imports(core / "tests.zig")}
    assert tests <= reached, "tests.zig does not reach every test file"


def test_every_python_file_has_its_tests(root):
    """test_NAME.py, test_FOLDER_NAME.py, or one that imports it by name."""
    tests = {path.stem: path.read_text("utf-8") for path in (root / "tests").glob("test_*.py")}
    for path in (root / "picows").rglob("*.py"):
        folder, name = ".".join(path.parent.relative_to(root).parts), path.stem
        short = folder.removeprefix("picows.").replace(".", "_")
        has_own = f"test_{name}" in tests or f"test_{short}_{name}" in tests
        parent = re.escape(folder)
        naming = rf"^from {parent} import .*\b{name}\b|\b{parent}\.{name}\b"
        is_named = any(re.search(naming, text, re.M) for text in tests.values())
        is_folder = name == "__init__" and any(stem.startswith(f"test_{short}") for stem in tests)
        assert has_own or is_named or is_folder or is_docstring(path), path
    assert "test_pytest_picows" in tests


def is_docstring(path):
    (first, *others) = ast.parse(path.read_text("utf-8")).body
    return isinstance(first, ast.Expr) and not others


def test_sub_packages_are_installed(root):
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    found = {
        ".".join(p.parent.relative_to(root).parts) for p in (root / "picows").rglob("__init__.py")
    }
    assert set(project["tool"]["setuptools"]["packages"]) == found


def test_files_are_short(root):
    paths = [root / "setup.py", root / "build.zig"]
    paths += (root / "examples").rglob("*.c")
    for folder, pattern in (
        ("zig", "*.zig"),
        ("examples", "*.zig"),
        ("examples", "*.py"),
        ("picows", "*.py*"),
        ("tests", "*.py"),
    ):
        paths += [path for path in (root / folder).rglob(pattern) if path.suffix != ".pyc"]
    lines = {
        str(path.relative_to(root)): len(path.read_text("utf-8").splitlines()) for path in paths
    }
    too_long = {name: count for name, count in lines.items() if count > LINES_MAX}
    assert too_long.keys() == LONGER.keys(), too_long


def test_version_lives_once(root, setup_py):
    version = setup_py.version()
    paths = [root / name for name in ("setup.py", "pyproject.toml", "build.zig", "README.md")]
    for folder in ("zig", "picows", "tests", "docs"):
        paths += [path for path in (root / folder).rglob("*") if path.suffix in TEXT]
    quoted = re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d.])")
    found = [
        str(path.relative_to(root)) for path in paths if quoted.search(path.read_text("utf-8"))
    ]
    assert found == ["zig/version.zig"]
    # Zig reads the version of a package before it runs anything, so this one is a copy.
    copy = re.search(r'\.version = "(.+?)"', (root / "build.zig.zon").read_text("utf-8"))
    assert copy and copy[1] == version


def test_the_zig_package_asks_for_the_compiler_of_the_build(root):
    wanted = re.search(
        r'\.minimum_zig_version = "(.+?)"', (root / "build.zig.zon").read_text("utf-8")
    )
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert wanted and f"ziglang=={wanted[1]}" in project["build-system"]["requires"]


def test_the_example_in_c_is_short(root):
    """Less than 200 lines are promised."""
    text = (root / "examples/embedding/echo_server.c").read_text("utf-8")
    assert len(text.splitlines()) < 200


def test_changelog_begins_with_this_version(root, setup_py):
    heading = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert heading and heading[1] == setup_py.version()


def test_the_build_and_the_tests_use_one_compiler(root):
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    lists = [
        project["build-system"]["requires"],
        *project["project"]["optional-dependencies"].values(),
    ]
    pins = [pin for names in lists for pin in names if pin.startswith("ziglang")]
    assert len(pins) == 4 and len(set(pins)) == 1


def test_platforms_of_modules_are_known(root, setup_py):
    """A typo in an `arch` would leave the module out everywhere."""
    rows = json.loads((root / "zig/modules.json").read_text("utf-8"))
    assert {row["arch"] for row in rows if "arch" in row} <= set(setup_py.ARCHS.values())
    assert len({row["name"] for row in rows}) == len(rows)


def test_nothing_that_was_built_is_in_the_repository(root):
    """Sources are text, and not long; whatever is larger was made by a compiler."""
    paths = [root / name for name in tracked_files(root)]
    assert [path for path in paths if path.is_file() and path.stat().st_size > 100_000] == []
