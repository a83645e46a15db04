"""The integrators of model exchange: one internal step at a time, never past a limit, with values in between."""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias, get_args

from dtdl.errors import FmuError, MegatwinError
from fmu.border import border

if TYPE_CHECKING:
    import numpy as np

    Vector: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]

SolverName: TypeAlias = Literal["cvode", "bdf", "rk45", "rk4", "euler"]
NAMES: Final[tuple[str, ...]] = get_args(SolverName)
FIXED: Final = frozenset({"rk4", "euler"})
TOLERANCE: Final = 1e-6

Right: TypeAlias = Callable[[float, Any, Any], int]
"""Takes time in seconds, address of the states, address for their derivatives; gives 0, above 0 for "try a shorter
step", below 0 for a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solver:
    """Which integrator a model exchange FMU gets.

    Attributes:
        name: ``cvode``: SUNDIALS' variable-order BDF, stiff and not; ``bdf``, ``rk45``: SciPy's; ``rk4``, ``euler``:
            fixed steps. None: ``cvode`` where it is there, else ``bdf``.
        tolerance: Relative; times the nominal value of a state it is the absolute one. None: the FMU's default
            experiment, else 1e-6.
        step_s: Length of a fixed step in seconds. None: the communication step.
        most_events: How many events one communication step may have before it counts as chattering.
    """

    name: SolverName | None = None
    tolerance: float | None = None
    step_s: float | None = None
    most_events: int = 10_000

    def __post_init__(self) -> None:
        """Refuses what is no integrator.

        Raises:
            FmuError: A name that is not there, or a number that is not above 0.
        """
        if self.name is not None and self.name not in NAMES:
            raise FmuError(f"there is no solver {self.name!r}", action=f"Take one of {', '.join(NAMES)}.")
        for what, value in (("tolerance", self.tolerance), ("step", self.step_s), ("events", self.most_events)):
            if value is not None and not 0 < value < float("inf"):
                raise FmuError(f"the solver's {what} is {value}, which is not above 0", action="Give a number above 0.")
        if self.step_s is not None and self.name not in FIXED:
            raise FmuError(
                f"the solver {self.name or 'cvode'} chooses its steps itself",
                action=f"Give a step to {' and '.join(sorted(FIXED))} only.",
            )


class Integrator(ABC):
    """Integrates ``dx/dt = f(t, x)``.

    Args:
        count: Number of states, above 0.
        right: f.
        failed: Gives the error when it cannot go on, from its own words.
        solver: The settings.

    Attributes:
        states: The states at the end of the last step.
        time_s: The time reached in seconds.
    """

    states: Vector

    def __init__(self, count: int, right: Right, failed: Callable[[str], MegatwinError], solver: Solver) -> None:
        import numpy as np  # noqa: PLC0415 - it is slow to import

        self.count = count
        self.right = right
        self.failed = failed
        self.tolerance = solver.tolerance or TOLERANCE
        self.fixed_s = solver.step_s
        self.time_s = 0.0
        self._work, self._slope = np.zeros(count), np.zeros(count)
        self._places = (address(self._work), address(self._slope))

    @abstractmethod
    def reset(self, time_s: float, states: Vector, nominals: Vector) -> None:
        """Begins anew, at the start and after each event.

        Args:
            time_s: The time in seconds.
            states: Shape (count,).
            nominals: Shape (count,); sizes of the states.
        """

    @abstractmethod
    def advance(self, limit_s: float) -> float:
        """Makes one step and gives the time reached in seconds, at most the limit."""

    @abstractmethod
    def between(self, time_s: float) -> Vector:
        """The states at a time within the last step."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Gives back memory that Python does not know of."""

    def slope(self, time_s: float, states: Vector) -> Vector:
        """f, for integrators in Python; NaN where the FMU asks for a shorter step."""
        self._work[:] = states
        answer = self.right(time_s, *self._places)
        if answer < 0:
            raise self.failed("its derivatives failed")
        if answer:
            self._slope[:] = float("nan")
        return self._slope.copy()


