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

{{/* Variable -> file of each secret that a service may read, its database's password aside. */}}
{{- define "insure.secretFiles" -}}
{{/* dict: root, name, service */ -}}
{{- $name := .name -}}
{{- $files := dict -}}
{{- if has "rabbitmq" .service.needs }}{{ $_ := set $files "BROKER_PASSWORD_FILE" (printf "broker-%s" $name) }}{{ end -}}
{{- if has "redis" .service.needs }}{{ $_ := set $files "REDIS_PASSWORD_FILE" (printf "redis-%s" $name) }}{{ end -}}
{{- range .root.Values.services }}
{{- if has $name (.callers | default list) }}{{ $_ := set $files "CALL_SECRET_FILE" (printf "call-%s" $name) }}{{ end -}}
{{- end -}}
{{- if .service.callers }}{{ $_ := set $files "CALLERS_FILE" (printf "callers-%s" $name) }}{{ end -}}
{{- if eq (.service.tokens | default "none") "verify" }}{{ $_ := set $files "TOKEN_PUBLIC_KEY_FILE" "token-public.pem" }}{{ end -}}
{{- if eq (.service.tokens | default "none") "issue" -}}
{{- $_ := set $files "TOKEN_PRIVATE_KEY_FILE" "token-private.pem" -}}
{{- $_ := set $files "LOGIN_KEY_FILE" "login-key" -}}
{{- end -}}
{{- toJson $files -}}
{{- end }}

{{/* Only what it may read: the password of its own role, and its own files. */}}
{{- define "insure.secretVolume" -}}
{{/* dict: root, database (or none), files (a list) */ -}}
{{- if or .database .files -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- with .database }}
      - secret:
          name: {{ $.root.Values.secrets.database }}
          items:
            - {key: {{ .role | quote }}, path: {{ .role | quote }}}
      {{- end }}
      {{- with .files }}
      - secret:
          name: {{ $.root.Values.secrets.services }}
          items:
            {{- range . }}
            - {key: {{ . | quote }}, path: {{ . | quote }}}
            {{- end }}
      {{- end }}
{{- end }}
{{- end }}

{{- define "insure.secretMount" -}}
- {name: secrets, mountPath: /etc/insure-secrets, readOnly: true}
{{- end }}

{{/* Where it finds the servers and services that it needs. */}}
{{- define "insure.needsEnvironment" -}}
{{/* dict: root, name, service */ -}}
{{- range .service.needs }}
{{- if eq . "rabbitmq" }}
- {name: BROKER_HOST, value: {{ include "insure.brokerHost" $.root | quote }}}
- {name: BROKER_PORT, value: {{ include "insure.brokerPort" $.root | quote }}}
- {name: BROKER_USER, value: {{ $.name | quote }}}
{{- else if eq . "redis" }}
- {name: REDIS_SENTINELS, value: {{ include "insure.sentinels" $.root | quote }}}
- {name: REDIS_NAME, value: {{ include "insure.redisName" $.root | quote }}}
- {name: REDIS_USER, value: {{ $.name | quote }}}
{{- else if hasKey $.root.Values.services . }}
{{- $variable := . | upper | replace "-" "_" }}
- {name: {{ $variable }}_URL, value: "http://{{ . }}:8080"}
# kube-proxy chooses a replica for each connection: one kept open would always reach the same one
- {name: {{ $variable }}_KEEPALIVE, value: "0"}
{{- end }}
{{- end }}
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
{{- if .service.database }}
{{ include "insure.databaseEnvironment" . }}
{{- end }}
{{- include "insure.needsEnvironment" . }}
{{- range $variable, $file := include "insure.secretFiles" . | fromJson }}
- {name: {{ $variable }}, value: {{ printf "/etc/insure-secrets/%s" $file | quote }}}
{{- end }}
{{- if or (eq .name "insurer-stub") (has "insurer-stub" .service.needs) }}
- {name: INSURERS, value: {{ $values.insurers | int64 | quote }}}
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
{{- $volume := include "insure.secretVolume" (dict "root" .root "database" $service.database "files" (include "insure.secretFiles" . | fromJson | values | sortAlpha)) -}}
{{ include "insure.podSpec" (dict "root" .root "component" .name "grace" (include "insure.grace" .root)) }}
containers:
  - name: {{ .name }}
    {{- include "insure.image" (dict "root" .root "image" "service") | nindent 4 }}
    command: [python, -m, {{ $service.module }}, {{ $service.command | default "serve" }}]
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
      {{- if $volume }}
      {{- include "insure.secretMount" . | nindent 6 }}
      {{- end }}
volumes:
  {{- include "insure.scratchVolumes" . | nindent 2 }}
  {{- with $volume }}
  {{- . | nindent 2 }}
  {{- end }}
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
