"""The charts of a search: a dot for each trial, a ring for the one taken, lines where the requirements stand."""

from modelwright.reports.search_charts import TriedSearch, TriedSettings, section


def tried(number, value=0.9, latency_s=0.001, size=1e5, misses=(), **more):
    return TriedSettings(
        number, "trees", "a=<b>", (value,), latency_s, size, "", misses, more.get("taken", False)
    )


def drawn(*trials, bars=()):
    return section(TriedSearch(("accuracy",), trials, ("Trial 0 was taken.",), bars))


def test_each_trial_is_a_dot_and_the_one_taken_has_a_ring():
    found = drawn(tried(0, taken=True), tried(1, 0.8, 0.01, misses=("x",)), tried(2, None, None, None))
    charts = found["parts"][0]["charts"]
    assert len(charts) == 2
    for chart in charts:
        figure = str(chart["figure"])
        assert figure.count('class="point') == 2, "a trial without figures has no dot"
        assert figure.count('class="ring"') == 1
        assert figure.count("point weak") == 1
        assert "<b>" not in figure
    assert "Trial 0" in found["lead"]


def test_lines_stand_where_requirements_do_and_those_that_bind_are_marked():
    bars = (("accuracy", 0.85, True), ("latency", 0.005, False), ("size", 1e6, False))
    latency, size = (
        str(one["figure"]) for one in drawn(tried(0), tried(1, 0.8), bars=bars)["parts"][0]["charts"]
    )
    assert latency.count('class="limit"') == 1
    assert latency.count("limit binds") == 1
    assert size.count('class="limit"') == 1


def test_equal_figures_and_a_single_trial_are_drawn():
    for trials in ([tried(0)], [tried(0, 0.0), tried(1, 0.0)], [tried(0, 1e6), tried(1, -3.0)]):
        assert "nan" not in str(drawn(*trials)["parts"][0]["charts"][0]["figure"])


def test_without_a_search_there_is_no_section():
    assert section(None) is None


def test_a_long_search_counts_the_trials_that_are_not_in_the_table():
    found = drawn(*(tried(number) for number in range(50)))
    assert (
        len(found["parts"][-1]["table"].rows) == 40 if hasattr(found["parts"][-1]["table"], "rows") else True
    )
    assert "10" in found["more"]
