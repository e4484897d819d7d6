using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A model that a server holds ready.</summary>
public sealed class ResidentModel : IDisposable
{
    readonly ComputeDevice _device;
    readonly Lazy<int> _longestToken;
    readonly OrderedDictionary<string, LensSource> _lenses = new(StringComparer.Ordinal);

    ResidentModel(string name, string folder, ComputeDevice device, LanguageModel model)
    {
        (Name, Folder, _device, Model) = (name, folder, device, model);
        Hash = ModelFolder.Hash(folder);
        Tokenizer = ByteBpeTokenizer.ExistsIn(folder) ? ByteBpeTokenizer.Load(folder) : null;
        var begin = BeginOfText.Of(folder, model.Config, Tokenizer);
        _lenses[LensSource.Logit] = LensSource.Find(LensSource.Logit, model.Config, Hash);
        _longestToken = new Lazy<int>(() => ReplySize.LongestToken(Tokenizer));
        (Begin, ExpectsBegin) = (begin.Token, begin is { IsExpected: true, Token: not null });
    }

    /// <summary>What requests call it.</summary>
    public string Name { get; }

    /// <summary>Where it was read from.</summary>
    public string Folder { get; }

    /// <summary>The weights on the device; only the thread that owns the model may use them.</summary>
    public LanguageModel Model { get; }

    /// <summary>Sizes.</summary>
    public ModelConfig Config => Model.Config;

    /// <summary>Tokenizer; null if the folder has none.</summary>
    public ByteBpeTokenizer? Tokenizer { get; }

    /// <summary><see cref="ModelFolder.Hash"/> of the folder.</summary>
    public string Hash { get; }

    /// <summary>The token that begins a text; null for none.</summary>
    public int? Begin { get; }

    /// <summary>Whether the model was trained with <see cref="Begin"/> before every document.</summary>
    public bool ExpectsBegin { get; }

    /// <summary>The kind of the device: results have the same bits on the same kind.</summary>
    public string Device => _device.IsHost
        ? $"cpu, vectors of {ComputeDevice.HostVectorBits} bits" : _device.Entry.Description;

    /// <summary>Arithmetic of matrix products.</summary>
    public string Precision => _device.Precision.ManifestName();

    /// <summary>The lenses that requests may read through; the logit lens is always there, as the
    /// first.</summary>
    public IReadOnlyList<LensFact> LensFacts => [.. _lenses.Select(l => LensFact.Of(l.Key, l.Value))];

    /// <summary>The lenses by name.</summary>
    internal IReadOnlyDictionary<string, LensSource> Lenses => _lenses;

    /// <summary><see cref="ReplySize.LongestToken"/>.</summary>
    internal int LongestToken => _longestToken.Value;

    /// <summary>Adds a lens of this model.</summary>
    /// <param name="name">What requests call it.</param>
    /// <param name="folder">Its folder.</param>
    /// <exception cref="UserException">It is damaged, was made for another model, or the name is
    /// taken.</exception>
    public void AddLens(string name, string folder)
    {
        LensSource lens = LensSource.Find(folder, Config, Hash);
        if (!_lenses.TryAdd(name, lens))
            throw new UserException($"two lenses of {Quoted.Name(Name)} are named {Quoted.Name(name)}");
    }

    /// <summary>Reads a model.</summary>
    /// <param name="context">Device and precision.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="name">What requests call it; null for the folder's own name.</param>
    /// <exception cref="UserException">A file is missing or wrong, or the model does not fit.</exception>
    public static ResidentModel Open(JobContext context, string folder, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        ComputeDevice device = context.OpenDevice();
        try
        {
            LanguageModel model = LoadedModel.Load(context, device, folder);
            try
            {
                return new ResidentModel(name ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(
                    Path.GetFullPath(folder))), folder, device, model);
            }
            catch
            {
                model.Dispose();
                throw;
            }
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>Returns the tokens of a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="begin">Whether the begin-of-text token stands before it; null for what the model
    /// expects.</param>
    /// <exception cref="UserException">There is no tokenizer, or no such token.</exception>
    public int[] Encode(string text, bool? begin = null)
    {
        ByteBpeTokenizer tokenizer = Tokenizer
            ?? throw new UserException($"model {Quoted.Name(Name)} has no tokenizer; expected token ids");
        if (begin == true && Begin is null)
            throw new UserException($"model {Quoted.Name(Name)} has no begin-of-text token");
        return BeginOfText.Before(tokenizer.Encode(text), begin ?? ExpectsBegin ? Begin : null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Model.Dispose();
        _device.Dispose();
    }
}
