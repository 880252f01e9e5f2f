{{/* Redis. */}}

{{/* Name of the Secret with the password of the in-cluster Redis. */}}
{{- define "viva.redisSecret" -}}
{{ .Values.redis.auth.existingSecret | default (include "viva.componentName" (dict "root" . "component" "redis")) }}
{{- end }}

{{/* Key of the password in it. */}}
{{- define "viva.redisPasswordKey" -}}
{{ if .Values.redis.auth.existingSecret }}{{ .Values.redis.auth.passwordKey }}{{ else }}password{{ end }}
{{- end }}

{{/* The password: the one given, the one that is in the cluster already, or a new one. Only the first install makes one. */}}
{{- define "viva.redisPassword" -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (include "viva.redisSecret" .) -}}
{{- if .Values.redis.auth.password -}}
{{ .Values.redis.auth.password }}
{{- else if and $found (hasKey ($found.data | default dict) "password") -}}
{{ $found.data.password | b64dec }}
{{- else -}}
{{ randAlphaNum 32 }}
{{- end }}
{{- end }}

{{- define "viva.redisConfig" -}}
# An answer is on the disk before it is acknowledged.
appendonly yes
appendfsync {{ .Values.redis.appendfsync }}
save ""
dir /data
maxmemory {{ .Values.redis.maxmemory }}
# Sessions are data and not a cache: a write is refused rather than another's session thrown away.
maxmemory-policy noeviction
# The password and the NetworkPolicy guard it.
protected-mode no
port 6379
tcp-keepalive 60
{{- end }}
