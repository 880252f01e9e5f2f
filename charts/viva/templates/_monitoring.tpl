{{/* Rules and dashboards with the address of the runbooks instead of their place in the repository. Takes root, text. */}}
{{- define "viva.withRunbooks" -}}
{{- with .root.Values.monitoring.runbooks }}
{{- $.text | replace "docs/runbooks" (trimSuffix "/" .) }}
{{- else }}
{{- .text }}
{{- end }}
{{- end }}
