{{/* The environment of each service, as a map: NAME to a string, or to what stands in `valueFrom`. Only variables that the services read. */}}

{{- define "viva.env.common" -}}
{{- $values := index .root.Values .component -}}
HOME: /tmp
VIVA_HOST: {{ .root.Values.listenAddress | quote }}
VIVA_PORT: {{ include "viva.port" .component | quote }}
VIVA_LOG_FORMAT: json
VIVA_LOG_LEVEL: {{ .root.Values.logLevel }}
VIVA_DRAIN_S: {{ $values.drain.seconds | quote }}
{{- with .root.Values.tracing.endpoint }}
VIVA_OTLP_ENDPOINT: {{ . | quote }}
OTEL_TRACES_SAMPLER: parentbased_traceidratio
OTEL_TRACES_SAMPLER_ARG: {{ $.root.Values.tracing.share | quote }}
{{- end }}
{{- end }}

{{- define "viva.env.orchestrator" -}}
{{- $store := .Values.objectStore -}}
VIVA_KEEP_ALIVE_S: {{ add .Values.ingress.idleTimeoutSeconds 30 | quote }}
VIVA_ASR_URL: http://{{ include "viva.componentName" (dict "root" . "component" "asr") }}:8081
VIVA_LLM_URL: http://{{ include "viva.componentName" (dict "root" . "component" "llm") }}:8082
VIVA_TTS_URL: http://{{ include "viva.componentName" (dict "root" . "component" "tts") }}:8083
VIVA_TEMP_DIR: /tmp
{{- if ne .Values.vllm.recordings.from "none" }}
VIVA_CONTEXT_AUDIO_URL: {{ include "viva.recordings.address" . | quote }}
{{- end }}
{{ include "viva.env.redis" . }}
{{- if eq $store.type "s3" }}
VIVA_OBJECT_STORE_URL: {{ $store.s3.url }}
{{- with $store.s3.endpoint }}
VIVA_S3_ENDPOINT: {{ . }}
{{- end }}
{{- with $store.s3.region }}
AWS_REGION: {{ . }}
{{- end }}
{{- with $store.s3.existingSecret }}
AWS_ACCESS_KEY_ID:
  secretKeyRef: {name: {{ . }}, key: AWS_ACCESS_KEY_ID}
AWS_SECRET_ACCESS_KEY:
  secretKeyRef: {name: {{ . }}, key: AWS_SECRET_ACCESS_KEY}
{{- end }}
{{- else }}
VIVA_OBJECT_STORE_URL: /var/lib/viva/objects
{{- end }}
{{- end }}

{{- define "viva.env.redis" -}}
{{- $redis := .Values.redis -}}
{{- if include "viva.ownRedis" . -}}
REDIS_PASSWORD:
  secretKeyRef: {name: {{ include "viva.redisSecret" . }}, key: {{ include "viva.redisPasswordKey" . }}}
VIVA_REDIS_URL: redis://:$(REDIS_PASSWORD)@{{ include "viva.componentName" (dict "root" . "component" "redis") }}:6379/0
{{- else if $redis.existingSecret -}}
VIVA_REDIS_URL:
  secretKeyRef: {name: {{ $redis.existingSecret }}, key: {{ $redis.urlKey }}}
{{- else -}}
VIVA_REDIS_URL: {{ $redis.url }}
{{- end }}
{{- end }}

{{/* Libraries with threads of their own see the cores of the node; the services themselves see the limit. */}}
{{- define "viva.env.asr" -}}
VIVA_ASR_ENGINE: {{ .Values.asr.engine }}
VIVA_MODELS_DIR: /models
{{- if not (has .Values.asr.engine (list "openai" "chat")) }}
OMP_NUM_THREADS:
  resourceFieldRef: {resource: limits.cpu, divisor: "1"}
{{- end }}
{{- end }}

{{- define "viva.env.llm" -}}
OMP_NUM_THREADS:
  resourceFieldRef: {resource: limits.cpu, divisor: "1"}
{{- if .Values.llm.backends }}
VIVA_LLM_BACKENDS: {{ .Values.llm.backends | quote }}
{{- else }}
VIVA_LLM_ROUTES_FILE: /etc/viva/routes.yaml
{{- end }}
{{- if ne .Values.vllm.recordings.from "none" }}
VIVA_LLM_AUDIO_URL_PREFIXES: {{ include "viva.recordings.prefix" . | quote }}
{{- end }}
{{- end }}

{{- define "viva.env.tts" -}}
VIVA_TTS_ENGINE: {{ .Values.tts.engine }}
VIVA_MODELS_DIR: /models
{{- if not (has .Values.tts.engine (list "openai" "gtts")) }}
OMP_NUM_THREADS:
  resourceFieldRef: {resource: limits.cpu, divisor: "1"}
{{- end }}
{{- end }}
