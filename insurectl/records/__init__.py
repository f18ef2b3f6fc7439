"""The nouns: what a stage returns, a run's folder keeps and a report is drawn from.

All are frozen and keyword-only. Units stand in the names; ``at_s`` and other absolute
times are seconds since the epoch (UTC). Zones are named ``a``, ``b``; services as in
``system/topology.yaml``. In the order of the pipeline:

    Scenario        what is to be played, and the thresholds it is judged by
    Deployment      a system that is up, with its entrances and its Tuning
    LoadResult      what was played against it and what came back
    Timeline        what the servers and the autoscaler did meanwhile, on the same clock
    Calibration     many small loads against one replica
    CapacityModel   what one replica takes, with intervals
    Recommendation  the Tuning chosen, why, and the Effect foreseen
    Change          the Tuning put in force, and the way back
    Verdict         predicted against measured on traffic that was not used
    FailoverResult  a zone taken away under load, and what it cost
    Plan            replicas, nodes and money for a peak, and what breaks first (parts: plan.py)
"""

from insurectl.records.advice import (
    Candidate,
    Change,
    Comparison,
    Effect,
    Recommendation,
    Simulation,
    Verdict,
)
from insurectl.records.capacity import (
    Calibration,
    CalibrationStep,
    CapacityModel,
    CurvePoint,
    Queue,
    QueueModel,
)
from insurectl.records.failover import FailoverResult
from insurectl.records.load import LoadResult, LoadSecond, RequestStats, ThresholdResult
from insurectl.records.outcome import Estimate, Outcome
from insurectl.records.plan import Plan
from insurectl.records.playback import Playback, Playbacks
from insurectl.records.run import RunInfo, RunRecords
from insurectl.records.scenario import (
    Abort,
    CalibrationPlan,
    Metric,
    PlannedFault,
    Scenario,
    Stage,
    Threshold,
    TraceWindow,
)
from insurectl.records.system import Deployment, Fault, ProcessStatus, SystemStatus, Zone
from insurectl.records.timeline import Decision, Series, Timeline
from insurectl.records.tuning import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    RPS,
    Autoscaling,
    Cost,
    MetricTarget,
    ScalingPolicy,
    ScalingRules,
    ServiceTuning,
    Tuning,
)

__all__ = [
    "KUBERNETES_SCALE_DOWN",
    "KUBERNETES_SCALE_UP",
    "RPS",
    "Abort",
    "Autoscaling",
    "Calibration",
    "CalibrationPlan",
    "CalibrationStep",
    "Candidate",
    "CapacityModel",
    "Change",
    "Comparison",
    "Cost",
    "CurvePoint",
    "Decision",
    "Deployment",
    "Effect",
    "Estimate",
    "FailoverResult",
    "Fault",
    "LoadResult",
    "LoadSecond",
    "Metric",
    "MetricTarget",
    "Outcome",
    "Plan",
    "PlannedFault",
    "Playback",
    "Playbacks",
    "ProcessStatus",
    "Queue",
    "QueueModel",
    "Recommendation",
    "RequestStats",
    "RunInfo",
    "RunRecords",
    "ScalingPolicy",
    "ScalingRules",
    "Scenario",
    "Series",
    "ServiceTuning",
    "Simulation",
    "Stage",
    "SystemStatus",
    "Threshold",
    "ThresholdResult",
    "Timeline",
    "TraceWindow",
    "Tuning",
    "Verdict",
    "Zone",
]
