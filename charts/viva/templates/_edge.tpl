{{/* The way in from outside. */}}

{{- define "viva.hsts" -}}
{{- $hsts := .Values.ingress.hsts -}}
max-age={{ int64 $hsts.maxAgeSeconds }}{{ if $hsts.includeSubDomains }}; includeSubDomains{{ end }}
{{- end }}

{{/* Listeners that a route belongs to: dict root, section. */}}
{{- define "viva.parentRefs" -}}
{{- $gateway := .root.Values.ingress.gateway -}}
{{- if $gateway.create -}}
- name: {{ include "viva.fullname" .root }}
  sectionName: {{ .section }}
{{- else -}}
{{ toYaml $gateway.parentRefs }}
{{- end }}
{{- end }}

{{/* What the AWS Load Balancer Controller is told. Other controllers are told by ingress.annotations. */}}
{{- define "viva.ingressAnnotations" -}}
{{- $edge := .Values.ingress -}}
{{- if eq $edge.className "alb" -}}
alb.ingress.kubernetes.io/scheme: {{ $edge.alb.scheme }}
alb.ingress.kubernetes.io/target-type: ip
alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 80}, {"HTTPS": 443}]'
alb.ingress.kubernetes.io/ssl-redirect: "443"
alb.ingress.kubernetes.io/ssl-policy: ELBSecurityPolicy-TLS13-1-2-2021-06
alb.ingress.kubernetes.io/healthcheck-path: /readyz
alb.ingress.kubernetes.io/healthcheck-interval-seconds: "5"
alb.ingress.kubernetes.io/healthcheck-timeout-seconds: "3"
alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds={{ $edge.idleTimeoutSeconds }},routing.http.drop_invalid_header_fields.enabled=true
alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds={{ add .Values.orchestrator.drain.preStopSeconds .Values.orchestrator.drain.seconds }}
{{- with $edge.tls.certificateArn }}
alb.ingress.kubernetes.io/certificate-arn: {{ . }}
{{- end }}
{{- if $edge.hsts.enabled }}
alb.ingress.kubernetes.io/listener-attributes.HTTPS-443: routing.http.response.strict_transport_security.header_value={{ include "viva.hsts" . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where the edge leads to the orchestrator: a list of type and path. The page is at / alone, so that nothing else below it opens up. */}}
{{- define "viva.edgePaths" -}}
{{- if .Values.ingress.page }}
- {type: Exact, path: /}
- {type: Prefix, path: /web}
{{- end }}
{{- range .Values.ingress.paths }}
- {type: Prefix, path: {{ . }}}
{{- end }}
{{- end }}
