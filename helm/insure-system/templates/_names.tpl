{{/* Names, labels and numbers. */}}

{{- define "insure.selector" -}}
{{/* dict: component */ -}}
app.kubernetes.io/name: insure-system
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "insure.labels" -}}
{{/* dict: root, component */ -}}
{{ include "insure.selector" . }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: insure-system
insurectl.system: {{ .root.Values.system }}
insurectl.zone: {{ .root.Values.zone | quote }}
{{- end }}

{{- define "insure.metadata" -}}
{{/* dict: root, component, name (default: the component) */ -}}
name: {{ .name | default .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "insure.labels" . | nindent 2 }}
{{- end }}

{{- define "insure.image" -}}
{{/* dict: root, image */ -}}
{{- with index .root.Values.image .image -}}
image: {{ printf "%s:%s" .repository .tag | quote }}
imagePullPolicy: {{ .pullPolicy }}
{{- end }}
{{- end }}

{{/* Helm reads every number as a float and would write a great one as 1e+06. */}}
{{- define "insure.number" -}}
{{- if eq (float64 .) (float64 (int64 .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{- define "insure.mib" -}}
{{- if eq (float64 .) (float64 (int64 .)) }}{{ int64 . }}Mi{{ else }}{{ round (mulf . 1024) 0 | int64 }}Ki{{ end -}}
{{- end }}

{{/* A quantity: 12.5 is 12500m. */}}
{{- define "insure.quantity" -}}
{{- if eq (float64 .) (float64 (int64 .)) }}{{ int64 . }}{{ else }}{{ round (mulf . 1000) 0 | int64 }}m{{ end -}}
{{- end }}

{{/* Prometheus knows no fractions: 2.5 is 2500ms. */}}
{{- define "insure.duration" -}}
{{- if eq (float64 .) (float64 (int64 .)) }}{{ int64 . }}s{{ else }}{{ round (mulf . 1000) 0 | int64 }}ms{{ end -}}
{{- end }}

{{/* The window of rates, in seconds: one scrape of four may be missed. */}}
{{- define "insure.window" -}}
{{- max 4 (mulf 4 .Values.prometheus.scrapeIntervalSeconds | ceil | int64) -}}
{{- end }}

{{- define "insure.front" -}}
{{- range $name, $service := .Values.services }}{{ if $service.front }}{{ $name }}{{ end }}{{ end -}}
{{- end }}

{{/* Where the database and the edge are when they are in this cluster. */}}
{{- define "insure.outsideNamespace" -}}
{{- if .Values.parts.outside }}{{ .Release.Namespace }}{{ else }}insure-{{ .Values.system }}{{ end -}}
{{- end }}

{{- define "insure.databaseHost" -}}
{{- with .Values.external.postgresql }}{{ .host }}{{ else }}postgresql.{{ include "insure.outsideNamespace" . }}.svc{{ end -}}
{{- end }}

{{- define "insure.databasePort" -}}
{{- with .Values.external.postgresql }}{{ .port | default 5432 | int64 }}{{ else }}5432{{ end -}}
{{- end }}

{{/* With its namespace: KEDA asks from another one. */}}
{{- define "insure.prometheusUrl" -}}
{{- with .Values.external.prometheus }}{{ .url }}{{ else }}http://prometheus.{{ .Release.Namespace }}.svc:9090{{ end -}}
{{- end }}

{{- define "insure.hasPrometheus" -}}
{{- if and .Values.parts.zone (not .Values.external.prometheus) }}yes{{ end -}}
{{- end }}

{{- define "insure.hasEdge" -}}
{{- if and .Values.parts.outside (not .Values.external.edge) }}yes{{ end -}}
{{- end }}

{{- define "insure.hasPostgresql" -}}
{{- if and .Values.parts.outside (not .Values.external.postgresql) }}yes{{ end -}}
{{- end }}

{{/* Whether any service needs it: one that nobody needs is not deployed. */}}
{{- define "insure.isNeeded" -}}
{{/* dict: root, server */ -}}
{{- $server := .server -}}
{{- range .root.Values.services }}{{ if has $server .needs }}yes{{ end }}{{ end -}}
{{- end }}

{{- define "insure.hasRedis" -}}
{{- if and .Values.parts.zone (not .Values.external.redis) (include "insure.isNeeded" (dict "root" . "server" "redis")) }}yes{{ end -}}
{{- end }}

{{- define "insure.hasRabbitmq" -}}
{{- if and .Values.parts.zone (not .Values.external.rabbitmq) (include "insure.isNeeded" (dict "root" . "server" "rabbitmq")) }}yes{{ end -}}
{{- end }}

{{/* One server's own name: of a pod of a StatefulSet, under its headless Service. */}}
{{- define "insure.serverName" -}}
{{/* dict: root, component, number */ -}}
{{ .component }}-{{ .number }}.{{ .component }}.{{ .root.Release.Namespace }}.svc
{{- end }}

{{/* HOST:PORT of each, joined with commas. */}}
{{- define "insure.servers" -}}
{{/* dict: root, component, count, port */ -}}
{{- $found := list -}}
{{- range $number := until (int .count) }}
{{- $found = append $found (printf "%s:%d" (include "insure.serverName" (dict "root" $.root "component" $.component "number" $number)) (int $.port)) -}}
{{- end -}}
{{- join "," $found -}}
{{- end }}

{{- define "insure.sentinels" -}}
{{- with .Values.external.redis }}{{ join "," .sentinels }}{{ else }}{{ include "insure.servers" (dict "root" . "component" "sentinel" "count" 3 "port" 26379) }}{{ end -}}
{{- end }}

{{- define "insure.redisName" -}}
{{- with .Values.external.redis }}{{ .name | default $.Values.redis.name }}{{ else }}{{ .Values.redis.name }}{{ end -}}
{{- end }}

{{- define "insure.brokerHost" -}}
{{- with .Values.external.rabbitmq }}{{ .host }}{{ else }}rabbitmq{{ end -}}
{{- end }}

{{- define "insure.brokerPort" -}}
{{- with .Values.external.rabbitmq }}{{ .port | default 5672 | int64 }}{{ else }}5672{{ end -}}
{{- end }}

{{- define "insure.priorityClassName" -}}
{{- if .Values.priorityClassName }}{{ .Values.priorityClassName }}{{ else if .Values.clusterParts }}{{ .Release.Namespace }}{{ end -}}
{{- end }}
