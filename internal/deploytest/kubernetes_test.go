package deploytest

import (
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The types of this file are as much of Kubernetes as deploy uses: any other key
// is a slip. A module of its own, tools/chart, renders the chart that the manifests
// come from, with all that can be set.

const manifests = "deploy/kubernetes/numwatch.yaml"

// object decodes the one object of a kind, and of a name, in the manifests.
func object[T any](t *testing.T, kind, name string) (v T) {
	t.Helper()
	for document := range strings.SplitSeq(string(read(t, manifests)), "\n---\n") {
		var head struct {
			Kind     string
			Metadata metadata
		}
		require.NoError(t, yaml.Unmarshal([]byte(document), &head))
		if head.Kind == kind && head.Metadata.Name == name {
			d := yaml.NewDecoder(strings.NewReader(document))
			d.KnownFields(true)
			require.NoError(t, d.Decode(&v), "%s %s", kind, name)
			return v
		}
	}
	require.Fail(t, "there is no "+kind+" "+name)
	return v
}

type metadata struct {
	Name, Namespace     string
	Labels, Annotations map[string]string
}

type configMap struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   metadata
	Data       map[string]string
}

type selectorOf struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type statefulSet struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   metadata
	Spec       struct {
		ServiceName string `yaml:"serviceName"`
		Replicas    int
		Selector    selectorOf
		Template    struct {
			Metadata metadata
			Spec     podSpec
		}
		Claims []struct {
			Metadata metadata
			Spec     struct {
				AccessModes []string `yaml:"accessModes"`
				Resources   struct{ Requests map[string]string }
			}
		} `yaml:"volumeClaimTemplates"`
	}
}

type podSpec struct {
	Account         string `yaml:"serviceAccountName"`
	Token           *bool  `yaml:"automountServiceAccountToken"`
	ServiceLinks    *bool  `yaml:"enableServiceLinks"`
	Grace           int    `yaml:"terminationGracePeriodSeconds"`
	SecurityContext struct {
		NonRoot bool                  `yaml:"runAsNonRoot"`
		User    int                   `yaml:"runAsUser"`
		Group   int                   `yaml:"runAsGroup"`
		FSGroup int                   `yaml:"fsGroup"`
		Change  string                `yaml:"fsGroupChangePolicy"`
		Seccomp struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []container
	Volumes    []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
	}
}

type container struct {
	Name, Image string
	PullPolicy  string `yaml:"imagePullPolicy"`
	Args        []string
	EnvFrom     []struct {
		SecretRef struct{ Name string } `yaml:"secretRef"`
	} `yaml:"envFrom"`
	Ports []struct {
		Name string
		Port int `yaml:"containerPort"`
	}
	Liveness        probe `yaml:"livenessProbe"`
	Readiness       probe `yaml:"readinessProbe"`
	Startup         probe `yaml:"startupProbe"`
	Resources       struct{ Requests, Limits map[string]string }
	SecurityContext struct {
		Escalation   *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnly     bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities struct{ Drop []string }
	} `yaml:"securityContext"`
	Mounts []struct {
		Name     string
		Path     string `yaml:"mountPath"`
		ReadOnly bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTP *struct{ Path, Port string } `yaml:"httpGet"`

	Period   int `yaml:"periodSeconds"`
	Timeout  int `yaml:"timeoutSeconds"`
	Failures int `yaml:"failureThreshold"`
}

func workload(t *testing.T) statefulSet {
	return object[statefulSet](t, "StatefulSet", "numwatch")
}

func TestStatefulSet(t *testing.T) {
	set, i := workload(t), dockerfile(t)
	require.Equal(t, 1, set.Spec.Replicas, "the store has one opener")
	require.Equal(t, set.Spec.Selector.MatchLabels, set.Spec.Template.Metadata.Labels)
	pod := set.Spec.Template.Spec
	require.GreaterOrEqual(t, pod.Grace, 20)
	require.True(t, pod.SecurityContext.NonRoot)
	require.Equal(t, i.user, strconv.Itoa(pod.SecurityContext.User))
	require.Equal(t, i.user, strconv.Itoa(pod.SecurityContext.FSGroup))
	require.Equal(t, "RuntimeDefault", pod.SecurityContext.Seccomp.Type)
	require.False(t, *pod.Token)

	require.Len(t, pod.Containers, 1)
	c := pod.Containers[0]
	require.False(t, *c.SecurityContext.Escalation)
	require.True(t, c.SecurityContext.ReadOnly)
	require.Equal(t, []string{"ALL"}, c.SecurityContext.Capabilities.Drop)
	mounts := map[string]string{}
	for _, m := range c.Mounts {
		mounts[m.Name] = m.Path
	}
	require.Equal(t, i.volume, mounts[set.Spec.Claims[0].Metadata.Name])
	require.Equal(t, mounts["config"], path.Dir(flag(t, c.Args, "--config")))
	require.Equal(t, mounts["rules"], path.Dir(flag(t, c.Args, "--rules")))
	ports := map[string]string{}
	for _, p := range c.Ports {
		ports[p.Name] = strconv.Itoa(p.Port)
		require.Contains(t, i.ports, strconv.Itoa(p.Port))
	}

	config := object[configMap](t, "ConfigMap", "numwatch-config").Data["config.yaml"]
	conf := configured(t, manifests, []byte(config), secretNames(t))
	require.Equal(t, "0.0.0.0:"+ports["http"], conf.HTTP.Listen)
	require.Equal(t, "0.0.0.0:"+ports["nats"], conf.NATS.Listen)
	require.Equal(t, i.volume, path.Dir(conf.Store.Path))
	require.Equal(t, i.volume, path.Dir(conf.NATS.Dir))
}

// The pod finds all that it names: some of it in the manifests, and what the
// manifests tell people to create beside them.
func TestPodFindsWhatItNames(t *testing.T) {
	template := workload(t).Spec.Template
	object[struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   metadata
		Token      bool `yaml:"automountServiceAccountToken"`
	}](t, "ServiceAccount", template.Spec.Account)
	maps := map[string]string{}
	for _, v := range template.Spec.Volumes {
		maps[v.Name] = v.ConfigMap.Name
	}
	object[configMap](t, "ConfigMap", maps["config"])
	require.NotEmpty(t, template.Metadata.Annotations["checksum/config"], "a change of config.yaml restarts no pod")
	for _, page := range []string{manifests, "docs/operations.md"} {
		require.Contains(t, string(read(t, page)), "create configmap "+maps["rules"]+" --from-file=rules.yaml")
	}
	var secret struct{ Metadata metadata }
	require.NoError(t, yaml.Unmarshal(read(t, "deploy/kubernetes/secret.example.yaml"), &secret))
	require.Equal(t, secret.Metadata.Name, template.Spec.Containers[0].EnvFrom[0].SecretRef.Name)
}

