"""An ensemble over a local Dask cluster, beside the same one in a pool of its own; says whether they agree."""

from __future__ import annotations

import sys
from pathlib import Path

from distributed import Client, LocalCluster

from fmu.description import Experiment
from fmu.ensemble import Ensemble, Scenario
from fmu.system import Port, System


def main(room: Path) -> None:
    """Runs both.

    Args:
        room: The FMU.
    """
    span = Experiment(stop_s=3600.0, step_s=60.0)
    ensemble = Ensemble(System.of(room, outputs=["T_room"]), experiment=span)
    scenarios = [Scenario(start={Port(room.stem, "T_start"): float(degrees)}) for degrees in range(20)]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        there = ensemble.run(scenarios, executor=client.get_executor())
    here = ensemble.run(scenarios, workers=1)
    columns = [[outcome.result and outcome.result["T_room"] for outcome in outcomes] for outcomes in (there, here)]
    sys.stdout.write(f"{len(there)} {None not in columns[0] and columns[0] == columns[1]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
