"""The page on which people judge: pairs until the end, one verdict a pair, and nobody else's requests."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from modelwright.project.judging import judge_page
from modelwright.project.judging.answer_pairs import Pair
from modelwright.project.judging.blind_comparison import Shown


@dataclass
class Comparison:
    """Two pairs, and what was said of them; the pairs of a project are in `test_judge.py`."""

    left: list[Pair] = field(
        default_factory=lambda: [
            Pair("r1", {"question": "is <b>cash</b> free?"}, "Yes, it is <script>free</script>.", "No."),
            Pair("r2", {"question": "and abroad?"}, "Two euros \u202e there.", "Two euros."),
        ]
    )
    kept: list[tuple[str, str]] = field(default_factory=list)

    def upcoming(self) -> Shown | None:
        return Shown(self.left[0], "other", len(self.kept) + 1, 2) if self.left else None

    def take(self, shown: Shown, choice: str) -> None:
        self.kept.append((shown.pair.row, choice))
        self.left.pop(0)


@dataclass
class Served:
    """A page that is served: its whole address, what is behind it, and the thread that serves."""

    url: str
    comparison: Comparison
    thread: threading.Thread

    @property
    def base(self) -> str:
        return self.url.partition("?")[0]

    @property
    def token(self) -> str:
        return self.url.partition("token=")[2]


@pytest.fixture
def served() -> Iterator[Served]:
    addresses: queue.Queue[str] = queue.Queue()
    comparison = Comparison()
    thread = threading.Thread(target=judge_page.serve, args=(comparison, addresses.put), daemon=True)
    thread.start()
    one = Served(addresses.get(timeout=30), comparison, thread)
    yield one
    if thread.is_alive():
        httpx.post(one.base, data={"token": one.token, "choice": "finish"})
    thread.join(30)
    assert not thread.is_alive()


def row_of(page: httpx.Response) -> str:
    (row,) = re.findall(r'name="row" value="(\w+)"', page.text)
    return row


def test_a_pair_is_shown_until_its_verdict_is_kept_and_the_end_ends_it(served: Served) -> None:
    with httpx.Client(follow_redirects=True) as client:
        page = client.get(served.url)
        assert page.status_code == 200
        assert "row 1 of 2" in page.text
        assert "<mark>No.</mark>" in page.text
        assert "script-src 'nonce-" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
        assert row_of(client.get(served.url)) == row_of(page) == "r1"
        verdict = {"token": served.token, "row": "r1", "choice": "left"}
        second = client.post(served.base, data=verdict)
        assert row_of(second) == "r2"
        assert row_of(client.post(served.base, data={**verdict, "choice": "right"})) == "r2"  # sent twice
        assert served.comparison.kept == [("r1", "left")]
        end = client.post(served.base, data={**verdict, "row": "r2", "choice": "tie"})
        assert "Nothing is left" in end.text
    assert served.comparison.kept == [("r1", "left"), ("r2", "tie")]
    served.thread.join(30)
    assert not served.thread.is_alive()


def test_texts_are_shown_as_text(served: Served) -> None:
    page = httpx.get(served.url).text
    assert "&lt;b&gt;cash&lt;/b&gt;" in page
    assert "<script>free" not in page
    httpx.post(served.base, data={"token": served.token, "row": "r1", "choice": "skip"})
    assert "\u202e" not in httpx.get(served.url).text  # what turns the order of letters is written out


def test_finish_keeps_the_rest_for_later(served: Served) -> None:
    done = httpx.post(served.base, data={"token": served.token, "row": "r1", "choice": "finish"})
    assert done.status_code == 200
    assert served.comparison.kept == []
    served.thread.join(30)
    assert not served.thread.is_alive()


@pytest.mark.parametrize(
    ("headers", "changed", "status"),
    [
        ({}, {"token": "guessed"}, 403),
        ({}, {"token": ""}, 403),
        ({"host": "evil.example"}, {}, 403),
        ({"origin": "http://evil.example"}, {}, 403),
        ({"origin": "http://evil.example", "sec-fetch-site": "cross-site"}, {}, 403),
        ({}, {"choice": "best"}, 400),
        ({}, {"row": "x" * 5000}, 413),
    ],
)
def test_what_another_page_sends_is_refused_and_nothing_is_kept(
    served: Served, headers: dict[str, str], changed: dict[str, str], status: int
) -> None:
    assert httpx.get(served.url).status_code == 200
    form = {"token": served.token, "row": "r1", "choice": "left"} | changed
    refused = httpx.post(served.base, data=form, headers=headers)
    assert refused.status_code == status, refused.text
    assert served.token not in refused.text
    assert served.comparison.kept == []
    if "token" in changed:
        assert httpx.get(served.base, params={"token": changed["token"]}).status_code == 403
