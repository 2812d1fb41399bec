// Package chart lints and renders the chart of deploy/helm, decodes what comes
// of it as the cluster does, and writes deploy/kubernetes/numwatch.yaml. It is a
// module of its own, because Helm's packages are large. It holds tests only.
package chart

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write deploy/kubernetes/numwatch.yaml")

const (
	dir      = "../../deploy/helm/numwatch"
	manifest = "../../deploy/kubernetes/numwatch.yaml"
)

type values = map[string]any

// render returns the text of each template that is not empty, by its name.
func render(v values) (map[string]string, error) {
	c, err := loader.Load(dir)
	if err != nil {
		return nil, err
	}
	release := chartutil.ReleaseOptions{Name: "numwatch", Namespace: "numwatch", IsInstall: true}
	all, err := chartutil.ToRenderValues(c, v, release, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	texts := map[string]string{}
	for name, text := range files {
		if strings.TrimSpace(text) != "" && path.Ext(name) == ".yaml" {
			texts[path.Base(name)] = strings.TrimSpace(text) + "\n"
		}
	}
	return texts, err
}

// objects renders the chart and decodes every object, as strictly as a cluster
// that refuses unknown and repeated keys. Those of the Prometheus operator, whose
// types are not at hand, remain maps.
func objects(t *testing.T, v values) map[string]any {
	t.Helper()
	texts, err := render(v)
	require.NoError(t, err)
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	all := map[string]any{}
	for name, text := range texts {
		for document := range strings.SplitSeq(text, "\n---\n") {
			var head struct {
				Kind     string
				Metadata struct{ Name, Namespace string }
			}
			require.NoError(t, yaml.Unmarshal([]byte(document), &head), name)
			require.Equal(t, "numwatch", head.Metadata.Namespace, name)
			id := head.Kind + " " + head.Metadata.Name
			require.NotContains(t, all, id)
			object, _, err := decoder.Decode([]byte(document), nil, nil)
			if runtime.IsNotRegisteredError(err) {
				var m map[string]any
				require.NoError(t, yaml.UnmarshalStrict([]byte(document), &m), name)
				all[id] = m
				continue
			}
			require.NoError(t, err, "%s\n%s", name, document)
			all[id] = object
		}
	}
	return all
}

func of[T any](t *testing.T, all map[string]any, id string) T {
	t.Helper()
	object, ok := all[id].(T)
	require.True(t, ok, "%s is not among %v", id, slices.Sorted(maps.Keys(all)))
	return object
}

var several = values{
	"natsURL": "nats://nats.nats:4222", "replicas": values{"enabled": true, "count": 3, "lease": "15s"}, "env": values{"HTTPS_PROXY": "http://proxy:3128"},
}

var everything = values{
	"image":               values{"digest": "sha256:" + strings.Repeat("0", 64), "pullSecrets": []any{"pull"}},
	"existingSecrets":     []any{"keys", "tokens"},
	"env":                 values{"HTTPS_PROXY": "http://proxy:3128"},
	"natsURL":             "nats://nats.nats:4222",
	"rules":               "  # indented\nversion: 1\n",
	"files":               values{"spaces.csv": "id,name\n1,\"A: \t#\"\n"},
	"serviceAccount":      values{"annotations": values{"a": "b"}},
	"rrsa":                values{"roleName": "watcher"},
	"persistence":         values{"storageClass": "fast"},
	"networkPolicy":       values{"egress": []any{values{"ports": []any{values{"port": 4222, "protocol": "TCP"}}}}},
	"serviceMonitor":      values{"enabled": true, "labels": values{"release": "prometheus"}},
	"prometheusRule":      values{"enabled": true, "labels": values{"release": "prometheus"}},
	"dashboard":           values{"enabled": true},
	"podDisruptionBudget": values{"enabled": true},
	"podAnnotations":      values{"a": "b"},
	"podLabels":           values{"c": "d"},
	"nodeSelector":        values{"e": "f"},
	"tolerations":         []any{values{"operator": "Exists"}},
	"priorityClassName":   "high",
}

func TestLint(t *testing.T) {
	for name, v := range map[string]values{"defaults": {}, "everything": everything, "replicas": several} {
		for _, m := range lint.All(dir, v, "numwatch", true).Messages {
			require.Less(t, m.Severity, support.WarningSev, "%s: %s", name, m.Error())
		}
	}
}

func TestDefaults(t *testing.T) {
	all := objects(t, nil)
	require.ElementsMatch(t, slices.Collect(maps.Keys(all)), []string{
		"ServiceAccount numwatch", "ConfigMap numwatch-config", "ConfigMap numwatch-rules", "Service numwatch",
		"StatefulSet numwatch", "NetworkPolicy numwatch",
	})
	rules, err := os.ReadFile("../../rules.yaml")
	require.NoError(t, err)
	require.Equal(t, string(rules), of[*corev1.ConfigMap](t, all, "ConfigMap numwatch-rules").Data["rules.yaml"])
}

func TestEverything(t *testing.T) {
	all := objects(t, everything)
	pod := of[*appsv1.StatefulSet](t, all, "StatefulSet numwatch").Spec.Template
	bot := pod.Spec.Containers[0]
	require.Equal(t, "registry.example.com/numwatch@sha256:"+strings.Repeat("0", 64), bot.Image)
	require.Equal(t, "pull", pod.Spec.ImagePullSecrets[0].Name)
	require.Equal(t, []string{"keys", "tokens"}, []string{bot.EnvFrom[0].SecretRef.Name, bot.EnvFrom[1].SecretRef.Name})
	require.Equal(t, []corev1.EnvVar{{Name: "HTTPS_PROXY", Value: "http://proxy:3128"}}, bot.Env)
	require.Equal(t, "b", pod.Annotations["a"])
	require.Equal(t, "d", pod.Labels["c"])
	require.Equal(t, map[string]string{"e": "f"}, pod.Spec.NodeSelector)
	require.Len(t, pod.Spec.Tolerations, 1)
	require.Equal(t, "high", pod.Spec.PriorityClassName)
	require.Equal(t, "fast", *of[*appsv1.StatefulSet](t, all, "StatefulSet numwatch").Spec.VolumeClaimTemplates[0].Spec.StorageClassName)

	account := of[*corev1.ServiceAccount](t, all, "ServiceAccount "+pod.Spec.ServiceAccountName)
	require.Equal(t, map[string]string{"a": "b", "pod-identity.alibabacloud.com/role-name": "watcher"}, account.Annotations)
	budget := of[*policyv1.PodDisruptionBudget](t, all, "PodDisruptionBudget numwatch")
	require.Subset(t, pod.Labels, budget.Spec.Selector.MatchLabels)

	files := of[*corev1.ConfigMap](t, all, "ConfigMap numwatch-rules").Data
	require.Equal(t, map[string]string{"rules.yaml": everything["rules"].(string), "spaces.csv": everything["files"].(values)["spaces.csv"].(string)}, files)
}

// With a NATS server elsewhere nothing listens for its clients.
func TestNATSElsewhere(t *testing.T) {
	all := objects(t, everything)
	var config struct{ NATS map[string]string }
	require.NoError(t, yaml.Unmarshal([]byte(of[*corev1.ConfigMap](t, all, "ConfigMap numwatch-config").Data["config.yaml"]), &config))
	require.Equal(t, map[string]string{"url": "nats://nats.nats:4222", "token": "${NUMWATCH_NATS_TOKEN}"}, config.NATS)
	require.Len(t, of[*corev1.Service](t, all, "Service numwatch").Spec.Ports, 1)
	require.Len(t, of[*appsv1.StatefulSet](t, all, "StatefulSet numwatch").Spec.Template.Spec.Containers[0].Ports, 1)
	policy := of[*networkingv1.NetworkPolicy](t, all, "NetworkPolicy numwatch").Spec
	require.Len(t, policy.Ingress, 1)
	require.Equal(t, int32(4222), policy.Egress[2].Ports[0].Port.IntVal)
}

// Several pods, each with a volume and a name of its own, that reach each other.
func TestReplicas(t *testing.T) {
	all := objects(t, several)
	set := of[*appsv1.StatefulSet](t, all, "StatefulSet numwatch").Spec
	require.EqualValues(t, 3, *set.Replicas)
	require.Equal(t, appsv1.ParallelPodManagement, set.PodManagementPolicy)
	require.Len(t, set.VolumeClaimTemplates, 1)
	apart := set.Template.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0]
	require.Equal(t, set.Selector.MatchLabels, apart.LabelSelector.MatchLabels)
	env := set.Template.Spec.Containers[0].Env
	require.Equal(t, "metadata.name", env[0].ValueFrom.FieldRef.FieldPath)
	require.Equal(t, "HTTPS_PROXY", env[1].Name)

	var config struct {
		Replicas map[string]string
		HTTP     struct{ Listen string }
	}
	require.NoError(t, yaml.Unmarshal([]byte(of[*corev1.ConfigMap](t, all, "ConfigMap numwatch-config").Data["config.yaml"]), &config))
	service := of[*corev1.Service](t, all, "Service "+set.ServiceName)
	require.True(t, service.Spec.PublishNotReadyAddresses, "a replica needs others to become ready")
	require.Equal(t, values{
		"name": "main", "id": "${POD_NAME}", "lease": "15s",
		"advertise": fmt.Sprintf("http://${POD_NAME}.%s.%s:%d", service.Name, service.Namespace, service.Spec.Ports[0].Port),
	}, values{"name": config.Replicas["name"], "id": config.Replicas["id"], "lease": config.Replicas["lease"], "advertise": config.Replicas["advertise"]})

	budget := of[*policyv1.PodDisruptionBudget](t, all, "PodDisruptionBudget numwatch").Spec
	require.Nil(t, budget.MinAvailable)
	require.Equal(t, 1, budget.MaxUnavailable.IntValue())
	policy := of[*networkingv1.NetworkPolicy](t, all, "NetworkPolicy numwatch").Spec
	require.Equal(t, set.Selector.MatchLabels, policy.Ingress[1].From[0].PodSelector.MatchLabels)
	require.Equal(t, set.Selector.MatchLabels, policy.Egress[2].To[0].PodSelector.MatchLabels)

	own := values{"affinity": values{"nodeAffinity": values{}}}
	own["natsURL"], own["replicas"] = several["natsURL"], several["replicas"]
	pod := of[*appsv1.StatefulSet](t, objects(t, own), "StatefulSet numwatch").Spec.Template.Spec
	require.Nil(t, pod.Affinity.PodAntiAffinity)
}

