{{/* Prometheus of the zone. */}}

{{- define "insure.prometheusPod" -}}
{{ include "insure.podSpec" (dict "root" . "component" "prometheus" "account" "prometheus" "uid" 65534) }}
containers:
  - name: prometheus
    {{- include "insure.image" (dict "root" . "image" "prometheus") | nindent 4 }}
    args:
      - --config.file=/etc/prometheus/prometheus.yml
      - --storage.tsdb.path=/prometheus
      - --storage.tsdb.retention.time={{ .Values.prometheus.retention }}
      # New settings and rules are taken over by a running Prometheus: what it has measured with
      # an emptyDir would be lost with the pod, so its pod has no checksum. (From 3.16 on there is
      # --config.auto-reload too, which earlier ones would not start with.)
      - --enable-feature=auto-reload-config
    ports:
      - {name: http, containerPort: 9090, protocol: TCP}
    startupProbe:
      httpGet: {path: /-/ready, port: http}
      periodSeconds: 1
      timeoutSeconds: 2
      failureThreshold: 300
    readinessProbe:
      httpGet: {path: /-/ready, port: http}
      periodSeconds: 5
      timeoutSeconds: 5
    livenessProbe:
      httpGet: {path: /-/healthy, port: http}
      periodSeconds: 15
      timeoutSeconds: 5
      failureThreshold: 4
    resources:
      {{- toYaml .Values.prometheus.resources | nindent 6 }}
    {{- include "insure.containerSecurity" . | nindent 4 }}
    volumeMounts:
      - {name: config, mountPath: /etc/prometheus, readOnly: true}
      - {name: data, mountPath: /prometheus}
      - {name: tmp, mountPath: /tmp}
volumes:
  - name: config
    configMap: {name: prometheus}
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
  - name: data
    {{- if .Values.prometheus.storage.size }}
    persistentVolumeClaim: {claimName: prometheus}
    {{- else }}
    emptyDir: {sizeLimit: {{ .Values.prometheus.emptyDirLimit }}}
    {{- end }}
{{- end }}

{{/* Pods of one component of this namespace, by the name of a port. */}}
{{- define "insure.scrapePods" -}}
{{/* dict: components (a regular expression), port, labelled (whether to name the service) */ -}}
kubernetes_sd_configs:
  - role: pod
    namespaces: {own_namespace: true}
    selectors: [{role: pod, label: app.kubernetes.io/name=insure-system}]
relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_phase], regex: Running, action: keep}
  - {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_component], regex: {{ .components | quote }}, action: keep}
  - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: {{ .port }}, action: keep}
  {{- if .labelled }}
  - {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_component], target_label: service}
  {{- end }}
  - {source_labels: [__meta_kubernetes_pod_label_insurectl_zone], target_label: zone}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: replica}
{{- end }}

{{- define "insure.prometheusConfig" -}}
{{- $interval := .Values.prometheus.scrapeIntervalSeconds -}}
# Prometheus of zone {{ .Values.zone }}: the same jobs and labels as on `local`.
global:
  scrape_interval: {{ include "insure.duration" $interval }}
  scrape_timeout: {{ include "insure.duration" (minf $interval 10) }}
  evaluation_interval: {{ include "insure.duration" $interval }}
  external_labels: {zone: {{ .Values.zone | quote }}}
rule_files: [/etc/prometheus/alerts.yml]
scrape_configs:
  - job_name: services
    {{- include "insure.scrapePods" (dict "components" (keys .Values.services | sortAlpha | join "|") "port" "http" "labelled" true) | nindent 4 }}
  - job_name: gateway
    {{- include "insure.scrapePods" (dict "components" "gateway" "port" "metrics") | nindent 4 }}
  {{- if include "insure.hasRabbitmq" . }}
  - job_name: rabbitmq
    {{- include "insure.scrapePods" (dict "components" "rabbitmq" "port" "metrics") | nindent 4 }}
  {{- end }}
  {{- if include "insure.hasRedis" . }}
  - job_name: redis
    {{- include "insure.scrapePods" (dict "components" "redis" "port" "metrics") | nindent 4 }}
  {{- end }}
  # it tells of other pods, under their own names
  - job_name: agent
    honor_labels: true
    {{- include "insure.scrapePods" (dict "components" "zone-agent" "port" "metrics") | nindent 4 }}
  - job_name: prometheus
    static_configs:
      - {targets: ["localhost:9090"], labels: {zone: {{ .Values.zone | quote }}}}
  {{- with .Values.prometheus.edge }}
  - job_name: edge
    static_configs:
      - {targets: [{{ . | quote }}], labels: {zone: {{ $.Values.zone | quote }}}}
  {{- end }}
{{- end }}
