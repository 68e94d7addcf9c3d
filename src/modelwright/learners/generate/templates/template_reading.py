"""Reads a chat template (Jinja) into the texts around each role's turns, so that serving needs no Jinja.

The template is rendered once, in a sandbox and in a process of its own with a time limit, on dialogues of marks; what
stands between the marks are the texts. Then the texts are put together for further dialogues: where that differs from
what the template renders, it depends on more than roles, and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from modelwright.learners.generate.spec import ChatTemplate, TurnTexts
from modelwright.learners.generate.templates import tool_reading
from modelwright.learners.generate.templates.rendering import dialogue, rendered, unlike

_U, _A, _S = "\u00abuser\u00bb", "\u00abassistant\u00bb", "\u00absystem\u00bb"
_MARKS = {"user": _U, "assistant": _A, "system": _S}

# Dialogues as sequences of roles, each rendered without and with what stands before an answer.
_LEARNED = (("user",), ("user", "assistant"), ("user", "assistant", "user"), ("system", "user"))
_TRIED = (("system", "user", "assistant", "user"), ("user", "assistant", "user", "assistant", "user"))
# Of these what is spoken has white space around it, which many templates take away.
_PADDED = (("user", "assistant", "user"), ("system", "user"))
_PAD = " \n"
_TOOLS = re.compile(r"\btools\b")


def read(template: str, tokens: Mapping[str, str]) -> ChatTemplate:
    """Return the texts of a chat template; tokens: `bos_token` and the like, by name.

    Raises ProjectError for one that fails, that takes too long, or whose texts depend on more than roles.
    """
    dialogues = [*((roles, "") for roles in (*_LEARNED, *_TRIED)), *((roles, _PAD) for roles in _PADDED)]
    given = [dialogue(_messages(roles, pad)) for roles, pad in dialogues]
    made = rendered(template, tokens, [*given, *tool_reading.DIALOGUES])
    texts = made.texts[: 2 * len(given)]
    padded, padded_system = texts[-4], texts[-2]
    alone, answered, again, with_system = (texts[2 * place : 2 * place + 2] for place in range(4))
    if alone[0] is None or alone[1] is None or answered[0] is None:
        raise unlike("it renders no dialogue of a user and an assistant")
    opened, after_user = _around(alone[0], _U)
    middle, after_answer = _around(answered[0].replace(opened + _U, "", 1), _A)
    if not middle.startswith(after_user) or not alone[1].startswith(alone[0]):
        raise unlike("what follows a turn depends on the next one")
    before_answer = middle.removeprefix(after_user)
    before_user = _before_next_user(again[0], _A, after_answer)
    if not opened.endswith(before_user):
        raise unlike("the first turn of the user begins otherwise than the next one")
    found = ChatTemplate(
        opening=opened.removesuffix(before_user) if before_user else opened,
        system=_system(with_system[0], before_user, after_user, trim=_trims(padded_system, _S)),
        user=TurnTexts(before=before_user, after=after_user, trim=_trims(padded, _U)),
        assistant=TurnTexts(before=before_answer, after=after_answer, trim=_trims(padded, _A)),
        reply=alone[1].removeprefix(alone[0]),
    )
    for place, (roles, pad) in enumerate(dialogues):
        for reply in (False, True):
            wanted = texts[2 * place + int(reply)]
            if wanted is None or ("system" in roles and found.system is None):
                continue
            if composed(found, roles, reply=reply, pad=pad) != wanted:
                raise unlike("it depends on more than the roles of the turns")
    if not made.has_tools:
        return found
    return tool_reading.with_tools(found, made.texts[2 * len(given) :])


def lacks_tools(stated: str, found: ChatTemplate | None) -> bool:
    """Tell whether a template speaks of tools, and they were not read."""
    return found is not None and found.tools is None and _TOOLS.search(stated) is not None


def composed(template: ChatTemplate, roles: Sequence[str], *, reply: bool, pad: str = "") -> str:
    """Return the text of a dialogue of marks, each between two pads."""
    text = "" if roles[0] == "system" else template.opening
    for role in roles:
        turn: TurnTexts = getattr(template, role)
        spoken = f"{pad}{_MARKS[role]}{pad}"
        text += f"{turn.before}{spoken.strip() if turn.trim else spoken}{turn.after}"
    return text + (template.reply if reply else "")


def _messages(roles: Sequence[str], pad: str) -> list[dict[str, str]]:
    return [{"role": role, "content": f"{pad}{_MARKS[role]}{pad}"} for role in roles]


def _around(text: str, mark: str) -> tuple[str, str]:
    """Return what stands before and after the one mark in a text."""
    if text.count(mark) != 1:
        raise unlike("a turn is not there exactly once")
    before, _, after = text.partition(mark)
    return before, after


def _before_next_user(text: str | None, mark: str, after_answer: str) -> str:
    """Return what stands before a turn of the user that follows an answer; "" where none may follow."""
    if text is None or text.count(_U) != 2:
        return ""
    between = text[text.index(mark) + len(mark) : text.rindex(_U)]
    if not between.startswith(after_answer):
        raise unlike("what follows an answer depends on the next turn")
    return between.removeprefix(after_answer)


def _trims(text: str | None, mark: str) -> bool:
    """Tell whether white space around what one role says is taken away."""
    return text is not None and f"{_PAD}{mark}{_PAD}" not in text


def _system(text: str | None, before_user: str, after_user: str, *, trim: bool) -> TurnTexts | None:
    """Return the texts around a turn of the system, None where the template takes none, or drops it."""
    if text is None or text.count(_S) != 1 or text.count(_U) != 1:
        return None
    before, rest = text.split(_S)
    between, after = rest.split(_U)
    if after != after_user or not between.endswith(before_user):
        return None
    after_system = between.removesuffix(before_user) if before_user else between
    return TurnTexts(before=before, after=after_system, trim=trim)
