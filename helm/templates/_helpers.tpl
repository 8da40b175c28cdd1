{{- define "caracal.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Labels of one part: dict "root" $ "part" "hub". */}}
{{- define "caracal.selector" -}}
app.kubernetes.io/name: caracal-{{ .part }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "caracal.labels" -}}
{{ include "caracal.selector" . }}
app.kubernetes.io/part-of: caracal
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* The chart's own templates are the only ones that may make these names. */}}
{{- define "caracal.hubTlsSecret" -}}
{{ .Values.tls.secretName | default "caracal-hub-tls" }}
{{- end }}

{{/* JSON: URLs of the API server, by address. */}}
{{- define "caracal.apiServers" -}}
{{- $urls := .Values.kubernetes.apiServers -}}
{{- if not $urls -}}
{{- range (lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "").items -}}
{{- if eq (index (.metadata.labels | default dict) "kubernetes.io/service-name") "kubernetes" -}}
{{- $port := (index .ports 0).port -}}
{{- range .endpoints -}}
{{- $address := index .addresses 0 -}}
{{- $urls = append $urls (printf "https://%s:%v" (contains ":" $address | ternary (printf "[%s]" $address) $address) $port) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ $urls | sortAlpha | toJson }}
{{- end }}

{{/* Not by kubeVersion of the chart: a helm built from source believes, without a cluster, that it is 1.20. */}}
{{- define "caracal.checkVersion" -}}
{{- if and (lookup "v1" "Namespace" "" "kube-system") (semverCompare "<1.30.0-0" .Capabilities.KubeVersion.Version) -}}
{{ fail (printf "Kubernetes %s is too old: service-account tokens name their node from 1.30 on" .Capabilities.KubeVersion.Version) }}
{{- end -}}
{{- end }}

{{/* Nothing works without a database that the nodes reach before there is a pod network. */}}
{{- define "caracal.checkDatabase" -}}
{{- $db := .Values.database -}}
{{- if $db.trial.enabled -}}
{{- if not $db.trial.node -}}{{ fail "database.trial.node: name the node (its label kubernetes.io/hostname) whose disk keeps the trial database" }}{{- end -}}
{{- if or $db.secret.name $db.host -}}{{ fail "database: use either trial.enabled or secret and host, not both" }}{{- end -}}
{{- else -}}
{{- if not $db.secret.name -}}{{ fail "database.secret.name: name the Secret that says how to log in to Postgres, or set database.trial.enabled to try Caracal out" }}{{- end -}}
{{- include "caracal.refuseService" (dict "where" "database.host" "host" $db.host) -}}
{{- if not $db.host -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace $db.secret.name -}}
{{- if $secret -}}
{{- $url := index ($secret.data | default dict) $db.secret.urlKey | default "" | b64dec -}}
{{- if not $url -}}{{ fail (printf "Secret %s has no key %s: set database.secret.urlKey, or database.host" $db.secret.name $db.secret.urlKey) }}{{- end -}}
{{- $host := regexReplaceAll "^[a-z]+://([^@/]*@)?([^:/?]*).*$" $url "${2}" -}}
{{- include "caracal.refuseService" (dict "where" (printf "the URL in Secret %s" $db.secret.name) "host" $host) -}}
{{- if and $host (not (contains "." $host)) -}}{{ fail (printf "the URL in Secret %s names the host %s, which only the cluster's DNS knows; hub and operator run before that. Set database.host to an address that the nodes reach without Caracal" $db.secret.name $host) }}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "caracal.refuseService" -}}
{{- if regexMatch "\\.svc(\\.|$)" .host -}}
{{ fail (printf "%s is %s, a Service: after a power cut its pods would wait for Caracal, and Caracal for them. Name an address that the nodes reach without pod network, ClusterIP and cluster DNS" .where .host) }}
{{- end -}}
{{- end }}

{{/* Environment that names the database. dict "root" $ "secret" NAME */}}
{{- define "caracal.databaseEnv" -}}
{{- $db := .root.Values.database -}}
{{- if $db.trial.enabled -}}
{{/* Kubelet puts the Service's address into the environment; no cluster DNS is needed. */}}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: { name: caracal-postgres-trial, key: password }
- name: CARACAL_DATABASE_URL
  value: postgresql://caracal@$(CARACAL_POSTGRES_TRIAL_SERVICE_HOST):{{ $db.trial.port }}/caracal
- name: PGSSLMODE
  value: disable
{{- else }}
{{- if $db.host }}
- name: PGUSER
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: {{ $db.secret.userKey }} }
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: {{ $db.secret.passwordKey }} }
- name: CARACAL_DATABASE_URL
  value: postgresql://{{ contains ":" $db.host | ternary (printf "[%s]" $db.host) $db.host }}:{{ $db.port }}/{{ $db.name }}
{{- else }}
- name: CARACAL_DATABASE_URL
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: {{ $db.secret.urlKey }} }
{{- end }}
- name: PGSSLMODE
  value: {{ $db.sslMode }}
{{- if $db.caSecret }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/caracal/database/ca.crt
{{- end }}
{{- end }}
{{- end }}

{{- define "caracal.databaseMounts" -}}
{{- if and .Values.database.caSecret (not .Values.database.trial.enabled) }}
- name: database-ca
  mountPath: /etc/caracal/database
  readOnly: true
{{- end }}
{{- end }}

{{- define "caracal.databaseVolumes" -}}
{{- if and .Values.database.caSecret (not .Values.database.trial.enabled) }}
- name: database-ca
  secret:
    secretName: {{ .Values.database.caSecret }}
    items: [{ key: ca.crt, path: ca.crt }]
{{- end }}
{{- end }}

{{/* Of every pod of ours: on the host's network and with its DNS, since there is no other before us, and nowhere kept out. */}}
{{- define "caracal.podBasics" -}}
hostNetwork: true
dnsPolicy: Default
tolerations:
  - operator: Exists
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Of containers that need nothing of root. */}}
{{- define "caracal.unprivileged" -}}
runAsNonRoot: true
runAsUser: 65534
runAsGroup: 65534
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end }}
