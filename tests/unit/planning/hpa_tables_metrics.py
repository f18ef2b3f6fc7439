"""Rows of Kubernetes 1.34's replica_calculator_test.go; each is called after its test there."""

# ruff: noqa: E501 (a row is a line)

# GetResourceReplicas: TestReplicaCalc..., by container, too. ``levels`` are thousandths of a CPU of
# both containers, or of each (``300``); ``request`` is what each container asks for.
RESOURCE = """
test | replicas | pods | levels | request | container | target | tolerance | -> | percent | value
DisjointResourcesMetrics | 1 | r | old:100 | 1000 | | 100 | | error | |
ScaleUp | 3 | rrr | 300 500 700 | 3x1000 | | 30 | | 5 | 50 | 1000
ContainerScaleUp | 3 | rrr | 300 500 700 | 3x1000 | 2 | 30 | | 5 | 50 | 500
ScaleUpUnreadyLessScale | 3 | nrr | 300 500 700 | 3x1000 | | 30 | | 4 | 60 | 1200
ScaleUpContainerHotCpuLessScale | 3 | hrr | 300 500 700 | 3x1000 | 2 | 30 | | 4 | 60 | 600
ScaleUpHotCpuLessScale | 3 | hrr | 300 500 700 | 3x1000 | | 30 | | 4 | 60 | 1200
ScaleUpUnreadyNoScale | 3 | rnn | 400 500 700 | 3x1000 | | 30 | | 3 | 40 | 800
ScaleHotCpuNoScale | 3 | rHH | 400 500 700 | 3x1000 | | 30 | | 3 | 40 | 800
ScaleUpIgnoresFailedPods | 2 | rrff | 500 700 | 4x1000 | | 30 | | 4 | 60 | 1200
MissingContainerMetricScaleUpIgnoresFailedPods | 2 | rrff | 500 700 - - | 4x1000 | 2 | 30 | | 4 | 60 | 600
ScaleUpContainerIgnoresFailedPods | 2 | rrff | 500 700 | 4x1000 | 2 | 30 | | 4 | 60 | 600
ScaleUpIgnoresDeletionPods | 2 | rrdd | 500 700 | 4x1000 | | 30 | | 4 | 60 | 1200
ScaleUpContainerIgnoresDeletionPods | 2 | rrdd | 500 700 | 4x1000 | 1 | 30 | | 4 | 60 | 600
ScaleDown | 5 | rrrrr | 100 300 500 250 250 | 5x1000 | | 50 | | 3 | 28 | 560
ContainerScaleDown | 5 | rrrrr | 100 300 500 250 250 | 5x1000 | 2 | 50 | | 3 | 28 | 280
ScaleDownExcludeUnreadyPods | 5 | rrrnn | 100 300 500 250 250 | 5x1000 | | 50 | | 2 | 30 | 600
ScaleDownContainerExcludeUnreadyPods | 5 | rrrnn | 100 300 500 250 250 | 5x1000 | 2 | 50 | | 2 | 30 | 300
ScaleDownExcludeUnscheduledPods | 5 | rpppp | 100 | 5x1000 | | 50 | | 1 | 10 | 200
ScaleDownContainerExcludeUnscheduledPods | 5 | rpppp | 100 300 500 250 250 | 5x1000 | 2 | 50 | | 1 | 10 | 100
ScaleDownIgnoreHotCpuPods | 5 | rrrhh | 100 300 500 250 250 | 5x1000 | | 50 | | 2 | 30 | 600
ScaleDownContainerIgnoreHotCpuPods | 5 | rrrhh | 100 300 500 1000 1000 | 5x1000 | 2 | 50 | | 2 | 30 | 300
ScaleDownIgnoresFailedPods | 5 | rrrrrff | 100 300 500 250 250 | 7x1000 | | 50 | | 3 | 28 | 560
ScaleDownContainerIgnoresFailedPods | 5 | rrrrrff | 100 300 500 250 250 | 7x1000 | 2 | 50 | | 3 | 28 | 280
ScaleDownIgnoresDeletionPods | 5 | rrrrrdd | 100 300 500 250 250 | 7x1000 | | 50 | | 3 | 28 | 560
ScaleDownIgnoresDeletionPods_StillRunning | 5 | rrrrrdd | 100 300 500 250 250 | 7x1000 | 2 | 50 | | 3 | 28 | 280
Tolerance | 3 | rrr | 1010 1030 1020 | 900 1000 1100 | | 100 | | 3 | 102 | 2040
ConfigurableTolerance 1 | 3 | rrr | 909 1010 1111 | 900 1000 1100 | | 100 | 0 0 | 4 | 101 | 2020
ConfigurableTolerance 2 | 3 | rrr | 1890 1910 1900 | 900 1000 1100 | | 100 | .1 2 | 3 | 190 | 3800
ConfigurableTolerance 3 | 3 | rrr | 1100 1080 1090 | 900 1000 1100 | | 100 | 2 .08 | 4 | 109 | 2180
ConfigurableTolerance 4 | 3 | rrr | 660 640 650 | 900 1000 1100 | | 100 | .36 .1 | 3 | 65 | 1300
ConfigurableTolerance 5 | 3 | rrr | 660 640 650 | 900 1000 1100 | | 100 | .34 .1 | 2 | 65 | 1300
SuperfluousMetrics | 4 | rrrr | 4000 9500 3000 7000 3200 2000 | 4x1000 | | 100 | | 24 | 587 | 11750
MissingMetrics | 4 | rrrr | 400 95 | 4x1000 | | 100 | | 3 | 24 | 495
EmptyMetrics | 4 | rrrr | | 3x1000 | | 100 | | error | |
EmptyCPURequest | 1 | r | 200 | | | 100 | | error | |
MissingMetricsNoChangeEq | 2 | rr | 1000 | 2x1000 | | 100 | | 2 | 100 | 2000
MissingMetricsNoChangeGt | 2 | rr | 1900 | 2x1000 | | 100 | | 2 | 190 | 3800
MissingMetricsNoChangeLt | 2 | rr | 600 | 2x1000 | | 100 | | 2 | 60 | 1200
MissingMetricsUnreadyChange | 3 | nrr | 100 450 | 3x1000 | | 50 | | 3 | 45 | 900
MissingMetricsHotCpuNoChange | 3 | hrr | 100 450 | 3x1000 | | 50 | | 3 | 45 | 900
MissingMetricsUnreadyScaleUp | 3 | nrr | 100 2000 | 3x1000 | | 50 | | 4 | 200 | 4000
MissingMetricsHotCpuScaleUp | 3 | Hrr | 100 2000 | 3x1000 | | 50 | | 4 | 200 | 4000
MissingMetricsUnreadyScaleDown | 4 | nrrr | 100 100 100 | 4x1000 | | 50 | | 3 | 10 | 200
MissingMetricsScaleDownTargetOver100 | 4 | nrrr | 200 100 100 | 1000 1000 2000 2000 | | 300 | | 2 | 6 | 200
DuringRollingUpdateWithMaxSurge | 2 | rrr | 100 100 | 3x1000 | | 50 | | 2 | 10 | 200
ComputedToleranceAlgImplementation 1 | 10 | rrrrrrrrrr | 10x150 | 400 200 310 290 302 298 301 299 300 300 | | 56 | | 9 | 50 | 300
ComputedToleranceAlgImplementation 2 | 10 | rrrrrrrrrr | 10x150 | 400 200 310 290 302 298 301 299 300 300 | | 55 | | 10 | 50 | 300
"""