// What Prometheus and Grafana get is what deploy has for them.
func TestMonitoring(t *testing.T) {
	all := objects(t, everything)
	var alerts map[string]any
	read(t, "../../deploy/prometheus-alerts.yaml", &alerts)
	rule := of[map[string]any](t, all, "PrometheusRule numwatch")
	require.Equal(t, "monitoring.coreos.com/v1", rule["apiVersion"])
	require.Equal(t, alerts, rule["spec"])

	var dashboard, shipped any
	board := of[*corev1.ConfigMap](t, all, "ConfigMap numwatch-dashboard")
	require.Equal(t, "1", board.Labels["grafana_dashboard"])
	require.NoError(t, yaml.Unmarshal([]byte(board.Data["numwatch.json"]), &dashboard))
	read(t, "../../deploy/grafana-dashboard.json", &shipped)
	require.Equal(t, shipped, dashboard)

	monitor := of[map[string]any](t, all, "ServiceMonitor numwatch")
	labels := of[*corev1.Service](t, all, "Service numwatch").Labels
	spec := monitor["spec"].(values)
	require.Equal(t, "numwatch", labels[spec["jobLabel"].(string)], "the alerts and the dashboard expect this job")
	for name, value := range spec["selector"].(values)["matchLabels"].(values) {
		require.Equal(t, value, labels[name])
	}
	require.Equal(t, []any{values{
		"port": "http", "interval": "30s",
		"authorization": values{"credentials": values{"name": "numwatch", "key": "NUMWATCH_HTTP_TOKEN"}},
	}}, spec["endpoints"])
	for _, kind := range []values{monitor, rule} {
		require.Equal(t, "prometheus", kind["metadata"].(values)["labels"].(values)["release"])
	}
}

