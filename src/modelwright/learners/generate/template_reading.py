"""Reads a chat template (Jinja) into the texts around each role's turns, so that serving needs no Jinja.

The template is rendered here, once, in a sandbox and in a process of its own with a time limit, on dialogues of marks;
what stands between the marks are the texts. Then the texts are put together for further dialogues: where that differs
from what the template renders, it depends on more than roles, and is refused.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelwright.core.messages import Problem, ProjectError
from modelwright.learners import own_process
from modelwright.learners.generate.spec import ChatTemplate, TurnTexts

MOST_S = 20.0
MOST_CHARACTERS = 100_000
_MOST_BYTES = 1 << 30  # of memory, where the system can bound it: a sandbox stops no `'x' * 10**11`
_U, _A, _S = "\u00abuser\u00bb", "\u00abassistant\u00bb", "\u00absystem\u00bb"
_MARKS = {"user": _U, "assistant": _A, "system": _S}

# Dialogues as sequences of roles, each rendered without and with what stands before an answer.
_LEARNED = (("user",), ("user", "assistant"), ("user", "assistant", "user"), ("system", "user"))
_TRIED = (("system", "user", "assistant", "user"), ("user", "assistant", "user", "assistant", "user"))
# Of these what is spoken has white space around it, which many templates take away.
_PADDED = (("user", "assistant", "user"), ("system", "user"))
_PAD = " \n"

_RENDER = """
import contextlib, json, sys
with contextlib.suppress(ImportError, ValueError):
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
from jinja2.sandbox import ImmutableSandboxedEnvironment
def refuse(message):
    raise ValueError(message)
given = json.loads(open(sys.argv[1], encoding="utf-8").read())
sandbox = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
sandbox.globals["raise_exception"] = refuse
template = sandbox.from_string(given["template"])
found = []
for messages in given["dialogues"]:
    for prompt in (False, True):
        try:
            text = template.render(messages=messages, add_generation_prompt=prompt, tools=None, **given["tokens"])
        except ValueError as error:
            if len(messages) == 1:
                raise
            text = None
        found.append(text)
open(sys.argv[2], "w", encoding="utf-8").write(json.dumps(found))
"""


def read(template: str, tokens: Mapping[str, str]) -> ChatTemplate:
    """Return the texts of a chat template; tokens: `bos_token` and the like, by name.

    Raises ProjectError for one that fails, that takes too long, or whose texts depend on more than roles.
    """
    dialogues = [*((roles, "") for roles in (*_LEARNED, *_TRIED)), *((roles, _PAD) for roles in _PADDED)]
    rendered = _rendered(template, tokens, dialogues)
    padded, padded_system = rendered[-4], rendered[-2]
    alone, answered, again, with_system = (rendered[2 * place : 2 * place + 2] for place in range(4))
    if alone[0] is None or alone[1] is None or answered[0] is None:
        raise _unlike("it renders no dialogue of a user and an assistant")
    opened, after_user = _around(alone[0], _U)
    middle, after_answer = _around(answered[0].replace(opened + _U, "", 1), _A)
    if not middle.startswith(after_user) or not alone[1].startswith(alone[0]):
        raise _unlike("what follows a turn depends on the next one")
    before_answer = middle.removeprefix(after_user)
    before_user = _before_next_user(again[0], _A, after_answer)
    if not opened.endswith(before_user):
        raise _unlike("the first turn of the user begins otherwise than the next one")
    found = ChatTemplate(
        opening=opened.removesuffix(before_user) if before_user else opened,
        system=_system(with_system[0], before_user, after_user, trim=_trims(padded_system, _S)),
        user=TurnTexts(before=before_user, after=after_user, trim=_trims(padded, _U)),
        assistant=TurnTexts(before=before_answer, after=after_answer, trim=_trims(padded, _A)),
        reply=alone[1].removeprefix(alone[0]),
    )
    for place, (roles, pad) in enumerate(dialogues):
        for reply in (False, True):
            wanted = rendered[2 * place + int(reply)]
            if wanted is None or ("system" in roles and found.system is None):
                continue
            if composed(found, roles, reply=reply, pad=pad) != wanted:
                raise _unlike("it depends on more than the roles of the turns")
    return found


def composed(template: ChatTemplate, roles: Sequence[str], *, reply: bool, pad: str = "") -> str:
    """Return the text of a dialogue of marks, each between two pads."""
    text = "" if roles[0] == "system" else template.opening
    for role in roles:
        turn: TurnTexts = getattr(template, role)
        spoken = f"{pad}{_MARKS[role]}{pad}"
        text += f"{turn.before}{spoken.strip() if turn.trim else spoken}{turn.after}"
    return text + (template.reply if reply else "")


def _rendered(
    template: str, tokens: Mapping[str, str], dialogues: Sequence[tuple[Sequence[str], str]]
) -> list[str | None]:
    if len(template) > MOST_CHARACTERS:
        raise _unlike(f"it has {len(template):,} characters, and at most {MOST_CHARACTERS:,} are read")
    messages = [
        [{"role": role, "content": f"{pad}{_MARKS[role]}{pad}"} for role in roles] for roles, pad in dialogues
    ]
    given = {"template": template, "tokens": dict(tokens), "dialogues": messages}
    with tempfile.TemporaryDirectory() as folder:
        given_file, answer = Path(folder) / "given.json", Path(folder) / "rendered.json"
        given_file.write_text(json.dumps(given), encoding="utf-8")
        try:
            reason = own_process.failure(
                _RENDER.replace("MOST_BYTES", str(_MOST_BYTES)), str(given_file), str(answer), most_s=MOST_S
            )
        except subprocess.TimeoutExpired:
            raise _unlike(f"it takes more than {MOST_S:g} s") from None
        if reason is not None:
            raise _unlike(reason)
        found: list[str | None] = json.loads(answer.read_text(encoding="utf-8"))
    return found


def _around(text: str, mark: str) -> tuple[str, str]:
    """Return what stands before and after the one mark in a text."""
    if text.count(mark) != 1:
        raise _unlike("a turn is not there exactly once")
    before, _, after = text.partition(mark)
    return before, after


def _before_next_user(text: str | None, mark: str, after_answer: str) -> str:
    """Return what stands before a turn of the user that follows an answer; "" where none may follow."""
    if text is None or text.count(_U) != 2:
        return ""
    between = text[text.index(mark) + len(mark) : text.rindex(_U)]
    if not between.startswith(after_answer):
        raise _unlike("what follows an answer depends on the next turn")
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


def _unlike(reason: str) -> ProjectError:
    return ProjectError(Problem("generate.template", reason=reason).at("model.template"))
