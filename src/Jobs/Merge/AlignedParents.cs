using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The models of a merge in one order: that of the base, or else of the first model. Copies lie in a
/// folder beside the merge until this is disposed.
/// </summary>
sealed class AlignedParents : IDisposable
{
    readonly string _folder;

    // What a killed call left under this name is of no use.
    AlignedParents(string folder)
    {
        _folder = folder;
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        AtomicFolder.RequireNew(folder);
        Directory.CreateDirectory(folder);
    }

    /// <summary>The merge of the copies.</summary>
    internal MergeConfig Config { get; private set; } = null!;

    /// <summary>Aligns the models of a merge.</summary>
    /// <param name="config">The merge.</param>
    /// <param name="by">By what.</param>
    /// <param name="folder">For the copies.</param>
    /// <param name="context">Device, progress, cancellation.</param>
    /// <exception cref="UserException">The models do not fit together, or texts are missing.</exception>
    internal static AlignedParents Of(MergeConfig config, AlignmentBy by, string folder, JobContext context)
    {
        var aligned = new AlignedParents(folder);
        try
        {
            aligned.Write(config, by, config.AlignText, context);
            return aligned;
        }
        catch
        {
            aligned.Dispose();
            throw;
        }
    }

    void Write(MergeConfig config, AlignmentBy by, string? textFile, JobContext context)
    {
        string first = config.Method.Base != BaseUse.None && config.BaseModel is { } start ? start
            : config.Models[0].Folder;
        DecoderWeights a = DecoderWeights.Read(first);
        using ComputeDevice? device = by == AlignmentBy.Weights ? null : context.OpenDevice();
        using TextLoss? loss = device is null ? null : new TextLoss(device, a.Config, AlignmentTexts.Read(
            first, a.Config, null, textFile, new TextRules(), context),
            gradients: by == AlignmentBy.StraightThrough);
        var models = new List<MergeParent>();
        for (int m = 0; m < config.Models.Count; m++)
        {
            MergeParent parent = config.Models[m];
            if (RealPath.Comparer.Equals(RealPath.Of(parent.Folder), RealPath.Of(first)))
            {
                models.Add(parent);
                continue;
            }
            context.Report("aligning", (double)m / config.Models.Count);
            ModelAlignment alignment = ModelAlignment.Of(a, DecoderWeights.Read(parent.Folder), by,
                new AlignmentOptions(), loss, null, _ => context.Cancel.ThrowIfCancellationRequested());
            string copy = Path.Combine(_folder, $"{m}");
            ModelFolder.Write(copy, alignment.Aligned.Config, alignment.Aligned.ToFlat(),
                tokenizerFrom: parent.Folder);
            models.Add(parent with { Folder = copy });
        }
        Config = config with
        {
            Models = models,
            TokenizerSource = config.TokenizerSource ?? config.BaseModel ?? config.Models[0].Folder,
        };
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
