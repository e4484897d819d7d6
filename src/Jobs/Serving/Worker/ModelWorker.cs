using System.Diagnostics;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The one thread that owns a model. It runs texts together, a token each and a part of a prompt in a pass,
/// and between these passes the reads and gradients of others (Yu et al. 2022, Orca: iteration-level
/// scheduling). On the host a request's result has the same bits whatever else runs.
/// </summary>
public sealed class ModelWorker : IDisposable
{
    // Logits of this many prompt tokens are held at once: 50257 floats each.
    const int MostLogits = 64;

    readonly ResidentModel _model;
    readonly WorkerOptions _options;
    readonly IServingMeter _meter;
    readonly ContinuousBatch _batch;
    readonly PrefixCache _prefixes;
    readonly Thread _thread;
    readonly object _gate = new();
    readonly FairQueue<RunningText> _texts = new();
    readonly FairQueue<PassWork> _passes = new();
    readonly List<RunningText> _running = [];
    readonly Stack<int> _free;
    readonly CancellationTokenSource _stop = new();
    bool _closed;

    /// <summary>Takes a model's memory and starts its thread.</summary>
    /// <param name="model">The model, owned by the caller; nobody else may use it until this is
    /// disposed.</param>
    /// <param name="options">Sizes.</param>
    /// <param name="meter">Is told what happens.</param>
    /// <exception cref="UserException">It does not fit the device.</exception>
    public ModelWorker(ResidentModel model, WorkerOptions options, IServingMeter? meter = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        (_model, _options, _meter) = (model, options, meter ?? new NoMeter());
        Capacity = Math.Min(options.Capacity ?? model.Config.ContextLength, model.Config.ContextLength);
        // Every continuing text and at least one token of a prompt fit a pass.
        int tokens = Math.Max(options.PassTokens, options.Rows + 1);
        _batch = new ContinuousBatch(model.Model, options.Rows, Capacity, tokens, options.Rows + MostLogits);
        _prefixes = new PrefixCache(options.PrefixBytes);
        _free = new Stack<int>(Enumerable.Range(0, options.Rows).Reverse());
        _thread = new Thread(Loop) { IsBackground = true, Name = $"model {model.Name}" };
        _thread.Start();
    }

    /// <summary>The model.</summary>
    public ResidentModel Model => _model;

    /// <summary>Tokens of a text that there is room for.</summary>
    public int Capacity { get; }

    /// <summary>Texts that run at once.</summary>
    public int Rows => _options.Rows;

    /// <summary>Tokens of one pass.</summary>
    public int PassTokens => _batch.MaxTokens;

