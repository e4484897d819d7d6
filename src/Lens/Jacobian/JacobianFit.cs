using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Callback and stop signal of a fit; they do not change its result.</summary>
public sealed record JacobianFitRun
{
    /// <summary>Callback that gets the progress after each prompt.</summary>
    public Action<JacobianFitProgress>? Progress { get; init; }

    /// <summary>Stops the fit after the current prompt and saves a checkpoint.</summary>
    public CancellationToken Stop { get; init; }
}

/// <summary>Progress of a fit after a prompt.</summary>
/// <param name="Prompts">n: prompts so far.</param>
/// <param name="Delta">delta_n, see <see cref="JacobianFit"/>; null for the first prompt.</param>
/// <param name="FromIdentity">|J - I|_F / sqrt(C) of the last fitted layer.</param>
/// <param name="Positions">|V| of the prompt.</param>
/// <param name="Elapsed">Time since this call began.</param>
public sealed record JacobianFitProgress(
    int Prompts, double? Delta, double FromIdentity, int Positions, TimeSpan Elapsed);

/// <summary>Result of a fit.</summary>
/// <param name="Complete">Whether the fit is complete; if not, the same call continues it.</param>
/// <param name="Facts">Metadata of the lens in the folder; null if no prompt was done.</param>
/// <param name="Short">Rows of the texts without a valid position, which were passed over.</param>
/// <param name="Delta">Mean of the last deltas; null for fewer than two prompts.</param>
/// <param name="Elapsed">Time of this call.</param>
public sealed record JacobianFitResult(
    bool Complete, LensMetadata? Facts, long Short, double? Delta, TimeSpan Elapsed);

/// <summary>
/// Fits Jacobian lenses (Gurnee et al. 2026, transformer-circuits.pub/2026/workspace):
/// <c>J_l = mean over prompts of (1 / |V|) sum over t in V of sum over t' in V, t' >= t, of
/// dh_L[t'] / dh_l[t]</c>, [C, C], applied as h J^T. It needs no training and no target.
/// </summary>
/// <remarks>
/// Works in a <see cref="RunFolder"/>: <c>metrics.jsonl</c> has a line per prompt with
/// <c>delta_n = mean_l |J_n - J_(n-1)|_F / |J_n|_F</c>, <c>checkpoint.safetensors</c> holds the running sums
/// until the fit is complete. A fit that was stopped and continued has the bits of one that was not.
/// </remarks>
public sealed class JacobianFit
{
    static readonly TimeSpan s_checkpointEvery = TimeSpan.FromSeconds(10);

    readonly LanguageModel _model;
    readonly string _modelHash;
    readonly IReadOnlyList<int> _layers;
    readonly JacobianFitOptions _options;
    readonly DocumentSource _texts;
    readonly JacobianFitRun _run;
    readonly Manifest _call;
    readonly string _config;
    readonly JacobianProgressState _state;
    readonly Stopwatch _watch = Stopwatch.StartNew();
    long _short;

    JacobianFit(LanguageModel model, string modelHash, IReadOnlyList<int> layers, JacobianFitOptions options,
        DocumentSource texts, JacobianFitRun run)
    {
        (_model, _modelHash, _layers, _texts, _run) = (model, modelHash, layers, texts, run);
        _options = options.Validated(model.Config);
        JsonObject json = _options.ToJson();
        json["kind"] = "jacobian";
        json["layers"] = new JsonArray([.. layers.Select(l => (JsonNode)l)]);
        _call = new Manifest
        {
            Command = "lens train", Options = json, ModelHash = modelHash, DataHash = texts.Hash,
        };
        _config = Convert.ToHexStringLower(SHA256.HashData(
            Encoding.UTF8.GetBytes($"{json.ToJsonString()} {modelHash} {texts.Hash}")));
        _state = new(new JacobianSums(layers.Count, model.Config.Width));
    }

    /// <summary>Fits until the texts end, the tolerance is met or the call is stopped.</summary>
    /// <param name="model">The model, with raw weights; they are not changed.</param>
    /// <param name="modelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
    /// <param name="layers">Layers to fit, ascending.</param>
    /// <param name="options">Options of the fit.</param>
    /// <param name="texts">A document is cut into prompts of <see cref="JacobianFitOptions.TokensPerRow"/>
    /// tokens; prompts without a valid position are passed over.</param>
    /// <param name="folder">Folder for the lens.</param>
    /// <param name="run">Callback and stop signal; null for none.</param>
    /// <exception cref="UserException">An option, the texts or the folder cannot be used, the weights are
    /// rewritten as TransformerLens does, no prompt is long enough, or a number is not finite.</exception>
    public static JacobianFitResult Run(LanguageModel model, string modelHash, IReadOnlyList<int> layers,
        JacobianFitOptions options, DocumentSource texts, string folder, JacobianFitRun? run = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(texts);
        RequireRaw(model);
        return new JacobianFit(model, modelHash, layers, options, texts, run ?? new()).Fit(folder);
    }

    /// <summary>Refuses weights that are rewritten as TransformerLens does: a folded gain changes the stream
    /// that a Jacobian is of.</summary>
    /// <exception cref="UserException">They are rewritten.</exception>
    public static void RequireRaw(LanguageModel model)
    {
        if (WeightProcessing.IsProcessed(model))
            throw new UserException("the weights have LayerNorms folded in and are centred, as "
                + "TransformerLens rewrites them; a Jacobian lens needs the raw weights");
    }

