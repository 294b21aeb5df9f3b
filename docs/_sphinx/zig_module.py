"""`.. zig-module:: FILE` shows what a Zig file offers, or each file that a contents page offers.

Public declarations with their comments, and of a function the head alone. The sources are as
`zig fmt` leaves them: what belongs to a line is further in, or closes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

IMPORT = re.compile(r'^pub const (\w+) = @import\("([\w/]+\.zig)"\)(\.\w+)?;', re.M)
ALIAS = re.compile(r"^pub const (\w+) = (\w+)\.(\w+);", re.M)
PRIVATE = re.compile(r"\s*(inline |extern )?(const|var|fn|comptime|test)\b")
HEAD = re.compile(r"(.*?)\s*\{$", re.S | re.M)
NAME = re.compile(r"^pub (?:inline )?(?:const|fn) (\w+)")


def statements(lines: list[str], indent: int) -> Iterator[tuple[list[str], list[str]]]:
    """Each statement that begins `indent` spaces in, with the comments right above it."""
    goes_on = tuple(" " * indent + start for start in (" ", "}", ")"))
    comments: list[str] = []
    at = 0
    while at < len(lines):
        end = at + 1
        while end < len(lines) and (not lines[end] or lines[end].startswith(goes_on)):
            end += 1
        text = "\n".join(lines[at:end])
        if not text.lstrip().startswith("//"):
            yield comments, text.rstrip().split("\n")
            comments = []
        elif text.endswith("\n"):
            comments = []  # a blank line: about the file, or about what stands below in general
        else:
            comments.append(text)
        at = end


def public(lines: list[str], indent: int = 0) -> Iterator[list[str]]:
    """The lines of each declaration that others may use, and of each field."""
    for comments, statement in statements(lines, indent):
        first, *inside = statement
        if not first or PRIVATE.match(first):
            continue
        if re.search(r"\bfn \w+\(", first):
            head = HEAD.match("\n".join(statement))
            assert head, first
            yield [*comments, *head[1].split("\n")]
        elif inside and first.endswith("{"):
            lines = [first]
            for part in public(inside[:-1], indent + 4):
                is_declaration = part[-1].lstrip().startswith("pub ")
                lines += ["", *part] if is_declaration and lines != [first] else part
            yield [*comments, *lines, inside[-1]]
        else:
            yield [*comments, *statement]


def about(lines: list[str]) -> str:
    """What the file says about itself, as reStructuredText."""
    text = "\n".join(line[3:].removeprefix(" ") for line in lines if line.startswith("//!"))
    text = re.sub(r"((?:^ *\* .*\n)+)", r"\n\1\n", text, flags=re.M)  # a list is a paragraph
    text = re.sub(r"^ {1,3}(?=\* )", "", text, flags=re.M)
    return re.sub(r"\n\n(?= {4})", "\n\n.. code-block:: text\n\n", text)


def section(title: str, path: Path, only: set[str] | None, short: list[str]) -> str:
    """One file: what it says about itself, and what it offers."""
    lines = path.read_text("utf-8").splitlines()
    text = f"{title}\n{'~' * len(title)}\n\n{about(lines)}\n\n"
    if short:
        text += f"Without ``{title}.`` too: {', '.join(f'``{name}``' for name in short)}.\n\n"
    text += ".. code-block:: zig\n\n"
    for part in public(lines):
        names = {found[1] for line in part if (found := NAME.match(line))}
        if only is None or names & only:
            text += "".join(f"   {line}\n" for line in part) + "\n"
    return text


def sections(contents: Path) -> str:
    text = contents.read_text("utf-8")
    imports = IMPORT.findall(text)
    if not imports:
        return section(contents.stem, contents, None, [])
    result = ""
    for file in dict.fromkeys(file for _, file, _ in imports):
        names = [(name, member) for name, other, member in imports if other == file]
        whole = [name for name, member in names if not member]
        only = None if whole else {member[1:] for _, member in names}
        short = [name for name, module, _ in ALIAS.findall(text) if module in whole]
        result += section((whole or [Path(file).stem])[0], contents.parent / file, only, short)
    return result


class ZigModule(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        _, path = self.env.relfn2path(self.arguments[0])
        for file in Path(path).parent.rglob("*.zig"):
            self.env.note_dependency(str(file))
        return self.parse_text_to_nodes(sections(Path(path)), allow_section_headings=True)


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("zig-module", ZigModule)
    return {"parallel_read_safe": True}
