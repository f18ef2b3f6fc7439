"""Rows of Kubernetes 1.34's horizontal_test.go about what is allowed of a wish for replicas."""

# TestConvertDesiredReplicasWithRules; upstream's last row is 3 times whatever factor a test sets.
LEGACY_LIMIT = """
row | current | wanted | min | max | -> | reason
1 within | 5 | 7 | 3 | 8 | 7 | DesiredWithinRange
2 below min | 3 | 1 | 2 | 8 | 2 | TooFewReplicas
3 none, within | 1 | 0 | 0 | 10 | 0 | DesiredWithinRange
4 above max | 20 | 1000 | 1 | 10 | 10 | TooManyReplicas
5 above twice | 3 | 1000 | 1 | 2000 | 6 | ScaleUpLimit
"""

# TestNormalizeDesiredReplicas: the legacy window of 300 s.
LEGACY_WINDOW = """
row | log | wanted | -> | length
1 empty | | 5 | 5 | 1
2 the highest holds | 4@120 5@60 | 3 | 5 | 3
3 none is higher | 1@120 2@60 | 3 | 3 | 3
4 old ones do not hold | 10@600 9@540 | 3 | 3 | 2
5 old ones are written over | 10@600 4@60 5@120 9@540 | 3 | 5 | 4
"""

# TestCalculateScaleUpLimitWithScalingRules, TestCalculateScaleDownLimitWithBehaviors
LEAST_CHANGE = """
row | current | wanted | policies | ->
1 up | 1 | 100 | P2/60 %50/60 | 2
2 down | 5 | 0 | P2/60 %50/60 | 3
"""

# TestScalingWithRules, in its order (row 7 is skipped there by a flag that is the wrong way round).
# ``ups`` and ``downs`` are spread over 120 s; policies where none stand are the default ones.
RATE = """
row | current | wanted | min | max | ups | downs | up | down | -> | reason
1 | 5 | 7 | 3 | 8 | | | | | 7 | DesiredWithinRange
2 | 3 | 1 | 2 | 8 | | | | | 2 | TooFewReplicas
3 | 1 | 0 | 0 | 10 | | | | | 0 | DesiredWithinRange
4 | 20 | 1000 | 1 | 10 | | | | | 10 | TooManyReplicas
5 | 100 | 1000 | 100 | 150 | | | | | 150 | TooManyReplicas
6 | 3 | 1000 | 1 | 2000 | | | %1/60 | | 4 | ScaleUpLimit
7 | 1000 | 3 | 3 | 2000 | | | | P20/60 | 980 | ScaleDownLimit
8 | 10 | 50 | 1 | 1000 | | | | | 20 | ScaleUpLimit
9 | 10 | 500 | 1 | 1000 | | | P100/60 %100/60 | | 110 | ScaleUpLimit
10 | 10 | 500 | 1 | 1000 | | | P2/60 %100/60 | | 20 | ScaleUpLimit
11 | 10 | 50 | 1 | 1000 | | | P100/60 | | 50 | DesiredWithinRange
12 | 10 | 50 | 1 | 1000 | | | P10000/60 | | 50 | DesiredWithinRange
13 | 10 | 50 | 1 | 1000 | | | P30/60 | | 40 | ScaleUpLimit
14 | 10 | 50 | 1 | 1000 | | | %200/60 | | 30 | ScaleUpLimit
15 | 100 | 2 | 1 | 1000 | | | | P20/60 %1/60 | 80 | ScaleDownLimit
16 | 100 | 2 | 1 | 1000 | | | | P2/60 %1/60 | 98 | ScaleDownLimit
17 | 10 | 0 | 1 | 1000 | | | | P100/60 | 1 | TooFewReplicas
18 | 10 | 0 | 1 | 1000 | | | | P100/60 | 1 | TooFewReplicas
19 | 10 | 2 | 5 | 1000 | | | | %100/60 | 5 | TooFewReplicas
20 | 10 | 2 | 1 | 1000 | | | | P5/60 | 5 | ScaleDownLimit
21 | 10 | 5 | 1 | 1000 | | | | %50/60 | 5 | DesiredWithinRange
22 | 100 | 500 | 1 | 200 | 1 5 9 | | P300/60 | | 200 | TooManyReplicas
23 | 100 | 500 | 1 | 200 | 1 5 9 | | %10000/60 | | 200 | TooManyReplicas
24 | 100 | 500 | 1 | 1000 | 1 5 9 | | P5/120 | | 100 | ScaleUpLimit
25 | 100 | 500 | 1 | 1000 | 1 5 9 | | P150/120 | | 235 | ScaleUpLimit
26 | 100 | 500 | 1 | 1000 | 1 5 9 | | %200/120 | | 255 | ScaleUpLimit
27 | 6 | 24 | 1 | 1000 | 4 | 2 | %300/300 | | 16 | ScaleUpLimit
28 | 10 | 5 | 1 | 1000 | | 1 5 9 | | | 5 | DesiredWithinRange
29 | 100 | 0 | 1 | 1000 | | 1 5 9 | | P115/120 | 1 | TooFewReplicas
30 | 100 | 0 | 5 | 1000 | | 1 5 9 | | P130/120 | 5 | TooFewReplicas
31 | 100 | 2 | 5 | 1000 | | 1 5 9 | | %100/120 | 5 | TooFewReplicas
32 | 100 | 2 | 1 | 1000 | | 1 5 9 | | P5/120 | 100 | ScaleDownLimit
33 | 100 | 0 | 1 | 1000 | | 2 4 6 | | %50/120 | 56 | ScaleDownLimit
34 | 10 | 1 | 1 | 1000 | 2 | 4 | | %50/180 | 6 | ScaleDownLimit
35 | 100 | 0 | 1 | 1000 | | 10 10 10 | | %10/120 | 100 | ScaleDownLimit
36 | 10 | 5 | 1 | 1000 | | 10 10 10 | | %1000/120 | 5 | DesiredWithinRange
37 | 100 | 200 | 1 | 1000 | 8 12 9 11 | | P1000/60 | | 200 | DesiredWithinRange
38 | 100 | 200 | 1 | 1000 | 8 12 9 11 | | P1000/120 %100/60 | | 200 | DesiredWithinRange
39 | 100 | 200 | 1 | 1000 | 8 12 9 11 | | P1000/30 %100/60 | | 200 | DesiredWithinRange
40 | 100 | 5 | 1 | 1000 | | 8 12 9 11 | | P1000/60 | 5 | DesiredWithinRange
41 | 100 | 5 | 1 | 1000 | | 8 12 9 11 | | P1000/120 %100/60 | 5 | DesiredWithinRange
42 | 100 | 5 | 1 | 1000 | | 8 12 9 11 | | P1000/30 %100/60 | 5 | DesiredWithinRange
"""

