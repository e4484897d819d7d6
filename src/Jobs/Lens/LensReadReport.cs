using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The page of <see cref="LensReadJob"/>: a grid of layers and heads per position of the prompt.
/// </summary>
static class LensReadReport
{
    internal static HtmlReport Make(LensReadFindings found, ComputeDevice device)
    {
        LensPlaces places = found.Places;
        bool heads = places.Source.ReadsHeads, both = !places.Source.IsBaseline;
        var report = new HtmlReport(
            heads ? "What attention heads write" : "What the stream says, layer by layer");
        report.Paragraph($"The model's next token at each position of a prompt, and the tokens that "
            + (heads ? "each head points at there" : $"the stream {Side(places)} each layer points at there")
            + ". Choose a position by a click or with the arrow keys; rest on a cell for its tokens.");
        report.Widget(Style, Markup, Script, Data(found));
        report.Paragraph("A cell shows the token with the largest lens logit, and the favour: the lens logit "
            + "of the model's own next token less the mean over the vocabulary. Orange cells favour that "
            + "token, blue ones are against it, stronger the larger at this position."
            + (!heads ? "" : places.Source.ReadsStream
                ? " \"stream\" is the residual stream after the layer's attention."
                : " \"all\" is what the lens makes of all heads of the layer together."));
        report.Heading($"Position {found.Position}, after \"{found.Text.Of(found.Tokens[found.Position])}\"");
        report.Table(["the model's next token", "probability#", "logit#"], found.Own.Select(t =>
            (IReadOnlyList<string>)[found.Text.Visible(t.Id), $"{t.Probability:P2}", $"{t.Logit:0.00}"]));
        report.Table(["place", "favour#", .. both ? (string[])["the lens"] : [], "logit lens"],
            found.Layers.SelectMany(l => Rows(l.Learned, l.Baseline, found, both)));
        report.Heading("How it was made");
        report.Table(["", ""],
        [
            ["lens", places.Text],
            ["model", $"hash {places.ModelHash}"],
            ["device", $"{device.Name}: {device.Entry.Description}"],
            ["precision", device.Precision.ManifestName()],
            ["version", new Manifest { Command = "" }.CodeVersion],
        ]);
        return report;
    }

    static string Side(LensPlaces places)
        => places.Source.Options.Kind == LensKind.Tuned ? "before" : "after";

    static IEnumerable<IReadOnlyList<string>> Rows(
        LayerReading learned, LayerReading baseline, LensReadFindings found, bool both)
    {
        foreach ((HeadReading head, HeadReading plain) in learned.Heads.Zip(baseline.Heads))
            yield return Row($"{learned.Layer}.{head.Head}", head.Words, plain.Words);
        yield return Row($"layer {learned.Layer}", learned.Whole, baseline.Whole);

        string[] Row(string place, IReadOnlyList<LensWords> words, IReadOnlyList<LensWords> plain) =>
            [place, $"{found.At(words).CenteredLogit:+0.00;-0.00;0.00}", found.Text.List(found.At(words).Top),
                .. both ? (string[])[found.Text.List(found.At(plain).Top)] : []];
    }

    // Tokens are named once. A cell is [favour, ids, logits], followed by [ids, logits] if there are two
    // lenses.
    static JsonObject Data(LensReadFindings found)
    {
        var names = new SortedDictionary<int, string>();
        bool both = !found.Places.Source.IsBaseline;
        JsonArray List<T>(IEnumerable<T> of, Func<T, JsonNode> node) => new([.. of.Select(node)]);
        JsonNode Id(int id)
        {
            names.TryAdd(id, found.Text.Visible(id));
            return id;
        }
        JsonNode Logit(LensToken t) => Math.Round(t.Logit, 2);
        JsonNode Cell((LensWords Own, LensWords Plain) words) => new JsonArray([
            Math.Round(words.Own.CenteredLogit, 2),
            List(words.Own.Top, t => Id(t.Id)), List(words.Own.Top, Logit),
            .. both ? (JsonNode[])[List(words.Plain.Top, t => Id(t.Id)), List(words.Plain.Top, Logit)] : []]);
        JsonNode Place(IReadOnlyList<LensWords> own, IReadOnlyList<LensWords> plain)
            => List(own.Zip(plain), Cell);
        var data = new JsonObject
        {
            ["tokens"] = List(found.Tokens, t => found.Text.Visible(t)),
            ["start"] = found.Position,
            ["layers"] = List(found.Places.Request.Layers, l => l),
            ["columns"] = List<string>(found.Places.Source.ReadsHeads
                ? [.. found.Places.Request.Heads.Select(h => $"head {h}"),
                    found.Places.Source.ReadsStream ? "stream" : "all"] : ["stream"],
                c => c),
            ["model"] = List(found.Readings.Model, words
                => List(words, t => new JsonArray(Id(t.Id), Math.Round(t.Probability, 4)))),
            ["cells"] = List(found.Layers, l => List(l.Learned.Heads.Zip(l.Baseline.Heads)
                .Select(h => (h.First.Words, h.Second.Words))
                .Append((l.Learned.Whole, l.Baseline.Whole)), h => Place(h.Item1, h.Item2))),
        };
        data["names"] = new JsonObject(names.Select(n =>
            KeyValuePair.Create($"{n.Key}", (JsonNode?)n.Value)));
        return data;
    }

    const string Markup = """
        <div class="prompt" role="listbox" aria-label="positions of the prompt"></div>
        <div class="own"></div>
        <div class="scroll"><table class="grid"></table></div>
        <p class="key"></p>
        <div class="tip" hidden></div>
        <noscript><p>The grid needs JavaScript; the tables below do not.</p></noscript>
        """;

