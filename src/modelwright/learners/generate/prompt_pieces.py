"""The pieces of a prompt, as the driver `decode` reads them, from a template and the inputs of a signature."""

from __future__ import annotations

from modelwright.core.json_types import JsonLike
from modelwright.core.messages import Problem, ProjectError
from modelwright.core.signature import Field, Signature
from modelwright.kinds.turns import is_dialogue
from modelwright.learners.generate.spec import ChatTemplate, TurnTexts
from modelwright.runtime.drivers.decode.decode_settings import DecodeSettings, parsed

# Of weights that bring no template, as many have been trained: one turn a line.
PLAIN = ChatTemplate(
    system=TurnTexts(after="\n\n"),
    user=TurnTexts(before="User: ", after="\n"),
    assistant=TurnTexts(before="Assistant: ", after="\n"),
    reply="Assistant: ",
)


def pieces(signature: Signature, template: ChatTemplate | None) -> list[JsonLike]:
    """Return the pieces; without a template, or where it says so, one text alone is what goes on, as it stands.

    A dialogue has its turns; texts beside it stand before the last answer, as a turn of the user each line of which
    names its input. Raises ProjectError for more than one dialogue.
    """
    dialogues = [field for field in signature.inputs if is_dialogue(field)]
    texts = [field for field in signature.inputs if field not in dialogues]
    if len(dialogues) > 1:
        raise ProjectError(Problem("generate.dialogues", names=[field.name for field in dialogues]))
    if not dialogues and len(texts) == 1 and (template is None or template.goes_on):
        return [*_literal("" if template is None else template.opening), {"input": texts[0].name}]
    taken = template or PLAIN
    found: list[JsonLike] = []
    if dialogues:
        roles: dict[str, JsonLike] = {
            "user": _turn(taken.user),
            "assistant": _turn(taken.assistant),
            **({} if taken.system is None else {"system": _turn(taken.system)}),
        }
        found.append({"turns": dialogues[0].name, "roles": roles, "opening": _literal(taken.opening)})
    else:
        found += _literal(taken.opening)
    if texts:
        found += [
            *_literal(taken.user.before),
            *_listed(texts, trim=taken.user.trim),
            *_literal(taken.user.after),
        ]
    return [*found, *_literal(taken.reply)]


def settings(signature: Signature, template: ChatTemplate | None) -> DecodeSettings:
    """Return what a prompt is put together from; raises ProjectError as `pieces` does."""
    found = {"prompt": pieces(signature, template), "tools": tools(signature, template)}
    return parsed({"context": 1, "ends": [], **found})


def tools(signature: Signature, template: ChatTemplate | None) -> dict[str, JsonLike] | None:
    """Return the texts around tools, which a dialogue brings; None where there are none."""
    if template is None or template.tools is None or not any(map(is_dialogue, signature.inputs)):
        return None
    return template.tools.model_dump(mode="json")


def _turn(texts: TurnTexts) -> list[JsonLike]:
    return [*_literal(texts.before), {"content": True, "trim": texts.trim}, *_literal(texts.after)]


def _listed(fields: list[Field], *, trim: bool) -> list[JsonLike]:
    if len(fields) == 1:
        return [{"input": fields[0].name, "trim": trim}]
    found: list[JsonLike] = []
    for place, field in enumerate(fields):
        inner: list[JsonLike] = [
            *_literal(f"{chr(10) * bool(place)}{field.name}: "),
            {"input": field.name, "trim": trim},
        ]
        found += [{"given": field.name, "pieces": inner}] if field.optional else inner
    return found


def _literal(text: str) -> list[JsonLike]:
    return [{"text": text}] if text else []
