"""Compares zig/cpython/capi.zig, written by hand, with the Python.h of the running interpreter.

With it goes the head of an object, in zig/cpython/abi: another file for a free-threaded Python.

Every declaration becomes a _Static_assert of a C file that is checked, not run: a function has
exactly the type that Python.h gives it, a struct the same size and offsets, a constant the same
value. What the test does not understand is a failure, so nothing in the file goes unchecked.
"""

import itertools
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

HEADERS = Path(sysconfig.get_path("include"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (HEADERS / "Python.h").is_file(),
        reason=f"no Python.h in {HEADERS}: nothing to compare with",
    ),
]

FREE_THREADED = sysconfig.get_config_var("Py_GIL_DISABLED") == 1
ABI = "free_threaded" if FREE_THREADED else "gil"
# Free-threaded CPython has no Limited API before 3.15. The same functions are there.
LIMITED = [] if FREE_THREADED else ["-DPy_LIMITED_API=0x030B0000"]
# Constants that 3.11 does not know, and the first version that does. They are used only there.
NEWER = {"Py_mod_multiple_interpreters": 0x030C0000, "Py_mod_gil": 0x030D0000}

# Beside the Limited API of 3.11: public there, of the API of 3.12 or documented then, alike in all.
UNLIMITED = ["Py_TPFLAGS_MANAGED_DICT", "vectorcallfunc"]

# In the Limited API a type object is opaque; only that it begins as every object does is relied on.
TYPE_OBJECT = "pub const PyTypeObject = extern struct {\n    ob_base: PyObject,\n};"

# Zig types with another name in C. All other names are the same in both.
C_NAMES = {
    "anyopaque": "void",
    "u8": "char",
    "u16": "unsigned short",
    "u32": "unsigned int",
    "c_int": "int",
    "c_uint": "unsigned int",
    "c_long": "long",
    "c_ulong": "unsigned long",
    "c_longlong": "long long",
    "isize": "Py_ssize_t",
    "usize": "size_t",
    "f64": "double",
    "noreturn": "void",
}
# Parameters (from 0) that capi.zig declares otherwise on purpose: a function pointer as an opaque
# one, and a list of names that has no const in C before 3.13.
OTHERWISE = {
    ("PyCapsule_New", 2): ["PyCapsule_Destructor"],
    ("PyArg_ParseTupleAndKeywords", 3): ["char **", "char *const *"],
}

FUNCTION = re.compile(r"^pub extern fn (\w+)\((.*)\) (.+);$")
STRUCT = re.compile(r"^pub const (\w+) = extern struct \{\n(.*)\};$", re.S)
FIELD = re.compile(r"^    (\w+): (.+?)(?: = .+)?,$", re.M)
CALLBACK = re.compile(r"^pub const (\w+) = \??(\*const fn .*);$")
ALIAS = re.compile(r"^pub const (\w+) = ([A-Za-z_]\w*);$")
OPAQUE = re.compile(r"^pub const (\w+) = opaque \{\};$")
CONSTANT = re.compile(r"^pub const (\w+) = (-?(?:0x)?[0-9A-F]+(?: << \d+)?);$")
FUNCTION_POINTER = re.compile(r"^\??\*const fn \((.*)\) callconv\(\.c\) (\S+)$")
POINTER = re.compile(r"^(?:\*|\[\*(?::0)?\])(const )?(.+)$")


def c_type(zig: str) -> str:
    if pointer := FUNCTION_POINTER.match(zig):
        return c_function_pointer(pointer[2], parameters(pointer[1]))
    if pointer := POINTER.match(zig.removeprefix("?")):
        return f"{c_type(pointer[2])} {pointer[1] or ''}*"
    return C_NAMES.get(zig, zig)


def c_function_pointer(result: str, types: list[str]) -> str:
    # Through typeof a name need not be written into the middle of its type.
    c_types = [type_ if type_ == "..." else c_type(type_) for type_ in types]
    return f"__typeof__({c_type(result)} (*)({', '.join(c_types) or 'void'}))"


def parameters(text: str) -> list[str]:
    """The types of a parameter list, with or without names; commas in brackets do not count."""
    types, depth, start = [], 0, 0
    for position, char in enumerate(text + ","):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            types.append(re.sub(r"^\w+: ", "", text[start:position].strip()))
            start = position + 1
    return [type_ for type_ in types if type_]


def same_type(name: str, c_expression: str, c_types: list[str]) -> str:
    same = [f"__builtin_types_compatible_p({c_expression}, {c_type})" for c_type in c_types]
    return f'_Static_assert({" || ".join(same)}, "type of {name}");'


def check_function(name: str, types: list[str], result: str) -> str:
    choices = [OTHERWISE.get((name, index), [None]) for index in range(len(types))]
    variants = []
    for replacement in itertools.product(*choices):
        variant = [
            new or c_type(old) if old != "..." else old
            for new, old in zip(replacement, types, strict=True)
        ]
        variants.append(f"{c_type(result)} (*)({', '.join(variant) or 'void'})")
    return same_type(name, f"__typeof__(&{name})", variants)


def check_struct(name: str, fields: list[tuple[str, str]]) -> list[str]:
    body = " ".join(f"__typeof__({c_type(type_)}) {field};" for field, type_ in fields)
    lines = [
        f"struct zig_{name} {{ {body} }};",
        f'_Static_assert(sizeof(struct zig_{name}) == sizeof({name}), "size of {name}");',
    ]
    for field, _ in fields:
        ours, theirs = f"offsetof(struct zig_{name}, {field})", f"offsetof({name}, {field})"
        lines.append(f'_Static_assert({ours} == {theirs}, "offset of {name}.{field}");')
    return lines


