{{/* A replica of one of the system's services. */}}

{{- define "insure.databaseEnvironment" -}}
{{/* dict: root, service */ -}}
{{- $database := .service.database -}}
- {name: DATABASE_HOST, value: {{ include "insure.databaseHost" .root | quote }}}
- {name: DATABASE_PORT, value: {{ include "insure.databasePort" .root | quote }}}
- {name: DATABASE_NAME, value: {{ $database.name | quote }}}
- {name: DATABASE_USER, value: {{ $database.role | quote }}}
- {name: DATABASE_PASSWORD_FILE, value: {{ printf "/etc/insure-secrets/%s" $database.role | quote }}}
- {name: DATABASE_POOL_SIZE, value: {{ $database.pool | int64 | quote }}}
{{- end }}

{{/* Only the password of its own role. */}}
{{- define "insure.databaseSecret" -}}
- name: database
  secret:
    secretName: {{ .root.Values.secrets.database }}
    defaultMode: 0440
    items:
      - {key: {{ .service.database.role | quote }}, path: {{ .service.database.role | quote }}}
{{- end }}

{{- define "insure.serviceEnvironment" -}}
{{/* dict: root, name, service */ -}}
{{- $values := .root.Values -}}
- {name: SERVICE_NAME, value: {{ .name | quote }}}
- {name: SERVICE_ZONE, value: {{ $values.zone | quote }}}
- {name: SERVICE_REPLICA, value: "0"}
- {name: SERVICE_HOST, value: "0.0.0.0"}
- {name: SERVICE_PORT, value: "8080"}
- {name: ENVIRONMENT, value: {{ $values.environment | quote }}}
{{ include "insure.databaseEnvironment" . }}
{{- range .service.needs }}
{{- if hasKey $values.services . }}
{{- $variable := . | upper | replace "-" "_" }}
- {name: {{ $variable }}_URL, value: "http://{{ . }}:8080"}
# kube-proxy chooses a replica for each connection: one kept open would always reach the same one
- {name: {{ $variable }}_KEEPALIVE, value: "0"}
{{- end }}
{{- end }}
{{- if .service.front }}
- {name: PARTNER_PER_MINUTE, value: {{ $values.limits.partnerPerMinute | int64 | quote }}}
{{- end }}
{{- range $key, $value := .service.cost }}
- {name: COST_{{ upper $key }}, value: {{ include "insure.number" $value | quote }}}
{{- end }}
# preStop waits already
- {name: DRAIN_DELAY_S, value: "0"}
- {name: DRAIN_TIMEOUT_S, value: {{ $values.drain.timeoutSeconds | int64 | quote }}}
{{- end }}

{{- define "insure.servicePod" -}}
{{/* dict: root, name, service */ -}}
{{- $service := .service -}}
{{ include "insure.podSpec" (dict "root" .root "component" .name "grace" (include "insure.grace" .root)) }}
containers:
  - name: {{ .name }}
    {{- include "insure.image" (dict "root" .root "image" "service") | nindent 4 }}
    command: [python, -m, {{ $service.module }}, serve]
    env:
      {{- include "insure.serviceEnvironment" . | nindent 6 }}
    ports:
      - {name: http, containerPort: 8080, protocol: TCP}
    # a start costs what `cost.start_s` says, but it is alive meanwhile
    startupProbe:
      httpGet: {path: /health/live, port: http}
      periodSeconds: 1
      timeoutSeconds: 2
      failureThreshold: 120
    readinessProbe:
      httpGet: {path: /health/ready, port: http}
      periodSeconds: 2
      timeoutSeconds: 2
      failureThreshold: 2
    # a replica that is only busy must not be killed for it
    livenessProbe:
      httpGet: {path: /health/live, port: http}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    {{- include "insure.drain" .root | nindent 4 }}
    resources:
      requests:
        cpu: {{ $service.cpu.requestMillis | int64 }}m
        memory: {{ include "insure.mib" $service.memory.requestMib }}
      limits:
        {{- with $service.cpu.limitMillis }}
        cpu: {{ int64 . }}m
        {{- end }}
        memory: {{ include "insure.mib" $service.memory.limitMib }}
    {{- include "insure.containerSecurity" . | nindent 4 }}
    volumeMounts:
      {{- include "insure.scratchMounts" . | nindent 6 }}
      - {name: database, mountPath: /etc/insure-secrets, readOnly: true}
volumes:
  {{- include "insure.scratchVolumes" . | nindent 2 }}
  {{- include "insure.databaseSecret" . | nindent 2 }}
{{- end }}

{{- define "insure.zoneAgentPod" -}}
{{ include "insure.podSpec" (dict "root" . "component" "zone-agent" "account" "zone-agent") }}
containers:
  - name: zone-agent
    {{- include "insure.image" (dict "root" . "image" "service") | nindent 4 }}
    command: [python, -m, insurectl, zone-agent]
    args:
      - --namespace={{ .Release.Namespace }}
      - --zone={{ .Values.zone }}
      - --listen=0.0.0.0:9114
    ports:
      - {name: metrics, containerPort: 9114, protocol: TCP}
    startupProbe:
      httpGet: {path: /metrics, port: metrics}
      periodSeconds: 1
      timeoutSeconds: 2
      failureThreshold: 120
    readinessProbe:
      httpGet: {path: /metrics, port: metrics}
      periodSeconds: 5
      timeoutSeconds: 5
    livenessProbe:
      httpGet: {path: /metrics, port: metrics}
      periodSeconds: 20
      timeoutSeconds: 5
      failureThreshold: 6
    resources:
      {{- toYaml .Values.zoneAgent.resources | nindent 6 }}
    {{- include "insure.containerSecurity" . | nindent 4 }}
    volumeMounts:
      {{- include "insure.scratchMounts" . | nindent 6 }}
volumes:
  {{- include "insure.scratchVolumes" . | nindent 2 }}
{{- end }}
