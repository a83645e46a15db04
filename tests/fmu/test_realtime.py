"""Simulation at the pace of a clock: deadlines do not drift, lateness and overruns are counted, pauses cost nothing."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dtdl.errors import FmuError
from fmu.realtime import LiveRun, Pacer
from fmu.system import System
from fmu.worker import Worker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_deadlines_are_absolute_whatever_the_steps_took() -> None:
    clock = Clock()
    pacer = Pacer(0.1, 2.0, clock)
    waits = []
    for took in (0.01, 0.02, 0.04):
        pacer.begin()
        clock.now += took
        waits.append(pacer.done())
        clock.now += waits[-1]
    assert waits == [pytest.approx(0.04), pytest.approx(0.03), pytest.approx(0.01)]
    assert (pacer.made, pacer.late, pacer.overruns) == (3, 0, 0)
    assert pacer.time_s == pytest.approx(0.3)


def test_lateness_and_overruns_are_counted_apart() -> None:
    clock = Clock()
    pacer = Pacer(1.0, 1.0, clock)
    for took in (2.5, 0.25, 0.125):
        pacer.begin()
        clock.now += took
        wait = pacer.done()
    # the second step is late through no fault of its own; the third is in time again
    assert (pacer.late, pacer.overruns, pacer.worst_s) == (2, 1, 1.5)
    assert wait == 0.125


def test_a_pause_moves_the_deadlines_and_makes_nothing_late() -> None:
    clock = Clock()
    pacer = Pacer(1.0, 1.0, clock)
    pacer.pause()
    clock.now += 1000.0
    pacer.resume()
    pacer.begin()
    clock.now += 0.5
    assert pacer.done() == 0.5
    assert (pacer.late, pacer.worst_s) == (0, 0.0)


def test_time_that_is_given_up_is_not_counted_again() -> None:
    clock = Clock()
    pacer = Pacer(1.0, 1.0, clock)
    clock.now += 50.0
    behind_s = -pacer.done()
    assert behind_s > pacer.patience_s
    pacer.skip(behind_s)
    assert pacer.done() == pytest.approx(1.0)
    assert pacer.skipped_s == pytest.approx(49.0)


def test_a_pace_that_is_none_is_refused() -> None:
    with pytest.raises(FmuError, match="is no pace"):
        Pacer(0.0)


def test_inputs_set_between_steps_take_effect_at_the_next_and_a_pause_holds(fmus: Path) -> None:
    system = System.of(fmus / "Echo.fmu", inputs=["feed"], outputs=["level"])
    seen: list[tuple[float, float]] = []
    paused = threading.Event()
    with Worker(system) as worker:
        live = LiveRun(worker, 0.01, factor=100.0)

        def keep(time_s: float, values: list[float]) -> None:
            seen.append((round(time_s, 6), values[0]))
            if len(seen) == 3:
                live.set("feed", 7.0)
                live.pause()
                paused.set()

        playing = threading.Thread(target=live.play, args=(keep, 0.05))
        playing.start()
        assert paused.wait(30)
        held = len(seen)
        with pytest.raises(FmuError, match="no input 'food'"):
            live.set("food", 1.0)
        live.resume()
        playing.join(30)
    assert held == 3
    assert seen == [(0.01, 0.0), (0.02, 0.0), (0.03, 0.0), (0.04, 7.0), (0.05, 7.0)]
