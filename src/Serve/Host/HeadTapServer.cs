namespace HeadTap.Serve;

/// <summary>A running server. It listens once <see cref="Start"/> returns.</summary>
public sealed class HeadTapServer : IAsyncDisposable
{
    HeadTapServer(Uri address) => Address = address;

    /// <summary>The address it listens on, such as <c>http://127.0.0.1:8080</c>.</summary>
    public Uri Address { get; }

    /// <summary>Starts a server.</summary>
    /// <param name="options">Address, limits, files.</param>
    /// <param name="endpoints">Addresses beside the host's own.</param>
    /// <param name="models">The models; may be empty of loaded ones yet.</param>
    /// <param name="meters">The counters; null for new ones.</param>
    /// <param name="files">The store of files; null for one in the options' folder, if they name
    /// one.</param>
    /// <exception cref="Runtime.UserException">The address cannot be had, or an option is wrong.</exception>
    public static Task<HeadTapServer> Start(ServerOptions options, IReadOnlyList<IEndpoint> endpoints,
        ServedModels models, ServerMeters? meters = null, FileStore? files = null)
        => throw new NotImplementedException();

    /// <summary>Takes no more connections, lets running requests end and then stops.</summary>
    /// <param name="grace">How long requests may take; those that take longer are cancelled.</param>
    public Task Stop(TimeSpan grace) => throw new NotImplementedException();

    /// <summary>Stops at once.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
