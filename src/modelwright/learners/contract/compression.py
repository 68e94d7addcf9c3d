"""The forms that a body can take, as `package.compress` names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from modelwright.core.messages import ValueProblem, did_you_mean
from modelwright.core.messages import shown as shown_value


class _Choice(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Int8Choice(_Choice):
    """Weights and activations in 8 bits: of matrices one scale a row, of convolutions fixed on training rows."""

    form: Literal["int8"] = Field("int8", description="the form")


class Int8BlocksChoice(_Choice):
    """Matrices of a decoder in 8 bits: a block of 32 or 64 weights, and of what it is multiplied with, has a scale."""

    form: Literal["int8-blocks"] = Field("int8-blocks", description="the form")


class Int8StaticChoice(_Choice):
    """Matrices in 8 bits with scales of activations that are fixed on training rows."""

    form: Literal["int8-static"] = Field("int8-static", description="the form")
    clip: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        description="share of the largest and of the smallest activations that may lie beyond the scale",
    )


class Int4Choice(_Choice):
    """Matrices and tables in 4 bits, one scale a block of weights."""

    form: Literal["int4"] = Field("int4", description="the form")
    block: Literal[16, 32, 64, 128] = Field(32, description="weights that share a scale")
    of: Literal["all", "tables", "matrices"] = Field("all", description="which weights: others stay")


class Float16Choice(_Choice):
    """Weights stored in 16 bits, and computed with in 32."""

    form: Literal["float16"] = Field("float16", description="the form")


class PruneChoice(_Choice):
    """The weights that matter least are taken out."""

    form: Literal["prune"] = Field("prune", description="the form")
    share: float = Field(0.25, gt=0, lt=1, description="share that is taken out")
    structured: bool = Field(
        True,
        description="whole channels, so that the graph gets smaller and quicker; false: single weights, which are "
        "stored as gaps",
    )
    of: Literal["channels", "heads", "all"] = Field(
        "channels",
        description="what is taken out whole: channels between layers, heads of attention, or both",
    )

    @field_validator("of")
    @classmethod
    def _whole(cls, of: str, info: ValidationInfo) -> str:
        """Refuse to name parts where single weights go; raises an error that is shown as it stands."""
        if of != "channels" and not info.data.get("structured", True):
            raise PydanticCustomError("prune_of", "single weights (`structured: false`) are of no part")
        return of


class LowRankChoice(_Choice):
    """A large matrix becomes the product of two smaller ones."""

    form: Literal["low-rank"] = Field("low-rank", description="the form")
    share: float = Field(0.5, gt=0, lt=1, description="share of the weights that is left")
    of: Literal["all", "tables", "matrices"] = Field("all", description="which weights: others stay")


FormChoice: TypeAlias = Annotated[
    Int8Choice
    | Int8BlocksChoice
    | Int8StaticChoice
    | Int4Choice
    | Float16Choice
    | PruneChoice
    | LowRankChoice,
    Field(discriminator="form"),
]
"""A form with its options."""

_CHOICES: Mapping[str, type[BaseModel]] = {
    one.model_fields["form"].default: one for one in get_args(get_args(FormChoice)[0])
}
FORMS: tuple[str, ...] = tuple(_CHOICES)


def read(given: object) -> tuple[FormChoice, ...]:
    """Return the forms that a project file names: `int8`, `{form: prune, share: 0.5}`, or a list of such.

    Raises ValueProblem for what is no form, an option that it does not have, or the same form twice.
    """
    listed = given if isinstance(given, list | tuple) else [given]
    if not listed:
        raise ValueProblem("package.bad-form", nothing=True, known=list(FORMS))
    forms = tuple(map(_read, listed))
    for place, one in enumerate(forms):
        if one in forms[:place]:
            raise ValueProblem("package.bad-form", twice=shown([one]), known=list(FORMS))
    return forms


def _read(given: object) -> FormChoice:
    if isinstance(given, _Choice):
        return given  # type: ignore[return-value] # of a configuration that was read before
    options = dict(given) if isinstance(given, Mapping) else {"form": given}
    name = options.get("form")
    if not isinstance(name, str):
        raise ValueProblem("package.bad-form", odd=shown_value(given), known=list(FORMS))
    if name not in _CHOICES:
        raise ValueProblem(
            "package.bad-form", unknown=name, near=did_you_mean(name, FORMS), known=list(FORMS)
        )
    model = _CHOICES[name]
    own = [key for key in model.model_fields if key != "form"]
    for key in options:
        if key not in model.model_fields:
            raise ValueProblem(
                "package.bad-form", key=str(key), form=name, options=own or None, known=list(FORMS)
            )
    try:
        return model.model_validate(options)  # type: ignore[return-value]
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueProblem(
            "package.bad-form",
            option=str(first["loc"][0]),
            form=name,
            given=shown_value(first["input"]),
            error=first["msg"],
            known=list(FORMS),
        ) from None


def shown(chosen: Sequence[BaseModel]) -> str:
    """Return forms as one name, `prune+int8`: what is not their default stands behind each, `prune(share=0.5)`."""
    return "+".join(_one(one) for one in chosen)


def _one(choice: BaseModel) -> str:
    default = type(choice)()
    own = {
        name: value
        for name in type(choice).model_fields
        if (value := getattr(choice, name)) != getattr(default, name)
    }
    written = ", ".join(f"{name}={value}" for name, value in own.items())
    return f"{default.form}({written})" if written else str(default.form)  # type: ignore[attr-defined]
