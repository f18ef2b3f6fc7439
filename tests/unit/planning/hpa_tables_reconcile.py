"""Whole rounds of Kubernetes 1.34's horizontal_test.go; each is called after its test there.

``spec``: the target's replicas, with its status where that differs. ``metrics``: ``!`` where the
source answers with an error, ``?`` a kind that the controller does not know. ``levels`` are of a
pod (half of it each container), ``request`` is a pod's; without one there are as many pods as the
status says, each asking for a CPU. ``log``: ``new`` where nothing is remembered yet. ``with``:
``up`` or ``down`` rules of ``behavior``, and what else is unusual. ``as``: the conditions (see
``CONDITIONS``) or the reason why scaling is not active. ``%``: utilisation, where upstream looks.
"""

# ruff: noqa: E501 (a row is a line)

RESCALED, READY = (
    ("AbleToScale", True, "SucceededRescale"),
    ("AbleToScale", True, "ReadyForNewScale"),
)
ACTIVE = ("ScalingActive", True, "ValidMetricFound")
WITHIN, MANY = (
    ("ScalingLimited", False, "DesiredWithinRange"),
    ("ScalingLimited", True, "TooManyReplicas"),
)
FEW, FAST = ("ScalingLimited", True, "TooFewReplicas"), ("ScalingLimited", True, "ScaleUpLimit")
CONDITIONS = {
    "": (RESCALED, ACTIVE, WITHIN),
    "same": (READY, ACTIVE, WITHIN),
    "same, few": (READY, ACTIVE, FEW),
    "held": (("AbleToScale", True, "ScaleDownStabilized"), ACTIVE, WITHIN),
    "many": (RESCALED, ACTIVE, MANY),
    "few": (RESCALED, ACTIVE, FEW),
    "fast": (RESCALED, ACTIVE, FAST),
    "moved": (RESCALED,),
    "refused": (("AbleToScale", False, "FailedUpdateScale"), ACTIVE, WITHIN),
}