func read(t *testing.T, file string, v any) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(data, v))
}

func TestOwnVolumeAndRules(t *testing.T) {
	all := objects(t, values{
		"persistence": values{"existingClaim": "mine"}, "existingRules": "ours",
		"serviceAccount": values{"create": false}, "networkPolicy": values{"enabled": false},
	})
	require.Len(t, all, 3)
	set := of[*appsv1.StatefulSet](t, all, "StatefulSet numwatch").Spec
	require.Empty(t, set.VolumeClaimTemplates)
	require.Equal(t, "default", set.Template.Spec.ServiceAccountName)
	from := map[string]string{}
	for _, v := range set.Template.Spec.Volumes {
		if v.ConfigMap != nil {
			from[v.Name] = v.ConfigMap.Name
		} else {
			from[v.Name] = v.PersistentVolumeClaim.ClaimName
		}
	}
	require.Equal(t, map[string]string{"config": "numwatch-config", "rules": "ours", "data": "mine"}, from)
}

// A change of config.yaml restarts the pod, one of the rules does not.
func TestWhatRestartsThePod(t *testing.T) {
	pod := func(v values) any {
		return of[*appsv1.StatefulSet](t, objects(t, v), "StatefulSet numwatch").Spec.Template
	}
	require.Equal(t, pod(nil), pod(values{"rules": "version: 1\n"}))
	require.NotEqual(t, pod(nil), pod(values{"config": values{"log": values{"level": "debug"}}}))
}