def check_declaration(text: str) -> list[str] | None:
    """The C lines that check a declaration, None if there is no telling what it declares."""
    if match := FUNCTION.match(text):
        return [check_function(match[1], parameters(match[2]), match[3])]
    if match := STRUCT.match(text):
        return check_struct(match[1], FIELD.findall(match[2]))
    if match := CALLBACK.match(text) or ALIAS.match(text):
        return [same_type(match[1], match[1], [c_type(match[2])])]
    if match := OPAQUE.match(text):
        return [f"typedef {match[1]} *zig_{match[1]};"]
    if match := CONSTANT.match(text):
        return [f'_Static_assert({match[1]} == ({match[2]}), "value of {match[1]}");']
    return None


def compile_c(lines: list[str], folder: Path, *flags: str) -> subprocess.CompletedProcess:
    source = folder / "check.c"
    head = ["#include <Python.h>", "#include <structmember.h>", "#include <stddef.h>"]
    source.write_text("\n".join(head + lines) + "\n")
    # Debian keeps the architecture's half of pyconfig.h beside the folder of Python.h.
    paths = [f"-I{HEADERS}", "-idirafter", str(HEADERS.parent)]
    command = [sys.executable, "-m", "ziglang", "cc", "-std=c11", "-c", "-ferror-limit=0"]
    command += ["-Wno-deprecated-declarations", *paths, *flags, source.name]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def declarations(root) -> dict[str, str]:
    """Every public declaration but functions written in Zig, by name."""
    abi = (root / "zig/cpython/abi" / f"{ABI}.zig").read_text("utf-8")
    assert f"pub const is_free_threaded = {str(FREE_THREADED).lower()};\n" in abi
    text = (root / "zig/cpython/capi.zig").read_text("utf-8")
    # What capi.zig has from there is compared there.
    text = re.sub(r"^pub const (\w+) = abi\.\1;$", "", text, flags=re.M)
    text += re.sub(r"^pub const is_free_threaded = \w+;$", "", abi, flags=re.M)
    found = re.findall(
        r"^pub (?:const|extern fn|extern var) (?:.*;|.*\{\n(?:.*\n)*?\};)$", text, re.M
    )
    assert len(found) == len(re.findall(r"^pub (?:const|extern)", text, re.M))
    return {re.search(r"(?:const|fn|var) (\w+)", text)[1]: text for text in found}


def test_declarations_are_those_of_python_h(declarations, tmp_path):
    lines = []
    for name, text in declarations.items():
        if name not in [*NEWER, *UNLIMITED] and text != TYPE_OBJECT:
            checks = check_declaration(text)
            assert checks is not None, f"this test does not understand: {text}"
            lines += checks
    done = compile_c(lines, tmp_path, *LIMITED)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NEWER)
def test_newer_constants(name, declarations, tmp_path):
    if sys.hexversion < NEWER[name]:
        pytest.skip(f"this Python does not know {name} yet")
    done = compile_c(check_declaration(declarations[name]), tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", UNLIMITED)
def test_declarations_beside_the_limited_api(name, declarations, tmp_path):
    done = compile_c(check_declaration(declarations[name]), tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_function_that_is_looked_up_when_the_module_is_loaded(root, tmp_path):
    name = "PyObject_VectorcallMethod"
    assert f'lookUp("{name}")' in (root / "zig/cpython/method_call.zig").read_text("utf-8")
    line = same_type(name, f"__typeof__(&{name})", ["vectorcallfunc"])
    done = compile_c([line], tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_type_object_begins_as_an_object(tmp_path):
    line = '_Static_assert(offsetof(PyTypeObject, ob_base) == 0, "offset of PyTypeObject.ob_base");'
    done = compile_c([line], tmp_path)
    assert done.returncode == 0, done.stderr


def test_data_symbols_are_declared(root, setup_py, tmp_path):
    """Objects that the binding reads by way of @extern, and exceptions that it asks for by name."""
    text = (root / "zig/cpython/capi.zig").read_text("utf-8")
    data = re.findall(r'@extern\(\*(.+?), \.\{ \.name = "(\w+)",', text)
    assert len(data) == text.count("@extern(") - 1  # the one of `exception` has no name of its own
    exceptions = [name for name in setup_py.python_names() if name.startswith("PyExc_")]
    data += [("*PyObject", name) for name in exceptions]
    lines = [
        same_type(name, f"__typeof__({name})", [c_type(type_.removeprefix("const "))])
        for type_, name in sorted(set(data))
    ]
    done = compile_c(lines, tmp_path, *LIMITED)
    assert done.returncode == 0, done.stderr


def test_a_wrong_declaration_is_found(tmp_path):
    """The checks above would also pass if they checked nothing."""
    wrong = {
        "pub extern fn PyLong_AsLong(*PyObject, c_int) c_long;": "type of PyLong_AsLong",
        "pub extern fn PyLong_FromLong(c_int) ?*PyObject;": "type of PyLong_FromLong",
        "pub extern fn PyLong_FromShort(c_int) ?*PyObject;": "PyLong_FromShort",
        "pub const Py_tp_dealloc = 53;": "value of Py_tp_dealloc",
        "pub const PyType_Slot = extern struct {\n    slot: c_int,\n};": "size of PyType_Slot",
        "pub const PyMethodDef = extern struct {\n    ml_meth: c_int,\n};": "offset of PyMethodDef",
    }
    checks = [check for text in wrong for check in check_declaration(text)]
    done = compile_c(checks, tmp_path, *LIMITED)
    for message in wrong.values():
        assert message in done.stderr
