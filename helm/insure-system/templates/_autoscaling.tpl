{{/* What the autoscaler is asked to keep. */}}

{{/* Requests of people and partners, without health checks and scrapes. */}}
{{- define "insure.api" -}}
job="services",service="{{ . }}",http_route!~"/health.*|/metrics"
{{- end }}

{{/* 0 when Prometheus has seen the service's replicas for the whole window, and nothing when it has
     not: a service that nobody asks is told from one of which nothing is known. */}}
{{- define "insure.nothingAsked" -}}
{{/* dict: root, name */ -}}
0 * sum(count_over_time(up{job="services",service="{{ .name }}"}[{{ include "insure.window" .root }}s]) > 2)
{{- end }}

{{- define "insure.rpsQuery" -}}
{{/* dict: root, name */ -}}
sum(rate(http_server_request_duration_seconds_count{ {{- include "insure.api" .name -}} }[{{ include "insure.window" .root }}s])) or {{ include "insure.nothingAsked" . }}
{{- end }}

{{/* In ms. `> 0` drops the NaN of a time in which nobody asked: KEDA would make a number of it. */}}
{{- define "insure.responseTimeQuery" -}}
{{/* dict: root, name, quantile */ -}}
1000 * histogram_quantile({{ .quantile }}, sum by (le) (rate(http_server_request_duration_seconds_bucket{ {{- include "insure.api" .name -}} }[{{ include "insure.window" .root }}s]))) > 0 or {{ include "insure.nothingAsked" . }}
{{- end }}

{{/* `ignoreNullValues: "false"`: no answer is an error and not 0. The autoscaler then keeps its number
     or raises it for another metric, and never goes down on missing data. There is no `fallback` for
     the same reason: it would set a number of its own, in the middle of a peak. */}}
{{- define "insure.prometheusTrigger" -}}
{{/* dict: root, name (of the trigger), query, threshold, metricType */ -}}
- type: prometheus
  name: {{ .name }}
  metricType: {{ .metricType }}
  metadata:
    serverAddress: {{ include "insure.prometheusUrl" .root | quote }}
    query: {{ .query | quote }}
    threshold: {{ include "insure.number" .threshold | quote }}
    ignoreNullValues: "false"
    {{- with .root.Values.external.prometheus }}
    {{- with .authentication }}
    authModes: {{ .modes | quote }}
    {{- end }}
    {{- end }}
  {{- with .root.Values.external.prometheus }}
  {{- with .authentication }}
  authenticationRef: {name: {{ .name }}}
  {{- end }}
  {{- end }}
{{- end }}

{{- define "insure.kedaTrigger" -}}
{{/* dict: root, service, metric */ -}}
{{- $metric := .metric -}}
{{- $asked := dict "root" .root "name" .service -}}
{{- if has $metric.type (list "memory" "cpu") -}}
- type: {{ $metric.type }}
  metricType: Utilization
  metadata: {value: {{ $metric.utilizationPercent | int64 | quote }}}
{{- else if eq $metric.type "rps" -}}
{{ include "insure.prometheusTrigger" (dict "root" .root "name" "rps" "metricType" "AverageValue" "threshold" $metric.perReplica "query" (include "insure.rpsQuery" $asked)) }}
{{- else if eq $metric.type "responseTime" -}}
{{- $_ := set $asked "quantile" $metric.quantile -}}
{{/* Value: a response time is not shared out among the replicas */ -}}
{{ include "insure.prometheusTrigger" (dict "root" .root "name" "response-time" "metricType" "Value" "threshold" $metric.ms "query" (include "insure.responseTimeQuery" $asked)) }}
{{- else if eq $metric.type "query" -}}
{{ include "insure.prometheusTrigger" (dict "root" .root "name" $metric.name "metricType" $metric.metricType "threshold" $metric.value "query" $metric.query) }}
{{- end }}
{{- end }}

{{- define "insure.hpaMetric" -}}
{{/* dict: service, metric */ -}}
{{- $metric := .metric -}}
{{- if has $metric.type (list "memory" "cpu") -}}
- type: Resource
  resource:
    name: {{ $metric.type }}
    target: {type: Utilization, averageUtilization: {{ int64 $metric.utilizationPercent }}}
{{- else if eq $metric.type "rps" -}}
- type: Pods
  pods:
    metric: {name: http_requests_per_second}
    target: {type: AverageValue, averageValue: {{ include "insure.quantity" $metric.perReplica | quote }}}
{{- else if eq $metric.type "responseTime" -}}
- type: External
  external:
    metric:
      name: http_response_time_p{{ include "insure.number" (mulf 100 $metric.quantile) }}_milliseconds
      selector: {matchLabels: {service: {{ .service }}}}
    target: {type: Value, value: {{ include "insure.quantity" $metric.ms | quote }}}
{{- else if eq $metric.type "query" -}}
- type: External
  external:
    metric:
      name: {{ $metric.name }}
      selector: {matchLabels: {service: {{ .service }}}}
    target: {type: {{ $metric.metricType }}, {{ eq $metric.metricType "Value" | ternary "value" "averageValue" }}: {{ include "insure.quantity" $metric.value | quote }}}
{{- end }}
{{- end }}
