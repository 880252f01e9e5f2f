{{/* Every wrong combination of values, in one place. Each sentence says what to set. All that are wrong are told at once. */}}

{{- define "viva.validate" -}}
{{- $wrong := list -}}
{{- range list "names" "store" "redis" "stages" "scaling" "models" "groups" "recordings" "routes" "edge" "network" "apis" }}
{{- $wrong = concat $wrong (include (printf "viva.validate.%s" .) $ | trim | splitList "\n" | compact) }}
{{- end }}
{{- if $wrong }}
{{- fail (printf "\n\nThese values do not fit together:\n- %s\n" (join "\n- " $wrong)) }}
{{- end }}
{{- end }}

{{- define "viva.validate.names" -}}
{{- range $where, $tag := dict "image.tag" .Values.image.tag "orchestrator.image.tag" .Values.orchestrator.image.tag "asr.image.tag" .Values.asr.image.tag "llm.image.tag" .Values.llm.image.tag "tts.image.tag" .Values.tts.image.tag "redis.image.tag" .Values.redis.image.tag "vllm.image.tag" .Values.vllm.image.tag }}
{{- if eq $tag "latest" }}
{{ $where }} is `latest`, which is another image tomorrow. Set it to a version.
{{- end }}
{{- end }}
{{- range $where, $tag := dict "redis.image.tag" .Values.redis.image.tag "vllm.image.tag" .Values.vllm.image.tag }}
{{- if not $tag }}
{{ $where }} is empty, which means `latest`. Set it to a version.
{{- end }}
{{- end }}
{{- end }}

{{- define "viva.validate.store" -}}
{{- $store := .Values.objectStore -}}
{{- if not (include "viva.sharedStore" .) }}
{{- $what := ternary "an emptyDir" "a volume that one node alone can mount" (eq $store.type "emptyDir") }}
{{- if gt (int .Values.orchestrator.replicas) 1 }}
orchestrator.replicas is {{ .Values.orchestrator.replicas }}, but the object store is {{ $what }}, which they cannot share. Set objectStore.type to s3 (or objectStore.volume.accessModes to [ReadWriteMany]), or orchestrator.replicas to 1.
{{- end }}
{{- if and (ne .Values.autoscaling.mode "none") .Values.orchestrator.autoscaling.enabled (gt (int .Values.orchestrator.autoscaling.minReplicas) 1) }}
orchestrator.autoscaling.minReplicas is {{ .Values.orchestrator.autoscaling.minReplicas }}, but the object store is {{ $what }}, which several orchestrators cannot share. Set objectStore.type to s3 (or objectStore.volume.accessModes to [ReadWriteMany]), or orchestrator.autoscaling.minReplicas to 1.
{{- end }}
{{- end }}
{{- if and (eq $store.type "s3") (not $store.s3.url) }}
objectStore.type is s3, but no bucket is named. Set objectStore.s3.url to s3://bucket/prefix.
{{- end }}
{{- if and (ne $store.type "s3") $store.s3.url }}
objectStore.s3.url is set, but objectStore.type is {{ $store.type }}, so recordings would not go there. Set objectStore.type to s3, or objectStore.s3.url to "".
{{- end }}
{{- end }}

{{- define "viva.validate.redis" -}}
{{- $redis := .Values.redis -}}
{{- if and (not $redis.enabled) (not $redis.url) (not $redis.existingSecret) }}
There is no Redis at all. Set redis.enabled to true, or redis.url to another one (redis.existingSecret where the URL has a password).
{{- end }}
{{- if and $redis.url $redis.existingSecret }}
Both redis.url and redis.existingSecret name a Redis. Set one of them to "".
{{- end }}
{{- if and $redis.auth.password $redis.auth.existingSecret }}
Both redis.auth.password and redis.auth.existingSecret give the password. Set one of them to "".
{{- end }}
{{- end }}

