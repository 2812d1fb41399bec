package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"numwatch/internal/cli/command"
	"numwatch/internal/cli/remote"
	"numwatch/internal/cli/rulescmd"
	"numwatch/internal/config"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish. Load it with: source <(numwatch completion bash), likewise in zsh; numwatch completion fish | source."`
}

// completionScripts ask the program for completions: see completeCommand.
var completionScripts = map[string]string{
	"bash": `# Completion of numwatch for bash: source <(numwatch completion bash)
_numwatch() {
  # The words as they stand in the line: the shell takes them apart at = and :, too.
  local line="${COMP_LINE:0:COMP_POINT}" words cur
  read -ra words <<<"$line"
  cur="${line##* }"
  [[ -n "$cur" ]] && unset "words[${#words[@]}-1]"
  COMPREPLY=($(compgen -W "$(numwatch complete -- "${words[@]:1}" | cut -f 1)" -- "$cur"))
  local done="${cur%"${cur##*[=:]}"}"
  COMPREPLY=("${COMPREPLY[@]#"$done"}")
}
complete -o default -F _numwatch numwatch
`,
	"zsh": `#compdef numwatch
# Completion of numwatch for zsh: source <(numwatch completion zsh)
_numwatch() {
  local -a found
  found=("${(@f)$(numwatch complete -- "${(@)words[2,CURRENT-1]}")}")
  found=("${(@)found//:/\\:}")
  found=("${(@)found//$'\t'/:}")
  [[ -n "$found" ]] && _describe numwatch found || _files
}
# Sourced, or loaded by completion itself from a folder of fpath.
if [[ "$funcstack[1]" = _numwatch ]]; then _numwatch; else compdef _numwatch numwatch; fi
`,
	"fish": `# Completion of numwatch for fish: numwatch completion fish | source
complete -c numwatch -a '(numwatch complete -- (commandline -opc)[2..-1])'
`,
}

// Run prints a script that completes commands, flags and the values of flags
// that have only a few.
func (c *completionCommand) Run(p *command.Program) error {
	p.Printf("%s", completionScripts[c.Shell])
	return nil
}

// completeCommand is what the scripts call.
type completeCommand struct {
	Words []string `arg:"" optional:"" help:"The words before the one to complete."`
}

// Run prints what may come next, one a line: the word, a tab, and its help.
func (c *completeCommand) Run(ctx context.Context, k *kong.Context, p *command.Program) error {
	at, last := k.Model.Node, ""
	for _, word := range c.Words {
		for _, child := range at.Children {
			if child.Name == word {
				at = child
			}
		}
		last = word
	}
	var flags []*kong.Flag
	for _, group := range at.AllFlags(true) {
		flags = append(flags, group...)
	}
	var lines strings.Builder
	for _, f := range flags {
		if last == "--"+f.Name && !f.IsBool() {
			values := f.EnumSlice()
			if kind := f.Tag.Get("complete"); kind != "" {
				values = c.values(ctx, p, kind)
			}
			p.Printf("%s", strings.Join(append(values, ""), "\n"))
			return nil
		}
		fmt.Fprintf(&lines, "--%s\t%s\n", f.Name, f.Help)
	}
	for _, child := range at.Children {
		if !child.Hidden {
			fmt.Fprintf(&lines, "%s\t%s\n", child.Name, child.Help)
		}
	}
	for _, arg := range at.Positional {
		if kind := arg.Tag.Get("complete"); kind != "" {
			for _, value := range c.values(ctx, p, kind) {
				fmt.Fprintln(&lines, value)
			}
		}
	}
	p.Printf("%s", lines.String())
	return nil
}

// values returns the completions of a kind that a tag names: of a rules file or the
// configuration here, or what the running bot knows.
func (c *completeCommand) values(ctx context.Context, p *command.Program, kind string) []string {
	switch kind {
	case "rules in file":
		return rulescmd.RuleNames("rules.yaml")
	case "spaces in file":
		return spacesHere(p)
	default:
		return remote.Complete(ctx, p, kind)
	}
}

// spacesHere returns the ids of the spaces that the configuration in this folder names.
func spacesHere(p *command.Program) (ids []string) {
	cfg, err := config.Load(command.ConfigName, p.Env)
	if err != nil {
		return nil
	}
	for i := range cfg.Accounts {
		fleet, _, _ := cfg.Accounts[i].Fleet(os.ReadFile) // without the file's if it cannot be read
		for _, s := range fleet {
			ids = append(ids, s.ID)
		}
	}
	return ids
}
