{{/* Who may talk to whom; the README has the same as a table, and a test compares the two. */}}

{{/* Pods of this namespace. */}}
{{- define "insure.pods" -}}
{podSelector: {matchLabels: {app.kubernetes.io/name: insure-system, app.kubernetes.io/component: {{ . }}}}}
{{- end }}

{{/* Pods of one component in every namespace of this system (insurectl labels them). */}}
{{- define "insure.podsOfSystem" -}}
{{/* dict: root, component */ -}}
{namespaceSelector: {matchLabels: {insurectl.system: {{ .root.Values.system }}}}, podSelector: {matchLabels: {app.kubernetes.io/name: insure-system, app.kubernetes.io/component: {{ .component }}}}}
{{- end }}

{{/* Pods of one component outside the zones. */}}
{{- define "insure.podsOutside" -}}
{{/* dict: root, component */ -}}
{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ include "insure.outsideNamespace" .root }}}}, podSelector: {matchLabels: {app.kubernetes.io/name: insure-system, app.kubernetes.io/component: {{ .component }}}}}
{{- end }}

{{- define "insure.toDatabase" -}}
- port: {{ include "insure.databasePort" . }}
  {{- with .Values.external.postgresql }}
  {{- with .cidr }}
  to: [{ipBlock: {cidr: {{ . | quote }}}}]
  {{- end }}
  {{- else }}
  to: [{{ include "insure.podsOutside" (dict "root" . "component" "postgresql") }}]
  {{- end }}
{{- end }}

{{- define "insure.toRabbitmq" -}}
- port: {{ include "insure.brokerPort" . }}
  {{- with .Values.external.rabbitmq }}
  {{- with .cidr }}
  to: [{ipBlock: {cidr: {{ . | quote }}}}]
  {{- end }}
  {{- else }}
  to: [{{ include "insure.pods" "rabbitmq" }}]
  {{- end }}
{{- end }}

{{/* The Sentinels say where the primary is; where Redis stands elsewhere, its own port is a value. */}}
{{- define "insure.toRedis" -}}
{{- with .Values.external.redis }}
{{- $ports := list (.port | default 6379 | int64 | toString) -}}
{{- range .sentinels }}{{ $ports = append $ports (splitList ":" . | last) }}{{ end -}}
{{- $cidr := .cidr -}}
{{- range uniq $ports }}
- port: {{ . }}
  {{- with $cidr }}
  to: [{ipBlock: {cidr: {{ . | quote }}}}]
  {{- end }}
{{- end }}
{{- else -}}
- {port: 6379, to: [{{ include "insure.pods" "redis" }}]}
- {port: 26379, to: [{{ include "insure.pods" "sentinel" }}]}
{{- end }}
{{- end }}

{{/* Redis servers, Sentinels and the broker. */}}
{{- define "insure.serverRules" }}
{{- if include "insure.hasRedis" . }}
{{- range $component, $port := dict "redis" 6379 "sentinel" 26379 }}
{{ $component }}:
  ingress:
    - port: {{ $port }}
      from:
        - {{ include "insure.pods" "redis" }}
        - {{ include "insure.pods" "sentinel" }}
        {{- range include "insure.needing" (dict "root" $ "server" "redis") | fromJsonArray }}
        - {{ include "insure.pods" . }}
        {{- end }}
    {{- if eq $component "redis" }}
    {{- include "insure.fromPrometheus" (dict "root" $ "port" 9121) | nindent 4 }}
    {{- end }}
  egress:
    {{- include "insure.toRedis" $ | nindent 4 }}
{{- end }}
{{- end }}
{{- if include "insure.hasRabbitmq" . }}
rabbitmq:
  ingress:
    - port: 5672
      from:
        {{- range include "insure.needing" (dict "root" . "server" "rabbitmq") | fromJsonArray }}
        - {{ include "insure.pods" . }}
        {{- end }}
    {{- include "insure.fromPrometheus" (dict "root" . "port" 15692) | nindent 4 }}
{{- end }}
{{- end }}

