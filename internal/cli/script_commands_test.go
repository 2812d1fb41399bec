package cli_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rogpeppe/go-internal/testscript"

	camssim "numwatch/internal/sim/cams"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/notify/card"
)

// patience is how long a script waits for what should happen at once.
const patience = 20 * time.Second

// eventually tries until what is waited for has happened.
func eventually(ts *testscript.TestScript, happened func() bool, otherwise func() string) {
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("%s", otherwise())
		}
	}
}

// options splits name=value arguments.
func options(ts *testscript.TestScript, args []string) map[string]string {
	out := map[string]string{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		usage(ts, ok, "name=value, not "+arg)
		out[name] = value
	}
	return out
}

func duration(ts *testscript.TestScript, text string) time.Duration {
	d, err := time.ParseDuration(text)
	ts.Check(err)
	return d
}

// cloudCommand changes the cloud.
func cloudCommand(ts *testscript.TestScript, _ bool, args []string) {
	const text = "cloud set SPACE NUMBER FIELD VALUE | remove SPACE NUMBER | fault KIND [space=… code=… latency=… count=…] | clear | clock AHEAD | key ID SECRET [TOKEN]"
	usage(ts, len(args) > 0, text)
	w := worldOf(ts)
	switch what := args[0]; {
	case what == "set" && len(args) == 5:
		value, err := strconv.Unquote(`"` + args[4] + `"`)
		ts.Check(err)
		ts.Check(w.cloud.Update("main", args[1], args[2], args[3], value))
	case what == "remove" && len(args) == 3:
		ts.Check(w.cloud.RemoveNumber("main", args[1], args[2]))
	case what == "fault" && len(args) > 1:
		o := options(ts, args[2:])
		f := camssim.Fault{Kind: camssim.Kind(args[1]), Space: o["space"], Code: o["code"], Action: o["action"]}
		if o["count"] != "" {
			n, err := strconv.Atoi(o["count"])
			ts.Check(err)
			f.Count = n
		}
		if o["latency"] != "" {
			f.Kind, f.Latency = "", duration(ts, o["latency"])
		}
		w.cloud.Inject(f)
	case what == "clear":
		w.cloud.ClearFaults()
	case what == "clock" && len(args) == 2:
		w.ahead.Store(int64(duration(ts, args[1])))
	case what == "key" && len(args) > 2:
		ts.Check(w.cloud.SetKey("main", camssim.Key{AccessKeyId: args[1], AccessKeySecret: args[2], SecurityToken: strings.Join(args[3:], "")}))
	default:
		usage(ts, false, text)
	}
}

// slackCommand starts and changes Slack, and looks at what stands in a channel.
func slackCommand(ts *testscript.TestScript, neg bool, args []string) {
	const text = "slack up | fault KIND [code=…] | clear | scopes [SCOPE…] | channel NAME [archived|away] | " +
		"[!] slack shows CHANNEL PATTERN | slack dump FILE"
	usage(ts, len(args) > 0, text)
	w := worldOf(ts)
	switch what := args[0]; {
	case what == "up":
		ts.Setenv("SLACK_BOT_TOKEN", slackToken)
		ts.Check(w.slackDoor.serve(w.slack))
	case what == "scopes":
		w.slack.SetScopes(args[1:]...)
	case what == "channel" && len(args) > 1:
		i := slices.Index([]string{"wa-ops", "wa-oncall"}, args[1])
		usage(ts, i >= 0, text)
		w.slack.SetChannel(slacksim.Channel{
			ID: []string{"C000000001", "C000000002"}[i], Name: args[1],
			Archived: slices.Contains(args[2:], "archived"), NotMember: slices.Contains(args[2:], "away"),
		})
	case what == "fault" && len(args) > 1:
		w.slack.Inject(slacksim.Fault{Kind: slacksim.Kind(args[1]), Code: options(ts, args[2:])["code"]})
	case what == "clear":
		w.slack.ClearFaults()
	case what == "shows" && len(args) == 3:
		pattern := regexp.MustCompile(args[2])
		shows := func() bool { return pattern.MatchString(shown(w, args[1])) }
		if neg {
			if shows() {
				ts.Fatalf("%s shows %s:\n%s", args[1], pattern, shown(w, args[1]))
			}
			return
		}
		eventually(ts, shows, func() string { return args[1] + " does not show " + args[2] + ":\n" + shown(w, args[1]) })
	case what == "dump" && len(args) == 2:
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(shown(w, "wa-ops")+shown(w, "wa-oncall")), 0o600))
	default:
		usage(ts, false, text)
	}
}

