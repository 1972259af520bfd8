"""The protocol as a model small enough to try everything: all orders of all steps of all processes.

Clocks are the worst there can be: whoever looks may always take the lease it sees for expired. Old
generations are deleted at once (``KEPT`` is 1), so that numbers come again; a process may crash, or sleep,
anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

KEPT = 1


class File(NamedTuple):
    """A lease file: whose it is, and whether its ``released`` file lies beside it."""

    owner: int
    released: bool = False


class Process(NamedTuple):
    """What one process is about to do, with which generation; ``failed``: its check failed once."""

    about_to: str = "look"
    generation: int = 0
    failed: bool = False


class World(NamedTuple):
    """All there is: the files by generation, the processes, the highest generation ever granted."""

    files: tuple[tuple[int, File], ...] = ()
    processes: tuple[Process, ...] = ()
    granted: int = 0

    def highest(self) -> int:
        return max((number for number, _ in self.files), default=0)

    def with_files(self, changes: dict[int, File | None]) -> World:
        files = {**dict(self.files), **changes}
        left = sorted((number, file) for number, file in files.items() if file is not None)
        return self._replace(files=tuple(left))

    def with_process(self, number: int, process: Process) -> World:
        changed = (*self.processes[:number], process, *self.processes[number + 1 :])
        return self._replace(processes=changed)

    def passes(self, number: int) -> bool:
        """Whether this process's check would pass now."""
        process = self.processes[number]
        file = dict(self.files).get(process.generation)
        is_mine = file is not None and file.owner == number and not file.released
        return is_mine and process.generation == self.highest()


HOLDING = ("work", "rewrite", "prune")


def following(world: World, number: int, most: int, second_look: bool) -> Iterator[World]:
    """All that may happen next to one process."""
    process, files = world.processes[number], dict(world.files)
    generation = process.generation

    def go(about_to: str, then: int = generation, **more: bool) -> World:
        return world.with_process(number, Process(about_to, then, **more))

    if process.about_to == "look" and world.highest() < most:
        yield go("create", world.highest() + 1)
    elif process.about_to == "create":
        if generation in files:
            yield go("look", 0)
        else:
            yield go("look again").with_files({generation: File(number)})
    elif process.about_to == "look again":
        if world.highest() == generation or not second_look:
            yield go("prune")._replace(granted=max(world.granted, generation))
        else:
            yield go("let go")
    elif process.about_to == "let go":
        file = files.get(generation)
        changes = {generation: file._replace(released=True)} if file and file.owner == number else {}
        yield go("look", 0).with_files({**changes})
    elif process.about_to == "prune":
        old = [one for one in files if one <= generation - KEPT]
        yield go("prune").with_files({min(old): None}) if old else go("work")
    elif process.about_to == "work":
        if world.passes(number):
            yield go("rewrite", failed=process.failed)
            yield go("let go", failed=process.failed)
        else:
            yield go("work", failed=True)
            yield go("look", 0)
    elif process.about_to == "rewrite":
        # The whole file anew, by a name that may be gone or another's by now; a release lies beside it.
        released = files[generation].released if generation in files else False
        yield go("work", failed=process.failed).with_files({generation: File(number, released)})
    if process.about_to != "look":
        yield go("look", 0)  # a crash: the memory is gone, the files stay


def explore(processes: int, most: int, *, second_look: bool = True) -> int:
    """Visit every world that can come about; return how many there are."""
    first = World(processes=(Process(),) * processes)
    seen, waiting = {first}, [first]
    while waiting:
        world = waiting.pop()
        holders = [
            number
            for number, process in enumerate(world.processes)
            if process.about_to in HOLDING and world.passes(number)
        ]
        assert len(holders) <= 1, world
        for number in holders:
            assert not world.processes[number].failed, f"passes again after it failed: {world}"
            assert world.processes[number].generation == world.granted, f"holds below a granted one: {world}"
        for number in range(processes):
            for after in following(world, number, most, second_look):
                newly = after.granted != world.granted or (
                    after.processes[number].about_to == "prune"
                    and world.processes[number].about_to == "look again"
                )
                assert not newly or after.processes[number].generation > world.granted, (
                    f"numbers fall: {after}"
                )
                if after not in seen:
                    seen.add(after)
                    waiting.append(after)
    return len(seen)


@pytest.mark.parametrize(("processes", "most"), [(2, 6), (3, 3)])
def test_in_every_order_of_steps_one_holds_and_numbers_rise(processes, most):
    assert explore(processes, most) > 1000


def test_without_the_second_look_the_model_finds_the_error():
    with pytest.raises(AssertionError, match="numbers fall"):
        explore(3, 4, second_look=False)