{{/* The API server is no pod: its address can only be given by value. */}}
{{- define "insure.toApiServer" -}}
{{- range .Values.networkPolicy.apiServer.ports }}
- port: {{ int64 . }}
  to: {{ $.Values.networkPolicy.apiServer.to | toJson }}
{{- end }}
{{- end }}

{{/* People, and what else may ask; a Service's NodePort or load balancer can't be selected. */}}
{{- define "insure.fromPeople" -}}
{{/* dict: root, peers, edge (whether the edge asks too) */ -}}
- port: 8080
  {{- if .peers }}
  from:
    {{- toYaml .peers | nindent 4 }}
    - {{ include "insure.podsOfSystem" (dict "root" .root "component" "load") }}
    - {{ include "insure.pods" "test" }}
    {{- if .edge }}
    - {{ include "insure.podsOutside" (dict "root" .root "component" "edge") }}
    {{- end }}
  {{- end }}
{{- end }}

{{- define "insure.fromPrometheus" -}}
{{/* dict: root, port */ -}}
{{- if include "insure.hasPrometheus" .root }}
- port: {{ .port }}
  from: [{{ include "insure.pods" "prometheus" }}]
{{- else if .root.Values.prometheus.from }}
- port: {{ .port }}
  from: {{ .root.Values.prometheus.from | toJson }}
{{- end }}
{{- end }}

{{- define "insure.rules" -}}
{{- if .Values.parts.zone }}
{{- include "insure.zoneRules" . }}
{{- end }}
{{- if .Values.parts.outside }}
{{- include "insure.outsideRules" . }}
{{- end }}
{{ include "insure.visitorRules" . }}
{{- end }}

{{- define "insure.zoneRules" }}
{{- $front := include "insure.front" . }}
{{- $services := keys .Values.services | sortAlpha }}
{{- $routes := include "insure.routes" . | fromJson | values | sortAlpha }}
gateway:
  ingress:
    {{- include "insure.fromPeople" (dict "root" . "peers" .Values.gateway.from "edge" true) | nindent 4 }}
    {{- include "insure.fromPrometheus" (dict "root" . "port" 9113) | nindent 4 }}
  egress:
    - {port: 8080, to: [{{ include "insure.pods" $front }}]}
    {{- range $routes }}
    - {port: 8080, to: [{{ include "insure.pods" . }}]}
    {{- end }}
{{- range $name, $service := .Values.services }}
{{ $name }}:
  ingress:
    {{- if or $service.front (has $name $routes) }}
    - {port: 8080, from: [{{ include "insure.pods" "gateway" }}]}
    {{- end }}
    {{- range $other, $one := $.Values.services }}
    {{- if has $name $one.needs }}
    - {port: 8080, from: [{{ include "insure.pods" $other }}]}
    {{- end }}
    {{- end }}
    {{- include "insure.fromPrometheus" (dict "root" $ "port" 8080) | nindent 4 }}
  egress:
    {{- range $service.needs }}
    {{- if has . $services }}
    - {port: 8080, to: [{{ include "insure.pods" . }}]}
    {{- end }}
    {{- end }}
    {{- if $service.database }}
    {{- include "insure.toDatabase" $ | nindent 4 }}
    {{- end }}
    {{- if has "rabbitmq" $service.needs }}
    {{- include "insure.toRabbitmq" $ | nindent 4 }}
    {{- end }}
    {{- if has "redis" $service.needs }}
    {{- include "insure.toRedis" $ | nindent 4 }}
    {{- end }}
{{- end }}
{{- include "insure.serverRules" . }}
migrations:
  egress:
    {{- include "insure.toDatabase" . | nindent 4 }}
