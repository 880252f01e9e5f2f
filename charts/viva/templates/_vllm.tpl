{{/* Model groups of vLLM. A group is vllm.defaults, then its profile, then its own values. */}}

{{/* All groups that are installed, merged, by name. */}}
{{- define "viva.groups" -}}
{{- $groups := dict -}}
{{- range $name, $own := .Values.vllm.groups }}
{{- $own = $own | default dict }}
{{- $profile := dict }}
{{- with $own.profile }}
{{- if not (hasKey $.Values.vllm.profiles .) }}
{{- fail (printf "vllm.groups.%s.profile is %q, and there is no such profile. Set it to one of: %s." $name . (keys $.Values.vllm.profiles | sortAlpha | join ", ")) }}
{{- end }}
{{- $profile = index $.Values.vllm.profiles . }}
{{- end }}
{{- $group := mergeOverwrite (deepCopy $.Values.vllm.defaults) (deepCopy $profile) (deepCopy $own) }}
{{- if $group.enabled }}{{ $_ := set $groups $name $group }}{{ end }}
{{- end }}
{{- toYaml $groups }}
{{- end }}

{{- define "viva.groupName" -}}
{{ include "viva.fullname" .root }}-vllm-{{ .name }}
{{- end }}

{{/* Whether the weights are streamed from a bucket at every start instead of being downloaded. */}}
{{- define "viva.streamed" -}}
{{- if hasPrefix "s3://" .model }}true{{ end -}}
{{- end }}

{{/* Arguments of `vllm serve`: dict root, name, group. */}}
{{- define "viva.vllmArgs" -}}
{{- $group := .group -}}
{{- $args := deepCopy $group.args -}}
{{- if has .name (fromYamlArray (include "viva.hearing" .root)) }}{{ $_ := set $args "allowed-media-domains" (include "viva.recordings.host" .root) }}{{ end -}}
- {{ if include "viva.streamed" $group }}{{ $group.model }}{{ else }}/models/{{ include "viva.modelFolder" $group }}{{ end }}
- --served-model-name={{ $group.servedName | default $group.model }}
- "--host={{ .root.Values.listenAddress }}"
- --port=8000
- --shutdown-timeout={{ $group.drain.seconds }}
{{- if eq $group.serves "embeddings" }}
- --runner=pooling
{{- end }}
{{- if gt (int $group.gpus) 1 }}
- --tensor-parallel-size={{ $group.gpus }}
{{- end }}
{{- if include "viva.streamed" $group }}
- --load-format=runai_streamer
{{- end }}
{{- range $flag, $value := $args }}
{{- if kindIs "bool" $value }}
{{- if $value }}
- --{{ $flag }}
{{- end }}
{{- else if or (kindIs "map" $value) (kindIs "slice" $value) }}
- {{ printf "--%s=%s" $flag (toJson $value) | quote }}
{{- else if kindIs "float64" $value }}
- {{ printf "--%s=%s" $flag (ternary (printf "%d" (int64 $value)) (toString $value) (eq (floor $value) $value)) | quote }}
{{- else if not (kindIs "invalid" $value) }}
- {{ printf "--%s=%v" $flag $value | quote }}
{{- end }}
{{- end }}
{{- range $group.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{/* Everything that vLLM and its libraries write goes under HOME, and nothing is fetched at run time. */}}
{{- define "viva.vllmEnv" -}}
HOME: /scratch
# PyTorch asks who it is, and the image knows no user of this id.
USER: viva
LOGNAME: viva
XDG_CACHE_HOME: /scratch/cache
XDG_CONFIG_HOME: /scratch/config
HF_HOME: /scratch/huggingface
VLLM_CACHE_ROOT: /scratch/vllm
TRITON_CACHE_DIR: /scratch/triton
TORCHINDUCTOR_CACHE_DIR: /scratch/torchinductor
FLASHINFER_WORKSPACE_BASE: /scratch
NUMBA_CACHE_DIR: /scratch/numba
# llm keeps idle connections for 75 seconds, and vLLM would close them after five: just when a question comes.
VLLM_HTTP_TIMEOUT_KEEP_ALIVE: "90"
VLLM_MEDIA_URL_ALLOW_REDIRECTS: "0"
VLLM_NO_USAGE_STATS: "1"
DO_NOT_TRACK: "1"
HF_HUB_OFFLINE: "1"
TRANSFORMERS_OFFLINE: "1"
PROBE_MODEL: {{ .group.servedName | default .group.model }}
{{- if include "viva.streamed" .group }}
{{- with .root.Values.objectStore.s3 }}
{{- with .region }}
AWS_REGION: {{ . }}
{{- end }}
{{- with .endpoint }}
AWS_ENDPOINT_URL: {{ . }}
RUNAI_STREAMER_S3_ENDPOINT: {{ . }}
RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING: "0"
AWS_EC2_METADATA_DISABLED: "true"
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Generating one token is the only answer that a dead engine behind a living server cannot give; an embedding, where tokens are not
     generated. */}}
{{- define "viva.vllmProbes" -}}
{{- $probes := .probes -}}
{{- $script := ternary "embed_text.py" "generate_token.py" (eq .serves "embeddings") -}}
startupProbe:
  httpGet: {path: /health, port: http}
  periodSeconds: {{ $probes.startup.periodSeconds }}
  timeoutSeconds: 5
  failureThreshold: {{ $probes.startup.failureThreshold }}
{{- range $name := list "liveness" "readiness" }}
{{- with index $probes $name }}
{{ $name }}Probe:
  exec:
    command: [python3, /scripts/{{ $script }}, {{ sub (int .timeoutSeconds) 2 | quote }}]
  periodSeconds: {{ .periodSeconds }}
  timeoutSeconds: {{ .timeoutSeconds }}
  failureThreshold: {{ .failureThreshold }}
{{- end }}
{{- end }}
{{- end }}

