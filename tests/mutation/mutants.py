"""Change the code at random places and see whether the tests notice: `make mutants`.

Every mutant runs in a fork of this process, in which the libraries are loaded already. It lives in memory only: no file
is changed. It meets the test file that mirrors its module first, then the rest of its room's tests. The operators are
those of cosmic-ray; a place is drawn first and then one of its changes, so that an operator with many variants does not
crowd out the others.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import parso
from cosmic_ray import plugins
from cosmic_ray.mutating import mutate_code

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("service", "engine", "images", "catalogue")
LIBRARIES = ("torch", "cv2", "PIL.Image", "scipy.ndimage", "scipy.signal", "skimage.data", "pydantic", "pytest")
NEVER_NOTICED = ("Is_Eq", "IsNot_NotEq", "Eq_Is", "NotEq_IsNot", "VariableReplacer", "VariableInserter", "NoOp")
"""Changes that mean the same (`is None` to `== None`), or that need arguments."""
SHARE = 0.8
_NOT_RUN = (4, 5, 70)
"""Exit codes that tell nothing of the mutant: no such tests, a conftest that does not load, a fault of this file."""

Place = tuple[int, int]


@dataclass(frozen=True)
class Mutant:
    """One change: occurrence number `occurrence` of what an operator of cosmic-ray can change in a module."""

    module: str
    operator: str
    occurrence: int
    line: int

    @property
    def path(self) -> Path:
        return ROOT / Path(*self.module.split(".")).with_suffix(".py")

    def source(self) -> str | None:
        """Return the changed source, or None where the operator makes none that can be compiled."""
        operator = plugins.get_operator(self.operator)()
        changed: str | None = mutate_code(self.path.read_text(encoding="utf-8"), operator, self.occurrence)
        try:
            ast.parse(changed or "")
        except SyntaxError:
            return None
        return changed

    def describe(self) -> str:
        """Return where it is and what was changed."""
        before, after = (text.splitlines() for text in (self.path.read_text(encoding="utf-8"), self.source() or ""))
        changed = next((pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]), ("", ""))
        shown = f"{changed[0].strip()}  ->  {changed[1].strip() or '(removed)'}"
        return f"{self.path.relative_to(ROOT)}:{self.line} {self.operator.removeprefix('core/')}: {shown}"


class _InMemory(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Give one module another source."""

    def __init__(self, module: str, source: str, path: Path) -> None:
        self.module, self.changed, self.path = module, source, path

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.module:
            return None
        spec = importlib.util.spec_from_loader(fullname, self, origin=str(self.path))
        if spec is not None:
            spec.has_location = True
        return spec

    def get_source(self, fullname: str) -> str:
        return self.changed

    def is_package(self, fullname: str) -> bool:
        return False


def mutants_of(path: Path) -> dict[Place, list[Mutant]]:
    """Return all mutants of a file by the place they change, without those of annotations, which nothing evaluates."""
    source = path.read_text(encoding="utf-8")
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    tree = parso.parse(source)
    idle = _idle_lines(source)
    found: dict[Place, list[Mutant]] = defaultdict(list)
    for name in plugins.operator_names():
        if name.endswith(NEVER_NOTICED):
            continue
        operator = plugins.get_operator(name)()
        positions = (position for node in _nodes(tree) for position in operator.mutation_positions(node))
        for occurrence, (start, _) in enumerate(positions):
            if not any(first <= start < last for first, last in idle):
                found[start].append(Mutant(module, name, occurrence, start[0]))
    return found


def _nodes(node: parso.tree.NodeOrLeaf) -> Iterator[parso.tree.NodeOrLeaf]:
    """Yield nodes in the order in which cosmic-ray counts them."""
    yield node
    for child in getattr(node, "children", ()):
        yield from _nodes(child)


def _idle_lines(source: str) -> list[tuple[Place, Place]]:
    """Return where annotations, and what only a type checker reads, begin and end."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        idle: list[ast.AST | None] = []
        if isinstance(node, ast.arg | ast.AnnAssign):
            idle = [node.annotation]
        elif isinstance(node, ast.FunctionDef):
            idle = [node.returns]
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            idle = [node]
        for each in idle:
            if each is not None:
                spans.append(((each.lineno, each.col_offset), (each.end_lineno, each.end_col_offset)))
    return spans


def drawn(rooms: Sequence[str], *, count: int, seed: int) -> list[Mutant]:
    """Return mutants at places drawn at random, as many of each room as its share of all places."""
    dice = random.Random(seed)  # noqa: S311 - a sample, not a secret
    places = [
        mutants
        for room in rooms
        for path in sorted((ROOT / "restoration" / room).rglob("*.py"))
        for _, mutants in sorted(mutants_of(path).items())
    ]
    dice.shuffle(places)
    chosen = (dice.choice(mutants) for mutants in places)
    fit = (mutant for mutant in chosen if mutant.source() is not None)
    return [mutant for mutant, _ in zip(fit, range(count), strict=False)]


def tests_of(module: str) -> tuple[list[Path], list[Path]]:
    """Return the test file that mirrors a module, if there is one, and the rest of its room's tests."""
    _, room, *rest = module.split(".")
    every = sorted((ROOT / "tests" / room).rglob("test_*.py"))
    mirrored = (ROOT / "tests" / room).joinpath(*rest[:-1], f"test_{rest[-1]}.py") if rest else None
    first = [path for path in every if path == mirrored]
    return first, [path for path in every if path not in first]


