- job_name: {{ include "viva.fullname" . }}
  kubernetes_sd_configs:
    - role: pod
      namespaces: {names: [{{ .Release.Namespace }}]}
  relabel_configs:
    - {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_instance], action: keep, regex: {{ .Release.Name }}}
    - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], action: keep, regex: "true"}
    - {source_labels: [__meta_kubernetes_pod_container_init], action: drop, regex: "true"}
    - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path]
      target_label: __metrics_path__
      regex: (.+)
    - source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port]
      separator: ":"
      target_label: __address__
    - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
    - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
    - {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_component], target_label: component}
    - {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_instance], target_label: release}
