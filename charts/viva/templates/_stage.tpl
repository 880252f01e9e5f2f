{{/* The objects that orchestrator, asr, llm and tts have alike: dict root, component. Their own files call these, one object a file. */}}

{{- define "viva.stage.deployment" -}}
{{- $values := index .root.Values .component -}}
{{- $selector := include "viva.selector" . -}}
{{- $env := mergeOverwrite (fromYaml (include "viva.env.common" .)) (fromYaml (include (printf "viva.env.%s" .component) .root)) $values.env -}}
apiVersion: apps/v1
kind: Deployment
metadata: {{- include "viva.metadata" . | nindent 2 }}
spec:
  {{- if not (include "viva.scaled" .) }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  selector:
    matchLabels: {{- $selector | nindent 6 }}
  {{- include "viva.stage.strategy" . | nindent 2 }}
  template:
    metadata:
      labels: {{- include "viva.podLabels" (merge (dict "labels" $values.podLabels) .) | nindent 8 }}
      annotations:
        kubectl.kubernetes.io/default-container: {{ .component }}
        {{- include "viva.podAnnotations" (dict "root" .root "port" (include "viva.port" .component) "drain" (add (int $values.drain.preStopSeconds) (int $values.drain.seconds))) | trim | nindent 8 }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "viva.podHead" (dict "root" .root "account" (include "viva.serviceAccountName" .)) | nindent 6 }}
      terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
      {{- include "viva.scheduling" (dict "root" .root "values" $values "selector" $selector "template" true "cpu" true) | trim | nindent 6 }}
      {{- with include "viva.speechModels" . }}
      initContainers: {{- include "viva.stage.fetch" $ | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "viva.image" . }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          command: [python, -m, viva_{{ .component }}]
          ports:
            - name: http
              containerPort: {{ include "viva.port" .component }}
              protocol: TCP
          env: {{- include "viva.envList" $env | trim | nindent 12 }}
          {{- with $values.extraEnvFrom }}
          envFrom: {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- include "viva.probes" $values.probes | nindent 10 }}
          {{- include "viva.preStop" $values.drain.preStopSeconds | trim | nindent 10 }}
          resources: {{- toYaml $values.resources | nindent 12 }}
          {{- include "viva.containerSecurity" .root | nindent 10 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if eq .component "orchestrator" }}
            {{- if ne .root.Values.objectStore.type "s3" }}
            - {name: objects, mountPath: /var/lib/viva/objects}
            {{- end }}
            {{- end }}
            {{- if eq .component "llm" }}
            {{- include "viva.llm.mounts" .root | nindent 12 }}
            {{- end }}
            {{- if include "viva.speechModels" . }}
            - {name: models, mountPath: /models, readOnly: true}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {sizeLimit: {{ $values.tmpSize }}}
        {{- if eq .component "orchestrator" }}
        {{- include "viva.objectsVolume" .root | nindent 8 }}
        {{- end }}
        {{- if eq .component "llm" }}
        {{- include "viva.llm.volumes" .root | nindent 8 }}
        {{- end }}
        {{- if include "viva.speechModels" . }}
        {{- include "viva.modelsVolume" (dict "root" .root "cache" (dict "type" $values.models.cache "size" $values.models.size)) | nindent 8 }}
        {{- include "viva.scriptsVolume" .root | nindent 8 }}
        {{- end }}
{{- end }}

{{/* A volume that one pod alone can have has to be let go before the next pod takes it. */}}
{{- define "viva.stage.strategy" -}}
{{- $values := index .root.Values .component -}}
{{- if and (eq .component "orchestrator") (eq .root.Values.objectStore.type "volume") (not (include "viva.sharedStore" .root)) -}}
strategy:
  type: Recreate
{{- else -}}
strategy:
  type: RollingUpdate
  rollingUpdate:
    maxSurge: {{ $values.strategy.maxSurge }}
    maxUnavailable: {{ $values.strategy.maxUnavailable }}
{{- end }}
{{- end }}

{{- define "viva.stage.service" -}}
{{- $values := (index .root.Values .component).service -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "viva.metadata" . | nindent 2 }}
  {{- with $values.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $values.type }}
  selector: {{- include "viva.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ include "viva.port" .component }}
      targetPort: http
      protocol: TCP
      appProtocol: http
{{- end }}

{{- define "viva.stage.serviceaccount" -}}
{{- $values := (index .root.Values .component).serviceAccount -}}
{{- if $values.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "viva.metadata" (merge (dict "name" (include "viva.serviceAccountName" .)) .) | nindent 2 }}
  {{- with $values.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end }}

{{- define "viva.stage.pdb" -}}
{{- $values := index .root.Values .component -}}
{{- if $values.pdb.enabled -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "viva.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ $values.pdb.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "viva.selector" . | nindent 6 }}
{{- end }}
{{- end }}

{{- define "viva.stage.networkpolicy" -}}
{{- $values := index .root.Values .component -}}
{{- if .root.Values.networkPolicy.enabled -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{- include "viva.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels: {{- include "viva.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- include "viva.policy.ingress" (dict "root" .root "rules" (fromYamlArray (include (printf "viva.policy.%s.in" .component) .root)) "more" $values.networkPolicy.ingress) | trim | nindent 2 }}
  {{- include "viva.policy.egress" (dict "root" .root "rules" (concat (fromYamlArray (include (printf "viva.policy.%s.out" .component) .root)) (fromYamlArray (include "viva.policy.tracing" .root))) "more" $values.networkPolicy.egress) | trim | nindent 2 }}
{{- end }}
{{- end }}