def tried(mutant: Mutant | None, tests: Sequence[Path], *, limit_s: int) -> str:
    """Return "passed", "failed" or "timed out" of tests in a fork that runs a mutant, or the code as it is.

    Args:
        limit_s: seconds of the processor; ten times as long by the clock.
    """
    child = os.fork()
    if child == 0:
        _run_tests(mutant, tests, limit_s=limit_s)
    end_s = time.monotonic() + 10 * limit_s
    while time.monotonic() < end_s:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            if code in _NOT_RUN:
                raise RuntimeError(f"pytest could not run {', '.join(map(str, tests))} (exit code {code})")
            return {0: "passed", -signal.SIGXCPU: "timed out", -signal.SIGKILL: "timed out"}.get(code, "failed")
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timed out"


def _run_tests(mutant: Mutant | None, tests: Sequence[Path], *, limit_s: int) -> None:
    """Never return: leave the process with the exit code of pytest."""
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        if mutant is not None:
            source = mutant.source()
            assert source is not None
            sys.meta_path.insert(0, _InMemory(mutant.module, source, mutant.path))
        import pytest

        quiet = ["-x", "-q", "--tb=no", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist"]
        code = int(pytest.main([*quiet, *map(str, tests)]))
    finally:
        os._exit(code)


def outcome_of(mutant: Mutant, *, limit_s: int) -> str:
    """Return "killed", "timed out" or "survived"."""
    for tests in tests_of(mutant.module):
        outcome = tried(mutant, tests, limit_s=limit_s) if tests else "passed"
        if outcome != "passed":
            return "killed" if outcome == "failed" else outcome
    return "survived"


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 where at least four of five mutants are noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--room", action="append", choices=ROOMS, help="default: all")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit-s", type=int, default=120, help="seconds of the processor for a mutant's tests")
    parser.add_argument("--only", type=int, action="append", help="only the mutants of these numbers")
    parser.add_argument("--list", action="store_true", help="print the mutants and run nothing")
    parser.add_argument("--unchecked", action="store_true", help="do not run the tests on the unchanged code first")
    parser.add_argument("--json", type=Path, help="write the outcomes to a file")
    arguments = parser.parse_args(argv)
    os.chdir(ROOT)
    rooms = arguments.room or list(ROOMS)
    mutants = drawn(rooms, count=arguments.count, seed=arguments.seed)
    if arguments.list:
        print("\n".join(f"{number} {mutant.describe()}" for number, mutant in enumerate(mutants)))
        return 0
    _load_libraries()
    for room in () if arguments.unchecked else rooms:
        if (outcome := tried(None, [ROOT / "tests" / room], limit_s=600)) != "passed":
            print(f"tests/{room} {outcome} on the unchanged code; mend them first", file=sys.stderr)
            return 2
    outcomes: dict[int, str] = {}
    for number, mutant in enumerate(mutants):
        if arguments.only is None or number in arguments.only:
            started_s = time.monotonic()
            outcomes[number] = outcome_of(mutant, limit_s=arguments.limit_s)
            took_s = time.monotonic() - started_s
            print(f"{number:3d} {outcomes[number]:9s} {took_s:4.0f} s  {mutant.describe()}", flush=True)
    share = sum(outcome != "survived" for outcome in outcomes.values()) / max(1, len(outcomes))
    print(f"{100 * share:.0f} % of {len(outcomes)} mutants were noticed")
    if arguments.json is not None:
        _write(arguments.json, mutants, outcomes, seed=arguments.seed)
    return 0 if share >= SHARE else 1


def _load_libraries() -> None:
    """Load what all tests need, once, with one thread each: threads do not survive a fork."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    for name in LIBRARIES:
        importlib.import_module(name)
    sys.modules["torch"].set_num_threads(1)
    sys.modules["cv2"].setNumThreads(1)


def _write(path: Path, mutants: Sequence[Mutant], outcomes: dict[int, str], *, seed: int) -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    noticed = [number for number, outcome in outcomes.items() if outcome != "survived"]
    content = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "seed": seed,
        "mutants": len(outcomes),
        "noticed": len(noticed),
        "survivors": [
            {**asdict(mutants[number]), "change": mutants[number].describe()}
            for number in outcomes
            if number not in noticed
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
