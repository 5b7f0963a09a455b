"""Lines of code and comments that keep within a page."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

WIDTH = 100
"Characters of a line, where it can be broken."


def listed(before: str, items: Iterable[object], fences: tuple[str, str], indent: str) -> list[str]:
    """A list or vector as code, on one line where it fits."""
    words = [str(each) for each in items]
    whole = f"{before}{fences[0]}{', '.join(words)}{fences[1]}"
    if len(whole) <= WIDTH:
        return [whole]
    return [before + fences[0], *_broken(words, indent), fences[1]]


def _broken(words: list[str], indent: str) -> Iterator[str]:
    line = indent
    for place, word in enumerate(words):
        told = word if place == len(words) - 1 else f"{word},"
        if len(line) + 1 + len(told) > WIDTH and line.strip():
            yield line
            line = indent
        line += f" {told}" if line.strip() else told
    yield line


def quoted(text: str) -> str:
    """A text as code of either language."""
    return json.dumps(text, ensure_ascii=False)


def comment(text: str, indent: str = "") -> list[str]:
    """A text as lines of comment, each after the first set off by `indent`, in either language."""
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent="# ",
        subsequent_indent=f"# {indent}",
        break_long_words=False,
        break_on_hyphens=False,
    )
