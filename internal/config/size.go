package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var sizeUnits = map[string]int64{
	"": 1, "B": 1,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

// parseSize reads a number of bytes with an optional unit: kB, MB, GB, TB of
// 1000, KiB, MiB, GiB, TiB of 1024. It is never negative.
func parseSize(text string) (int64, error) {
	unit := strings.TrimLeft(text, "0123456789")
	n, err := strconv.ParseInt(text[:len(text)-len(unit)], 10, 64)
	factor := sizeUnits[strings.TrimSpace(unit)]
	switch {
	case factor == 0 || err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, errors.New("is not a size (write a number of bytes, 512MB or 10GiB)")
	case err != nil || n > math.MaxInt64/factor:
		return 0, errors.New("is too large")
	}
	return n * factor, nil
}
