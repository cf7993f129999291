"""Threads for tasks, where the machine gives none for a while."""

from __future__ import annotations

import threading

import pytest

from cloudhand.agent.workers import Workers


def _none_left(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_work_without_a_thread_is_done_by_the_next_that_is_free(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    workers = Workers()
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        go.wait(10)

    workers.do(first)
    assert begun.wait(10)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", _none_left)
        workers.do(done.set)
    assert "a task has to wait: can't start new thread" in capfd.readouterr().err
    assert not done.is_set()

    go.set()

    assert done.wait(10)
    assert workers.close(at_most=10)


def test_work_without_a_thread_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers()
    done = threading.Event()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", _none_left)
        workers.do(done.set)
        workers.catch_up()
    assert not done.is_set()

    workers.catch_up()

    assert done.wait(10)
    assert workers.close(at_most=10)
