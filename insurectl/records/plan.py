"""A plan for a peak: what is asked, what is known of the system, and what follows from both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from insurectl.records.tuning import Cost

# measured: by a run; configured: set in the system; assumed: nobody said; given: by who asks
Basis = Literal["measured", "configured", "assumed", "given"]


@dataclass(frozen=True, kw_only=True)
class Sourced:
    """A number with its 95 % interval (both ends the value: none is known) and where it comes
    from. ``replicas``: how many it was measured with; 0: it was not measured."""

    value: float
    low: float
    high: float
    unit: str
    basis: Basis
    source: str
    at_least: bool = False
    replicas: int = 0


@dataclass(frozen=True, kw_only=True)
class NodeType:
    """One kind of node. ``reserved``: for the node itself and its eviction threshold;
    ``daemon``: for the DaemonSets, of which every node runs ``daemon_pods``. CPU in thousandths
    of a core."""

    cpu_m: int = 4000
    memory_mib: int = 16384
    pods: int = 110
    reserved_cpu_m: int | None = None
    reserved_memory_mib: int | None = None
    daemon_cpu_m: int = 100
    daemon_memory_mib: int = 128
    daemon_pods: int = 3


@dataclass(frozen=True, kw_only=True)
class PlanInputs:
    """Everything that a what-if may change. ``people`` are there at once; they come within
    ``ramp_s``, each waits ``wait_s`` for offers and stays ``think_s`` more. ``answer_s``: mean
    time of one of their requests at the gateway. Prices are of a node or pod and hour; None: not
    known. ``capacity_rps``, ``calls``: of a service, in place of what is known of it."""

    people: int
    insurers: int
    zones: int
    survive: int
    ramp_s: float = 60.0
    wait_s: float = 60.0
    think_s: float = 0.0
    answer_s: float = 1.0
    buy_share: float = 0.2
    pod_start_s: float = 15.0
    node_start_s: float = 120.0
    price: float | None = None
    pod_price: float | None = None
    hours: float = 730.0
    growth: float = 0.0
    horizon_years: float = 3.0
    max_connections: int = 250
    reserved_connections: int = 20
    people_in_flight: int = 256
    people_streams: int = 3000
    insurer_rps: float = 400.0
    pace_rps: float = 50.0
    running_max: int = 4000
    broker_eps: float = 2000.0
    node: NodeType = field(default_factory=NodeType)
    capacity_rps: Mapping[str, float] = field(default_factory=dict)
    calls: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PlanService:
    """What is known of a service. ``calls``: requests that one person who applies makes to it;
    ``calls_per_insurer``: more, for each insurer; neither: people do not drive it, it keeps its
    ``least`` replicas (a zone, as ``most``, its autoscaler's, and ``slots``, those that fit in a
    zone of `local`). ``stands_in``: for what is not ours to run. ``connections``: to PostgreSQL,
    a replica."""

    name: str
    calls: float
    calls_per_insurer: float
    least: int
    most: int | None
    slots: int | None
    connections: int
    cpu_m: int
    memory_mib: int
    stands_in: bool = False
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True, kw_only=True)
class PodKind:
    """Pods that are there whatever the load. ``count``: in each zone, or in all where they stand
    outside the zones."""

    name: str
    count: int
    cpu_m: int
    memory_mib: int


@dataclass(frozen=True, kw_only=True)
class PlanSystem:
    """What is planned: its services, the platform in each zone, and what stands beside them."""

    services: tuple[PlanService, ...]
    platform: tuple[PodKind, ...]
    outside: tuple[PodKind, ...]
    scaling_s: float = 15.0


@dataclass(frozen=True, kw_only=True)
class ServicePlan:
    """Replicas of one service. Bought are those at the low end of the interval, ``estimate_zone``
    is at its middle. ``capacity`` None: not measured, so its replicas are those that it keeps
    anyway. ``extrapolated``: in which way the plan goes beyond what was measured."""

    service: str
    rate_rps: float
    zone_rps: float
    capacity: Sourced | None
    replicas_zone: int
    estimate_zone: int
    replicas: int
    driven: bool
    extrapolated: str = ""


@dataclass(frozen=True, kw_only=True)
class ZonePlan:
    """Nodes of one zone. ``bound``: fewer can't do, however they are packed; ``exact``: the same
    before rounding up."""

    zone: str
    pods: int
    cpu_m: int
    memory_mib: int
    nodes: int
    bound: int
    exact: float


@dataclass(frozen=True, kw_only=True)
class Money:
    """What it costs a month of ``hours``."""

    nodes: float
    pods: float
    total: float
    exact: float
    currency: str


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Something that ends somewhere. ``people``: at how many at once it is passed; None: at none
    that is planned for. ``bought``: it is what the plan buys, so more can be bought; else it is
    set or given, and more people need a change of it."""

    name: str
    unit: str
    used: float
    allowed: float
    people: int | None
    bought: bool
    basis: Basis
    source: str


@dataclass(frozen=True, kw_only=True)
class ScaleUp:
    """From the least replicas to those of the peak. ``pods_s``: until new replicas serve where
    there is room for them; ``node_s``: where a node has to come first; ``node_used``: it has."""

    nodes_before: int
    nodes_after: int
    rounds: int
    pods_s: float
    node_s: float
    node_used: bool
    ramp_s: float
    in_time: bool
    basis: Basis
    source: str


@dataclass(frozen=True, kw_only=True)
class PlanFigures:
    """What follows from one set of inputs. ``complete``: every service that people drive has a
    number; else replicas, nodes and money are at least so much. ``nodes_exact``: before replicas
    and nodes are rounded up. ``most_people``: what is bought
    carries with the zones lost that must be survived; ``margin``: with one zone lost, people
    carried by those that are asked for, less one; None where nothing is known."""

    arrivals_rps: float
    streams_zone: float
    in_flight_zone: float
    services: tuple[ServicePlan, ...]
    zones: tuple[ZonePlan, ...]
    pods: int
    nodes: int
    nodes_estimate: int
    nodes_bound: int
    nodes_exact: float
    money: Money | None
    limits: tuple[Limit, ...]
    most_people: int | None
    margin: float | None
    scale_up: ScaleUp
    complete: bool


@dataclass(frozen=True, kw_only=True)
class Quarter:
    """One quarter of the growth; ``passed``: limits that are passed in it for the first time."""

    number: int
    people: int
    replicas: int
    nodes: int
    money: float | None
    passed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """The same with other inputs; ``last``: the end of its growth, where it grows;
    ``problem``: why there is no answer."""

    change: str
    figures: PlanFigures | None
    last: Quarter | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """One input raised, all others as they are. ``nodes`` and ``money`` are differences,
    ``exact``: the relative one of the nodes before rounding up; ``problem``: no such plan."""

    name: str
    before: float
    after: float
    nodes: int
    money: float | None
    exact: float
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Replicas, nodes and money for a peak. ``origins``: input -> where its value comes from."""

    schema: str = "insurectl/plan/v1"
    run_id: str
    inputs: PlanInputs
    currency: str
    system: PlanSystem
    capacity: Mapping[str, Sourced]
    origins: Mapping[str, Sourced]
    figures: PlanFigures
    what_ifs: tuple[WhatIf, ...]
    sensitivity: tuple[Sensitivity, ...]
    quarters: tuple[Quarter, ...]
    notes: tuple[str, ...]
