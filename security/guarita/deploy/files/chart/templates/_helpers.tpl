{{- define "guarita.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: guarita
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}
{{- define "guarita.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}
{{- define "guarita.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Values.namespace }}
labels: {{- include "guarita.labels" . | nindent 2 }}
{{- end }}

{{- define "guarita.image" -}}
{{- $image := .values.image | default .root.Values.image -}}
{{ $image.repository }}@{{ $image.digest }}
{{- end }}

{{- define "guarita.configMap" -}}
{{ .Values.existingConfigMap | default "guarita-config" }}
{{- end }}

{{/* The pod's own part of the restricted Pod Security Standard. */}}
{{- define "guarita.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "guarita.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "guarita.environment" -}}
- {name: HOME, value: /tmp}
- {name: GUARITA_CONFIG, value: /etc/guarita/guarita.yaml}
{{- with .root.Values.profile }}
- {name: GUARITA_PROFILE, value: {{ . | quote }}}
{{- end }}
# A connection of libpq may stand in a Secret as a service file: postgresql:///?service=ledger
- {name: PGSERVICEFILE, value: /etc/guarita/ledger/pg_service.conf}
{{- with .environment }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "guarita.mounts" -}}
- {name: config, mountPath: /etc/guarita/guarita.yaml, subPath: guarita.yaml, readOnly: true}
- {name: ledger, mountPath: /etc/guarita/ledger, readOnly: true}
- {name: vault-ca, mountPath: /etc/guarita/vault, readOnly: true}
{{- if .values.vaultToken }}
- {name: vault-token, mountPath: /var/run/secrets/tokens, readOnly: true}
{{- end }}
{{- with .values.secret }}
- {name: own, mountPath: /etc/guarita/own, readOnly: true}
{{- end }}
- {name: tmp, mountPath: /tmp}
{{- with .values.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "guarita.volumes" -}}
- name: config
  configMap: {name: {{ include "guarita.configMap" .root }}}
- name: ledger
  secret: {secretName: {{ .root.Values.ledger.secret }}, optional: true}
- name: vault-ca
  configMap: {name: {{ .root.Values.vault.caConfigMap }}, optional: true}
{{- if .values.vaultToken }}
# A token for Vault alone, which no other audience takes.
- name: vault-token
  projected:
    sources:
      - serviceAccountToken: {path: vault, audience: {{ .root.Values.vault.audience | quote }}, expirationSeconds: 3600}
{{- end }}
{{- with .values.secret }}
- name: own
  secret: {secretName: {{ . }}}
{{- end }}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: {{ .tmp | default "64Mi" }}}
{{- with .values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "guarita.dns" -}}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
  ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}
{{- define "guarita.egress" -}}
{{ include "guarita.dns" . }}
{{- if .values.vaultToken }}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .root.Values.vault.namespace }}}}
  ports: [{port: 8200, protocol: TCP}]
{{- end }}
{{- with .root.Values.ledger.egress }}
{{ toYaml . }}
{{- end }}
{{- with .values.egress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "guarita.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "guarita.metadata" . | nindent 2 }}
  {{- with .values.serviceAccount.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
