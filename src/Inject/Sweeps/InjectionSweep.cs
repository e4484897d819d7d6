using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Results of all cells of a sweep for one pair.</summary>
/// <param name="Explicit">Probability and rank of the answer after the single-hop prompt.</param>
/// <param name="Obscure">Probability and rank of the answer after the multi-hop prompt, nothing
/// injected.</param>
/// <param name="Cells">Results per cell, in the order of <see cref="SweepGrid.Cells"/>; null if the cell's
/// positions do not exist in the prompt.</param>
public sealed record SweptPair(
    AnswerStanding Explicit, AnswerStanding Obscure, IReadOnlyList<AnswerStanding?> Cells);

/// <summary>
/// Injects a pair's memory at every cell of a grid. The layers below the edited layer are computed once, and
/// the cells of a layer are rows of one batch. On the host each row gives the same bits as
/// <see cref="Injection.Run"/>; on GPUs the order of sums depends on the number of rows.
/// </summary>
public sealed class InjectionSweep : IDisposable
{
    // More rows per pass are not faster on a host and need more memory on every device.
    const int TokensInPass = 2048;

    readonly LanguageModel _model;
    readonly SweepGrid _grid;
    readonly ModelSession _whole, _rest;
    (EncodedPair Pair, AnswerStanding Single, AnswerStanding Multi)? _begun;

