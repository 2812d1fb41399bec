package command

import (
	"reflect"
	"time"

	"github.com/alecthomas/kong"

	"numwatch/phone"
)

// Durations has flags that are a time.Duration read what the files say too: 90s, 1h30m, 7d.
func Durations() kong.Option {
	return kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
			return err
		}
		d, err := phone.ParseDuration(text)
		if err == nil {
			target.SetInt(int64(d))
		}
		return err
	}))
}
