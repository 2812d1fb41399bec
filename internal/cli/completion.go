package cli

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"numwatch/internal/cli/command"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish. Load it with: source <(numwatch completion bash), likewise in zsh; numwatch completion fish | source."`
}

// completionScripts ask the program itself what may follow the words before the
// cursor: see completeCommand.
var completionScripts = map[string]string{
	"bash": `# Completion of numwatch for bash: source <(numwatch completion bash)
_numwatch() {
  COMPREPLY=($(compgen -W "$(numwatch complete -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" | cut -f 1)" -- "${COMP_WORDS[COMP_CWORD]}"))
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
	_, err := fmt.Fprint(p.Stdout, completionScripts[c.Shell])
	return err
}

// completeCommand is what the scripts call.
type completeCommand struct {
	Words []string `arg:"" optional:"" help:"The words before the one to complete."`
}

// Run prints what may come next, one a line: the word, a tab, and its help.
func (c *completeCommand) Run(k *kong.Context, p *command.Program) error {
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
		if last == "--"+f.Name && f.Enum != "" {
			fmt.Fprintln(p.Stdout, strings.Join(f.EnumSlice(), "\n"))
			return nil
		}
		fmt.Fprintf(&lines, "--%s\t%s\n", f.Name, f.Help)
	}
	for _, child := range at.Children {
		if !child.Hidden {
			fmt.Fprintf(&lines, "%s\t%s\n", child.Name, child.Help)
		}
	}
	_, err := fmt.Fprint(p.Stdout, lines.String())
	return err
}
