{{/* Who may talk to whom. A rule is an entry of `ingress` or `egress`; every list here is YAML of such rules. */}}

{{- define "viva.policy.ingress" -}}
{{- $rules := concat .rules .more -}}
{{- if $rules }}
ingress: {{- toYaml $rules | nindent 2 }}
{{- else }}
ingress: []
{{- end }}
{{- end }}

{{/* Names are looked up only by who goes anywhere. */}}
{{- define "viva.policy.egress" -}}
{{- $rules := concat .rules .more -}}
{{- if or $rules (ne .root.Values.mesh.type "none") }}
egress:
  - to: {{- toYaml .root.Values.networkPolicy.dns.to | nindent 6 }}
    ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
  {{- with $rules }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- include "viva.policy.mesh" .root | nindent 2 }}
{{- else }}
egress: []
{{- end }}
{{- end }}

{{/* The control plane of the mesh, for the sidecars. */}}
{{- define "viva.policy.mesh" -}}
{{- if ne .Values.mesh.type "none" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .Values.mesh.namespace | default (ternary "linkerd" "istio-system" (eq .Values.mesh.type "linkerd")) }}
{{- end }}
{{- end }}

{{/* One rule between components: dict root, components (a list), direction (from or to), port; `groups` of vllm alone besides. Linkerd takes opaque connections at 4143. */}}
{{- define "viva.policy.between" -}}
{{- $linkerd := eq .root.Values.mesh.type "linkerd" -}}
- {{ .direction }}:
  {{- range .components }}
    - podSelector:
        matchLabels: {{- include "viva.selector" (dict "root" $.root "component" .) | nindent 10 }}
  {{- end }}
  {{- range .groups }}
    - podSelector:
        matchLabels: {{- include "viva.selector" (dict "root" $.root "component" "vllm" "group" .) | nindent 10 }}
  {{- end }}
  ports:
    - {protocol: TCP, port: {{ .port }}}
    {{- if $linkerd }}
    - {protocol: TCP, port: 4143}
    {{- end }}
{{- end }}

{{/* Prometheus reads /metrics: dict root, port. */}}
{{- define "viva.policy.metrics" -}}
{{- with .root.Values.networkPolicy.prometheus.from }}
- from: {{- toYaml . | nindent 4 }}
  ports: [{protocol: TCP, port: {{ $.port }}}]
{{- end }}
{{- end }}

{{/* The way of the services to the collector of traces. */}}
{{- define "viva.policy.tracing" -}}
{{- with .Values.tracing.endpoint -}}
- to: {{- toYaml $.Values.networkPolicy.tracing.to | nindent 4 }}
  ports: [{protocol: TCP, port: {{ include "viva.portOf" . | trim }}}]
{{- end }}
{{- end }}