ROUNDS = """
test | range | spec | metrics | levels | request | pods | log | with | -> | as | %
ScaleUp | 2-6 | 3 | cpu 30% | 300 500 700 | 3x1000 | rrr | new | | 5 | | 50
ScaleUpContainer | 2-6 | 3 | cpu/container1 30% | 300 500 700 | 3x1000 | rrr | new | | 5 | |
ScaleUpUnreadyLessScale | 2-6 | 3 | cpu 30% | 300 500 700 | 3x1000 | nrr | new | | 4 | | 60
ScaleUpHotCpuLessScale | 2-6 | 3 | cpu 30% | 300 500 700 | 3x1000 | hrr | new | | 4 | | 60
ScaleUpUnreadyNoScale | 2-6 | 3 | cpu 30% | 400 500 700 | 3x1000 | rnn | new | | 3 | same | 40
ScaleUpHotCpuNoScale | 2-6 | 3 | cpu 30% | 400 500 700 | 3x1000 | rHH | new | | 3 | same | 40
ScaleUpIgnoresFailedPods | 2-6 | 2 | cpu 30% | 500 700 | 4x1000 | rrff | new | | 4 | | 60
ScaleUpIgnoresDeletionPods | 2-6 | 2 | cpu 30% | 500 700 | 4x1000 | rrdd | new | | 4 | | 60
ScaleUpDeployment | 2-6 | 3 | cpu 30% | 300 500 700 | 3x1000 | rrr | new | | 5 | | 50
ScaleUpReplicaSet | 2-6 | 3 | cpu 30% | 300 500 700 | 3x1000 | rrr | new | | 5 | | 50
ScaleUpCM | 2-6 | 3 | pods 15000 | 20000 10000 30000 | 3x1000 | rrr | new | | 4 | |
ScaleUpCMUnreadyAndHotCpuNoLessScale | 2-6 | 3 | pods 15000 | 50000 10000 30000 | 3x1000 | rrH | new | | 6 | |
ScaleUpCMUnreadyandCpuHot | 2-6 | 3 | pods 15000 | 50000 15000 30000 | 3x1000 | HrH | new | | 6 | many |
ScaleUpHotCpuNoScaleWouldScaleDown | 2-6 | 3 | pods 15000 | 50000 15000 30000 | 3x1000 | hrh | new | | 6 | many |
ScaleUpCMObject | 2-6 | 3 | object 15000 | 20000 | | rrr | new | | 4 | |
ScaleUpFromZeroCMObject | 0-6 | 0 | object 15000 | 20000 | | | new | | 2 | |
ScaleUpFromZeroIgnoresToleranceCMObject | 0-6 | 0 | object 1000 | 1000 | | | new | | 1 | |
ScaleUpPerPodCMObject | 2-6 | 3 | object avg 10000 | 40000 | | rrr | new | | 4 | |
ScaleUpCMExternal | 2-6 | 3 | external 6666 | 8600 | | rrr | new | | 4 | |
ScaleUpPerPodCMExternal | 2-6 | 3 | external avg 2222 | 8600 | | rrr | new | | 4 | |
ScaleDown | 2-6 | 5 | cpu 50% | 100 300 500 250 250 | 5x1000 | rrrrr | | | 3 | | 28
ScaleDownContainerResource | 2-6 | 5 | cpu/container2 50% | 100 300 500 250 250 | 5x1000 | rrrrr | | | 3 | |
ScaleDownWithScalingRules | 2-6 | 5 | cpu 50% | 100 300 500 250 250 | 5x1000 | rrrrr | | up %100/15 w30 | 3 | | 28
ScaleUpOneMetricInvalid | 2-6 | 3 | cpu 30%; ? | 300 400 500 | 3x1000 | rrr | new | | 4 | | 40
ScaleUpFromZeroOneMetricInvalid | 0-6 | 0 | cpu 30%; ? | 300 400 500 | 3x1000 | rrr | | | 4 | | 40
ScaleUpBothMetricsEmpty | 2-6 | 3 | ? | | 3x1000 | rrr | new | | 3 | InvalidMetricSourceType |
ScaleDownStabilizeInitialSize | 2-6 | 5 | cpu 50% | 100 300 500 250 250 | 5x1000 | rrrrr | new | | 5 | held | 28
ScaleDownCM | 2-6 | 5 | pods 20000 | 5x12000 | 5x1000 | rrrrr | | | 3 | |
ScaleDownCMObject | 2-6 | 5 | object 20000 | 12000 | 5x1000 | rrrrr | | | 3 | |
ScaleDownToZeroCMObject | 0-6 | 5 | object 20000 | 0 | 5x1000 | rrrrr | | | 0 | |
ScaleDownPerPodCMObject | 2-6 | 5 | object avg 20000 | 60000 | 5x1000 | rrrrr | | | 3 | |
ScaleDownCMExternal | 2-6 | 5 | external 14400 | 8600 | | rrrrr | | | 3 | |
ScaleDownToZeroCMExternal | 0-6 | 5 | external 14400 | 0 | | rrrrr | | | 0 | |
ScaleDownPerPodCMExternal | 2-6 | 5 | external avg 3000 | 8600 | | rrrrr | | | 3 | |
ScaleDownIncludeUnreadyPods | 2-6 | 5 | cpu 50% | 100 300 500 250 250 | 5x1000 | rrrnn | | | 2 | | 30
ScaleDownIgnoreHotCpuPods | 2-6 | 5 | cpu 50% | 100 300 500 250 250 | 5x1000 | rrrhh | | | 2 | | 30
ScaleDownIgnoresFailedPods | 2-6 | 5 | cpu 50% | 100 300 500 250 250 | 7x1000 | rrrrrff | | | 3 | | 28
ScaleDownIgnoresDeletionPods | 2-6 | 5 | cpu 50% | 100 300 500 250 250 | 7x1000 | rrrrrdd | | | 3 | | 28
Tolerance | 1-5 | 3 | cpu 100% | 1010 1030 1020 | 900 1000 1100 | rrr | new | | 3 | same |
ConfigurableTolerance 1 | 1-5 | 3 | cpu 100% | 1010 1030 1020 | 900 1000 1100 | rrr | new | up t0.01 | 4 | |
ConfigurableTolerance 2 | 1-5 | 3 | cpu 100% | 300 300 300 | 3x1000 | rrr | new | down t0.9 | 3 | same |
ConfigurableTolerance 3 | 1-5 | 3 | cpu 100% | 1010 1030 1020 | 900 1000 1100 | rrr | new | | 3 | same |
ConfigurableTolerance 4 | 1-5 | 3 | cpu 100% | 1010 1030 1020 | 900 1000 1100 | rrr | new | up t0.01 gate off | 3 | same |
ToleranceCM | 1-5 | 3 | pods 20000 | 20000 20001 21000 | 900 1000 1100 | rrr | new | | 3 | same |
ToleranceCMObject | 1-5 | 3 | object 20000 | 20050 | 900 1000 1100 | rrr | new | | 3 | same |
ToleranceCMExternal | 2-6 | 4 | external 8666 | 8600 | | rrrr | new | | 4 | same |
TolerancePerPodCMObject | 2-6 | 4 | object avg 2200 | 8600 | | rrrr | new | | 4 | same |
TolerancePerPodCMExternal | 2-6 | 4 | external avg 2200 | 8600 | | rrrr | new | | 4 | same |
MinReplicas | 2-5 | 3 | cpu 90% | 10 95 10 | 900 1000 1100 | rrr | | | 2 | few |
ZeroMinReplicasDesiredZero | 0-5 | 3 | cpu 90% | 0 0 0 | 900 1000 1100 | rrr | | | 0 | |
MinReplicasDesiredZero | 2-5 | 3 | cpu 90% | 0 0 0 | 900 1000 1100 | rrr | | | 2 | few |
ZeroReplicas | 3-5 | 0 | cpu 90% | | | | new | | 0 | ScalingDisabled |
TooFewReplicas | 3-5 | 2 | cpu 90% | | | | new | | 3 | moved |
TooManyReplicas | 3-5 | 10 | cpu 90% | | | | new | | 5 | moved |
MaxReplicas | 2-5 | 3 | cpu 90% | 8000 9500 1000 | 900 1000 1100 | rrr | new | | 5 | many |
SuperfluousMetrics | 2-6 | 4 | cpu 100% | 4000 9500 3000 7000 3200 2000 | 4x1000 | rrrr | new | | 6 | many |
MissingMetrics | 2-6 | 4 | cpu 100% | 400 95 | 4x1000 | rrrr | | | 3 | |
EmptyMetrics | 2-6 | 4 | cpu 100% | | 4x1000 | rrrr | new | | 4 | FailedGetResourceMetric |
EmptyCPURequest | 1-5 | 1 | cpu 100% | 200 | | | new | | 1 | FailedGetResourceMetric |
EventCreated | 1-5 | 1 | cpu 50% | 200 | 200 | r | new | | 2 | |
EventNotCreated | 1-5 | 2 | cpu 50% | 200 200 | 2x400 | rr | new | | 2 | same |
MissingReports | 1-5 | 4 | cpu 50% | 200 | 200 | r | | | 2 | |
UpscaleCap | 1-100 | 3 | cpu 10% | 100 200 300 | 3x100 | rrr | new | up %700/60 w0 | 24 | fast |
UpscaleCapGreaterThanMaxReplicas | 1-20 | 3 | cpu 10% | 100 200 300 | 3x100 | rrr | new | up %700/60 w0 | 20 | many |
MoreReplicasThanSpecNoScale | 1-8 | 4/5 | cpu 50% | 5x500 | 5x1000 | rrrrr | new | | 4 | same |
ConditionInvalidSelectorMissing | 1-100 | 3 | cpu 10% | 100 200 300 | 3x100 | rrr | new | selector missing | 3 | InvalidSelector |
ConditionInvalidSelectorUnparsable | 1-100 | 3 | cpu 10% | 100 200 300 | 3x100 | rrr | new | selector unparsable | 3 | InvalidSelector |
ConditionNoAmbiguousSelectorWhenNoSelectorOverlapBetweenHPAs | 2-6 | 3 | cpu 30% | 300 500 700 | 3x1000 | rrr | new | | 5 | |
ConditionAmbiguousSelectorWhenFullSelectorOverlapBetweenHPAs | 2-6 | 3 | cpu 30% | 300 500 700 | 3x1000 | rrr | new | selector ambiguous | 3 | AmbiguousSelector |
ConditionAmbiguousSelectorWhenPartialSelectorOverlapBetweenHPAs | 2-6 | 3 | cpu 30% | 300 500 700 | 3x1000 | rrr | new | selector ambiguous | 3 | AmbiguousSelector |
ConditionFailedGetMetrics 1 | 1-100 | 3 | cpu! 10% | 100 200 300 | 3x100 | rrr | new | | 3 | FailedGetResourceMetric |
ConditionFailedGetMetrics 2 | 1-100 | 3 | pods! 15000 | 100 200 300 | 3x100 | rrr | new | | 3 | FailedGetPodsMetric |
ConditionFailedGetMetrics 3 | 1-100 | 3 | object! 15000 | 100 200 300 | 3x100 | rrr | new | | 3 | FailedGetObjectMetric |
ConditionFailedGetMetrics 4 | 1-100 | 3 | external! 300 | 100 200 300 | 3x100 | rrr | new | | 3 | FailedGetExternalMetric |
ConditionInvalidSourceType | 2-6 | 3 | ? | 20000 | | rrr | new | | 3 | InvalidMetricSourceType |
ConditionFailedUpdateScale | 1-5 | 3 | cpu 100% | 150 150 150 | 3x100 | rrr | new | write fails | 3 | refused |
NoBackoffUpscaleCM | 1-5 | 3 | pods 15000 | 20000 10000 30000 | 3x1000 | rrr | new | | 4 | |
NoBackoffUpscaleCMNoBackoffCpu | 1-5 | 3 | cpu 10%; pods 15000 | 20000 10000 30000 | 3x1000 | rrr | new | | 5 | many |
StabilizeDownscale | 1-5 | 4 | cpu 100% | 50 50 50 | 3x100 | rrr | 10@600 4@60 | | 4 | held |
ComputedToleranceAlgImplementation 1 | 0-1000 | 10 | cpu 56% | 10x150 | 400 200 310 290 302 298 301 299 300 300 | rrrrrrrrrr | | | 9 | |
ComputedToleranceAlgImplementation 2 | 0-1000 | 10 | cpu 55% | 10x150 | 400 200 310 290 302 298 301 299 300 300 | rrrrrrrrrr | | | 10 | same |
ScaleUpRCImmediately | 2-6 | 1 | | 0 0 0 0 | 4x1000 | rrrr | new | | 2 | moved |
ScaleDownRCImmediately | 2-5 | 6 | cpu 50% | 8000 9500 1000 | 900 1000 1100 | rrr | new | | 5 | moved |
AvoidUnnecessaryUpdates | 2-6 | 2 | cpu 80% | 400 500 700 | 3x1000 | rhh | | | 2 | same, few | 40
ScaleUpOneMetricEmpty | 2-6 | 3 | cpu 30%; external! 100 | 300 400 500 | 3x1000 | rrr | new | | 4 | | 40
NoScaleDownOneMetricInvalid | 2-6 | 5 | cpu 50%; ? | 100 300 500 250 250 | 5x1000 | rrrrr | | | 5 | InvalidMetricSourceType |
NoScaleDownOneMetricEmpty | 2-6 | 5 | cpu 50%; external! 1000 | 100 300 500 250 250 | 5x1000 | rrrrr | | | 5 | FailedGetExternalMetric |
HPARescaleWithSuccessfulConflictRetry | 2-6 | 3 | cpu 50% | 600 700 800 | 3x1000 | rrr | new | | 5 | |
"""
