"""Chat templates are taken apart, or refused in one message."""

from __future__ import annotations

import pytest
from tiny_decoder import CHATML

from modelwright.core.messages import ProjectError
from modelwright.learners.generate.templates import rendering, template_reading

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] + eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant') }}{% endif %}{% endfor %}"
)


def test_chatml_with_a_default_turn_of_the_system():
    found = template_reading.read(CHATML, TOKENS)
    assert found.opening == "<|im_start|>system\nYou help.<|im_end|>\n"
    assert (found.user.before, found.user.after) == ("<|im_start|>user\n", "<|im_end|>\n")
    assert found.system is not None
    assert found.system.before == "<|im_start|>system\n"
    assert found.reply == found.assistant.before == "<|im_start|>assistant\n"


def test_a_template_that_refuses_the_system():
    found = template_reading.read(MISTRAL, TOKENS)
    assert found.system is None
    assert (found.opening, found.user.before) == ("<s>", "[INST] ")
    assert found.assistant.after == "</s>"
    assert found.reply == ""


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[0]['content'] }}{{ messages.__class__.__mro__ }}",  # out of the sandbox
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% for m in messages %}{{ m['content'] }}",  # no end
        "{{ raise_exception('never') }}",
        "nothing of what anybody wrote",
        "{% for m in messages %}{{ loop.index }}{{ m['content'] }}|{% endfor %}",  # more than the roles
        "{% for m in messages %}{{ m['content'] | upper }}{% endfor %}",
        "{{ strftime_now('%Y') }}{% for m in messages %}{{ m['content'] }}{% endfor %}",
        "x" * 100_001,
    ],
)
def test_what_cannot_be_taken_apart_is_refused_in_one_message(template):
    with pytest.raises(ProjectError) as raised:
        template_reading.read(template, TOKENS)
    assert [one.id for one in raised.value.problems] == ["generate.template"]


def test_a_template_without_end_is_stopped(monkeypatch):
    monkeypatch.setattr(rendering, "MOST_S", 1.0)
    loops = "".join(f"{{% for {name} in range(9999) %}}" for name in "abc")
    nested = loops + "{% endfor %}" * 3
    with pytest.raises(ProjectError, match="more than 1 s"):
        template_reading.read(nested, TOKENS)
