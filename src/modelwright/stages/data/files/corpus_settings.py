"""What a project states of the passages and the questions that its rows name by their ids."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from modelwright.core.messages import ValueProblem


def as_tuple(value: object) -> object:
    """Return one text as several."""
    return (value,) if isinstance(value, str) else value


Sources = Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(min_length=1)]


def _as_header(value: object) -> object:
    """Return names of columns, each once; raises ValueProblem."""
    if isinstance(value, list | tuple):
        names = [str(one).strip() for one in value]
        if twice := next((one for one in names if one and names.count(one) > 1), None):
            raise ValueProblem("data.header-twice", name=twice)
        return tuple(names)
    return value


Header = Annotated[tuple[str, ...], BeforeValidator(_as_header)]


class CorpusConfig(BaseModel):
    """The passages from which an output is chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Sources = Field(description="where the passages lie: sources as those of rows")
    id: str | None = Field(
        None,
        min_length=1,
        description="the column of their ids, which truths name; by default `id`, `key`, `_id`, `docid`, `doc_id`, "
        "`pid`, `corpus_id` or `corpus-id`",
    )
    passage: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        (),
        description="the column of their texts, or several, whose texts are joined (`[title, text]`); "
        "by default `passage`, `text`, `answer` or `content`",
    )
    header: Header = Field(
        (), description="the names of its columns, where no row has them; as `data.header`"
    )


class QueriesConfig(BaseModel):
    """The texts of questions that rows name by their ids."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Sources = Field(description="where the questions lie: sources as those of rows")
    id: str | None = Field(
        None,
        min_length=1,
        description="the column of their ids, which rows name; by default `id`, `_id`, `qid`, `query_id` or `query-id`",
    )
    text: str | None = Field(
        None, min_length=1, description="the column of their texts; by default `text`, `query` or `question`"
    )
    header: Header = Field(
        (), description="the names of its columns, where no row has them; as `data.header`"
    )


def as_corpus(value: object) -> object:
    """Return sources alone as the section that names them."""
    return {"source": value} if isinstance(value, str | list | tuple) else value