class CVode(Integrator):
    """CVODE of SUNDIALS, with the binaries that FMPy ships: variable-order BDF, dense Jacobian by differences."""

    _ONE_STEP: ClassVar[int] = 2
    _MOST_STEPS: ClassVar[int] = 100_000

    def __init__(self, count: int, right: Right, failed: Callable[[str], MegatwinError], solver: Solver) -> None:
        super().__init__(count, right, failed, solver)
        import numpy as np  # noqa: PLC0415 - it is slow to import
        from fmpy import sundials  # noqa: PLC0415 - binaries that FMPy has not for every processor
        from fmpy.sundials.libraries import sundials_cvode as library  # noqa: PLC0415

        self._lib: Any = sundials
        self._said = ""
        self._context = sundials.SUNContext()
        self._ask(sundials.SUNContext_Create, sundials.SUN_COMM_NULL, ctypes.byref(self._context))
        self._vectors = [sundials.N_VNew_Serial(count, self._context) for _ in range(3)]
        views = [np.ctypeslib.as_array(sundials.NV_DATA_S(vector), (count,)) for vector in self._vectors]
        self.states, self._absolute, self._within = views
        self._memory = sundials.CVodeCreate(sundials.CV_BDF, self._context)
        data = sundials.NV_DATA_S
        # the objects that C calls must outlive its memory
        self._f = sundials.CVRhsFn(lambda t, y, slopes, _: right(t, data(y), data(slopes)))
        self._hear = sundials.SUNErrHandlerFn(self._heard)
        self._stop, self._dense = library.CVodeSetStopTime, library.CVodeGetDky
        self._stop.argtypes = [ctypes.c_void_p, ctypes.c_double]
        self._dense.argtypes = [ctypes.c_void_p, ctypes.c_double, ctypes.c_int, sundials.N_Vector]
        self._matrix = sundials.SUNDenseMatrix(count, count, self._context)
        self._linear = sundials.SUNLinSol_Dense(self._vectors[0], self._matrix, self._context)
        self._reached = ctypes.c_double()
        self._begun = False

    def close(self) -> None:
        """Frees what SUNDIALS holds, in reverse order; the second time there is nothing."""
        context, self._context = self._context, None
        if context is None:
            return
        from fmpy.sundials import libraries  # noqa: PLC0415 - binaries that FMPy has not for every processor

        core = libraries.sundials_core
        libraries.sundials_cvode.CVodeFree(ctypes.byref(ctypes.c_void_p(self._memory)))
        freed = [(core.SUNLinSolFree, self._linear), (core.SUNMatDestroy, self._matrix)]
        freed += [(core.N_VDestroy, vector) for vector in self._vectors]
        for function, thing in freed:
            # without types, an address would lose its upper half
            function(ctypes.cast(thing, ctypes.c_void_p))
        core.SUNContext_Free(ctypes.byref(context))

    def _heard(self, line: int, function: bytes, file: bytes, message: bytes, *more: Any) -> None:
        del line, function, file, more
        self._said = message.decode("utf-8", "replace").strip()

    def _ask(self, function: Callable[..., int], *arguments: Any) -> int:
        answer = function(*arguments)
        if answer < 0:
            raise self.failed(self._said or f"CVODE answered {answer}")
        return answer

    def reset(self, time_s: float, states: Vector, nominals: Vector) -> None:
        """CVodeReInit; tolerances follow the nominal values."""
        self.time_s = time_s
        self.states[:] = states
        self._absolute[:] = self.tolerance * nominals
        memory, lib = self._memory, self._lib
        if self._begun:
            self._ask(lib.CVodeReInit, memory, time_s, self._vectors[0])
            self._ask(lib.CVodeSVtolerances, memory, self.tolerance, self._vectors[1])
            return
        self._ask(lib.CVodeInit, memory, self._f, time_s, self._vectors[0])
        self._ask(lib.CVodeSVtolerances, memory, self.tolerance, self._vectors[1])
        self._ask(lib.CVodeSetLinearSolver, memory, self._linear, self._matrix)
        self._ask(lib.CVodeSetMaxNumSteps, memory, self._MOST_STEPS)
        self._ask(lib.SUNContext_PushErrHandler, self._context, self._hear, None)
        self._begun = True

    def advance(self, limit_s: float) -> float:
        """One internal step, with the limit as CVODE's stop time."""
        self._ask(self._stop, self._memory, limit_s)
        self._ask(self._lib.CVode, self._memory, limit_s, self._vectors[0], ctypes.byref(self._reached), self._ONE_STEP)
        self.time_s = self._reached.value
        return self.time_s

    def between(self, time_s: float) -> Vector:
        """CVODE's own interpolation."""
        self._ask(self._dense, self._memory, time_s, 0, self._vectors[2])
        return self._within


