namespace HeadTap.Serve;

/// <summary>Answers a call; null if the answer was written already.</summary>
delegate Task<Reply?> RouteHandler(Call call);

/// <summary>What a call sends beside its address.</summary>
enum RouteBody
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A JSON object.</summary>
    Json,

    /// <summary>A form with a file, read by the route itself.</summary>
    Form,
}

/// <summary>One method of one address.</summary>
/// <param name="Method">GET, POST or DELETE.</param>
/// <param name="Pattern">Path; <c>{id}</c> stands for one part of it, <c>{path*}</c> for all that is
/// left.</param>
/// <param name="Right">The right that it needs; null for any key.</param>
/// <param name="Body">What it takes.</param>
/// <param name="Handle">Answers.</param>
sealed record Route(string Method, string Pattern, Right? Right, RouteBody Body, RouteHandler Handle)
{
    readonly string[] _parts = Pattern.Split('/');

    /// <summary>Whether it answers without a key.</summary>
    internal bool IsPublic { get; init; }

    /// <summary>Whether it counts against the key's limit of requests.</summary>
    internal bool IsCounted { get; init; } = true;

    /// <summary>The values of the pattern's names if a path fits; null if it does not.</summary>
    internal Dictionary<string, string>? Match(string path)
    {
        string[] parts = path.Split('/');
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < _parts.Length; i++)
        {
            string part = _parts[i];
            if (part.EndsWith("*}", StringComparison.Ordinal))
            {
                values[part[1..^2]] = string.Join('/', parts.Skip(i));
                return parts.Length > i ? values : null;
            }
            if (i >= parts.Length)
                return null;
            if (part.StartsWith('{') && parts[i].Length > 0)
                values[part[1..^1]] = parts[i];
            else if (part != parts[i])
                return null;
        }
        return parts.Length == _parts.Length ? values : null;
    }
}
