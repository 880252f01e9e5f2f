{{/* Names, labels, images. Everything here takes a dict with `root` ($) and mostly `component`. */}}

{{- define "viva.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* The prefix of all names: room is left for "-vllm-" and the name of a group (24 characters). */}}
{{- define "viva.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 32 | trimSuffix "-" }}
{{- else -}}
{{- $name := include "viva.name" . -}}
{{- if contains $name .Release.Name -}}
{{ .Release.Name | trunc 32 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 32 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "viva.componentName" -}}
{{ include "viva.fullname" .root }}-{{ .component }}
{{- end }}

{{/* What selects a component's pods. Never changes: selectors are immutable. `group` is for vllm alone. */}}
{{- define "viva.selector" -}}
app.kubernetes.io/name: {{ include "viva.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .group }}
viva.dev/model-group: {{ . }}
{{- end }}
{{- end }}

{{/* Labels of objects: the selector's and what may change. */}}
{{- define "viva.labels" -}}
{{ include "viva.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: viva
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* name, namespace and labels of an object. `suffix` is put behind the component's name, `name` replaces it. */}}
{{- define "viva.metadata" -}}
name: {{ .name | default (include "viva.componentName" .) }}{{ with .suffix }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels: {{- include "viva.labels" . | nindent 2 }}
{{- end }}

{{/* The image of one of Viva's own services: dict root, component. */}}
{{- define "viva.image" -}}
{{- $image := (index .root.Values .component).image -}}
{{- $global := .root.Values.image -}}
{{- $repository := $image.repository | default (printf "%s-%s" $global.repositoryPrefix .component) -}}
{{- $tag := $image.tag | default $global.tag | default .root.Chart.AppVersion -}}
{{ with $global.registry }}{{ . | trimSuffix "/" }}/{{ end }}{{ $repository }}:{{ $tag }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* An image that is not ours: dict repository, tag, digest. */}}
{{- define "viva.foreignImage" -}}
{{ .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "viva.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "viva.serviceAccountName" -}}
{{- $account := (index .root.Values .component).serviceAccount -}}
{{- if $account.name -}}{{ $account.name }}
{{- else if $account.create -}}{{ include "viva.componentName" . }}
{{- else -}}default
{{- end }}
{{- end }}

{{/* Port of one of the services. */}}
{{- define "viva.port" -}}
{{ index (dict "orchestrator" 8080 "asr" 8081 "llm" 8082 "tts" 8083 "redis" 6379 "vllm" 8000) . }}
{{- end }}

{{/* Whether Redis is the chart's own. "" is no. */}}
{{- define "viva.ownRedis" -}}
{{- if and .Values.redis.enabled (not .Values.redis.url) (not .Values.redis.existingSecret) }}true{{ end -}}
{{- end }}

{{/* Whether several orchestrators can use the object store. */}}
{{- define "viva.sharedStore" -}}
{{- $store := .Values.objectStore -}}
{{- if or (eq $store.type "s3") (and (eq $store.type "volume") (has "ReadWriteMany" $store.volume.accessModes)) }}true{{ end -}}
{{- end }}

{{/* Whether an autoscaler decides how many pods a service has: dict root, component. */}}
{{- define "viva.scaled" -}}
{{- $values := index .root.Values .component -}}
{{- if and (ne .root.Values.autoscaling.mode "none") $values.autoscaling.enabled -}}
{{- if or (ne .component "orchestrator") (include "viva.sharedStore" .root) }}true{{ end -}}
{{- end -}}
{{- end }}
