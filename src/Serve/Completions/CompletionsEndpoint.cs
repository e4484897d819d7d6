using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace HeadTap.Serve;

/// <summary><c>POST /v1/completions</c>: texts continued by a model.</summary>
/// <param name="workers">The models.</param>
/// <param name="locate">Says where a file of a caller is, by the caller and the file's id.</param>
public sealed class CompletionsEndpoint(ModelWorkers workers, Func<Caller, string, string> locate) : IEndpoint
{
    /// <inheritdoc/>
    public string Path => "/v1/completions";

    /// <inheritdoc/>
    public Right Right => Right.Query;

    /// <inheritdoc/>
    public Task<Reply> Answer(EndpointRequest request) => ModelWorkers.Guard(() => AnswerGuarded(request));

    async Task<Reply> AnswerGuarded(EndpointRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        CompletionRequest asked = CompletionRequest.Parse(
            request.Body, workers, file => locate(request.Caller, file));
        if (asked.Edits.Count > 0)
            request.Caller.Require(Right.Edits);
        var call = new Call(asked, workers.Of(asked.Model), request);
        if (asked.Stream)
            return new EventsReply(call.Events(workers, request)) { State = call.State };
        await call.Run(workers.Ticket(request, request.Aborted, asked.Priority), null).ConfigureAwait(false);
        return new JsonReply(200, call.Whole());
    }

    // One request: its choices, and what is told of them.
    sealed class Call
    {
        readonly CompletionRequest _request;
        readonly ModelWorker _worker;
        readonly EndpointRequest _from;
        readonly List<CompletionChoice[]> _choices = []; // by prompt, best_of each
        readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        int _cached;

        internal Call(CompletionRequest request, ModelWorker worker, EndpointRequest from)
        {
            (_request, _worker, _from) = (request, worker, from);
            for (int p = 0; p < request.Prompts.Count; p++)
                _choices.Add([.. Enumerable.Range(0, request.BestOf).Select(k =>
                    new CompletionChoice(request, worker.Model, request.Prompts[p], p * request.BestOf
                        + k))]);
        }

        // changed: told of each choice that has something new, on the model's thread.
        internal async Task Run(WorkTicket ticket, Action<CompletionChoice>? changed)
        {
            TextSequence[] texts = [.. _choices.SelectMany((choices, p) =>
                choices.Select((choice, k) => TextOf(choice, p * choices.Length + k, changed)))];
            SequenceResult[] results = await _worker.GenerateAll(texts, ticket with { Request = this })
                .ConfigureAwait(false);
            // Choices of one prompt share it.
            _cached = results.Where((_, i) => i % _request.BestOf == 0).Sum(r => r.CachedTokens);
            _from.Charge(PromptTokens + NewTokens);
        }

        // What a stream says while it has nothing to tell.
        internal string State() => _worker.Before(this) is { } before ? $"waiting, {before} before you"
            : "alive";

        TextSequence TextOf(CompletionChoice choice, int stream, Action<CompletionChoice>? changed)
        {
            bool scores = _request.LogProbabilities is not null;
            int prompt = stream / _request.BestOf; // a recording has a row for each prompt
            return new TextSequence
            {
                Prompt = choice.Prompt, MaxTokens = _request.MaxTokens, Sampling = _request.Sampling,
                Rules = _request.Rules, Seed = _request.Seed, Stream = (ulong)stream,
                StopTokens = _request.StopTokens, 
                Edits = [.. _request.Edits.Select(e => e.WithValuesOfRow(prompt))],
                Top = _request.LogProbabilities ?? (_request.BestOf > _request.Choices ? 0 : null),
                ScoresPrompt = _request.Echo && scores,
                Salt = $"{_from.Caller.Name}\n{_request.CacheSalt}" + (_request.Edits.Count == 0 ? ""
                    : $"\n{choice.Prompt.Length}\n{prompt}\n{_request.EditsText}"),
                OnPrompt = tokens =>
                {
                    choice.TakePrompt(tokens);
                    changed?.Invoke(choice);
                },
                OnToken = token =>
                {
                    bool stopped = choice.Take(token);
                    changed?.Invoke(choice);
                    return stopped;
                },
                OnEnd = reason =>
                {
                    choice.End(reason);
                    changed?.Invoke(choice);
                },
            };
        }

        internal async IAsyncEnumerable<string> Events(ModelWorkers workers, EndpointRequest request,
            [EnumeratorCancellation] CancellationToken cancel = default)
        {
            using var gone = CancellationTokenSource.CreateLinkedTokenSource(cancel, request.Aborted);
            var frames = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true });
            Task run = Task.Run(async () =>
            {
                try
                {
                    await Run(workers.Ticket(request, gone.Token, _request.Priority), choice =>
                    {
                        if (choice.Delta() is { } delta)
                            frames.Writer.TryWrite(Frame([delta]).ToJsonString());
                    }).ConfigureAwait(false);
                    if (_request.IncludesUsage)
                    {
                        JsonObject last = Frame([]);
                        last["usage"] = Usage();
                        frames.Writer.TryWrite(last.ToJsonString());
                    }
                    frames.Writer.Complete();
                }
                catch (Exception e)
                {
                    frames.Writer.Complete(ModelWorkers.Refusal(e) ?? e);
                }
            }, CancellationToken.None);
            try
            {
                await foreach (string frame in frames.Reader.ReadAllAsync(gone.Token).ConfigureAwait(false))
                    yield return frame;
            }
            finally // also when the reader goes away in the middle
            {
                await gone.CancelAsync().ConfigureAwait(false);
                await run.ConfigureAwait(false);
            }
        }

        internal JsonObject Whole()
        {
            List<CompletionChoice> chosen = [];
            foreach (CompletionChoice[] choices in _choices)
                chosen.AddRange(_request.BestOf == _request.Choices ? choices
                    : choices.OrderByDescending(c => c.MeanScore).ThenBy(c =>
                        c.Index).Take(_request.Choices));
            JsonObject json = Frame([.. chosen.Select((c, i) =>
            {
                JsonObject choice = c.ToJson();
                choice["index"] = i;
                return choice;
            })]);
            json["usage"] = Usage();
            return json;
        }

        int PromptTokens => _request.Prompts.Sum(p => p.Length);

        int NewTokens => _choices.Sum(c => c.Sum(choice => choice.Ids.Count));

        JsonObject Usage() => new()
        {
            ["prompt_tokens"] = PromptTokens, ["completion_tokens"] = NewTokens,
            ["total_tokens"] = PromptTokens + NewTokens,
            ["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = _cached },
        };

        JsonObject Frame(JsonNode[] choices)
        {
            var json = new JsonObject
            {
                ["id"] = $"cmpl-{_from.RequestId}", ["object"] = "text_completion", ["created"] = _created,
                ["model"] = _request.Model, ["system_fingerprint"] = Fingerprint.Of(_worker.Model),
                ["choices"] = new JsonArray(choices),
            };
            if (_request is { Stream: true, IncludesUsage: true })
                json["usage"] = null;
            json["headtap"] = new JsonObject { ["seed"] = _request.Seed };
            return json;
        }
    }
}
