{{/* What a schema can't say: values that don't fit each other. */}}

{{- define "insure.validate" -}}
{{- $values := .Values -}}
{{- if not (or $values.parts.zone $values.parts.outside) }}
{{- fail "parts: neither zone nor outside is true, so nothing would be deployed; set parts.zone or parts.outside" }}
{{- end }}
{{- if and $values.parts.zone (not $values.zone) }}
{{- fail "zone: is empty; parts.zone needs the zone's name, such as zone=a" }}
{{- end }}
{{- if and (include "insure.hasEdge" .) (not $values.parts.zone) (not $values.edge.zones) }}
{{- fail "edge.zones: is empty, so the edge has nobody to send people to; name each zone's gateway, such as edge.zones[0].name=a,edge.zones[0].gateway=gateway.insure-default-a:8080, or external.edge where another edge is there already" }}
{{- end }}
{{- $fronts := list }}
{{- range $name, $service := $values.services }}
{{- if $service.front }}{{ $fronts = append $fronts $name }}{{ end }}
{{- include "insure.validateService" (dict "root" $ "name" $name "service" $service) }}
{{- end }}
{{- if ne (len $fronts) 1 }}
{{- fail (printf "services: exactly one must have front: true, the one that the gateway leads to; there are %d: [%s]" (len $fronts) (join ", " $fronts)) }}
{{- end }}
{{- end }}

{{- define "insure.validateService" -}}
{{/* dict: root, name, service */ -}}
{{- $where := printf "services.%s" .name -}}
{{- $known := keys .root.Values.services | sortAlpha -}}
{{- if has .name (list "gateway" "edge" "prometheus" "zone-agent" "postgresql" "redis" "sentinel" "rabbitmq" "migrations" "load" "test") }}
{{- fail (printf "%s: this name belongs to a part of the chart; take another" $where) }}
{{- end }}
{{- range .service.needs }}
{{- if not (or (has . (list "postgresql" "rabbitmq" "redis")) (has . $known)) }}
{{- fail (printf "%s.needs: there is no service %q; there are: postgresql, rabbitmq, redis, %s" $where . (join ", " $known)) }}
{{- end }}
{{- end }}
{{- range .service.callers }}
{{- if not (has . $known) }}
{{- fail (printf "%s.callers: there is no service %q; there are: %s" $where . (join ", " $known)) }}
{{- end }}
{{- end }}
{{- if and .service.public (not .service.front) (not (has .name (list "ins-comp-settlement" "insurer-stub" "web"))) }}
{{- fail (printf "%s.public: the gateway has no route to it; it leads to the front, ins-comp-settlement, insurer-stub and web" $where) }}
{{- end }}
{{- if and (has "postgresql" .service.needs) (not .service.database) }}
{{- fail (printf "%s.database: is missing; it needs postgresql" $where) }}
{{- end }}
{{- with .service.memory }}
{{- if gt (float64 .requestMib) (float64 .limitMib) }}
{{- fail (printf "%s.memory: requestMib (%v) is above limitMib (%v)" $where .requestMib .limitMib) }}
{{- end }}
{{- end }}
{{- with .service.cpu }}
{{- if .limitMillis }}
{{- if gt (int64 .requestMillis) (int64 .limitMillis) }}
{{- fail (printf "%s.cpu: requestMillis (%v) is above limitMillis (%v)" $where .requestMillis .limitMillis) }}
{{- end }}
{{- end }}
{{- end }}
{{- with .service.autoscaling }}
{{- if gt (int64 .min) (int64 .max) }}
{{- fail (printf "%s.autoscaling: min (%v) is above max (%v)" $where .min .max) }}
{{- end }}
{{- end }}
{{- if .service.autoscaling }}{{ include "insure.validateMetrics" . }}{{ end }}
{{- end }}

{{- define "insure.validateMetrics" -}}
{{/* dict: root, name, service */ -}}
{{- $values := .root.Values -}}
{{- $where := printf "services.%s.autoscaling" .name -}}
{{- $seen := list -}}
{{- range .service.autoscaling.metrics }}
{{- $name := .name | default .type }}
{{- if has $name $seen }}
{{- fail (printf "%s.metrics: %q is there twice" $where $name) }}
{{- end }}
{{- $seen = append $seen $name }}
{{- if eq $values.autoscaling.provider "hpa" }}
{{- if and (eq .type "rps") (not $values.autoscaling.hpa.customMetrics) }}
{{- fail (printf "%s.metrics: with autoscaling.provider=hpa the metric rps comes from a custom metrics API, as http_requests_per_second of every pod; set autoscaling.hpa.customMetrics=true where the cluster has one, or autoscaling.provider=keda" $where) }}
{{- end }}
{{- if and (has .type (list "responseTime" "query")) (not $values.autoscaling.hpa.externalMetrics) }}
{{- fail (printf "%s.metrics: a HorizontalPodAutoscaler can't ask Prometheus, so with autoscaling.provider=hpa the metric %s comes from an external metrics API under its name; set autoscaling.hpa.externalMetrics=true where the cluster has one, or autoscaling.provider=keda" $where $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
