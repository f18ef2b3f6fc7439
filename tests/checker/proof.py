"""What must be true after anything was done to the system, as a function of what is then there.

Pure: it knows no server. `facts.py` reads the databases; the journal says what a client was told.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

from tests.checker.journal import Operation

Kind = Literal[
    "acknowledged and gone",
    "one key, two answers",
    "settled twice",
    "not settled",
    "settled and never issued",
    "settled otherwise than issued",
    "wrong sum",
    "order broken",
    "copy not as its source",
    "still waiting",
    "dead letters",
]


@dataclass(frozen=True, order=True)
class Fault:
    """Something that must not be."""

    kind: Kind
    what: str


@dataclass(frozen=True, kw_only=True)
class Policy:
    """As core-app has it."""

    id: str
    insurer: str
    premium: Decimal


@dataclass(frozen=True, kw_only=True)
class Entry:
    """As the register has it."""

    policy_id: str
    insurer: str
    premium: Decimal
    percent: Decimal
    owed: Decimal


@dataclass(frozen=True, kw_only=True)
class Facts:
    """``applied``: product and version, in the order in which a consumer applied them.
    ``copies``: for each consumer, the version it has of each product."""

    applications: frozenset[str] = frozenset()
    policies: Sequence[Policy] = ()
    entries: Sequence[Entry] = ()
    products: Mapping[str, int] = field(default_factory=dict)
    applied: Sequence[tuple[str, int]] = ()
    copies: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    dead: Mapping[str, int] = field(default_factory=dict)
    journal: Sequence[Operation] = ()


def faults(facts: Facts) -> list[Fault]:
    """Everything that is wrong; empty when the promises were kept."""
    found = [
        *_acknowledged(facts),
        *_settled(facts),
        *_sums(facts),
        *_order(facts),
        *_copies(facts),
        *(Fault("still waiting", f"{n} in {at}") for at, n in facts.waiting.items() if n),
        *(Fault("dead letters", f"{n} in {at}") for at, n in facts.dead.items() if n),
    ]
    return sorted(found)


def _acknowledged(facts: Facts) -> Iterator[Fault]:
    there = {
        "application": facts.applications,
        "policy": frozenset(policy.id for policy in facts.policies),
    }
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    for operation in facts.journal:
        if operation.outcome != "ok":
            continue
        told[operation.kind, operation.key].add(operation.id)
        if operation.id not in there[operation.kind]:
            yield Fault("acknowledged and gone", f"{operation.kind} {operation.id}")
    for (kind, key), ids in told.items():
        if len(ids) > 1:
            yield Fault("one key, two answers", f"{kind} {key}: {sorted(ids)}")


def _settled(facts: Facts) -> Iterator[Fault]:
    policies = {policy.id: policy for policy in facts.policies}
    count = Counter(entry.policy_id for entry in facts.entries)
    for policy_id in policies:
        if not count[policy_id]:
            yield Fault("not settled", policy_id)
    for policy_id, times in count.items():
        if times > 1:
            yield Fault("settled twice", f"{policy_id}: {times} times")
        if policy_id not in policies:
            yield Fault("settled and never issued", policy_id)
    for entry in facts.entries:
        policy = policies.get(entry.policy_id)
        same = policy is None or (policy.insurer, policy.premium) == (entry.insurer, entry.premium)
        if not same or entry.owed != _owed(entry):
            yield Fault("settled otherwise than issued", f"{entry}")


def _owed(entry: Entry) -> Decimal:
    """Computed here once more, from the words of the contract and not from the service's code."""
    commission = entry.premium * entry.percent / 100
    return (entry.premium - commission).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def _sums(facts: Facts) -> Iterator[Fault]:
    issued: dict[str, Decimal] = defaultdict(Decimal)
    settled: dict[str, Decimal] = defaultdict(Decimal)
    for policy in facts.policies:
        issued[policy.insurer] += policy.premium
    for entry in facts.entries:
        settled[entry.insurer] += entry.premium
    for insurer in sorted(issued.keys() | settled.keys()):
        if issued[insurer] != settled[insurer]:
            told = f"{insurer}: issued {issued[insurer]}, in the register {settled[insurer]}"
            yield Fault("wrong sum", told)


def _order(facts: Facts) -> Iterator[Fault]:
    """1, 2, 3 without a gap, a repeat or a step back."""
    versions: dict[str, list[int]] = defaultdict(list)
    for product, version in facts.applied:
        versions[product].append(version)
    for product, applied in versions.items():
        if applied != list(range(1, len(applied) + 1)):
            yield Fault("order broken", f"{product}: {_first_wrong(applied)}")


def _first_wrong(applied: Sequence[int]) -> str:
    at = next(n for n, version in enumerate(applied, 1) if version != n)
    return f"version {applied[at - 1]} was applied as number {at}"


def _copies(facts: Facts) -> Iterator[Fault]:
    for consumer, copy in facts.copies.items():
        for product, version in facts.products.items():
            if copy.get(product) != version:
                told = f"{consumer} has {copy.get(product)} of {product}, which is at {version}"
                yield Fault("copy not as its source", told)
        for product in copy.keys() - facts.products.keys():
            yield Fault("copy not as its source", f"{consumer} alone knows {product}")
