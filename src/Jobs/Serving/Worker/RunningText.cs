using System.Diagnostics;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>One text from its arrival to its end; only the model's thread changes it.</summary>
sealed class RunningText(TextSequence sequence, WorkTicket ticket)
{
    readonly TaskCompletionSource<SequenceResult> _done =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly List<int> _added = [];
    readonly List<ScoredToken> _prompt = [];
    readonly Sampler _sampler = new(sequence.Sampling);
    readonly SeededRandom _random = new(sequence.Seed, sequence.Stream);
    readonly long _arrived = Stopwatch.GetTimestamp();
    long _begun, _lastToken;
    double _prefill;

    internal TextSequence Sequence => sequence;

    internal WorkTicket Ticket => ticket;

    internal Task<SequenceResult> Done => _done.Task;

    /// <summary>Its row of the cache; -1 while it waits.</summary>
    internal int Row { get; private set; } = -1;

    /// <summary>Tokens of the prompt that are in the cache.</summary>
    internal int Filled { get; private set; }

    /// <summary>Tokens of the prompt that were found there.</summary>
    internal int Cached { get; private set; }

    /// <summary>Whether the whole prompt was run.</summary>
    internal bool Continues => Filled == sequence.Prompt.Length;

    internal bool Ended { get; private set; }

    internal double Waited => Stopwatch.GetElapsedTime(_arrived).TotalSeconds;

    /// <summary>Whether edits need the whole prompt in one pass: the mean of its tokens is of those of one
    /// pass.</summary>
    internal bool NeedsWholePrompt => sequence.Edits.Any(e => e.Operation is EditOperation.Mean);

    internal void Begin(int row, int cached)
    {
        (Row, Filled, Cached) = (row, cached, cached);
        _begun = Stopwatch.GetTimestamp();
    }

    /// <summary>Its edits, for its own row.</summary>
    internal IEnumerable<Edit> Edits => sequence.Edits.Select(e => e with { Rows = [Row] });

    /// <summary>What it runs next.</summary>
    /// <param name="tokens">Tokens of its prompt that there is room for.</param>
    internal TextPiece Next(int tokens)
    {
        int P = sequence.Prompt.Length;
        if (Continues)
            return new TextPiece(Row, P + _added.Count - 1, new[] { _added[^1] }, P + _added.Count,
                _added.Count, 1);
        int n = Math.Min(tokens, P - Filled);
        int logits = sequence.ScoresPrompt ? n : Filled + n == P && sequence.MaxTokens > 0 ? 1 : 0;
        return new TextPiece(Row, Filled, sequence.Prompt.AsMemory(Filled, n), P, 0, logits);
    }

    /// <summary>Takes the logits of a piece, [piece.Logits, V].</summary>
    /// <exception cref="UserException">They are not finite.</exception>
    internal void Take(TextPiece piece, Span<float> logits, int vocabulary, IServingMeter meter)
    {
        foreach (float logit in logits)
            if (float.IsNaN(logit) || float.IsPositiveInfinity(logit))
                throw new UserException("the logits are not finite"
                    + (sequence.Edits.Count > 0 ? ": the edited pass overflows float32" : ""));
        if (piece.Step == 0)
        {
            if (sequence.ScoresPrompt)
                ScorePrompt(piece, logits, vocabulary);
            Filled += piece.Tokens.Length;
            if (!Continues)
                return;
            _prefill = Stopwatch.GetElapsedTime(_begun).TotalSeconds;
            sequence.OnPrompt?.Invoke(_prompt);
            if (sequence.MaxTokens == 0)
            {
                End(FinishReason.Length, meter);
                return;
            }
        }
        Add(logits[^vocabulary..], meter);
    }

    internal void End(FinishReason reason, IServingMeter meter)
    {
        Ended = true;
        sequence.OnEnd?.Invoke(reason);
        Report(reason == FinishReason.Stop ? "stop" : "length", meter);
        _done.TrySetResult(new SequenceResult(reason, _added, Cached));
    }

    internal void Fail(Exception reason, IServingMeter meter)
    {
        Ended = true;
        Report(reason is OperationCanceledException ? "abort" : "error", meter);
        if (reason is OperationCanceledException)
            _done.TrySetCanceled();
        else
            _done.TrySetException(reason);
    }

    void Add(Span<float> logits, IServingMeter meter)
    {
        double total = sequence.Top is null ? 0 : LogSumExp.Of(logits);
        IReadOnlyList<(int, double)> top = Top(logits, total);
        float[]? scores = sequence.Top is null ? null : logits.ToArray();
        sequence.Rules.Apply(logits, sequence.Prompt, _added, sequence.Sampling.Temperature);
        int id = _sampler.Next(logits, _random);
        _added.Add(id);
        double seconds = Stopwatch.GetElapsedTime(_added.Count == 1 ? _arrived : _lastToken).TotalSeconds;
        if (_added.Count == 1)
            meter.FirstToken(seconds);
        else
            meter.NextToken(seconds);
        _lastToken = Stopwatch.GetTimestamp();
        bool ends = sequence.OnToken?.Invoke(
            new ScoredToken(id, scores is null ? double.NaN : scores[id] - total, top)) ?? false;
        if (ends || sequence.StopTokens.Contains(id))
            End(FinishReason.Stop, meter);
        else if (_added.Count == sequence.MaxTokens)
            End(FinishReason.Length, meter);
    }

    void ScorePrompt(TextPiece piece, ReadOnlySpan<float> logits, int vocabulary)
    {
        if (piece.Start == 0)
            _prompt.Add(new ScoredToken(sequence.Prompt[0], double.NaN, []));
        for (int i = 0; i < piece.Tokens.Length; i++)
        {
            int next = piece.Start + i + 1;
            if (next >= sequence.Prompt.Length)
                return;
            ReadOnlySpan<float> row = logits.Slice(i * vocabulary, vocabulary);
            double total = LogSumExp.Of(row);
            int id = sequence.Prompt[next];
            _prompt.Add(new ScoredToken(id, row[id] - total, Top(row, total)));
        }
    }

    IReadOnlyList<(int, double)> Top(ReadOnlySpan<float> logits, double total) => sequence.Top is not > 0 ? []
        : [.. LargestLogits.Of(logits, sequence.Top.Value).Select(t => (t.Token, t.Logit - total))];

    void Report(string reason, IServingMeter meter)
    {
        double queued = _begun == 0 ? Waited : Stopwatch.GetElapsedTime(_arrived, _begun).TotalSeconds;
        double run = _begun == 0 ? 0 : Stopwatch.GetElapsedTime(_begun).TotalSeconds;
        meter.Finished(reason, queued, Math.Min(_prefill, run), Math.Max(0, run - _prefill),
            sequence.Prompt.Length, _added.Count);
    }
}
