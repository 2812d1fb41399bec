package cli

import (
	"numwatch/internal/cli/command"

	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish. Load it with: source <(numwatch completion bash), likewise in zsh; numwatch completion fish | source."`
}

// Run prints a script that completes commands, flags and the values of flags
// that have only a few.
func (c *completionCommand) Run(k *kong.Context, p *command.Program) error {
	places := placesOf("", k.Model.Node)
	print := map[string]func(io.Writer, []place) error{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	return print(p.Stdout, places)
}

// place is where on the command line something is completed: behind the words of
// a command.
type place struct {
	path     string // /silence/add; "" at the beginning
	commands []*kong.Node
	flags    []*kong.Flag
}

func placesOf(path string, n *kong.Node) []place {
	here := place{path: path}
	for _, group := range n.AllFlags(true) {
		here.flags = append(here.flags, group...)
	}
	var below []place
	for _, child := range n.Children {
		if !child.Hidden {
			here.commands = append(here.commands, child)
			below = append(below, placesOf(path+"/"+child.Name, child)...)
		}
	}
	return append([]place{here}, below...)
}

// paths are the patterns by which a shell knows a command's name from another
// word.
func paths(places []place, between string) string {
	var all []string
	for _, p := range places[1:] {
		all = append(all, p.path)
	}
	return strings.Join(all, between)
}

// values are what a flag can be, where that is said.
func values(f *kong.Flag) []string {
	if f.Enum == "" {
		return nil
	}
	return f.EnumSlice()
}

func bashCompletion(w io.Writer, places []place) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# Completion of numwatch for bash: source <(numwatch completion bash)
_numwatch() {
  local at="" i cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" found=""
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at/${COMP_WORDS[i]}" in
      %s) at="$at/${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at $prev" in
`, paths(places, "|"))
	for _, p := range places {
		for _, f := range p.flags {
			if v := values(f); v != nil {
				fmt.Fprintf(&b, "    %q) found=%q ;;\n", p.path+" --"+f.Name, strings.Join(v, " "))
			}
		}
	}
	b.WriteString("  esac\n  [ -n \"$found\" ] || case \"$at\" in\n")
	for _, p := range places {
		var words []string
		for _, c := range p.commands {
			words = append(words, c.Name)
		}
		for _, f := range p.flags {
			words = append(words, "--"+f.Name)
		}
		fmt.Fprintf(&b, "    %q) found=%q ;;\n", p.path, strings.Join(words, " "))
	}
	b.WriteString("  esac\n  COMPREPLY=($(compgen -W \"$found\" -- \"$cur\"))\n}\ncomplete -o default -F _numwatch numwatch\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func zshCompletion(w io.Writer, places []place) error {
	var b strings.Builder
	fmt.Fprintf(&b, `#compdef numwatch
# Completion of numwatch for zsh: source <(numwatch completion zsh)
_numwatch() {
  local at="" i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    case "$at/${words[i]}" in
      (%s) at="$at/${words[i]}" ;;
    esac
  done
  case "$at ${words[CURRENT-1]}" in
`, paths(places, "|"))
	for _, p := range places {
		for _, f := range p.flags {
			if v := values(f); v != nil {
				fmt.Fprintf(&b, "    (%s) compadd -- %s; return ;;\n", quoted(p.path+" --"+f.Name), strings.Join(v, " "))
			}
		}
	}
	b.WriteString("  esac\n  case \"$at\" in\n")
	item := func(name, help string) {
		fmt.Fprintf(&b, " %s", quoted(strings.ReplaceAll(name, ":", `\:`)+":"+help))
	}
	for _, p := range places {
		fmt.Fprintf(&b, "    (%s) found=(", quoted(p.path))
		for _, c := range p.commands {
			item(c.Name, c.Help)
		}
		for _, f := range p.flags {
			item("--"+f.Name, f.Help)
		}
		b.WriteString(" ) ;;\n")
	}
	b.WriteString("  esac\n  _describe -o numwatch found || _files\n}\ncompdef _numwatch numwatch\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func fishCompletion(w io.Writer, places []place) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# Completion of numwatch for fish: numwatch completion fish | source
function __numwatch_at
  set -l at ""
  for word in (commandline -opc)[2..-1]
    switch "$at/$word"
      case %s
        set at "$at/$word"
    end
  end
  test "$at" = "$argv[1]"
end
`, paths(places, " "))
	for _, p := range places {
		begin := fmt.Sprintf("complete -c numwatch -n %s", quoted(fmt.Sprintf("__numwatch_at %q", p.path)))
		for _, c := range p.commands {
			fmt.Fprintf(&b, "%s -f -a %s -d %s\n", begin, c.Name, quoted(c.Help))
		}
		for _, f := range p.flags {
			fmt.Fprintf(&b, "%s -l %s -d %s", begin, f.Name, quoted(f.Help))
			switch v := values(f); {
			case v != nil:
				fmt.Fprintf(&b, " -x -a %s", quoted(strings.Join(v, " ")))
			case !f.IsBool() && !f.IsCounter():
				b.WriteString(" -r")
			}
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted writes a text for a shell, in single quotes.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "’") + "'" }