// shown is what a channel's messages say now, their replies indented.
func shown(w *testbed, channel string) string {
	var b strings.Builder
	for _, m := range w.slack.Messages(channel) {
		b.WriteString(m.Text + "\n" + string(m.Blocks) + "\n")
		for _, r := range m.Replies {
			b.WriteString("  " + r.Text + "\n  " + string(r.Blocks) + "\n")
		}
	}
	return b.String()
}

// natsCommand starts and stops the server.
func natsCommand(ts *testscript.TestScript, _ bool, args []string) {
	const text = "nats up [token | user password] | guarded | down"
	usage(ts, len(args) > 0, text)
	w := worldOf(ts)
	switch {
	case args[0] == "up" && len(args) <= 3:
		o := &server.Options{}
		switch len(args) {
		case 2:
			o.Authorization = args[1]
		case 3:
			o.Username, o.Password = args[1], args[2]
		}
		ts.Check(w.startNATS(o))
	case args[0] == "guarded":
		o, err := guarded(ts.MkAbs("."))
		ts.Check(err)
		ts.Check(w.startNATS(o))
	case args[0] == "down":
		w.stopNATS()
	default:
		usage(ts, false, text)
	}
}

// awaitCommand waits until a file, or the answer of an API, matches, and keeps
// the first group in a variable.
func awaitCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 2 || len(args) == 3 && !neg, "await FILE|URL PATTERN [VARIABLE], or ! await FILE|URL PATTERN")
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var found []string
	read := func() string {
		if strings.HasPrefix(args[0], "http://") {
			_, text := ask(ts, http.MethodGet, args[0])
			return text
		}
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if err != nil {
			return err.Error()
		}
		return string(data)
	}
	eventually(ts, func() bool { found = pattern.FindStringSubmatch(read()); return (found != nil) != neg },
		func() string {
			return args[0] + " does not come to match, or to match no more, " + args[1] + ":\n" + read()
		})
	if len(args) == 3 {
		ts.Setenv(args[2], found[1])
	}
}

// signalCommand signals a program that was started by: exec logged NAME … &
func signalCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "signal HUP|INT|TERM|KILL NAME")
	number, ok := map[string]syscall.Signal{
		"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL,
	}[args[0]]
	usage(ts, ok, "signal HUP|INT|TERM|KILL NAME")
	ts.Check(started(ts, args[1]).Signal(number))
}

// fetchCommand keeps the answer to a request, which must have a status.
func fetchCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 4, "fetch METHOD URL STATUS FILE")
	status, text := ask(ts, args[0], args[1])
	if !slices.Contains(strings.Split(args[2], "|"), strconv.Itoa(status)) {
		ts.Fatalf("status %d, want %s\n%s", status, args[2], text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[3]), []byte(text), 0o600))
}

// ask makes a request with the bot's token and returns the answer, headers and
// body.
func ask(ts *testscript.TestScript, method, url string) (status int, text string) {
	r, err := http.NewRequestWithContext(context.Background(), method, url, nil)
	ts.Check(err)
	if token := ts.Getenv("NUMWATCH_HTTP_TOKEN"); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	var head strings.Builder
	ts.Check(answer.Header.Write(&head))
	return answer.StatusCode, head.String() + string(body)
}

// occupyCommand listens on a free address until the script ends.
func occupyCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "occupy VARIABLE")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

func connect(ts *testscript.TestScript) *nats.Conn {
	conn, err := nats.Connect(ts.Getenv("NATS_URL"), nats.Token(ts.Getenv("NUMWATCH_NATS_TOKEN")))
	ts.Check(err)
	return conn
}

