{{/* What all pods have in common. */}}

{{/* Annotations for Prometheus and the mesh: dict root, port ("" for pods without metrics),
     batch (true: a pod that ends), drain (seconds for which its sidecar has to outlive the order to end). */}}
{{- define "viva.podAnnotations" -}}
{{- $mesh := .root.Values.mesh.type -}}
{{- $monitoring := .root.Values.monitoring -}}
{{- if and .port $monitoring.annotations (not $monitoring.serviceMonitor.enabled) }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .port | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- if eq $mesh "linkerd" }}
linkerd.io/inject: {{ ternary "disabled" "enabled" (.batch | default false) }}
{{- if not .batch }}
config.linkerd.io/opaque-ports: "6379"
config.alpha.linkerd.io/proxy-wait-before-exit-seconds: {{ .drain | default 15 | quote }}
{{- end }}
{{- end }}
{{- if and (eq $mesh "istio") (not .batch) }}
proxy.istio.io/config: '{"holdApplicationUntilProxyStarts": true, "terminationDrainDuration": "{{ .drain | default 15 }}s"}'
{{- end }}
{{- end }}

{{/* Labels of a pod: dict root, component, group, batch, labels. The version is left out: it would restart Redis with every release. */}}
{{- define "viva.podLabels" -}}
{{ include "viva.selector" . }}
app.kubernetes.io/part-of: viva
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with include "viva.meshLabels" . }}
{{ . }}
{{- end }}
{{- with .labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "viva.meshLabels" -}}
{{- if eq .root.Values.mesh.type "istio" -}}
sidecar.istio.io/inject: {{ ternary "false" "true" (.batch | default false) | quote }}
{{- end }}
{{- end }}

{{/* The head of every pod spec: dict root, account. */}}
{{- define "viva.podHead" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- include "viva.pullSecrets" .root }}
securityContext: {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- end }}

{{- define "viva.containerSecurity" -}}
securityContext: {{- toYaml .Values.containerSecurityContext | nindent 2 }}
{{- end }}

{{/* Where the pod may run: dict root, values, selector, template (whether its pods carry a pod-template-hash), cpu. */}}
{{- define "viva.scheduling" -}}
{{- $values := .values -}}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.affinity }}
affinity: {{- toYaml $values.affinity | nindent 2 }}
{{- else if .cpu }}
{{- include "viva.cpuAffinity" .root }}
{{- end }}
{{- with $values.priorityClassName | default (include "viva.priorityClass" (dict "root" .root "kind" "interactive")) }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.topologySpread }}
{{- include "viva.topologySpread" (dict "spread" . "selector" $.selector "template" $.template) }}
{{- end }}
{{- end }}

{{- define "viva.cpuAffinity" -}}
{{- $expression := dict "matchExpressions" (list (dict "key" "nvidia.com/gpu.present" "operator" "NotIn" "values" (list "true"))) -}}
{{- if eq .Values.cpuNodes "required" }}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms: {{- toYaml (list $expression) | nindent 8 }}
{{- else if eq .Values.cpuNodes "preferred" }}
affinity:
  nodeAffinity:
    preferredDuringSchedulingIgnoredDuringExecution: {{- toYaml (list (dict "weight" 100 "preference" $expression)) | nindent 6 }}
{{- end }}
{{- end }}

{{- define "viva.priorityClassName" -}}
{{ include "viva.fullname" .root }}-{{ .root.Release.Namespace }}-{{ .kind }}
{{- end }}

{{- define "viva.priorityClass" -}}
{{- if .root.Values.priorityClasses.create }}{{ include "viva.priorityClassName" . }}{{ end -}}
{{- end }}

{{/* Spread over zones and nodes; the pods of an old and a new version are counted apart, where they can be told apart. */}}
{{- define "viva.topologySpread" -}}
{{- $constraints := list -}}
{{- range $topology, $when := dict "topology.kubernetes.io/zone" .spread.zone "kubernetes.io/hostname" .spread.host }}
{{- if ne $when "none" }}
{{- $one := dict "maxSkew" 1 "topologyKey" $topology "whenUnsatisfiable" $when "labelSelector" (dict "matchLabels" (fromYaml $.selector)) }}
{{- if $.template }}{{ $_ := set $one "matchLabelKeys" (list "pod-template-hash") }}{{ end }}
{{- $constraints = append $constraints $one }}
{{- end }}
{{- end }}
{{- with $constraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* startup, liveness and readiness of Viva's own services, whose paths and meaning are the same in all: the values of `probes`.
     A service listens once its engine is loaded, so that /healthz tells the end of the start; llm's /readyz waits for its model
     servers besides, and half an hour of theirs must not restart it. */}}
{{- define "viva.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: {{ .startup.periodSeconds }}
  timeoutSeconds: 3
  failureThreshold: {{ .startup.failureThreshold }}
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: {{ .liveness.periodSeconds }}
  timeoutSeconds: {{ .liveness.timeoutSeconds }}
  failureThreshold: {{ .liveness.failureThreshold }}
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: {{ .readiness.periodSeconds }}
  timeoutSeconds: {{ .readiness.timeoutSeconds }}
  failureThreshold: {{ .readiness.failureThreshold }}
{{- end }}

{{/* Between the order to end and SIGTERM the pod leaves the endpoints, so that nobody is sent to a closed door. */}}
{{- define "viva.preStop" -}}
{{- if . }}
lifecycle:
  preStop:
    exec:
      command: [sleep, {{ . | quote }}]
{{- end }}
{{- end }}

{{/* A map of variables as a list. Sorted, so that $(REDIS_PASSWORD) comes before the VIVA_ variable that contains it. */}}
{{- define "viva.envList" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
{{- if kindIs "map" $value }}
  valueFrom: {{- toYaml $value | nindent 4 }}
{{- else }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}