    const string Style = """
        .widget{--up:217 115 13;--down:47 111 222}
        @media (prefers-color-scheme:dark){.widget{--up:242 153 74;--down:91 155 255}}
        .widget button{font:inherit;color:inherit;background:var(--soft);border:1px solid var(--line);
        border-radius:5px;padding:.15rem .4rem;margin:0 .25rem .35rem 0;cursor:pointer}
        .widget button[aria-selected=true]{background:var(--ink);color:var(--ground)}
        .own{margin:.4rem 0 .7rem;min-height:1.6rem}.own b{margin-right:.2rem}
        .own span{margin-right:1.1rem;white-space:nowrap}.own i{font-style:normal;opacity:.7}
        .scroll{overflow-x:auto}
        .grid{display:table;font-size:.8rem;border-collapse:separate;border-spacing:2px}
        .grid th{font-weight:400;opacity:.75;border:0;padding:.1rem .4rem;white-space:nowrap;
        text-align:center;vertical-align:middle}
        .grid td{border:0;border-radius:4px;padding:.2rem .35rem;min-width:4.6rem;max-width:7.5rem;
        text-align:center;cursor:default}.grid td:last-child{border-left:6px solid var(--ground)}
        .grid td:hover,.grid td:focus{outline:2px solid var(--ink)}
        .grid b{display:block;font-weight:500;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
        .grid i{font-style:normal;opacity:.75;font-variant-numeric:tabular-nums}
        .widget~table{margin:.8rem 0}
        .tip{position:fixed;z-index:2;background:var(--ground);border:1px solid var(--line);border-radius:6px;
        box-shadow:0 3px 14px rgb(0 0 0/.25);padding:.5rem .8rem;font-size:.85rem;pointer-events:none}
        .tip p{margin:0 0 .3rem}.tip table{display:table}.tip td,.tip th{padding:.1rem .9rem .1rem 0}
        .tip th{font-weight:600}
        """;

    const string Script = """
        const find = name => root.querySelector('.' + name);
        const make = (tag, text, parent) => {
          const e = document.createElement(tag);
          if (text !== undefined) e.textContent = text;
          if (parent) parent.append(e);
          return e;
        };
        const signed = x => Math.abs(x) < 0.005 ? '0.00' : (x > 0 ? '+' : '') + x.toFixed(2);
        const tip = find('tip');
        // One scale for all positions, so that they can be compared.
        const largest = data.cells.flat(2).reduce((most, c) => Math.max(most, Math.abs(c[0])), 1e-9);
        find('key').textContent = 'full colour: favour +' + largest.toFixed(2) + ' or -' + largest.toFixed(2);

        function show(cell, title, at) {
          tip.replaceChildren();
          make('p', title + ', favour ' + signed(cell[0]), tip);
          const table = make('table', undefined, tip), top = make('tr', undefined, table);
          const two = cell.length > 3;
          make('th', two ? 'the lens' : 'logit lens', top).colSpan = 2;
          if (two) make('th', 'logit lens', top).colSpan = 2;
          cell[1].forEach((id, k) => {
            const row = make('tr', undefined, table);
            make('td', data.names[id], row);
            make('td', signed(cell[2][k]), row).className = 'n';
            if (!two) return;
            make('td', data.names[cell[3][k]], row);
            make('td', signed(cell[4][k]), row).className = 'n';
          });
          tip.hidden = false;
          const box = at.getBoundingClientRect();
          tip.style.left = Math.max(4, Math.min(box.left, innerWidth - tip.offsetWidth - 8)) + 'px';
          const below = box.bottom + 6;
          tip.style.top = (below + tip.offsetHeight < innerHeight ? below
            : Math.max(4, box.top - tip.offsetHeight - 6)) + 'px';
        }

        function draw(p) {
          tip.hidden = true;
          chips.forEach((c, t) => { c.ariaSelected = t === p; c.tabIndex = t === p ? 0 : -1; });
          const own = find('own');
          own.replaceChildren(document.createTextNode('next token: '));
          data.model[p].forEach(([id, share]) => {
            const word = make('span', undefined, own);
            make('b', data.names[id], word);
            make('i', (100 * share).toFixed(1) + ' %', word);
          });
          const grid = find('grid');
          grid.replaceChildren();
          const head = make('tr', undefined, grid);
          ['', ...data.columns].forEach(text => make('th', text, head));
          data.layers.forEach((layer, l) => {
            const row = make('tr', undefined, grid);
            make('th', 'layer ' + layer, row);
            data.columns.forEach((column, h) => {
              const cell = data.cells[l][h][p], td = make('td', undefined, row);
              make('b', data.names[cell[1][0]], td);
              make('i', signed(cell[0]), td);
              td.tabIndex = 0;
              td.style.background = `rgb(var(--${cell[0] < 0 ? 'down' : 'up'}) / ${
                (0.05 + 0.75 * Math.abs(cell[0]) / largest).toFixed(3)})`;
              td.onmouseenter = td.onfocus = () => show(cell, `layer ${layer}, ${column}`, td);
              td.onmouseleave = td.onblur = () => { tip.hidden = true; };
            });
          });
        }

        const chips = data.tokens.map((text, t) => {
          const chip = make('button', text, find('prompt'));
          chip.title = 'position ' + t;
          chip.setAttribute('role', 'option');
          chip.onclick = () => draw(t);
          chip.onkeydown = e => {
            const to = t + (e.key === 'ArrowRight') - (e.key === 'ArrowLeft');
            if (to !== t && chips[to]) { draw(to); chips[to].focus(); }
          };
          return chip;
        });
        draw(data.start);
        """;
}
