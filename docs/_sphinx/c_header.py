"""`.. c-header:: FILE` documents a C header from its own comments, through Sphinx's C domain.

The header is one written like ours: a comment stands in front of what it is about, or behind it in
the same line. `/* ---- Title ---- */` begins a section; what is indented in one is an example.
Anything that no rule below knows fails the build.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ENUMERATOR = re.compile(
    r"\s*(?:/\*(?P<before>.*?)\*/\s*)?(?P<what>\w+ = [^,/\s]+),?(?:[ ]*/\*(?P<behind>.*?)\*/)?",
    re.S,
)
MEMBER = re.compile(
    r"\s*(?:/\*(?P<before>.*?)\*/\s*)?(?P<what>[^;/]+);(?:[ ]*/\*(?P<behind>.*?)\*/)?", re.S
)
DEFINE = re.compile(r"#define (\w+)[ ]*(.*?)[ ]*(?:/\*(.*?)\*/)?\n")
SECTION = re.compile(r"-{4} (.*?) -{4}")
NAME = re.compile(r"``.*?``|`?\b((?:picows|PICOWS)_\w+)(?:\(\))?`?(?![\w*])")
NOT_PROSE = re.compile(r"\s{4,}.*|\s*\.\. .*|~+")
STARS = re.compile(r"\n *\*(?: |$)", re.M)


def plain(comment: str | None) -> str:
    """The text of a comment, without the stars in front of its lines."""
    return STARS.sub("\n", comment or "").strip()


def name_of(declaration: str) -> str:
    found = re.search(r"\(\*(\w+)\)|(\w+)(?= =|\(|\[|$)", declaration)
    assert found, declaration
    return found[1] or found[2]


class Reader:
    """Goes through a header once and writes reStructuredText."""

    def __init__(self, header: str) -> None:
        self.header = header
        self.lines: list[str] = []
        self.kinds: dict[str, str] = {}  # of the names that are described, by Sphinx's terms
        self.comment = ""  # the last one, as long as what it is about has not come
        self.depth = 0  # of conditionals

    def read(self) -> list[str]:
        at = 0
        while at < len(self.header):
            for rule, method in RULES:
                if found := rule.match(self.header, at):
                    method(self, found)
                    at = found.end()
                    break
            else:
                raise ValueError(f"no rule for {self.header[at : at + 80]!r}")
        return [
            line if NOT_PROSE.fullmatch(line) else NAME.sub(self.link, line) for line in self.lines
        ]

    def link(self, found: re.Match[str]) -> str:
        kind = {"function": "func"}.get(known := self.kinds.get(found[1], ""), known)
        return f":c:{kind}:`{found[1]}`" if kind else found[0]

    def text(self, text: str, indent: int = 0) -> None:
        text = re.sub(r"\n\n(?= {4})", "\n\n.. code-block:: c\n\n", text)
        self.lines += [" " * indent + line if line else "" for line in text.splitlines()] + [""]

    def item(self, kind: str, what: str, text: str, indent: int = 0) -> None:
        what = " ".join(what.split())
        self.kinds[name_of(what)] = kind
        self.lines += [" " * indent + f".. c:{kind}:: {what}", ""]
        self.text(text, indent + 3)

    def take_comment(self) -> str:
        text, self.comment = self.comment, ""
        return text

    # What the rules do.

    def on_comment(self, found: re.Match[str]) -> None:
        self.comment = plain(found[1])

    def on_blank(self, found: re.Match[str]) -> None:
        text = self.take_comment()
        if section := SECTION.match(text):
            self.lines += [section[1], "~" * len(section[1]), ""]
            text = text[section.end() :].strip()
        self.text(text)

    def on_condition(self, found: re.Match[str]) -> None:
        text = self.take_comment()
        if self.depth == 0:  # the include guard, below what is said about the whole file
            self.text(text)
        self.depth += found[1].startswith("if") - (found[1] == "endif")

    def on_defines(self, found: re.Match[str]) -> None:
        defines = [define for define in DEFINE.findall(found[0]) if define[1]]
        if self.depth > 1 or not defines:  # for the compiler, like PICOWS_API and the include guard
            return
        if len(defines) > 1:
            self.text(self.take_comment())
        for name, value, behind in defines:
            text = plain(behind)
            value = f"``{value}``: {text}" if text else f"``{value}``\n\n{self.take_comment()}"
            self.item("macro", name, value)

    def on_struct(self, found: re.Match[str]) -> None:
        self.item("struct", found[1], self.take_comment())
        for what, before, behind in parts(MEMBER, found[2].replace("PyObject_HEAD", "")):
            self.item("member", what, before or behind, indent=3)

    def on_alias(self, found: re.Match[str]) -> None:
        self.item("type", found[1], self.take_comment())

    def on_enumeration(self, found: re.Match[str]) -> None:
        self.text(self.take_comment())
        for what, before, behind in parts(ENUMERATOR, found[1]):
            self.text(before)  # about those that follow
            self.item("enumerator", what, behind)

    def on_function(self, found: re.Match[str]) -> None:
        self.item("function", found[1], self.take_comment())

    def on_nothing(self, found: re.Match[str]) -> None:
        pass


def parts(pattern: re.Pattern[str], body: str) -> Iterator[tuple[str, str, str]]:
    """The members of a struct or an enumeration, with the comments in front of each and behind."""
    body = body.rstrip()
    at = 0
    while at < len(body):
        found = pattern.match(body, at)
        assert found, body[at : at + 80]
        yield found["what"], plain(found["before"]), plain(found["behind"])
        at = found.end()


RULES = [
    (re.compile(pattern, re.S), method)
    for pattern, method in [
        (r"/\*(.*?)\*/\n", Reader.on_comment),
        (r"\n", Reader.on_blank),
        (r"#(if|ifdef|ifndef|elif|else|endif|error|include)\b[^\n]*\n", Reader.on_condition),
        (r"(?:#define [^\n]*\n)+", Reader.on_defines),
        (r'extern "C" \{\n|\}\n', Reader.on_nothing),
        (r"typedef struct (\w+) \{\n(.*?)\n\} \w+;\n", Reader.on_struct),
        (r"typedef ([^;{]+);\n", Reader.on_alias),
        (r"enum \{\n(.*?)\n\};\n", Reader.on_enumeration),
        (r"PICOWS_API ([^;]+);\n", Reader.on_function),
        (r"static inline ([^{]+?)\s*\{.*?\n\}\n", Reader.on_function),
    ]
]


class CHeader(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        _, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(path)
        lines = Reader(Path(path).read_text("utf-8")).read()
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("c-header", CHeader)
    return {"parallel_read_safe": True}
