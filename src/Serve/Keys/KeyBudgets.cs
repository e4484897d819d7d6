using System.Collections.Concurrent;
using System.Globalization;

namespace HeadTap.Serve;

/// <summary>The limits of every key: requests and tokens a minute.</summary>
sealed class KeyBudgets(ServerOptions options, TimeProvider clock)
{
    readonly ConcurrentDictionary<string, (KeyBudget Requests, KeyBudget Tokens)> _keys =
        new(StringComparer.Ordinal);

    /// <summary>Counts a request.</summary>
    /// <exception cref="ApiError">429: a limit is reached.</exception>
    internal void Admit(Caller caller)
    {
        (KeyBudget requests, KeyBudget tokens) = Of(caller);
        if (!tokens.TryTake(0, out TimeSpan wait))
            throw ApiError.TooMany($"the limit of {tokens.Limit} tokens a minute is reached", wait);
        if (!requests.TryTake(1, out wait))
            throw ApiError.TooMany($"the limit of {requests.Limit} requests a minute is reached", wait);
    }

    /// <summary>Counts tokens.</summary>
    internal void Charge(Caller caller, int tokens) => Of(caller).Tokens.Charge(tokens);

    /// <summary>The headers <c>x-ratelimit-…</c>; none without limits.</summary>
    internal IEnumerable<(string Name, string Value)> Headers(Caller caller)
    {
        (KeyBudget requests, KeyBudget tokens) = Of(caller);
        return Headers("requests", requests).Concat(Headers("tokens", tokens));
    }

    /// <summary>A time as these headers have it: <c>12ms</c>, <c>1.5s</c>, <c>6m0s</c>.</summary>
    internal static string Span(TimeSpan time)
    {
        if (time < TimeSpan.FromSeconds(1))
            return string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(time.TotalMilliseconds)}ms");
        if (time < TimeSpan.FromMinutes(1))
            return string.Create(CultureInfo.InvariantCulture,
                $"{Math.Ceiling(time.TotalSeconds * 1000) / 1000:0.###}s");
        long seconds = (long)Math.Ceiling(time.TotalSeconds);
        return string.Create(CultureInfo.InvariantCulture, $"{seconds / 60}m{seconds % 60}s");
    }

    static IEnumerable<(string, string)> Headers(string what, KeyBudget budget)
    {
        if (budget.Limit == 0)
            yield break;
        (int remaining, TimeSpan reset) = budget.State();
        yield return ($"x-ratelimit-limit-{what}", budget.Limit.ToString(CultureInfo.InvariantCulture));
        yield return ($"x-ratelimit-remaining-{what}", remaining.ToString(CultureInfo.InvariantCulture));
        yield return ($"x-ratelimit-reset-{what}", Span(reset));
    }

    (KeyBudget Requests, KeyBudget Tokens) Of(Caller caller) => _keys.GetOrAdd(caller.Name,
        _ => (new(options.RequestsPerMinute, clock), new(options.TokensPerMinute, clock)));
}
