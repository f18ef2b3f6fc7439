{{/* Servers of the platform image: /opt/platform/start.py ROLE reads /etc/insure/values.json. */}}

{{- define "insure.gatewayValues" -}}
{{- $rps := .Values.limits.zoneRps -}}
{{- $told := dict "zone" .Values.zone
         "listen" "0.0.0.0:8080"
         "core_app" (printf "%s:8080" (include "insure.front" .))
         "partner_per_minute" (int64 .Values.limits.partnerPerMinute)
         "people_in_flight" (int64 .Values.limits.peopleInFlight)
         "people_streams" (int64 .Values.limits.peopleStreams)
         "zone_rps" $rps
         "replicas" (int64 .Values.gateway.replicas) -}}
{{- range $variable, $name := include "insure.routes" . | fromJson }}
{{- $_ := set $told $variable (printf "%s:8080" $name) -}}
{{- end -}}
{{- toJson $told -}}
{{- end }}

{{/* Variable of the gateway's template -> service, of those that it leads people to beside the
     front: /settlement/, /insurers/admin, and all that is left. */}}
{{- define "insure.routes" -}}
{{- $found := dict -}}
{{- range $variable, $name := dict "settlement" "ins-comp-settlement" "insurer_stub" "insurer-stub" "web" "web" }}
{{- with index $.Values.services $name }}
{{- if .public }}{{ $_ := set $found $variable $name }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{- define "insure.edgeValues" -}}
{{- $zones := .Values.edge.zones -}}
{{- if and (not $zones) .Values.parts.zone -}}
{{- $zones = list (dict "name" .Values.zone "gateway" (printf "gateway.%s:8080" .Release.Namespace)) -}}
{{- end -}}
{{- dict "listen" "0.0.0.0:8080" "stats" "0.0.0.0:8404" "zones" $zones | toJson -}}
{{- end }}

{{- define "insure.postgresqlValues" -}}
{{- $databases := list -}}
{{- range .Values.services }}
{{- with .database }}
{{- $databases = append $databases (dict "name" .name "role" .role) -}}
{{- end -}}
{{- end -}}
{{- dict "host" "0.0.0.0"
         "port" 5432
         "max_connections" (int64 .Values.postgresql.maxConnections)
         "network" .Values.postgresql.network
         "databases" (uniq $databases) | toJson -}}
{{- end }}

{{- define "insure.platformContainer" -}}
{{/* dict: root, role, resources */ -}}
name: {{ .role }}
{{ include "insure.image" (dict "root" .root "image" "platform") }}
command: [/opt/platform/start.py, {{ .role }}]
resources:
  {{- toYaml .resources | nindent 2 }}
{{ include "insure.containerSecurity" . }}
{{- end }}

{{- define "insure.platformVolumes" -}}
{{/* dict: role */ -}}
{{ include "insure.scratchVolumes" . }}
- name: config
  configMap: {name: {{ .role }}}
{{- end }}

{{- define "insure.gatewayPod" -}}
{{ include "insure.podSpec" (dict "root" . "component" "gateway" "grace" (include "insure.grace" .)) }}
containers:
  - {{- include "insure.platformContainer" (dict "root" . "role" "gateway" "resources" .Values.gateway.resources) | nindent 4 }}
    ports:
      - {name: http, containerPort: 8080, protocol: TCP}
      - {name: metrics, containerPort: 9113, protocol: TCP}
    startupProbe:
      httpGet: {path: /health/ready, port: http}
      periodSeconds: 1
      timeoutSeconds: 2
      failureThreshold: 60
    readinessProbe:
      httpGet: {path: /health/ready, port: http}
      periodSeconds: 2
      timeoutSeconds: 2
      failureThreshold: 2
    livenessProbe:
      httpGet: {path: /health/ready, port: http}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    {{- include "insure.drain" . | nindent 4 }}
    volumeMounts:
      {{- include "insure.scratchMounts" . | nindent 6 }}
      - {name: config, mountPath: /etc/insure, readOnly: true}
volumes:
  {{- include "insure.platformVolumes" (dict "role" "gateway") | nindent 2 }}
{{- end }}

{{- define "insure.edgePod" -}}
{{ include "insure.podSpec" (dict "root" . "component" "edge" "grace" (include "insure.grace" .)) }}
containers:
  - {{- include "insure.platformContainer" (dict "root" . "role" "edge" "resources" .Values.edge.resources) | nindent 4 }}
    ports:
      - {name: http, containerPort: 8080, protocol: TCP}
      - {name: stats, containerPort: 8404, protocol: TCP}
    startupProbe:
      httpGet: {path: /health/ready, port: stats}
      periodSeconds: 1
      timeoutSeconds: 2
      failureThreshold: 60
    readinessProbe:
      httpGet: {path: /health/ready, port: stats}
      periodSeconds: 2
      timeoutSeconds: 2
      failureThreshold: 2
    livenessProbe:
      httpGet: {path: /health/ready, port: stats}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    {{- include "insure.drain" . | nindent 4 }}
    volumeMounts:
      {{- include "insure.scratchMounts" . | nindent 6 }}
      - {name: config, mountPath: /etc/insure, readOnly: true}
volumes:
  {{- include "insure.platformVolumes" (dict "role" "edge") | nindent 2 }}
{{- end }}

{{/* The image holds one version of the server; its folder is not named twice. */}}
{{- define "insure.postgresqlCheck" -}}
exec:
  command: [/bin/sh, -c, "exec /usr/lib/postgresql/*/bin/pg_isready -q -h 127.0.0.1 -p 5432"]
{{- end }}

{{/* Its image says that it wants SIGINT, its fast end: on SIGTERM it would wait for its clients,
     whose pools never leave. */}}
{{- define "insure.postgresqlPod" -}}
{{ include "insure.podSpec" (dict "root" . "component" "postgresql" "grace" 60) }}
containers:
  - {{- include "insure.platformContainer" (dict "root" . "role" "postgresql" "resources" .Values.postgresql.resources) | nindent 4 }}
    ports:
      - {name: postgresql, containerPort: 5432, protocol: TCP}
    startupProbe:
      {{- include "insure.postgresqlCheck" . | nindent 6 }}
      periodSeconds: 2
      timeoutSeconds: 5
      failureThreshold: 150
    readinessProbe:
      {{- include "insure.postgresqlCheck" . | nindent 6 }}
      periodSeconds: 5
      timeoutSeconds: 5
    livenessProbe:
      {{- include "insure.postgresqlCheck" . | nindent 6 }}
      periodSeconds: 15
      timeoutSeconds: 10
      failureThreshold: 6
    volumeMounts:
      {{- include "insure.scratchMounts" . | nindent 6 }}
      - {name: config, mountPath: /etc/insure, readOnly: true}
      - {name: passwords, mountPath: /etc/insure-secrets, readOnly: true}
      - {name: data, mountPath: /var/lib/insure/data}
volumes:
  {{- include "insure.platformVolumes" (dict "role" "postgresql") | nindent 2 }}
  - name: passwords
    secret: {secretName: {{ .Values.secrets.database }}, defaultMode: 0440}
  {{- if not .Values.postgresql.storage.size }}
  - name: data
    emptyDir: {sizeLimit: {{ .Values.postgresql.emptyDirLimit }}}
  {{- end }}
{{- end }}
