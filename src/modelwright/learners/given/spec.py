"""A graph that was learned elsewhere: what the learner accepts and takes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import Spec


def _named(value: object) -> object:
    """Return a class as the table has it: YAML reads `1` as a number, and `true` as a truth value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


ClassName = Annotated[str, BeforeValidator(_named)]


class GivenInput(BaseModel):
    """How one input of the function enters the graph."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: str | None = Field(None, description="the graph's input, where it has another name")
    missing: float | None = Field(None, description="what stands for a missing value; None: NaN")
    classes: tuple[ClassName, ...] | None = Field(
        None, description="of a category or tags: the names by their code or column, from 0"
    )
    layout: Literal["nchw", "nhwc", "nhw", "flat"] | None = Field(
        None, description="of a picture: the order of its axes; None: as the graph's shape shows"
    )
    size: tuple[int, int] | None = Field(None, description="of a picture: height and width in pixels")
    channels: Literal["rgb", "bgr", "grey"] | None = Field(None, description="of a picture: its channels")
    fit: Literal["letterbox", "stretch"] = Field(
        "stretch", description="of a picture: stretch it to the size, or keep proportions within margins"
    )
    scale: float | None = Field(
        None, gt=0, description="of a picture: what its levels, 0 to 255, are divided by"
    )
    mean: tuple[float, ...] | None = Field(
        None, description="of a picture: by the graph's channels, taken off after scaling"
    )
    deviation: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        None, description="of a picture: by the graph's channels, divided by after the mean is taken off"
    )
    tokenizer: str | None = Field(None, description="of a text: the path of its tokenizer.json")
    max_length: int = Field(256, ge=3, le=4096, description="of a text: the most tokens that are kept")


class GivenOutput(BaseModel):
    """Where the answer to one output of the function is in what the graph gives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: str | None = Field(None, description="the graph's output, where it has another name")
    scores: Literal["probabilities", "logits"] | None = Field(
        None, description="of classes and tags: what the numbers are; None: as the graph or the rows show"
    )
    classes: tuple[ClassName, ...] | None = Field(
        None, description="the names by column; of one column alone: the class at 0, and the one at 1"
    )
    column: int | None = Field(
        None, ge=0, description="of a number: its column, where the graph gives several"
    )


class GivenOptions(BaseModel):
    """The keys of `model:` that a graph takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str | None = Field(
        None, description="the file, in the project's folder or by its whole path; see bring-your-own.md"
    )
    trust: bool = Field(
        False,
        description="whether a file may be loaded that can hold any program (.joblib, .pkl): as whoever runs it",
    )
    columns: tuple[str, ...] | None = Field(
        None, description="the inputs in the order of the graph's columns; None: as the signature has them"
    )
    inputs: dict[str, GivenInput] = Field({}, description="input → how it enters the graph")
    outputs: dict[str, GivenOutput] = Field({}, description="output → where its answer is")
    classes: tuple[ClassName, ...] | None = Field(
        None, description="the classes of the one output that has some, by the graph's columns"
    )
    calibrate: bool = Field(
        False,
        description="whether a temperature is fitted on validation; without it, a confidence is what the graph gives",
    )


class GivenTraining(BaseModel):
    """The keys of `learn:` that a graph takes: none, for nothing is learned."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GivenSpec(Spec):
    """A graph that was learned elsewhere."""

    name: ClassVar[str] = "given"
    summary: ClassVar[str] = "a graph that was learned elsewhere, served as it is; it learns nothing"
    inputs: ClassVar[frozenset[Form]] = frozenset(
        {Form.AMOUNT, Form.SCALAR, Form.CODE, Form.SET, Form.VECTOR, Form.PIXELS, Form.TOKENS}
    )
    outputs: ClassVar[frozenset[Form]] = frozenset({Form.CODE, Form.FLAG, Form.SCALAR, Form.SET, Form.VECTOR})
    Options: ClassVar[type[BaseModel]] = GivenOptions
    Training: ClassVar[type[BaseModel]] = GivenTraining
    modules: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    brings: ClassVar[bool] = True