{{- define "viva.validate.stages" -}}
{{- range $component := list "orchestrator" "asr" "llm" "tts" }}
{{- $values := index $.Values $component }}
{{- $needed := add (int $values.drain.preStopSeconds) (int $values.drain.seconds) }}
{{- if le (int $values.terminationGracePeriodSeconds) (int $needed) }}
{{ $component }}.terminationGracePeriodSeconds is {{ $values.terminationGracePeriodSeconds }}, but drain.preStopSeconds and drain.seconds together are {{ $needed }}, so that the pod would be killed in the middle of its work. Set it to more than {{ $needed }}.
{{- end }}
{{- range $name := list "VIVA_HOST" "VIVA_PORT" "VIVA_DRAIN_S" "VIVA_REDIS_URL" "VIVA_OBJECT_STORE_URL" "VIVA_S3_ENDPOINT" "VIVA_MODELS_DIR" "VIVA_LLM_BACKENDS" "VIVA_LLM_ROUTES_FILE" "VIVA_ASR_ENGINE" "VIVA_TTS_ENGINE" }}
{{- if and (hasKey $values.env $name) (not (and (eq $component "orchestrator") (has $name (list "VIVA_MODELS_DIR")))) }}
{{ $component }}.env has {{ $name }}, which the chart sets itself and the NetworkPolicies, ports and probes depend on. {{ include "viva.insteadOf" (dict "name" $name "component" $component) }}
{{- end }}
{{- end }}
{{- if and (eq (toString $values.strategy.maxSurge | trimSuffix "%") "0") (eq (toString $values.strategy.maxUnavailable | trimSuffix "%") "0") }}
{{ $component }}.strategy has both maxSurge and maxUnavailable at 0, so that no update could ever begin. Set one of them to 1.
{{- end }}
{{- end }}
{{- end }}

{{/* Which value to set instead of a variable. */}}
{{- define "viva.insteadOf" -}}
{{- $instead := dict "VIVA_DRAIN_S" "Set %s.drain.seconds." "VIVA_REDIS_URL" "Set redis.url or redis.existingSecret." "VIVA_OBJECT_STORE_URL" "Set objectStore.type and objectStore.s3.url." "VIVA_S3_ENDPOINT" "Set objectStore.s3.endpoint." "VIVA_HOST" "Set listenAddress." "VIVA_LLM_BACKENDS" "Set llm.backends." "VIVA_LLM_ROUTES_FILE" "Set vllm.groups, llm.servers and llm.aliases." "VIVA_ASR_ENGINE" "Set asr.engine." "VIVA_TTS_ENGINE" "Set tts.engine." "VIVA_MODELS_DIR" "Set %s.models." -}}
{{- $sentence := get $instead .name | default "Take it out." -}}
{{ if contains "%s" $sentence }}{{ printf $sentence .component }}{{ else }}{{ $sentence }}{{ end }}
{{- end }}

