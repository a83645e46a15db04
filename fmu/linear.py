"""Systems of linear equations of a few unknowns, by elimination with partial pivoting, as the compiled loop does it."""

from __future__ import annotations

from collections.abc import Sequence


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float] | None:
    """Solves matrix · x = right.

    Returns:
        x, or None when the matrix has no inverse.
    """
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for k in range(size):
        best = k
        for row in range(k + 1, size):
            if abs(rows[row][k]) > abs(rows[best][k]):
                best = row
        if not abs(rows[best][k]) > 0.0:
            return None
        rows[k], rows[best] = rows[best], rows[k]
        for row in range(k + 1, size):
            share = rows[row][k] / rows[k][k]
            for column in range(k, size + 1):
                rows[row][column] = rows[row][column] - share * rows[k][column]
    found = [0.0] * size
    for k in reversed(range(size)):
        value = rows[k][size]
        for column in range(k + 1, size):
            value = value - rows[k][column] * found[column]
        found[k] = value / rows[k][k]
    return found