// holdsCommand waits until the last message on a subject says what is given.
func holdsCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 1, "holds SUBJECT NAME=VALUE…, where ~VALUE is a part")
	want := options(ts, args[1:])
	conn := connect(ts)
	defer conn.Close()
	var last *event
	says := func() bool {
		var err error
		last, err = now(context.Background(), conn, args[0])
		ts.Check(err)
		for name, value := range want {
			if last == nil || !last.says(name, value) {
				return false
			}
		}
		return true
	}
	eventually(ts, says, func() string {
		if last == nil {
			return "nothing was published on " + args[0]
		}
		return args[0] + " holds something else: " + string(mustJSON(last))
	})
}

// streamCommand reads the whole stream as a consumer does, holds it to the
// design and keeps headers and, if asked, bodies in files.
func streamCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) <= 2, "stream [HEADERS [BODIES]]")
	conn := connect(ts)
	defer conn.Close()
	_, raw, err := everything(context.Background(), conn)
	ts.Check(err)
	var headers, bodies strings.Builder
	for _, m := range raw {
		headers.WriteString(m.Subject() + "\n")
		ts.Check(http.Header(m.Headers()).Write(&headers))
		bodies.WriteString(string(m.Data()) + "\n")
	}
	for i, text := range []string{headers.String(), bodies.String()}[:len(args)] {
		ts.Check(os.WriteFile(ts.MkAbs(args[i]), []byte(text), 0o600))
	}
}

// narrowCommand wants text to fit a terminal of 80 columns, but for lines that
// end in a word too long to be broken off, such as a subject on NATS.
func narrowCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "narrow stdout|stderr|FILE")
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		line = strings.TrimRight(line, "\n")
		last := line[strings.LastIndexByte(line, ' ')+1:]
		if n := utf8.RuneCountInString(line); n > 80 && utf8.RuneCountInString(last) < 40 {
			ts.Fatalf("%d columns: %s", n, line)
		}
	}
}

// withinCommand wants what a terminal was shown to fit its columns.
func withinCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "within COLUMNS")
	columns, err := strconv.Atoi(args[0])
	ts.Check(err)
	for line := range strings.Lines(ts.ReadFile("ttyout")) {
		line = strings.TrimRight(line, "\r\n")
		if n := card.Width(line); n > columns {
			ts.Fatalf("%d columns: %s", n, line)
		}
	}
}

// keepCommand adds the last output to a file.
func keepCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "keep FILE")
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = f.WriteString(ts.ReadFile("stdout") + ts.ReadFile("stderr"))
	ts.Check(err)
	ts.Check(f.Close())
}

// replaceCommand changes a text in a file as editors do: it writes another file
// and renames it over the first.
func replaceCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "replace OLD NEW FILE")
	path := ts.MkAbs(args[2])
	before := ts.ReadFile(args[2])
	after := strings.ReplaceAll(before, args[0], args[1])
	if after == before {
		ts.Fatalf("%s does not hold %s", args[2], args[0])
	}
	ts.Check(os.WriteFile(path+"~", []byte(after), 0o600))
	ts.Check(os.Rename(path+"~", path))
}

// renameCommand puts a file or link in the place of another in one step.
func renameCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "rename FROM TO")
	ts.Check(os.Rename(ts.MkAbs(args[0]), ts.MkAbs(args[1])))
}

// leakfreeCommand wants no secret in the files given, in any guise.
func leakfreeCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "leakfree FILE|FOLDER…")
	guises := []string{mark, hex.EncodeToString([]byte(mark)), url.QueryEscape(mark)}
	for shift := range 3 { // the mark may begin anywhere in what is encoded
		whole := base64.StdEncoding.EncodeToString([]byte("xx"[:shift] + mark + "xx"))
		guises = append(guises, whole[(8*shift+5)/6:(8*(shift+len(mark)))/6])
	}
	for _, arg := range args {
		ts.Check(filepath.WalkDir(ts.MkAbs(arg), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			for line := range strings.Lines(string(data)) {
				for _, guise := range guises {
					if strings.Contains(line, guise) {
						ts.Fatalf("%s holds a secret: %s", path, line)
					}
				}
			}
			return err
		}))
	}
}

// damageCommand overwrites what stands in a file from an offset on.
func damageCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "damage FILE OFFSET")
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt([]byte(strings.Repeat("rot ", 1024)), offset)
	ts.Check(err)
	ts.Check(f.Close())
}

// freeCommand keeps an address on which nobody listens in a variable. Another program may
// take it before the script does: good enough where a file must name a port.
func freeCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "free VARIABLE")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}
