using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.TwoHop;

/// <summary>What each measure says of a head.</summary>
sealed record BridgeHead(int Layer, int Head, IReadOnlyList<double> Scores);

/// <summary>How far two measures agree over all heads.</summary>
sealed record HeadAgreement(string One, string Other, double Spearman, int SharedOfFive);

/// <summary>Heads that carry the country between the hops, by several measures.</summary>
sealed record BridgeHeadsResult(int Pairs, IReadOnlyList<string> Measures, IReadOnlyList<BridgeHead> Heads,
    IReadOnlyList<HeadAgreement> Agreement);

/// <summary>
/// Pairs of two-hop prompts that differ in the description of the country alone, and what patching,
/// attribution and ablation say of the heads on them.
/// </summary>
static class BridgeHeads
{
    const int RowsInPass = 32, Top = 5;

    /// <summary>
    /// Writes pairs for <c>patch</c> and <c>attribute</c>: both prompts are answered right, are as long, and
    /// differ inside the description alone; one pair for a country and a question.
    /// </summary>
    internal static int Write(HopPairs pairs, string file)
    {
        EncodedPair[] right = [.. new[] { pairs.Validation, pairs.Test }.SelectMany(part =>
            part.Pairs.Where((_, i) => part.Before[i].Rank == 1))];
        var lines = new List<string>();
        var seen = new HashSet<string>();
        for (int i = 0; i < right.Length; i++)
        {
            EncodedPair clean = right[i];
            // The first one behind it in the list, so that every country is a corrupted one about as often.
            EncodedPair? corrupt = Enumerable.Range(1, right.Length - 1)
                .Select(step => right[(i + step) % right.Length])
                .FirstOrDefault(other => Match(clean, other));
            if (corrupt is null || Text(pairs, clean) is not { } answer
                || Text(pairs, corrupt) is not { } wrong || !seen.Add(clean.Pair.Explicit))
                continue;
            lines.Add(new JsonObject
            {
                ["clean"] = clean.Pair.Obscure, ["corrupt"] = corrupt.Pair.Obscure, ["answer"] = answer,
                ["wrong"] = wrong,
            }.ToJsonString());
        }
        AtomicFile.WriteText(file, string.Concat(lines.Select(l => l + "\n")));
        return lines.Count;
    }