{{/* A group's resources: its own, its GPUs, and room on the node's disk for a model that is downloaded there. */}}
{{- define "viva.vllmResources" -}}
{{- $gpus := dict .gpuResource (int .gpus) -}}
{{- $disk := dict -}}
{{- if and (eq .cache.type "emptyDir") (not (include "viva.streamed" .)) }}
{{- $disk = dict "requests" (dict "ephemeral-storage" .cache.size) }}
{{- end }}
{{- toYaml (mergeOverwrite $disk (deepCopy .resources) (dict "limits" $gpus "requests" (deepCopy $gpus))) }}
{{- end }}

{{/* The pod template of a group: dict root, name, group. There is no checksum of the scripts: the kubelet renews them in place, and a
     restart for their sake would load the model anew. */}}
{{- define "viva.vllmPod" -}}
{{- $group := .group -}}
{{- $root := .root -}}
{{- $selector := include "viva.selector" (dict "root" $root "component" "vllm" "group" .name) -}}
{{- $streamed := include "viva.streamed" $group -}}
{{- $mode := include "viva.fetchMode" (dict "root" $root "cache" $group.cache) -}}
{{- $image := include "viva.foreignImage" $root.Values.vllm.image -}}
metadata:
  labels: {{- include "viva.podLabels" (dict "root" $root "component" "vllm" "group" .name "labels" $group.podLabels) | nindent 4 }}
  annotations:
    kubectl.kubernetes.io/default-container: vllm
    {{- include "viva.podAnnotations" (dict "root" $root "port" "8000" "drain" (add (int $group.drain.preStopSeconds) (int $group.drain.seconds))) | trim | nindent 4 }}
    {{- with $group.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "viva.podHead" (dict "root" $root "account" (include "viva.groupName" .)) | nindent 2 }}
  terminationGracePeriodSeconds: {{ $group.terminationGracePeriodSeconds }}
  {{- with $group.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $group.nodeAffinity }}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
          - matchExpressions: {{- toYaml . | nindent 14 }}
  {{- end }}
  {{- include "viva.scheduling" (dict "root" $root "values" $group "selector" $selector "template" (eq $group.kind "Deployment")) | trim | nindent 2 }}
  {{- if not (or $streamed (eq $mode "none")) }}
  initContainers: {{- include "viva.fetchContainer" (dict "root" $root "name" "model" "image" $image "pullPolicy" $root.Values.vllm.image.pullPolicy "mode" $mode "spec" (include "viva.groupSpec" $group)) | nindent 4 }}
  {{- end }}
  containers:
    - name: vllm
      image: {{ $image }}
      imagePullPolicy: {{ $root.Values.vllm.image.pullPolicy }}
      command: [vllm, serve]
      args: {{- include "viva.vllmArgs" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 8000
          protocol: TCP
      env: {{- include "viva.envList" (mergeOverwrite (fromYaml (include "viva.vllmEnv" .)) $group.env) | trim | nindent 8 }}
      {{- with $group.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- include "viva.vllmProbes" $group | nindent 6 }}
      {{- include "viva.preStop" $group.drain.preStopSeconds | trim | nindent 6 }}
      resources: {{- include "viva.vllmResources" $group | nindent 8 }}
      securityContext: {{- toYaml (mergeOverwrite (deepCopy $root.Values.containerSecurityContext) (dict "readOnlyRootFilesystem" $group.readOnlyRootFilesystem)) | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: scratch, mountPath: /scratch}
        - {name: shm, mountPath: /dev/shm}
        - {name: scripts, mountPath: /scripts, readOnly: true}
        {{- if not $streamed }}
        - {name: models, mountPath: /models, readOnly: true}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: 4Gi}
    - name: scratch
      emptyDir: {sizeLimit: {{ $group.scratchSize }}}
    - name: shm
      emptyDir: {medium: Memory, sizeLimit: {{ $group.shmSize }}}
    {{- include "viva.scriptsVolume" $root | nindent 4 }}
    {{- if not $streamed }}
    {{- include "viva.modelsVolume" (dict "root" $root "cache" $group.cache) | nindent 4 }}
    {{- end }}
{{- end }}
