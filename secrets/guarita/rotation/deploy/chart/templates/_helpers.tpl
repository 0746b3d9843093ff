{{- define "guarita.labels" -}}
app.kubernetes.io/name: guarita-rotation
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "guarita.selector" -}}
app.kubernetes.io/name: guarita-rotation
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
