using HeadTap.Models;

namespace HeadTap.Serve;

/// <summary>A model that can be asked.</summary>
/// <param name="Card">What the server tells of it.</param>
/// <param name="Tokenizer">Cuts texts; null if the model's folder has none.</param>
public sealed record ServedModel(ModelCard Card, ByteBpeTokenizer? Tokenizer)
{
    /// <summary>The model's folder, for jobs; null if jobs may not name it.</summary>
    public string? Folder { get; init; }
}

/// <summary>
/// The models of a server: those that are named when it starts, each there once it is loaded. The server is
/// ready when all are. Safe for any thread.
/// </summary>
public sealed class ServedModels
{
    readonly Lock _lock = new();
    readonly List<string> _names;
    readonly Dictionary<string, ServedModel> _loaded = new(StringComparer.Ordinal);

    /// <summary>Models that will be loaded.</summary>
    /// <param name="names">Their names, in the order of <c>/v1/models</c>.</param>
    public ServedModels(IEnumerable<string> names) => _names = [.. names];

    /// <summary>Whether all models are loaded.</summary>
    public bool Ready
    {
        get
        {
            lock (_lock)
                return _names.TrueForAll(_loaded.ContainsKey);
        }
    }

    /// <summary>The models that are loaded, in the order they were named.</summary>
    public IReadOnlyList<ServedModel> Loaded
    {
        get
        {
            lock (_lock)
                return [.. _names.Where(_loaded.ContainsKey).Select(n => _loaded[n])];
        }
    }

    /// <summary>Adds a model that is loaded; it takes the place of one of the same name.</summary>
    public void Add(ServedModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        lock (_lock)
        {
            if (!_names.Contains(model.Card.Name))
                _names.Add(model.Card.Name);
            _loaded[model.Card.Name] = model;
        }
    }

    /// <summary>The model of a name.</summary>
    /// <param name="name">The name in a request; null asks for the only model.</param>
    /// <exception cref="ApiError">404: there is none; 503: it is still loaded; 400: no name, and there are
    /// several.</exception>
    public ServedModel Find(string? name)
    {
        lock (_lock)
        {
            if (name is null && _names.Count == 1)
                name = _names[0];
            if (name is null)
                throw ApiError.BadRequest("\"model\" is missing; GET /v1/models lists the models", "model");
            if (_loaded.TryGetValue(name, out ServedModel? model))
                return model;
            if (_names.Contains(name))
                throw new ApiError(503, "Loading model", code: "model_loading",
                    retryAfter: TimeSpan.FromSeconds(1));
            throw ApiError.NoSuchModel(name);
        }
    }
}
