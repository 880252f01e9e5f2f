{{/* Models: what is downloaded, where it lies, who downloads it. */}}

{{/* Whether a service has models to download: dict root, component. */}}
{{- define "viva.speechModels" -}}
{{- if has .component (list "asr" "tts") -}}
{{- if (index .root.Values .component).models.names }}true{{ end -}}
{{- end -}}
{{- end }}

{{/* What a pod's init container does about its models: dict root, cache (type, accessMode). `wait` where the Job downloads into the
     shared volume, `none` where the volume cannot be written and is taken as it is, else `fetch`. */}}
{{- define "viva.fetchMode" -}}
{{- if and (eq .cache.type "shared") .root.Values.models.job.enabled -}}wait
{{- else if and (eq .cache.type "claim") (eq .cache.accessMode "ReadOnlyMany") -}}none
{{- else -}}fetch
{{- end -}}
{{- end }}

{{/* What a speech service wants, as the script reads it: dict root, component. */}}
{{- define "viva.speechSpec" -}}
{{- range (index .root.Values .component).models.names }}
- named: {{ . }}
{{- end }}
{{- end }}

{{- define "viva.groupSpec" -}}
- repo: {{ .model }}
  revision: {{ .revision }}
  folder: {{ include "viva.modelFolder" . }}
  sha256: {{ .sha256 | default dict | toJson }}
  ignore: {{ .ignore | default list | toJson }}
{{- end }}

{{/* Folder of a group's model in the volume. The revision is part of it: another revision is another folder, and the old one still serves. */}}
{{- define "viva.modelFolder" -}}
vllm/{{ .model }}/{{ .revision | trunc 12 }}
{{- end }}

{{/* The container that downloads: dict root, name, image, pullPolicy (that of our own images if not given), mode (fetch or wait), spec (YAML). */}}
{{- define "viva.fetchContainer" -}}
- name: {{ .name }}
  image: {{ .image }}
  imagePullPolicy: {{ .pullPolicy | default .root.Values.image.pullPolicy }}
  command: [python3, /scripts/fetch_models.py, {{ .mode }}]
  env:
    - name: HF_ENDPOINT
      value: {{ .root.Values.models.hub | quote }}
    {{- if and .root.Values.models.existingSecret (eq .mode "fetch") }}
    - name: HF_TOKEN
      valueFrom:
        secretKeyRef: {name: {{ .root.Values.models.existingSecret }}, key: {{ .root.Values.models.secretKey }}}
    {{- end }}
    - name: HOME
      value: /tmp
    - name: MODELS
      value: {{ fromYamlArray .spec | toJson | quote }}
    - name: MODELS_DIR
      value: /models
    - name: PYTHONUNBUFFERED
      value: "1"
  resources: {{- toYaml .root.Values.models.resources | nindent 4 }}
  {{- include "viva.containerSecurity" .root | nindent 2 }}
  volumeMounts:
    - {name: models, mountPath: /models}
    - {name: scripts, mountPath: /scripts, readOnly: true}
    - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "viva.stage.fetch" -}}
{{- $type := (index .root.Values .component).models.cache -}}
{{- include "viva.fetchContainer" (dict "root" .root "name" "models" "image" (include "viva.image" .) "mode" (include "viva.fetchMode" (dict "root" .root "cache" (dict "type" $type))) "spec" (include "viva.speechSpec" .)) }}
{{- end }}

{{- define "viva.modelsClaim" -}}
{{ .Values.models.volume.existingClaim | default (include "viva.componentName" (dict "root" . "component" "models")) }}
{{- end }}

{{/* The volume `models` of a pod: dict root, cache. perReplica has a volumeClaimTemplate instead. */}}
{{- define "viva.modelsVolume" -}}
{{- if eq .cache.type "emptyDir" -}}
- name: models
  emptyDir: {sizeLimit: {{ .cache.size }}}
{{- else if eq .cache.type "shared" -}}
- name: models
  persistentVolumeClaim: {claimName: {{ include "viva.modelsClaim" .root }}}
{{- else if eq .cache.type "claim" -}}
- name: models
  persistentVolumeClaim: {claimName: {{ .cache.claimName }}{{ if eq .cache.accessMode "ReadOnlyMany" }}, readOnly: true{{ end }}}
{{- end }}
{{- end }}

{{- define "viva.scriptsVolume" -}}
- name: scripts
  configMap: {name: {{ include "viva.componentName" (dict "root" . "component" "scripts") }}, defaultMode: 0444}
{{- end }}

{{- define "viva.objectsVolume" -}}
{{- $store := .Values.objectStore -}}
{{- if eq $store.type "volume" -}}
- name: objects
  persistentVolumeClaim: {claimName: {{ $store.volume.existingClaim | default (include "viva.componentName" (dict "root" . "component" "objects")) }}}
{{- else if eq $store.type "emptyDir" -}}
- name: objects
  emptyDir: {sizeLimit: {{ $store.emptyDir.sizeLimit }}}
{{- end }}
{{- end }}

{{/* All that the Job downloads: every model that lies in the shared volume. */}}
{{- define "viva.sharedSpec" -}}
{{- range $component := list "asr" "tts" }}
{{- if eq (index $.Values $component).models.cache "shared" }}
{{- include "viva.speechSpec" (dict "root" $ "component" $component) }}
{{- end }}
{{- end }}
{{- range $name, $group := fromYaml (include "viva.groups" .) }}
{{- if and (eq $group.cache.type "shared") (not (include "viva.streamed" $group)) }}
{{ include "viva.groupSpec" $group }}
{{- end }}
{{- end }}
{{- end }}

{{- define "viva.modelsJob" -}}
{{- if and .Values.models.job.enabled (fromYamlArray (include "viva.sharedSpec" .)) }}true{{ end -}}
{{- end }}

{{/* The Job's pod. */}}
{{- define "viva.modelsJobPod" -}}
metadata:
  labels: {{- include "viva.podLabels" (dict "root" . "component" "models" "batch" true) | nindent 4 }}
  {{- with include "viva.podAnnotations" (dict "root" . "port" "" "batch" true) | trim }}
  annotations: {{- . | nindent 4 }}
  {{- end }}
spec:
  {{- include "viva.podHead" (dict "root" . "account" (include "viva.componentName" (dict "root" . "component" "models"))) | nindent 2 }}
  restartPolicy: Never
  {{- include "viva.cpuAffinity" . | trim | nindent 2 }}
  {{- with include "viva.priorityClass" (dict "root" . "kind" "batch") }}
  priorityClassName: {{ . }}
  {{- end }}
  containers: {{- include "viva.fetchContainer" (dict "root" . "name" "models" "image" (include "viva.image" (dict "root" . "component" "asr")) "mode" "fetch" "spec" (include "viva.sharedSpec" .)) | nindent 4 }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
    - name: models
      persistentVolumeClaim: {claimName: {{ include "viva.modelsClaim" . }}}
    {{- include "viva.scriptsVolume" . | nindent 4 }}
{{- end }}
