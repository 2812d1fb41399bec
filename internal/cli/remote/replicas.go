package remote

import (
	"context"
	"net/http"
	"strconv"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/web/api"
)

type ReplicasListCommand struct {
	asking
}

// Run lists what a replica knows of all of them.
func (c *ReplicasListCommand) Run(ctx context.Context, p *command.Program) error {
	var r api.Replicas
	if err := c.GetJSON(ctx, p, "/api/v1/replicas", &r); err != nil {
		return err
	}
	c.Print(p, r, func() { printReplicas(p, &r) })
	return nil
}

func printReplicas(p *command.Program, r *api.Replicas) {
	if len(r.Replicas) == 0 {
		p.Printf("this numwatch has no replicas\n")
		return
	}
	var rows [][]string
	for _, m := range r.Replicas {
		role, same := m.Role, "same"
		if m.Why != "" {
			role += ": " + m.Why
		}
		if m.Differs {
			same = "DIFFERENT"
		}
		rows = append(rows, []string{alert.Plain(m.ID), role, strconv.FormatUint(m.Seq, 10), alert.Plain(m.Version), same, ago(m.Heard), alert.Plain(m.URL)})
	}
	p.PrintTable([]string{"REPLICA", "ROLE", "RECORD", "VERSION", "ACCOUNTS AND RULES", "HEARD", "URL"}, rows)
	for _, m := range r.Replicas {
		if m.Text != "" {
			p.Printf("\n%s\n", p.Hanging(alert.Plain(m.ID)+": ", alert.Plain(m.Text)))
		}
	}
}

type ReplicasHandOverCommand struct {
	asking
	person
}

// Run has another replica lead.
func (c *ReplicasHandOverCommand) Run(ctx context.Context, p *command.Program) error {
	by, err := c.name(p)
	if err != nil {
		return err
	}
	return c.ask(ctx, p, http.MethodPost, "/api/v1/replicas/handover", api.ByRequest{By: by}, &struct{}{}, func() {
		p.Printf("the leader is stepping down; numwatch replicas list shows who leads next\n")
	})
}
