{{- define "docs-site.labels" -}}
app.kubernetes.io/name: docs-site
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