    /// <summary>Ablates every head to its mean over the clean prompts, and compares the measures.</summary>
    /// <param name="pairs">The model and its pairs.</param>
    /// <param name="file">The pairs that <see cref="Write"/> wrote.</param>
    /// <param name="folder">Folder with denoise.json and noise.json of patch, attribute.json and
    /// ablation.json of the verbs.</param>
    internal static BridgeHeadsResult Run(HopPairs pairs, string file, string folder)
    {
        ModelConfig config = pairs.Model.Config;
        (int[] Prompt, int Answer, int Wrong)[] rows = [.. File.ReadLines(file).Select(line =>
        {
            JsonNode pair = JsonNode.Parse(line)!;
            int Token(string name) => pairs.Tokenizer.Encode(" " + (string)pair[name]!)[0];
            return ((int[])[pairs.Model.BeginOfText!.Value,
                .. pairs.Tokenizer.Encode((string)pair["clean"]!)],
                Token("answer"), Token("wrong"));
        })];
        double[] ablated = Ablated(pairs.Model, rows);
        double[] Of(string name, Func<JsonNode, IEnumerable<JsonNode?>> list, string value, double sign = 1)
        {
            JsonNode json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, name)))!;
            double[] scores = new double[config.Layers * config.Heads];
            foreach (JsonNode? cell in list(json).Where(c => c!["head"] is not null))
                scores[(int)cell!["layer"]! * config.Heads + (int)cell["head"]!]
                    = sign * (double)cell[value]!;
            return scores;
        }
        (string Name, double[] Scores)[] measures =
        [
            ("patching, clean into corrupted", Of("denoise.json", j => j["cells"]!.AsArray(), "share")),
            ("patching, corrupted into clean", Of("noise.json", j => j["cells"]!.AsArray(), "share")),
            ("EAP-IG", Of("attribute.json", j => j["nodes"]!.AsArray(), "effect")),
            ("mean ablation, answer", ablated),
            ("mean ablation, loss of the text", Of("ablation.json", j => j.AsArray(), "ablation_effect")),
        ];
        return new(rows.Length, [.. measures.Select(m => m.Name)],
            [.. Enumerable.Range(0, ablated.Length).Select(h => new BridgeHead(h / config.Heads,
                h % config.Heads, [.. measures.Select(m => m.Scores[h])]))],
            [.. from a in Enumerable.Range(0, measures.Length)
                from b in Enumerable.Range(a + 1, measures.Length - a - 1)
                select new HeadAgreement(measures[a].Name, measures[b].Name,
                    Spearman(measures[a].Scores, measures[b].Scores),
                    Largest(measures[a].Scores).Intersect(Largest(measures[b].Scores)).Count())]);
    }

    static bool Match(EncodedPair clean, EncodedPair other)
        => clean.Pair.Bridge != other.Pair.Bridge && clean.Answer != other.Answer
            && clean.Entity.Equals(other.Entity) && clean.Obscure.Length == other.Obscure.Length
            && clean.Obscure.Select((t, i) => t == other.Obscure[i]).Index().All(p => p.Item
                || (p.Index >= clean.Entity.Start.Value && p.Index < clean.Entity.End.Value));

    // The answer's first token as a word that stands for it alone.
    static string? Text(HopPairs pairs, EncodedPair pair)
    {
        string word = pairs.Tokenizer.Decode([pair.Answer]);
        return word.StartsWith(' ') && pairs.Tokenizer.Encode(word) is [var one] && one == pair.Answer
            ? word[1..] : null;
    }

    // [L H]: mean logit difference less that with the head's z at its mean.
    static double[] Ablated(LanguageModel model, (int[] Prompt, int Answer, int Wrong)[] rows)
    {
        ModelConfig config = model.Config;
        int L = config.Layers, H = config.Heads, C = config.Width, V = config.VocabSize;
        Site[] sites = [.. Enumerable.Range(0, L).Select(l => new Site(SiteKind.Z, l))];
        double[][] sums = [.. sites.Select(_ => new double[C])];
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = RowsInPass, MaxTokens = rows.Max(r => r.Prompt.Length), Logits = LogitsAt.Last,
            Record = sites,
        });
        int tokens = rows.Sum(r => r.Prompt.Length);
        double Pass(bool record)
        {
            double difference = 0;
            foreach ((int[] Prompt, int Answer, int Wrong)[] some in rows.Chunk(RowsInPass))
            {
                var batch = new SequenceBatch([.. some.Select(r => (IReadOnlyList<int>)r.Prompt)]);
                session.Forward(batch);
                float[] logits = session.Logits.ToArray();
                for (int b = 0; b < some.Length; b++)
                    difference += logits[b * V + some[b].Answer] - logits[b * V + some[b].Wrong];
                for (int l = 0; record && l < L; l++)
                {
                    float[] z = session.Recordings[sites[l]].ToArray();
                    for (int b = 0; b < some.Length; b++)
                        for (int t = 0; t < some[b].Prompt.Length; t++)
                            for (int c = 0; c < C; c++)
                                sums[l][c] += z[(b * batch.T + t) * C + c];
                }
            }
            return difference / rows.Length;
        }
        double whole = Pass(true);
        return [.. Enumerable.Range(0, L * H).Select(h =>
        {
            int layer = h / H, head = h % H, D = C / H;
            using (model.Attach(new Edit
            {
                Site = sites[layer], Operation = EditOperation.Replace, Head = head,
                Value = EditValue.Numbers(
                    [.. sums[layer].Skip(head * D).Take(D).Select(v => (float)(v / tokens))]),
            }))
                return whole - Pass(false);
        })];
    }

    static IEnumerable<int> Largest(double[] scores)
        => Enumerable.Range(0, scores.Length).OrderByDescending(h => scores[h]).Take(Top);

    static double Spearman(double[] a, double[] b)
    {
        double[] x = Ranks(a), y = Ranks(b);
        double mean = (a.Length - 1) / 2.0;
        double Product(double[] p, double[] q) => p.Zip(q, (u, v) => (u - mean) * (v - mean)).Sum();
        return Product(x, y) / Math.Sqrt(Product(x, x) * Product(y, y));
    }

    // Equal numbers share the mean of their places.
    static double[] Ranks(double[] values) => [.. values.Select(v =>
        values.Count(o => o < v) + (values.Count(o => o == v) - 1) / 2.0)];
}
