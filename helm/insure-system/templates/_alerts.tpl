{{/* Alerts of a zone. Braces of Prometheus' own templates are written as text. */}}

{{- define "insure.alert" -}}
{{/* dict: name, expr, for, severity, service (absent: that of the series), summary, description */ -}}
- alert: {{ .name }}
  expr: |
    {{- .expr | nindent 4 }}
  for: {{ .for }}
  labels: {severity: {{ .severity }}{{ with .service }}, service: {{ . }}{{ end }}}
  annotations:
    summary: {{ .summary | quote }}
    description: {{ .description | quote }}
{{- end }}

{{- define "insure.alerts" -}}
{{- $front := include "insure.front" . -}}
{{- $zone := .Values.zone -}}
{{- $limits := .Values.prometheus.alerts -}}
{{- $api := `job="services",http_route!~"/health.*|/metrics"` -}}
{{- $count := "http_server_request_duration_seconds_count" -}}
groups:
  - name: insure-system
    rules:
      {{- include "insure.alert" (dict "name" "ZoneWithoutReadyFront" "for" "30s" "severity" "critical"
        "expr" (printf `kube_deployment_status_replicas_ready{deployment=%q} < 1
  or absent(kube_deployment_status_replicas_ready{deployment=%q})` $front $front)
        "summary" (printf "Zone %s serves nobody: no replica of %s is ready" $zone $front)
        "description" (printf "No replica of %s has been ready in zone %s for 30 s, or the zone agent does not tell. See `kubectl get pods` and `kubectl describe pod` of that zone." $front $zone)) | nindent 6 }}
      {{- include "insure.alert" (dict "name" "ManyErrors" "for" "2m" "severity" "critical"
        "expr" (printf `sum by (service) (rate(%s{%s,http_response_status_code=~"5.."}[2m]))
  / sum by (service) (rate(%s{%s}[2m])) > %v` $count $api $count $api $limits.errorRatio)
        "summary" (printf "{{ $labels.service }} in zone %s answers many requests with an error" $zone)
        "description" (printf "{{ $value | humanizePercentage }} of the requests of the last 2 minutes were answered with 5xx; at most %v is right." $limits.errorRatio)) | nindent 6 }}
      {{- include "insure.alert" (dict "name" "SlowAnswers" "for" "5m" "severity" "warning"
        "expr" (printf `1000 * histogram_quantile(0.95, sum by (service, le)
  (rate(http_server_request_duration_seconds_bucket{%s,service=%q}[5m]))) > %v` $api $front $limits.p95Ms)
        "summary" (printf "%s in zone %s is slow" $front $zone)
        "description" (printf "Of the requests of the last 5 minutes 95 %% took up to {{ $value | printf `%%.0f` }} ms; at most %v ms is right." $limits.p95Ms)) | nindent 6 }}
      {{- include "insure.alert" (dict "name" "OutOfMemory" "for" "0s" "severity" "warning"
        "expr" "increase(container_oom_events_total[10m]) > 0"
        "summary" (printf "A container of pod {{ $labels.pod }} in zone %s was killed for its memory" $zone)
        "description" "Container {{ $labels.container }} passed its memory limit within the last 10 minutes. Raise services.X.memory.limitMib, or let it scale earlier.") | nindent 6 }}
      {{- include "insure.alert" (dict "name" "ManyRestarts" "for" "0s" "severity" "warning"
        "expr" "increase(kube_pod_container_status_restarts_total[10m]) > 2"
        "summary" (printf "Pod {{ $labels.pod }} in zone %s starts again and again" $zone)
        "description" "Container {{ $labels.container }} was started again {{ $value | printf `%.0f` }} times within 10 minutes. Its last words: `kubectl logs --previous`.") | nindent 6 }}
      {{- range $name, $service := .Values.services }}
      {{- with $service.autoscaling }}
      {{- include "insure.alert" (dict "name" "AutoscalerAtMaximum" "for" "10m" "severity" "warning" "service" $name
        "expr" (printf `kube_horizontalpodautoscaler_status_desired_replicas{horizontalpodautoscaler=%q} >= %d` $name (int64 .max))
        "summary" (printf "%s in zone %s can't grow any further" $name $zone)
        "description" (printf "The autoscaler has asked for {{ $value | printf `%%.0f` }} replicas of %s for 10 minutes, and may not go above %d. Raise services.%s.autoscaling.max, or ask `insurectl recommend`." $name (int64 .max) $name)) | nindent 6 }}
      {{- end }}
      {{- end }}
      {{- include "insure.alert" (dict "name" "EventsLate" "for" "1m" "severity" "critical"
        "expr" (printf "max by (service) (outbox_lag_seconds) > %v" $limits.eventsLateSeconds)
        "summary" (printf "Events of {{ $labels.service }} are not published in zone %s" $zone)
        "description" (printf "The oldest has waited for {{ $value | printf `%%.0f` }} s; at most %v s is right. Does RabbitMQ of this zone run, and core-app-relay?" $limits.eventsLateSeconds)) | nindent 6 }}
      {{- include "insure.alert" (dict "name" "EventsWait" "for" "5m" "severity" "warning"
        "expr" "max by (service) (inbox_waiting_events) > 0"
        "summary" (printf "{{ $labels.service }} in zone %s waits for events that do not come" $zone)
        "description" "{{ $value | printf `%.0f` }} events have waited for their predecessor for 5 minutes. It may be among the dead letters: `python -m MODULE dead` in a pod of it.") | nindent 6 }}
      {{- include "insure.alert" (dict "name" "DeadLetters" "for" "0s" "severity" "warning"
        "expr" "sum by (service) (increase(inbox_dead_events_total[10m])) > 0\n  or sum by (service) (increase(outbox_dead_events_total[10m])) > 0"
        "summary" (printf "{{ $labels.service }} in zone %s has put events among the dead letters" $zone)
        "description" "What follows them for the same object waits. `python -m MODULE dead` in a pod of it tells the reasons, `python -m MODULE replay` tries them again.") | nindent 6 }}
      {{- include "insure.alert" (dict "name" "BreakerOpen" "for" "1m" "severity" "warning"
        "expr" "max by (service, insurer) (insurer_breaker_state) >= 2"
        "summary" (printf "Insurer {{ $labels.insurer }} is not asked in zone %s" $zone)
        "description" "Its circuit breaker in {{ $labels.service }} has been open for a minute: it answers with errors or not at all. The other insurers are asked as before.") | nindent 6 }}
      {{- if include "insure.hasRedis" . }}
      {{- include "insure.alert" (dict "name" "RedisWithoutPrimary" "for" "30s" "severity" "critical"
        "expr" `sum(redis_instance_info{role="master"} or vector(0)) < 1`
        "summary" (printf "Redis of zone %s has no primary" $zone)
        "description" "No server has been one for 30 s, so nothing can be written. Do two Sentinels run and reach a replica that has everything?") | nindent 6 }}
      {{- end }}
      {{- if include "insure.hasRabbitmq" . }}
      {{- include "insure.alert" (dict "name" "ZoneWithoutBroker" "for" "1m" "severity" "critical"
        "expr" `sum(up{job="rabbitmq"} or vector(0)) < 1`
        "summary" (printf "RabbitMQ of zone %s does not run" $zone)
        "description" "It has not answered for a minute. Events wait in the outbox until it does; nothing is lost.") | nindent 6 }}
      {{- end }}
      {{- include "insure.alert" (dict "name" "NotMeasured" "for" "2m" "severity" "warning"
        "expr" "up == 0"
        "summary" (printf "Prometheus of zone %s can't read {{ $labels.job }} at {{ $labels.instance }}" $zone)
        "description" "It has not answered for 2 minutes. What Prometheus says of it stands under /targets.") | nindent 6 }}
{{- end }}
