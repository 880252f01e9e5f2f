{{/* HorizontalPodAutoscalers and KEDA ScaledObjects. Which of the two, or none, is autoscaling.mode alone, so they never meet. */}}

{{/* The metric that says how loaded a pod of a service is. */}}
{{- define "viva.loadMetric" -}}
{{ index (dict "orchestrator" "viva_active_turns" "asr" "viva_asr_queued_audio_seconds" "llm" "viva_llm_active" "tts" "viva_tts_active") . }}
{{- end }}

{{/* Pods are added at once and taken away late: dict seconds. */}}
{{- define "viva.behavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  policies:
    - {type: Percent, value: 100, periodSeconds: 30}
    - {type: Pods, value: 2, periodSeconds: 30}
  selectPolicy: Max
scaleDown:
  stabilizationWindowSeconds: {{ .seconds }}
  policies:
    - {type: Pods, value: 1, periodSeconds: 60}
{{- end }}

{{- define "viva.stage.hpa" -}}
{{- if and (include "viva.scaled" .) (eq .root.Values.autoscaling.mode "hpa") -}}
{{- $scaling := (index .root.Values .component).autoscaling -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{- include "viva.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "viva.componentName" . }}
  minReplicas: {{ $scaling.minReplicas }}
  maxReplicas: {{ $scaling.maxReplicas }}
  behavior: {{- include "viva.behavior" (dict "seconds" $scaling.scaleDownSeconds) | nindent 4 }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ $scaling.cpuPercent }}}
    {{- if $scaling.load.enabled }}
    - type: Pods
      pods:
        metric: {name: {{ include "viva.loadMetric" .component }}}
        target: {type: AverageValue, averageValue: {{ $scaling.load.target | quote }}}
    {{- end }}
{{- end }}
{{- end }}

{{/* The pods of a Deployment or StatefulSet by their names, as a regular expression: dict kind, name. Another one whose name only
     begins alike (a group `qwen-long` beside `qwen`) is not among them. Kubernetes cuts the last hyphen of a Deployment's pod off with the
     end of the hash when the name would be too long. */}}
{{- define "viva.podNames" -}}
{{ .name }}-{{ ternary "[0-9]+" "[a-z0-9]+(-[a-z0-9]{5})?" (eq .kind "StatefulSet") }}
{{- end }}

{{/* A KEDA trigger that asks Prometheus: dict root, query, threshold. The pods are told by their name, which every way of scraping keeps. */}}
{{- define "viva.kedaTrigger" -}}
- type: prometheus
  metricType: AverageValue
  metadata:
    serverAddress: {{ .root.Values.autoscaling.prometheus.address }}
    query: {{ .query }}
    threshold: {{ .threshold | quote }}
    # No answer from Prometheus is not "no load".
    ignoreNullValues: "false"
  {{- with .root.Values.autoscaling.prometheus.authentication }}
  authenticationRef: {name: {{ . }}}
  {{- end }}
{{- end }}

{{- define "viva.stage.scaledobject" -}}
{{- if and (include "viva.scaled" .) (eq .root.Values.autoscaling.mode "keda") -}}
{{- $scaling := (index .root.Values .component).autoscaling -}}
{{- $name := include "viva.componentName" . -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{- include "viva.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ $name }}
  minReplicaCount: {{ $scaling.minReplicas }}
  maxReplicaCount: {{ $scaling.maxReplicas }}
  pollingInterval: {{ .root.Values.autoscaling.keda.pollingInterval }}
  fallback: {failureThreshold: 4, replicas: {{ $scaling.minReplicas }}, behavior: currentReplicasIfHigher}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior: {{- include "viva.behavior" (dict "seconds" $scaling.scaleDownSeconds) | nindent 8 }}
  triggers:
    {{- $query := printf "sum(%s{namespace=%q,pod=~%q})" (include "viva.loadMetric" .component) .root.Release.Namespace (include "viva.podNames" (dict "kind" "Deployment" "name" $name)) }}
    {{- include "viva.kedaTrigger" (dict "root" .root "query" $query "threshold" $scaling.load.target) | nindent 4 }}
    - type: cpu
      metricType: Utilization
      metadata: {value: {{ $scaling.cpuPercent | quote }}}
    {{- with $scaling.triggers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{/* What the HPA scales on its load, which needs an adapter for custom metrics. */}}
{{- define "viva.wantsCustomMetrics" -}}
{{- if eq .Values.autoscaling.mode "hpa" -}}
{{- range $component := list "orchestrator" "asr" "llm" "tts" }}
{{- if and (index $.Values $component).autoscaling.load.enabled (include "viva.scaled" (dict "root" $ "component" $component)) }}{{ $component }} {{ end }}
{{- end }}
{{- range $name, $group := fromYaml (include "viva.groups" .) }}
{{- if $group.autoscaling.enabled }}{{ $name }} {{ end }}
{{- end }}
{{- end -}}
{{- end }}