{{- define "viva.validate.routes" -}}
{{- if and .Values.llm.backends (or .Values.llm.servers .Values.llm.aliases (not .Values.llm.extractive)) }}
llm.backends is the whole list of backends, so that llm.servers, llm.aliases and llm.extractive would do nothing. Set llm.backends to "", or leave those three as they are.
{{- end }}
{{- range .Values.llm.servers }}
{{- if not (and .name .url) }}
An entry of llm.servers has no name or no url. Set both, like {name: hosted, url: https://api.example.com/v1, model: some-model}.
{{- else if hasKey $.Values.vllm.groups .name }}
llm.servers and vllm.groups both have one called {{ .name }}. Set another name for one of them: answers are counted by it.
{{- end }}
{{- end }}
{{- $routes := fromYaml (include "viva.routes" .) }}
{{- $used := list }}
{{- $answers := false }}
{{- range $alias, $steps := $routes.aliases }}
{{- range $steps }}
{{- $backend := .backend | default "" }}
{{- $used = append $used $backend }}
{{- if ne (dig $backend "serves" "chat" $routes.backends) "embeddings" }}{{ $answers = true }}{{ end }}
{{- if not (or (eq $backend "extractive") (hasKey $routes.backends $backend)) }}
llm.aliases.{{ $alias }} has the backend {{ $backend | quote }}, which is none. Set it to one of: {{ append (keys $routes.backends | sortAlpha) "extractive" | join ", " }}.
{{- end }}
{{- end }}
{{- end }}
{{- if and (not .Values.llm.backends) (not $answers) }}
llm has no backend that answers. Set llm.extractive to true, add a group to vllm.groups, or a server to llm.servers.
{{- end }}
{{- range $name, $_ := $routes.backends }}
{{- if not (has $name $used) }}
No alias of llm.aliases leads to {{ $name }}, which nobody could ask then. Set llm.aliases.default so that it has it, or leave `default` out, which then has all of them.
{{- end }}
{{- end }}
{{- if and (include "viva.discovers" .) (eq (include "viva.serviceAccountName" (dict "root" . "component" "llm")) "default") }}
llm.discovery is kubernetes, but llm has no ServiceAccount of its own, so that every pod of the namespace could read what it may. Set llm.serviceAccount.create to true, or llm.serviceAccount.name to one of its own, or llm.discovery to service.
{{- end }}
{{- end }}

{{- define "viva.validate.scaling" -}}
{{- $mode := .Values.autoscaling.mode -}}
{{- range $component := list "orchestrator" "asr" "llm" "tts" }}
{{- $scaling := (index $.Values $component).autoscaling }}
{{- if and $scaling.triggers (ne $mode "keda") }}
{{ $component }}.autoscaling.triggers are KEDA's, but autoscaling.mode is {{ $mode }}, and HPA and KEDA must not both scale one Deployment. Set autoscaling.mode to keda, or take the triggers out.
{{- end }}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
{{ $component }}.autoscaling.minReplicas is more than maxReplicas. Set it to {{ $scaling.maxReplicas }} or less.
{{- end }}
{{- if and $scaling.enabled (ne $mode "none") (ne (int (index $.Values $component).replicas) 1) (include "viva.scaled" (dict "root" $ "component" $component)) }}
{{ $component }}.replicas is set, but the autoscaler decides how many pods there are. Set {{ $component }}.autoscaling.minReplicas instead, or {{ $component }}.autoscaling.enabled to false.
{{- end }}
{{- if and $scaling.enabled (ne $mode "none") (not (dig "requests" "cpu" "" (index $.Values $component).resources)) }}
{{ $component }} has no request for CPU, which the autoscaler measures by. Set {{ $component }}.resources.requests.cpu.
{{- end }}
{{- end }}
{{- range $name, $group := fromYaml (include "viva.groups" .) }}
{{- if and $group.autoscaling.enabled (gt (int $group.autoscaling.minReplicas) (int $group.autoscaling.maxReplicas)) }}
vllm.groups.{{ $name }}.autoscaling.minReplicas is more than maxReplicas. Set it to {{ $group.autoscaling.maxReplicas }} or less.
{{- end }}
{{- if and $group.autoscaling.enabled (eq $mode "none") }}
vllm.groups.{{ $name }}.autoscaling.enabled is true, but autoscaling.mode is none, so that nothing would scale it. Set autoscaling.mode to hpa or keda.
{{- end }}
{{- end }}
{{- end }}

{{/* How many pods there can be at most: dict root, values, scaled. */}}
{{- define "viva.mostPods" -}}
{{- if .scaled }}{{ .values.autoscaling.maxReplicas }}{{ else }}{{ .values.replicas }}{{ end -}}
{{- end }}

{{- define "viva.validate.models" -}}
{{- $models := .Values.models -}}
{{- $pods := 0 -}}
{{- $who := list -}}
{{- range $component := list "asr" "tts" }}
{{- $values := index $.Values $component }}
{{- if and $values.models.names (eq $values.models.cache "shared") }}
{{- $pods = add $pods (int (include "viva.mostPods" (dict "values" $values "scaled" (include "viva.scaled" (dict "root" $ "component" $component))))) }}
{{- $who = append $who $component }}
{{- end }}
{{- end }}
{{- range $name, $group := fromYaml (include "viva.groups" .) }}
{{- if eq $group.cache.type "shared" }}
{{- $scaled := and $group.autoscaling.enabled (ne $.Values.autoscaling.mode "none") }}
{{- $pods = add $pods (int (include "viva.mostPods" (dict "values" $group "scaled" $scaled))) }}
{{- $who = append $who (printf "vllm.groups.%s" $name) }}
{{- end }}
{{- end }}
{{- $many := or (has "ReadWriteMany" $models.volume.accessModes) (has "ReadOnlyMany" $models.volume.accessModes) }}
{{- if and $who (not $models.volume.enabled) }}
The cache of {{ join ", " $who }} is the shared volume of models, which is not there. Set models.volume.enabled to true, or their cache to emptyDir.
{{- end }}
{{- if and $models.volume.enabled (not $many) (gt (int $pods) 1) }}
Up to {{ $pods }} pods ({{ join ", " $who }}) would share the volume of models, which one node alone can mount. Set models.volume.accessModes to [ReadWriteMany] with a storage class that can (EFS, NFS), or their cache to emptyDir or perReplica.
{{- end }}
{{- if and $models.job.enabled (not (include "viva.modelsJob" .)) }}
models.job.enabled is true, but nothing lies in the shared volume that it could download. Set the cache of asr.models, tts.models or a group to shared.
{{- end }}
{{- if and $models.job.enabled (not (has "ReadWriteMany" $models.volume.accessModes)) }}
models.job.enabled needs a volume that the Job and the pods can mount at once, on different nodes. Set models.volume.accessModes to [ReadWriteMany], or models.job.enabled to false.
{{- end }}
{{- end }}

{{- define "viva.validate.groups" -}}
{{- range $name, $group := fromYaml (include "viva.groups" .) }}
{{- $at := printf "vllm.groups.%s" $name }}
{{- $scaled := and $group.autoscaling.enabled (ne $.Values.autoscaling.mode "none") }}
{{- $most := int (include "viva.mostPods" (dict "values" $group "scaled" $scaled)) }}
{{- $streamed := include "viva.streamed" $group }}
{{- $full := include "viva.groupName" (dict "root" $ "name" $name) }}
{{- if and (eq $group.kind "StatefulSet") (gt (len $full) 52) }}
The name of {{ $at }} would be {{ $full }}, too long for a StatefulSet, whose pods carry it in a label. Set fullnameOverride to something shorter, or give the group a shorter name: {{ sub (len $full) 52 }} characters less.
{{- end }}
{{- if not $group.model }}
{{ $at }} has no model. Set {{ $at }}.model, or {{ $at }}.profile to one of: {{ keys $.Values.vllm.profiles | sortAlpha | join ", " }}.
{{- end }}
{{- if lt (int $group.gpus) 1 }}
{{ $at }} has no GPU. Set {{ $at }}.gpus to 1 or more, or {{ $at }}.enabled to false: without one the extractive answerer is what there is.
{{- end }}
{{- if and $group.model (not $streamed) (not $group.revision) }}
{{ $at }}.model is {{ $group.model }} at no commit, so that it could change under its name. Set {{ $at }}.revision to a full commit hash.
{{- end }}
{{- if and (eq $group.cache.type "perReplica") (ne $group.kind "StatefulSet") }}
{{ $at }}.cache.type is perReplica, but a Deployment's pods have no volumes of their own. Set {{ $at }}.kind to StatefulSet.
{{- end }}
{{- if and (eq $group.cache.type "claim") (not $group.cache.claimName) }}
{{ $at }}.cache.type is claim, but none is named. Set {{ $at }}.cache.claimName.
{{- end }}
{{- if and (eq $group.cache.type "claim") (gt $most 1) (hasPrefix "ReadWriteOnce" $group.cache.accessMode) }}
Up to {{ $most }} pods of {{ $at }} would share a {{ $group.cache.accessMode }} claim, which one node alone can mount. Set {{ $at }}.cache.accessMode to ReadWriteMany if the claim is, or {{ $at }}.cache.type to perReplica or emptyDir.
{{- end }}
{{- $needed := add (int $group.drain.preStopSeconds) (int $group.drain.seconds) }}
{{- if le (int $group.terminationGracePeriodSeconds) (int $needed) }}
{{ $at }}.terminationGracePeriodSeconds is {{ $group.terminationGracePeriodSeconds }}, but drain.preStopSeconds and drain.seconds together are {{ $needed }}, so that answers would be cut off. Set it to more than {{ $needed }}.
{{- end }}
{{- range $flag := list "model" "port" "host" "served-model-name" "shutdown-timeout" "tensor-parallel-size" "revision" "runner" }}
{{- if hasKey $group.args $flag }}
{{ $at }}.args has {{ $flag }}, which the chart sets itself. Take it out and set model, servedName, gpus, revision, drain or serves of the group.
{{- end }}
{{- end }}
{{- if and (eq $group.cache.type "perReplica") $streamed }}
{{ $at }} streams its weights from S3, so that its volumes would stay empty. Set {{ $at }}.cache.type to emptyDir.
{{- end }}
{{- end }}
{{- end }}

{{- define "viva.validate.edge" -}}
{{- $edge := .Values.ingress -}}
{{- if ne $edge.enabled "none" }}
{{- if not $edge.host }}
ingress.enabled is {{ $edge.enabled }}, but no host is named. Set ingress.host.
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.frontDoor.from) }}
ingress.enabled is {{ $edge.enabled }}, but the NetworkPolicies let nobody in. Set networkPolicy.frontDoor.from to the pods of the gateway or the addresses of the load balancer, for instance [{ipBlock: {cidr: 10.0.0.0/16}}].
{{- end }}
{{- end }}
{{- $type := .Values.orchestrator.service.type }}
{{- if and (ne $type "ClusterIP") .Values.networkPolicy.enabled (not .Values.networkPolicy.frontDoor.from) }}
orchestrator.service.type is {{ $type }}, but the NetworkPolicies let nobody in. Set networkPolicy.frontDoor.from to the addresses that may call it, for instance [{ipBlock: {cidr: 10.0.0.0/16}}].
{{- end }}
{{- if and (eq $edge.enabled "ingress") (not $edge.className) }}
ingress.enabled is ingress, but no class is named. Set ingress.className, to alb for instance.
{{- end }}
{{- if and (eq $edge.enabled "ingress") (ne $edge.className "alb") (not $edge.tls.secretName) }}
The Ingress would have no certificate. Set ingress.tls.secretName.
{{- end }}
{{- if eq $edge.enabled "gateway" }}
{{- if and (not $edge.gateway.create) (not $edge.gateway.parentRefs) }}
ingress.enabled is gateway, but no Gateway is named. Set ingress.gateway.parentRefs, or ingress.gateway.create to true.
{{- end }}
{{- if and $edge.gateway.create (not $edge.gateway.className) }}
ingress.gateway.create needs a class. Set ingress.gateway.className.
{{- end }}
{{- if and $edge.gateway.create (not $edge.tls.secretName) }}
The Gateway's HTTPS listener would have no certificate. Set ingress.tls.secretName.
{{- end }}
{{- end }}
{{- end }}

