using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using HeadTap.Circuits;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The numbers of the page, so short that GPT-2 small and 64 tokens stay below 3 MB. A pattern p is the byte
/// 255 sqrt(p), so it is off by at most 0.004 sqrt(p); z is a signed byte with one scale a head;
/// contributions are 16 bits with one scale, off by at most 1 / 65534 of the largest; lens logits have two
/// decimals; lengths are float32. The JSON of the verb has its numbers unrounded.
/// </summary>
static class ViewData
{
    const long LargestPage = 24L << 20; // a browser opens it in about a second

    /// <summary>Refuses, before any work, prompts whose page would be too large.</summary>
    /// <exception cref="UserException">It would be.</exception>
    internal static void RequireSize(ModelConfig config, int[][] rows, int models, int lenses, int top)
    {
        long heads = (long)config.Layers * config.Heads;
        long bytes = models * rows.Sum(row =>
        {
            long T = row.Length;
            return heads * T * (T + 1) / 2 + T * config.Layers * config.Width + heads * T * 8
                + 4 * lenses * (heads + config.Layers) * T * top + 16 * heads * T
                + 36 * lenses * (config.Layers + 1) * T; // grids of the stream
        }) * 4 / 3;
        if (bytes > LargestPage)
            throw new UserException($"the page of {Counted.Of(rows.Max(r => r.Length), "token")} would have "
                + $"about {bytes >> 20} MiB, more than {LargestPage >> 20}; expected a shorter prompt");
    }

    internal static JsonObject Of(ShownPrompts shown)
    {
        ModelConfig config = shown.Prompt.Config;
        var text = new LensText(shown.Prompt.Tokenizer);
        var names = new SortedDictionary<int, string>();
        var words = new Dictionary<int, int>();
        int Id(int id)
        {
            names.TryAdd(id, text.Visible(id));
            return id;
        }
        int Word(int id)
        {
            if (!words.TryGetValue(id, out int at))
                words.Add(id, at = words.Count);
            return at;
        }
        var data = new JsonObject
        {
            ["L"] = config.Layers, ["H"] = config.Heads, ["D"] = config.Width / config.Heads,
            ["layer"] = shown.First.Layer, ["head"] = shown.First.Head,
            ["chosen"] = List(shown.Chosen, id => Id(id)),
            ["parts"] = List(shown.Runs[0].View.Contributions.Components, Part),
            ["runs"] = List(shown.Runs, run => Run(run, config, shown.Top, Id, Word)),
        };
        if (shown.Wrong)
            data["wrong"] = 1;
        data["names"] = new JsonObject(names.Select(n =>
            KeyValuePair.Create($"{n.Key}", (JsonNode?)n.Value)));
        data["words"] = List(words.OrderBy(w => w.Value), w => text.Visible(w.Key));
        return data;
    }

    static JsonArray List<T>(IEnumerable<T> of, Func<T, JsonNode> node) => new([.. of.Select(node)]);

    static JsonObject Part(Component part)
    {
        var node = new JsonObject { ["name"] = ShownPrompts.NameOf(part) };
        if (ShownPrompts.LayerOf(part) is { } layer)
            node["layer"] = layer;
        if (part.Head >= 0)
            node["head"] = part.Head;
        return node;
    }

    static JsonObject Run(ShownRun run, ModelConfig config, int top, Func<int, int> id, Func<int, int> word)
    {
        PromptView view = run.View;
        (byte[] z, double[] scales) = Z(view, config);
        (byte[] added, double scale) = Contributions(view.Contributions);
        return new JsonObject
        {
            ["title"] = run.Title,
            ["tokens"] = List(view.Tokens, t => id(t)),
            ["pattern"] = Convert.ToBase64String(Patterns(view, config.Heads)),
            ["z"] = Convert.ToBase64String(z),
            ["z_scale"] = List(scales, s => s),
            ["results"] = Floats(view.ResultNorms),
            ["values"] = Floats(view.ValueNorms),
            ["contributions"] = Convert.ToBase64String(added),
            ["contribution_scale"] = scale,
            ["next"] = List(view.Stream[^1], r => List(r.Top, t =>
                new JsonArray(id(t.Token), Math.Round(t.Probability, 4)))),
            ["grids"] = List(run.Grids, grid => grid.Data(id)),
            ["words"] = List(run.Words, w => Words(w, config.Heads, top, word)),
        };
    }

