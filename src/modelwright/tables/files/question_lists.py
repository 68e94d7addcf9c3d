"""Questions that stand in lists within lists, as SQuAD publishes them, become rows: one a question.

An article has `paragraphs`, each a text with `qas`, and each of these a question with its `answers` (Rajpurkar et al.
2016). What stands beside a list is repeated in its rows, so that `title` and `context` are columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Row = Mapping[str, object]
PARAGRAPHS, QUESTIONS, ANSWERS = "paragraphs", "qas", "answers"


@dataclass
class QuestionLists:
    """Opens the lists of rows, and counts the texts that it found (`texts`) and those without a question (`empty`)."""

    texts: int = 0
    empty: int = 0

    def opened(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the questions of articles and paragraphs, each with what stands around it; other rows as they are."""
        for row in rows:
            if _is_list(row, PARAGRAPHS, QUESTIONS):
                for paragraph in _of(row, PARAGRAPHS):
                    yield from self._questions(paragraph)
            elif _is_list(row, QUESTIONS, ANSWERS) or row.get(QUESTIONS) == []:
                yield from self._questions(row)
            else:
                yield row

    def _questions(self, paragraph: Row) -> Iterator[Row]:
        self.texts += 1
        questions = list(_of(paragraph, QUESTIONS)) if isinstance(paragraph.get(QUESTIONS), list) else []
        self.empty += not questions
        yield from questions


def _of(row: Row, name: str) -> Iterator[Row]:
    """Yield the objects of a list, each with what stands beside the list; a name of both is the inner one's."""
    around = {one: value for one, value in row.items() if one != name}
    inner = row[name]
    for one in inner if isinstance(inner, list) else ():
        outer = {f"{_WHERE[name]}_{key}" if key in one else key: value for key, value in around.items()}
        yield {**outer, **one}


_WHERE = {PARAGRAPHS: "article", QUESTIONS: "paragraph"}  # what a list belongs to


def _is_list(row: Row, name: str, holds: str) -> bool:
    """Tell whether a row has a list of objects of which the first ones have another name within."""
    inner = row.get(name)
    if not isinstance(inner, list) or not all(isinstance(one, dict) for one in inner):
        return False
    return any(holds in one for one in inner)
