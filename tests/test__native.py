"""The stub of the compiled module, picows/_native.pyi, says what the module has: all of it."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from picows import _native

#: Methods that the event loop calls: asyncio.BufferedProtocol, the base in the stub, declares them.
OF_ASYNCIO = {
    "connection_lost",
    "connection_made",
    "buffer_updated",
    "eof_received",
    "get_buffer",
    "pause_writing",
    "resume_writing",
}
#: What every class may have without a word about it; the last is for Cython, not for Python.
OF_OBJECT = set(dir(object)) | {"__weakref__", "__dict__", "__module__", "__pyx_vtable__"}
OF_OBJECT.add("__slotnames__")  # copyreg notes it on a class whose instances were pickled


def read_stub() -> ast.Module:
    path = Path(_native.__file__).with_name("_native.pyi")
    return ast.parse(path.read_text("utf-8"))


def names_in(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """Names that a stub defines; what it imports is not among them."""
    names: dict[str, ast.stmt] = {}
    for statement in body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            names[statement.name] = statement
        elif isinstance(statement, ast.If):
            assert ast.unparse(statement.test) == "sys.platform == 'linux'"
            names |= names_in(statement.body) if sys.platform == "linux" else {}
        elif isinstance(statement, ast.AnnAssign | ast.Assign):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            assert isinstance(target, ast.Name)
            names[target.id] = statement
    return names


STUB = names_in(read_stub().body)
CLASSES = {name: node for name, node in STUB.items() if isinstance(node, ast.ClassDef)}


def is_enum(name: str) -> bool:
    return any(ast.unparse(base) == "enum.IntEnum" for base in CLASSES[name].bases)


def test_module_and_stub_have_the_same_names() -> None:
    public = {name for name in vars(_native) if not name.startswith("__")} | {"__version__"}
    assert public == STUB.keys()


@pytest.mark.parametrize("name", [name for name in CLASSES if is_enum(name)])
def test_enums_have_the_same_members(name: str) -> None:
    declared = {
        member: ast.literal_eval(node.value)
        for member, node in names_in(CLASSES[name].body).items()
        if isinstance(node, ast.Assign)
    }
    assert declared == {member.name: member.value for member in getattr(_native, name)}
    assert isinstance(next(iter(getattr(_native, name))), int)


@pytest.mark.parametrize("name", [name for name in CLASSES if not is_enum(name)])
def test_classes_have_the_same_members(name: str) -> None:
    cls = getattr(_native, name)
    declared = names_in(CLASSES[name].body).keys() - OF_OBJECT
    defined = vars(cls).keys() - OF_OBJECT
    if cls is _native.Protocol:
        assert defined >= OF_ASYNCIO
        defined -= OF_ASYNCIO
    # The buffer protocol has no method in the class before Python 3.12.
    declared -= {"__buffer__"} - defined
    defined -= {"__release_buffer__"} - declared
    if not any(isinstance(node, ast.FunctionDef) for node in CLASSES[name].body):
        declared -= {"__buffer__"}
        defined -= {"__buffer__"}
    assert defined == declared


def members(is_wanted: Any) -> list[tuple[str, str]]:
    return [
        (name, member)
        for name in CLASSES
        if not is_enum(name)
        for member, node in names_in(CLASSES[name].body).items()
        if member not in OF_OBJECT and isinstance(node, ast.FunctionDef) and is_wanted(node)
    ]


def is_property(node: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator) == "property" for decorator in node.decorator_list)


@pytest.mark.parametrize(("name", "member"), members(is_property))
def test_properties_are_read_only_attributes(name: str, member: str) -> None:
    attribute = vars(getattr(_native, name))[member]
    assert inspect.isgetsetdescriptor(attribute) or inspect.ismemberdescriptor(attribute)


@pytest.mark.slow
def test_stubtest_finds_no_difference(root: Path, tmp_path: Path) -> None:
    """mypy's own comparison: argument kinds, defaults, descriptors, what may be derived from."""
    pytest.importorskip("mypy")
    allowed = tmp_path / "allowed"
    # Slots have no signatures, the buffer protocol no method before Python 3.12, and the methods of
    # a protocol for asyncio take positional arguments alone.
    of_asyncio = "|".join(sorted(OF_ASYNCIO))
    allowed.write_text(
        "picows._native.Endpoint.__call__\npicows._native.WSFrame.__buffer__\n"
        f"picows._native.Protocol.({of_asyncio})\n"
    )
    command = ["mypy.stubtest", "picows._native", "--concise", "--allowlist", str(allowed)]
    done = subprocess.run(
        [sys.executable, "-m", *command, "--ignore-unused-allowlist"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def is_plain_method(node: ast.FunctionDef) -> bool:
    """Special methods are slots: of those only CPython knows a signature, a general one."""
    return not is_property(node) and not node.name.startswith("__")


@pytest.mark.parametrize(("name", "member"), members(is_plain_method))
def test_methods_have_the_same_arguments(name: str, member: str) -> None:
    method = vars(getattr(_native, name))[member]
    assert callable(method)
    signature = inspect.signature(method)
    node = names_in(CLASSES[name].body)[member]
    assert isinstance(node, ast.FunctionDef)
    names = [argument.arg for argument in node.args.posonlyargs + node.args.args]
    assert list(signature.parameters) == names
    defaults = [ast.unparse(default) for default in node.args.defaults]
    found = [p.default for p in signature.parameters.values() if p.default is not p.empty]
    assert [str(eval(d, vars(_native))) for d in defaults] == [str(value) for value in found]


@pytest.mark.parametrize("name", [name for name in CLASSES if not is_enum(name)])
def test_final_classes_cannot_be_derived_from(name: str) -> None:
    decorators = [ast.unparse(decorator) for decorator in CLASSES[name].decorator_list]
    cls = getattr(_native, name)
    if "final" in decorators:
        with pytest.raises(TypeError, match="not an acceptable base type"):
            type("Derived", (cls,), {})
    else:
        assert issubclass(type("Derived", (cls,), {}), cls)


@pytest.mark.parametrize("name", ["WSFrame", "WSTransport", "Protocol", "Chunk"])
def test_what_only_a_connection_makes_cannot_be_made(name: str) -> None:
    with pytest.raises(TypeError, match="cannot create"):
        getattr(_native, name)()


def test_a_listener_takes_whatever_its_subclass_takes() -> None:
    class Listener(_native.WSListener):
        def __init__(self, one: int, *, two: int) -> None:
            self.both = one, two

    assert Listener(1, two=2).both == (1, 2)


@pytest.mark.parametrize("name", ["WSFrame", "WSTransport", "WSListener"])
def test_what_users_meet_is_documented(name: str) -> None:
    cls = getattr(_native, name)
    assert cls.__doc__
    for member, value in vars(cls).items():
        if not member.startswith("_"):
            assert value.__doc__, f"{name}.{member}"


@pytest.mark.parametrize("name", [name for name in CLASSES if is_enum(name)])
def test_enums_say_what_they_are_about(name: str) -> None:
    assert vars(getattr(_native, name))["__doc__"]
