"""A file with a token a line as rows of tokens and tags, as the tasks of CoNLL have them.

A blank line ends a text (Tjong Kim Sang and De Meulder 2003). Of a line with several cells the first is the token, the
last its tag; `-DOCSTART-` begins a document, and `# name = value` stands above a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from modelwright.core.messages import DataError, Problem

TOKEN_LINES = (".conll", ".iob", ".iob2", ".bio")
TOKENS, TAGS, DOCUMENT = "tokens", "tags", "document"
_DOCUMENT = "-DOCSTART-"
_TAG = re.compile(r"[Oo]|[BIESLUM][-_]\S.*")
_FEWEST = 3  # lines of a token that show what a file holds
_NOTE = re.compile(r"#\s*\S+\s*=")


def are_tagged(start: str) -> bool:
    """Tell whether a text begins as files with a token a line do: each line ends in a tag, and blank lines part texts.

    start: the first characters, of which the last line may be cut.
    """
    lines = start.splitlines()[:-1]
    cells = [_cells(line) for line in lines]
    tokens = [one for one, line in zip(cells, lines, strict=True) if any(one) and not _NOTE.match(line)]
    tokens = [one for one in tokens if one[0] != _DOCUMENT]
    if len(tokens) < _FEWEST or all(map(any, cells)):
        return False
    return all(len(one) > 1 and _TAG.fullmatch(one[-1].strip()) is not None for one in tokens)


def _cells(line: str) -> list[str]:
    # cells lie between tabs, where there are some: then a token may hold a space
    return line.rstrip("\r\n").split("\t") if "\t" in line else line.split()


def texts(lines: Iterable[str], name: str) -> Iterator[Mapping[str, object]]:
    """Yield tokens, tags and the number of the document of each text; raises DataError for a line of one cell."""
    tokens: list[str] = []
    tags: list[str] = []
    document = 0
    for number, line in enumerate(lines, 1):
        cells = _cells(line)
        begins = bool(cells) and cells[0] == _DOCUMENT
        if tokens and (begins or not any(cells)):
            yield {TOKENS: tokens, TAGS: tags, DOCUMENT: document}
            tokens, tags = [], []
        document += begins
        if begins or not any(cells) or (not tokens and _NOTE.match(line)):
            continue
        if len(cells) < 2 or not cells[0] or not cells[-1]:
            raise DataError(
                Problem("data.token-without-tag", where=name, line=number, shown=line.strip()[:80])
            )
        tokens.append(cells[0])
        tags.append(cells[-1])
    if tokens:
        yield {TOKENS: tokens, TAGS: tags, DOCUMENT: document}
