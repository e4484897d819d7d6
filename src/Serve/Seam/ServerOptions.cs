using System.Net;

namespace HeadTap.Serve;

/// <summary>How a server listens, whom it answers and what it refuses.</summary>
public sealed record ServerOptions
{
    /// <summary>Address and port; port 0 takes any free one.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 8080);

    /// <summary>File that gets the address once the server listens, one line; null for none.</summary>
    public string? ReadyFile { get; init; }

    /// <summary>File of keys; null for a server that asks for none.</summary>
    public string? KeysFile { get; init; }

    /// <summary>Folder of files, batches and jobs; null for a server that has none.</summary>
    public string? DataFolder { get; init; }

    /// <summary>Longest body of a JSON request, in bytes.</summary>
    public long MaxBodyBytes { get; init; } = 16 << 20;

    /// <summary>Longest file, in bytes.</summary>
    public long MaxFileBytes { get; init; } = 200 << 20;

    /// <summary>What all files of one key may take, in bytes.</summary>
    public long MaxKeyBytes { get; init; } = 10L << 30;

    /// <summary>Deepest nesting of a JSON request.</summary>
    public int MaxJsonDepth { get; init; } = 32;

    /// <summary>Most connections at once; more are told 503 and closed.</summary>
    public int MaxConnections { get; init; } = 1024;

    /// <summary>Most connections from one address at once; 0 for no limit of its own.</summary>
    public int MaxConnectionsPerAddress { get; init; }

    /// <summary>Requests a minute for each key; 0 for no limit.</summary>
    public int RequestsPerMinute { get; init; }

    /// <summary>Tokens a minute for each key; 0 for no limit.</summary>
    public int TokensPerMinute { get; init; }

    /// <summary>How long a client may take to send the headers of a request.</summary>
    public TimeSpan HeaderTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a connection may stay without a request.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Slowest body that is waited for, and slowest reader of a file that is kept, in bytes a
    /// second. Other replies have a limit of their own, <see cref="StallTimeout"/>.</summary>
    public double MinBytesPerSecond { get; init; } = 240;

    /// <summary>How long a body or a file may be slower than <see cref="MinBytesPerSecond"/>; more than a
    /// second.</summary>
    public TimeSpan SlowGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a client may take to read one block of a reply (64 KiB) or one event.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a stream may be silent: then it gets a comment line, so that no proxy takes it for
    /// dead.</summary>
    public TimeSpan CommentAfter { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The clock of <see cref="CommentAfter"/>.</summary>
    public TimeProvider StreamClock { get; init; } = TimeProvider.System;

    /// <summary>How long running requests may take to end when the server stops.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>File of the audit log, one JSON line a request; null for none.</summary>
    public string? AuditFile { get; init; }

    /// <summary>Whether the audit log has the bodies of requests too.</summary>
    public bool LogPrompts { get; init; }

    /// <summary>Lines of a batch that are asked at once.</summary>
    public int BatchWidth { get; init; } = 8;

    /// <summary>Program and first arguments that run a verb, for jobs: <c>dotnet headtap.dll</c>. Empty for
    /// a server without jobs.</summary>
    public IReadOnlyList<string> JobProgram { get; init; } = [];

    /// <summary>Most jobs that run at once.</summary>
    public int JobsAtOnce { get; init; } = 1;

    /// <summary>Most jobs of one key that are queued or running.</summary>
    public int JobsPerKey { get; init; } = 20;

    /// <summary>Called with each line of the server's log; null for nobody. From any thread.</summary>
    public Action<string>? Log { get; init; }
}
