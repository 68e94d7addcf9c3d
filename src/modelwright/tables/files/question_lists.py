"""Questions that stand in lists within lists, as SQuAD publishes them, become rows: one a question.

An article has `paragraphs`, each a text with `qas`, and each of these a question with its `answers` (Rajpurkar et al.
2016). What stands beside a list is repeated in its rows, so that `title` and `context` are columns. Where a question
has `detected_answers`, as MRQA publishes them (Fisch et al. 2019), these are its answers, by their first places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Row = Mapping[str, object]
PARAGRAPHS, QUESTIONS, ANSWERS = "paragraphs", "qas", "answers"
DETECTED, _HEADER = "detected_answers", "header"


@dataclass
class QuestionLists:
    """Opens the lists of rows, and counts the texts that it found (`texts`) and those without a question (`empty`)."""

    texts: int = 0
    empty: int = 0

    def opened(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the questions of articles and paragraphs, each with what stands around it; other rows as they are."""
        for number, row in enumerate(rows):
            if number == 0 and row.keys() == {_HEADER}:  # of a file, as MRQA has it
                continue
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
        yield from map(_with_detected, questions)


def _with_detected(question: Row) -> Row:
    """Return a question with the answers that were found in its text, where those are stated; ends are inclusive."""
    detected = question.get(DETECTED)
    if not isinstance(detected, list):
        return question
    answers = []
    for one in detected:
        spans = one.get("char_spans") if isinstance(one, dict) else None
        match spans:
            case [[int(start), int(end)], *_]:
                answers.append({"start": start, "end": end + 1})
            case _:  # whoever reads it says what is wrong
                return question
    return {**{name: value for name, value in question.items() if name != DETECTED}, ANSWERS: answers}


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
