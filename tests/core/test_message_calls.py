"""The messages that the source gives and those that the catalogue holds are the same, with the same values."""

from message_calls import calls, literals

from modelwright.core.messages import catalog

PASSES_ON = {
    "core/requirements/requirement.py",
    "core/messages/message.py",
    "project/results/stage_warnings.py",
    "runtime/worker/channel.py",
}  # reads a sent message, or wraps one


def own():
    """Return the calls of the package, less those that read or wrap a message of another."""
    return [call for call in calls() if call.place.partition(":")[0] not in PASSES_ON]


def test_every_message_names_its_id():
    """By a literal, from a table of literals, or by an f-string that begins with one."""
    assert [call.place for call in own() if not (call.id or call.prefix or call.from_table)] == []


def test_every_message_is_in_the_catalogue():
    known = catalog.entries("en")
    missing = {call.id: call.place for call in own() if call.id and call.id not in known}
    assert missing == {}


def test_every_entry_is_used():
    prefixes = tuple(call.prefix for call in own() if call.prefix)
    unused = catalog.entries("en").keys() - literals()
    assert sorted(id_ for id_ in unused if not id_.startswith(prefixes)) == []


def test_calls_and_texts_have_the_same_values():
    known = catalog.entries("en")
    wrong = []
    for call in own():
        if call.id not in known:
            continue
        entry = known[call.id]
        loose = {"column", "count"} if call.kind == "Notice" else set()
        if more := call.names - catalog.parameters(entry) - loose:
            wrong.append(f"{call.place}: {call.id} shows no {sorted(more)}")
        for part, wordings in entry.items() if not call.open_ended else ():
            if not any(may_hold(one, call) for one in wordings):
                wrong.append(f"{call.place}: every wording of {call.id}.{part} needs more than is given")
    assert wrong == []


def may_hold(wording, call):
    """Return whether a call can come to a wording, as far as the source shows."""
    name, _, wanted = (wording.when or "").partition("=")
    constants = dict(call.constants)
    if name and (name not in call.names or (name in constants and wanted and str(constants[name]) != wanted)):
        return False
    return set(catalog.placeholders(wording.text)) <= call.names


def test_every_value_of_a_text_is_given_by_some_call():
    given: dict[str, set[str]] = {}
    passing = {call.id for call in own() if call.open_ended}
    for call in own():
        if call.id is None:
            continue
        given.setdefault(call.id, set()).update(call.names)
    missing = {
        id_: sorted(names)
        for id_, entry in catalog.entries("en").items()
        if id_ in given and id_ not in passing and (names := catalog.parameters(entry) - given[id_])
    }
    assert missing == {}