func TestSchemaRefuses(t *testing.T) {
	for where, v := range map[string]values{
		"/replicas":               {"replicas": 2},
		"/replicas/count":         {"natsURL": "nats://nats:4222", "replicas": values{"enabled": true, "count": 4}},
		"/natsURL":                {"replicas": values{"enabled": true}},
		"/image/digest":           {"image": values{"digest": "latest"}},
		"/existingSecrets":        {"existingSecrets": "numwatch"},
		"/persistence/accessMode": {"persistence": values{"accessMode": "ReadWriteMany"}},
		"/persistence/size":       {"persistence": values{"size": "10GB"}},
		"/startupSeconds":         {"startupSeconds": 1},
		"/serviceMonitor":         {"serviceMonitor": values{"enable": true}},
		"/config":                 {"config": values{"http": nil}},
	} {
		_, err := render(v)
		require.ErrorContains(t, err, where)
	}
	_, err := render(values{"natsURL": "nats.nats:4222"})
	require.ErrorContains(t, err, "/natsURL")
	_, err = render(values{"natsURL": "nats://nats:4222", "replicas": values{"enabled": true}, "persistence": values{"existingClaim": "mine"}})
	require.ErrorContains(t, err, "/persistence/existingClaim")
}

const about = `# numwatch in a namespace of its own, with the NATS server that it embeds: what the
# chart of deploy/helm renders (make manifests). Put your configuration into its
# ConfigMap and your image into its StatefulSet, or use the chart.
#
#   kubectl apply -f deploy/kubernetes/namespace.yaml
#   kubectl apply -f my-secret.yaml      # see secret.example.yaml
#   kubectl -n numwatch create configmap numwatch-rules --from-file=rules.yaml
#   kubectl apply -f deploy/kubernetes/numwatch.yaml

`

func TestManifest(t *testing.T) {
	texts, err := render(values{"existingRules": "numwatch-rules"})
	require.NoError(t, err)
	var want bytes.Buffer
	want.WriteString(about)
	for i, name := range slices.Sorted(maps.Keys(texts)) {
		if i > 0 {
			fmt.Fprintln(&want, "---")
		}
		want.WriteString(texts[name])
	}
	if *update {
		require.NoError(t, os.WriteFile(manifest, want.Bytes(), 0o644))
	}
	is, err := os.ReadFile(manifest)
	require.NoError(t, err)
	require.Equal(t, want.String(), string(is), "make manifests writes the file anew")
}