{{/* What leaves the cluster has to be let out by name. */}}
{{- define "viva.validate.network" -}}
{{- if .Values.networkPolicy.enabled }}
{{- with .Values.objectStore.s3.endpoint }}
{{- $port := include "viva.portOf" . }}
{{- if and (eq $.Values.objectStore.type "s3") (not (has $port (include "viva.strings" $.Values.networkPolicy.objectStore.ports | splitList " "))) }}
objectStore.s3.endpoint is at port {{ $port }}, which the NetworkPolicies do not open. Set networkPolicy.objectStore.ports to [{{ $port }}].
{{- end }}
{{- end }}
{{- $port := include "viva.portOf" .Values.models.hub }}
{{- if not (has $port (include "viva.strings" .Values.networkPolicy.hub.ports | splitList " ")) }}
models.hub is at port {{ $port }}, which the NetworkPolicies do not open. Set networkPolicy.hub.ports to [{{ $port }}].
{{- end }}
{{- if and (has .Values.asr.engine (list "openai" "chat")) (not .Values.asr.networkPolicy.egress) }}
asr.engine is {{ .Values.asr.engine }}, but the NetworkPolicy lets asr out to no server. Set asr.networkPolicy.egress, for instance to [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}].
{{- end }}
{{- if and (has .Values.tts.engine (list "openai" "gtts")) (not .Values.tts.networkPolicy.egress) }}
tts.engine is {{ .Values.tts.engine }}, but the NetworkPolicy lets tts out to no server. Set tts.networkPolicy.egress, for instance to [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}].
{{- end }}
{{- if and .Values.llm.servers (not .Values.llm.networkPolicy.egress) }}
llm.servers names servers, but the NetworkPolicy lets llm out to none. Set llm.networkPolicy.egress, for instance to [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}].
{{- end }}
{{- end }}
{{- end }}