{{/* A way out to addresses: dict cidrs, except, ports. An exception counts only inside the range it is taken from. */}}
{{- define "viva.policy.addresses" -}}
{{- $except := .except | default list -}}
- to:
  {{- range .cidrs }}
    - ipBlock:
        cidr: {{ . }}
        {{- if and $except (eq . "0.0.0.0/0") }}
        except: {{- toYaml $except | nindent 10 }}
        {{- end }}
  {{- end }}
  ports:
  {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
  {{- end }}
{{- end }}

{{- define "viva.policy.objectStore" -}}
{{ include "viva.policy.addresses" .Values.networkPolicy.objectStore }}
{{- if .Values.networkPolicy.objectStore.podIdentity }}
- to: [{ipBlock: {cidr: 169.254.170.23/32}}]
  ports: [{protocol: TCP, port: 80}]
{{- end }}
{{- end }}

{{- define "viva.policy.orchestrator.in" -}}
{{- if eq .Values.vllm.recordings.from "orchestrator" }}
{{ include "viva.policy.between" (dict "root" . "components" list "groups" (fromYamlArray (include "viva.hearing" .)) "direction" "from" "port" 8080) }}
{{- end }}
{{- if .Values.tests.enabled }}
{{ include "viva.policy.between" (dict "root" . "components" (list "test") "direction" "from" "port" 8080) }}
{{- end }}
{{ include "viva.policy.metrics" (dict "root" . "port" 8080) }}
{{- with .Values.networkPolicy.frontDoor.from }}
- from: {{- toYaml . | nindent 4 }}
  ports: [{protocol: TCP, port: 8080}]
{{- end }}
{{- end }}

{{- define "viva.policy.orchestrator.out" -}}
{{- range $component, $port := dict "asr" 8081 "llm" 8082 "tts" 8083 }}
{{ include "viva.policy.between" (dict "root" $ "components" (list $component) "direction" "to" "port" $port) }}
{{- end }}
{{ include "viva.policy.redis.way" . }}
{{- if eq .Values.objectStore.type "s3" }}
{{ include "viva.policy.objectStore" . }}
{{- end }}
{{- end }}

{{- define "viva.policy.redis.way" -}}
{{- if include "viva.ownRedis" . -}}
{{ include "viva.policy.between" (dict "root" . "components" (list "redis") "direction" "to" "port" 6379) }}
{{- else -}}
{{- $host := (urlParse (.Values.redis.url | default "redis://none")).host -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" | default (.Values.redis.port | toString) -}}
{{ include "viva.policy.addresses" (dict "cidrs" .Values.networkPolicy.redis.cidrs "ports" (list $port)) }}
{{- end }}
{{- end }}

{{- define "viva.policy.asr.in" -}}
{{ include "viva.policy.between" (dict "root" . "components" (list "orchestrator") "direction" "from" "port" 8081) }}
{{ include "viva.policy.metrics" (dict "root" . "port" 8081) }}
{{- end }}

{{- define "viva.policy.asr.out" -}}
{{ include "viva.policy.download" (dict "root" . "component" "asr") }}
{{- end }}

{{- define "viva.policy.tts.in" -}}
{{ include "viva.policy.between" (dict "root" . "components" (list "orchestrator") "direction" "from" "port" 8083) }}
{{ include "viva.policy.metrics" (dict "root" . "port" 8083) }}
{{- end }}

{{- define "viva.policy.tts.out" -}}
{{ include "viva.policy.download" (dict "root" . "component" "tts") }}
{{- end }}

{{- define "viva.policy.llm.in" -}}
{{ include "viva.policy.between" (dict "root" . "components" (list "orchestrator") "direction" "from" "port" 8082) }}
{{ include "viva.policy.metrics" (dict "root" . "port" 8082) }}
{{- end }}

{{- define "viva.policy.llm.out" -}}
{{- if fromYaml (include "viva.groups" .) }}
{{ include "viva.policy.between" (dict "root" . "components" (list "vllm") "direction" "to" "port" 8000) }}
{{- end }}
{{- if include "viva.discovers" . }}
{{ include "viva.policy.addresses" .Values.networkPolicy.apiServer }}
{{- end }}
{{- end }}

{{/* The way to the hub, for a service whose own init container downloads its models. */}}
{{- define "viva.policy.download" -}}
{{- if and (include "viva.speechModels" .) (ne (include "viva.fetchMode" (dict "root" .root "cache" (dict "type" (index .root.Values .component).models.cache))) "wait") }}
{{ include "viva.policy.addresses" .root.Values.networkPolicy.hub }}
{{- end }}
{{- end }}

{{/* The port of an address as a number: the one that it names, or that of its scheme. */}}
{{- define "viva.portOf" -}}
{{- $parts := urlParse . -}}
{{ regexFind ":[0-9]+$" $parts.host | trimPrefix ":" | default (ternary "443" "80" (eq $parts.scheme "https")) }}
{{- end }}

{{/* Numbers as words: values from files and from --set are of different types. */}}
{{- define "viva.strings" -}}
{{- range $index, $number := . }}{{ if $index }} {{ end }}{{ int $number }}{{ end -}}
{{- end }}
