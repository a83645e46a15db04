"""Strongly connected components of a graph, in dependency order (Tarjan, 1972), without recursion."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def components(count: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Gives the components so that every edge between two of them goes from an earlier one to a later one.

    Among components that do not depend on each other, the one with the least node comes first.

    Args:
        count: Number of nodes, which are called 0, 1, ...
        edges: From node, to node.
    """
    found = _tarjan(count, edges)
    home = [0] * count
    for k, group in enumerate(found):
        for node in group:
            home[node] = k
    after: list[set[int]] = [set() for _ in found]
    for source, target in edges:
        if home[source] != home[target]:
            after[home[source]].add(home[target])
    return [found[k] for k in _least_first(found, after)]


class _Walk:
    """The walk of Tarjan's algorithm over one graph."""

    def __init__(self, count: int, edges: Sequence[tuple[int, int]]) -> None:
        self.following: list[list[int]] = [[] for _ in range(count)]
        for source, target in edges:
            self.following[source].append(target)
        self.seen: dict[int, int] = {}
        self.low = [0] * count
        self.path: dict[int, None] = {}
        self.found: list[list[int]] = []

    def enter(self, node: int) -> None:
        self.low[node] = self.seen[node] = len(self.seen)
        self.path[node] = None

    def leave(self, node: int) -> None:
        if self.low[node] != self.seen[node]:
            return
        group = []
        while True:
            member, _ = self.path.popitem()
            group.append(member)
            if member == node:
                break
        self.found.append(sorted(group))


def _tarjan(count: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    walk = _Walk(count, edges)
    for root in range(count):
        if root in walk.seen:
            continue
        walk.enter(root)
        work = [(root, iter(walk.following[root]))]
        while work:
            node, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                walk.leave(node)
                if work:
                    above = work[-1][0]
                    walk.low[above] = min(walk.low[above], walk.low[node])
            elif following not in walk.seen:
                walk.enter(following)
                work.append((following, iter(walk.following[following])))
            elif following in walk.path:
                walk.low[node] = min(walk.low[node], walk.seen[following])
    return walk.found


def _least_first(found: Sequence[Sequence[int]], after: Sequence[set[int]]) -> list[int]:
    before = [0] * len(found)
    for following in after:
        for k in following:
            before[k] += 1
    ready = [(found[k][0], k) for k in range(len(found)) if not before[k]]
    heapq.heapify(ready)
    order = []
    while ready:
        _, k = heapq.heappop(ready)
        order.append(k)
        for later in after[k]:
            before[later] -= 1
            if not before[later]:
                heapq.heappush(ready, (found[later][0], later))
    return order
