"""Draw which part of the code imports which: `python docs/import_graph.py` writes it into ARCHITECTURE.md.

A part is a package or a module directly below `evalsuite` or `training`. An arrow that follows from two others is left
out (transitive reduction), so the picture shows the layers. `--check` writes nothing and exits with 1 if the picture in
ARCHITECTURE.md is out of date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "ARCHITECTURE.md"
BLOCK = re.compile(r"(<!-- imports of (\w+) -->\n```mermaid\n).*?(```\n)", re.DOTALL)
LEFT_OUT = {"__main__", "errors"}
"""Everything imports `errors`, and `__main__` imports only the command line: their arrows would say nothing."""


def part_imports(package: str) -> dict[str, set[str]]:
    """Return, for each part of a package, the parts of the same package that it imports directly."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=True)
    imports: dict[str, set[str]] = {}
    for module in graph.modules:
        part = _part(module)
        if part is not None:
            targets = (_part(imported) for imported in graph.find_modules_directly_imported_by(module))
            imports.setdefault(part, set()).update(each for each in targets if each not in (None, part))
    return imports


def without_implied(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    """Remove every arrow whose target is also reached through another arrow."""
    reached = {part: _reachable(imports, part) for part in imports}
    return {
        part: {target for target in targets if not any(target in reached[other] for other in targets - {target})}
        for part, targets in imports.items()
    }


def mermaid(package: str) -> str:
    """Return the picture of a package as the lines of a Mermaid flowchart."""
    lines = ["flowchart TD\n"]
    for part, targets in sorted(without_implied(part_imports(package)).items()):
        lines += [f"  {part} --> {target}\n" for target in sorted(targets)]
    return "".join(lines)


def main() -> int:
    """Rewrite the pictures in ARCHITECTURE.md, or check them."""
    page = PAGE.read_text("utf-8")
    drawn = BLOCK.sub(lambda found: found[1] + mermaid(found[2]) + found[3], page)
    if "--check" in sys.argv[1:]:
        return int(drawn != page)
    PAGE.write_text(drawn, "utf-8")
    return 0


def _part(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] not in LEFT_OUT else None


def _reachable(imports: dict[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    ahead = list(imports.get(start, ()))
    while ahead:
        part = ahead.pop()
        if part not in reached:
            reached.add(part)
            ahead += imports.get(part, ())
    return reached


if __name__ == "__main__":
    sys.exit(main())
