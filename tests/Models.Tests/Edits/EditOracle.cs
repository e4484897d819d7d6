using System.Numerics;
using HeadTap.Reference;

namespace HeadTap.Models.Tests;

/// <summary>
/// What the textbook model gives under edits, each row of a batch by itself. A Mean looks at all rows, so it
/// must be the only edit: a first run without it says what it averages.
/// </summary>
sealed class EditOracle<TReal>(
    TestModel test, IReadOnlyDictionary<string, TReal[]> parameters, int[][] rows, params Edit[] edits)
    where TReal : IFloatingPointIeee754<TReal>
{
    readonly ModelConfig _config = test.Model.Config;
    readonly Dictionary<(int Row, string Site), TReal[]> _squared = [];
    Dictionary<string, TReal[]>? _means, _backwardMeans;

    /// <summary>
    /// Lengths of the prompts, where the rows are texts that a generation has made: each token is edited as
    /// the pass that ran it was, and sees the keys of that pass.
    /// </summary>
    public int[]? Prompts { get; init; }

    /// <summary>Every site of a row.</summary>
    public Dictionary<string, TReal[]> Forward(int b)
    {
        FindMeans();
        return Gpt2Reference.Forward(test.Sizes, parameters, rows[b], (name, x) => Apply(b, name, x));
    }

    /// <summary>
    /// Mean loss of the batch, its gradients by parameters (summed) and by the sites of each row.
    /// </summary>
    public (TReal Loss, Dictionary<string, TReal[]> Parameters,
        Dictionary<string, TReal[]>[] Sites) Backward()
    {
        FindMeans();
        if (edits is [{ Operation: EditOperation.Mean }])
            _backwardMeans = Means([.. rows.Select((_, b) => Backward(b, (_, dY) => dY).Sites)]);
        ParameterGradients<TReal>[] all =
            [.. rows.Select((_, b) => Backward(b, (name, dY) => ApplyBackward(b, name, dY)))];
        var sum = all[0].Parameters.ToDictionary(p => p.Key, p => (TReal[])p.Value.Clone());
        foreach (ParameterGradients<TReal> one in all.Skip(1))
            foreach ((string name, TReal[] values) in one.Parameters)
                for (int i = 0; i < values.Length; i++)
                    sum[name][i] += values[i];
        return (all.Aggregate(TReal.Zero, (loss, a) => loss + a.Loss), sum, [.. all.Select(a => a.Sites)]);
    }

    ParameterGradients<TReal> Backward(int b, Func<string, TReal[], TReal[]> hookBackward)
        => Gpt2Reference.Backward(
        test.Sizes, parameters, rows[b], Gpt2Reference.NextTokens(rows[b]),
        (name, x) => Apply(b, name, x), hookBackward, counted: rows.Sum(r => r.Length - 1));

    void FindMeans()
    {
        if (_means is null && edits is [{ Operation: EditOperation.Mean }])
            _means = Means([.. rows.Select(r => Gpt2Reference.Forward(test.Sizes, parameters, r))]);
    }

    // Over the edited rows of the whole batch, or, of scores and patterns, of one batch row.
    Dictionary<string, TReal[]> Means(Dictionary<string, TReal[]>[] sites)
    {
        var means = new Dictionary<string, TReal[]>();
        foreach (Site site in edits[0].Site.In(_config))
        {
            (string name, bool apart) = (site.Name, InRows(site.Name));
            for (int first = 0; first < (apart ? rows.Length : 1); first++)
            {
                TReal[][] taken = [.. Enumerable.Range(0, rows.Length).Where(b => !apart || b == first)
                    .SelectMany(b => Spans(edits[0], b, name, sites[b][name])
                        .Select(s => sites[b][name][s.At..(s.At + s.Length)]))];
                if (taken.Length > 0)
                    means[Key(name, first)] = [.. Enumerable.Range(0, taken[0].Length).Select(i =>
                        taken.Aggregate(TReal.Zero, (sum, t) => sum + t[i])
                        / TReal.CreateChecked(taken.Length))];
            }
        }
        return means;
    }

    TReal[] Apply(int b, string name, TReal[] x)
    {
        foreach (Edit edit in edits.Where(e => Names(e).Contains(name)))
        {
            if (edit.Operation == EditOperation.Call)
                _squared[(b, name)] = (TReal[])x.Clone();
            foreach (Span s in Spans(edit, b, name, x))
                Apply(edit, b, name, x, s);
        }
        return x;
    }

    void Apply(Edit edit, int b, string name, TReal[] x, Span s)
    {
        TReal alpha = TReal.CreateChecked(edit.Alpha);
        TReal[] value = edit.Value is null ? [] : Value(edit, name, b, s);
        TReal[] before = x[s.At..(s.At + s.Length)];
        for (int i = 0; i < s.Length; i++)
            x[s.At + i] = edit.Operation switch
            {
                EditOperation.Add => before[i] + alpha * value[i],
                EditOperation.Replace or EditOperation.Patch => value[i],
                EditOperation.Scale => alpha == TReal.Zero ? TReal.Zero : alpha * before[i],
                EditOperation.Zero => TReal.Zero,
                EditOperation.Mean => _means![Key(name, b)][i],
                EditOperation.ProjectOut => before[i] - alpha * Along(before, value) * value[i],
                EditOperation.Swap => before[i] + alpha * Along(before, value) * (To(edit)[i] - value[i]),
                _ => TReal.IsInfinity(before[i]) ? before[i] : before[i] * before[i] / TReal.CreateChecked(2),
            };
    }

    TReal[] ApplyBackward(int b, string name, TReal[] d)
    {
        foreach (Edit edit in edits.Reverse().Where(e => Names(e).Contains(name)))
            foreach (Span s in Spans(edit, b, name, d))
            {
                TReal alpha = TReal.CreateChecked(edit.Alpha);
                TReal[] u = edit.Operation is EditOperation.ProjectOut or EditOperation.Swap
                    ? Value(edit, name, b, s) : [];
                TReal[] dY = d[s.At..(s.At + s.Length)];
                for (int i = 0; i < s.Length; i++)
                    d[s.At + i] = edit.Operation switch
                    {
                        EditOperation.Add => dY[i],
                        EditOperation.Scale => alpha * dY[i],
                        EditOperation.Mean => _backwardMeans![Key(name, b)][i],
                        EditOperation.ProjectOut => dY[i] - alpha * Along(dY, u) * u[i],
                        EditOperation.Swap => dY[i] + alpha * (Along(dY, To(edit)) - Along(dY, u)) * u[i],
                        EditOperation.Call when TReal.IsInfinity(_squared[(b, name)][s.At + i]) => dY[i],
                        EditOperation.Call => _squared[(b, name)][s.At + i] * dY[i],
                        _ => TReal.Zero,
                    };
            }
        return d;
    }

    /// <summary>x² / 2 of what is finite, and its derivative: what the oracle takes any Call for.</summary>
    public static Edit HalfSquare(string site)
    {
        var seen = new Dictionary<(Site, int), float[]>();
        return Edit.Call(site, c =>
        {
            seen[(c.Site, c.Rows[0].BatchRow)] = (float[])c.Values.Clone();
            for (int i = 0; i < c.Values.Length; i++)
                if (float.IsFinite(c.Values[i]))
                    c.Values[i] *= c.Values[i] / 2;
        }, c =>
        {
            float[] x = seen[(c.Site, c.Rows[0].BatchRow)];
            for (int i = 0; i < c.Values.Length; i++)
                if (float.IsFinite(x[i]))
                    c.Values[i] *= x[i];
        });
    }

    readonly record struct Span(int At, int Length, int Head, int Position);

    IEnumerable<Span> Spans(Edit edit, int b, string name, TReal[] x)
    {
        int T = rows[b].Length, H = _config.Heads, perToken = x.Length / T;
        if (edit.Rows is { } only && !only.Contains(b))
            yield break;
        for (int t = 0; t < T; t++)
        {
            EditPositions p = edit.Positions;
            int step = Prompts is null ? 0 : Math.Max(0, t + 1 - Prompts[b]);
            int length = Prompts is null ? T : Math.Max(Prompts[b], t + 1);
            if (edit.Steps is { } steps && !steps.Contains(step))
                continue;
            int from = p.FromPosition ?? 0;
            if (p.IsLast ? t != length - 1
                : p.Listed is { } list ? !list.Any(n => t == (n < 0 ? length + n : n))
                : t < (from < 0 ? length + from : from))
                continue;
            if (InRows(name))
                for (int h = 0; h < H; h++)
                {
                    if (edit.Head is null || edit.Head == h)
                        yield return new Span((h * T + t) * T, length, h, t);
                }
            else if (edit.Head is { } head)
                yield return new Span(t * perToken + head * (perToken / H), perToken / H, head, t);
            else
                yield return new Span(t * perToken, perToken, 0, t);
        }
    }

    TReal[] Value(Edit edit, string name, int b, Span s)
    {
        TReal[] value = edit.Value switch
        {
            InlineValue inline => Array.ConvertAll(inline.Values[..s.Length], TReal.CreateChecked),
            RecordedValue r
                => Array.ConvertAll(r.Values.AsSpan(Recorded(r.Shape, name, b, s), s.Length).ToArray(),
                TReal.CreateChecked),
            EmbeddingValue e => Sum(e),
            _ => throw new NotSupportedException(),
        };
        return edit.Operation is EditOperation.ProjectOut or EditOperation.Swap ? Unit(value) : value;
    }

    static TReal[] To(Edit edit)
        => Unit(Array.ConvertAll(((InlineValue)edit.To!).Values, TReal.CreateChecked));

    static TReal[] Unit(TReal[] value)
    {
        TReal norm = TReal.Sqrt(Along(value, value));
        return Array.ConvertAll(value, v => v / norm);
    }

    int Recorded(int[] shape, string name, int b, Span s)
    {
        int row = shape[0] == 1 ? 0 : b;
        if (InRows(name))
            return ((row * shape[1] + s.Head) * shape[2] + s.Position) * shape[3];
        int perToken = shape[2..].Aggregate(1, (a, n) => a * n);
        return (row * shape[1] + s.Position) * perToken + s.Head * (perToken / _config.Heads);
    }

    TReal[] Sum(EmbeddingValue e)
    {
        TReal[] table = parameters[e.Head && !_config.TiedHead ? "lm_head.weight" : "wte.weight"];
        int C = _config.Width;
        TReal[] sum = new TReal[C];
        foreach (int token in e.Tokens.Distinct())
            for (int c = 0; c < C; c++)
                sum[c] += table[token * C + c];
        return sum;
    }

    HashSet<string> Names(Edit edit) => [.. edit.Site.In(_config).Select(s => s.Name)];

    static TReal Along(TReal[] a, TReal[] b)
        => a.Zip(b).Aggregate(TReal.Zero, (sum, p) => sum + p.First * p.Second);

    static bool InRows(string name) => name.EndsWith("scores", StringComparison.Ordinal)
        || name.EndsWith("pattern", StringComparison.Ordinal);

    static string Key(string name, int b) => InRows(name) ? $"{name} {b}" : name;
}
