{{/* Redis with its Sentinels, and RabbitMQ: servers of the platform image with volumes of their own. */}}

{{- define "insure.needing" -}}
{{/* dict: root, server. Names of the services that need it. */ -}}
{{- $found := list -}}
{{- $server := .server -}}
{{- range $name, $service := .root.Values.services }}
{{- if has $server $service.needs }}{{ $found = append $found $name }}{{ end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{- define "insure.redisValues" -}}
{{- dict "zone" .Values.zone
         "listen" "0.0.0.0:6379"
         "domain" (printf "redis.%s.svc" .Release.Namespace)
         "master" .Values.redis.name
         "sentinels" (include "insure.sentinels" . | splitList ",")
         "memory_mib" (int64 .Values.redis.maxMemoryMib)
         "users" (include "insure.needing" (dict "root" . "server" "redis") | fromJsonArray) | toJson -}}
{{- end }}

{{- define "insure.sentinelValues" -}}
{{- $servers := include "insure.servers" (dict "root" . "component" "redis" "count" 2 "port" 6379) -}}
{{- dict "zone" .Values.zone
         "listen" "0.0.0.0:26379"
         "domain" (printf "sentinel.%s.svc" .Release.Namespace)
         "master" .Values.redis.name
         "servers" (splitList "," $servers)
         "down_after_ms" (int64 .Values.sentinel.downAfterMs) | toJson -}}
{{- end }}

{{- define "insure.rabbitmqValues" -}}
{{- $users := list -}}
{{- range $name, $service := .Values.services }}
{{- if has "rabbitmq" $service.needs }}
{{- $users = append $users (dict "name" $name "publishes" ($service.publishes | default list) "consumes" ($service.consumes | default list)) -}}
{{- end -}}
{{- end -}}
{{- dict "zone" .Values.zone
         "listen" "0.0.0.0:5672"
         "memory_mib" (int64 .Values.rabbitmq.memoryMib)
         "users" $users | toJson -}}
{{- end }}

{{/* RabbitMQ and Sentinel open their port when they serve. Redis opens it before it has its data, so
     `start.py health` is asked: whether a replica has what its primary has. That starts a process, so
     it is asked seldom, and not where an open port says as much. */}}
{{- define "insure.serverCheck" -}}
{{/* dict: role, port (its name) */ -}}
{{- if eq .role "redis" -}}
exec: {command: [/opt/platform/start.py, health]}
{{- else -}}
tcpSocket: {port: {{ .port }}}
{{- end }}
{{- end }}

{{- define "insure.serverProbes" -}}
{{/* dict: role, port (its name) */ -}}
startupProbe:
  {{- include "insure.serverCheck" . | nindent 2 }}
  periodSeconds: 3
  timeoutSeconds: 10
  failureThreshold: 100
readinessProbe:
  {{- include "insure.serverCheck" . | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 2
livenessProbe:
  tcpSocket: {port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{- define "insure.serverPod" -}}
{{/* dict: root, role, values (of the chart), ports (a list of name, port), files (of its secrets) */ -}}
{{- $storage := .values.storage | default dict -}}
{{ include "insure.podSpec" (dict "root" .root "component" .role "grace" 30) }}
containers:
  - {{- include "insure.platformContainer" (dict "root" .root "role" .role "resources" .values.resources) | nindent 4 }}
    ports:
      {{- range .ports }}
      - {name: {{ .name }}, containerPort: {{ .port }}, protocol: TCP}
      {{- end }}
    {{- include "insure.serverProbes" (dict "role" .role "port" (first .ports).name) | nindent 4 }}
    volumeMounts:
      {{- include "insure.scratchMounts" . | nindent 6 }}
      - {name: config, mountPath: /etc/insure, readOnly: true}
      {{- include "insure.secretMount" . | nindent 6 }}
      - {name: data, mountPath: /var/lib/insure/data}
volumes:
  {{- include "insure.platformVolumes" (dict "role" .role) | nindent 2 }}
  {{- include "insure.secretVolume" (dict "root" .root "files" .files) | nindent 2 }}
  {{- if not $storage.size }}
  - name: data
    emptyDir: {sizeLimit: {{ .values.emptyDirLimit | default "64Mi" }}}
  {{- end }}
{{- end }}

{{- define "insure.redisPod" -}}
{{- $files := list "redis-replication" "redis-sentinel" -}}
{{- range include "insure.needing" (dict "root" . "server" "redis") | fromJsonArray }}
{{- $files = append $files (printf "redis-%s" .) -}}
{{- end -}}
{{- $ports := list (dict "name" "redis" "port" 6379) (dict "name" "metrics" "port" 9121) -}}
{{ include "insure.serverPod" (dict "root" . "role" "redis" "values" .Values.redis "ports" $ports "files" $files) }}
{{- end }}

{{- define "insure.sentinelPod" -}}
{{- $ports := list (dict "name" "sentinel" "port" 26379) -}}
{{ include "insure.serverPod" (dict "root" . "role" "sentinel" "values" .Values.sentinel "ports" $ports "files" (list "redis-sentinel")) }}
{{- end }}

{{- define "insure.rabbitmqPod" -}}
{{- $files := list -}}
{{- range include "insure.needing" (dict "root" . "server" "rabbitmq") | fromJsonArray }}
{{- $files = append $files (printf "broker-%s" .) -}}
{{- end -}}
{{- $ports := list (dict "name" "amqp" "port" 5672) (dict "name" "metrics" "port" 15692) -}}
{{ include "insure.serverPod" (dict "root" . "role" "rabbitmq" "values" .Values.rabbitmq "ports" $ports "files" $files) }}
{{- end }}