    // [L H] of the lower triangle, row by row.
    static byte[] Patterns(PromptView view, int H)
    {
        int T = view.Tokens.Count;
        var all = new List<byte>(view.Patterns.Count * H * T * (T + 1) / 2);
        foreach (float[] layer in view.Patterns)
            for (int h = 0; h < H; h++)
                for (int q = 0; q < T; q++)
                    for (int k = 0; k <= q; k++)
                        all.Add((byte)Math.Round(
                            255 * Math.Sqrt(Math.Clamp(layer[(h * T + q) * T + k], 0, 1))));
        return [.. all];
    }

    // [L, T, H, D], and the scale of each head.
    static (byte[], double[]) Z(PromptView view, ModelConfig config)
    {
        int T = view.Tokens.Count, H = config.Heads, D = config.Width / H;
        byte[] all = new byte[view.Z.Count * T * H * D];
        var scales = new double[view.Z.Count * H];
        for (int l = 0; l < view.Z.Count; l++)
            for (int h = 0; h < H; h++)
            {
                float most = 0;
                for (int t = 0; t < T; t++)
                    for (int d = 0; d < D; d++)
                        most = Math.Max(most, Math.Abs(view.Z[l][(t * H + h) * D + d]));
                double scale = scales[l * H + h] = most / 127.0;
                for (int t = 0; t < T; t++)
                    for (int d = 0; d < D; d++)
                        all[((l * T + t) * H + h) * D + d] = unchecked((byte)(sbyte)(scale == 0 ? 0
                            : Math.Round(view.Z[l][(t * H + h) * D + d] / scale)));
            }
        return (all, scales);
    }

    static (byte[], double) Contributions(ComponentContributions added)
    {
        double scale = added.Values.Max(Math.Abs) / short.MaxValue;
        short[] all = [.. added.Values.Select(v => (short)(scale == 0 ? 0 : Math.Round(v / scale)))];
        return (MemoryMarshal.AsBytes<short>(all).ToArray(), scale);
    }

    static string Floats(IReadOnlyList<float[]> layers)
        => Convert.ToBase64String(MemoryMarshal.AsBytes<float>([.. layers.SelectMany(l => l)]));

    // [layers, heads and the whole layer, T, top]: places in the list of words, and hundredths of logits.
    static JsonObject Words(ShownWords lens, int H, int top, Func<int, int> word)
    {
        int slots = lens.Layers[0].Heads.Count == 0 ? 1 : H + 1;
        var ids = new List<ushort>();
        var logits = new List<short>();
        foreach (LayerReading layer in lens.Layers)
            foreach (IReadOnlyList<LensWords> slot in layer.Heads.Select(h => h.Words).Append(layer.Whole))
                foreach (LensToken token in slot.SelectMany(words => words.Top))
                {
                    ids.Add(checked((ushort)word(token.Id)));
                    logits.Add((short)Math.Clamp(Math.Round(100.0 * token.Logit),
                        short.MinValue, short.MaxValue));
                }
        return new JsonObject
        {
            ["name"] = lens.Name, ["slots"] = slots, ["top"] = top,
            ["layers"] = List(lens.Layers, l => l.Layer),
            ["ids"] = Convert.ToBase64String(MemoryMarshal.AsBytes<ushort>([.. ids])),
            ["logits"] = Convert.ToBase64String(MemoryMarshal.AsBytes<short>([.. logits])),
        };
    }
}
