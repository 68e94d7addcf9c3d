"""A worker's process may be there before it is known what it opens; it is used once, and ends with who started it."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import signal
import subprocess
import sys

import pytest
from in_process import say
from tiny_serving import linear_body, sealed

from modelwright.runtime.worker import channel, worker_process
from modelwright.runtime.worker.channel import start
from modelwright.runtime.worker.frames import packed
from modelwright.runtime.worker.growing_lists import shortened

WAIT_S = 30


@pytest.fixture
def ahead():
    """Return the process that was started ahead; nothing of it is left behind."""
    worker_process.start_ahead()
    [found] = worker_process._ahead
    yield found
    worker_process._ahead.clear()
    found.connection.close()
    found.process.kill()
    found.process.wait()


def answering(package):
    async def asked():
        worker = await start(package, threads=1, max_batch=4, max_wait_s=0.0, timeout_s=WAIT_S)
        reply = await worker.ask([[40.0, 2.0]])
        pid = worker.process.pid
        await worker.close()
        return pid, reply.answers

    return asyncio.run(asked())


@pytest.mark.parametrize("leaves", [True, False])
def test_who_leaves_a_worker_that_is_lost_leaves_no_error_that_nobody_sees(leaves):
    """Requests in flight when a gateway stops: their clients may be gone, and asyncio prints what nobody looks at."""

    async def lost():
        unseen = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context["message"]))
        connection = channel._Connection()
        pending = connection.waiting[0] = channel._Pending()
        pending.parts = {0: (None, None, {})}  # a part that has come, after which the client leaves
        connection.connection_lost(None)
        if not leaves:
            with pytest.raises(channel.WorkerLostError):
                await pending.end
        del pending
        gc.collect()
        return unseen

    assert asyncio.run(lost()) == []


def test_who_reads_slowly_misses_parts_and_nothing_of_what_is_known_of_tokens():
    """A list that grows crosses piece by piece, and a part that nobody took is replaced by the next."""
    tokens = [{"token": str(one)} for one in range(9)]
    parts = [[["a" * n, None, None, None, {"logprobs": tokens[:n], "tokens": n}]] for n in range(1, 10)]
    sent = [parts[0], *(shortened(now, before) for before, now in itertools.pairwise(parts))]
    assert len(packed(["part", 0, [0], [sent[-1]]])) < len(packed(["part", 0, [0], [parts[-1]]]))

    async def taken():
        connection, found = channel._Connection(), []
        pending = connection.waiting[0] = channel._Pending()
        for number, one in enumerate(sent):
            connection.data_received(packed(["part", 0, [0], [one]]))
            if number in (2, 3, 8):
                found.append(pending.parts.pop(0))
        return found

    assert asyncio.run(taken()) == [parts[2], parts[3], parts[8]]


def test_the_process_started_ahead_is_the_first_worker_and_no_other_one(ahead, tmp_path):
    package = sealed(linear_body(), tmp_path / "linear")
    worker_process.start_ahead()  # one is enough
    pid, answers = answering(package)
    assert pid == ahead.process.pid
    assert answers
    assert not worker_process._ahead


def test_one_that_has_died_meanwhile_is_replaced(ahead, tmp_path):
    os.kill(ahead.process.pid, signal.SIGKILL)
    ahead.process.wait()
    pid, answers = answering(sealed(linear_body(), tmp_path / "linear"))
    assert pid != ahead.process.pid
    assert answers


@pytest.mark.parametrize("words", [("serve", "--help"), ("serve", "--package", "nowhere"), ("serve",)])
def test_a_command_that_serves_nothing_in_a_test_leaves_none_behind(words, tmp_path):
    say(tmp_path, *words)
    assert not worker_process._ahead


def test_it_ends_when_nothing_is_to_be_served(ahead):
    ahead.connection.close()
    assert ahead.process.wait(WAIT_S) == 0


def test_it_ends_with_a_command_that_could_not_serve(tmp_path):
    code = (
        "from modelwright.cli import main\n"
        "from modelwright.runtime.worker import worker_process\n"
        f"code = main.answer(['serve', '--package', {str(tmp_path / 'none')!r}])\n"
        "print(code, len(worker_process._ahead))"
    )
    # the worker holds the standard error of this command open, which is read to its end
    command = [sys.executable, "-X", "dev", "-c", code]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=WAIT_S)
    assert ended.stdout.split() == ["1", "1"]
    assert "ResourceWarning" not in ended.stderr


def test_it_reads_a_package_before_it_is_told_how_to_open_it(ahead, tmp_path):
    package = sealed(linear_body(), tmp_path / "linear")
    worker_process.read_ahead(package)
    worker_process.read_ahead(tmp_path / "another")  # one is enough
    pid, answers = answering(package)
    assert pid == ahead.process.pid
    assert answers


def test_one_that_reads_another_package_is_not_taken(ahead, tmp_path):
    worker_process.read_ahead(sealed(linear_body(3.0), tmp_path / "another"))
    pid, answers = answering(sealed(linear_body(), tmp_path / "linear"))
    assert pid != ahead.process.pid
    assert answers
    assert ahead.process.poll() is not None


def test_one_that_reads_what_is_no_package_ends_and_says_nothing(ahead, tmp_path, capfd):
    worker_process.read_ahead(tmp_path / "none")
    assert ahead.process.wait(WAIT_S) == 1
    assert capfd.readouterr().err == ""
    _, answers = answering(sealed(linear_body(), tmp_path / "linear"))
    assert answers


def test_a_gateway_imports_neither_the_runtime_nor_learners(tmp_path):
    """They take a fifth of the time until it listens."""
    package = sealed(linear_body(), tmp_path / "linear")
    code = (
        "import sys\n"
        "from modelwright.gateway.server import Server\n"
        "from modelwright.cli import main\n"
        "Server.run = lambda server: None\n"
        f"code = main.answer(['serve', '--package', {str(package)!r}, '--port', '0'])\n"
        "found = ('onnxruntime', 'modelwright.learners', 'modelwright.stages', 'modelwright.runtime.function')\n"
        "print(code, *[one for one in found if one in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=WAIT_S)
    assert ended.stdout.split() == ["0"]