{{/* APIs that are not in every cluster. checkApis turns this off where the cluster is not asked. */}}
{{- define "viva.validate.apis" -}}
{{- if .Values.checkApis }}
{{- $has := .Capabilities.APIVersions -}}
{{- if and (eq .Values.autoscaling.mode "keda") (not ($has.Has "keda.sh/v1alpha1")) }}
autoscaling.mode is keda, but KEDA is not installed in this cluster. Install it, or set autoscaling.mode to hpa. (For helm template set checkApis to false.)
{{- end }}
{{- if and .Values.monitoring.serviceMonitor.enabled (not ($has.Has "monitoring.coreos.com/v1")) }}
monitoring.serviceMonitor.enabled is true, but the Prometheus operator is not installed in this cluster. Install it, or set it to false: the pods are annotated for Prometheus. (For helm template set checkApis to false.)
{{- end }}
{{- if and .Values.monitoring.prometheusRule.enabled (not ($has.Has "monitoring.coreos.com/v1")) }}
monitoring.prometheusRule.enabled is true, but the Prometheus operator is not installed in this cluster. Install it, or set it to false and load files/alerts.yaml of the chart into Prometheus. (For helm template set checkApis to false.)
{{- end }}
{{- if and (eq .Values.ingress.enabled "gateway") (not ($has.Has "gateway.networking.k8s.io/v1")) }}
ingress.enabled is gateway, but the Gateway API is not installed in this cluster. Install it, or set ingress.enabled to ingress. (For helm template set checkApis to false.)
{{- end }}
{{- if and (include "viva.wantsCustomMetrics" .) (not (or ($has.Has "custom.metrics.k8s.io/v1beta2") ($has.Has "custom.metrics.k8s.io/v1beta1"))) }}
Something is to be scaled on its load by the HPA, but no adapter serves custom metrics in this cluster. Install the Prometheus Adapter with the rules of monitoring.prometheusAdapter, or set autoscaling.mode to keda, or the `load` and the groups' autoscaling to false. (For helm template set checkApis to false.)
{{- end }}
{{- end }}
{{- end }}
