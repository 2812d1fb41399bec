package card

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"numwatch/internal/browsertest"

	"github.com/chromedp/chromedp"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
)

// pictureVariable names a folder for the pictures that docs/slack.md shows; without it
// none are kept.
const pictureVariable = "NUMWATCH_SCREENSHOTS"

//go:embed testdata/states.html
var statesPage string

// drawn is a state as the page draws it.
type drawn struct {
	Name    string
	Reply   bool
	Blocks  []drawnBlock
	Buttons []string
}

type drawnBlock struct {
	Kind  string
	Texts []template.HTML
}

func drawState(s shown) drawn {
	d := drawn{Name: s.name, Reply: s.reply}
	for _, b := range s.card.Buttons {
		d.Buttons = append(d.Buttons, b.Label(s.card.Language))
	}
	for _, b := range s.card.Blocks() {
		block := drawnBlock{Kind: string(b.BlockType())}
		switch b := b.(type) {
		case *slack.HeaderBlock:
			block.Texts = []template.HTML{drawText(b.Text)}
		case *slack.SectionBlock:
			block.Texts = []template.HTML{drawText(b.Text)}
		case *slack.ContextBlock:
			for _, e := range b.ContextElements.Elements {
				block.Texts = append(block.Texts, drawText(e.(*slack.TextBlockObject)))
			}
		}
		d.Blocks = append(d.Blocks, block)
	}
	return d
}

var (
	boldText   = regexp.MustCompile(`(^|[\s(])\*([^*\n]+)\*`)
	italicText = regexp.MustCompile(`(^|[\s(])_([^_\n]+(?:\w_\w[^_\n]*)*)_([\s:.,]|$)`)
	linkText   = regexp.MustCompile(`<(https?://[^|>]+)\|([^>]+)>`)
	dateText   = regexp.MustCompile(`<!date\^\d+\^[^|]+\|([^>]+)>`)
	signs      = map[string]string{"🔴": "#e01e3c", "🟠": "#f2952f", "🟡": "#eec200", "🔵": "#3b88fd", "🟢": "#2bac76", "⚪": "#b8bbc0"}
)

// drawText is a text object as HTML. Signs are drawn, as not every machine has a
// font with colours.
func drawText(o *slack.TextBlockObject) template.HTML {
	text := o.Text
	if o.Type == slack.PlainTextType {
		text = template.HTMLEscapeString(text)
	} else {
		text = dateText.ReplaceAllString(text, "$1")
		text = strings.ReplaceAll(text, "<!subteam^S012>", "[on call]")
		text = linkText.ReplaceAllString(text, `<a href="$1">$2</a>`)
		text = boldText.ReplaceAllString(text, "$1<b>$2</b>")
		text = italicText.ReplaceAllString(text, "$1<em>$2</em>$3")
		text = strings.ReplaceAll(text, "[on call]", "<mark>@wa-oncall</mark>")
	}
	for sign, color := range signs {
		text = strings.ReplaceAll(text, sign, `<i class="dot" style="background:`+color+`"></i>`)
	}
	return template.HTML(strings.ReplaceAll(text, "\n", "<br>"))
}

func TestStatesAreDrawn(t *testing.T) {
	page := template.Must(template.New("states").Parse(statesPage))
	all := drawStates(states())
	main := []string{"one fact", "recovered", "flapping", "a list with critical ones", "joined", "one fact over", "the end", "reminder"}
	chinese := drawStates(slices.DeleteFunc(statesIn(chineseCards()), func(s shown) bool { return !slices.Contains(main, s.name) }))
	require.Len(t, chinese, len(main))
	for _, picture := range []struct {
		name, look, language string
		states               []drawn
		keep                 []color.Color
	}{{"light", "light", "en", all, nil}, {"dark", "dark", "en", all, nil}, {"zh", "light", "zh", chinese, plainColors}} {
		t.Run(picture.name, func(t *testing.T) {
			var html bytes.Buffer
			require.NoError(t, page.Execute(&html, map[string]any{"Look": picture.look, "Language": picture.language, "States": picture.states}))
			require.Equal(t, len(picture.states), strings.Count(html.String(), "<figure>"))
			require.NotContains(t, html.String(), "&lt;http", "a link of a message is a link")
			drawn := photograph(t, html.Bytes())
			require.Equal(t, 1040, drawn.Bounds().Dx(), "nothing is wider than the page")
			if folder := os.Getenv(pictureVariable); folder != "" {
				require.NoError(t, os.MkdirAll(folder, 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(folder, "slack-"+picture.name+".png"), compact(t, drawn, picture.keep...), 0o644))
			}
		})
	}
}

func drawStates(states []shown) (all []drawn) {
	for _, s := range states {
		if s.name == "one fact" {
			s.card.Mention = []string{"<!subteam^S012>"}
		}
		all = append(all, drawState(s))
	}
	return all
}

func TestMain(m *testing.M) { os.Exit(browsertest.Run(m)) }

// photograph opens a page in Chromium.
func photograph(t *testing.T, html []byte) image.Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "states.html")
	require.NoError(t, os.WriteFile(path, html, 0o644))
	bounded, cancel := context.WithTimeout(browsertest.Open(t), 2*time.Minute)
	defer cancel()
	require.NoError(t, chromedp.Do(bounded, chromedp.EmulateViewport(1040, 900), chromedp.Navigate("file://"+path), chromedp.WaitReady("body")))
	raw, err := chromedp.Run(bounded, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	picture, err := png.Decode(bytes.NewReader(raw))
	require.NoError(t, err)
	return picture
}

// apart is how much the colours of a compact picture differ at least.
const apart = 6 << 13

func distance(x, y color.Color) (sum int) {
	r1, g1, b1, _ := x.RGBA()
	r2, g2, b2, _ := y.RGBA()
	for _, d := range []int{int(r1) - int(r2), int(g1) - int(g2), int(b1) - int(b2)} {
		sum += max(d, -d)
	}
	return sum
}

// plainColors are those of small print and links.
var plainColors = []color.Color{color.RGBA{97, 96, 97, 255}, color.RGBA{18, 100, 163, 255}}

// compact is the picture as a PNG of a dozen colours: those of the signs and others to
// keep, and of those that differ the ones that are used most.
func compact(t *testing.T, picture image.Image, keep ...color.Color) []byte {
	t.Helper()
	count := map[color.Color]int{}
	b := picture.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[picture.At(x, y)]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(count), func(x, y color.Color) int {
		return cmp.Or(cmp.Compare(count[y], count[x]), cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)))
	})
	palette := color.Palette{color.RGBA{224, 30, 60, 255}, color.RGBA{242, 149, 47, 255}, color.RGBA{238, 194, 0, 255}, color.RGBA{43, 172, 118, 255}} // signs
	palette = append(palette, keep...)
	for _, c := range colors {
		if len(palette) < 10 && distance(palette[palette.Index(c)], c) > apart {
			palette = append(palette, c)
		}
	}
	small := image.NewPaletted(b, palette)
	draw.Draw(small, b, picture, b.Min, draw.Src)
	var out bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small))
	return out.Bytes()
}