zone-agent:
  ingress:
    {{- include "insure.fromPrometheus" (dict "root" . "port" 9114) | nindent 4 }}
  egress:
    {{- include "insure.toApiServer" . | nindent 4 }}
{{- if include "insure.hasPrometheus" . }}
prometheus:
  ingress:
    - port: 9090
      from:
        - {{ include "insure.pods" "test" }}
        {{- with .Values.networkPolicy.kedaNamespace }}
        - {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ . }}}}}
        {{- end }}
        {{- with concat .Values.prometheus.from .Values.networkPolicy.apiServer.from }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  egress:
    {{- range $services }}
    - {port: 8080, to: [{{ include "insure.pods" . }}]}
    {{- end }}
    - {port: 9113, to: [{{ include "insure.pods" "gateway" }}]}
    {{- if include "insure.hasRedis" . }}
    - {port: 9121, to: [{{ include "insure.pods" "redis" }}]}
    {{- end }}
    {{- if include "insure.hasRabbitmq" . }}
    - {port: 15692, to: [{{ include "insure.pods" "rabbitmq" }}]}
    {{- end }}
    - {port: 9114, to: [{{ include "insure.pods" "zone-agent" }}]}
    {{- with .Values.prometheus.edge }}
    - port: {{ splitList ":" . | last }}
      {{- if hasPrefix (printf "edge.%s." (include "insure.outsideNamespace" $)) . }}
      to: [{{ include "insure.podsOutside" (dict "root" $ "component" "edge") }}]
      {{- end }}
    {{- end }}
    {{- include "insure.toApiServer" . | nindent 4 }}
{{- end }}
{{- end }}

{{- define "insure.outsideRules" }}
{{- if include "insure.hasEdge" . }}
edge:
  ingress:
    {{- include "insure.fromPeople" (dict "root" . "peers" .Values.edge.from) | nindent 4 }}
    - port: 8404
      from:
        - {{ include "insure.podsOfSystem" (dict "root" . "component" "prometheus") }}
        - {{ include "insure.pods" "test" }}
        {{- with .Values.networkPolicy.apiServer.from }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  egress:
    - {port: 8080, to: [{{ include "insure.podsOfSystem" (dict "root" . "component" "gateway") }}]}
    {{- if .Values.edge.to }}
    {{- range .Values.edge.zones }}
    - {port: {{ splitList ":" .gateway | last }}, to: {{ $.Values.edge.to | toJson }}}
    {{- end }}
    {{- end }}
{{- end }}
{{- if include "insure.hasPostgresql" . }}
postgresql:
  ingress:
    - port: 5432
      from:
        {{- range $name, $service := .Values.services }}
        {{- if $service.database }}
        - {{ include "insure.podsOfSystem" (dict "root" $ "component" $name) }}
        {{- end }}
        {{- end }}
        - {{ include "insure.podsOfSystem" (dict "root" . "component" "migrations") }}
{{- end }}
{{- end }}

{{/* Pods that come for a while: the load's workers, and `helm test`. */}}
{{- define "insure.visitorRules" -}}
load:
  egress:
    - {port: 8080, to: [{{ include "insure.podsOfSystem" (dict "root" . "component" "gateway") }}]}
    {{- with .Values.external.edge }}
    - port: {{ .port | default 443 | int64 }}
      {{- with .cidr }}
      to: [{ipBlock: {cidr: {{ . | quote }}}}]
      {{- end }}
    {{- else }}
    - {port: 8080, to: [{{ include "insure.podsOutside" (dict "root" . "component" "edge") }}]}
    {{- end }}
test:
  egress:
    {{- if .Values.parts.zone }}
    - {port: 8080, to: [{{ include "insure.pods" "gateway" }}]}
    {{- if include "insure.hasPrometheus" . }}
    - {port: 9090, to: [{{ include "insure.pods" "prometheus" }}]}
    {{- end }}
    {{- end }}
    {{- if include "insure.hasEdge" . }}
    - {port: 8080, to: [{{ include "insure.pods" "edge" }}]}
    - {port: 8404, to: [{{ include "insure.pods" "edge" }}]}
    {{- end }}
{{- end }}
