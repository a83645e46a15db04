"""Runs random systems in the compiled loop and in the Python loop, in a process of its own, and prints what differs."""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from dtdl.errors import MegatwinError
from fmu import archive
from fmu.description import FLOATS, INTEGERS, Description, Variable, read_description
from fmu.simulation import Place, Simulation
from fmu.system import Adaptive, Algorithm, Connection, Connector, Linear, Lookup, Part, Port, System


def transformation(draw: random.Random, source: Variable, target: Variable) -> Linear | Lookup | None:
    chance = draw.random()
    if source.type in FLOATS and chance < 0.6:
        return Linear(factor=draw.choice([0.5, -0.1, 0.3]), offset=draw.choice([0.0, 0.1]))
    if source.type in INTEGERS and target.type in INTEGERS and chance < 0.4:
        return Linear(factor=0.0, offset=float(draw.randint(0, 2)) + 0.5)
    if source.type == "Boolean" and target.type == "Boolean" and chance < 0.5:
        return Lookup(pairs=((True, False), (False, True)))
    if source.type == "Boolean" and target.type in INTEGERS:
        return Lookup(pairs=((True, 2), (False, 1)))
    return None


def fits(source: Variable, target: Variable) -> bool:
    if source.dimensions or target.dimensions:
        return False
    if source.type == "Boolean":
        return target.type in {"Boolean", *INTEGERS}
    if source.type in INTEGERS:
        return target.type == source.type or target.type in FLOATS
    return source.type in FLOATS and target.type in FLOATS


def system(draw: random.Random, fmus: dict[Path, Description]) -> System:
    paths = list(fmus)
    parts = []
    for k in range(draw.randint(2, 6)):
        path = draw.choice(paths)
        start = {"x": draw.uniform(-1, 1)} if path.stem == "Integrator" else {}
        parts.append(Part(name=f"p{k}", fmu=path, start=start, step_s=draw.choice([None, None, 0.01, 0.05])))
    sources = [
        (part, variable)
        for part in parts
        for variable in fmus[part.fmu].with_causality("output")
        if variable.type in FLOATS | INTEGERS or variable.type == "Boolean"
    ]
    connections = []
    inputs = []
    for part in parts:
        for variable in fmus[part.fmu].with_causality("input"):
            found = [pair for pair in sources if fits(pair[1], variable)]
            if found and draw.random() < 0.6:
                giver, given = draw.choice(found)
                connections.append(
                    Connection(
                        source=Port(giver.name, given.name),
                        target=Port(part.name, variable.name),
                        transformation=transformation(draw, given, variable),
                        convert_units=False,
                    )
                )
            elif variable.type == "Float64" and not variable.dimensions and draw.random() < 0.5:
                inputs.append(Connector(name=f"{part.name}.{variable.name}", port=Port(part.name, variable.name)))
    outputs = [Connector(name=f"{p.name}.{v.name}", port=Port(p.name, v.name)) for p, v in sources]
    return System(name="random", parts=parts, connections=connections, inputs=inputs, outputs=outputs)


def algorithm(draw: random.Random, chosen: System) -> Algorithm:
    adaptive = None
    if draw.random() < 0.3 and all(part.step_s is None for part in chosen.parts):
        adaptive = Adaptive(tolerance=draw.choice([0.3, 0.01]), least_s=1e-4, most_s=0.1)
    return Algorithm(
        master=draw.choice(["jacobi", "gauss-seidel"]),
        loops=draw.choice(["none", "none", "fixed-point", "newton"]),
        relaxation=draw.choice([1.0, 0.7]),
        tolerance=1e-6,
        iterations=30,
        extrapolation=draw.choice([0, 0, 1, 2]),
        adaptive=adaptive,
    )


def played(chosen: System, how: Algorithm, place: Place, *, compiled: bool) -> tuple[str, Any]:
    loop = ""
    try:
        simulation = Simulation(chosen, place, algorithm=how, compiled=compiled)
        loop = simulation.facts().loop
        draw = random.Random(1)
        rows = [simulation.inputs.pack([draw.uniform(-1, 1) for _ in chosen.inputs]) for _ in range(20)]
        found: list[Any] = [simulation.run(0.1, 20, rows, 3)]
        if all(
            member.interface is not None and member.interface.get_set_state for member in simulation.coupling.members
        ):
            kept = simulation.save()
            first = simulation.run(0.1, 5, None, 1)
            simulation.restore(kept)
            again = simulation.run(0.1, 5, None, 1)
            found += [first, first == again]
        found.append(simulation.counts)
        simulation.close()
    except MegatwinError as error:
        return loop, (type(error).__name__, error.message)
    return loop, found


def main(seeds: range, paths: list[Path]) -> None:
    fmus = {path: read_description(path) for path in paths}
    with tempfile.TemporaryDirectory() as scratch:
        place = Place(folders={path: str(archive.unpack(path, Path(scratch) / path.stem)) for path in paths})
        for seed in seeds:
            draw = random.Random(seed)
            chosen = system(draw, fmus)
            how = algorithm(draw, chosen)
            loop, ours = played(chosen, how, place, compiled=True)
            _, oracle = played(chosen, how, place, compiled=False)
            kind = ours[0] if isinstance(ours, tuple) else "ran"
            came_back = ours[2] if isinstance(ours, list) and len(ours) == 4 else True
            verdict = "same" if ours == oracle and came_back else f"DIFFERENT {chosen} {how}\n{ours}\n{oracle}"
            print(seed, loop or "-", kind, verdict, flush=True)


if __name__ == "__main__":
    main(range(int(sys.argv[1]), int(sys.argv[2])), [Path(name) for name in sys.argv[3:]])