# TestStoreScaleEvents, in its order: what is remembered (size@age) before and after a change by 5
# (``!`` outdated), each row upwards and downwards; ``sum`` is what counts of the last 60 s before.
EVENTS = """
row | before | policies | after | sum
1 no behavior, nothing | | | | 0
2 nothing yet | | P10/60 %100/60 | 5 | 0
3 no behavior, one | 7@61 | | 7 | 0
4 an old one is written over | 7@61 | P10/60 %100/60 | 5 | 0
5 a fresh one stays | 7@58 | P10/60 %100/60 | 7 5 | 7
6 the old one of two | 7@61 6@59 | P10/60 | 5 6 | 6
7 the last old one | 8@29 6@59 7@61 9@61 | P10/60 %100/30 | 8 6 7! 5 | 14
8 two fresh ones | 7@58 6@59 | P10/120 %100/30 | 7 6 5 | 13
"""

# TestNormalizeDesiredReplicasWithBehavior, in its order: both windows; ``after``: what is
# remembered then (the last two rows do not say).
WINDOWS = """
row | log | current | wanted | up | down | -> | after
1 nothing yet | | 100 | 5 | 0 | 0 | 5 | 5
2 down to the highest | 4@120 5@60 | 100 | 3 | 0 | 180 | 5 | 4 5 3
3 up to the lowest | 4@120 5@60 | 1 | 7 | 300 | 0 | 4 | 4 5 7
4 the up window does not hold down | 1@120 2@60 | 100 | 3 | 300 | 0 | 3 | 1 2 3
5 the down window does not hold up | 4@120 5@60 | 1 | 3 | 0 | 300 | 3 | 4 5 3
6 down, slot used again | 10@600 9@540 | 100 | 3 | 0 | 0 | 3 | 10 3
7 up, slot used again | 10@600 9@540 | 1 | 100 | 0 | 0 | 100 | 10 100
8 down, the last old slot | 10@600 4@60 5@120 9@540 | 100 | 3 | 0 | 180 | 5 | 10 4 5 3
9 up, the only old slot | 10@6000 6@60 5@120 9@180 | 1 | 100 | 300 | 0 | 5 | 100 6 5 9
10 both, going down | 2@6000 3@180 | 2 | 1 | 300 | 300 | 2 | 1 3
11 both, going up | 2@6000 1@180 | 2 | 3 | 300 | 300 | 2 | 3 1
"""