    /// <summary>Allocates sessions for prompts up to a length.</summary>
    /// <param name="model">The model; no edits may be attached.</param>
    /// <param name="grid">Cells to run.</param>
    /// <param name="maxTokens">Number of tokens of the longest prompt.</param>
    /// <exception cref="UserException">The grid does not fit the model, or the prompts do not fit its
    /// context.</exception>
    public InjectionSweep(LanguageModel model, SweepGrid grid, int maxTokens)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(grid);
        grid.Validate(model.Config);
        (_model, _grid) = (model, grid);
        _whole = new ModelSession(model, new SessionOptions
        {
            MaxTokens = maxTokens, Logits = LogitsAt.Last,
            Record = [.. grid.Layers.SelectMany(l => (Site[])[Stream(l), Attention(l)])],
        });
        RowsInPass = Math.Clamp(TokensInPass / maxTokens, 1,
            grid.Encoders.Count * grid.Positions.Count * grid.Taus.Count);
        try
        {
            _rest = new ModelSession(model, new SessionOptions
            {
                MaxRows = RowsInPass, MaxTokens = maxTokens, Logits = LogitsAt.Last,
            });
        }
        catch (UserException) // does not fit the device
        {
            _whole.Dispose();
            throw;
        }
    }

    /// <summary>Number of cells per pass.</summary>
    public int RowsInPass { get; }

    /// <summary>Injects a pair's memory at every cell.</summary>
    /// <param name="pair">Prompts and memory.</param>
    /// <param name="lengthOf">Token ids of another memory; each vector is scaled to the length of that
    /// memory's vector. Null for no scaling.</param>
    /// <param name="cancel">Token that is looked at before each layer.</param>
    /// <exception cref="UserException">A memory overflows float32, or its vector is zero and cannot be
    /// scaled.</exception>
    /// <exception cref="OperationCanceledException">The sweep was cancelled.</exception>
    public SweptPair Run(
        EncodedPair pair, IReadOnlyList<int>? lengthOf = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(pair);
        if (_begun is not { } b || b.Pair.Explicit != pair.Explicit || b.Pair.Obscure != pair.Obscure
            || b.Pair.Answer != pair.Answer)
            _begun = Begin(pair);
        var found = new AnswerStanding?[_grid.Cells.Count];
        float[][][] vectors = [.. _grid.Encoders.Select(e => Vectors(e, pair.Memory, lengthOf))];
        for (int l = 0; l < _grid.Layers.Count; l++)
        {
            cancel.ThrowIfCancellationRequested();
            RunLayer(pair, l, vectors, found);
        }
        return new(_begun.Value.Single, _begun.Value.Multi, found);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _whole.Dispose();
        _rest.Dispose();
    }

    (EncodedPair, AnswerStanding, AnswerStanding) Begin(EncodedPair pair)
    {
        _begun = null;
        _whole.Forward(new SequenceBatch([pair.Explicit]));
        AnswerStanding single = Standing(_whole.Logits.ToArray(), pair);
        _whole.Forward(new SequenceBatch([pair.Obscure])); // cells resume from the recordings of this pass
        return (pair, single, Standing(_whole.Logits.ToArray(), pair));
    }

    void RunLayer(EncodedPair pair, int l, float[][][] vectors, AnswerStanding?[] found)
    {
        int layer = _grid.Layers[l];
        float[] stream = _whole.Recordings[Stream(layer)].ToArray();
        var from = new ResumePoint(layer, stream,
            _grid.BehindAttention ? _whole.Recordings[Attention(layer)].ToArray() : null);
        foreach ((int Cell, Edit Edit)[] pass in Edits(pair, l, stream, vectors).Chunk(RowsInPass))
        {
            var rows = new SequenceBatch([.. pass.Select(_ => pair.Obscure)]);
            using (_model.Attach(pass.Select((row, b) => row.Edit with { Rows = [b] })))
                _rest.ForwardFrom(rows, from);
            float[] logits = _rest.Logits.ToArray();
            int V = _model.Config.VocabSize;
            EachRow(pass.Length, b => found[pass[b].Cell] = Standing(logits.AsSpan(b * V, V), pair));
        }
    }

    // Rows are independent, so the results have the same bits as in a loop.
    static void EachRow(int rows, Action<int> read)
    {
        try
        {
            Parallel.For(0, rows, new ParallelOptions
            {
                MaxDegreeOfParallelism = ComputeDevice.HostThreadCount,
            }, read);
        }
        catch (AggregateException e) when (e.InnerException is UserException told)
        {
            throw new UserException(told.Message, e);
        }
    }

    List<(int Cell, Edit Edit)> Edits(EncodedPair pair, int l, float[] stream, float[][][] vectors)
    {
        int layer = _grid.Layers[l];
        var edits = new List<(int, Edit)>();
        for (int e = 0; e < _grid.Encoders.Count; e++)
        {
            float[] vector = vectors[e][l];
            float unit = _grid.RelativeToStream ? Memory.StreamUnit(stream, vector) : 1f;
            for (int p = 0; p < _grid.Positions.Count; p++)
                if (pair.PositionsOf(_grid.Positions[p]) is { } positions)
                    for (int t = 0; t < _grid.Taus.Count; t++)
                    {
                        Edit edit = new Memory(pair.Memory, layer, _grid.Taus[t] * unit)
                        {
                            Target = _grid.Target, Head = _grid.Head, Positions = positions,
                        }.Adding(vector);
                        Memory.RequireFinite(edit, _model);
                        edits.Add((_grid.IndexOf(e, p, l, t), edit));
                    }
        }
        return edits;
    }

    AnswerStanding Standing(ReadOnlySpan<float> logits, EncodedPair pair)
        => AnswerStanding.Of(logits, pair.Answer, _grid.Top);

    // [layers] of [C]; only the encoders layer and jacobian depend on the layer.
    float[][] Vectors(MemoryEncoder encoder, IReadOnlyList<int> memory, IReadOnlyList<int>? lengthOf)
    {
        if (lengthOf is not null)
            return [.. Vectors(encoder, memory, null).Zip(Vectors(encoder, lengthOf, null), Memory.AsLongAs)];
        if (encoder == MemoryEncoder.Layer)
            return LayerEncoding.Of(_model, memory, _grid.Layers);
        if (encoder == MemoryEncoder.Jacobian)
            return [.. _grid.Layers.Select(layer => new Memory(memory, layer, 1f)
            {
                Encoder = encoder, Lens = _grid.Lens, Target = _grid.Target,
            }.Vector(_model))];
        float[] vector = new Memory(memory, 0, 1f) { Encoder = encoder }.Vector(_model);
        return [.. _grid.Layers.Select(_ => vector)];
    }

    static Site Stream(int layer) => new(SiteKind.ResidPre, layer);

    static Site Attention(int layer) => new(SiteKind.AttnOut, layer);
}
