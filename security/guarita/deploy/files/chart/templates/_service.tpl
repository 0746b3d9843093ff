{{/*
What stays up: the Deployment with its account, its budget, its scalers and its policy of the network.
Takes root, name, values; args or command; ports, probes, ingress (rules of the NetworkPolicy), environment, tmp; alone, for what only one may do at a time.
*/}}
{{- define "guarita.service" -}}
{{- $values := .values }}
{{- include "guarita.account" . }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{- include "guarita.metadata" . | nindent 2 }}
spec:
  {{- if .alone }}
  replicas: 1
  {{- else if not $values.autoscaling.enabled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  progressDeadlineSeconds: 600
  {{- if .alone }}
  strategy: {type: Recreate}
  {{- else }}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  {{- end }}
  selector:
    matchLabels: {{- include "guarita.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "guarita.labels" . | nindent 8 }}
      annotations:
        # A new configuration is a new pod, for what does not read it again by itself.
        guarita/config: {{ toJson .root.Values.config | sha256sum | quote }}
    spec:
      serviceAccountName: {{ .name }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds | default 30 }}
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext: {{- include "guarita.podSecurity" . | nindent 8 }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "guarita.selector" $ | nindent 14 }}
        {{- end }}
      containers:
        - name: {{ trimPrefix "guarita-" .name }}
          image: {{ include "guarita.image" . | quote }}
          imagePullPolicy: Always
          {{- with .command }}
          command: {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with .args }}
          args: {{- toYaml . | nindent 12 }}
          {{- end }}
          env: {{- include "guarita.environment" . | nindent 12 }}
          {{- with .ports }}
          ports: {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- toYaml .probes | nindent 10 }}
          securityContext: {{- include "guarita.containerSecurity" . | nindent 12 }}
          resources: {{- toYaml $values.resources | nindent 12 }}
          volumeMounts: {{- include "guarita.mounts" . | nindent 12 }}
      volumes: {{- include "guarita.volumes" . | nindent 8 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "guarita.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "guarita.selector" . | nindent 6 }}
{{- if $values.autoscaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{- include "guarita.metadata" . | nindent 2 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .name }}}
  minReplicas: {{ $values.autoscaling.minReplicas }}
  maxReplicas: {{ $values.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
    - type: Resource
      resource: {name: memory, target: {type: Utilization, averageUtilization: 80}}
  behavior:
    scaleUp: {stabilizationWindowSeconds: 60}
    scaleDown: {stabilizationWindowSeconds: 300}
{{- end }}
{{- if $values.vertical.enabled }}
---
# It recommends and changes nothing: two scalers that both act on CPU and memory would chase each other.
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {{- include "guarita.metadata" . | nindent 2 }}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .name }}}
  updatePolicy: {updateMode: {{ $values.autoscaling.enabled | ternary "Off" "Initial" | quote }}}
  resourcePolicy:
    containerPolicies:
      - containerName: "*"
        minAllowed: {cpu: 100m, memory: 128Mi}
        maxAllowed: {cpu: "2", memory: 4Gi}
{{- end }}
{{- include "guarita.policy" . }}
{{- end }}

{{/* What may reach the pods, and what they may reach. */}}
{{- define "guarita.policy" }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{- include "guarita.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels: {{- include "guarita.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress: {{- toYaml (.ingress | default list) | nindent 4 }}
  egress: {{- include "guarita.egress" . | nindent 4 }}
{{- end }}