    JacobianFitResult Fit(string path)
    {
        using RunFolder folder = RunFolder.Open(path, _call, results: [LensFolder.WeightsFile],
            because: new Dictionary<string, string>
            {
                [RunFolder.DataHash] = $"the texts here are those of {_texts.Origin}",
            });
        if (folder.IsMarkedComplete)
        {
            folder.Require(_call);
            return Result(true, LensFolder.ReadFacts(path));
        }
        long? rows = folder.HasCheckpoint
            ? JacobianCheckpoint.Restore(folder.Checkpoint, _config, _model.Device, _state) : null;
        using var pass = new JacobianPass(_model, [.. _layers.Select(l => _options.Site.At(l))],
            _options.BatchRows, LongestRow());
        using IEnumerator<int[]> prompts = Prompts().GetEnumerator();
        bool more = Next(prompts);
        if (!more && _state.Sums.Prompts == 0 && !_run.Stop.IsCancellationRequested)
            throw new UserException($"no text has {_options.Positions.FewestTokens()} tokens, the fewest "
                + $"that positions {_options.Positions.Word()} need; expected longer texts");
        folder.Start(_call);
        using JsonlWriter metrics = folder.Rows(RunFolder.MetricsFile, rows ?? 0);
        TimeSpan saved = _watch.Elapsed;
        for (; more; more = Next(prompts))
        {
            Take(pass, prompts.Current, metrics);
            if (_watch.Elapsed - saved < s_checkpointEvery)
                continue;
            SaveCheckpoint(folder, metrics);
            saved = _watch.Elapsed;
        }
        bool complete = !_run.Stop.IsCancellationRequested || IsFull;
        LensMetadata? facts = _state.Sums.Prompts == 0 ? null : Save(path, complete);
        if (!complete)
            SaveCheckpoint(folder, metrics);
        else
        {
            folder.Finish();
            File.Delete(folder.Checkpoint);
        }
        return Result(complete, facts);
    }

    bool IsFull => _state.HasSettled(_options.Tolerance)
        || (_options.Prompts > 0 && _state.Sums.Prompts >= _options.Prompts);

    bool Next(IEnumerator<int[]> prompts)
        => !IsFull && !_run.Stop.IsCancellationRequested && prompts.MoveNext();

    void Take(JacobianPass pass, int[] prompt, JsonlWriter metrics)
    {
        int C = _model.Config.Width;
        float[][] sums = [.. _layers.Select(_ => new float[C * C])];
        Range valid = _options.Positions.Of(prompt.Length);
        int positions = valid.GetOffsetAndLength(prompt.Length).Length;
        pass.Run(prompt, valid, sums);
        double? delta = _state.Sums.Add(sums, positions);
        _state.Take(delta);
        double distance = _state.Sums.DistanceFromIdentity();
        metrics.Write(new
        {
            Prompt = _state.Sums.Prompts, Row = _state.NextRow - 1, Tokens = prompt.Length,
            Positions = positions, Delta = delta, FromIdentity = distance,
        });
        _run.Progress?.Invoke(new JacobianFitProgress(
            _state.Sums.Prompts, delta, distance, positions, _watch.Elapsed));
    }

    // Rows with a valid position, from the next row on.
    IEnumerable<int[]> Prompts()
    {
        var all = new DocumentRows(_texts, _model.Config,
            new RowOptions(_options.TokensAtOnce(_model.Config), _options.Bos), seed: 0);
        long row = 0;
        foreach (SequenceBatch one in all.InOrder(1))
        {
            bool known = row++ < _state.NextRow;
            if (one.T < _options.Positions.FewestTokens())
                _short++;
            else if (!known)
            {
                _state.NextRow = row;
                yield return one.Row(0).ToArray();
            }
        }
    }

    // Short texts need no room for a whole context.
    int LongestRow()
    {
        int longest = 1, most = _options.TokensAtOnce(_model.Config);
        for (int document = 0; document < _texts.Count && longest < most; document++)
            longest = Math.Max(longest, Math.Min(most, BeginOfText.Before(
                _texts.Read(document, _model.Config.VocabSize).Span, _options.Bos).Length));
        return longest;
    }

    void SaveCheckpoint(RunFolder folder, JsonlWriter metrics) => folder.Save(metrics, path =>
        JacobianCheckpoint.Save(path, _config, _model.Device, _state, metrics.Rows));

    LensMetadata Save(string path, bool complete)
    {
        using LensSet lens = LensSet.Empty(_model,
            new LensOptions { Kind = LensKind.Jacobian, Site = _options.Site }, _layers, positions: 1);
        foreach ((int s, int layer) in _layers.Index())
            lens[layer].Parameters[0].Value.Upload(_state.Sums.Mean(s));
        JsonObject fit = _options.ToJson();
        fit["prompts_done"] = _state.Sums.Prompts;
        fit["delta"] = _state.Deltas.Count > 0 ? _state.Deltas.Average() : null;
        fit["texts"] = _texts.Hash;
        fit["device"] = _model.Device.Name;
        fit["precision"] = _model.Device.Precision.ManifestName();
        LensMetadata facts = LensMetadata.Of(lens, _modelHash) with
        {
            Steps = [.. _layers.Select(_ => _state.Sums.Prompts)],
            Complete = [.. _layers.Select(_ => complete)], Training = fit,
        };
        LensFolder.Save(path, facts, lens, _layers.ToHashSet(),
            _texts.TokenCounts(_model.Config.VocabSize, LensRun.UnigramTokens));
        return facts;
    }

    JacobianFitResult Result(bool complete, LensMetadata? facts) => new(complete, facts, _short,
        _state.Deltas.Count > 0 ? _state.Deltas.Average() : null, _watch.Elapsed);
}
