{{/* What runs now and then. Takes root, name, account, values, args and maybe command, schedule, claim; deadline in seconds. */}}
{{- define "guarita.job" }}
---
apiVersion: batch/v1
kind: CronJob
metadata: {{- include "guarita.metadata" . | nindent 2 }}
spec:
  schedule: {{ .schedule | quote }}
  timeZone: Etc/UTC
  suspend: {{ .values.suspend }}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 600
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    metadata:
      labels: {{- include "guarita.labels" (dict "root" .root "name" .account) | nindent 8 }}
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: {{ .deadline }}
      ttlSecondsAfterFinished: 604800
      template:
        metadata:
          labels: {{- include "guarita.labels" (dict "root" .root "name" .account) | nindent 12 }}
        spec: {{- include "guarita.jobPod" . | nindent 10 }}
{{- end }}

{{- define "guarita.jobPod" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
enableServiceLinks: false
restartPolicy: Never
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- include "guarita.podSecurity" . | nindent 2 }}
containers:
  - name: {{ trimPrefix "guarita-" .name }}
    image: {{ include "guarita.image" . | quote }}
    imagePullPolicy: Always
    {{- with .command }}
    command: {{- toYaml . | nindent 6 }}
    {{- end }}
    args: {{- toYaml .args | nindent 6 }}
    env: {{- include "guarita.environment" . | nindent 6 }}
    securityContext: {{- include "guarita.containerSecurity" . | nindent 6 }}
    resources: {{- toYaml .values.resources | nindent 6 }}
    volumeMounts:
      {{- include "guarita.mounts" . | nindent 6 }}
      {{- with .claim }}
      - {name: backup, mountPath: /var/lib/guarita}
      {{- end }}
volumes:
  {{- include "guarita.volumes" . | nindent 2 }}
  {{- with .claim }}
  - name: backup
    persistentVolumeClaim: {claimName: {{ . }}}
  {{- end }}
{{- end }}
