"""The messages of the library that a user can meet, as its source has them.

Every text of more than one word in zig/core, zig/cpython, zig/binding and picows counts,
unless it is a docstring or one of NOT_MESSAGES: so a new message is found wherever it is written.
What is filled in when it is raised or logged is an ellipsis.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

#: The command line says itself what to do, and tests read their messages beside their source.
#: The texts of picows.websockets are those of websockets; docs/websockets.md names the others.
NOT_THE_LIBRARY = {"cli", "testing", "websockets", "asgi.py"}
#: The reason phrases of HTTP, which only go onto the wire.
NOT_TEXT = {"status.zig"}
#: Texts that are no messages.
NOT_MESSAGES = [
    r"WSFrame\(.*",  # what repr() says
    r"<?WS\w+[( ].*",
    r"HTTP/1\.1 101 .*",  # what goes onto the wire
    r"(… )+HTTP/1\.1.*",
    r"CONNECT … HTTP/1\.1.*",
    r"…; server_no_context_takeover; .*",
    r"[A-Z][\w-]+: …?(\r\n)?",
    r"Upgrade, close",
    r"Basic …?",
    r"text/plain; charset=utf-8",
    r"4.. \w+.*|5.. \w+.*",  # bodies of answers
    r"keepalive ping timeout",  # the reason in a CLOSE
    r"to …|through the proxy",  # pieces of a message
    r"The compiled part of picows\.",
]
# printf's and logging's, f-strings', comptimePrint's.
_FILLED_IN = re.compile(r"%[a-z]?[a-zA-Z]+|\{\w*\}")


def _is_message(text: str) -> bool:
    if not re.search(r"[a-z]{2,}[,:;)]? [\w(…]", text):
        return False
    return not any(re.fullmatch(pattern, text, re.DOTALL) for pattern in NOT_MESSAGES)


def _python(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    docstrings: set[int] = set()
    inside: set[int] = set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docstrings.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in ast.walk(node)} - {id(node)}
    for node in ast.walk(tree):
        if id(node) in docstrings | inside:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
            found.add("".join(str(part) for part in parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(_FILLED_IN.sub("…", node.value))
    return found


_ZIG_STRING = r'"(?:[^"\\\n]|\\.)*"'
_ZIG_OPERAND = rf"(?:{_ZIG_STRING}|@?[\w.]+(?:\([^()]*\))?)"
_ZIG_TEXT = re.compile(rf"{_ZIG_OPERAND}(?:\s*\+\+\s*{_ZIG_OPERAND})+|{_ZIG_STRING}")


def _is_doc(line: str) -> bool:
    return any(mark in line for mark in (".doc =", "o.method(", "Py_tp_doc"))


def _zig(path: Path) -> set[str]:
    lines = [
        re.sub(r"^\s*(//|\\\\).*|\s//.*$", "", line) for line in path.read_text("utf-8").split("\n")
    ]
    code = "\n".join(line for line in lines if not _is_doc(line))
    code = re.split(r'(?m)^test "', code)[0]
    found = set()
    for match in _ZIG_TEXT.finditer(code):
        parts = re.findall(_ZIG_OPERAND, match[0])
        text = "".join(part[1:-1] if part[0] == '"' else "…" for part in parts)
        found.add(_FILLED_IN.sub("…", text))
    return found


def messages(root: Path) -> dict[str, str]:
    """Each message, and the file that it was found in."""
    found: dict[str, str] = {}
    package = root / "picows"
    sources = [
        path
        for path in sorted(package.rglob("*.py"))
        if path.relative_to(package).parts[0] not in NOT_THE_LIBRARY
    ]
    for folder in ("core", "cpython", "binding"):
        sources += [
            path
            for path in sorted((root / "zig" / folder).rglob("*.zig"))
            if not path.stem.endswith(("_test", "_fuzz", "_doc")) and path.name not in NOT_TEXT
        ]
    for path in sources:
        texts = _python(path) if path.suffix == ".py" else _zig(path)
        for text in texts:
            text = re.sub(r"…+", "…", text)
            if _is_message(text):
                found[text] = str(path.relative_to(root))
    return found