    /// <summary>Requests that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
                return _texts.Count + _passes.Count;
        }
    }

    /// <summary>How many other requests for texts come before one if nothing else arrives; null if no part of
    /// it waits, or a part of it runs.</summary>
    /// <param name="request">The <see cref="WorkTicket.Request"/> of its ticket.</param>
    public int? Before(object request)
    {
        lock (_gate)
            return _running.Exists(r => ReferenceEquals(r.Ticket.Request, request)) ? null
                : _texts.Before(request);
    }

    /// <summary>Decoding steps and parts of prompts run so far.</summary>
    public long Passes { get; private set; }

    /// <summary>Continues a prompt.</summary>
    /// <exception cref="UserException">The text does not fit the model.</exception>
    /// <exception cref="QueueFullException">Too many wait.</exception>
    public Task<SequenceResult> Generate(TextSequence sequence, WorkTicket ticket)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        ArgumentNullException.ThrowIfNull(ticket);
        sequence.Require(_model.Config, Capacity, _batch.MaxTokens - _options.Rows);
        var text = new RunningText(sequence, ticket);
        lock (_gate)
        {
            RequireRoom(ticket);
            _texts.Add(text, ticket, Active());
            Monitor.PulseAll(_gate);
        }
        return text.Done;
    }

    /// <summary>Continues the prompts of one request, some at a time; if one fails, the others end.</summary>
    /// <returns>In the order of the sequences.</returns>
    /// <exception cref="UserException">A text does not fit the model.</exception>
    /// <exception cref="QueueFullException">Too many requests wait.</exception>
    /// <exception cref="OperationCanceledException">The ticket was cancelled.</exception>
    public Task<SequenceResult[]> GenerateAll(IReadOnlyList<TextSequence> sequences, WorkTicket ticket)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        ArgumentNullException.ThrowIfNull(ticket);
        return TextGroup.Run(this, sequences, ticket);
    }

    /// <summary>Runs passes of its own for a request.</summary>
    /// <exception cref="QueueFullException">Too many wait.</exception>
    public void Run(PassWork work, WorkTicket ticket)
    {
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(ticket);
        lock (_gate)
        {
            RequireRoom(ticket);
            work.Arrived = Stopwatch.GetTimestamp();
            _passes.Add(work, ticket, Active());
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Takes no more work and waits for what there is.</summary>
    /// <param name="grace">After this time what still runs is ended.</param>
    public void Stop(TimeSpan grace)
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
        }
        if (!_thread.Join(grace))
        {
            _stop.Cancel();
            lock (_gate)
                Monitor.PulseAll(_gate);
            _thread.Join();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stop(TimeSpan.Zero);
        _batch.Dispose();
        _stop.Dispose();
    }

    void RequireRoom(WorkTicket ticket)
    {
        if (_closed)
            throw new ServerStopsException();
        WorkTicket[] all = [.. _texts.Waiting.Select(w => w.Ticket), .. _passes.Waiting.Select(w =>
            w.Ticket)];
        if (ticket.Request is { } request && (all.Any(t => ReferenceEquals(t.Request, request))
            || _running.Exists(r => ReferenceEquals(r.Ticket.Request, request))))
            return; // it was let in as a whole
        int waiting = all.Count(t => t.Request is null) + all.Select(t => t.Request).OfType<object>()
            .Distinct(ReferenceEqualityComparer.Instance).Count();
        if (waiting >= _options.MostWaiting)
            throw new QueueFullException(waiting);
    }

    IEnumerable<string> Active() => _running.Select(r => r.Ticket.Tenant);

    void Loop()
    {
        while (true)
        {
            List<(PassWork Work, WorkTicket Ticket)> passes;
            lock (_gate)
            {
                while (_running.Count == 0 && _texts.Count == 0 && _passes.Count == 0 && !_closed)
                {
                    _meter.State(0, 0, 0);
                    Monitor.Wait(_gate);
                }
                if (_running.Count == 0 && _texts.Count == 0 && _passes.Count == 0)
                    return;
                GiveUp();
                Admit();
                passes = TakePasses();
                _meter.State(_running.Count + passes.Count, _texts.Count + _passes.Count,
                    _running.Count / (double)_options.Rows);
            }
            if (passes.Count > 0)
                RunPasses(passes);
            if (_running.Count > 0)
                Step();
        }
    }

    // Under the lock: ends what was cancelled or waited too long.
    void GiveUp()
    {
        foreach ((RunningText text, WorkTicket ticket) in _texts.Remove((t, ticket) =>
            Gone(ticket) || t.Waited > ticket.QueueLimit?.TotalSeconds))
            text.Fail(Gone(ticket) ? new OperationCanceledException()
                : new QueueLimitException(ticket.QueueLimit!.Value), _meter);
        foreach ((PassWork work, WorkTicket ticket) in _passes.Remove((w, ticket) => Gone(ticket)
            || Stopwatch.GetElapsedTime(w.Arrived) > ticket.QueueLimit))
            work.Fail(Gone(ticket) ? new OperationCanceledException()
                : new QueueLimitException(ticket.QueueLimit!.Value));
        foreach (RunningText text in _running.ToArray())
            if (Gone(text.Ticket))
                Remove(text, new OperationCanceledException());
    }

    bool Gone(WorkTicket ticket) => ticket.Cancel.IsCancellationRequested || _stop.IsCancellationRequested;

    // Under the lock: waiting texts take free rows.
    void Admit()
    {
        while (_free.Count > 0 && _texts.TryTake(_ => true, out RunningText text, out WorkTicket ticket))
        {
            int row = _free.Pop();
            TextSequence s = text.Sequence;
            int cached = 0;
            if (!s.ScoresPrompt && !text.NeedsWholePrompt)
            {
                cached = _prefixes.Load(_batch, row, s.Salt, s.Prompt);
                _meter.Prefix(s.Prompt.Length, cached);
            }
            text.Begin(row, cached);
            _running.Add(text);
            _texts.Charge(ticket, (double)(s.Prompt.Length - cached) * _model.Config.Layers);
        }
    }

    // Under the lock: the next reads, with all that may share their pass.
    List<(PassWork Work, WorkTicket Ticket)> TakePasses()
    {
        var taken = new List<(PassWork Work, WorkTicket Ticket)>();
        while (_passes.TryTake(w => taken.Count == 0 || w.Joins([.. taken.Select(t => t.Work)]),
            out PassWork work, out WorkTicket ticket))
            taken.Add((work, ticket));
        foreach ((PassWork work, WorkTicket ticket) in taken)
        {
            _passes.Charge(ticket, work.TokenLayers);
            _texts.Charge(ticket, work.TokenLayers);
        }
        return taken;
    }

    void RunPasses(List<(PassWork Work, WorkTicket Ticket)> passes)
    {
        PassWork[] together = [.. passes.Select(p => p.Work)];
        Exception? reason = TryRun(together);
        if (reason is null)
            return;
        if (together.Length == 1)
        {
            together[0].Fail(reason);
            return;
        }
        foreach (PassWork work in together) // one of them must not spoil the others
            if (TryRun([work]) is { } own)
                work.Fail(own);
    }

    Exception? TryRun(PassWork[] together)
    {
        try
        {
            together[0].Run(_model, together);
            return null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return e;
        }
    }

    void Step()
    {
        var texts = new List<RunningText>();
        var pieces = new List<TextPiece>();
        int tokens = _batch.MaxTokens, logits = _batch.MaxLogits;
        foreach (RunningText text in _running.OrderBy(t => t.Continues ? 0 : 1).ToArray())
        {
            int room = text.Sequence.ScoresPrompt && !text.Continues ? Math.Min(tokens, logits) : tokens;
            if (room == 0 || logits == 0
                || (text.NeedsWholePrompt && !text.Continues && room < text.Sequence.Prompt.Length))
                continue;
            TextPiece piece = text.Next(room);
            texts.Add(text);
            pieces.Add(piece);
            (tokens, logits) = (tokens - piece.Tokens.Length, logits - piece.Logits);
        }
        RunTogether(texts, pieces);
    }

    void RunTogether(IReadOnlyList<RunningText> texts, IReadOnlyList<TextPiece> pieces)
    {
        float[] logits;
        try
        {
            using IDisposable edits = _model.Model.Attach(texts.SelectMany(t => t.Edits));
            logits = _batch.Run(pieces);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            if (texts.Count == 1)
                Remove(texts[0], e);
            else // one of them must not spoil the others
                for (int i = 0; i < texts.Count; i++)
                    RunTogether([texts[i]], [pieces[i]]);
            return;
        }
        Passes++;
        _meter.Pass(pieces.Where(p => p.Step == 0).Sum(p => p.Tokens.Length), pieces.Count(p => p.Step > 0));
        int V = _model.Config.VocabSize, at = 0;
        for (int i = 0; i < texts.Count; i++)
        {
            TextPiece piece = pieces[i];
            Take(texts[i], piece, logits.AsSpan(at * V, piece.Logits * V));
            at += piece.Logits;
        }
    }

    void Take(RunningText text, TextPiece piece, Span<float> logits)
    {
        bool read = !text.Continues;
        try
        {
            text.Take(piece, logits, _model.Config.VocabSize, _meter);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Remove(text, e);
            return;
        }
        if (read && text.Continues && !text.NeedsWholePrompt)
            _prefixes.Keep(_batch, text.Row, text.Sequence.Salt, text.Sequence.Prompt);
        lock (_gate)
            if (piece.Step > 0)
                _texts.Charge(text.Ticket, _model.Config.Layers);
        if (text.Ended)
            Free(text);
    }

    void Remove(RunningText text, Exception reason)
    {
        if (!text.Ended)
            text.Fail(reason, _meter);
        Free(text);
    }

    void Free(RunningText text)
    {
        lock (_gate)
            if (_running.Remove(text))
                _free.Push(text.Row);
    }
}