# GetMetricReplicas: TestReplicaCalc...CM; those called External are asked as pods there, too.
PODS = """
test | replicas | pods | levels | target | tolerance | -> | value
ScaleUpCM | 3 | rrr | 20000 10000 30000 | 15000 | | 4 | 20000
ScaleUpCMUnreadyHotCpuNoLessScale | 3 | rrH | 50000 10000 30000 | 15000 | | 6 | 30000
ScaleUpCMUnreadyHotCpuScaleWouldScaleDown | 3 | HrH | 50000 15000 30000 | 15000 | | 7 | 31666
ScaleUpCMExternal | 1 | r | 8600 | 4400 | | 2 | 8600
ScaleUpCMExternalNoLabels | 1 | r | 8600 | 4400 | | 2 | 8600
ScaleDownCM | 5 | rrrrr | 5x12000 | 20000 | | 3 | 12000
ToleranceCM | 3 | rrr | 20000 21000 21000 | 20000 | | 3 | 20666
ConfigurableToleranceCM | 3 | rrr | 20000 21000 21000 | 20000 | .1 .01 | 4 | 20666
PlainMetricReplicaCalcMissingMetricsNoChangeEq | 5 | rrrrr | 20000 19000 21000 | 20000 | | 5 | 20000
DuringRollingUpdateWithMaxSurgeCM | 2 | rrr | 10000 10000 | 17000 | | 2 | 10000
"""

# Get{Object,External}[PerPod]MetricReplicas: TestReplicaCalc..., TestExternalPerPodMetric...
TOTALS = """
test | replicas | pods | metric | total | tolerance | -> | value
ScaleUpCMObject | 3 | rrr | object 15000 | 20000 | | 4 | 20000
ScaleUpCMPerPodObject | 3 | rrr | object avg 5000 | 20000 | | 4 | 6667
ScaleUpCMObjectIgnoresUnreadyPods | 3 | nrn | object 10000 | 50000 | | 5 | 50000
ScaleUpCMExternalIgnoresUnreadyPods | 3 | nrn | external 4400 | 8600 | | 2 | 8600
ScaleUpPerPodCMExternal | 3 | rrr | external avg 2150 | 8600 | | 4 | 2867
ScaleDownPerPodCMObject | 5 | rrrrr | object avg 2000 | 6000 | | 3 | 1200
ScaleDownCMObject | 5 | rrrrr | object 20000 | 12000 | | 3 | 12000
ScaleDownCMExternal | 5 | rrrrr | external 14334 | 8600 | | 3 | 8600
ScaleDownPerPodCMExternal | 5 | rrrrr | external avg 2867 | 8600 | | 3 | 1720
ToleranceCMObject | 3 | rrr | object 20000 | 20666 | | 3 | 20666
TolerancePerPodCMObject | 4 | rrrr | object avg 5000 | 20166 | | 4 | 5042
ToleranceCMExternal | 3 | rrr | external 8888 | 8600 | | 3 | 8600
TolerancePerPodCMExternal | 3 | rrr | external avg 2900 | 8600 | | 3 | 2867
ConfigurableToleranceCMObject | 3 | rrr | object 20000 | 20666 | .1 .01 | 4 | 20666
ConfigurableTolerancePerPodCMObject | 4 | rrrr | object avg 5000 | 20208 | .1 .01 | 5 | 5052
ConfigurableToleranceCMExternal | 3 | rrr | external 8800 | 8900 | .1 .01 | 4 | 8900
ConfigurableTolerancePerPodCMExternal | 3 | rrr | external avg 2800 | 8600 | .1 .01 | 4 | 2867
ExternalPerPodMetricReplicaOverflow | 1 | r | external avg 1 | 9223372036854775807 | | 2147483647 | 9223372036854775807
ExternalPerPodMetricUsageOverflow | 1 | r | external avg 9223372036854775807 | 9223372036854775807 | | 1 | 9223372036854775807
"""