class SciPy(Integrator):
    """SciPy's step-wise solvers."""

    def __init__(self, count: int, right: Right, failed: Callable[[str], MegatwinError], solver: Solver) -> None:
        super().__init__(count, right, failed, solver)
        try:
            from scipy import integrate  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise FmuError(
                f"the solver {solver.name or 'bdf'} needs SciPy, which is not installed",
                action="Run: pip install 'megatwin[solvers]'",
            ) from error
        self._kind: Any = {"rk45": integrate.RK45}.get(solver.name or "bdf", integrate.BDF)
        self._solver: Any = None
        self._start: tuple[float, Vector, Vector] | None = None
        self._curve: Any = None

    def reset(self, time_s: float, states: Vector, nominals: Vector) -> None:
        """SciPy's solvers are made anew with the first limit."""
        self.time_s = time_s
        self.states = states.copy()
        self._start = (time_s, self.states, self.tolerance * nominals)

    def advance(self, limit_s: float) -> float:
        """One step of SciPy's solver."""
        if self._start is not None:
            time_s, states, absolute = self._start
            # SciPy warns below a hundred rounding errors, and takes that instead
            relative = max(self.tolerance, 3e-14)
            self._solver = self._kind(self.slope, time_s, states, limit_s, rtol=relative, atol=absolute)
            self._start = None
        solver = self._solver
        solver.t_bound, solver.status = limit_s, "running"
        import numpy as np  # noqa: PLC0415 - it is slow to import

        # what a step that is tried and refused meets is not worth a warning
        with np.errstate(all="ignore"):
            said = solver.step()
        if solver.status == "failed":
            raise self.failed(said or "the step became too short")
        self.states, self.time_s = solver.y, float(solver.t)
        self._curve = None
        return self.time_s

    def between(self, time_s: float) -> Vector:
        """SciPy's dense output of the last step."""
        if self._curve is None:
            self._curve = self._solver.dense_output()
        found: Vector = self._curve(time_s)
        return found


class Fixed(Integrator):
    """Explicit Euler and the classic Runge-Kutta method of order 4, in steps of one length."""

    def __init__(self, count: int, right: Right, failed: Callable[[str], MegatwinError], solver: Solver) -> None:
        super().__init__(count, right, failed, solver)
        self._euler = solver.name == "euler"
        self._before_s = 0.0

    def reset(self, time_s: float, states: Vector, nominals: Vector) -> None:
        """Takes the states."""
        del nominals
        self.time_s = time_s
        self.states = states.copy()
        self._before = self.states

    def advance(self, limit_s: float) -> float:
        """One step of the fixed length, a shorter one before the limit."""
        step_s, time_s, states = limit_s - self.time_s, self.time_s, self.states
        # a step that would leave a rounding error of itself is the last
        if self.fixed_s is not None and step_s > self.fixed_s * (1 + 1e-9):
            step_s = self.fixed_s
            limit_s = time_s + step_s
        first = self.slope(time_s, states)
        if self._euler:
            after = states + step_s * first
        else:
            half_s = step_s / 2
            second = self.slope(time_s + half_s, states + half_s * first)
            third = self.slope(time_s + half_s, states + half_s * second)
            fourth = self.slope(limit_s, states + step_s * third)
            after = states + step_s / 6 * (first + 2 * second + 2 * third + fourth)
        if not all(map(_is_finite, after)):
            raise self.failed("a state is not finite any more")
        self._before, self._before_s, self._first, self._last = states, time_s, first, None
        self.states, self.time_s = after, limit_s
        return limit_s

    _last: Vector | None = None
    _first: Vector
    _before: Vector

    def between(self, time_s: float) -> Vector:
        """A straight line for Euler, the cubic through both slopes for Runge-Kutta."""
        step_s = self.time_s - self._before_s
        part = (time_s - self._before_s) / step_s
        rise = self.states - self._before
        if self._euler:
            return self._before + part * rise
        if self._last is None:
            self._last = self.slope(self.time_s, self.states)
        bend = (part - 1) * ((1 - 2 * part) * rise + step_s * ((part - 1) * self._first + part * self._last))
        return self._before + part * (rise + bend)


def _is_finite(value: float) -> bool:
    return abs(value) < float("inf")


def address(vector: Vector) -> Any:
    """Where the values of a vector stand, for C."""
    return vector.ctypes.data_as(ctypes.POINTER(ctypes.c_double))


def integrator(count: int, right: Right, failed: Callable[[str], MegatwinError], solver: Solver) -> Integrator:
    """Makes the integrator that the settings name.

    Raises:
        FmuError: It is not there on this machine.
    """
    if solver.name in FIXED:
        return Fixed(count, right, failed, solver)
    if solver.name in (None, "cvode"):
        try:
            return _cvode(count, right, failed, solver)
        except FmuError:
            if solver.name is not None:
                raise
    return SciPy(count, right, failed, solver)


def _cvode(count: int, right: Right, failed: Callable[[str], MegatwinError], solver: Solver) -> Integrator:
    def missing(error: Exception) -> MegatwinError:
        return FmuError(
            f"the solver cvode is not there for this processor: {error}", action="Take bdf or rk45, which need SciPy."
        )

    with border(missing):
        from fmpy import sundials  # noqa: PLC0415 - binaries that FMPy has not for every processor

        del sundials
    return CVode(count, right, failed, solver)
