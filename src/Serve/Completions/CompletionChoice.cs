using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.Serve;

/// <summary>One text of a completion as it grows. Only one thread at a time may use it.</summary>
sealed class CompletionChoice
{
    readonly CompletionRequest _request;
    readonly TokenTexts _texts;
    readonly ChoiceText _text;
    readonly StringBuilder _whole = new();
    readonly List<ScoredToken> _scores = [];
    readonly List<int> _offsets = [];
    int _characters, _sent;

    /// <param name="request">The request.</param>
    /// <param name="model">Whose tokens.</param>
    /// <param name="prompt">Token ids of its prompt.</param>
    /// <param name="index">Its place among the choices.</param>
    internal CompletionChoice(CompletionRequest request, ResidentModel model, int[] prompt, int index)
    {
        (_request, Index, Prompt) = (request, index, prompt);
        _texts = new TokenTexts(model, request.TokensAsIds);
        _text = new ChoiceText(request.Stops, request.KeepsStop);
        if (request.Echo)
            _whole.Append(Encoding.UTF8.GetString(_texts.BytesOf(prompt)));
        else // offsets count from the beginning of the prompt
            _characters = TokenTexts.Characters(_texts.BytesOf(prompt));
    }

    internal int Index { get; }

    internal int[] Prompt { get; }

    internal List<int> Ids { get; } = [];

    internal string? FinishReason { get; private set; }

    /// <summary>Mean log-probability of the added tokens; the choices of best_of are ordered by it.</summary>
    internal double MeanScore => Ids.Count == 0 ? double.NegativeInfinity : Sum / Ids.Count;

    double Sum { get; set; }

    /// <summary>Takes the log-probabilities of the prompt, which are told with echo.</summary>
    internal void TakePrompt(IReadOnlyList<ScoredToken> prompt)
    {
        if (_request is { Echo: true, LogProbabilities: not null })
            foreach (ScoredToken token in prompt)
                Score(token);
    }

    /// <summary>Takes a new token.</summary>
    /// <returns>Whether a stop ends the text with it.</returns>
    internal bool Take(ScoredToken token)
    {
        Ids.Add(token.Id);
        Sum += token.LogProbability;
        bool ends = _request.StopTokens.Contains(token.Id);
        if (_request.LogProbabilities is not null)
            Score(token);
        if (!ends)
            _whole.Append(_text.Add(_texts.BytesOf(token.Id)));
        return _text.Stopped;
    }

    /// <summary>Ends the text.</summary>
    internal void End(FinishReason reason)
    {
        _whole.Append(_text.End());
        FinishReason = _text.Stopped || reason == Jobs.FinishReason.Stop ? "stop" : "length";
    }

    /// <summary>The whole choice.</summary>
    internal JsonObject ToJson() => Json(_whole.ToString(), 0, _scores.Count, Ids);

    /// <summary>What is new since the last call; null if nothing is.</summary>
    internal JsonObject? Delta()
    {
        string text = _whole.ToString(_sent, _whole.Length - _sent);
        int first = _sentScores, firstId = _sentIds;
        if (text.Length == 0 && first == _scores.Count && firstId == Ids.Count && FinishReason is null)
            return null;
        (_sent, _sentScores, _sentIds) = (_whole.Length, _scores.Count, Ids.Count);
        return Json(text, first, _scores.Count, Ids[firstId..]);
    }

    int _sentScores, _sentIds;

    JsonObject Json(string text, int firstScore, int endScore, IReadOnlyList<int> ids)
    {
        var json = new JsonObject
        {
            ["index"] = Index, ["text"] = text,
            ["logprobs"] = _request.LogProbabilities is null ? null : LogProbabilities(firstScore, endScore),
            ["finish_reason"] = FinishReason,
        };
        if (_request.ReturnsIds)
        {
            json["token_ids"] = new JsonArray([.. ids.Select(id => (JsonNode)id)]);
            json["prompt_token_ids"] = new JsonArray([.. Prompt.Select(id => (JsonNode)id)]);
        }
        return json;
    }

    void Score(ScoredToken token)
    {
        _scores.Add(token);
        _offsets.Add(_characters);
        _characters += TokenTexts.Characters(_texts.BytesOf(token.Id));
    }

    JsonObject LogProbabilities(int first, int end)
    {
        JsonArray tokens = [], scores = [], tops = [], offsets = [];
        for (int i = first; i < end; i++)
        {
            ScoredToken token = _scores[i];
            bool unscored = double.IsNaN(token.LogProbability);
            tokens.Add(_texts.Of(token.Id));
            scores.Add(unscored ? null : Number(token.LogProbability));
            tops.Add(unscored ? null : Top(token));
            offsets.Add(_offsets[i]);
        }
        return new JsonObject
        {
            ["tokens"] = tokens, ["token_logprobs"] = scores, ["top_logprobs"] = tops,
            ["text_offset"] = offsets,
        };
    }

    // The chosen token is always there. Two ids of one text share an entry; the likelier one comes first and
    // stays.
    JsonObject Top(ScoredToken token)
    {
        var top = new JsonObject();
        foreach ((int id, double logProbability) in token.Top)
            top.TryAdd(_texts.Of(id), Number(logProbability));
        top.TryAdd(_texts.Of(token.Id), Number(token.LogProbability));
        return top;
    }

    // A token that edits made impossible: JSON has no minus infinity.
    static JsonNode Number(double value) => double.IsFinite(value) ? value : -1e9;
}
