{{- define "numwatch.selector" -}}
app.kubernetes.io/name: numwatch
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "numwatch.labels" -}}
{{ include "numwatch.selector" . }}
{{- with .Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "numwatch.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary .Release.Name "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "numwatch.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion | default "latest" }}{{ end }}
{{- end }}
{{- end }}

{{- define "numwatch.config" -}}
{{- $config := deepCopy .Values.config }}
{{- with .Values.natsURL }}
{{- $_ := set $config "nats" (set (omit $config.nats "listen" "dir" "max_bytes") "url" .) }}
{{- end }}
{{- with .Values.replicas }}
{{- if .enabled }}
{{- $advertise := printf "http://${POD_NAME}.%s.%s:8080" $.Release.Name $.Release.Namespace }}
{{- $_ := set $config "replicas" (merge ($config.replicas | default dict) (dict "name" .name "id" "${POD_NAME}" "advertise" $advertise "lease" .lease)) }}
{{- end }}
{{- end }}
{{- toYaml $config }}
{{- end }}
