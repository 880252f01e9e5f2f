{{/* What llm is told of its model servers: the routes file, and whether it finds their pods by itself. */}}

{{/* Whether llm watches the pods of the model groups, which takes a token, a Role, and the way to the API server. "" is no. */}}
{{- define "viva.discovers" -}}
{{- if and (eq .Values.llm.discovery "kubernetes") (not .Values.llm.backends) (fromYaml (include "viva.groups" .)) }}true{{ end -}}
{{- end }}

{{/* The routes file: groups and other servers are the backends; the alias `default` has the groups by their priority, the other
     servers and the extractive answerer, `embeddings` the groups that serve those, unless llm.aliases has others. */}}
{{- define "viva.routes" -}}
{{- $backends := dict -}}
{{- $steps := list -}}
{{- $embedding := list -}}
{{- $ranked := list -}}
{{- $groups := fromYaml (include "viva.groups" .) -}}
{{- range $name, $group := $groups }}
{{- $ranked = append $ranked (printf "%06d %s" (int $group.priority) $name) }}
{{- end }}
{{- range sortAlpha $ranked }}
{{- $name := last (splitList " " .) }}
{{- $group := index $groups $name }}
{{- $service := include "viva.groupName" (dict "root" $ "name" $name) }}
{{- if include "viva.discovers" $ }}
{{- $_ := set $backends $name (dict "kubernetes" (dict "service" $service "port" "http")) }}
{{- else }}
{{- $_ := set $backends $name (dict "url" (printf "http://%s:8000/v1" $service)) }}
{{- end }}
{{- $step := dict "backend" $name "model" ($group.servedName | default $group.model) }}
{{- if eq $group.serves "embeddings" }}
{{- $_ := set (index $backends $name) "serves" "embeddings" }}
{{- $embedding = append $embedding $step }}
{{- else }}
{{- $steps = append $steps $step }}
{{- end }}
{{- end }}
{{- range .Values.llm.servers }}
{{- $name := .name | default "" }}
{{- $_ := set $backends $name (dict "url" .url) }}
{{- $steps = append $steps (merge (dict "backend" $name) (ternary (dict "model" .model) dict (ne (.model | default "") ""))) }}
{{- end }}
{{- if .Values.llm.extractive }}{{ $steps = append $steps (dict "backend" "extractive") }}{{ end }}
{{- $aliases := ternary (dict "default" $steps) dict (gt (len $steps) 0) -}}
{{- if $embedding }}{{ $_ := set $aliases "embeddings" $embedding }}{{ end }}
{{- toYaml (dict "backends" $backends "aliases" (mergeOverwrite $aliases (deepCopy .Values.llm.aliases))) }}
{{- end }}

{{/* Who answers, one alias a line, for NOTES.txt. */}}
{{- define "viva.answerers" -}}
{{- if .Values.llm.backends }}
{{- .Values.llm.backends | replace "," "\n" }}
{{- else }}
{{- range $alias, $steps := (fromYaml (include "viva.routes" .)).aliases }}
{{ $alias }}: {{ range $number, $step := $steps }}{{ if $number }}, then {{ end }}{{ $step.backend }}{{ with $step.model }} ({{ . }}){{ end }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What lies in llm's pod for it: the routes file, and where it discovers, the token. The pod itself has none, so that neither a
     sidecar nor an init container gets it; the kubelet renews both. */}}
{{- define "viva.llm.mounts" -}}
{{- if not .Values.llm.backends }}
- {name: routes, mountPath: /etc/viva, readOnly: true}
{{- end }}
{{- if include "viva.discovers" . }}
- {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}
{{- end }}

{{- define "viva.llm.volumes" -}}
{{- if not .Values.llm.backends }}
- name: routes
  configMap: {name: {{ include "viva.componentName" (dict "root" . "component" "llm") }}}
{{- end }}
{{- if include "viva.discovers" . }}
- name: token
  projected:
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3600}
      - configMap:
          name: kube-root-ca.crt
          items: [{key: ca.crt, path: ca.crt}]
      - downwardAPI:
          items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]
{{- end }}
{{- end }}