func TestServiceAndPolicy(t *testing.T) {
	set := workload(t)
	type port struct{ Port, Protocol string }
	service := object[struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   metadata
		Spec       struct {
			ClusterIP string `yaml:"clusterIP"`
			NotReady  bool   `yaml:"publishNotReadyAddresses"`
			Selector  map[string]string
			Ports     []struct {
				Name, Port string
				Target     string `yaml:"targetPort"`
			}
		}
	}](t, "Service", "numwatch")
	require.Equal(t, set.Spec.ServiceName, service.Metadata.Name)
	require.Equal(t, set.Spec.Selector.MatchLabels, service.Spec.Selector)
	named := map[string]bool{}
	for _, p := range set.Spec.Template.Spec.Containers[0].Ports {
		named[p.Name] = true
	}
	for _, p := range service.Spec.Ports {
		require.True(t, named[p.Target], p.Target)
	}

	policy := object[struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   metadata
		Spec       struct {
			PodSelector selectorOf `yaml:"podSelector"`
			PolicyTypes []string   `yaml:"policyTypes"`
			Ingress     []struct {
				From []struct {
					Namespaces selectorOf `yaml:"namespaceSelector"`
					Pods       selectorOf `yaml:"podSelector"`
				}
				Ports []port
			}
			Egress []struct{ Ports []port }
		}
	}](t, "NetworkPolicy", "numwatch")
	require.Equal(t, set.Spec.Selector.MatchLabels, policy.Spec.PodSelector.MatchLabels)
	for _, rule := range policy.Spec.Ingress {
		for _, p := range rule.Ports {
			require.True(t, named[p.Port], p.Port)
		}
	}
	space := strictly[struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   metadata
	}](t, "deploy/kubernetes/namespace.yaml")
	require.Equal(t, "restricted", space.Metadata.Labels["pod-security.kubernetes.io/enforce"])
}

// Every probe finds a bot well that is well, without a token that only a Secret
// may hold: the kubelet asks from beyond the pod.
func TestProbes(t *testing.T) {
	w := newTestbed(t)
	b := w.start(t, "run")
	c := workload(t).Spec.Template.Spec.Containers[0]
	for name, p := range map[string]probe{"liveness": c.Liveness, "readiness": c.Readiness, "startup": c.Startup} {
		require.Equal(t, "http", p.HTTP.Port, name)
		status, body := b.get(t, p.HTTP.Path, "")
		require.Equal(t, 200, status, "%s: %s", name, body)
	}
}

// A ConfigMap's volume shows its files through a link to a link, which the
// kubelet swaps. The bot, with the pod's own arguments, notices.
func TestRulesAreReloadedFromAConfigMap(t *testing.T) {
	w := newTestbed(t)
	args := strings.Join(workload(t).Spec.Template.Spec.Containers[0].Args, "\n")
	root := filepath.Join(w.dir, "etc")
	args = strings.ReplaceAll(args, "/etc/numwatch", root)
	mount(t, filepath.Join(root, "config"), "one", map[string]string{"config.yaml": configFile})
	shipped := string(read(t, "rules.yaml"))
	mount(t, filepath.Join(root, "rules"), "one", map[string]string{"rules.yaml": shipped})
	b := w.start(t, strings.Split(args, "\n")...)

	mount(t, filepath.Join(root, "rules"), "two", map[string]string{"rules.yaml": shipped + "\nnonsense: 1\n"})
	says(t, b.err, `the rules were rejected, the last good ones stay in force`)
	mount(t, filepath.Join(root, "rules"), "three", map[string]string{"rules.yaml": shipped + "\n# changed\n"})
	says(t, b.err, `the rules were reloaded`)
	b.stop(t, syscall.SIGTERM)
}

// mount puts a generation of files into a volume as the kubelet does.
func mount(t *testing.T, dir, generation string, files map[string]string) {
	t.Helper()
	to := filepath.Join(dir, ".."+generation)
	require.NoError(t, os.MkdirAll(to, 0o755))
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(to, name), []byte(content), 0o600))
		link := filepath.Join(dir, name)
		if _, err := os.Lstat(link); err != nil {
			require.NoError(t, os.Symlink(filepath.Join("..data", name), link))
		}
	}
	next := filepath.Join(dir, "..data_tmp")
	require.NoError(t, os.Symlink(".."+generation, next))
	require.NoError(t, os.Rename(next, filepath.Join(dir, "..data")))
}
