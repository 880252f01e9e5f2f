{{/* Recordings that model servers hear: where they fetch them, said to all three sides that have to agree, from `vllm.recordings.from`. */}}

{{/* Names of the groups that fetch recordings, as a list in YAML; [] while models only read. */}}
{{- define "viva.hearing" -}}
{{- $hearing := list -}}
{{- if ne .Values.vllm.recordings.from "none" }}
{{- range $name, $group := fromYaml (include "viva.groups" .) }}
{{- if $group.hears }}{{ $hearing = append $hearing $name }}{{ end }}
{{- end }}
{{- end }}
{{- toYaml $hearing }}
{{- end }}

{{/* What the address of every recording begins with. The orchestrator signs addresses with the bucket in their path. */}}
{{- define "viva.recordings.prefix" -}}
{{- if eq .Values.vllm.recordings.from "orchestrator" -}}
http://{{ include "viva.componentName" (dict "root" . "component" "orchestrator") }}:8080/v1/lectures/
{{- else -}}
{{- $s3 := .Values.objectStore.s3 -}}
{{ $s3.endpoint | default (printf "https://s3.%s.amazonaws.com" $s3.region) | trimSuffix "/" }}/{{ $s3.url | trimPrefix "s3://" | trimSuffix "/" }}/
{{- end }}
{{- end }}

{{/* The host alone, for vLLM. */}}
{{- define "viva.recordings.host" -}}
{{ regexReplaceAll ":[0-9]+$" (urlParse (include "viva.recordings.prefix" .)).host "" }}
{{- end }}

{{/* What the orchestrator makes addresses from. */}}
{{- define "viva.recordings.address" -}}
{{ if eq .Values.vllm.recordings.from "orchestrator" }}{{ include "viva.recordings.prefix" . }}{lecture_id}/audio{{ else }}presigned{{ end }}
{{- end }}

{{- define "viva.validate.recordings" -}}
{{- $from := .Values.vllm.recordings.from -}}
{{- if ne $from "none" }}
{{- if not (fromYamlArray (include "viva.hearing" .)) }}
vllm.recordings.from is {{ $from }}, but no group hears. Set `hears` of a group of vllm.groups to true, or vllm.recordings.from to none.
{{- end }}
{{- if eq $from "objectStore" }}
{{- if ne .Values.objectStore.type "s3" }}
vllm.recordings.from is objectStore, but objectStore.type is {{ .Values.objectStore.type }}, which has no addresses. Set vllm.recordings.from to orchestrator, or objectStore.type to s3.
{{- else if not (or .Values.objectStore.s3.endpoint .Values.objectStore.s3.region) }}
vllm.recordings.from is objectStore, but it is not known at which address the bucket is. Set objectStore.s3.region.
{{- end }}
{{- end }}
{{- range $component, $name := dict "orchestrator" "VIVA_CONTEXT_AUDIO_URL" "llm" "VIVA_LLM_AUDIO_URL_PREFIXES" }}
{{- if hasKey (index $.Values $component).env $name }}
{{ $component }}.env has {{ $name }}, which vllm.recordings.from sets. Take it out, or set vllm.recordings.from to none.
{{- end }}
{{- end }}
{{- range $name := fromYamlArray (include "viva.hearing" .) }}
{{- $allowed := dig "args" "allowed-media-domains" "" (index (fromYaml (include "viva.groups" $)) $name) }}
{{- if ne $allowed "viva.invalid" }}
vllm.groups.{{ $name }}.args has allowed-media-domains, which vllm.recordings.from sets. Take it out, or set vllm.recordings.from to none.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
