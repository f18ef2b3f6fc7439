{{/* What every pod has, so that the namespace may enforce Pod Security `restricted`. */}}

{{- define "insure.podMetadata" -}}
{{/* dict: root, component, checksum (of its configuration: a change of it rolls the pods); the
     passwords are those of who reads them at the start, PostgreSQL aside */ -}}
labels:
  {{- include "insure.labels" . | nindent 2 }}
{{- $revision := "" }}
{{- if or (hasKey .root.Values.services .component) (has .component (list "redis" "sentinel" "rabbitmq")) }}{{ $revision = .root.Values.secrets.revision }}{{ end }}
{{- if or .checksum $revision }}
annotations:
  {{- with .checksum }}
  checksum/config: {{ . }}
  {{- end }}
  {{- with $revision }}
  checksum/passwords: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "insure.podSpec" -}}
{{/* dict: root, component (absent for what runs once: it has neither priority, whose class a hook
     would not find at the first installation, nor others to be spread from), uid (default 10001),
     account, grace (seconds) */ -}}
{{- $values := .root.Values -}}
{{- $uid := .uid | default 10001 | int64 -}}
{{- with .account -}}
serviceAccountName: {{ . }}
{{ end -}}
automountServiceAccountToken: {{ not (empty .account) }}
# the addresses of Services as environment would be taken for settings
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .grace | default 30 | int64 }}
{{- $priority := include "insure.priorityClassName" .root }}
{{- if and $priority .component }}
priorityClassName: {{ $priority }}
{{- end }}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $uid }}
  runAsGroup: {{ $uid }}
  fsGroup: {{ $uid }}
  # PostgreSQL refuses a folder that its group may write, as a second change would make it
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- if and $values.topologySpread.enabled .component }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ $values.topologySpread.topologyKey }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "insure.selector" . | nindent 8 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "insure.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Nobody is told at once that a pod leaves: it goes on serving until they were. `sleep` as a
     program: the handler of that name is on by default only since Kubernetes 1.30. */}}
{{- define "insure.drain" -}}
lifecycle:
  preStop:
    exec:
      command: [sleep, {{ .Values.drain.delaySeconds | int64 | quote }}]
{{- end }}

{{/* Seconds until a pod that leaves is killed: delay, drain, and 5 to end. */}}
{{- define "insure.grace" -}}
{{- add .Values.drain.delaySeconds .Values.drain.timeoutSeconds 5 -}}
{{- end }}

{{- define "insure.scratchMounts" -}}
- {name: run, mountPath: /run/insure}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "insure.scratchVolumes" -}}
- name: run
  emptyDir: {sizeLimit: 64Mi}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- end }}

{{- define "insure.deployment" -}}
{{/* dict: root, component, replicas (absent: somebody else's), pod (its spec), checksum, recreate */ -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "insure.metadata" . | nindent 2 }}
spec:
  {{- if not (kindIs "invalid" .replicas) }}
  replicas: {{ int64 .replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  {{- if .recreate }}
  strategy: {type: Recreate}
  {{- else }}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 25%}
  {{- end }}
  selector:
    matchLabels:
      {{- include "insure.selector" . | nindent 6 }}
  template:
    metadata:
      {{- include "insure.podMetadata" . | nindent 6 }}
    spec:
      {{- .pod | nindent 6 }}
{{- end }}
